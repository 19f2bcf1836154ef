/* SPDX-License-Identifier: Apache-2.0
 *
 * test_rediscluster.c
 *	  The redis driver and a cluster of three servers: the suite for all drivers, and
 *	  slots that move while points are stored.
 */
#include "redis_group.h"

#include <stdio.h>
#include <stdlib.h>

static char uri[128];

static const char *const names[] = {"1", "2", "3"};

static const char *
cluster_uri(void)
{
	return uri;
}

static void
reset(void)
{
	size_t i;

	if (group_dir[0] == '\0')
		(void) snprintf(uri,
						sizeof(uri),
						"redis://127.0.0.1:%d",
						group_start("cluster", ""));
	for (i = 0; i < 3; i++)
		group_do(names[i], "FLUSHALL");
}

/* The text or the number of a reply (static). */
static const char *
ask(const char *name, const char *command)
{
	static char text[64];
	redisReply *reply = group_command(name, command);

	if (reply->type == REDIS_REPLY_INTEGER)
		(void) snprintf(text, sizeof(text), "%lld", reply->integer);
	else
		(void) snprintf(text, sizeof(text), "%s", reply->str);
	freeReplyObject(reply);
	return text;
}

/* The move of a slot from one node to another. */
typedef struct move
{
	unsigned slot;
	const char *from;
	const char *to;
	char from_id[64];
	char to_id[64];
} move;

/* Chooses the move of the slot that this key belongs to. */
static void
find_move(move *m, const char *key)
{
	char command[128];
	size_t i;

	(void) snprintf(command, sizeof(command), "CLUSTER KEYSLOT %s", key);
	m->slot = (unsigned) strtoul(ask("1", command), NULL, 10);
	m->from = NULL;
	for (i = 0; i < 3; i++)
	{
		(void) snprintf(command, sizeof(command), "EXISTS %s", key);
		if (strcmp(ask(names[i], command), "1") == 0)
			m->from = names[i];
	}
	assert_non_null(m->from);
	m->to = strcmp(m->from, "1") == 0 ? "2" : "1";
	(void) snprintf(
		m->from_id, sizeof(m->from_id), "%s", ask(m->from, "CLUSTER MYID"));
	(void) snprintf(
		m->to_id, sizeof(m->to_id), "%s", ask(m->to, "CLUSTER MYID"));
}

static void
begin_move(const move *m)
{
	group_do(m->to, "CLUSTER SETSLOT %d IMPORTING %s", m->slot, m->from_id);
	group_do(m->from, "CLUSTER SETSLOT %d MIGRATING %s", m->slot, m->to_id);
}

static void
move_key(const move *m, const char *key)
{
	group_do(m->from, "MIGRATE 127.0.0.1 %d %s 0 5000", group_port(m->to), key);
}

static void
end_move(const move *m)
{
	size_t i;

	group_do(m->to, "CLUSTER SETSLOT %d NODE %s", m->slot, m->to_id);
	for (i = 0; i < 3; i++)
		group_do(names[i], "CLUSTER SETSLOT %d NODE %s", m->slot, m->to_id);
}

/* The keys of one trace are in one slot; those of many traces are on all nodes. */
static void
test_keys(void **state)
{
	osp_driver_conn *conn = contract_open();
	long long keys = 0;
	char slot[64];
	points all;
	unsigned i;

	(void) state;
	points_init(&all);
	for (i = 0; i < 100; i++)
	{
		char id[16];

		(void) snprintf(id, sizeof(id), "t%u", i);
		points_add_error(&all, osp_str_of(id), i);
	}
	contract_store(conn, &all);
	for (i = 0; i < 3; i++)
	{
		long long here = strtoll(ask(names[i], "DBSIZE"), NULL, 10);

		assert_true(here > 20);
		keys += here;
	}
	assert_int_equal(keys, 202);
	(void) snprintf(slot,
					sizeof(slot),
					"%s",
					ask("1", "CLUSTER KEYSLOT osprofiler_opt:{t1}"));
	assert_string_equal(ask("1", "CLUSTER KEYSLOT osprofiler_error:{t1}"),
						slot);
	points_term(&all);
	contract_close(conn);
}

