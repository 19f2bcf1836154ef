/* SPDX-License-Identifier: Apache-2.0
 *
 * test_rundir.c
 *	  The run directory: which owners are trusted, its lock, its status file, its bell.
 */
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "record/mapped_alone.h"
#include "record/newfile.h"
#include "record/producer.h"
#include "record/rundir_clear.h"
#include "record/runstat.h"
#include "run_fixture.h"
#include "tempdir.h"

static void
test_path(void **state)
{
	char path[OSP_RUNDIR_PATH_MAX];
	char *longest = malloc(OSP_RUNDIR_PATH_MAX + 1);

	(void) state;
	assert_non_null(longest);
	memset(longest, 'p', OSP_RUNDIR_PATH_MAX);
	longest[OSP_RUNDIR_PATH_MAX] = '\0';
	assert_int_equal(osp_rundir_path(OSP_STR("/run/x"), path, NULL), OSP_OK);
	assert_string_equal(path, "/run/x");
	assert_int_equal(setenv("XDG_RUNTIME_DIR", "/run/user/1", 1), 0);
	assert_int_equal(osp_rundir_path(OSP_STR(""), path, NULL), OSP_OK);
	assert_string_equal(path, "/run/user/1/osprofiler");
	assert_int_equal(setenv("XDG_RUNTIME_DIR", "not/absolute", 1), 0);
	assert_int_equal(osp_rundir_path(OSP_STR(""), path, NULL), OSP_OK);
	assert_int_equal(strncmp(path, "/dev/shm/osprofiler-", 20), 0);
	assert_int_equal(unsetenv("XDG_RUNTIME_DIR"), 0);
	assert_int_equal(osp_rundir_path(osp_str_of(longest), path, NULL),
					 OSP_EINVAL);
	assert_string_equal(path, "");
	free(longest);
}

/* The path of a server's run directory does not depend on the environment of the user
 * who started the server. */
static void
test_server_path(void **state)
{
	char path[OSP_RUNDIR_PATH_MAX];
	char expected[64];

	(void) state;
	(void) snprintf(expected,
					sizeof(expected),
					"/dev/shm/osprofiler-%lu/pg-1",
					(unsigned long) geteuid());
	assert_int_equal(setenv("XDG_RUNTIME_DIR", "/run/user/1", 1), 0);
	assert_int_equal(
		osp_rundir_server_path(OSP_STR(""), OSP_STR("pg-1"), path, NULL),
		OSP_OK);
	assert_string_equal(path, expected);
	assert_int_equal(unsetenv("XDG_RUNTIME_DIR"), 0);
	assert_int_equal(
		osp_rundir_server_path(OSP_STR("/run/x"), OSP_STR("pg-1"), path, NULL),
		OSP_OK);
	assert_string_equal(path, "/run/x/pg-1");
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

	/* Root gives the directory to another user. Other users try a directory of root. */
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
	osp_runstat_unmap(b);

	/* A status file that is damaged, or of another version, is replaced. */
	a->version = 99;
	assert_int_equal(osp_runstat_map(fd, &b, NULL), OSP_OK);
	assert_int_equal(b->contexts[OSP_CTX_BAD_SIGNATURE], 0);
	osp_runstat_unmap(a);
	osp_runstat_unmap(b);
	assert_int_equal(close(fd), 0);
}

/* The lock shows whether there is a shipper. Checking does not take the lock. */
static void
test_lock(void **state)
{
	osp_error err;
	int dir_fd;
	int second;
	int lock;

	(void) state;
	assert_int_equal(osp_rundir_open(run_path, true, &dir_fd, NULL), OSP_OK);
	assert_false(osp_shipper_alive(dir_fd));
	assert_int_equal(osp_rundir_lock(dir_fd, run_path, &lock, NULL), OSP_OK);
	assert_true(osp_shipper_alive(dir_fd));
	assert_int_equal(osp_rundir_lock(dir_fd, run_path, &second, &err),
					 OSP_EBUSY);
	assert_non_null(strstr(err.msg, "has a shipper already"));
	assert_int_equal(second, -1);
	assert_true(osp_shipper_alive(dir_fd));
	assert_int_equal(close(lock), 0);
	assert_false(osp_shipper_alive(dir_fd));
	assert_int_equal(close(dir_fd), 0);
}

static void *
listen_once(void *arg)
{
	osp_runstat *stat = arg;
	uint32_t seen = 7;

	while (__atomic_load_n(&stat->bell, __ATOMIC_ACQUIRE) == seen)
		(void) osp_runstat_listen(stat, seen);
	return NULL;
}

/* The bell is rung only if the shipper sleeps, and once for each sleep. */
static void
test_bell(void **state)
{
	osp_runstat *shippers;
	osp_runstat *producers;
	pthread_t thread;
	int fd;

	(void) state;
	assert_int_equal(osp_rundir_open(run_path, true, &fd, NULL), OSP_OK);
	assert_int_equal(osp_runstat_map(fd, &shippers, NULL), OSP_OK);
	assert_int_equal(osp_runstat_map(fd, &producers, NULL), OSP_OK);
	assert_int_equal(close(fd), 0);
	shippers->bell = 7;
	errno = 77;
	osp_runstat_ring(producers);
	assert_int_equal(shippers->bell, 7);
	assert_int_equal(pthread_create(&thread, NULL, listen_once, shippers), 0);
	(void) usleep(20000);
	shippers->sleeping = 3;
	osp_runstat_ring(producers);
	assert_int_equal(errno, 77);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(shippers->sleeping, 0);
	osp_runstat_ring(producers);
	assert_int_equal(shippers->bell, 8);
	osp_runstat_unmap(shippers);
	osp_runstat_unmap(producers);
}

