/* SPDX-License-Identifier: Apache-2.0
 *
 * help_topics.h
 *	  The topics of `osprofiler help` that are not commands.
 */
#ifndef OSPROFILER_CLI_HELP_TOPICS_H
#define OSPROFILER_CLI_HELP_TOPICS_H

#include "osprofiler/base.h"

/* Prints a topic, "settings" or "collectors"; the exit status is *result. False: there is
 * no such topic. */
bool cli_help_topic(const char *topic, int *result) OSP_MUST_CHECK;

#endif /* OSPROFILER_CLI_HELP_TOPICS_H */
