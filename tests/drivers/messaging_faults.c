/* SPDX-License-Identifier: Apache-2.0
 *
 * messaging_faults.c
 *	  Faults of RabbitMQ: the broker restarts, is killed, hangs or refuses, or its
 *	  exchanges and queues have other properties than the driver expects.
 */
#include "faults.h"
#include "messaging_tests.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* The connection survives a restart between two batches. After the restart the durable
 * messages are there; a queue that is not durable is gone with its messages. */
void
test_restart(void **state)
{
	osp_driver_conn *conn = contract_open();
	osp_driver_conn *durable = contract_open_as(
		messaging_test_uri("", "?durable=1&topic=kept&exchange=kept"),
		false,
		TIMEOUT_MS);
	points all;
	points none;

	(void) state;
	points_init(&none);
	points_init(&all);
	points_fill(&all, messaging_trace, 0, 3);
	contract_store(conn, &all);
	contract_store(durable, &all);
	script_server_stop(&messaging_test_server);
	assert_non_null(strstr(contract_store_fails(conn, &all, OSP_EUNAVAIL),
						   "cannot connect"));
	messaging_test_start();
	contract_expect(conn, messaging_trace, &none);
	contract_expect(durable, messaging_trace, &all);
	contract_store(conn, &all);
	contract_expect(conn, messaging_trace, &all);
	points_term(&all);
	contract_close(durable);
	contract_close(conn);
}

/* All messages that were confirmed before the broker was killed are there afterwards. */
void
test_killed_during_batch(void **state)
{
	const fault_kill in_a_batch = {500, 100000, 400000};
	osp_driver_conn *conn = contract_open_as(
		messaging_test_uri("", "?durable=1&topic=killed&exchange=killed"),
		false,
		TIMEOUT_MS);
	osp_error err = {OSP_OK, ""};
	size_t confirmed;
	collected got;
	bool failed;
	points all;
	size_t i;

	(void) state;
	points_init(&all);
	points_fill(&all, messaging_trace, 0, in_a_batch.most);
	confirmed =
		faults_store_until_killed(conn, &all, &in_a_batch, &failed, &err);
	assert_true(failed);
	assert_null(strstr(err.msg, "cannot connect"));
	assert_true(confirmed > 0);
	collected_init(&got);
	assert_int_equal(osp_driver_messaging.get_points(
						 conn, messaging_trace, collect_point, &got, &err),
					 OSP_OK);
	assert_true(got.count >= confirmed);
	for (i = 0; i < confirmed; i++)
		assert_string_equal(got.texts[i], all.items[i].json.ptr);
	collected_term(&got);
	points_term(&all);
	contract_close(conn);
}

void
test_broker_that_hangs(void **state)
{
	(void) state;
	faults_hangs(messaging_trace, "does not answer within 300 ms", NULL);
}

static void
declare_exchange(const char *type)
{
	amqp_connection_state_t broker = messaging_test_connect();

	(void) amqp_exchange_declare(broker,
								 1,
								 amqp_cstring_bytes("openstack"),
								 amqp_cstring_bytes(type),
								 0,
								 0,
								 0,
								 0,
								 amqp_empty_table);
	messaging_test_ok(broker);
	messaging_test_disconnect(broker);
}

/* Declares the queue with one argument. value 0: without arguments. */
static void
declare_queue(const char *argument, int value)
{
	amqp_connection_state_t broker = messaging_test_connect();
	amqp_table_entry_t entries[2] = {{.key = amqp_cstring_bytes(argument)},
									 {.key = amqp_cstring_bytes("x-overflow")}};
	amqp_table_t arguments = {value > 0 ? 2 : 0, entries};
	amqp_bytes_t queue = amqp_cstring_bytes("profiler.info");

	entries[0].value.kind = AMQP_FIELD_KIND_I32;
	entries[0].value.value.i32 = value;
	if (strcmp(argument, "x-single-active-consumer") == 0)
	{
		entries[0].value.kind = AMQP_FIELD_KIND_BOOLEAN;
		entries[0].value.value.boolean = value;
	}
	entries[1].value.kind = AMQP_FIELD_KIND_UTF8;
	entries[1].value.value.bytes = amqp_cstring_bytes("reject-publish");
	(void) amqp_queue_declare(broker, 1, queue, 0, 0, 0, 0, arguments);
	messaging_test_ok(broker);
	(void) amqp_queue_bind(broker,
						   1,
						   queue,
						   amqp_cstring_bytes("openstack"),
						   queue,
						   amqp_empty_table);
	messaging_test_ok(broker);
	messaging_test_disconnect(broker);
}

