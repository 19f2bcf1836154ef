/* SPDX-License-Identifier: Apache-2.0
 *
 * test_file.c
 *	  The file driver: the suite for all drivers, and torn lines, full disks, locks, and
 *	  files that appear and disappear.
 */
#include "local.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern const osp_driver osp_driver_file;

static void
reset(void)
{
	local_reset("file://");
}

static off_t
file_size(void)
{
	struct stat st;

	return stat(local_path, &st) == 0 ? st.st_size : -1;
}

static void
append(const char *text)
{
	FILE *file = fopen(local_path, "a");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void
test_form(void **state)
{
	points all;
	osp_driver_conn *conn = local_stored(&all, 2);
	char text[4096] = "";
	char expected[4096];
	struct stat st;
	FILE *file;

	(void) state;
	assert_int_equal(stat(local_path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	*strrchr(local_path, '/') = '\0';
	assert_int_equal(stat(local_path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	local_path[strlen(local_path)] = '/';
	file = fopen(local_path, "r");
	assert_non_null(file);
	assert_true(fread(text, 1, sizeof(text) - 1, file) > 0);
	(void) fclose(file);
	(void) snprintf(expected,
					sizeof(expected),
					"%s\n%s\n",
					all.items[0].json.ptr,
					all.items[1].json.ptr);
	assert_string_equal(text, expected);
	points_term(&all);
	contract_close(conn);
}

/* A line without an end is kept, whoever wrote it, and a new line begins after it. */
static void
test_torn_line(void **state)
{
	points all;
	osp_driver_conn *conn = local_stored(&all, 3);
	off_t size;
	points more;

	(void) state;
	append("{\"name\": \"pg-start\", \"base_id\": \"trace\", \"trace_");
	contract_expect(conn, local_trace, &all);
	size = file_size();
	points_fill(&all, local_trace, 3, 2);
	more = (points){.items = all.items + 3, .count = 1};
	contract_store(conn, &more);
	assert_int_equal(file_size(),
					 size + 6 + (off_t) more.items[0].json.len + 1);
	append("no notification\n\n[1]\n\x80\xff\nand one without an end");
	more = (points){.items = all.items + 4, .count = 1};
	contract_store(conn, &more);
	contract_expect(conn, local_trace, &all);
	points_term(&all);
	contract_close(conn);
}

/* A file is accepted if its writer was killed while it wrote the first line. */
static void
test_torn_first_line(void **state)
{
	static const char text[] = "{\"name\": \"pg-start\", \"base_id\": \"trac";
	size_t len;

	(void) state;
	for (len = 1; len < sizeof(text); len++)
	{
		points all;
		osp_driver_conn *conn = local_stored(&all, 0);
		char begin[sizeof(text)];

		(void) snprintf(begin, sizeof(begin), "%.*s", (int) len, text);
		assert_int_equal(truncate(local_path, 0), 0);
		append(begin);
		points_fill(&all, local_trace, 0, 2);
		contract_store(conn, &all);
		contract_expect(conn, local_trace, &all);
		points_term(&all);
		contract_close(conn);
	}
}

/* A file of another program is not changed. */
static void
test_foreign_file(void **state)
{
	static const char *const contents[] = {
		"precious data without newline",
		"precious data\nof several lines\n",
		"\n",
		" ",
		"{}\n",
		"{\"name\": \"package\", \"version\": \"1.0\"}",
		"{\"name\": \"package\",\n \"version\": \"1.0\"}\n",
		"{\"name\":\"package\"}",
		"[profiler]\nenabled = true\n",
		"\x7f"
		"ELF\x02\x01\x01"};
	points all;
	osp_driver_conn *conn = local_stored(&all, 1);
	size_t i;

	(void) state;
	contract_close(conn);
	for (i = 0; i < sizeof(contents) / sizeof(contents[0]); i++)
	{
		char text[256] = "";
		FILE *file;

		assert_int_equal(truncate(local_path, 0), 0);
		append(contents[i]);
		conn = contract_open();
		assert_non_null(
			strstr(contract_store_fails(conn, &all, OSP_EIO), "left as it is"));
		file = fopen(local_path, "r");
		assert_non_null(file);
		assert_int_equal(fread(text, 1, sizeof(text), file), file_size());
		assert_int_equal(fclose(file), 0);
		assert_string_equal(text, contents[i]);
		contract_close(conn);
	}
	points_term(&all);
}

/* A reader gets an error if there is nothing to read. */
static void
test_nothing_to_read(void **state)
{
	osp_driver_conn *conn = contract_open_reader();
	osp_error err = {OSP_OK, ""};
	collected got;

	(void) state;
	collected_init(&got);
	assert_int_equal(osp_driver_file.list_traces(
						 conn, NULL, collect_trace, &got, NULL, &err),
					 OSP_ENOENT);
	assert_non_null(strstr(err.msg, "No such file"));
	assert_non_null(strstr(err.msg, local_path));
	assert_int_equal(osp_driver_file.get_points(
						 conn, local_trace, collect_point, &got, &err),
					 OSP_ENOENT);
	contract_close(conn);
}

static void
test_refused(void **state)
{
	osp_driver_conn *conn = contract_open();
	osp_notification two_lines;
	size_t accepted = 0;
	points all;

	(void) state;
	points_init(&all);
	points_fill(&all, local_trace, 0, 3);
	two_lines = all.items[1];
	all.items[1].json = OSP_STR("{\n}");
	assert_int_equal(
		osp_driver_file.notify(conn, all.items, all.count, &accepted, NULL),
		OSP_EREFUSED);
	assert_int_equal(accepted, 2);
	all.items[1] = all.items[2];
	all.items[2] = two_lines;
	all.count = 2;
	contract_expect(conn, local_trace, &all);
	points_term(&all);
	contract_close(conn);
}

static void
test_full_disk(void **state)
{
	points all;
	osp_driver_conn *conn = local_stored(&all, 100);
	off_t size = file_size();
	struct rlimit limit;
	struct rlimit small;
	points more;

	(void) state;
	(void) signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	small = limit;
	small.rlim_cur = (rlim_t) size * 3;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	points_init(&more);
	points_fill(&more, local_trace, 100, 2000);
	assert_non_null(
		strstr(contract_store_fails(conn, &more, OSP_EIO), "cannot write"));
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_int_equal(file_size(), size);
	contract_expect(conn, local_trace, &all);
	contract_store(conn, &more);
	points_fill(&all, local_trace, 100, 2000);
	contract_expect(conn, local_trace, &all);
	points_term(&more);
	points_term(&all);
	contract_close(conn);
}

static void
test_locked(void **state)
{
	points all;
	osp_driver_conn *conn = local_stored(&all, 2);
	osp_driver_conn *hasty = contract_open_as(local_uri, false, 50);
	int fd = open(local_path, O_RDWR);

	(void) state;
	assert_true(fd >= 0);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_non_null(
		strstr(contract_store_fails(hasty, &all, OSP_EUNAVAIL), "locked"));
	contract_expect(hasty, local_trace, &all);
	(void) close(fd);
	contract_store(hasty, &all);
	points_term(&all);
	contract_close(hasty);
	contract_close(conn);
}

static void
test_moved_away(void **state)
{
	points all;
	osp_driver_conn *conn = local_stored(&all, 2);
	char aside[300];
	points none;

	(void) state;
	(void) snprintf(aside, sizeof(aside), "%s.1", local_path);
	assert_int_equal(rename(local_path, aside), 0);
	points_init(&none);
	contract_expect(conn, local_trace, &none);
	contract_store(conn, &all);
	contract_expect(conn, local_trace, &all);
	assert_int_equal(unlink(local_path), 0);
	contract_store(conn, &all);
	contract_expect(conn, local_trace, &all);
	points_term(&all);
	contract_close(conn);
}

static void
test_no_file(void **state)
{
	osp_driver_conn *conn = contract_open();
	osp_error err = {OSP_OK, ""};
	collected got;
	points all;

	(void) state;
	collected_init(&got);
	assert_int_equal(osp_driver_file.get_points(
						 conn, local_trace, collect_point, &got, &err),
					 OSP_OK);
	assert_int_equal(access(local_path, F_OK), -1);
	contract_close(conn);

	conn = contract_open_as("file:///dev/null", false, TIMEOUT_MS);
	points_init(&all);
	points_fill(&all, local_trace, 0, 1);
	assert_non_null(strstr(contract_store_fails(conn, &all, OSP_EIO),
						   "not a regular file"));
	assert_int_equal(osp_driver_file.get_points(
						 conn, local_trace, collect_point, &got, &err),
					 OSP_EIO);
	contract_close(conn);
	conn = contract_open_as("file:///proc/no/such", false, TIMEOUT_MS);
	assert_non_null(
		strstr(contract_store_fails(conn, &all, OSP_EIO), "/proc/no/such"));
	contract_close(conn);
	points_term(&all);
}

static void
test_read_only(void **state)
{
	points all;
	osp_driver_conn *conn = local_stored(&all, 2);

	(void) state;
	local_read_only(0755);
	(void) contract_store_fails(conn, &all, OSP_EIO);
	contract_expect(conn, local_trace, &all);
	local_read_write();
	points_term(&all);
	contract_close(conn);
}

int
main(void)
{
	static const char *const bad_strings[] = {"file",
											  "file://",
											  "file:///",
											  "file://name",
											  "file://host/path",
											  "file://./traces",
											  NULL};
	static const backend b = {.name = "file",
							  .driver = &osp_driver_file,
							  .reset = reset,
							  .finish = local_finish,
							  .connection_string = local_connection_string,
							  .bad_strings = bad_strings};
	static const struct CMUnitTest own[] = {
		cmocka_unit_test(test_form),
		cmocka_unit_test(test_torn_line),
		cmocka_unit_test(test_torn_first_line),
		cmocka_unit_test(test_foreign_file),
		cmocka_unit_test(test_nothing_to_read),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_full_disk),
		cmocka_unit_test(test_locked),
		cmocka_unit_test(test_moved_away),
		cmocka_unit_test(test_no_file),
		cmocka_unit_test(test_read_only),
	};

	return contract_run(&b, own, sizeof(own) / sizeof(own[0]));
}
