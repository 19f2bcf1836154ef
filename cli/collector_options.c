/* SPDX-License-Identifier: Apache-2.0
 *
 * collector_options.c
 *	  The collector that a command reads from: its options, its connection.
 */
#include "collector_options.h"
#include "cli.h"
#include "collector_advice.h"
#include "relative_path.h"

/* How long an operation waits for a collector that does not answer. */
#define READ_TIMEOUT_MS 10000

void
cli_collector_init(cli_collector *collector)
{
	memset(collector, 0, sizeof(*collector));
}

bool
cli_collector_option(cli_collector *collector, int code, const char *value)
{
	switch (code)
	{
		case CLI_OPT_CONNECTION_STRING:
			if (collector->connection_string != NULL)
			{
				cli_usage("--connection-string is given twice, and this "
						  "command reads one collector");
				return false;
			}
			collector->connection_string = value;
			return true;
		case CLI_OPT_TRANSPORT_URL:
			collector->transport_url = value;
			return true;
		default:
			return false;
	}
}

/*
 * Adds the time that reading waits for more points to the connection string, as
 * an option of messaging://. Other collectors do not have it.
 */
static osp_status
add_idle_timeout(cli_collector *collector, osp_error *err)
{
	const char *uri = collector->config.connection_string;
	osp_status status;
	osp_buf text;

	if (collector->idle_timeout_s <= 0 || strncmp(uri, "messaging", 9) != 0)
		return OSP_OK;
	osp_buf_init(&text, &osp_allocator_default, strlen(uri) + 64);
	osp_buf_addf(&text,
				 "%s%cidle_timeout=%lds",
				 uri,
				 strchr(uri, '?') != NULL ? '&' : '?',
				 (long) (collector->idle_timeout_s + 0.999));
	status = osp_config_set_collector(&collector->config, text.ptr, NULL, err);
	osp_buf_term(&text);
	return status;
}

/*
 * Loads the configuration and sets the collector that the options name. An
 * option that is given empty counts as not given, as in upstream's command.
 */
static osp_status
load_config(cli_collector *collector, osp_error *err)
{
	osp_config *config = &collector->config;
	osp_status status =
		osp_config_load(config, &osp_allocator_default, NULL, err);

	if (status == OSP_OK)
		status = osp_config_set_collector(config,
										  collector->connection_string,
										  collector->transport_url,
										  err);
	if (status == OSP_OK)
		status = osp_config_need_connection(config, err);
	return status == OSP_OK ? add_idle_timeout(collector, err) : status;
}

int
cli_collector_open(cli_collector *collector)
{
	osp_driver_options options;
	osp_error err = {OSP_OK, ""};
	char advice[CLI_ADVICE_MAX];
	const char *uri;

	if (collector->conn != NULL)
		return CLI_OK;
	if (load_config(collector, &err) != OSP_OK)
		return cli_error("%s", err.msg);
	uri = collector->config.connection_string;
	osp_connection_string_redact(
		osp_str_of(uri), collector->shown, sizeof(collector->shown));

	if (osp_driver_find(osp_str_of(uri), &collector->driver, &err) != OSP_OK)
		return cli_error("%s%s", err.msg, cli_scheme_advice(uri, advice));
	memset(&options, 0, sizeof(options));
	options.struct_size = sizeof(options);
	options.alc = &osp_allocator_default;
	options.connection_string = osp_str_of(uri);
	options.read_only = !collector->writes;
	options.timeout_ms = READ_TIMEOUT_MS;
	options.interrupted = collector->interrupted;
	options.deadline_ms = collector->deadline_ms;
	if (collector->driver->open(&options, &collector->conn, &err) != OSP_OK)
	{
		collector->conn = NULL;
		return cli_error("%s: %s", collector->shown, err.msg);
	}
	return CLI_OK;
}

const char *
cli_collector_reason(const char *shown, const char *message)
{
	const char *address = strstr(shown, "://");
	const char *user;
	const char *end;
	char host[256];
	size_t len;

	address = address != NULL ? address + 3 : shown;
	user = memchr(address, '@', strcspn(address, "/?"));
	address = user != NULL ? user + 1 : address;
	len = strcspn(address, "/?");
	if (len == 0 || len >= sizeof(host))
		return message;
	memcpy(host, address, len);
	host[len] = '\0';
	end = strstr(message, host);

	/*
	 * If the message has a port that the connection string lacks, the address
	 * is part of the reason.
	 */
	if (end != NULL && end[len] == ':' && end[len + 1] != ' ')
		return message;
	if (end == NULL)
		return message;
	end += len;
	end += strncmp(end, " says: ", 7) == 0 ? strlen(" says") : 0;
	return strncmp(end, ": ", 2) == 0 ? end + 2 : message;
}

int
cli_collector_failed(const cli_collector *collector, const char *what,
					 osp_status status, const osp_error *err)
{
	const char *advice = "";
	char durable[CLI_DURABLE_MAX];
	char text[CLI_ADVICE_MAX];

	if (status == OSP_ENOENT)
		advice = CLI_NOTHING_YET;
	else if (cli_collector_is_full(err->msg))
		advice = "; free or enlarge its file system, for this needs room, too";
	else if (status == OSP_EUNAVAIL && strstr(collector->shown, "://") != NULL)
		advice = cli_failure_advice(cli_collector_failure(err->msg), text);
	return cli_error("cannot %s %s: %s%s%s",
					 what,
					 collector->shown,
					 err->msg[0] != '\0'
						 ? cli_collector_reason(collector->shown, err->msg)
						 : osp_status_text(status),
					 cli_durable_advice(err->msg, durable),
					 advice);
}

void
cli_collector_close(cli_collector *collector)
{
	if (collector->driver != NULL && collector->conn != NULL)
		collector->driver->close(collector->conn);
	if (collector->config.alc != NULL)
		osp_config_term(&collector->config);
	cli_collector_init(collector);
}

bool
cli_is_own_store(const cli_collector *collector)
{
	char own[CLI_CONNECTION_STRING_MAX];

	return collector->config.connection_string != NULL &&
		   osp_config_default_connection(own, sizeof(own), NULL) == OSP_OK &&
		   strcmp(collector->config.connection_string, own) == 0;
}
