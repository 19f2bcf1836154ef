/* SPDX-License-Identifier: Apache-2.0
 *
 * early_options.h
 *	  Options that stand before the command.
 */
#ifndef OSPROFILER_CLI_EARLY_OPTIONS_H
#define OSPROFILER_CLI_EARLY_OPTIONS_H

#include "osprofiler/base.h"

/*
 * Puts options that several commands have, and that stand before the command, behind its
 * words: one, or two if the first one is a group. False after a usage message.
 */
bool cli_move_early_options(int argc, char **argv,
							bool (*is_group)(const char *word)) OSP_MUST_CHECK;

#endif /* OSPROFILER_CLI_EARLY_OPTIONS_H */
