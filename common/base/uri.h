/* SPDX-License-Identifier: Apache-2.0
 *
 * uri.h
 *	  The scheme of a connection string. Private to common/; the rest is in
 *	  osprofiler/driver.h.
 */
#ifndef OSPROFILER_URI_H
#define OSPROFILER_URI_H

#include "osprofiler/base.h"

/*
 * What stands before "://", borrowed from text; empty if nothing does, or if it
 * is not made of letters, digits, "+", "-" and ".", a letter first.
 */
osp_str osp__uri_scheme(osp_str text);

#endif /* OSPROFILER_URI_H */
