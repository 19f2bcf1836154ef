/* SPDX-License-Identifier: Apache-2.0
 *
 * test_profiler.c
 *	  osp_init, osp_start, osp_stop and their macros, through the notifier and
 *	  through a ring.
 */
#include "tap.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "osprofiler/notification.h"
#include "osprofiler/profiler.h"
#include "record/producer.h"
#include "tempdir.h"

#define BASE     "5f6b6c1e-8a35-4b1e-9e0d-0c7a3b6f1d20"
#define PARENT   "0d2f4a5c-9b1e-4c3d-8e7f-112233445566"
#define SEEN_MAX 4096

/* A notification that the notifier has received, with copies of its parts. */
typedef struct seen_point
{
	char name[64];
	char base_id[160];
	char trace_id[64];
	char parent_id[160];
	char info[512];
	bool error;
} seen_point;

static seen_point seen[SEEN_MAX];
static size_t seen_count;
static pthread_mutex_t seen_lock = PTHREAD_MUTEX_INITIALIZER;

static void
copy(char *out, size_t size, osp_str text)
{
	(void) snprintf(out, size, "%.*s", (int) text.len, text.ptr);
}

static void
remember(void *ctx, const char *json, size_t len)
{
	osp_notification note;
	osp_buf scratch;
	osp_error err;

	assert_ptr_equal(ctx, seen);
	assert_int_equal(json[len], '\0');
	osp_buf_init(&scratch, &osp_allocator_default, OSP_NOTIFICATION_MAX);
	if (osp_notification_read(osp_str_n(json, len), &scratch, &note, &err) !=
		OSP_OK)
		fail_msg("%s: %s", err.msg, json);
	(void) pthread_mutex_lock(&seen_lock);
	if (seen_count < SEEN_MAX)
	{
		seen_point *point = &seen[seen_count++];

		copy(point->name, sizeof(point->name), note.name);
		copy(point->base_id, sizeof(point->base_id), note.base_id);
		copy(point->trace_id, sizeof(point->trace_id), note.trace_id);
		copy(point->parent_id, sizeof(point->parent_id), note.parent_id);
		copy(point->info, sizeof(point->info), note.info);
		point->error = note.error;
	}
	(void) pthread_mutex_unlock(&seen_lock);
	osp_buf_term(&scratch);
}

static int
set_up(void **state)
{
	(void) state;
	seen_count = 0;
	osp_set_notifier(remember, seen);
	return 0;
}

static int
tear_down(void **state)
{
	(void) state;
	osp_clean();
	osp_set_notifier(NULL, NULL);
	return 0;
}

static void
test_without_init_nothing_happens(void **state)
{
	char base[OSP_ID_MAX + 1];
	char point[OSP_ID_MAX + 1];
	osp_headers headers;

	(void) state;
	assert_false(osp_active());
	osp_start("a", "{}");
	osp_stop(NULL);
	osp_stop_error("e", "m");
	assert_int_equal(seen_count, 0);
	assert_false(osp_current(base, point));
	assert_string_equal(base, "");
	assert_false(osp_get_trace_headers(&headers));
}

static void
test_tree(void **state)
{
	(void) state;
	assert_int_equal(osp_init("k", BASE, PARENT), OSP_OK);
	osp_start("outer", "{\"a\": 1}");
	osp_start("inner", NULL);
	osp_stop("{\"b\": 2}");
	osp_start("next", NULL);
	osp_stop_error("ValueError", "no good");
	osp_stop(NULL);
	assert_int_equal(seen_count, 6);
	assert_string_equal(seen[0].name, "outer-start");
	assert_string_equal(seen[0].base_id, BASE);
	assert_string_equal(seen[0].parent_id, PARENT);
	assert_non_null(strstr(seen[0].info, "\"a\": 1, \"host\": \""));
	assert_string_equal(seen[1].name, "inner-start");
	assert_string_equal(seen[1].parent_id, seen[0].trace_id);
	assert_string_equal(seen[2].name, "inner-stop");
	assert_string_equal(seen[2].trace_id, seen[1].trace_id);
	assert_non_null(strstr(seen[2].info, "\"b\": 2"));
	assert_non_null(strstr(seen[2].info, "\"elapsed_ns\": "));
	assert_false(seen[2].error);
	assert_string_equal(seen[3].parent_id, seen[0].trace_id);
	assert_string_not_equal(seen[3].trace_id, seen[1].trace_id);
	assert_true(seen[4].error);
	assert_non_null(strstr(
		seen[4].info, "\"etype\": \"ValueError\", \"message\": \"no good\""));
	assert_string_equal(seen[5].name, "outer-stop");
}

