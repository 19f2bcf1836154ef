/* SPDX-License-Identifier: Apache-2.0
 *
 * shipper_advice.h
 *	  What to do where points wait in a run directory without a shipper.
 */
#ifndef OSPROFILER_CLI_SHIPPER_ADVICE_H
#define OSPROFILER_CLI_SHIPPER_ADVICE_H

#include "osprofiler/buf.h"

/* Is it the run directory of a PostgreSQL server? */
bool cli_is_server_directory(const char *path);

/*
 * Appends how the points get delivered: by a command, or, of a PostgreSQL server, by
 * the server's own shipper. A command that somebody else calls would deliver them to
 * the collector of its own settings.
 */
void cli_add_shipper_advice(osp_buf *out, const char *path);

#endif /* OSPROFILER_CLI_SHIPPER_ADVICE_H */
