/* SPDX-License-Identifier: Apache-2.0
 *
 * stored_points.c
 *	  Notifications for the tests of drivers.
 */
#include "tap.h"

#include "stored_points.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "osprofiler/json.h"

#define TEXT_MAX ((size_t) 256 * 1024 * 1024)

/* Makes room for one more element. */
static void *
grown(void *array, size_t count, size_t *cap, size_t size)
{
	if (count == *cap)
	{
		*cap = *cap > 0 ? 2 * *cap : 64;
		array = realloc(array, *cap * size);
		assert_non_null(array);
	}
	return array;
}

void
points_init(points *p)
{
	memset(p, 0, sizeof(*p));
}

void
points_term(points *p)
{
	size_t i;

	for (i = 0; i < p->text_count; i++)
		free(p->texts[i]);
	free(p->texts);
	free(p->items);
	points_init(p);
}

/* Takes ownership of the text of a buffer. */
static osp_str
keep(points *p, osp_buf *buf)
{
	size_t len = buf->len;
	char *text = osp_buf_take(buf);

	assert_non_null(text);
	p->texts =
		grown(p->texts, p->text_count, &p->text_cap, sizeof(p->texts[0]));
	p->texts[p->text_count++] = text;
	return osp_str_n(text, len);
}

static osp_str
keep_copy(points *p, osp_str text)
{
	osp_buf buf;

	osp_buf_init(&buf, &osp_allocator_default, TEXT_MAX);
	osp_buf_add_str(&buf, text);
	return keep(p, &buf);
}

static osp_str
keep_format(points *p, const char *format, unsigned number)
{
	char text[64];

	(void) snprintf(text, sizeof(text), format, number);
	return keep_copy(p, osp_str_of(text));
}

void
points_timestamp(unsigned number, char out[OSP_TIMESTAMP_LEN + 1])
{
	(void) snprintf(out,
					OSP_TIMESTAMP_LEN + 1,
					"2026-11-22T15:%02u:%02u.%06u",
					number / 1000000000 % 60,
					number / 1000000 % 60,
					number % 1000000);
}

/* Makes the object info of a start or a stop. */
static osp_str
make_info(points *p, osp_str statement, bool error)
{
	osp_buf buf;

	osp_buf_init(&buf, &osp_allocator_default, TEXT_MAX);
	osp_buf_add_str(&buf, OSP_STR("{\"db\": {\"statement\": "));
	osp_json_string(&buf, statement);
	osp_buf_add_str(&buf, OSP_STR("}, "));
	if (error)
		osp_buf_add_str(&buf,
						OSP_STR("\"etype\": \"division_by_zero\", "
								"\"message\": \"division by zero\", "));
	osp_buf_add_str(&buf, OSP_STR("\"host\": \"db1\"}"));
	return keep(p, &buf);
}

static void
add_member(osp_buf *buf, const char *before, osp_str value)
{
	osp_buf_add_str(buf, osp_str_of(before));
	osp_json_string(buf, value);
}

/* Sets the source as if each process had a ring for each trace. */
static void
set_source(osp_notification *n, unsigned number)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);
	pid_t pid = getpid();
	size_t i;

	for (i = 0; i < n->base_id.len; i++)
		hash = (hash ^ (unsigned char) n->base_id.ptr[i]) *
			   UINT64_C(0x100000001b3);
	memcpy(n->source.bytes, &pid, sizeof(pid));
	memcpy(n->source.bytes + 8, &hash, sizeof(hash));
	n->sequence = number + 1;
}

