/* SPDX-License-Identifier: Apache-2.0
 *
 * test_producer.c
 *	  Producers: rings that grow, the limit of all rings together, limits of the
 *	  process, and run directories that are removed.
 */
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "record/producer.h"
#include "run_fixture.h"

#define RING_FILE_MIN (OSP_RING_HEADER_SIZE + OSP_RING_MIN)

static osp_id trace;

static osp_producer_options
options_of(size_t ring_size)
{
	return (osp_producer_options){.ring_size = ring_size};
}

static void
open_producer(osp_producer *producer, size_t ring_size)
{
	osp_producer_options options = options_of(ring_size);
	osp_error err;

	if (osp_producer_open(producer, run_path, &options, &err) != OSP_OK)
		fail_msg("%s", err.msg);
	assert_int_equal(producer->ring.capacity, OSP_RING_MIN);
}

/* Commits a point with this number and fill further bytes. False: there was no room,
 * and the point is lost. */
static bool
commit_point(osp_producer *producer, int64_t number, size_t fill)
{
	osp_point_ids ids = {&trace, &trace, {{0}}};
	osp_writer w;

	memset(&w, 0, sizeof(w));
	if (!osp_point_begin(producer,
						 &w,
						 OSP_RECORD_START,
						 &ids,
						 OSP_STR("n"),
						 OSP_STR(""),
						 OSP_STR(""),
						 number,
						 0,
						 16 + fill))
		return false;
	if (fill > 0)
	{
		char *text = calloc(1, fill);

		osp_put_str(&w, OSP_STR("f"), osp_str_n(text, fill));
		free(text);
	}
	osp_point_commit(producer, &w);
	return true;
}

static int
open_run(void)
{
	int fd;

	assert_int_equal(osp_rundir_open(run_path, false, &fd, NULL), OSP_OK);
	return fd;
}

/* Reads all rings in their order, as the shipper does, and asserts that the numbers of
 * the points continue from *next. Records that were read are removed. */
static void
read_rings(int64_t *next)
{
	int dir_fd = open_run();
	osp_runstat *stat;
	osp_buf buf;
	uint64_t n;

	assert_int_equal(osp_runstat_map(dir_fd, &stat, NULL), OSP_OK);
	osp_buf_init(&buf, &osp_allocator_default, OSP_RING_MAX);
	for (n = 0; n < stat->next_ring; n++)
	{
		char name[OSP_RING_NAME_MAX];
		osp_record record;
		osp_ring ring;
		uint64_t pos;

		osp_ring_name(name, n);
		if (osp_ring_map(&ring, dir_fd, name, NULL) != OSP_OK)
			continue;
		pos = osp_ring_tail(&ring);
		while (osp_ring_next(&ring, &pos, &buf, &record))
		{
			assert_int_equal(record.mono_ns, *next);
			(*next)++;
		}
		osp_ring_set_tail(&ring, pos);
		osp_ring_unmap(&ring);
	}
	osp_buf_term(&buf);
	osp_runstat_unmap(stat);
	(void) close(dir_fd);
}

/* A ring that runs full is replaced by larger ones, and no point is lost. */
static void
test_growth(void **state)
{
	osp_producer producer;
	int64_t number = 0;
	int64_t next = 0;

	(void) state;
	open_producer(&producer, 1024 * 1024);
	memcpy(producer.ring.header->service, "shop", sizeof("shop"));
	while (producer.ring.header->dropped == 0)
		if (commit_point(&producer, number, 500))
			number++;
	assert_int_equal(producer.ring.capacity, 1024 * 1024);
	assert_int_equal(producer.number, 2);
	assert_int_equal(producer.ring.header->predecessor,
					 OSP_RING_PREDECESSOR(1));
	assert_string_equal(producer.ring.header->service, "shop");
	assert_int_equal(producer.stat->ring_bytes,
					 3 * OSP_RING_HEADER_SIZE + (64 + 256 + 1024) * 1024);
	assert_true(number > (64 + 256 + 1024) * 1024 / 600 * 9 / 10);
	read_rings(&next);
	assert_int_equal(next, number);
	assert_true(commit_point(&producer, number++, 500));
	read_rings(&next);
	assert_int_equal(next, number);
	osp_producer_close(&producer);
}

