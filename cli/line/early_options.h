/* SPDX-License-Identifier: Apache-2.0
 *
 * early_options.h
 *	  Options that stand before the command.
 */
#ifndef OSPROFILER_CLI_EARLY_OPTIONS_H
#define OSPROFILER_CLI_EARLY_OPTIONS_H

#include "osprofiler/base.h"

/*
 * Moves options that stand before the command behind its name, which is one
 * word, or two if the first one is a group. Only options that several commands
 * have may stand there. False after a usage message.
 */
bool cli_move_early_options(int argc, char **argv,
							bool (*is_group)(const char *word)) OSP_MUST_CHECK;

#endif /* OSPROFILER_CLI_EARLY_OPTIONS_H */
