/* SPDX-License-Identifier: Apache-2.0
 *
 * list_follow.h
 *	  osprofiler trace list --follow: new traces as they arrive.
 */
#ifndef OSPROFILER_CLI_LIST_FOLLOW_H
#define OSPROFILER_CLI_LIST_FOLLOW_H

#include "list/list_options.h"

/*
 * Lists the newest traces of the open collector and then new ones as they
 * arrive, until the user ends it. CLI_FAILED after a message.
 */
int cli_list_follow(cli_list_options *options) OSP_MUST_CHECK;

#endif /* OSPROFILER_CLI_LIST_FOLLOW_H */
