/* SPDX-License-Identifier: Apache-2.0
 *
 * strip.h
 *	  Python's str.strip(). Private to common/.
 */
#ifndef OSPROFILER_STRIP_H
#define OSPROFILER_STRIP_H

#include "osprofiler/base.h"

/*
 * The text without the white space at its start, at its end. White space is
 * what Python's str.isspace() says, in ASCII and beyond (the no-break space
 * too). Borrowed from text.
 */
osp_str osp__strip_left(osp_str text);
osp_str osp__strip_right(osp_str text);

static inline osp_str
osp__strip(osp_str text)
{
	return osp__strip_left(osp__strip_right(text));
}

#endif /* OSPROFILER_STRIP_H */