/* A slot is moved: before, between and after the keys of a trace. */
static void
test_moving_slot(void **state)
{
	osp_driver_conn *conn = contract_open();
	osp_driver_conn *reader = contract_open_reader();
	collected list;
	points all;
	points part;
	unsigned i;
	move m;

	(void) state;
	points_init(&all);
	for (i = 0; i < 50; i++)
		points_add_error(&all, group_trace, i);
	part = (points){.items = all.items, .count = 10};
	contract_store(conn, &part);
	contract_expect(reader, group_trace, &part);
	find_move(&m, "osprofiler_opt:{trace}");
	group_do(m.from, "DEL osprofiler_error:{trace}");

	/* The key for the trace's error is new, so it is made on the other node. */
	begin_move(&m);
	part.items += 10;
	contract_store(conn, &part);

	/* The list has moved to the other node, but the cluster does not announce that
	 * yet. */
	move_key(&m, "osprofiler_opt:{trace}");
	part.items += 10;
	contract_store(conn, &part);
	part.items += 10;
	contract_store(conn, &part);
	part = (points){.items = all.items, .count = 40};
	contract_expect(reader, group_trace, &part);
	contract_expect(conn, group_trace, &part);
	contract_list(reader, false, &list);
	assert_int_equal(list.count, 1);
	collected_term(&list);
	contract_list(reader, true, &list);
	assert_int_equal(list.count, 1);
	collected_term(&list);

	/* The cluster announces that the slot has moved. */
	end_move(&m);
	part = (points){.items = all.items + 40, .count = 10};
	contract_store(conn, &part);
	contract_expect(conn, group_trace, &all);
	contract_expect(reader, group_trace, &all);
	points_term(&all);
	contract_close(reader);
	contract_close(conn);
}

typedef struct mover
{
	collected got;
	move m;
} mover;

static osp_status
collect_and_move(void *ctx, osp_str json)
{
	mover *r = ctx;

	if (r->got.count == 100)
	{
		begin_move(&r->m);
		move_key(&r->m, "osprofiler_opt:{trace}");
	}
	if (r->got.count == 6000)
		end_move(&r->m);
	return collect_point(&r->got, json);
}

/* A trace is moved while it is read. */
static void
test_moving_trace(void **state)
{
	osp_driver_conn *conn = contract_open();
	mover r;
	points all;
	size_t i;

	(void) state;
	points_init(&all);
	points_fill(&all, group_trace, 0, 9000);
	contract_store(conn, &all);
	find_move(&r.m, "osprofiler_opt:{trace}");
	collected_init(&r.got);
	assert_int_equal(osp_driver_redis.get_points(
						 conn, group_trace, collect_and_move, &r, NULL),
					 OSP_OK);
	assert_int_equal(r.got.count, 9000);
	for (i = 0; i < 9000; i++)
		assert_string_equal(r.got.texts[i], all.items[i].json.ptr);
	collected_term(&r.got);
	points_term(&all);
	contract_close(conn);
}

/* Makes traces on all nodes. */
static void
fill_all_nodes(points *all)
{
	unsigned i;

	points_init(all);
	for (i = 0; i < 300; i++)
	{
		char id[16];

		(void) snprintf(id, sizeof(id), "t%u", i);
		points_fill(all, osp_str_of(id), 2 * i, 2);
	}
}

/* A node dies and is started again. The driver knows it from its slots, or only from
 * the hosts in the connection string. */