static void
test_init_refuses(void **state)
{
	(void) state;
	assert_int_equal(osp_init("", BASE, NULL), OSP_EINVAL);
	assert_int_equal(osp_init(NULL, BASE, NULL), OSP_EINVAL);
	assert_int_equal(osp_init("k", "a\nb", NULL), OSP_EINVAL);
	assert_int_equal(osp_init("k", BASE, "\x7f"), OSP_EINVAL);
	assert_false(osp_active());
	assert_int_equal(osp_init("k", NULL, NULL), OSP_OK);
	assert_int_equal(osp_init("k", NULL, NULL), OSP_EBUSY);
}

static void
test_new_trace(void **state)
{
	char base[OSP_ID_MAX + 1];
	char point[OSP_ID_MAX + 1];

	(void) state;
	assert_int_equal(osp_init("k", NULL, NULL), OSP_OK);
	assert_true(osp_current(base, point));
	assert_int_equal(strlen(base), OSP_UUID_TEXT_LEN);
	assert_string_equal(base, point);
	osp_start("a", NULL);
	assert_true(osp_current(base, point));
	assert_string_equal(point, seen[0].trace_id);
	assert_string_equal(seen[0].parent_id, base);
}

static void
test_headers_carry_the_open_point(void **state)
{
	osp_headers headers;

	(void) state;
	assert_int_equal(osp_init("second", BASE, PARENT), OSP_OK);
	osp_start("a", NULL);
	assert_true(osp_get_trace_headers(&headers));
	osp_clean();

	/* The called service knows several keys, of which one is ours. */
	assert_int_equal(osp_init_from_headers(headers.trace_info,
										   headers.trace_hmac,
										   "first, second"),
					 OSP_CTX_ACCEPTED);
	osp_start("b", NULL);
	assert_string_equal(seen[1].base_id, BASE);
	assert_string_equal(seen[1].parent_id, seen[0].trace_id);

	/* The service signs with the key that was accepted, not with its first one. */
	assert_true(osp_get_trace_headers(&headers));
	osp_clean();
	assert_int_equal(
		osp_init_from_headers(headers.trace_info, headers.trace_hmac, "first"),
		OSP_CTX_BAD_SIGNATURE);
	assert_false(osp_active());
}

static void
test_unbalanced_stops_are_ignored(void **state)
{
	(void) state;
	assert_int_equal(osp_init("k", NULL, NULL), OSP_OK);
	osp_stop(NULL);
	osp_start("a", NULL);
	osp_stop(NULL);
	osp_stop(NULL);
	assert_int_equal(seen_count, 2);
}

static void
test_stack_has_a_bottom_and_a_top(void **state)
{
	int i;

	(void) state;
	assert_int_equal(osp_init("k", NULL, NULL), OSP_OK);
	for (i = 0; i < OSP_STACK_MAX + 100; i++)
		osp_start("deep", NULL);
	assert_int_equal(seen_count, OSP_STACK_MAX);
	for (i = 0; i < OSP_STACK_MAX + 100; i++)
		osp_stop(NULL);
	assert_int_equal(seen_count, 2 * OSP_STACK_MAX);
	assert_string_equal(seen[0].trace_id, seen[seen_count - 1].trace_id);
}

static void
test_long_names(void **state)
{
	char name[1024];
	int i;

	(void) state;
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(osp_init("k", NULL, NULL), OSP_OK);
	for (i = 0; i < 500; i++)
		osp_start(name, NULL);
	for (i = 0; i < 500; i++)
		osp_stop(NULL);
	assert_true(seen_count > 200);
	assert_int_equal(seen_count % 2, 0);
	osp_start("", NULL);
	osp_stop(NULL);
	osp_start(NULL, NULL);
	osp_stop(NULL);
	assert_string_equal(seen[0].trace_id, seen[seen_count - 1].trace_id);
}

static int
traced_function(int number)
{
	OSP_TRACE_FUNCTION("function", "[1]");
	{
		OSP_TRACE("block", NULL);
		number++;
	}
	return number;
}

