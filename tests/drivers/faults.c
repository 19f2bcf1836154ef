/* SPDX-License-Identifier: Apache-2.0
 *
 * faults.c
 *	  Faults that every collector can have.
 */
#include "faults.h"

#include "failing_alloc.h"

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define FEW        3
#define MANY       50000
#define SILENCE_MS 300
#define HANGS_MS   2500
#define LATE_MS    300

/* Of strangers. */
#define STRANGE_TRACE    "trace"
#define STRANGE_POINTS   10
#define LARGE_MEMORY_MAX (1024 * 1024)
#define LARGE_LIMIT_MS   3000

bool
faults_is_late(void *ctx)
{
	return contract_now_ms() > *(long *) ctx;
}

/* ---- the server is stopped ---- */

static void
assert_contains(const char *message, const char *says)
{
	if (says != NULL && strstr(message, says) == NULL)
		fail_msg("not \"%s\": %s", says, message);
}

static void
assert_down(osp_driver_conn *conn, const points *p, const char *says)
{
	osp_driver_conn *other = contract_open();

	assert_contains(contract_store_fails(conn, p, OSP_EUNAVAIL), says);
	(void) contract_store_fails(other, p, OSP_EUNAVAIL);
	contract_close(other);
}

/* In every second round, beginning with the first one, storing is tried while the
 * server is down, so the driver notices the restart. After the restart, the first two
 * rounds read first, and the last two rounds store first. */
void
faults_restart(osp_str trace, const char *says)
{
	osp_driver_conn *conn = contract_open();
	unsigned round;
	points all;

	points_init(&all);
	for (round = 0; round < 4; round++)
	{
		bool stores_first = round >= 2;
		points batch;

		points_fill(&all, trace, round * FEW, FEW);
		batch = (points){.items = all.items + round * FEW, .count = FEW};
		if (!stores_first)
			contract_store(conn, &batch);
		script_server_stop(contract_backend->server);
		if (round % 2 == 0)
			assert_down(conn, &batch, says);
		contract_backend->start();
		if (stores_first)
			contract_store(conn, &batch);
		contract_expect(conn, trace, &all);
	}
	points_term(&all);
	contract_close(conn);
}

/* Kills the server after this time, from a child process. */
static pid_t
kill_later(unsigned after_us)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
	{
		(void) usleep(after_us);
		script_server_kill(contract_backend->server);
		_exit(0);
	}
	return pid;
}

size_t
faults_store_until_killed(osp_driver_conn *conn, const points *p,
						  const fault_kill *kill, bool *failed, osp_error *err)
{
	pid_t killer = kill_later(kill->after_us);
	osp_status status = OSP_OK;
	size_t confirmed = 0;
	size_t accepted = 0;

	while (status == OSP_OK && confirmed < kill->most)
	{
		status = contract_backend->driver->notify(
			conn, p->items + confirmed % p->count, kill->batch, &accepted, err);
		confirmed += status == OSP_OK ? kill->batch : 0;
	}
	*failed = status != OSP_OK;
	assert_int_equal(waitpid(killer, NULL, 0), killer);
	contract_backend->start();
	if (*failed)
	{
		assert_int_equal(status, OSP_EUNAVAIL);
		assert_int_equal(accepted, 0);
	}
	return confirmed;
}

void
faults_sent_again(osp_str trace)
{
	const fault_kill in_a_batch = {3000, 30000, 150000};
	osp_driver_conn *conn = contract_open();
	osp_error err = {OSP_OK, ""};
	bool failed;
	size_t done;
	points all;

	points_init(&all);
	points_fill(&all, trace, 0, in_a_batch.most);
	done = faults_store_until_killed(conn, &all, &in_a_batch, &failed, &err);
	for (; done < all.count; done += in_a_batch.batch)
	{
		points batch = {.items = all.items + done, .count = in_a_batch.batch};

		contract_store(conn, &batch);
	}
	contract_expect(conn, trace, &all);
	points_term(&all);
	contract_close(conn);
}

/* ---- the server is in trouble ---- */

/* Stores the points. A server that was just resumed may need several attempts, because
 * it has to handle the requests that waited. */
static void
store_soon(osp_driver_conn *conn, const points *p)
{
	long begin = contract_now_ms();
	osp_error err = {OSP_OK, ""};
	size_t accepted;

	while (contract_backend->driver->notify(
			   conn, p->items, p->count, &accepted, &err) != OSP_OK)
		if (contract_now_ms() - begin > HANGS_MS)
			fail_msg("notify: %s", err.msg);
}