/* A record that is too large for a small ring makes the ring grow. */
static void
test_large_record(void **state)
{
	osp_producer producer;
	int64_t next = 0;

	(void) state;
	open_producer(&producer, 1024 * 1024);
	assert_true(commit_point(&producer, 0, 100));
	assert_true(commit_point(&producer, 1, 200 * 1024));
	assert_int_equal(producer.ring.capacity, 1024 * 1024);
	assert_true(commit_point(&producer, 2, 100));
	assert_false(commit_point(&producer, 3, 1024 * 1024));
	read_rings(&next);
	assert_int_equal(next, 3);
	osp_producer_close(&producer);
}

/* A ring grows to the configured size, which is raised to the minimum if it is too
 * small. */
static void
test_ring_size(void **state)
{
	osp_producer producer;

	(void) state;
	open_producer(&producer, 512 * 1024);
	while (commit_point(&producer, 0, 1000))
		continue;
	assert_int_equal(producer.ring.capacity, 512 * 1024);
	osp_producer_close(&producer);
	open_producer(&producer, 1);
	while (commit_point(&producer, 0, 1000))
		continue;
	assert_int_equal(producer.ring.capacity, OSP_RING_MIN);
	osp_producer_close(&producer);
}

/* All rings together stay within the limit. Rings that grow only use half of it. */
static void
test_bound(void **state)
{
	enum
	{
		COUNT = 12
	};
	osp_producer_options options = options_of(1024 * 1024);
	osp_producer producers[COUNT];
	osp_producer beyond;
	osp_error err;
	int i;

	(void) state;
	options.ring_total = COUNT * (uint64_t) RING_FILE_MIN;
	for (i = 0; i < COUNT; i++)
		assert_int_equal(
			osp_producer_open(&producers[i], run_path, &options, &err), OSP_OK);
	assert_int_equal(osp_producer_open(&beyond, run_path, &options, &err),
					 OSP_EFULL);
	assert_non_null(strstr(err.msg, "no room for another ring"));
	assert_int_equal(producers[0].stat->ring_bytes, options.ring_total);

	/* No ring can grow. Points without room are counted. */
	while (commit_point(&producers[0], 0, 1000))
		continue;
	assert_int_equal(producers[0].ring.capacity, OSP_RING_MIN);
	assert_int_equal(producers[0].ring.header->losses[0].lost, 1);
	assert_int_equal(producers[0].stat->ring_bytes, options.ring_total);
	for (i = 0; i < COUNT; i++)
		osp_producer_close(&producers[i]);
}

/* With the default limit, a thousand sessions can have a ring each, of little more than
 * 64 kB. */
static void
test_thousand_sessions(void **state)
{
	enum
	{
		COUNT = 1000
	};
	osp_producer *producers = calloc(COUNT, sizeof(*producers));
	int64_t next = 0;
	int i;

	(void) state;
	assert_non_null(producers);
	for (i = 0; i < COUNT; i++)
	{
		open_producer(&producers[i], 1024 * 1024);
		assert_true(commit_point(&producers[i], i, 100));
	}
	assert_int_equal(producers[0].stat->ring_bytes,
					 COUNT * (uint64_t) RING_FILE_MIN);
	assert_true(producers[0].stat->ring_bytes <= OSP_RING_TOTAL_DEFAULT);
	read_rings(&next);
	assert_int_equal(next, COUNT);
	for (i = 0; i < COUNT; i++)
		osp_producer_close(&producers[i]);
	free(producers);
}

static bool
write_proc(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	bool done = fd >= 0 && write(fd, text, strlen(text)) > 0;

	if (fd >= 0)
		(void) close(fd);
	return done;
}

/* Moves the process into a new user namespace in which this user and group have the
 * same numbers. */
static bool
enter_user_namespace(unsigned user, unsigned group)
{
	char users[64];
	char groups[64];

	(void) snprintf(users, sizeof(users), "%u %u 1", user, user);
	(void) snprintf(groups, sizeof(groups), "%u %u 1", group, group);
	return unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 &&
		   write_proc("/proc/self/setgroups", "deny") &&
		   write_proc("/proc/self/uid_map", users) &&
		   write_proc("/proc/self/gid_map", groups);
}