static void
test_macros(void **state)
{
	(void) state;
	assert_int_equal(traced_function(1), 2);
	assert_int_equal(seen_count, 0);
	assert_int_equal(osp_init("k", NULL, NULL), OSP_OK);
	assert_int_equal(traced_function(1), 2);
	assert_int_equal(seen_count, 4);
	assert_string_equal(seen[0].name, "function-start");
	assert_non_null(
		strstr(seen[0].info,
			   "\"function\": {\"name\": \"traced_function\", \"args\": [1]}"));
	assert_string_equal(seen[1].name, "block-start");
	assert_string_equal(seen[1].parent_id, seen[0].trace_id);
	assert_string_equal(seen[2].name, "block-stop");
	assert_string_equal(seen[3].name, "function-stop");
}

static void *
thread_main(void *arg)
{
	(void) arg;
	if (osp_active())
		return "a new thread traces";
	if (osp_init("k", NULL, NULL) != OSP_OK)
		return "osp_init failed";
	osp_start("in a thread", NULL);
	osp_stop(NULL);
	return NULL;
}

static void
test_state_is_per_thread(void **state)
{
	pthread_t thread;
	void *result;

	(void) state;
	assert_int_equal(osp_init("k", BASE, NULL), OSP_OK);
	osp_start("here", NULL);
	assert_int_equal(pthread_create(&thread, NULL, thread_main, NULL), 0);
	assert_int_equal(pthread_join(thread, &result), 0);
	if (result != NULL)
		fail_msg("%s", (const char *) result);
	assert_int_equal(seen_count, 3);
	assert_string_not_equal(seen[1].base_id, BASE);
}

/* An info that is not JSON is recorded as a text. */
static void
test_bad_info(void **state)
{
	(void) state;
	assert_int_equal(osp_init("k", NULL, NULL), OSP_OK);
	osp_start("a", "{\"open\": ");
	osp_stop("[1, 2]");
	assert_int_equal(seen_count, 2);
}

/* How many records are in the rings of the run directory. */
static uint64_t
records_in_rings(void)
{
	uint64_t records = 0;
	int fd;
	int n;

	assert_int_equal(
		osp_rundir_open(getenv("OSPROFILER_RUN_DIR"), false, &fd, NULL),
		OSP_OK);
	for (n = 0; n < 8; n++)
	{
		char name[32];
		osp_ring ring;

		(void) snprintf(name, sizeof(name), "ring.%d", n);
		if (osp_ring_map(&ring, fd, name, NULL) != OSP_OK)
			break;
		records += ring.header->records;
		osp_ring_unmap(&ring);
	}
	(void) close(fd);
	return records;
}

/* This test comes before any other one sets the notifier, because the run directory is
 * read only once. */
static void
test_ring_of_a_thread(void **state)
{
	pthread_t thread;
	int status;
	pid_t child;

	(void) state;
	assert_int_equal(osp_init("k", BASE, NULL), OSP_OK);
	osp_start("a", "{\"x\": 1}");
	osp_stop(NULL);
	assert_int_equal(records_in_rings(), 2);

	/* A child process continues the trace, with a ring of its own. */
	osp_start("parent", NULL);
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
	{
		osp_start("child", NULL);
		osp_stop(NULL);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(records_in_rings(), 5);

	/* When a thread ends, the next thread can use its ring. */
	assert_int_equal(pthread_create(&thread, NULL, thread_main, NULL), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(pthread_create(&thread, NULL, thread_main, NULL), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(records_in_rings(), 9);
	osp_clean();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ring_of_a_thread),
		TEST(test_without_init_nothing_happens),
		TEST(test_tree),
		TEST(test_init_refuses),
		TEST(test_new_trace),
		TEST(test_headers_carry_the_open_point),
		TEST(test_unbalanced_stops_are_ignored),
		TEST(test_stack_has_a_bottom_and_a_top),
		TEST(test_long_names),
		TEST(test_macros),
		TEST(test_state_is_per_thread),
		TEST(test_bad_info),
	};
	char run[128];
	int failed;

	(void) snprintf(run, sizeof(run), "%s/run", tempdir_make());
	(void) unsetenv("OSPROFILER_CONF");
	if (setenv("OSPROFILER_RUN_DIR", run, 1) != 0)
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	tempdir_remove();
	return failed;
}
