/* SPDX-License-Identifier: Apache-2.0
 *
 * collector_advice.h
 *	  What to do about a collector that fails, by the kind of its failure.
 */
#ifndef OSPROFILER_CLI_COLLECTOR_ADVICE_H
#define OSPROFILER_CLI_COLLECTOR_ADVICE_H

#include <limits.h>

#include "osprofiler/base.h"

/* Room for an advice. */
#define CLI_ADVICE_MAX 256

typedef enum cli_failure
{
	CLI_FAILURE_UNREACHABLE, /* nothing answers */
	CLI_FAILURE_LOGIN,       /* it refuses user or password */
	CLI_FAILURE_DATABASE,    /* the database or virtual host does not exist */
	CLI_FAILURE_RIGHTS,      /* the user lacks rights */
	CLI_FAILURE_NO_PASSWORD, /* it has none, and was given one */
	CLI_FAILURE_NO_SENTINEL, /* it is a server, no sentinel */
	CLI_FAILURE_NO_TLS,      /* it does not speak TLS */
	CLI_FAILURE_EXPLAINED,   /* the message itself says what to do */
	CLI_FAILURE_OTHER        /* it answers, and cannot do it */
} cli_failure;

/* The kind of a failure with OSP_EUNAVAIL, from the driver's message. */
cli_failure cli_collector_failure(const char *message);

/* What to do, as a clause of its own: "start the collector". */
const char *cli_failure_step(cli_failure failure);

/* The same as the end of a message, "; start it, ...", in text[CLI_ADVICE_MAX];
 * empty if the message says it. Returns text. */
const char *cli_failure_advice(cli_failure failure, char *text);

/*
 * The end of the message that there is no driver for a connection string: the scheme
 * that was meant, in text[CLI_ADVICE_MAX]; empty if none resembles it. Returns text.
 */
const char *cli_scheme_advice(const char *connection_string, char *text);

/*
 * For a message that proposes durable=1 or durable=0, where messaging:// comes from the
 * file OSPROFILER_CONF of a service: how that file says it, as the end of the message, in
 * text[CLI_DURABLE_MAX]; else empty. Returns text.
 */
#define CLI_DURABLE_MAX (PATH_MAX + 128)
const char *cli_durable_advice(const char *message, char *text);

/* Is it a RabbitMQ whose queue ends with it? */
bool cli_forgets_at_restart(const char *connection_string);

#endif /* OSPROFILER_CLI_COLLECTOR_ADVICE_H */
