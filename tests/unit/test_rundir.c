/* SPDX-License-Identifier: Apache-2.0
 *
 * test_rundir.c
 *	  The run directory: whom it trusts, the status file, producers.
 */
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "osprofiler/rundir.h"
#include "tempdir.h"

static char run_path[256];

static int
set_up(void **state)
{
	(void) state;
	(void) snprintf(run_path, sizeof(run_path), "%s/run", tempdir_make());
	return 0;
}

static int
tear_down(void **state)
{
	(void) state;
	tempdir_remove();
	return 0;
}

static void
test_path(void **state)
{
	char path[OSP_RUNDIR_PATH_MAX];
	char *longest = malloc(OSP_RUNDIR_PATH_MAX + 1);

	(void) state;
	assert_non_null(longest);
	memset(longest, 'p', OSP_RUNDIR_PATH_MAX);
	longest[OSP_RUNDIR_PATH_MAX] = '\0';
	assert_int_equal(
		osp_rundir_path(OSP_STR("/run/x"), OSP_STR("pg-1"), path, NULL),
		OSP_OK);
	assert_string_equal(path, "/run/x/pg-1");
	assert_int_equal(setenv("XDG_RUNTIME_DIR", "/run/user/1", 1), 0);
	assert_int_equal(osp_rundir_path(OSP_STR(""), OSP_STR(""), path, NULL),
					 OSP_OK);
	assert_string_equal(path, "/run/user/1/osprofiler");
	assert_int_equal(setenv("XDG_RUNTIME_DIR", "not/absolute", 1), 0);
	assert_int_equal(osp_rundir_path(OSP_STR(""), OSP_STR("a"), path, NULL),
					 OSP_OK);
	assert_int_equal(strncmp(path, "/dev/shm/osprofiler-", 20), 0);
	assert_int_equal(unsetenv("XDG_RUNTIME_DIR"), 0);
	assert_int_equal(
		osp_rundir_path(osp_str_of(longest), OSP_STR(""), path, NULL),
		OSP_EINVAL);
	assert_string_equal(path, "");
	free(longest);
}

