/* SPDX-License-Identifier: Apache-2.0
 *
 * collector_advice.c
 *	  What to do about a collector that fails, depending on the kind of failure.
 *
 * Every driver reports the server's own words. Only this file derives a
 * proposal from them.
 */
#include "collector_advice.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "base/uri.h"
#include "line/similar_text.h"

/* Words in messages of servers and client libraries. The first match counts. */
static const struct
{
	const char *words;
	cli_failure failure;
} known[] = {
	/* messages in which the driver itself proposes what to do */
	{"(give ", CLI_FAILURE_EXPLAINED},
	{"(correct ", CLI_FAILURE_EXPLAINED},
	{"(allow ", CLI_FAILURE_EXPLAINED},
	{": give durable=", CLI_FAILURE_EXPLAINED},
	{"or give durable=", CLI_FAILURE_EXPLAINED},
	{"(declare=0 ", CLI_FAILURE_EXPLAINED},
	{"(bind ", CLI_FAILURE_EXPLAINED},
	{"(it is the path of ", CLI_FAILURE_EXPLAINED},
	{"; name the server itself", CLI_FAILURE_EXPLAINED},
	{" answers what is not ", CLI_FAILURE_EXPLAINED},
	{"(perhaps ", CLI_FAILURE_EXPLAINED},
	/* RabbitMQ */
	{"Login was refused", CLI_FAILURE_LOGIN},
	{"NOT_ALLOWED - vhost", CLI_FAILURE_DATABASE},
	{"NOT_ALLOWED - access to vhost", CLI_FAILURE_RIGHTS},
	{"ACCESS_REFUSED - ", CLI_FAILURE_RIGHTS},
	/* Redis */
	{"NOAUTH", CLI_FAILURE_LOGIN},
	{"WRONGPASS", CLI_FAILURE_LOGIN},
	{"NOPERM", CLI_FAILURE_RIGHTS},
	{"without any password configured", CLI_FAILURE_NO_PASSWORD},
	{"DB index is out of range", CLI_FAILURE_DATABASE},
	{"unknown command 'SENTINEL'", CLI_FAILURE_NO_SENTINEL},
	{"OOM command not allowed", CLI_FAILURE_MEMORY},
	/* PostgreSQL: 28P01, 28000, 3D000, 42501 */
	{"password authentication failed", CLI_FAILURE_LOGIN},
	{"no password supplied", CLI_FAILURE_LOGIN},
	{"authentication failed for user", CLI_FAILURE_LOGIN},
	{"FATAL:  role \"", CLI_FAILURE_LOGIN},
	{"no pg_hba.conf entry", CLI_FAILURE_RIGHTS},
	{"FATAL:  database \"", CLI_FAILURE_DATABASE},
	{"permission denied for", CLI_FAILURE_RIGHTS},
	/* MariaDB, MySQL: 1044, 1045, 1049, 1142. 1044 names the database, too. */
	{"' to database '", CLI_FAILURE_RIGHTS},
	{"Access denied for user", CLI_FAILURE_LOGIN},
	{"Unknown database", CLI_FAILURE_DATABASE},
	{"command denied to user", CLI_FAILURE_RIGHTS},
	/* Elasticsearch, OpenSearch */
	{" answers 401", CLI_FAILURE_LOGIN},
	{" answers 403", CLI_FAILURE_RIGHTS},
	{" answers 4", CLI_FAILURE_OTHER},
	{" answers 5", CLI_FAILURE_OTHER},
	/* MongoDB: 18, 13 */
	{"Authentication failed", CLI_FAILURE_LOGIN},
	{"not authorized on", CLI_FAILURE_RIGHTS},
	/* OpenSSL, libmariadb */
	{"wrong version number", CLI_FAILURE_NO_TLS},
	{"SSL is required, but the server does not", CLI_FAILURE_NO_TLS},
	{"server does not support SSL", CLI_FAILURE_NO_TLS},
	/* whatever else a server says */
	{" says: ", CLI_FAILURE_OTHER},
	{" takes no messages now", CLI_FAILURE_OTHER},
};

cli_failure
cli_collector_failure(const char *message)
{
	size_t i;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strstr(message, known[i].words) != NULL)
			return known[i].failure;
	return CLI_FAILURE_UNREACHABLE;
}

bool
cli_collector_is_full(const char *message)
{
	return strstr(message, "No space left") != NULL ||
		   strstr(message, "disk is full") != NULL;
}

const char *
cli_failure_step(cli_failure failure)
{
	switch (failure)
	{
		case CLI_FAILURE_LOGIN:
			return "correct user and password in the connection string";
		case CLI_FAILURE_DATABASE:
			return "make the database or virtual host that the connection "
				   "string names, or name another one";
		case CLI_FAILURE_RIGHTS:
			return "give the user the rights, or name another user";
		case CLI_FAILURE_NO_PASSWORD:
			return "leave the password out of the connection string";
		case CLI_FAILURE_NO_SENTINEL:
			return "name a sentinel, or the server itself as redis://";
		case CLI_FAILURE_NO_TLS:
			return "name a port that speaks TLS, or leave TLS out of the "
				   "connection string";
		case CLI_FAILURE_MEMORY:
			return "raise Redis's maxmemory, or remove its old traces with "
				   "'osprofiler trace prune --older-than 1d'";
		case CLI_FAILURE_EXPLAINED:
			return "do what is proposed there";
		case CLI_FAILURE_OTHER:
			return "see the collector's log for what it lacks";
		default:
			return "start the collector";
	}
}