/* An exchange of another type is refused, unless the connection string names that
 * type. */
void
test_other_exchange(void **state)
{
	osp_driver_conn *conn = contract_open();
	osp_driver_conn *undeclared;
	points all;

	(void) state;
	points_init(&all);
	points_fill(&all, messaging_trace, 0, 3);
	declare_exchange("direct");
	assert_non_null(strstr(contract_store_fails(conn, &all, OSP_EUNAVAIL),
						   "received 'topic' but current is 'direct' "
						   "(declare=0 takes it as it is)"));
	undeclared = contract_open_as(
		messaging_test_uri("", "?declare=0"), false, TIMEOUT_MS);
	assert_non_null(strstr(contract_store_fails(undeclared, &all, OSP_EUNAVAIL),
						   "no queue that is bound to exchange openstack"));
	declare_queue("", 0);
	contract_store(undeclared, &all);
	contract_expect(conn, messaging_trace, &all);
	points_term(&all);
	contract_close(undeclared);
	contract_close(conn);
}

/* An existing exchange or queue stays durable or not durable, as it is. If the
 * connection string asks for the opposite, the message says which it is, and how to
 * change either of them. */
void
test_other_durability(void **state)
{
	osp_driver_conn *conns[2];
	char options[2][64];
	points all;
	int first;

	(void) state;
	points_init(&all);
	points_fill(&all, messaging_trace, 0, 3);
	for (first = 0; first < 2; first++)
	{
		const char *message;
		int i;

		for (i = 0; i < 2; i++)
		{
			(void) snprintf(options[i],
							sizeof(options[i]),
							"?durable=%d&topic=stays%d&exchange=stays%d",
							i,
							first,
							first);
			conns[i] = contract_open_as(
				messaging_test_uri("", options[i]), false, TIMEOUT_MS);
		}
		contract_store(conns[first], &all);
		message = contract_store_fails(conns[!first], &all, OSP_EUNAVAIL);
		assert_non_null(strstr(message,
							   first != 0
								   ? "the exchange 'stays1' exists and is "
									 "durable: give durable=1"
								   : "the exchange 'stays0' exists and is not "
									 "durable: delete exchange and queue "
									 "(rabbitmqctl delete_queue; "
									 "docs/drivers.md says how), or give "
									 "durable=0"));
		contract_close(conns[0]);
		contract_close(conns[1]);
	}
	points_term(&all);
}

/* A message is not stored if its queue was deleted. The next attempt makes the queue
 * again. */
void
test_queue_deleted(void **state)
{
	osp_driver_conn *conn = contract_open();
	points all;

	(void) state;
	points_init(&all);
	points_fill(&all, messaging_trace, 0, 5000);
	contract_store(conn, &all);
	messaging_test_reset();
	declare_exchange("topic");
	assert_non_null(strstr(contract_store_fails(conn, &all, OSP_EUNAVAIL),
						   "no queue that is bound"));
	contract_store(conn, &all);
	messaging_test_reset();
	assert_non_null(
		strstr(contract_store_fails(conn, &all, OSP_EUNAVAIL), "no exchange"));
	contract_store(conn, &all);
	contract_expect(conn, messaging_trace, &all);
	points_term(&all);
	contract_close(conn);
}

/* A queue with a limit of length refuses further messages, and the driver reports
 * that. */
void
test_queue_full(void **state)
{
	osp_driver_conn *conn = contract_open_as(
		messaging_test_uri("", "?declare=0"), false, TIMEOUT_MS);
	amqp_connection_state_t broker;
	points all;

	(void) state;
	points_init(&all);
	points_fill(&all, messaging_trace, 0, 100);
	declare_exchange("topic");
	declare_queue("x-max-length", 50);
	assert_non_null(strstr(contract_store_fails(conn, &all, OSP_EUNAVAIL),
						   "does not take what is sent to exchange openstack "
						   "by the key profiler.info (give a full queue room"));
	broker = messaging_test_connect();
	(void) amqp_queue_purge(broker, 1, amqp_cstring_bytes("profiler.info"));
	messaging_test_ok(broker);
	messaging_test_disconnect(broker);
	all.count = 20;
	contract_store(conn, &all);
	contract_expect(conn, messaging_trace, &all);
	all.count = 100;
	points_term(&all);
	contract_close(conn);
}