/* In a child: mounts a file system of 1 MB at run_path, which no other process sees. */
static bool
mount_small(void)
{
	if (mkdir(run_path, 0700) != 0)
		return false;
	if (geteuid() == 0 ? unshare(CLONE_NEWNS) != 0
					   : !enter_user_namespace(geteuid(), getegid()))
		return false;
	return mount("none", "/", "none", MS_REC | MS_PRIVATE, "") == 0 &&
		   mount("small", run_path, "tmpfs", 0, "size=1m,mode=0700") == 0;
}

/* On a small file system, rings leave a part of the space to others, both new rings and
 * rings that grow. */
static void
test_share_of_the_file_system(void **state)
{
	pid_t child = fork();
	int status;

	(void) state;
	assert_true(child >= 0);
	if (child == 0)
	{
		osp_producer_options options = options_of(1024 * 1024);
		osp_producer producers[16];
		uint64_t bytes;
		int opened = 0;

		options.ring_total = UINT64_C(1) << 40;
		if (!mount_small())
			_exit(1);
		while (opened < 16 &&
			   osp_producer_open(
				   &producers[opened], run_path, &options, NULL) == OSP_OK)
			opened++;
		if (opened == 0)
			_exit(4);
		bytes = producers[0].stat->ring_bytes;
		while (commit_point(&producers[0], 0, 1000))
			continue;
		if (producers[0].stat->ring_bytes != bytes)
			_exit(2);
		_exit(bytes <= 640 * 1024 && bytes > 500 * 1024 ? 0 : 3);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

/* A producer gets no signal if the process has a limit on file sizes. */
static void
test_file_size_limit(void **state)
{
	static const rlim_t limits[] = {
		0, 1, 512, 4096, RING_FILE_MIN - 1, RING_FILE_MIN, 102400, 300000};
	size_t i;

	(void) state;
	for (i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
	{
		pid_t child = fork();
		int status;

		assert_true(child >= 0);
		if (child == 0)
		{
			struct rlimit limit = {limits[i], limits[i]};
			osp_producer_options options = options_of(1024 * 1024);
			osp_producer producer;
			bool expected = limits[i] >= RING_FILE_MIN;
			bool opened;

			if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
				_exit(1);
			opened = osp_producer_open(&producer, run_path, &options, NULL) ==
					 OSP_OK;
			while (opened && commit_point(&producer, 0, 1000))
				continue;
			if (opened && producer.ring.capacity > limits[i])
				_exit(2);
			_exit(opened == expected ? 0 : 3);
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_int_equal(status, 0);
	}
}

/* After a fork only the parent writes to its ring. */
static void
test_abandon_after_fork(void **state)
{
	osp_producer a;
	int status;
	pid_t child;

	(void) state;
	open_producer(&a, 1);
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
	{
		osp_producer b;

		osp_producer_abandon(&a);
		open_producer(&b, 1);
		_exit(commit_point(&b, 0, 0) && b.ring.header->records == 1 ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(a.ring.header->records, 0);
	assert_int_not_equal(a.ring.header->owner, 0);
	osp_producer_close(&a);
}

static void
remove_ring(uint64_t number)
{
	char name[OSP_RING_NAME_MAX];
	char path[sizeof(run_path) + sizeof(name)];

	osp_ring_name(name, number);
	(void) snprintf(path, sizeof(path), "%s/%s", run_path, name);
	assert_int_equal(unlink(path), 0);
}

static int
open_run_anew(void)
{
	int fd;

	assert_int_equal(osp_rundir_open(run_path, true, &fd, NULL), OSP_OK);
	return fd;
}

static void
remove_run(void)
{
	char command[300];

	(void) snprintf(command, sizeof(command), "rm -rf '%s'", run_path);
	assert_int_equal(system(command), 0);
}

/*
 * The directory is removed while there is no shipper. A producer notices that when
 * its ring is full, and copies the records to the new directory.
 */
static void
test_directory_removed(void **state)
{
	osp_producer producer;
	int64_t number = 0;
	int64_t next = 0;

	(void) state;
	open_producer(&producer, 1);
	assert_true(commit_point(&producer, number++, 1000));
	remove_run();
	while (access(run_path, F_OK) != 0 && number < 1000)
		assert_true(commit_point(&producer, number++, 1000));
	assert_int_equal(access(run_path, F_OK), 0);
	assert_int_equal(producer.ring.header->dropped, 0);
	read_rings(&next);
	assert_int_equal(next, number);
	osp_producer_close(&producer);
}

/* The same for a producer that ends before its ring is full. */
static void
test_removed_before_end(void **state)
{
	osp_producer producer;
	int64_t number;
	int64_t next = 0;

	(void) state;
	for (number = 0; number < 3; number++)
	{
		open_producer(&producer, 1024 * 1024);
		assert_true(commit_point(&producer, number, 1000));
		remove_run();

		/* Other producers may have rings there already. */
		if (number == 1)
			(void) close(open_run_anew());
		osp_producer_close(&producer);
		read_rings(&next);
		assert_int_equal(next, number + 1);
	}

	/* Only the file of its ring was removed. */
	open_producer(&producer, 1024 * 1024);
	assert_true(commit_point(&producer, number++, 1000));
	remove_ring(producer.number);
	osp_producer_close(&producer);
	read_rings(&next);
	assert_int_equal(next, number);

	/* The same for a ring that grows. */
	open_producer(&producer, 256 * 1024);
	assert_true(commit_point(&producer, number++, 1000));
	remove_ring(producer.number);
	while (producer.ring.capacity < 256 * 1024)
		assert_true(commit_point(&producer, number++, 1000));
	read_rings(&next);
	assert_int_equal(next, number);
	osp_producer_close(&producer);

	/* If all points were delivered, no new directory is made. */
	open_producer(&producer, 1024 * 1024);
	assert_true(commit_point(&producer, number, 1000));
	read_rings(&next);
	remove_run();
	osp_producer_close(&producer);
	assert_int_equal(access(run_path, F_OK), -1);
}

/* A shipper notices the removal first, and delivers the records of the old rings. */
static void
test_directory_moved(void **state)
{
	osp_producer producer;
	osp_runstat *old;
	int64_t next = 1;
	int dir_fd;

	(void) state;
	open_producer(&producer, 1024 * 1024);
	producer.ring.header->seen = 1;
	dir_fd = open_run();
	assert_int_equal(osp_runstat_map(dir_fd, &old, NULL), OSP_OK);
	(void) close(dir_fd);
	remove_run();
	old->sleeping = OSP_RUNSTAT_MOVED;

	/* Nothing changes as long as there is no new directory. */
	assert_true(commit_point(&producer, 0, 0));
	assert_int_equal(access(run_path, F_OK), -1);
	assert_int_equal(osp_rundir_open(run_path, true, &dir_fd, NULL), OSP_OK);
	(void) close(dir_fd);
	producer.retry_ns = 0;
	assert_true(commit_point(&producer, 0, 0));
	assert_true(commit_point(&producer, 1, 0));
	assert_true(commit_point(&producer, 2, 0));
	read_rings(&next);
	assert_int_equal(next, 3);
	assert_memory_not_equal(&old->id, &producer.stat->id, sizeof(osp_uuid));
	osp_runstat_unmap(old);
	osp_producer_close(&producer);
}

static void
test_labels(void **state)
{
	osp_producer_options options = options_of(1024 * 1024);
	osp_producer producer;
	char label[OSP_LABEL_MAX + 100];

	(void) state;
	memset(label, 'l', sizeof(label));
	options.project = OSP_STR("nova");
	options.service = osp_str_n(label, sizeof(label));
	assert_int_equal(osp_producer_open(&producer, run_path, &options, NULL),
					 OSP_OK);
	while (producer.number == 0)
		assert_true(commit_point(&producer, 0, 1000));
	assert_string_equal(producer.ring.header->project, "nova");
	assert_int_equal(strlen(producer.ring.header->service), OSP_LABEL_MAX);
	osp_producer_close(&producer);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		RUN_TEST(test_growth),
		RUN_TEST(test_large_record),
		RUN_TEST(test_ring_size),
		RUN_TEST(test_bound),
		RUN_TEST(test_thousand_sessions),
		RUN_TEST(test_share_of_the_file_system),
		RUN_TEST(test_file_size_limit),
		RUN_TEST(test_abandon_after_fork),
		RUN_TEST(test_directory_removed),
		RUN_TEST(test_removed_before_end),
		RUN_TEST(test_directory_moved),
		RUN_TEST(test_labels),
	};

	if (!osp_id_set(&trace, OSP_STR("the trace")))
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
