/* SPDX-License-Identifier: Apache-2.0
 *
 * conninfo_text.h
 *	  Connection strings of libpq, as lists of key=value.
 */
#ifndef OSPROFILER_CLI_CONNINFO_TEXT_H
#define OSPROFILER_CLI_CONNINFO_TEXT_H

#include "osprofiler/buf.h"

/*
 * Appends key=value, with quotes where the value needs them. Appends nothing if
 * value is NULL or empty.
 */
void cli_conninfo_add(osp_buf *out, const char *key, const char *value);

#endif /* OSPROFILER_CLI_CONNINFO_TEXT_H */