const char *
cli_failure_advice(cli_failure failure, char *text)
{
	if (failure == CLI_FAILURE_EXPLAINED)
		text[0] = '\0';
	else
		(void) snprintf(text,
						CLI_ADVICE_MAX,
						"; %s",
						failure == CLI_FAILURE_UNREACHABLE
							? "start it, or name another collector with "
							  "--connection-string"
							: cli_failure_step(failure));
	return text;
}

/* The schemes of our drivers. */
static const char *const schemes[] = {
#define SCHEME(name, package) name,
#include "notify/schemes.def"
};

/* Schemes that other programs use for RabbitMQ, which messaging:// reaches. */
static const char *const of_rabbitmq[] = {
	"amqp", "amqps", "kombu", "rabbit", "rabbitmq"};

/* Other names for our schemes. */
static const struct
{
	const char *given;
	const char *meant;
} other_names[] = {
	{"elastic", "elasticsearch"},
	{"es", "elasticsearch"},
	{"grpc", "otlp"},
	{"http", "otlp"},
	{"https", "otlp"},
	{"jaeger", "otlp"},
	{"maria", "mysql"},
	{"mariadb", "mysql"},
	{"mongo", "mongodb"},
	{"opentelemetry", "otlp"},
	{"otel", "otlp"},
	{"pg", "postgresql"},
	{"pgsql", "postgresql"},
	{"postgres", "postgresql"},
	{"psql", "postgresql"},
	{"sentinel", "redissentinel"},
	{"valkey", "redis"},
};

/*
 * Finds the scheme of ours that was meant by given. NULL: none resembles it, or
 * it is already one of ours.
 */
static const char *
find_meant(const char *given)
{
	const char *meant = NULL;
	size_t changes = CLI_SIMILAR_MAX;
	size_t i;

	for (i = 0; i < sizeof(other_names) / sizeof(other_names[0]); i++)
		if (strcmp(given, other_names[i].given) == 0)
			return other_names[i].meant;
	for (i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
		if (cli_text_is_nearer(given, schemes[i], &changes))
			meant = schemes[i];
	return changes > 0 ? meant : NULL;
}

const char *
cli_scheme_advice(const char *connection_string, char *text)
{
	const osp_str scheme = osp__uri_scheme(osp_str_of(connection_string));
	const char *meant;
	char given[32];
	size_t i;

	text[0] = '\0';
	if (scheme.len >= sizeof(given))
		return text;
	(void) snprintf(given, sizeof(given), "%.*s", (int) scheme.len, scheme.ptr);
	for (i = 0; i < sizeof(of_rabbitmq) / sizeof(of_rabbitmq[0]); i++)
		if (strcmp(given, of_rabbitmq[i]) == 0)
		{
			(void) snprintf(text,
							CLI_ADVICE_MAX,
							"; RabbitMQ is messaging://user:password@host/, or "
							"messaging:// with rabbit://... as "
							"--transport-url");
			return text;
		}
	meant = find_meant(given);
	if (meant != NULL)
		(void) snprintf(text, CLI_ADVICE_MAX, "; did you mean %s://?", meant);
	return text;
}

/*
 * A service's drivers take no options of a connection string, so their file has
 * to be changed.
 */
const char *
cli_durable_advice(const char *message, char *text)
{
	const char *file = getenv("OSPROFILER_CONF");
	const char *variable = getenv("OSPROFILER_CONNECTION_STRING");
	const char *wish = strstr(message, "durable=");

	text[0] = '\0';
	if (wish != NULL && file != NULL && file[0] != '\0' &&
		(variable == NULL || variable[0] == '\0'))
		(void) snprintf(text,
						CLI_DURABLE_MAX,
						"; in a service's file, %s, that is "
						"amqp_durable_queues = %s in [oslo_messaging_rabbit]",
						file,
						wish[strlen("durable=")] == '1' ? "true" : "false");
	return text;
}

/* The last value of an option in a query counts. */
bool
cli_forgets_at_restart(const char *connection_string)
{
	const char *mark = strchr(connection_string, '?');
	osp_str query = osp_str_of(mark != NULL ? mark + 1 : "");
	bool durable = false;
	bool declared = true;
	osp_str value;
	osp_str name;

	if (strncmp(connection_string, "messaging", 9) != 0)
		return false;
	while (osp__uri_option(&query, &name, &value))
	{
		if (osp_str_eq(name, OSP_STR("durable")))
			(void) !osp_parse_bool(value, &durable);
		else if (osp_str_eq(name, OSP_STR("declare")))
			(void) !osp_parse_bool(value, &declared);
	}
	return declared && !durable;
}