static void
expect_refused(osp_status expected, const char *word)
{
	osp_error err;
	int fd;

	assert_int_equal(osp_rundir_open(run_path, false, &fd, &err), expected);
	assert_int_equal(fd, -1);
	if (strstr(err.msg, word) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", err.msg, word);
}

static void
test_open_makes_it_private(void **state)
{
	struct stat st;
	int fd;

	(void) state;
	expect_refused(OSP_ENOENT, "cannot open");
	assert_int_equal(osp_rundir_open(run_path, true, &fd, NULL), OSP_OK);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(close(fd), 0);
	assert_int_equal(osp_rundir_open(run_path, false, &fd, NULL), OSP_OK);
	assert_int_equal(close(fd), 0);
}

static void
test_open_refuses_what_others_can_reach(void **state)
{
	(void) state;
	assert_int_equal(mkdir(run_path, 0700), 0);
	assert_int_equal(chmod(run_path, 0750), 0);
	expect_refused(OSP_EPERM, "chmod 700");
}

static void
test_open_refuses_links_and_files(void **state)
{
	char target[300];
	int fd;

	(void) state;
	(void) snprintf(target, sizeof(target), "%s.real", run_path);
	assert_int_equal(mkdir(target, 0700), 0);
	assert_int_equal(symlink(target, run_path), 0);
	expect_refused(OSP_EPERM, "not a real directory");
	assert_int_equal(unlink(run_path), 0);
	fd = open(run_path, O_CREAT | O_WRONLY, 0600);
	assert_true(fd >= 0);
	assert_int_equal(close(fd), 0);
	expect_refused(OSP_EPERM, "not a real directory");
}

static void
test_open_refuses_other_owners(void **state)
{
	(void) state;

	/* Root gives a directory away; others have root's to look at. */
	if (geteuid() == 0)
	{
		assert_int_equal(mkdir(run_path, 0700), 0);
		assert_int_equal(chown(run_path, 65534, 65534), 0);
	}
	else
		(void) snprintf(run_path, sizeof(run_path), "/usr");
	expect_refused(OSP_EPERM, "another user");
}

static void
test_open_refuses_open_parents(void **state)
{
	char parent[256];

	(void) state;
	assert_int_equal(mkdir(run_path, 0700), 0);
	(void) snprintf(parent, sizeof(parent), "%s", run_path);
	*strrchr(parent, '/') = '\0';
	assert_int_equal(chmod(parent, 0777), 0);
	expect_refused(OSP_EPERM, "replace");
	assert_int_equal(chmod(parent, 01777), 0);
	assert_int_equal(chmod(parent, 0700), 0);
}

static void
test_relative_path(void **state)
{
	int fd;

	(void) state;
	assert_int_equal(osp_rundir_open("run", true, &fd, NULL), OSP_EINVAL);
}

static void
test_status_file_is_shared(void **state)
{
	osp_runstat *a;
	osp_runstat *b;
	int fd;

	(void) state;
	assert_int_equal(osp_rundir_open(run_path, true, &fd, NULL), OSP_OK);
	assert_int_equal(osp_runstat_map(fd, &a, NULL), OSP_OK);
	assert_int_equal(osp_runstat_map(fd, &b, NULL), OSP_OK);
	osp_runstat_add(&a->contexts[OSP_CTX_BAD_SIGNATURE], 3);
	assert_int_equal(b->contexts[OSP_CTX_BAD_SIGNATURE], 3);
	assert_true(llabs(a->wall_offset_ns - osp_wall_offset_now()) < 1000000000);
	assert_false(osp_shipper_alive(a));
	a->shipper = osp_owner_self();
	assert_true(osp_shipper_alive(b));
	osp_runstat_unmap(b);

	/* One of another version, or damaged, is replaced. */
	a->version = 99;
	assert_int_equal(osp_runstat_map(fd, &b, NULL), OSP_OK);
	assert_int_equal(b->contexts[OSP_CTX_BAD_SIGNATURE], 0);
	osp_runstat_unmap(a);
	osp_runstat_unmap(b);
	assert_int_equal(close(fd), 0);
}

static void
open_producer(osp_producer *producer)
{
	osp_error err;

	if (osp_producer_open(producer, run_path, 1, OSP_ON_FULL_DROP, &err) !=
		OSP_OK)
		fail_msg("%s", err.msg);
	assert_int_equal(producer->ring.capacity, OSP_RING_MIN);
}

static void
commit_points(osp_producer *producer, int count)
{
	osp_id id;
	osp_point_ids ids = {&id, &id, {{0}}};
	osp_writer w;

	memset(&w, 0, sizeof(w));
	assert_true(osp_id_set(&id, OSP_STR("b")));
	while (count-- > 0)
	{
		assert_true(osp_point_begin(producer,
									&w,
									OSP_RECORD_START,
									&ids,
									OSP_STR("n"),
									OSP_STR(""),
									OSP_STR(""),
									1,
									0,
									16));
		osp_point_commit(producer, &w);
	}
}

static void
test_pool(void **state)
{
	osp_producer a;
	osp_producer b;
	osp_producer c;

	(void) state;
	open_producer(&a);
	open_producer(&b);
	assert_int_equal(a.stat->rings_made, 2);
	commit_points(&a, 3);

	/* Given back, the next one gets it, with what still lies in it. */
	osp_producer_close(&a);
	open_producer(&c);
	assert_int_equal(osp_ring_tail(&c.ring), 0);
	assert_int_equal(c.ring.header->records, 3);
	commit_points(&c, 1);
	assert_int_equal(c.ring.header->records, 4);
	osp_producer_close(&b);
	osp_producer_close(&c);
}

static void
test_full_ring_is_left_to_the_shipper(void **state)
{
	osp_producer a;
	osp_producer b;

	(void) state;
	open_producer(&a);
	while (osp_ring_head(&a.ring) < OSP_RING_MIN / 2 + 1000)
		commit_points(&a, 1);
	osp_producer_close(&a);
	open_producer(&b);
	assert_int_equal(osp_ring_head(&b.ring), 0);
	osp_producer_close(&b);
}

static void
test_dead_producer(void **state)
{
	osp_producer a;
	int status;
	pid_t child = fork();

	(void) state;
	assert_true(child >= 0);
	if (child == 0)
	{
		open_producer(&a);
		commit_points(&a, 2);
		(void) kill(getpid(), SIGKILL);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	open_producer(&a);
	assert_int_equal(a.ring.header->records, 2);
	osp_producer_close(&a);
}

/* After fork the parent's ring stays the parent's. */
static void
test_abandon_after_fork(void **state)
{
	osp_producer a;
	int status;
	pid_t child;

	(void) state;
	open_producer(&a);
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
	{
		osp_producer b;

		osp_producer_abandon(&a);
		open_producer(&b);
		commit_points(&b, 1);
		_exit(b.ring.header->records == 1 ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(a.ring.header->records, 0);
	assert_false(osp_ring_orphaned(&a.ring));
	osp_producer_close(&a);
}

static void
test_doorbell(void **state)
{
	struct pollfd bell;
	char path[300];
	osp_producer a;
	char byte[8];

	(void) state;
	open_producer(&a);
	(void) snprintf(path, sizeof(path), "%s/doorbell", run_path);

	/* No doorbell, nobody at home: nothing happens, and it stays asleep. */
	a.stat->sleeping = 1;
	errno = 77;
	commit_points(&a, 1);
	assert_int_equal(errno, 77);
	assert_int_equal(a.stat->sleeping, 1);

	assert_int_equal(mkfifo(path, 0600), 0);
	bell.fd = open(path, O_RDWR | O_NONBLOCK);
	bell.events = POLLIN;
	assert_true(bell.fd >= 0);
	a.stat->sleeping = 0;
	commit_points(&a, 1);
	assert_int_equal(poll(&bell, 1, 0), 0);
	a.stat->sleeping = 1;
	commit_points(&a, 5);
	assert_int_equal(poll(&bell, 1, 0), 1);
	assert_int_equal(read(bell.fd, byte, sizeof(byte)), 1);
	assert_int_equal(a.stat->sleeping, 0);
	assert_int_equal(close(bell.fd), 0);
	osp_producer_close(&a);
}

static void
test_lost_points_are_told(void **state)
{
	osp_producer a;
	osp_record record;
	osp_attr attr;
	osp_buf buf;
	uint64_t pos = 0;
	uint64_t lost;
	size_t at = 0;

	(void) state;
	open_producer(&a);
	while (osp_ring_reserve(&a.ring, 2000) != NULL)
	{
		a.ring.reserved_size = 0;
		commit_points(&a, 1);
	}
	assert_null(osp_ring_reserve(&a.ring, 2000));
	osp_ring_set_tail(&a.ring, osp_ring_head(&a.ring));
	pos = osp_ring_tail(&a.ring);
	commit_points(&a, 2);
	osp_buf_init(&buf, &osp_allocator_default, 4096);
	assert_true(osp_ring_next(&a.ring, &pos, &buf, &record));
	assert_true(osp_attr_next(record.info, &at, &attr));
	assert_true(osp_str_eq(attr.key, OSP_STR("lost_points")));
	memcpy(&lost, attr.value.ptr, sizeof(lost));
	assert_int_equal(lost, 2);
	assert_true(osp_ring_next(&a.ring, &pos, &buf, &record));
	assert_int_equal(record.info.len, 0);
	osp_buf_term(&buf);
	osp_producer_close(&a);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_path),
		TEST(test_open_makes_it_private),
		TEST(test_open_refuses_what_others_can_reach),
		TEST(test_open_refuses_links_and_files),
		TEST(test_open_refuses_other_owners),
		TEST(test_open_refuses_open_parents),
		cmocka_unit_test(test_relative_path),
		TEST(test_status_file_is_shared),
		TEST(test_pool),
		TEST(test_full_ring_is_left_to_the_shipper),
		TEST(test_dead_producer),
		TEST(test_abandon_after_fork),
		TEST(test_doorbell),
		TEST(test_lost_points_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
