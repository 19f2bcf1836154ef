/* SPDX-License-Identifier: Apache-2.0
 *
 * directory.h
 *	  Reading a directory whose descriptor is known.
 */
#ifndef OSP_DIRECTORY_H
#define OSP_DIRECTORY_H

#include <dirent.h>

/*
 * The directory of a descriptor, which belongs to it from now on: closedir closes it.
 * NULL: the descriptor is negative or cannot be read, errno says why, and it is closed.
 */
DIR *osp__directory_of(int fd);

#endif /* OSP_DIRECTORY_H */
