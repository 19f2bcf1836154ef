/* SPDX-License-Identifier: Apache-2.0
 *
 * messaging_removals.c
 *	  Removing traces from a queue of RabbitMQ: many messages in several orders, kinds
 *	  of queues, other consumers, and readings that fail.
 */
#include "faults.h"
#include "messaging_tests.h"

#include <stdio.h>
#include <unistd.h>

/* With this number of messages the broker needs minutes if it searches for each message
 * from the front of the queue. */
#define MANY 20000

/* With this number of messages, those that are kept are returned to the queue several
 * times. */
#define SOME 2000

static const osp_str doomed = {"doomed", 6};

static osp_status
remove_doomed(osp_driver_conn *conn, uint64_t *removed, osp_error *err)
{
	const osp_removal what = {sizeof(what), &doomed, 1, 0};

	return osp_driver_messaging.remove_traces(conn, &what, removed, err);
}

static void
expect_removed(osp_driver_conn *conn, uint64_t expected)
{
	osp_error err = {OSP_OK, ""};
	uint64_t removed = 0;

	if (remove_doomed(conn, &removed, &err) != OSP_OK)
		fail_msg("remove_traces: %s", err.msg);
	assert_int_equal(removed, expected);
}

/* Asserts that the doomed trace is gone, and that all other messages are there in their
 * order. */
static void
expect_others(osp_driver_conn *conn, const points *all)
{
	points none;

	points_init(&none);
	contract_expect(conn, doomed, &none);
	contract_expect(conn, messaging_trace, all);
}

/* Adds messages of the two traces alternately. */
static void
alternate(points *p, unsigned first, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		points_fill(p, i % 2 == 0 ? messaging_trace : doomed, first + i, 1);
}

/* Stores these messages in a queue, and removes the doomed trace. */
static void
remove_from(const points *all)
{
	osp_driver_conn *conn = contract_open();

	contract_store(conn, all);
	expect_removed(conn, 1);
	expect_others(conn, all);
	expect_removed(conn, 0);
	contract_close(conn);
}

void
test_remove_alternating(void **state)
{
	points all;

	(void) state;
	points_init(&all);
	alternate(&all, 0, 2 * MANY);
	remove_from(&all);
	points_term(&all);
}

void
test_remove_behind_others(void **state)
{
	points all;

	(void) state;
	points_init(&all);
	points_fill(&all, messaging_trace, 0, MANY);
	points_fill(&all, doomed, MANY, MANY);
	remove_from(&all);
	points_term(&all);
}

/* The doomed messages are at the front, alternate with others, are in the middle, or at
 * the end. */
void
test_remove_in_pieces(void **state)
{
	points all;

	(void) state;
	points_init(&all);
	points_fill(&all, doomed, 0, SOME);
	alternate(&all, SOME, 2 * SOME);
	points_fill(&all, messaging_trace, 3 * SOME, MANY);
	points_fill(&all, doomed, 3 * SOME + MANY, SOME);
	points_fill(&all, messaging_trace, 4 * SOME + MANY, SOME);
	alternate(&all, 5 * SOME + MANY, SOME);
	remove_from(&all);
	points_term(&all);
}

/* If all traces are removed together, the queue is empty. */
void
test_remove_all(void **state)
{
	const osp_str ids[] = {doomed, messaging_trace, OSP_STR("nonesuch")};
	const osp_removal what = {sizeof(what), ids, 3, 0};
	osp_driver_conn *conn = contract_open();
	osp_error err = {OSP_OK, ""};
	amqp_message_t message;
	uint64_t removed = 0;
	points all;

	(void) state;
	points_init(&all);
	alternate(&all, 0, 2 * MANY);
	contract_store(conn, &all);
	if (osp_driver_messaging.remove_traces(conn, &what, &removed, &err) !=
		OSP_OK)
		fail_msg("remove_traces: %s", err.msg);
	assert_int_equal(removed, 2);
	assert_false(messaging_test_get("profiler.info", &message));
	points_term(&all);
	contract_close(conn);
}

/* The last message does not fit into the memory that the driver may use, so nothing is
 * removed. */
void
test_failed_removal(void **state)
{
	const size_t length = 100 * 1024;
	osp_driver_options options = contract_options(messaging_test_uri("", ""));
	osp_driver_conn *conn = contract_open();
	osp_driver_conn *small;
	char *text = test_malloc(length);
	osp_error err = {OSP_OK, ""};
	uint64_t removed = 0;
	points all;

	(void) state;
	memset(text, 'x', length);
	options.memory_max = length / 2;
	small = contract_open_with(&options);
	points_init(&all);
	points_fill(&all, doomed, 0, 100);
	alternate(&all, 100, 100);
	points_add(&all, messaging_trace, 200, osp_str_n(text, length));
	contract_store(conn, &all);
	assert_int_equal(remove_doomed(small, &removed, &err), OSP_EFULL);
	assert_int_equal(removed, 0);
	contract_expect(conn, doomed, &all);
	contract_expect(conn, messaging_trace, &all);
	test_free(text);
	points_term(&all);
	contract_close(small);
	contract_close(conn);
}

/* The list of steps does not fit into the memory that the driver may use, so nothing is
 * removed. */
void
test_removal_without_memory(void **state)
{
	osp_driver_options options = contract_options(messaging_test_uri("", ""));
	osp_driver_conn *conn = contract_open();
	osp_driver_conn *small;
	osp_error err = {OSP_OK, ""};
	uint64_t removed = 0;
	points all;

	(void) state;
	options.memory_max = 4096;
	small = contract_open_with(&options);
	points_init(&all);
	alternate(&all, 0, SOME);
	contract_store(conn, &all);
	assert_int_equal(remove_doomed(small, &removed, &err), OSP_EFULL);
	assert_int_equal(removed, 0);
	contract_expect(conn, doomed, &all);
	contract_expect(conn, messaging_trace, &all);
	points_term(&all);
	contract_close(small);
	contract_close(conn);
}

