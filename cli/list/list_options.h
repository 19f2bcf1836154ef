/* SPDX-License-Identifier: Apache-2.0
 *
 * list_options.h
 *	  The options of `osprofiler trace list`.
 */
#ifndef OSPROFILER_CLI_LIST_OPTIONS_H
#define OSPROFILER_CLI_LIST_OPTIONS_H

#include "list/listing.h"
#include "view/view.h"

typedef struct cli_list_options
{
	cli_list_query query;
	bool json;
	bool follow;
	bool help;
	cli_view view;
	cli_collector collector;
	const char *server; /* list this server's traces; NULL: a collector's */
} cli_list_options;

/*
 * Reads the command line. CLI_OK, or CLI_USAGE after a message. Texts are
 * borrowed from argv.
 */
int cli_list_read_options(int argc, char **argv,
						  cli_list_options *options) OSP_MUST_CHECK;

/* Prints the help; returns the exit status. */
int cli_list_help(void);

#endif /* OSPROFILER_CLI_LIST_OPTIONS_H */
