/* SPDX-License-Identifier: Apache-2.0
 *
 * test_redissentinel.c
 *	  The redis driver with a sentinel: the suite for all drivers, logins, and fail-over
 *	  while points are stored.
 */
#include "redis_group.h"
#include "stranger.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int sentinel_port;

/* The connection string redissentinel://LOGIN127.0.0.1:PORT, followed by rest
 * (static). */
static const char *
uri_of(const char *login, const char *rest)
{
	static char text[256];

	(void) snprintf(text,
					sizeof(text),
					"redissentinel://%s127.0.0.1:%d%s",
					login,
					sentinel_port,
					rest);
	return text;
}

static const char *
service_uri(void)
{
	return uri_of("", "/mymaster");
}

/* The name of the current master. */
static const char *
master(void)
{
	redisReply *reply =
		group_command("s", "SENTINEL GET-MASTER-ADDR-BY-NAME mymaster");
	bool is_a;

	assert_int_equal(reply->elements, 2);
	is_a = strtol(reply->element[1]->str, NULL, 10) == (long) group_port("a");
	freeReplyObject(reply);
	return is_a ? "a" : "b";
}

static void
reset(void)
{
	if (group_dir[0] == '\0')
		sentinel_port = group_start("sentinel", "");
	group_do(master(), "FLUSHALL");
}

/* Does the replica have all data that the master has written? While a replica loads its
 * first copy, the master reports it as "online", but it confirms nothing. */
static bool
has_replica(const char *info)
{
	const char *online = strstr(info, "state=online,offset=");
	const char *written = strstr(info, "master_repl_offset:");

	return online != NULL && written != NULL &&
		   strtoll(strchr(online, ',') + strlen(",offset="), NULL, 10) ==
			   strtoll(strchr(written, ':') + 1, NULL, 10);
}

/* Waits until the master has this number of replicas with all data. */
static void
wait_for_replicas(const char *name, long long count)
{
	long end = contract_now_ms() + 15000;
	long long got = -1;

	while (got != count && contract_now_ms() < end)
	{
		redisReply *reply = group_command(name, "INFO replication");

		got = strstr(reply->str, "role:master") == NULL
				  ? -1
				  : has_replica(reply->str);
		freeReplyObject(reply);
		(void) usleep(20000);
	}
	assert_int_equal(got, count);
}

/* The default name of a service, and several sentinels of which only one exists. */
static void
test_strings(void **state)
{
	static const char *const rests[] = {
		"", "/", "/mymaster/", "?db=0", "/%6dymaster", ",127.0.0.1:1/mymaster"};
	char text[128];
	osp_driver_conn *conn;
	points all;
	size_t i;

	(void) state;
	points_init(&all);
	points_fill(&all, group_trace, 0, 1);
	for (i = 0; i < sizeof(rests) / sizeof(rests[0]); i++)
	{
		conn = contract_open_as(uri_of("", rests[i]), false, TIMEOUT_MS);
		contract_store(conn, &all);
		contract_close(conn);
	}
	(void) snprintf(text,
					sizeof(text),
					"redissentinel://127.0.0.1:1,localhost:1,127.0.0.1:%d",
					sentinel_port);
	conn = contract_open_as(text, false, TIMEOUT_MS);
	contract_store(conn, &all);
	contract_close(conn);
	points_term(&all);
	group_store_fails(uri_of("", "/other"), "knows no service other");
	group_store_fails("redissentinel://127.0.0.1:1", "sentinel at 127.0.0.1:1");
	(void) snprintf(
		text, sizeof(text), "redissentinel://127.0.0.1:%d", group_port("a"));
	group_store_fails(text, "unknown command");
}

