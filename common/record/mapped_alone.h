/* SPDX-License-Identifier: Apache-2.0
 *
 * mapped_alone.h
 *	  Asks the kernel who else uses a file.
 */
#ifndef OSP_MAPPED_ALONE_H
#define OSP_MAPPED_ALONE_H

#include "osprofiler/base.h"

/*
 * Does nobody but this process have the file open or mapped, and this process only
 * through fd, which is open for writing? False also if the kernel cannot know. Keeps
 * errno.
 */
bool osp__is_mapped_alone(int fd);

#endif /* OSP_MAPPED_ALONE_H */