static void
test_dead_node(void **state)
{
	char several[256];
	osp_driver_conn *conn;
	osp_driver_conn *fresh;
	collected list;
	points all;

	(void) state;
	(void) snprintf(several,
					sizeof(several),
					"redis://127.0.0.1:%d,127.0.0.1:%d",
					group_port("3"),
					group_port("1"));
	conn = contract_open();
	fill_all_nodes(&all);
	contract_store(conn, &all);
	group_do("3", "CLUSTER SAVECONFIG");
	group_kill("3");
	assert_non_null(
		strstr(contract_store_fails(conn, &all, OSP_EUNAVAIL), "redis at"));
	fresh = contract_open_as(several, false, TIMEOUT_MS);
	assert_non_null(
		strstr(contract_store_fails(fresh, &all, OSP_EUNAVAIL), "redis at"));
	group_restart("3", "--cluster-enabled yes --cluster-node-timeout 1000");
	(void) group_store(conn, &all);
	(void) group_store(fresh, &all);
	contract_list(conn, false, &list);
	assert_int_equal(list.count, 300);
	collected_term(&list);
	points_term(&all);
	contract_close(fresh);
	contract_close(conn);
}

/* The driver waits for a node that hangs as long as the call may take. */
static void
test_silent_node(void **state)
{
	osp_driver_conn *conn = contract_open_as(uri, false, 300);
	char line[256];
	points all;
	long begin;

	(void) state;
	fill_all_nodes(&all);
	contract_store(conn, &all);
	(void) snprintf(
		line, sizeof(line), "kill -STOP $(cat '%s/2/pid')", group_dir);
	assert_int_equal(system(line), 0);
	begin = contract_now_ms();
	assert_non_null(strstr(contract_store_fails(conn, &all, OSP_EUNAVAIL),
						   "does not answer within 300 ms"));
	assert_true(contract_now_ms() - begin < 2000);
	memcpy(strstr(line, "STOP"), "CONT", 4);
	assert_int_equal(system(line), 0);
	(void) group_store(conn, &all);
	group_expect_all(conn, OSP_STR("t7"), &all);
	points_term(&all);
	contract_close(conn);
}

/* A value that one node refuses does not affect other values. */
static void
test_value_too_long(void **state)
{
	osp_driver_conn *conn = contract_open();
	const size_t length = 3 * 1024 * 1024;
	char *text = malloc(length);
	osp_error err = {OSP_OK, ""};
	size_t accepted = 0;
	collected list;
	points all;
	size_t i;

	(void) state;
	assert_non_null(text);
	memset(text, 'x', length);
	for (i = 0; i < 3; i++)
		group_do(names[i], "CONFIG SET proto-max-bulk-len 1048576");
	fill_all_nodes(&all);
	points_add(&all, OSP_STR("t100"), 1000, osp_str_n(text, length));
	points_add(&all, OSP_STR("t101"), 1001, osp_str_n(text, length));
	assert_int_equal(
		osp_driver_redis.notify(conn, all.items, all.count, &accepted, &err),
		OSP_EREFUSED);
	assert_int_equal(accepted, 600);
	assert_non_null(strstr(err.msg, "long"));
	contract_list(conn, false, &list);
	assert_int_equal(list.count, 300);
	collected_term(&list);
	for (i = 0; i < 3; i++)
		group_do(names[i], "CONFIG SET proto-max-bulk-len 536870912");
	free(text);
	points_term(&all);
	contract_close(conn);
}

/* A cluster has only database 0. */
static void
test_database(void **state)
{
	char text[160];

	(void) state;
	(void) snprintf(text, sizeof(text), "%s/1", uri);
	group_store_fails(text, "SELECT is not allowed in cluster mode");
}

int
main(void)
{
	static const char *const bad_strings[] = {"redis://host,other:port",
											  "redis://host,?",
											  "redis+cluster://host",
											  "redis://host?cluster=1",
											  NULL};
	static const backend b = {.name = "redis",
							  .driver = &osp_driver_redis,
							  .reset = reset,
							  .finish = group_finish,
							  .connection_string = cluster_uri,
							  .bad_strings = bad_strings};
	static const struct CMUnitTest own[] = {
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_moving_slot),
		cmocka_unit_test(test_moving_trace),
		cmocka_unit_test(test_dead_node),
		cmocka_unit_test(test_silent_node),
		cmocka_unit_test(test_value_too_long),
		cmocka_unit_test(test_database),
	};

	if (!script_server_exists(REDIS_GROUP))
		return contract_skip("there is no redis-server");
	return contract_run(&b, own, sizeof(own) / sizeof(own[0]));
}
