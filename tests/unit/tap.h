/* SPDX-License-Identifier: Apache-2.0
 *
 * tap.h
 *	  Included by every unit test: cmocka and the headers that it needs before it.
 */
#ifndef TEST_TAP_H
#define TEST_TAP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif /* TEST_TAP_H */
