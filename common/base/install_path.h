/* SPDX-License-Identifier: Apache-2.0
 *
 * install_path.h
 *	  Where the plug-ins and hooks of this installation are. Private to the
 *	  project.
 */
#ifndef OSPROFILER_INSTALL_PATH_H
#define OSPROFILER_INSTALL_PATH_H

#include "osprofiler/base.h"

/*
 * The path of a file or directory of LIBDIR/osprofiler, such as "drivers". It is
 * searched from the place of the library or program that this code is in, so an
 * installation may be moved. False: it is not there, or size is too small.
 */
bool osp__install_path(const char *name, char *out, size_t size) OSP_MUST_CHECK;

#endif /* OSPROFILER_INSTALL_PATH_H */
