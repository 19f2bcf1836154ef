/* SPDX-License-Identifier: Apache-2.0
 *
 * other_ports.h
 *	  The servers beside one that does not answer.
 */
#ifndef OSPROFILER_CLI_OTHER_PORTS_H
#define OSPROFILER_CLI_OTHER_PORTS_H

#include <stddef.h>

#define CLI_PORTS_MAX 16

/*
 * Lists the ports of the other sockets in the directory of the socket that
 * libpq's message names, in order. Returns their number, which is 0 also if the
 * message names none, or the directory cannot be read.
 */
size_t cli_other_ports(const char *message, long ports[CLI_PORTS_MAX]);

#endif /* OSPROFILER_CLI_OTHER_PORTS_H */