/* A sentinel is skipped if it is silent, or if its answer is no address. */
static void
test_strange_sentinels(void **state)
{
	static const char *const answers[] = {"",
										  "*-1\r\n",
										  "*2\r\n:1\r\n:2\r\n",
										  "*2\r\n$1\r\nh\r\n$1\r\n0\r\n",
										  "*2\r\n$1\r\nh\r\n$1\r\nx\r\n",
										  "HTTP/1.1 400 Bad Request\r\n\r\n",
										  "-LOADING\r\n"};
	osp_driver_conn *conn;
	char text[128];
	points all;
	size_t i;
	int port;
	int fd = listen_mute(5, &port);

	(void) state;
	points_init(&all);
	points_fill(&all, group_trace, 0, 1);
	(void) snprintf(text,
					sizeof(text),
					"redissentinel://127.0.0.1:%d,127.0.0.1:%d",
					port,
					sentinel_port);
	conn = contract_open_as(text, false, 200);
	contract_store(conn, &all);
	contract_close(conn);
	(void) close(fd);
	for (i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
	{
		const stranger who = {.text = answers[i]};
		pid_t pid = start_stranger(&who, &port);

		(void) snprintf(
			text, sizeof(text), "redissentinel://127.0.0.1:%d", port);
		group_store_fails(text, "sentinel");
		(void) snprintf(text,
						sizeof(text),
						"redissentinel://127.0.0.1:%d,127.0.0.1:%d",
						port,
						sentinel_port);
		conn = contract_open_as(text, false, TIMEOUT_MS);
		contract_store(conn, &all);
		contract_close(conn);
		end_stranger(pid);
	}
	points_term(&all);
}

/* Stores batches one by one until the other server is the master, and then some more.
 * Before the tenth batch it calls happens(). Returns how many batches were stored;
 * *failed is the number of failed attempts. */
static size_t
store_while(osp_driver_conn *conn, const points *all, void (*happens)(void),
			unsigned *failed)
{
	const char *before = master();
	size_t after = 0;
	size_t at;

	*failed = 0;
	for (at = 0; at < all->count && after < 20; at += 10)
	{
		points part = {.items = all->items + at, .count = 10};

		if (at == 100)
			happens();
		*failed += group_store(conn, &part);
		after += strcmp(master(), before) != 0;
		(void) usleep(at > 100 ? 5000 : 0);
	}
	assert_int_equal(after, 20);
	return at;
}

static void
fail_over_in_order(void)
{
	group_do("s", "SENTINEL FAILOVER mymaster");
}

static void
kill_master(void)
{
	group_kill(master());
}

/* Makes a server a replica of the master, which the sentinel would do after 10 s. */
static void
make_replica(const char *name)
{
	group_do(name, "REPLICAOF 127.0.0.1 %d", group_port(master()));
	wait_for_replicas(master(), 1);
}

/* An administrator makes another server the master. For some seconds the old master
 * still accepts writes. Then it becomes a replica, and refuses them. */
static void
test_switch(void **state)
{
	const char *before = master();
	osp_driver_conn *conn = contract_open();
	osp_driver_conn *other = contract_open();
	unsigned failed;
	points all;
	points part = {.count = 10};

	(void) state;
	wait_for_replicas(before, 1);
	points_init(&all);
	points_fill(&all, group_trace, 0, 20000);
	part.items = all.items;
	contract_store(other, &part);
	all.count = store_while(conn, &all, fail_over_in_order, &failed);
	group_expect_all(conn, group_trace, &all);
	make_replica(before);
	part.items = all.items + all.count;
	assert_true(group_store(other, &part) > 0);
	all.count += 10;
	group_expect_all(conn, group_trace, &all);
	contract_close(other);
	contract_close(conn);
	all.count = 20000;
	points_term(&all);
}

/* All batches that were confirmed before the master died are on the new master. */
static void
test_death(void **state)
{
	const char *before = master();
	osp_driver_conn *conn = contract_open();
	unsigned failed;
	points all;

	(void) state;
	wait_for_replicas(before, 1);
	points_init(&all);
	points_fill(&all, group_trace, 0, 20000);
	all.count = store_while(conn, &all, kill_master, &failed);
	assert_true(failed > 0);
	group_expect_all(conn, group_trace, &all);
	group_restart(before, "--repl-diskless-sync-delay 0");
	make_replica(before);
	contract_close(conn);
	all.count = 20000;
	points_term(&all);
}

/* The driver waits for a replica that hangs once, not with each batch. */
static void
test_slow_replica(void **state)
{
	const char *other = strcmp(master(), "a") == 0 ? "b" : "a";
	osp_driver_conn *conn = contract_open();
	char line[256];
	points all;
	long begin;
	int i;

	(void) state;
	points_init(&all);
	points_fill(&all, group_trace, 0, 10);
	contract_store(conn, &all);
	(void) snprintf(
		line, sizeof(line), "kill -STOP $(cat '%s/%s/pid')", group_dir, other);
	assert_int_equal(system(line), 0);
	assert_non_null(
		strstr(contract_store_fails(conn, &all, OSP_EUNAVAIL), "no replica"));
	begin = contract_now_ms();
	for (i = 0; i < 10; i++)
		contract_store(conn, &all);
	assert_true(contract_now_ms() - begin < 2000);
	memcpy(strstr(line, "STOP"), "CONT", 4);
	assert_int_equal(system(line), 0);
	points_term(&all);
	contract_close(conn);
}

static void
test_passwords(void **state)
{
	const char *data = "--requirepass secret --masterauth secret";

	(void) state;
	group_finish();
	assert_int_equal(setenv("REDIS_SENTINEL",
							"sentinel auth-pass mymaster secret\n"
							"requirepass word",
							1),
					 0);
	assert_int_equal(setenv("REDISCLI_AUTH", "secret", 1), 0);
	sentinel_port = group_start("sentinel", data);
	assert_int_equal(unsetenv("REDIS_SENTINEL"), 0);
	group_store_fails(uri_of("", ""), "sentinel at 127.0.0.1");
	group_store_fails(uri_of("", "?sentinel_password=word"), "password");
	group_store_fails(uri_of(":secret@", ""), "WRONGPASS");
	group_store_fails(uri_of(":secret@", "?sentinel_password=wrong"),
					  "WRONGPASS");
	group_store_fails(uri_of(":wrong@", "?sentinel_password=word"),
					  "WRONGPASS");
	{
		osp_driver_conn *conn = contract_open_as(
			uri_of(":secret@", "?sentinel_password=word&sentinel_user=default"),
			false,
			TIMEOUT_MS);
		points all;

		points_init(&all);
		points_fill(&all, group_trace, 0, 1);
		contract_store(conn, &all);
		contract_expect(conn, group_trace, &all);
		points_term(&all);
		contract_close(conn);
	}
}

int
main(void)
{
	static const char *const bad_strings[] = {
		"redissentinel://host:port",
		"redissentinel://host?service=x",
		"redissentinel://host?ssl_ca_certs=/ca",
		"redissentinel://host?ssl=perhaps",
		"redissentinel://host,,other",
		"redis+sentinel://host",
		NULL};
	static const backend b = {.name = "redis",
							  .driver = &osp_driver_redis,
							  .reset = reset,
							  .finish = group_finish,
							  .connection_string = service_uri,
							  .bad_strings = bad_strings};
	static const struct CMUnitTest own[] = {
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_strange_sentinels),
		cmocka_unit_test(test_switch),
		cmocka_unit_test(test_death),
		cmocka_unit_test(test_slow_replica),
		cmocka_unit_test(test_passwords),
	};

	if (!script_server_exists(REDIS_GROUP))
		return contract_skip("there is no redis-server");
	return contract_run(&b, own, sizeof(own) / sizeof(own[0]));
}