static void
hangs_with(osp_str trace, size_t count, const char *says, const char *says_few)
{
	osp_driver_options options =
		contract_options(contract_backend->connection_string());
	osp_driver_conn *conn;
	osp_error err = {OSP_OK, ""};
	points few;
	points all;
	long begin;

	options.timeout_ms = SILENCE_MS;
	conn = contract_open_with(&options);
	points_init(&few);
	points_fill(&few, trace, 0, FEW);
	points_init(&all);
	points_fill(&all, trace, 0, count);
	contract_store(conn, &few);
	script_server_do(contract_backend->server, "pause");
	begin = contract_now_ms();
	assert_contains(contract_store_fails(conn, &all, OSP_EUNAVAIL), says);
	assert_contains(contract_store_fails(conn, &few, OSP_EUNAVAIL), says_few);
	assert_int_equal(contract_backend->driver->get_points(
						 conn, trace, collect_point, NULL, &err),
					 OSP_EUNAVAIL);
	assert_true(contract_now_ms() - begin < HANGS_MS);
	script_server_do(contract_backend->server, "resume");
	store_soon(conn, &few);
	points_term(&few);
	points_term(&all);
	contract_close(conn);
}

/* The host interrupts the driver while it stores, and while it reads. */
static void
ends_while_it_hangs(osp_str trace)
{
	osp_driver_options options =
		contract_options(contract_backend->connection_string());
	osp_driver_conn *conn;
	osp_error err = {OSP_OK, ""};
	long late = contract_now_ms() + 10 * HANGS_MS;
	points few;
	long begin;

	options.timeout_ms = 10 * HANGS_MS;
	options.interrupted = faults_is_late;
	options.interrupted_ctx = &late;
	points_init(&few);
	points_fill(&few, trace, 0, FEW);
	conn = contract_open_with(&options);
	contract_store(conn, &few);
	script_server_do(contract_backend->server, "pause");
	begin = contract_now_ms();
	late = begin + LATE_MS;
	(void) contract_store_fails(conn, &few, OSP_EINTR);
	late = contract_now_ms() + LATE_MS;
	assert_int_equal(contract_backend->driver->get_points(
						 conn, trace, collect_point, NULL, &err),
					 OSP_EINTR);
	contract_close(conn);
	assert_true(contract_now_ms() - begin < HANGS_MS);
	script_server_do(contract_backend->server, "resume");
	points_term(&few);
}

void
faults_hangs(osp_str trace, const char *says_few, const char *says_many)
{
	hangs_with(trace, FEW, says_few, says_few);
	hangs_with(trace, MANY, says_many, says_few);
	ends_while_it_hangs(trace);
}

/* Asserts that each notification in p is stored once, in any order. */
static void
expect_each(osp_driver_conn *conn, osp_str trace, const points *p)
{
	osp_error err = {OSP_OK, ""};
	collected got;
	size_t i;

	collected_init(&got);
	if (contract_backend->driver->get_points(
			conn, trace, collect_point, &got, &err) != OSP_OK)
		fail_msg("get_points: %s", err.msg);
	assert_int_equal(got.count, p->count);
	for (i = 0; i < p->count; i++)
		assert_true(collected_find(&got, p->items[i].json.ptr) >= 0);
	collected_term(&got);
}

/* Storing the notifications fails while the server is in trouble, and succeeds
 * afterwards. */
static void
store_in_trouble(osp_driver_conn *conn, const points *p,
				 const fault_trouble *cause, void (*apply)(const char *what))
{
	points before;

	points_init(&before);
	points_fill(&before, OSP_STR("before"), 0, FEW);
	contract_store(conn, &before);
	apply(cause->begin);
	assert_contains(contract_store_fails(conn, p, OSP_EUNAVAIL), cause->says);
	apply(cause->end);
	contract_store(conn, p);
	points_term(&before);
}

void
faults_trouble(osp_driver_conn *conn, const fault_trouble *causes, size_t count,
			   void (*apply)(const char *what))
{
	size_t i;

	for (i = 0; i < count; i++)
	{
		char trace[32];
		points all;

		(void) snprintf(trace, sizeof(trace), "trouble-%zu", i);
		points_init(&all);
		points_fill(&all, osp_str_of(trace), 0, 10);
		store_in_trouble(conn, &all, &causes[i], apply);
		contract_expect(conn, osp_str_of(trace), &all);
		points_term(&all);
	}
}

void
faults_trouble_of_some(osp_driver_conn *conn, const fault_trouble *cause,
					   void (*apply)(const char *what))
{
	const osp_str trace = OSP_STR("trouble of some");
	points all;

	points_init(&all);
	points_fill(&all, trace, 0, 10);
	store_in_trouble(conn, &all, cause, apply);
	expect_each(conn, trace, &all);
	points_term(&all);
}

