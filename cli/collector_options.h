/* SPDX-License-Identifier: Apache-2.0
 *
 * collector_options.h
 *	  The collector that a command uses: its options and its connection.
 */
#ifndef OSPROFILER_CLI_COLLECTOR_H
#define OSPROFILER_CLI_COLLECTOR_H

#include "osprofiler/driver.h"
#include "profiler/config.h"

typedef struct cli_collector
{
	/* Options of the command line, borrowed; NULL: not given. */
	const char *connection_string;
	const char *transport_url;
	double idle_timeout_s; /* 0: not given */

	bool writes; /* the command removes traces */

	/* Passed to the driver, see osp_driver_options. */
	bool (*interrupted)(void *ctx);
	unsigned deadline_ms;

	/* Set once the collector is open. */
	osp_config config;
	const osp_driver *driver;
	osp_driver_conn *conn;
	char shown[512]; /* the connection string without its password */
} cli_collector;

/*
 * Option codes for getopt_long, with upstream's names and values above those of
 * all characters.
 */
enum
{
	CLI_OPT_CONNECTION_STRING = 256,
	CLI_OPT_TRANSPORT_URL,
	CLI_OPT_FIRST_FREE
};

#define CLI_COLLECTOR_OPTIONS                                                  \
	{"connection-string", required_argument, NULL, CLI_OPT_CONNECTION_STRING}, \
	{                                                                          \
		"transport-url", required_argument, NULL, CLI_OPT_TRANSPORT_URL        \
	}

#define CLI_CONNECTION_HELP                                  \
	"  --connection-string URI   the collector; else "       \
	"OSPROFILER_CONNECTION_STRING,\n"                        \
	"                            else connection_string of " \
	"OSPROFILER_CONF, else\n"                                \
	"                            $XDG_STATE_HOME/osprofiler/traces.db\n"

#define CLI_TRANSPORT_HELP                                                 \
	"  --transport-url URL       the brokers of messaging://, as\n"        \
	"                            rabbit://user:password@host:port/vhost; " \
	"else\n"                                                               \
	"                            OSPROFILER_TRANSPORT_URL\n"

/* The help on the options of a command that reads one collector. */
#define CLI_COLLECTOR_HELP CLI_CONNECTION_HELP CLI_TRANSPORT_HELP

void cli_collector_init(cli_collector *collector);

/*
 * Stores the value of one of the options above. False after a message, and also
 * if code is none of them.
 */
bool cli_collector_option(cli_collector *collector, int code,
						  const char *value) OSP_MUST_CHECK;

/*
 * Reads the configuration and connects, unless this is done already. CLI_FAILED
 * after a message.
 */
int cli_collector_open(cli_collector *collector) OSP_MUST_CHECK;

/*
 * Reports that what ("read the trace from") failed, why, and what to do if the
 * collector cannot be reached. Returns CLI_FAILED.
 */
int cli_collector_failed(const cli_collector *collector, const char *what,
						 osp_status status, const osp_error *err);

/*
 * Returns the reason in a message about a failed collector: the text behind the
 * address, if the message contains the address of the connection string
 * `shown`; else the whole message.
 */
const char *cli_collector_reason(const char *shown, const char *message);

/* Closes the collector. May be called after a failure, and twice. */
void cli_collector_close(cli_collector *collector);

/* Is the collector the database in the user's home directory, which is the default? */
bool cli_is_own_store(const cli_collector *collector) OSP_MUST_CHECK;

#endif /* OSPROFILER_CLI_COLLECTOR_H */