static void
add_named(points *p, osp_str base_id, unsigned number, osp_str name,
		  osp_str info, osp_str service, bool error)
{
	char timestamp[OSP_TIMESTAMP_LEN + 1];
	osp_notification *n;
	size_t before;
	osp_buf buf;

	p->items = grown(p->items, p->count, &p->cap, sizeof(p->items[0]));
	n = &p->items[p->count++];
	memset(n, 0, sizeof(*n));
	points_timestamp(number, timestamp);
	n->base_id = keep_copy(p, base_id);
	n->name = name;
	n->trace_id = keep_format(p, "aaaaaaaa-bbbb-4ccc-8ddd-%012x", number / 2);
	n->parent_id = n->base_id;
	n->timestamp = keep_copy(p, osp_str_of(timestamp));
	n->host = OSP_STR("db1");
	n->project = OSP_STR("");
	n->service = service;
	n->error = error;
	set_source(n, number);
	n->info = info;

	osp_buf_init(&buf, &osp_allocator_default, TEXT_MAX);
	add_member(&buf, "{\"name\": ", n->name);
	add_member(&buf, ", \"base_id\": ", n->base_id);
	add_member(&buf, ", \"trace_id\": ", n->trace_id);
	add_member(&buf, ", \"parent_id\": ", n->parent_id);
	add_member(&buf, ", \"timestamp\": ", n->timestamp);
	osp_buf_add_str(&buf, OSP_STR(", \"info\": "));
	before = buf.len;
	osp_buf_add_str(&buf, n->info);
	osp_buf_add_str(&buf, OSP_STR(", \"project\": null, \"service\": "));
	osp_json_string(&buf, n->service);
	osp_buf_add_char(&buf, '}');
	n->json = keep(p, &buf);
	n->info = osp_str_n(n->json.ptr + before, n->info.len);
}

static void
add(points *p, osp_str base_id, unsigned number, osp_str statement,
	osp_str service, bool error)
{
	add_named(p,
			  base_id,
			  number,
			  number % 2 == 0 ? OSP_STR("pg-start") : OSP_STR("pg-stop"),
			  make_info(p, statement, error),
			  service,
			  error);
}

void
points_add_info(points *p, osp_str base_id, unsigned number, const char *name,
				const char *info, osp_str service)
{
	add_named(
		p, base_id, number, osp_str_of(name), osp_str_of(info), service, false);
}

void
points_add(points *p, osp_str base_id, unsigned number, osp_str statement)
{
	add(p, base_id, number, statement, OSP_STR("shop"), false);
}

void
points_add_of(points *p, osp_str base_id, unsigned number, osp_str statement,
			  osp_str service)
{
	add(p, base_id, number, statement, service, false);
}

void
points_add_error(points *p, osp_str base_id, unsigned number)
{
	add(p, base_id, number | 1, OSP_STR("SELECT 1 / 0"), OSP_STR("shop"), true);
}

void
points_fill(points *p, osp_str base_id, unsigned first, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		points_add(p,
				   base_id,
				   first + (unsigned) i,
				   OSP_STR("SELECT abalance FROM accounts WHERE aid = $1"));
}

void
collected_init(collected *c)
{
	memset(c, 0, sizeof(*c));
}

void
collected_term(collected *c)
{
	size_t i;

	for (i = 0; i < c->count; i++)
	{
		free(c->texts[i]);
		free(c->timestamps[i]);
	}
	free(c->texts);
	free(c->timestamps);
	collected_init(c);
}

static osp_status
collect(collected *c, osp_str text, osp_str timestamp)
{
	size_t cap = c->cap;

	c->texts = grown(c->texts, c->count, &cap, sizeof(c->texts[0]));
	c->timestamps =
		grown(c->timestamps, c->count, &c->cap, sizeof(c->timestamps[0]));
	c->texts[c->count] = osp_strdup(&osp_allocator_default, text);
	c->timestamps[c->count] = osp_strdup(&osp_allocator_default, timestamp);
	assert_non_null(c->texts[c->count]);
	assert_non_null(c->timestamps[c->count]);
	c->count++;
	return c->count == c->stop_after ? OSP_EPROTO : OSP_OK;
}

osp_status
collect_point(void *ctx, osp_str json)
{
	return collect(ctx, json, OSP_STR(""));
}

osp_status
collect_trace(void *ctx, const osp_trace_entry *entry)
{
	char timestamp[OSP_TIMESTAMP_LEN + 1] = "";

	if (entry->first_ns != 0)
		osp_timestamp_text(entry->first_ns, timestamp);
	return collect(ctx, entry->base_id, osp_str_of(timestamp));
}

long
collected_find(const collected *c, const char *text)
{
	long place = -1;
	size_t i;

	for (i = 0; i < c->count; i++)
	{
		if (strcmp(c->texts[i], text) != 0)
			continue;
		assert_int_equal(place, -1);
		place = (long) i;
	}
	return place;
}
