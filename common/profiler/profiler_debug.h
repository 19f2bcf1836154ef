/* SPDX-License-Identifier: Apache-2.0
 *
 * profiler_debug.h
 *	  Says on stderr why a program is traced or not, if OSPROFILER_DEBUG asks for it.
 */
#ifndef OSP_PROFILER_DEBUG_H
#define OSP_PROFILER_DEBUG_H

#include "base/shared.h"
#include "osprofiler/base.h"

/* Reads OSPROFILER_DEBUG. In a set-uid program it is ignored. */
void osp__debug_init(void);

/* Writes one line with the process's number if OSPROFILER_DEBUG is set; keeps errno.
 * Not to be called for every statement. */
OSP_SHARED void osp__debug(const char *fmt, ...) OSP_PRINTF(1, 2);

#endif /* OSP_PROFILER_DEBUG_H */
