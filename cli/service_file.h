/* SPDX-License-Identifier: Apache-2.0
 *
 * service_file.h
 *	  What the section [profiler] of the file OSPROFILER_CONF says by itself, without
 *	  the environment and the defaults that stand in for it here.
 */
#ifndef OSPROFILER_CLI_SERVICE_FILE_H
#define OSPROFILER_CLI_SERVICE_FILE_H

#include <limits.h>

#include "osprofiler/base.h"

/* A service reads only this file: it knows neither the variables of this command nor
 * ~/.config. */
typedef struct cli_service_file
{
	char path[PATH_MAX]; /* absolute; empty: OSPROFILER_CONF names no file */
	bool is_enabled;     /* enabled = true stands there */
	bool has_keys;
	bool has_keys_file; /* a name that only this project's programs know */
	bool has_collector;
} cli_service_file;

/* A file that cannot be read says nothing: osp_config_load() reports it. */
void cli_service_file_read(cli_service_file *out);

#endif /* OSPROFILER_CLI_SERVICE_FILE_H */
