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
 * Finds the path of a file or directory of LIBDIR/osprofiler, such as "drivers". The
 * search starts from the library or program that this code is in, so an installation
 * may be moved. False: the file is not there, or size is too small.
 */
bool osp__install_path(const char *name, char *out, size_t size) OSP_MUST_CHECK;

#endif /* OSPROFILER_INSTALL_PATH_H */
