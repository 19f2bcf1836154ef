/* SPDX-License-Identifier: Apache-2.0
 *
 * key_options.h
 *	  The HMAC keys of the context commands.
 */
#ifndef OSPROFILER_CLI_KEYS_H
#define OSPROFILER_CLI_KEYS_H

#include "osprofiler/context.h"

/*
 * Opens the keys of the list given. If that is NULL, opens those of
 * OSPROFILER_HMAC_KEYS, the configured list and the configured file: a key in the
 * command line would be visible to all users of the machine. Returned owned; NULL
 * after a message.
 */
osp_keyring *cli_keys_open(const char *given) OSP_MUST_CHECK;

#endif /* OSPROFILER_CLI_KEYS_H */
