/* SPDX-License-Identifier: Apache-2.0
 *
 * otlp_open_operations.c
 *	  The start and the stop of an operation in different batches: in either order, to
 *	  different agents, repeated, or missing.
 */
#include "otlp_tests.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "tempdir.h"

static const char pg_info[] = "{\"db\": {\"statement\": \"SELECT a FROM t\"}}";

/* Opens a connection as an agent with this state directory, which may be NULL. */
static osp_driver_conn *
open_agent(const char *state, const char *options, bool last)
{
	osp_driver_options o = contract_options(otlp_test_uri(options));

	o.timeout_ms = 10 * TIMEOUT_MS;
	o.state_directory = state;
	o.last = last;
	return contract_open_with(&o);
}

static void
start_of(notes *n, unsigned id)
{
	notes_init(n);
	notes_start(n, "pg", id, 0, pg_info);
}

static void
stop_of(notes *n, unsigned id)
{
	notes_init(n);
	notes_stop(n, "pg", id, 0, "{\"elapsed_ns\": 777}");
}

static void
store_start(osp_driver_conn *conn, unsigned id)
{
	notes n;

	start_of(&n, id);
	notes_store(conn, &n, 0);
	notes_term(&n);
}

static void
store_stop(osp_driver_conn *conn, unsigned id)
{
	notes n;

	stop_of(&n, id);
	notes_store(conn, &n, 0);
	notes_term(&n);
}

static void
assert_whole(unsigned id)
{
	const otlp_test_span *span = receiver_find(otlp_test_id(id));

	assert_string_equal(span->name, "SELECT t");
	assert_int_equal(span->end_time_unix_nano - span->start_time_unix_nano,
					 777);
	assert_null(receiver_attribute(span, "osprofiler.unfinished"));
	assert_null(receiver_attribute(span, "osprofiler.start_lost"));
}

void
test_otlp_across_batches(void **state)
{
	osp_driver_conn *conn = open_agent(NULL, "", false);
	unsigned id;

	(void) state;
	for (id = 1; id <= 50; id++)
		store_start(conn, id);
	assert_int_equal(receiver_requests(), 0);
	for (id = 50; id >= 1; id--)
		store_stop(conn, id);
	contract_close(conn);
	assert_int_equal(receiver_spans(), 50);
	for (id = 1; id <= 50; id++)
		assert_whole(id);
}

/* A stop may arrive before its start, because each thread has its own ring. */
void
test_otlp_stop_first(void **state)
{
	osp_driver_conn *conn = open_agent(NULL, "", false);
	notes n;

	(void) state;
	store_stop(conn, 1);
	store_start(conn, 1);
	notes_init(&n);
	notes_stop(&n, "pg", 2, 0, "{\"elapsed_ns\": 777}");
	notes_start(&n, "pg", 2, 0, pg_info);
	notes_store(conn, &n, 0);
	notes_term(&n);
	contract_close(conn);
	assert_int_equal(receiver_spans(), 2);
	assert_whole(1);
	assert_whole(2);
}

/* One agent takes the starts and is killed or ended; another one takes the stops. */
void
test_otlp_agent_restart(void **state)
{
	const char *dir = tempdir_make();
	osp_driver_conn *killed = open_agent(dir, "", false);
	osp_driver_conn *next;
	struct stat st;
	char file[300];
	unsigned id;

	(void) state;
	for (id = 1; id <= 3; id++)
		store_start(killed, id);
	store_stop(killed, 4);
	store_stop(killed, 2);
	(void) snprintf(file, sizeof(file), "%s/otlp", dir);
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);

	next = open_agent(dir, "", false);
	store_start(next, 4);
	store_stop(next, 1);
	contract_close(next);
	next = open_agent(dir, "", false);
	store_stop(next, 3);
	contract_close(next);
	assert_int_equal(receiver_spans(), 4);
	for (id = 1; id <= 4; id++)
		assert_whole(id);

	/* The next agent has nothing left to send. */
	next = open_agent(dir, "", true);
	contract_close(next);
	assert_int_equal(receiver_spans(), 4);

	/* The killed agent is still in this process. What it has in memory must not reach
	 * the receiver. */
	receiver_answer(503, NULL, OSP_STR(""), 0);
	contract_close(killed);
	tempdir_remove();
}

/* After a crash a batch that was taken is delivered again, perhaps divided into
 * other batches. Its stops get the same spans, also if their starts came in an
 * earlier batch. */
