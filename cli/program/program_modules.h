/* SPDX-License-Identifier: Apache-2.0
 *
 * program_modules.h
 *	  The modules by which an interpreter reaches databases.
 */
#ifndef OSPROFILER_CLI_PROGRAM_MODULES_H
#define OSPROFILER_CLI_PROGRAM_MODULES_H

#include "program/program_file.h"

/* Called for each module that is installed: its name, and its file (empty: it is
 * written in the interpreter's language). */
typedef void (*program_module_fn)(void *ctx, const char *name,
								  const char *file);

/*
 * Asks a Python or Node interpreter which database modules it finds. False: the
 * program is not such an interpreter.
 */
bool program_modules(const program_file *program, program_module_fn fn,
					 void *ctx);

#endif /* OSPROFILER_CLI_PROGRAM_MODULES_H */
