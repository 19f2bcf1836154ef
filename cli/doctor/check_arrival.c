/* SPDX-License-Identifier: Apache-2.0
 *
 * check_arrival.c
 *	  Do the server's points arrive in the collector that is read here?
 *
 * check_server_key.c has had the test statement traced.
 */
#include "doctor/doctor.h"
#include "server/server_trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/*
 * How long to wait for the test statement. The shorter time is enough if the
 * server's own collector has it.
 */
#define SHORT_MS 1000
#define WAIT_MS  4000

/* Where a server without a collector of its own stores traces. */
#define DEFAULT_STORE " (osprofiler/pgsql_tmp/traces.db in its data directory)"

/* Notes that there is a point; an osp_point_fn. */
static osp_status
note_point(void *ctx, osp_str json)
{
	(void) json;
	*(bool *) ctx = true;
	return OSP_OK;
}

/*
 * Does the server's own collector have the test statement? Even a user who may
 * not read traces can see this one, if the server stores traces in its data
 * directory.
 */
static bool
server_has_it(doctor *d)
{
	bool has = false;

	return cli_server_trace(d->server,
							d->keys,
							d->server_trace_id,
							note_point,
							&has,
							NULL) == OSP_OK &&
		   has;
}

/*
 * Is no collector named, neither here nor in the server? Then each side has a
 * database of its own, and `osprofiler run` copies traces from the server's.
 */
static bool
are_defaults(doctor *d)
{
	char own[OSP_RUNDIR_PATH_MAX + 64];
	cli_answer *answer = NULL;
	bool defaults;
	const char *theirs;

	if (osp_config_default_connection(own, sizeof(own), NULL) != OSP_OK ||
		strcmp(d->config.connection_string, own) != 0)
		return false;

	/* A user who may not read the setting could find the trace only if the server uses
	 * the default collector. */
	theirs = doctor_ask_value(d, "SHOW osprofiler.connection_string", &answer);
	defaults = theirs == NULL || theirs[0] == '\0';
	cli_answer_free(answer);
	return defaults;
}

/*
 * The duration from which the server records a statement, if the test statement
 * was too short for that; owned by *answer. NULL: it was long enough.
 */
static const char *
find_min_duration(doctor *d, cli_answer **answer)
{
	const char *least =
		doctor_ask_value(d,
						 "SELECT setting FROM pg_catalog.pg_settings "
						 "WHERE name = 'osprofiler.min_duration'",
						 answer);

	return least != NULL && strtol(least, NULL, 10) > DOCTOR_SLOW_MAX_MS ? least
																		 : NULL;
}

/* Reports that the test statement is in neither collector. */
static void
report_loss(doctor *d, doctor_result *r)
{
	cli_answer *answer = NULL;
	const char *least = find_min_duration(d, &answer);

	if (least != NULL)
	{
		doctor_note_arrival(d, d->server_trace_id);
		doctor_skip(r,
					"osprofiler.min_duration has the server record only "
					"statements that take %s ms; a superuser's test statement "
					"is recorded",
					least);
	}
	else
	{
		doctor_wrong(r,
					 "it did not arrive in %s%s",
					 d->collector_shown,
					 cli_server_is_superuser(d->server)
						 ? ""
						 : "; where the server delivers to, 'osprofiler "
						   "doctor' of a superuser says");
		if (are_defaults(d) && cli_server_is_superuser(d->server))
			doctor_mend_delivery(d, r, false);
		else
			doctor_mend_collector(d, r);
	}
	cli_answer_free(answer);
}

/*
 * Reports that the statement is in the server's collector, and not in the one
 * that is read here.
 */
static void
report_elsewhere(doctor *d, doctor_result *r)
{
	doctor_server_collector theirs;

	doctor_find_server_collector(d, &theirs);
	if (theirs.is_known && d->moved_from[0] == '\0' &&
		strcmp(theirs.uri, d->config.connection_string) == 0)
	{
		doctor_wrong(r,
					 "it arrived in %s as the server reaches it, which is "
					 "another one than is reached here",
					 theirs.shown);
		doctor_advise(r,
					  "name a place that is the same for both sides: a "
					  "container or another host has files and a localhost of "
					  "its own, a service with PrivateTmp its own /tmp");
		return;
	}
	doctor_wrong(
		r,
		"the server delivers to another collector%s%s%s than the one that is read here, %s",
		theirs.shown[0] != '\0' ? ", " : "",
		theirs.shown,
		theirs.shown[0] != '\0' ? "," : "",
		d->collector_shown);
	doctor_mend_collector(d, r);
}

void
check_arrival(doctor *d, doctor_result *r)
{
	osp_error err = {OSP_OK, ""};
	osp_error kept;
	bool elsewhere = false;
	size_t found;
	osp_status status;

	if (d->samples_only)
	{
		doctor_skip(r,
					"it needs a key; what was sampled lists: osprofiler trace "
					"list --server ");
		cli_server_add_place(d->server, &r->found);
		return;
	}
	status = doctor_read_trace(
		d, d->server_trace_id, 1, SHORT_MS, &found, &kept, &err);

	if (status == OSP_OK && found == 0)
		elsewhere = server_has_it(d);
	if (status == OSP_OK && found == 0 && !elsewhere)
	{
		status = doctor_read_trace(
			d, d->server_trace_id, 1, WAIT_MS, &found, &kept, &err);
		elsewhere = found == 0 && server_has_it(d);
	}
	if (found > 0 || elsewhere)
		doctor_note_arrival(d, d->server_trace_id);
	if (status != OSP_OK)
		doctor_wrong(r, "%s: %s", d->collector_shown, err.msg);
	else if (found > 0)
	{
		doctor_good(r, "it arrived in %s", d->collector_shown);
		if (d->moved_from[0] != '\0')
			doctor_good(r,
						"; --fix has moved all users of the server there, from "
						"%s%s, where the traces from before stay: a run of "
						"another user that delivers elsewhere lacks the "
						"server's half",
						d->moved_from,
						d->moved_uri[0] == '\0' ? DEFAULT_STORE : "");
		if (kept.code != OSP_OK)
			doctor_report_kept(r, d->server_trace_id, &kept);
	}
	else if (elsewhere && are_defaults(d))
	{
		doctor_good(
			r,
			"it arrived in the server's own database: `osprofiler run` copies "
			"from there. Of a program that is started without it, "
			"'osprofiler trace show --server CONNINFO' shows both halves, or "
			"one collector that client and server name");
	}
	else if (!elsewhere)
		report_loss(d, r);
	else
		report_elsewhere(d, r);
}
