/* SPDX-License-Identifier: Apache-2.0
 *
 * tap.h
 *	  What every unit test includes: cmocka, in the order it wants.
 */
#ifndef TEST_TAP_H
#define TEST_TAP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif /* TEST_TAP_H */
