/* SPDX-License-Identifier: Apache-2.0
 *
 * program_file.h
 *	  What a program's file says about how the program will be loaded.
 */
#ifndef OSPROFILER_CLI_PROGRAM_FILE_H
#define OSPROFILER_CLI_PROGRAM_FILE_H

#include <limits.h>

#include "osprofiler/base.h"

typedef struct program_file
{
	char called[PATH_MAX]; /* as it was found; may be a link of a venv */
	char path[PATH_MAX];   /* of the program, or of a script's interpreter */
	char loader[PATH_MAX]; /* dynamic loader; empty: statically linked */
	bool privileged;       /* set-uid, set-gid or with capabilities */
	bool foreign;          /* no ELF file of this machine's kind */
	bool has_libpq;        /* holds texts of libpq's code */
	bool has_sqlite;       /* holds texts of SQLite's code */
	bool traces_sqlite;    /* refers to osp_sqlite_enable */
} program_file;

/*
 * Finds a command as a shell does, follows the first line of scripts to their
 * interpreter, and examines that file. OSP_ENOENT or OSP_EIO, with the reason.
 */
osp_status program_file_read(const char *command, program_file *out,
							 osp_error *err) OSP_MUST_CHECK;

/* Is the program's C library musl, whose loader takes no preloaded library of ours? */
bool program_is_musl(const program_file *program);

/* Called for each library that the dynamic loader would load: its name, and its path. */
typedef void (*program_library_fn)(void *ctx, const char *name,
								   const char *path);

/*
 * Asks the dynamic loader of the program which libraries it would load for a
 * file under `osprofiler run`. The file is the program or one of its modules.
 * Nothing of the program is executed. False: the loader does not say.
 */
bool program_libraries(const program_file *program, const char *file,
					   program_library_fn fn, void *ctx);

#endif /* OSPROFILER_CLI_PROGRAM_FILE_H */
