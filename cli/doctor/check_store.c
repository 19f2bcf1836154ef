/* SPDX-License-Identifier: Apache-2.0
 *
 * check_store.c
 *	  Can a trace be stored in the collector?
 */
#include "doctor/doctor.h"

#include <stdlib.h>
#include <time.h>

#include "collector_advice.h"
#include "osprofiler/notification.h"
#include "writable_path.h"

#define JSON_MAX 8192
#define POINTS   2

void
doctor_new_ids(doctor *d)
{
	osp_uuid uuid;

	osp_uuid_new(&uuid);
	osp_uuid_text(&uuid, d->probe_id);
	osp_uuid_new(&uuid);
	osp_uuid_text(&uuid, d->server_trace_id);
}

/* Writes a notification of the test trace, as upstream would. */
static void
add_point(const doctor *d, const char *name, osp_buf *json)
{
	char timestamp[OSP_TIMESTAMP_LEN + 1];
	struct timespec now;

	(void) clock_gettime(CLOCK_REALTIME, &now);
	osp_timestamp_text((int64_t) now.tv_sec * 1000000000 + now.tv_nsec,
					   timestamp);
	osp_buf_addf(
		json,
		"{\"name\": \"%s\", \"base_id\": \"%s\", \"trace_id\": "
		"\"%s\", \"parent_id\": \"%s\", \"timestamp\": \"%s\", "
		"\"info\": {\"host\": \"osprofiler doctor\"}, \"project\": null, "
		"\"service\": null}",
		name,
		d->probe_id,
		d->server_trace_id,
		d->probe_id,
		timestamp);
}

static osp_status
store_probe(doctor *d, osp_error *err)
{
	static const char *const names[POINTS] = {"doctor-start", "doctor-stop"};
	osp_notification items[POINTS];
	osp_buf json[POINTS];
	osp_buf scratch[POINTS];
	osp_status status = OSP_OK;
	size_t accepted = 0;
	unsigned i;

	for (i = 0; i < POINTS; i++)
	{
		osp_buf_init(&json[i], &osp_allocator_default, JSON_MAX);
		osp_buf_init(&scratch[i], &osp_allocator_default, JSON_MAX);
		add_point(d, names[i], &json[i]);
		if (status == OSP_OK)
			status = osp_notification_read(
				osp_buf_str(&json[i]), &scratch[i], &items[i], err);
	}
	if (status == OSP_OK)
	{
		doctor_note_trace(d, d->probe_id, false);
		status = d->driver->notify(d->collector, items, POINTS, &accepted, err);
	}
	for (i = 0; i < POINTS; i++)
	{
		osp_buf_term(&json[i]);
		osp_buf_term(&scratch[i]);
	}
	return status;
}

#define SQLITE_PREFIX "sqlite://"
#define VARIABLE      "OSPROFILER_CONNECTION_STRING"

static bool
is_default(const doctor *d)
{
	char connection[PATH_MAX];

	return osp_config_default_connection(
			   connection, sizeof(connection), NULL) == OSP_OK &&
		   strcmp(connection, d->config.connection_string) == 0;
}

/* Is the collector the default one, in a home directory that cannot be written to? */
static bool
is_closed_home(const doctor *d)
{
	return is_default(d) && !cli_writable_path(d->config.connection_string +
											   strlen(SQLITE_PREFIX));
}

/*
 * The option, variable or file that sets the collector's address; NULL: it is
 * the default.
 */
static const char *
place_of_address(const doctor *d)
{
	const char *file = getenv("OSPROFILER_CONF");
	const char *variable = getenv(VARIABLE);

	if (d->connection_string != NULL && d->connection_string[0] != '\0')
		return "--connection-string";
	if (variable != NULL && variable[0] != '\0')
		return VARIABLE;
	return file != NULL && file[0] != '\0' && !is_default(d) ? file : NULL;
}

static void
advise(const doctor *d, doctor_result *r, osp_status status, const char *why)
{
	const cli_failure failure =
		status == OSP_EUNAVAIL ? cli_collector_failure(why) : CLI_FAILURE_OTHER;
	const char *place = place_of_address(d);
	char durable[CLI_DURABLE_MAX];

	if (cli_collector_is_full(why))
	{
		doctor_advise(r, CLI_FULL_ADVICE);
		return;
	}
	if (is_default(d) && doctor_mend_home(r,
										  d->config.connection_string +
											  strlen(SQLITE_PREFIX "/"),
										  VARIABLE,
										  "traces.db"))
		return;
	if (strncmp(d->config.connection_string, SQLITE_PREFIX "/", 10) == 0 &&
		doctor_mend_foreign(r, d->config.connection_string + 10))
		return;
	if (is_closed_home(d))
	{
		doctor_advise(
			r,
			"no file can be made there: name a place of your own (of a "
			"service, in its environment); one for this shell alone:");
		doctor_mend(r,
					"export " VARIABLE "="
					"\"" SQLITE_PREFIX "/$(mktemp -d)/traces.db\"");
		return;
	}
	doctor_advise(r,
				  "%s%s",
				  status == OSP_EUNAVAIL ? cli_failure_step(failure)
										 : "make it writable for you",
				  cli_durable_advice(why, durable));
	if (place != NULL && durable[0] == '\0')
		doctor_advise(r, ", or correct its address in %s", place);
	if (getenv(VARIABLE) != NULL)
	{
		doctor_advise(r, ", or take another one, such as the default:");
		doctor_mend(r, "unset " VARIABLE);
	}
}

void
check_store(doctor *d, doctor_result *r)
{
	const char *uri = d->config.connection_string;
	osp_error err = {OSP_OK, ""};
	osp_status status = store_probe(d, &err);
	char durable[CLI_DURABLE_MAX];

	if (status == OSP_OK)
	{
		doctor_good(r, "%s takes it", d->collector_shown);
		if (cli_forgets_at_restart(uri))
			doctor_advise(r,
						  "note that RabbitMQ forgets it when it restarts; to "
						  "keep it, add %cdurable=1 to the connection string, "
						  "after docs/drivers.md%s",
						  strchr(uri, '?') != NULL ? '&' : '?',
						  cli_durable_advice("durable=1", durable));
		return;
	}
	doctor_wrong(r,
				 "%s: %s",
				 d->collector_shown,
				 err.msg[0] != '\0' ? err.msg : osp_status_text(status));
	advise(d, r, status, err.msg);
}
