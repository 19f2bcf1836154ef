/* SPDX-License-Identifier: Apache-2.0
 *
 * test_run_trace.c
 *	  What producers note of the traces that they work on, read by others.
 */
#include "tap.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "record/producer.h"
#include "run_fixture.h"


static void
test_noted(void **state)
{
	osp_producer producer;
	osp_uuid first;
	osp_uuid second;
	osp_uuid found;

	(void) state;
	assert_int_equal(run_open_producer(&producer), OSP_OK);
	osp_uuid_new(&first);
	osp_uuid_new(&second);
	assert_false(osp_run_trace_of(run_path, 7, &found));
	osp_ring_note(&producer.ring, 7, (const char *) first.bytes);
	osp_ring_note(&producer.ring, 8, (const char *) second.bytes);
	assert_true(osp_run_trace_of(run_path, 7, &found));
	assert_memory_equal(found.bytes, first.bytes, sizeof(first.bytes));
	assert_true(osp_run_trace_of(run_path, 8, &found));
	assert_memory_equal(found.bytes, second.bytes, sizeof(second.bytes));

	/* Another trace under the same key; the key 0 is none. */
	osp_ring_note(&producer.ring, 7, (const char *) second.bytes);
	assert_true(osp_run_trace_of(run_path, 7, &found));
	assert_memory_equal(found.bytes, second.bytes, sizeof(second.bytes));
	assert_false(osp_run_trace_of(run_path, 9, &found));
	assert_false(osp_run_trace_of(run_path, 0, &found));
	osp_producer_close(&producer);
}

static void
test_forgotten(void **state)
{
	osp_producer producer;
	osp_uuid id;
	osp_uuid found;
	uint64_t key;

	(void) state;
	assert_int_equal(run_open_producer(&producer), OSP_OK);
	osp_uuid_new(&id);
	for (key = 1; key <= OSP_RING_NOTICES + 1; key++)
		osp_ring_note(&producer.ring, key, (const char *) id.bytes);
	assert_false(osp_run_trace_of(run_path, 1, &found));
	assert_true(osp_run_trace_of(run_path, 2, &found));
	assert_true(osp_run_trace_of(run_path, OSP_RING_NOTICES + 1, &found));
	osp_producer_close(&producer);
}

static void
test_half_written(void **state)
{
	osp_producer producer;
	osp_uuid id;
	osp_uuid found;

	(void) state;
	assert_int_equal(run_open_producer(&producer), OSP_OK);
	osp_uuid_new(&id);
	osp_ring_note(&producer.ring, 3, (const char *) id.bytes);
	producer.ring.header->notices[3].base_id[1] ^= 1;
	assert_false(osp_run_trace_of(run_path, 3, &found));
	osp_producer_close(&producer);
}

/* Of another process, and of one that is gone. */
static void
test_others(void **state)
{
	osp_producer mine;
	osp_producer theirs;
	osp_uuid found;
	osp_uuid id;
	int ready[2];
	int done[2];
	int status;
	char c = 'x';
	pid_t pid;

	(void) state;
	osp_uuid_new(&id);
	assert_int_equal(pipe(ready) | pipe(done), 0);
	assert_int_equal(run_open_producer(&mine), OSP_OK);
	pid = fork();
	if (pid == 0)
	{
		if (run_open_producer(&theirs) != OSP_OK)
			_exit(1);
		osp_ring_note(&theirs.ring, 5, (const char *) id.bytes);
		if (write(ready[1], &c, 1) != 1 || read(done[0], &c, 1) != 1)
			_exit(2);
		osp_producer_close(&theirs);
		_exit(0);
	}
	assert_true(pid > 0);
	assert_int_equal(read(ready[0], &c, 1), 1);
	assert_true(osp_run_trace_of(run_path, 5, &found));
	assert_memory_equal(found.bytes, id.bytes, sizeof(id.bytes));
	assert_int_equal(write(done[1], &c, 1), 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_true(osp_run_trace_of(run_path, 5, &found));
	osp_producer_close(&mine);
	(void) close(ready[0]);
	(void) close(ready[1]);
	(void) close(done[0]);
	(void) close(done[1]);
}

static void
test_no_directory(void **state)
{
	osp_uuid found;

	(void) state;
	assert_false(osp_run_trace_of("/no/such/directory", 1, &found));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		RUN_TEST(test_noted),
		RUN_TEST(test_forgotten),
		RUN_TEST(test_half_written),
		RUN_TEST(test_others),
		RUN_TEST(test_no_directory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
