/* SPDX-License-Identifier: Apache-2.0
 *
 * service_file.h
 *	  What the section [profiler] of the file OSPROFILER_CONF sets by itself,
 *	  without the environment and the defaults that complete it for this
 *	  command.
 */
#ifndef OSPROFILER_CLI_SERVICE_FILE_H
#define OSPROFILER_CLI_SERVICE_FILE_H

#include <limits.h>

#include "osprofiler/base.h"

/*
 * The settings as a service sees them: it reads only this file, and neither the
 * variables of this command nor ~/.config.
 */
typedef struct cli_service_file
{
	char path[PATH_MAX]; /* absolute; empty: OSPROFILER_CONF names no file */
	bool is_enabled;     /* the section sets enabled = true */
	bool has_keys;
	bool has_keys_file; /* only this project's programs use it */
	bool has_collector;
} cli_service_file;

/*
 * Reads the file. One that cannot be read counts as empty: osp_config_load()
 * reports it.
 */
void cli_service_file_read(cli_service_file *out);

#endif /* OSPROFILER_CLI_SERVICE_FILE_H */
