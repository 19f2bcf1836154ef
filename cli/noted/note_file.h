/* SPDX-License-Identifier: Apache-2.0
 *
 * note_file.h
 *	  Small files in the run directory of this user's programs, which one
 *	  command leaves for a later one.
 */
#ifndef OSPROFILER_CLI_NOTE_FILE_H
#define OSPROFILER_CLI_NOTE_FILE_H

#include "osprofiler/buf.h"
#include "profiler/config.h"

/*
 * Opens the file of this name and locks it for reading or, if it is to be
 * changed, for writing; then the file and the directory are made if they are
 * missing. The caller closes the descriptor, which ends the lock. -1: there is
 * no file, or it cannot be made.
 */
int cli_note_open(const osp_config *config, const char *name, bool change);

/*
 * Appends the whole file to text. False: it cannot be read, or the buffer has
 * no room for it.
 */
bool cli_note_read(int fd, osp_buf *text) OSP_MUST_CHECK;

/*
 * Replaces the content of the file. If that fails the file is empty: a part of
 * a note would be misunderstood.
 */
void cli_note_replace(int fd, osp_str text);

#endif /* OSPROFILER_CLI_NOTE_FILE_H */
