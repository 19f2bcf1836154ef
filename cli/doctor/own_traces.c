/* SPDX-License-Identifier: Apache-2.0
 *
 * own_traces.c
 *	  Removes the test traces that doctor has stored, however the checks ended.
 *
 * The server's points arrive a moment later, in several batches, perhaps after
 * the last check. They arrive in the server's collector, which may be another
 * one, or was another one until --fix moved the server.
 */
#include "doctor/doctor.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "record/clock.h"

#define LOOK_MS    100  /* between two attempts to remove traces */
#define QUIET_MS   300  /* without a removed trace: then none is left */
#define WAIT_MS    3000 /* for all attempts */
#define TIMEOUT_MS 1000
#define NS_PER_MS  INT64_C(1000000)

/* The store of a server for which no collector is set, below its data directory. */
#define SERVER_STORE "/osprofiler/pgsql_tmp/traces.db"

void
doctor_note_trace(doctor *d, const char *id, bool by_server)
{
	unsigned i;

	for (i = 0; i < d->trace_count; i++)
		if (strcmp(d->traces[i].id, id) == 0)
			return;
	if (d->trace_count == DOCTOR_TRACES_MAX)
		return;
	(void) snprintf(d->traces[i].id, sizeof(d->traces[i].id), "%s", id);
	d->traces[i].by_server = by_server;
	d->trace_count++;
}

void
doctor_note_arrival(doctor *d, const char *id)
{
	unsigned i;

	for (i = 0; i < d->trace_count; i++)
		if (strcmp(d->traces[i].id, id) == 0)
			d->traces[i].arrived = true;
}

/* An open collector. */
typedef struct collector
{
	const osp_driver *driver;
	osp_driver_conn *conn;
} collector;

/* Notes that there is a point; an osp_point_fn. */
static osp_status
note_point(void *ctx, osp_str json)
{
	(void) json;
	*(bool *) ctx = true;
	return OSP_OK;
}

static bool
has_trace(const collector *c, const char *id)
{
	bool has = false;

	return (c->driver->flags & OSP_DRIVER_CAN_READ) != 0 &&
		   c->driver->get_points(
			   c->conn, osp_str_of(id), note_point, &has, NULL) == OSP_OK &&
		   has;
}

/*
 * Removes the test traces that the collector has: all of them, or those that
 * the server delivers. True if there was one.
 */
static bool
remove_present(doctor *d, const collector *c, bool all)
{
	osp_str ids[DOCTOR_TRACES_MAX];
	osp_removal what = {.struct_size = sizeof(what), .ids = ids};
	bool blind = (c->driver->flags & OSP_DRIVER_CAN_READ) == 0;
	uint64_t removed;
	unsigned i;

	for (i = 0; i < d->trace_count; i++)
		if ((all || d->traces[i].by_server) &&
			(blind || has_trace(c, d->traces[i].id)))
		{
			d->traces[i].arrived = true;
			ids[what.count++] = osp_str_of(d->traces[i].id);
		}
	if (what.count > 0)
		(void) c->driver->remove_traces(c->conn, &what, &removed, NULL);
	return what.count > 0 && !blind;
}

/* Is a trace of the server still to arrive? None is if no shipper works. */
static bool
is_awaited(const doctor *d)
{
	unsigned i;

	if (d->results[STEP_SHIPPER].verdict == DOCTOR_WRONG)
		return false;
	for (i = 0; i < d->trace_count; i++)
		if (d->traces[i].by_server && !d->traces[i].arrived)
			return true;
	return false;
}

static bool
has_server_traces(const doctor *d)
{
	unsigned i;

	for (i = 0; i < d->trace_count; i++)
		if (d->traces[i].by_server)
			return true;
	return false;
}

static void
remove_all(doctor *d, const collector *c)
{
	int64_t start = osp_mono_now();
	int64_t last = start;
	int64_t now = start;

	if ((c->driver->flags & OSP_DRIVER_CAN_REMOVE) == 0)
		return;
	do
	{
		if (remove_present(d, c, now == start))
			last = now;
		if (!has_server_traces(d) || now - start >= WAIT_MS * NS_PER_MS)
			return;
		(void) usleep(LOOK_MS * 1000);
		now = osp_mono_now();
	}
	while (is_awaited(d) || now - last < QUIET_MS * NS_PER_MS);
}

static void
remove_from(doctor *d, const char *uri)
{
	osp_driver_options options = {.struct_size = sizeof(options),
								  .alc = &osp_allocator_default,
								  .connection_string = osp_str_of(uri),
								  .timeout_ms = TIMEOUT_MS,
								  .deadline_ms = TIMEOUT_MS};
	collector c;

	if (osp_driver_find(options.connection_string, &c.driver, NULL) != OSP_OK ||
		c.driver->open(&options, &c.conn, NULL) != OSP_OK)
		return;
	remove_all(d, &c);
	c.driver->close(c.conn);
}

/*
 * Removes the test traces from a SQLite database that only the server's user
 * can open. Root acts as that user.
 */
static void
remove_from_database(doctor *d, const char *uri)
{
	uid_t acting = geteuid();
	const char *path = uri + strcspn(uri, "/") + strlen("///");
	cli_user before;
	cli_user owner;
	char name[256];
	uid_t uid;

	if (!cli_server_owner(d->server, &uid, name, sizeof(name)))
		return;
	if (uid == acting)
	{
		if (access(path, W_OK) == 0)
			remove_from(d, uri);
	}
	else if (cli_user_numbered(uid, &owner) &&
			 cli_user_numbered(acting, &before) && cli_act_as(&owner))
	{
		if (access(path, W_OK) == 0)
			remove_from(d, uri);
		cli_act_as_root();
		if (acting != 0 && !cli_act_as(&before))
			abort();
	}
}

/*
 * Removes the test traces from a collector that the server has now or had
 * before. An empty text means its default store, in the data directory.
 */
static void
remove_from_theirs(doctor *d, const char *theirs)
{
	cli_answer *answer = NULL;
	const char *directory = doctor_ask_value(d, "SHOW data_directory", &answer);
	char uri[PATH_MAX + 64];

	if (!cli_server_is_local(d->server) ||
		strcmp(theirs, d->config.connection_string) == 0)
		;
	else if (strncmp(theirs, "sqlite:", 7) == 0)
		remove_from_database(d, theirs);
	else if (theirs[0] != '\0')
		remove_from(d, theirs);
	else if (directory != NULL)
	{
		(void) snprintf(
			uri, sizeof(uri), "sqlite:///%s" SERVER_STORE, directory);
		remove_from_database(d, uri);
	}
	cli_answer_free(answer);
}

/*
 * Removes the test traces from the server's collector, and from the one that it
 * had before --fix moved it.
 */
static void
remove_from_server(doctor *d)
{
	doctor_server_collector theirs;

	doctor_find_server_collector(d, &theirs);
	if (theirs.is_known)
		remove_from_theirs(d, theirs.uri);
	if (d->moved_from[0] != '\0' && strcmp(d->moved_uri, theirs.uri) != 0)
		remove_from_theirs(d, d->moved_uri);
}

void
doctor_remove_traces(doctor *d)
{
	collector ours = {d->driver, d->collector};

	if (d->trace_count == 0)
		return;
	if (d->server != NULL && has_server_traces(d))
		remove_from_server(d);
	if (d->collector != NULL)
		remove_all(d, &ours);
}
