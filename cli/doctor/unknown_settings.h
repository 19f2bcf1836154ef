/* SPDX-License-Identifier: Apache-2.0
 *
 * unknown_settings.h
 *	  Unknown names in the configuration, which are most likely typing errors.
 */
#ifndef OSPROFILER_CLI_UNKNOWN_SETTINGS_H
#define OSPROFILER_CLI_UNKNOWN_SETTINGS_H

#include "osprofiler/buf.h"

/* An unknown name. Its texts are borrowed during the call. */
typedef struct cli_unknown
{
	const char *file; /* NULL: it is an environment variable */
	unsigned line;
	osp_str name;
	const char *similar; /* the most similar known name, or NULL */
} cli_unknown;

typedef void (*cli_unknown_fn)(void *ctx, const cli_unknown *unknown);

/*
 * Calls fn for each name of the section [profiler] of the file (NULL: that of
 * OSPROFILER_CONF, if it is set), and for each variable that begins with
 * OSPROFILER_, that neither this project nor OSProfiler knows. For a file that
 * cannot be read it calls fn for no name: osp_config_load() reports the error.
 */
void cli_unknown_settings(const char *file, cli_unknown_fn fn, void *ctx);

/* Prints a line on stderr for each unknown name. */
void cli_report_unknown_settings(const char *file);

#endif /* OSPROFILER_CLI_UNKNOWN_SETTINGS_H */