/* ---- strangers: see stranger.h ---- */

static void
meet_stranger(const fault_limits *limits, const fault_stranger *it)
{
	osp_status expected = it->status != OSP_OK ? it->status : OSP_EUNAVAIL;
	unsigned patience = it->timeout_ms;
	osp_driver_options options;
	osp_driver_conn *conn;
	long begin;
	points all;
	char uri[96];
	int port;
	pid_t pid = start_stranger(&it->who, &port);

	(void) snprintf(uri,
					sizeof(uri),
					"%.64s%d%.16s",
					limits->uri,
					port,
					limits->rest != NULL ? limits->rest : "");
	options = contract_options(uri);
	options.timeout_ms = patience != 0 ? patience : limits->timeout_ms;
	options.deadline_ms = patience != 0 ? 0 : limits->deadline_ms;
	options.memory_max = limits->memory_max;
	begin = contract_now_ms();
	conn = contract_open_with(&options);
	points_init(&all);
	points_fill(&all, OSP_STR(STRANGE_TRACE), 0, STRANGE_POINTS);
	assert_contains(contract_store_fails(conn, &all, expected), it->says);
	assert_true(contract_now_ms() - begin < limits->all_ms);
	contract_close(conn);
	points_term(&all);
	end_stranger(pid);
}

void
faults_strangers(const fault_limits *limits, const fault_stranger *list,
				 size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		meet_stranger(limits, &list[i]);
}

/* Options for connecting to a stranger. Their texts are static. */
static osp_driver_options
stranger_options(const char *uri, int port)
{
	static char text[96];

	(void) snprintf(text, sizeof(text), "%.64s%d", uri, port);
	return contract_options(text);
}

static osp_status
read_from(const osp_driver_options *options)
{
	osp_driver_conn *conn = contract_open_with(options);
	osp_error err = {OSP_OK, ""};
	osp_status status = contract_backend->driver->get_points(
		conn, OSP_STR(STRANGE_TRACE), collect_point, NULL, &err);

	contract_close(conn);
	return status;
}

void
faults_drips(const char *uri, const stranger *list, size_t count)
{
	size_t i;

	for (i = 0; i < 2 * count; i++)
	{
		bool interrupts = i % 2 != 0;
		int port;
		pid_t pid = start_stranger(&list[i / 2], &port);
		osp_driver_options options = stranger_options(uri, port);
		long begin = contract_now_ms();
		long late = begin + 300;

		options.deadline_ms = interrupts ? 20000 : 400;
		options.timeout_ms = 10000;
		options.interrupted = interrupts ? faults_is_late : NULL;
		options.interrupted_ctx = &late;
		assert_int_equal(read_from(&options),
						 interrupts ? OSP_EINTR : OSP_EUNAVAIL);
		assert_true(contract_now_ms() - begin < 2000);
		end_stranger(pid);
	}
}

/* Reads, stores and lists. Asserts that storing fails, and returns the status of
 * reading. */
static osp_status
use_all(const osp_driver_options *options)
{
	const osp_driver *driver = contract_backend->driver;
	osp_driver_conn *conn = contract_open_with(options);
	osp_error err = {OSP_OK, ""};
	osp_status status = driver->get_points(
		conn, OSP_STR(STRANGE_TRACE), collect_point, NULL, &err);
	size_t accepted = 1;
	collected got;
	points all;

	points_init(&all);
	points_fill(&all, OSP_STR(STRANGE_TRACE), 0, FEW);
	assert_int_not_equal(
		driver->notify(conn, all.items, all.count, &accepted, &err), OSP_OK);
	assert_int_equal(accepted, 0);
	collected_init(&got);
	(void) driver->list_traces(conn, NULL, collect_trace, &got, NULL, &err);
	collected_term(&got);
	points_term(&all);
	contract_close(conn);
	return status;
}

void
faults_large_answers(const char *uri, const stranger *list, size_t count,
					 size_t full)
{
	size_t i;

	for (i = 0; i < count; i++)
	{
		int port;
		pid_t pid = start_stranger(&list[i], &port);
		osp_driver_options options = stranger_options(uri, port);
		failing_alloc fa;

		failing_alloc_init_counting(&fa);
		options.alc = &fa.alc;
		options.memory_max = LARGE_MEMORY_MAX;
		options.deadline_ms = LARGE_LIMIT_MS;
		assert_int_equal(use_all(&options),
						 i < full ? OSP_EFULL : OSP_EUNAVAIL);
		assert_true(fa.largest <= 2 * options.memory_max);
		end_stranger(pid);
	}
}