void
test_otlp_sent_again(void **state)
{
	const char *dir = tempdir_make();
	osp_driver_conn *conn = open_agent(dir, "", false);
	osp_driver_conn *next;
	notes batch;
	unsigned id;

	(void) state;
	store_start(conn, 1);
	notes_init(&batch);
	notes_start(&batch, "pg", 2, 0, pg_info);
	notes_stop(&batch, "pg", 2, 0, "{\"elapsed_ns\": 777}");
	notes_start(&batch, "pg", 3, 0, pg_info);
	notes_stop(&batch, "pg", 1, 0, "{\"elapsed_ns\": 777}");
	notes_store(conn, &batch, 0);

	next = open_agent(dir, "", false);
	batch.count = 2;
	notes_store(next, &batch, 0);
	batch.count = 4;
	notes_store(next, &batch, 2);
	store_stop(next, 3);
	contract_close(next);
	contract_close(conn);
	batch.count = 4;
	notes_term(&batch);
	for (id = 1; id <= 3; id++)
	{
		size_t i;

		assert_int_equal(receiver_copies(otlp_test_id(id)), id == 3 ? 1 : 2);
		for (i = 0; i < receiver_spans(); i++)
			assert_string_equal(receiver_span(i)->name, "SELECT t");
	}

	/* A start and its stop are repeated within one batch. */
	receiver_reset();
	conn = open_agent(NULL, "", false);
	notes_init(&batch);
	for (id = 0; id < 2; id++)
	{
		notes_start(&batch, "pg", 5, 0, pg_info);
		notes_stop(&batch, "pg", 5, 0, "{\"elapsed_ns\": 777}");
	}
	notes_store(conn, &batch, 0);
	contract_close(conn);
	assert_int_equal(receiver_spans(), 1);
	assert_whole(5);
	notes_term(&batch);
	tempdir_remove();
}

static void
assert_unfinished(unsigned id)
{
	const otlp_test_span *span = receiver_find(otlp_test_id(id));

	assert_true(receiver_attribute(span, "osprofiler.unfinished")->bool_value);
	assert_string_equal(span->name, "SELECT t");
	assert_int_equal(span->end_time_unix_nano, span->start_time_unix_nano);
}

void
test_otlp_unfinished(void **state)
{
	const char *dir = tempdir_make();
	osp_driver_conn *conn = open_agent(dir, "?unfinished=1s", false);
	const otlp_test_span *span;

	(void) state;
	store_start(conn, 1);
	(void) poll(NULL, 0, 1100);
	store_start(conn, 2);
	assert_int_equal(receiver_spans(), 1);
	assert_unfinished(1);

	/* The stop of the first operation arrives late. */
	receiver_reset();
	store_stop(conn, 1);
	assert_whole(1);

	/* An agent that is not the last one leaves its open operations to the others. */
	contract_close(conn);
	assert_int_equal(receiver_spans(), 1);
	conn = open_agent(dir, "", true);
	store_stop(conn, 3);
	contract_close(conn);
	assert_int_equal(receiver_spans(), 3);
	assert_unfinished(2);
	span = receiver_find(otlp_test_id(3));
	assert_true(receiver_attribute(span, "osprofiler.start_lost")->bool_value);
	assert_int_equal(span->end_time_unix_nano - span->start_time_unix_nano,
					 777);
	assert_string_equal(span->name, "pg");
	tempdir_remove();
}

/* The table of open operations is bounded: the oldest ones leave it first. */
void
test_otlp_too_many_open(void **state)
{
	osp_driver_conn *conn = open_agent(NULL, "", false);
	points all;
	size_t i;

	(void) state;
	points_init(&all);
	points_fill(&all, OSP_STR(OTLP_TRACE), 0, 50000);
	for (i = 0; i < all.count / 2; i++)
		all.items[i] = all.items[2 * i];
	all.count /= 2;
	contract_store(conn, &all);
	assert_int_equal(receiver_spans(), 5000);
	for (i = 0; i < 5000; i += 500)
		assert_int_equal(receiver_copies(otlp_test_id((unsigned) i)), 1);
	contract_close(conn);
	assert_int_equal(receiver_spans(), 25000);
	points_term(&all);
}

/* A damaged state file does not make the driver fail. */
void
test_otlp_damaged_state(void **state)
{
	static const char *const contents[] = {
		"",
		"nonsense\n",
		"osprofiler-otlp 2\n5 w {}\n",
		"osprofiler-otlp 1\nx\n\n5 w\n5 w \n5 w {}\n5 q {}\n-1 d []\n5",
		"osprofiler-otlp 1\n99999999999999999999999 w {\"name\": 1}\n"};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(contents) / sizeof(contents[0]); i++)
	{
		const char *dir = tempdir_make();
		osp_driver_conn *conn;
		char file[300];
		FILE *out;

		(void) snprintf(file, sizeof(file), "%s/otlp", dir);
		out = fopen(file, "w");
		assert_non_null(out);
		(void) fputs(contents[i], out);
		assert_int_equal(fclose(out), 0);
		receiver_reset();
		conn = open_agent(dir, "", false);
		store_start(conn, 1);
		contract_close(conn);
		conn = open_agent(dir, "", true);
		store_stop(conn, 1);
		contract_close(conn);
		assert_int_equal(receiver_spans(), 1);
		assert_whole(1);

		/* Neither does a state directory that cannot be written to. */
		tempdir_remove_this(dir);
		conn = open_agent(dir, "", false);
		store_start(conn, 2);
		store_stop(conn, 2);
		contract_close(conn);
		assert_whole(2);
		tempdir_remove();
	}
}