/* The host interrupts the driver while it waits for further messages. */
void
test_interrupted_removal(void **state)
{
	osp_driver_options options =
		contract_options(messaging_test_uri("", "?idle_timeout=30s"));
	osp_driver_conn *conn = contract_open();
	osp_driver_conn *waiting;
	osp_error err = {OSP_OK, ""};
	uint64_t removed = 0;
	points all;
	long end;

	(void) state;
	points_init(&all);
	alternate(&all, 0, 100);
	contract_store(conn, &all);
	options.interrupted = faults_is_late;
	options.interrupted_ctx = &end;
	end = contract_now_ms() + 1500;
	waiting = contract_open_with(&options);
	assert_int_equal(remove_doomed(waiting, &removed, &err), OSP_EINTR);
	assert_int_equal(removed, 0);
	contract_expect(conn, doomed, &all);
	contract_expect(conn, messaging_trace, &all);
	points_term(&all);
	contract_close(waiting);
	contract_close(conn);
}

/* Another consumer holds the first messages, and returns them afterwards. */
void
test_remove_beside_reader(void **state)
{
	const uint16_t held = 10;
	osp_driver_conn *conn = contract_open();
	amqp_connection_state_t reader;
	struct timeval patience = {10, 0};
	amqp_envelope_t envelope;
	points all;
	unsigned i;

	(void) state;
	points_init(&all);
	points_fill(&all, messaging_trace, 0, held);
	alternate(&all, held, 2 * SOME);
	contract_store(conn, &all);
	reader = messaging_test_connect();
	(void) amqp_basic_qos(reader, 1, 0, held, 0);
	messaging_test_ok(reader);
	(void) amqp_basic_consume(reader,
							  1,
							  amqp_cstring_bytes("profiler.info"),
							  amqp_empty_bytes,
							  0,
							  0,
							  0,
							  amqp_empty_table);
	messaging_test_ok(reader);
	for (i = 0; i < held; i++)
	{
		assert_int_equal(
			amqp_consume_message(reader, &envelope, &patience, 0).reply_type,
			AMQP_RESPONSE_NORMAL);
		amqp_destroy_envelope(&envelope);
	}
	expect_removed(conn, 1);
	messaging_test_disconnect(reader);
	expect_others(conn, &all);
	points_term(&all);
	contract_close(conn);
}

/* ---- kinds of queues ---- */

/* Declares the exchange, and a queue with an argument, which is this text, or true if
 * text is NULL. */
static void
declare_topic(const char *argument, const char *text)
{
	amqp_connection_state_t broker = messaging_test_connect();
	amqp_table_entry_t entry = {.key = amqp_cstring_bytes(argument)};
	const amqp_table_t arguments = {1, &entry};
	const amqp_bytes_t exchange = amqp_cstring_bytes("openstack");
	const amqp_bytes_t queue = amqp_cstring_bytes("profiler.info");

	entry.value.kind =
		text != NULL ? AMQP_FIELD_KIND_UTF8 : AMQP_FIELD_KIND_BOOLEAN;
	if (text != NULL)
		entry.value.value.bytes = amqp_cstring_bytes(text);
	else
		entry.value.value.boolean = true;
	(void) amqp_exchange_declare(broker,
								 1,
								 exchange,
								 amqp_cstring_bytes("topic"),
								 0,
								 1,
								 0,
								 0,
								 amqp_empty_table);
	messaging_test_ok(broker);
	(void) amqp_queue_declare(broker, 1, queue, 0, 1, 0, 0, arguments);
	messaging_test_ok(broker);
	(void) amqp_queue_bind(broker, 1, queue, exchange, queue, amqp_empty_table);
	messaging_test_ok(broker);
	messaging_test_disconnect(broker);
}

/* Removes every second message. The other messages have to stay; if ordered is set, in
 * their order. */
static void
remove_from_existing(bool ordered)
{
	osp_driver_conn *conn = contract_open_as(
		messaging_test_uri("", "?declare=0"), false, 5 * TIMEOUT_MS);
	collected got;
	points all;
	points none;
	size_t i;

	points_init(&none);
	points_init(&all);
	alternate(&all, 0, SOME);
	contract_store(conn, &all);
	expect_removed(conn, 1);
	contract_expect(conn, doomed, &none);
	collected_init(&got);
	assert_int_equal(osp_driver_messaging.get_points(
						 conn, messaging_trace, collect_point, &got, NULL),
					 OSP_OK);
	assert_int_equal(got.count, SOME / 2);
	for (i = 0; i < got.count; i++)
		if (ordered)
			assert_string_equal(got.texts[i], all.items[2 * i].json.ptr);
		else
			assert_true(collected_find(&got, all.items[2 * i].json.ptr) >= 0);
	collected_term(&got);
	points_term(&all);
	contract_close(conn);
}

/* The test uses 2,000 messages, because a broker does not deliver more of a quorum
 * queue before some are settled. */
void
test_remove_from_quorum_queue(void **state)
{
	(void) state;
	declare_topic("x-queue-type", "quorum");
	remove_from_existing(false);
}

void
test_remove_from_single_consumer(void **state)
{
	(void) state;
	declare_topic("x-single-active-consumer", NULL);
	remove_from_existing(true);
}