/* Makes the files that a server has in its run directory. Returns a descriptor of the
 * directory. */
static int
make_files(void)
{
	static const char *const names[] = {"lock", "worker", "warned"};
	osp_runstat *stat;
	void *map;
	size_t i;
	int dir_fd;

	assert_int_equal(osp_rundir_open(run_path, true, &dir_fd, NULL), OSP_OK);
	assert_int_equal(osp_runstat_map(dir_fd, &stat, NULL), OSP_OK);
	osp_runstat_unmap(stat);
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_int_equal(
			close(openat(dir_fd, names[i], O_RDWR | O_CREAT, 0600)), 0);
	assert_int_equal(osp__mappart(dir_fd, "waits.1", 0, 4096, &map, NULL),
					 OSP_OK);
	assert_int_equal(munmap(map, 4096), 0);
	return dir_fd;
}

static bool
is_there(int dir_fd, const char *name)
{
	return faccessat(dir_fd, name, F_OK, 0) == 0;
}

/* A server's run directory is removed completely, unless records wait in it. */
static void
test_clear(void **state)
{
	static const char *const kept[] = {"ring.3", "losses", "otlp"};
	osp_producer_options options;
	osp_producer producer;
	osp_runstat *stat;
	int lock_fd;
	int dir_fd;
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
	{
		dir_fd = make_files();
		assert_int_equal(close(openat(dir_fd, kept[i], O_RDWR | O_CREAT, 0600)),
						 0);
		osp_rundir_clear(run_path);
		assert_true(is_there(dir_fd, kept[i]));
		assert_true(is_there(dir_fd, "status"));
		assert_false(is_there(dir_fd, "waits.1"));
		assert_int_equal(unlinkat(dir_fd, kept[i], 0), 0);
		assert_int_equal(close(dir_fd), 0);
	}

	/* Records wait in the spool. */
	dir_fd = make_files();
	assert_int_equal(osp_runstat_map(dir_fd, &stat, NULL), OSP_OK);
	assert_int_equal(close(openat(dir_fd, "spool", O_RDWR | O_CREAT, 0600)), 0);
	stat->spool_points = 1;
	osp_rundir_clear(run_path);
	assert_true(is_there(dir_fd, "status"));
	assert_true(is_there(dir_fd, "spool"));
	stat->spool_points = 0;
	osp_runstat_unmap(stat);
	assert_int_equal(close(dir_fd), 0);

	/* Another shipper uses the directory. */
	dir_fd = make_files();
	assert_int_equal(osp_rundir_lock(dir_fd, run_path, &lock_fd, NULL), OSP_OK);
	osp_rundir_clear(run_path);
	assert_true(is_there(dir_fd, "status"));
	assert_int_equal(close(lock_fd), 0);

	/* A process that has mapped the status file learns that the file was removed. A
	 * producer then makes a new ring. */
	assert_int_equal(osp_runstat_map(dir_fd, &stat, NULL), OSP_OK);
	osp_rundir_clear(run_path);
	assert_int_equal(access(run_path, F_OK), -1);
	assert_int_equal(stat->sleeping, OSP_RUNSTAT_MOVED);
	osp_runstat_unmap(stat);
	assert_int_equal(close(dir_fd), 0);
	memset(&options, 0, sizeof(options));
	assert_int_equal(osp_producer_open(&producer, run_path, &options, NULL),
					 OSP_OK);
	osp_rundir_clear(run_path);
	assert_int_equal(access(run_path, F_OK), 0);
	osp_producer_close(&producer);

	/* A missing directory is not made. */
	tempdir_remove_this(run_path);
	osp_rundir_clear(run_path);
	assert_int_equal(access(run_path, F_OK), -1);
}

/* Does this file system report whether a file is mapped by another process? */
static bool
tells_mappings(int dir_fd)
{
	int fd = openat(dir_fd, "probe", O_RDWR | O_CREAT, 0600);
	bool tells = osp__is_mapped_alone(fd);

	assert_int_equal(close(fd), 0);
	return tells;
}

/* The file of waits is removed when no session has it mapped any more. */
static void
test_clear_waits(void **state)
{
	int dir_fd = make_files();
	void *map;

	(void) state;
	assert_int_equal(osp__mappart(dir_fd, "waits.1", 0, 4096, &map, NULL),
					 OSP_OK);
	osp_rundir_clear_waits(dir_fd);
	assert_true(is_there(dir_fd, "waits.1"));
	assert_int_equal(munmap(map, 4096), 0);
	osp_rundir_clear_waits(dir_fd);
	assert_int_equal(is_there(dir_fd, "waits.1"), !tells_mappings(dir_fd));
	assert_true(is_there(dir_fd, "status"));
	assert_int_equal(close(dir_fd), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_path),
		cmocka_unit_test(test_server_path),
		RUN_TEST(test_open_makes_it_private),
		RUN_TEST(test_open_refuses_what_others_can_reach),
		RUN_TEST(test_open_refuses_links_and_files),
		RUN_TEST(test_open_refuses_other_owners),
		RUN_TEST(test_open_refuses_open_parents),
		cmocka_unit_test(test_relative_path),
		RUN_TEST(test_status_file_is_shared),
		RUN_TEST(test_lock),
		RUN_TEST(test_bell),
		RUN_TEST(test_clear),
		RUN_TEST(test_clear_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