/* Only messages that are longer than the broker allows are refused. */
void
test_message_too_long(void **state)
{
	osp_driver_conn *conn = contract_open();
	const size_t length = 18 * 1024 * 1024;
	char *text = malloc(length);
	osp_error err = {OSP_OK, ""};
	size_t accepted = 0;
	collected got;
	points all;
	int round;

	(void) state;
	assert_non_null(text);
	memset(text, 'x', length);
	points_init(&all);
	points_fill(&all, messaging_trace, 0, 3);
	points_add(&all, OSP_STR("long"), 3, osp_str_n(text, length));
	points_add(&all, OSP_STR("long"), 4, osp_str_n(text, length - 1000));
	points_fill(&all, messaging_trace, 5, 3);
	for (round = 0; round < 2; round++)
	{
		assert_int_equal(osp_driver_messaging.notify(
							 conn, all.items, all.count, &accepted, &err),
						 OSP_EREFUSED);
		assert_int_equal(accepted, 6);
		assert_non_null(strstr(err.msg, "no message longer"));
	}
	collected_init(&got);
	assert_int_equal(osp_driver_messaging.get_points(
						 conn, messaging_trace, collect_point, &got, &err),
					 OSP_OK);
	assert_true(got.count >= 12);
	assert_string_equal(got.texts[0], all.items[0].json.ptr);
	assert_string_equal(got.texts[got.count - 1], all.items[7].json.ptr);
	collected_term(&got);
	free(text);
	points_term(&all);
	contract_close(conn);
}

static void
consume_on(amqp_connection_state_t broker)
{
	(void) amqp_basic_consume(broker,
							  1,
							  amqp_cstring_bytes("profiler.info"),
							  amqp_empty_bytes,
							  0,
							  0,
							  0,
							  amqp_empty_table);
	messaging_test_ok(broker);
}

/* Makes a second consumer, which takes all messages of the queue. */
static amqp_connection_state_t
consume_all(void)
{
	amqp_connection_state_t consumer = messaging_test_connect();
	amqp_connection_state_t broker = messaging_test_connect();
	const amqp_queue_declare_ok_t *queue;

	consume_on(consumer);
	do
	{
		queue = amqp_queue_declare(broker,
								   1,
								   amqp_cstring_bytes("profiler.info"),
								   1,
								   0,
								   0,
								   0,
								   amqp_empty_table);
		messaging_test_ok(broker);
	}
	while (queue->message_count > 0);
	messaging_test_disconnect(broker);
	return consumer;
}

/* The driver waits only a short time for messages that another consumer has taken, and
 * does not report that the trace is missing. */
void
test_other_consumer(void **state)
{
	const osp_removal removal = {sizeof(removal), &messaging_trace, 1, 0};
	const osp_trace_filter filter = {.struct_size = sizeof(filter)};
	osp_driver_conn *conn = contract_open();
	osp_error err = {OSP_OK, ""};
	amqp_connection_state_t broker;
	uint64_t removed = 1;
	collected got;
	points all;
	long begin;

	(void) state;
	points_init(&all);
	points_fill(&all, messaging_trace, 0, 1000);
	contract_store(conn, &all);
	broker = consume_all();
	begin = contract_now_ms();
	collected_init(&got);
	assert_int_equal(osp_driver_messaging.get_points(
						 conn, messaging_trace, collect_point, &got, &err),
					 OSP_EBUSY);
	assert_non_null(strstr(err.msg, "another consumer of the queue"));
	assert_int_equal(got.count, 0);
	collected_term(&got);
	assert_true(contract_now_ms() - begin < 2500);
	assert_int_equal(
		osp_driver_messaging.list_traces(conn, &filter, NULL, NULL, NULL, &err),
		OSP_EBUSY);
	assert_int_equal(
		osp_driver_messaging.remove_traces(conn, &removal, &removed, &err),
		OSP_EBUSY);
	assert_int_equal(removed, 0);
	messaging_test_disconnect(broker);
	contract_expect(conn, messaging_trace, &all);
	points_term(&all);
	contract_close(conn);
}

