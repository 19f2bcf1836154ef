/* SPDX-License-Identifier: Apache-2.0
 *
 * run_seen.c
 *	  Which operations the command of a run has made.
 */
#include "run/run_seen.h"

#include <stdio.h>

#include "osprofiler/buf.h"
#include "server/conninfo_text.h"
#include "server/server_connection.h"

#define CONNINFO_MAX 4096

/* The facts that are read from a start record. */
typedef struct start_facts
{
	bool statement;
	bool other; /* a call that is not a statement */
	bool told;
	osp_str server;
	osp_str port;
	osp_str database;
	osp_str user;
} start_facts;

static void
read_attribute(const osp_attr *attr, start_facts *facts)
{
	const struct
	{
		osp_str key;
		osp_str *value;
	} texts[] = {
		{OSP_STR("server"), &facts->server},
		{OSP_STR("port"), &facts->port},
		{OSP_STR("database"), &facts->database},
		{OSP_STR("user"), &facts->user},
	};
	size_t i;

	if (osp_str_eq(attr->key, OSP_STR("sends_context")))
		facts->told = true;
	if (attr->type != OSP_ATTR_STR)
		return;
	facts->statement |= osp_str_eq(attr->key, OSP_STR("statement"));
	facts->other |= osp_str_eq(attr->key, OSP_STR("operation"));
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (osp_str_eq(attr->key, texts[i].key))
			*texts[i].value = attr->value;
}

static void
keep_text(char *out, size_t size, osp_str text)
{
	if (text.len < size)
		(void) snprintf(out, size, "%.*s", (int) text.len, text.ptr);
}

static void
keep_place(run_place *place, const start_facts *facts)
{
	keep_text(place->server, sizeof(place->server), facts->server);
	keep_text(place->port, sizeof(place->port), facts->port);
	keep_text(place->database, sizeof(place->database), facts->database);
	keep_text(place->user, sizeof(place->user), facts->user);
}

void
run_seen_add(run_seen *seen, const osp_record *record)
{
	bool libpq = osp_str_eq(record->name, OSP_STR("db"));
	start_facts facts = {.statement = false};
	size_t pos = 0;
	osp_attr attr;

	if (record->kind != OSP_RECORD_START ||
		(!libpq && !osp_str_eq(record->name, OSP_STR("sqlite"))))
		return;
	while (osp_attr_next(record->info, &pos, &attr))
		read_attribute(&attr, &facts);
	if (libpq && seen->first.port[0] == '\0')
		keep_place(&seen->first, &facts);
	if (!facts.statement || facts.other)
		return;
	if (!libpq)
	{
		seen->sqlite++;
		return;
	}
	seen->libpq++;
	if (!facts.told)
		return;
	if (seen->told++ > 0)
		return;
	keep_place(&seen->place, &facts);
}

bool
run_seen_is_local(const run_seen *seen)
{
	return cli_host_is_local(seen->place.server);
}

void
run_seen_conninfo(const run_seen *seen, char *out, size_t size)
{
	const run_place *place = seen->told > 0 ? &seen->place : &seen->first;
	osp_buf text;

	osp_buf_init(&text, &osp_allocator_default, CONNINFO_MAX);
	cli_conninfo_add(&text, "host", place->server);
	cli_conninfo_add(&text, "port", place->port);
	cli_conninfo_add(&text, "dbname", place->database);
	cli_conninfo_add(&text, "user", place->user);
	(void) snprintf(out, size, "%s", text.len > 0 ? text.ptr : "");
	osp_buf_term(&text);
}
