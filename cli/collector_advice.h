/* SPDX-License-Identifier: Apache-2.0
 *
 * collector_advice.h
 *	  What to do about a collector that fails, depending on the kind of failure.
 */
#ifndef OSPROFILER_CLI_COLLECTOR_ADVICE_H
#define OSPROFILER_CLI_COLLECTOR_ADVICE_H

#include <limits.h>

#include "osprofiler/base.h"

/* The size of a buffer for an advice. */
#define CLI_ADVICE_MAX 256

typedef enum cli_failure
{
	CLI_FAILURE_UNREACHABLE, /* nothing answers */
	CLI_FAILURE_LOGIN,       /* the collector refuses user or password */
	CLI_FAILURE_DATABASE,    /* the database or virtual host does not exist */
	CLI_FAILURE_RIGHTS,      /* the user lacks rights */
	CLI_FAILURE_NO_PASSWORD, /* it needs no password, and got one */
	CLI_FAILURE_NO_SENTINEL, /* it is a server, not a sentinel */
	CLI_FAILURE_NO_TLS,      /* it does not speak TLS */
	CLI_FAILURE_MEMORY,      /* Redis has reached its maxmemory */
	CLI_FAILURE_EXPLAINED,   /* the message itself says what to do */
	CLI_FAILURE_OTHER        /* it answers, but cannot do the task */
} cli_failure;

/* Derives the kind of a failure with OSP_EUNAVAIL from the driver's message. */
cli_failure cli_collector_failure(const char *message);

/*
 * Does a message of a driver say that the collector's file system is full? Then the
 * advice is CLI_FULL_ADVICE. It does not name `trace prune`: removing traces needs
 * room itself, for the log of the database.
 */
bool cli_collector_is_full(const char *message);

#define CLI_FULL_ADVICE \
	"free or enlarge its file system: what waits is delivered then"

/* What to do about a failure, as a clause: "start the collector". */
const char *cli_failure_step(cli_failure failure);

/*
 * Writes what to do about a failure as the end of a message, "; start it, ...",
 * into text[CLI_ADVICE_MAX]. The text is empty if the driver's message already
 * says it. Returns text.
 */
const char *cli_failure_advice(cli_failure failure, char *text);

/*
 * Completes the message that there is no driver for a connection string: writes
 * "; did you mean SCHEME?" into text[CLI_ADVICE_MAX]. The text is empty if no
 * scheme resembles it. Returns text.
 */
const char *cli_scheme_advice(const char *connection_string, char *text);

/*
 * Completes a message that proposes durable=1 or durable=0 where messaging://
 * comes from a service's file, OSPROFILER_CONF: writes into
 * text[CLI_DURABLE_MAX] how that file sets it. Otherwise the text is empty.
 * Returns text.
 */
#define CLI_DURABLE_MAX (PATH_MAX + 128)
const char *cli_durable_advice(const char *message, char *text);

/*
 * Does the connection string name a RabbitMQ queue that is gone after a restart
 * of RabbitMQ?
 */
bool cli_forgets_at_restart(const char *connection_string);

#endif /* OSPROFILER_CLI_COLLECTOR_ADVICE_H */
