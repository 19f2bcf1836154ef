/* SPDX-License-Identifier: Apache-2.0
 *
 * web_serve.h
 *	  The server of `osprofiler web`.
 */
#ifndef OSPROFILER_CLI_WEB_SERVE_H
#define OSPROFILER_CLI_WEB_SERVE_H

#include "trace/trace_argument.h"

/*
 * Serves requests until a signal ends the server, or stdout has no reader any
 * more. Returns the exit status, after a message if it is not CLI_OK. For
 * listen see web_address.h.
 */
int web_serve(const cli_source *source, const char *listen);

#endif /* OSPROFILER_CLI_WEB_SERVE_H */