/* Another consumer has all messages, and loses its connection while the driver waits. */
void
test_other_reader_ends(void **state)
{
	osp_driver_conn *conn = contract_open();
	int taken[2];
	char byte;
	points all;
	pid_t pid;

	(void) state;
	points_init(&all);
	points_fill(&all, messaging_trace, 0, 1000);
	contract_store(conn, &all);
	assert_int_equal(pipe(taken), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
	{
		(void) consume_all();
		(void) !write(taken[1], "", 1);
		(void) usleep(300 * 1000);
		_exit(0);
	}
	assert_int_equal(read(taken[0], &byte, 1), 1);
	contract_expect(conn, messaging_trace, &all);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	(void) close(taken[0]);
	(void) close(taken[1]);
	points_term(&all);
	contract_close(conn);
}

/* Another consumer is the only active one of the queue, and takes no further messages. */
void
test_only_consumer(void **state)
{
	osp_driver_conn *conn =
		contract_open_as(messaging_test_uri("", "?declare=0"), false, 1000);
	amqp_connection_state_t broker;
	osp_error err = {OSP_OK, ""};
	points all;

	(void) state;
	points_init(&all);
	points_fill(&all, messaging_trace, 0, 10);
	declare_exchange("topic");
	declare_queue("x-single-active-consumer", true);
	contract_store(conn, &all);
	broker = messaging_test_connect();
	(void) amqp_basic_qos(broker, 1, 0, 3, 0);
	messaging_test_ok(broker);
	consume_on(broker);
	assert_int_equal(osp_driver_messaging.get_points(
						 conn, messaging_trace, collect_point, NULL, &err),
					 OSP_EUNAVAIL);
	assert_non_null(strstr(err.msg, "another consumer gets the messages"));
	messaging_test_disconnect(broker);
	contract_expect(conn, messaging_trace, &all);
	points_term(&all);
	contract_close(conn);
}

/* Resumes the broker after this time, from a child process. */
static pid_t
resume_later(unsigned after_us)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
	{
		(void) usleep(after_us);
		script_server_do(&messaging_test_server, "resume");
		_exit(0);
	}
	return pid;
}

typedef struct pausing
{
	size_t at; /* the number of the point at which the broker is paused */
	unsigned ms;
	size_t count;
	pid_t resumer;
} pausing;

/* An osp_point_fn. */
static osp_status
count_and_pause(void *ctx, osp_str json)
{
	pausing *p = ctx;

	(void) json;
	if (++p->count == p->at)
	{
		script_server_do(&messaging_test_server, "pause");
		p->resumer = resume_later(p->ms * 1000);
	}
	return OSP_OK;
}

static void
read_all_from_busy(const char *rest, size_t count, pausing p)
{
	osp_driver_conn *conn =
		contract_open_as(messaging_test_uri("", rest), false, TIMEOUT_MS);
	osp_error err = {OSP_OK, ""};

	if (osp_driver_messaging.get_points(
			conn, messaging_trace, count_and_pause, &p, &err) != OSP_OK)
		fail_msg("get_points: %s", err.msg);
	assert_int_equal(p.count, count);
	assert_int_equal(waitpid(p.resumer, NULL, 0), p.resumer);
	contract_close(conn);
}

/* If a broker is silent in the middle of reading, or for a longer time while it returns
 * all messages to the queue, the driver waits: the broker is only busy. */
void
test_busy_broker(void **state)
{
	osp_driver_conn *conn = contract_open();
	points all;

	(void) state;
	points_init(&all);
	points_fill(&all, messaging_trace, 0, 50000);
	contract_store(conn, &all);
	contract_close(conn);
	read_all_from_busy("", all.count, (pausing){.at = 1, .ms = 1300});
	read_all_from_busy(
		"?idle_timeout=1s", all.count, (pausing){.at = 1, .ms = 1300});
	read_all_from_busy(
		"", all.count, (pausing){.at = all.count, .ms = TIMEOUT_MS + 1000});
	points_term(&all);
}
