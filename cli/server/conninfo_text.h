/* SPDX-License-Identifier: Apache-2.0
 *
 * conninfo_text.h
 *	  Connection strings of libpq, as lists of key=value.
 */
#ifndef OSPROFILER_CLI_CONNINFO_TEXT_H
#define OSPROFILER_CLI_CONNINFO_TEXT_H

#include "osprofiler/buf.h"

/* Appends key=value, the value in quotes where it needs them. Nothing if value is NULL
 * or empty. */
void cli_conninfo_add(osp_buf *out, const char *key, const char *value);

#endif /* OSPROFILER_CLI_CONNINFO_TEXT_H */
