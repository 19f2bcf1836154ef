/* SPDX-License-Identifier: Apache-2.0
 *
 * store_crashes.c
 *	  Processes that are killed, and losses of power, while a store is written to.
 *
 * A child process writes numbered batches, and reports which of them were confirmed. To
 * simulate a loss of power, the child is stopped and its files are copied; in the copy,
 * those parts of the log that were not synced are damaged, as a disk may do. A VFS
 * around SQLite's own one records how much of the log was synced. CRASH_ROUNDS is the
 * number of rounds of each test.
 */
#include "store_tests.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tempdir.h"

#define ROUNDS 25
#define BATCH  40

/* Shared by the test and the child. */
typedef struct progress
{
	volatile unsigned confirmed;
	volatile long log_end;    /* end of the written part of the log */
	volatile long log_synced; /* end of its synced part */
} progress;

static progress *shared;

static unsigned
rounds(void)
{
	const char *given = getenv("CRASH_ROUNDS");

	return given != NULL ? (unsigned) strtoul(given, NULL, 10) : ROUNDS;
}

/* ---- the VFS ---- */

typedef struct watched_file
{
	sqlite3_file base; /* base class - must be first */
	sqlite3_io_methods methods;
	const sqlite3_io_methods *real;
} watched_file;

static sqlite3_vfs watching;
static sqlite3_io_methods watched_methods;
static const sqlite3_io_methods *real_methods;

static int
watch_write(sqlite3_file *file, const void *bytes, int len, sqlite3_int64 at)
{
	int rc = real_methods->xWrite(file, bytes, len, at);

	/* If the log is written from its beginning again, nothing of it is synced yet. */
	if (at == 0)
	{
		shared->log_synced = 0;
		shared->log_end = 0;
	}
	if (at + len > shared->log_end)
		shared->log_end = (long) (at + len);
	return rc;
}

static int
watch_sync(sqlite3_file *file, int flags)
{
	int rc = real_methods->xSync(file, flags);

	shared->log_synced = shared->log_end;
	return rc;
}

static int
watch_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
		   int *out_flags)
{
	sqlite3_vfs *real = vfs->pAppData;
	int rc = real->xOpen(real, name, file, flags, out_flags);

	if (rc == SQLITE_OK && (flags & SQLITE_OPEN_WAL) != 0)
	{
		real_methods = file->pMethods;
		watched_methods = *file->pMethods;
		watched_methods.xWrite = watch_write;
		watched_methods.xSync = watch_sync;
		file->pMethods = &watched_methods;
	}
	return rc;
}

static void
watch_log(void)
{
	sqlite3_vfs *real = sqlite3_vfs_find(NULL);

	watching = *real;
	watching.zName = "watching";
	watching.pAppData = real;
	watching.xOpen = watch_open;
	(void) sqlite3_vfs_register(&watching, 1);
}

/* ---- the child ---- */

/* Makes a batch with points of 8 traces. The ten batches with numbers from 10 n to 10 n
 * + 9 have points of the same traces. */
static void
make_batch(points *p, unsigned number)
{
	unsigned i;

	points_init(p);
	for (i = 0; i < BATCH; i++)
	{
		char id[64];

		(void) snprintf(id, sizeof(id), "t-%u-%u", number / 10, i % 8);
		points_add(p, osp_str_of(id), number * BATCH + i, OSP_STR("SELECT 1"));
	}
}

/* Gives the points the same sources in each process, because the rings outlive
 * processes. */
static void
set_sources(points *p)
{
	size_t i;

	for (i = 0; i < p->count; i++)
		memset(p->items[i].source.bytes, 7, 16);
}

static void
write_for_ever(void)
{
	const osp_driver *driver = &osp_driver_sqlite;
	osp_driver_options options = {.struct_size = sizeof(options),
								  .alc = &osp_allocator_default,
								  .connection_string = osp_str_of(local_uri),
								  .timeout_ms = 10000};
	osp_driver_conn *conn;
	osp_error err;

	watch_log();
	if (driver->open(&options, &conn, &err) != OSP_OK)
		_exit(1);
	for (;;)
	{
		size_t accepted;
		points batch;

		make_batch(&batch, shared->confirmed);
		set_sources(&batch);
		if (driver->notify(conn, batch.items, batch.count, &accepted, &err) !=
			OSP_OK)
		{
			(void) fprintf(stderr, "# writer: %s\n", err.msg);
			_exit(1);
		}
		points_term(&batch);
		shared->confirmed++;
	}
}

static pid_t
start_writer(void)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		write_for_ever();
	return pid;
}

static void
stop_writer(pid_t pid)
{
	int result;

	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &result, 0), pid);
	assert_true(WIFSIGNALED(result));
}

static void
share_progress(void)
{
	shared = mmap(NULL,
				  sizeof(*shared),
				  PROT_READ | PROT_WRITE,
				  MAP_SHARED | MAP_ANONYMOUS,
				  -1,
				  0);
	assert_true(shared != MAP_FAILED);
	memset((void *) (uintptr_t) shared, 0, sizeof(*shared));
}

/* How many batches the store has. Asserts that it has all points of the first batches,
 * and no others. */
static unsigned
count_batches(void)
{
	long operations = store_sql_number("SELECT sum(operations) FROM trace");
	long last = store_sql_number("SELECT max(sequence) FROM source");

	store_check_integrity();
	assert_int_equal(operations % (BATCH / 2), 0);
	assert_int_equal(last, operations * 2);
	return (unsigned) (operations / (BATCH / 2));
}

static void
expect_traces(unsigned batches)
{
	osp_driver_conn *conn = contract_open();
	points all;
	unsigned first = batches > 30 ? (batches - 30) / 10 * 10 : 0;
	unsigned i;

	points_init(&all);
	for (i = first; i < batches; i++)
	{
		points batch;
		unsigned k;

		make_batch(&batch, i);
		for (k = 0; k < batch.count; k++)
			points_add(&all,
					   batch.items[k].base_id,
					   i * BATCH + k,
					   OSP_STR("SELECT 1"));
		points_term(&batch);
	}
	for (i = 0; i < all.count && i < 8 * BATCH; i++)
		contract_expect(conn, all.items[i].base_id, &all);
	points_term(&all);
	contract_close(conn);
}

/* Each confirmed batch is stored once. The batch that was being written may be stored,
 * too. */
static void
test_kill(void **state)
{
	unsigned round;

	(void) state;
	share_progress();
	srandom((unsigned) getpid());
	for (round = 0; round < rounds(); round++)
	{
		pid_t pid = start_writer();
		unsigned confirmed;
		unsigned stored;

		(void) usleep(10000 + (useconds_t) (random() % 50000));
		stop_writer(pid);
		confirmed = shared->confirmed;
		if (confirmed == 0)
			continue;
		stored = count_batches();
		assert_true(stored == confirmed || stored == confirmed + 1);
	}
	assert_true(shared->confirmed > rounds());
	expect_traces(count_batches());
	(void) printf("# %u kills, %u points\n", round, shared->confirmed * BATCH);
}

static void
copy_file(const char *from, const char *to)
{
	FILE *in = fopen(from, "r");
	FILE *out = fopen(to, "w");
	char bytes[65536];
	size_t len;

	assert_non_null(out);
	while (in != NULL && (len = fread(bytes, 1, sizeof(bytes), in)) > 0)
		assert_int_equal(fwrite(bytes, 1, len, out), len);
	if (in != NULL)
		(void) fclose(in);
	assert_int_equal(fclose(out), 0);
}

/* Damages some sectors of the part that was not synced. */
static void
lose_sectors(const char *path)
{
	FILE *file = fopen(path, "r+");
	char zeros[512] = "";
	struct stat st;
	long at;

	assert_non_null(file);
	assert_int_equal(fstat(fileno(file), &st), 0);
	for (at = (shared->log_synced + 511) / 512 * 512; at < st.st_size;
		 at += 512)
		if (random() % 4 == 0)
		{
			assert_int_equal(fseek(file, at, SEEK_SET), 0);
			(void) fwrite(zeros, 1, sizeof(zeros), file);
		}
	assert_int_equal(fclose(file), 0);
	if (random() % 2 == 0 && st.st_size > shared->log_synced)
		assert_int_equal(
			truncate(path,
					 shared->log_synced +
						 random() % (st.st_size - shared->log_synced)),
			0);
}

/* Sends the last stored batch again, and then the batches that are missing, up to the
 * last confirmed one. */
static void
send_rest(unsigned stored)
{
	osp_driver_conn *conn = store_open_with("?keep=0&max_size=0");
	unsigned at = stored > 0 ? stored - 1 : 0;

	for (; at < shared->confirmed; at++)
	{
		points batch;

		make_batch(&batch, at);
		set_sources(&batch);
		contract_store(conn, &batch);
		points_term(&batch);
	}
	contract_close(conn);
}

static void
remove_copy(const char *path)
{
	static const char *const ends[] = {"", "-wal", "-shm"};
	char name[400];
	size_t i;

	for (i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
	{
		(void) snprintf(name, sizeof(name), "%s%s", path, ends[i]);
		(void) unlink(name);
	}
}

/* After a loss of power the store is not damaged, and has the first batches up to some
 * number. The others are stored when they are sent again. */
static void
test_power_loss(void **state)
{
	char real[sizeof(local_path)];
	char wal[300];
	char copy_wal[300];
	char copy[300];
	unsigned losses = 0;
	unsigned round;

	(void) state;
	share_progress();
	(void) snprintf(real, sizeof(real), "%s", local_path);
	(void) snprintf(wal, sizeof(wal), "%s-wal", real);
	for (round = 0; round < rounds(); round++)
	{
		pid_t pid = start_writer();
		unsigned stored;
		int result;

		(void) usleep(100000 + (useconds_t) (random() % 100000));
		assert_int_equal(kill(pid, SIGSTOP), 0);
		assert_int_equal(waitpid(pid, &result, WUNTRACED), pid);
		if (!WIFSTOPPED(result))
			fail_msg("the writer ended");
		(void) snprintf(copy, sizeof(copy), "%.200s-copy%u", real, round);
		(void) snprintf(copy_wal, sizeof(copy_wal), "%.240s-wal", copy);
		copy_file(real, copy);
		copy_file(wal, copy_wal);
		lose_sectors(copy_wal);
		stop_writer(pid);
		(void) snprintf(local_path, sizeof(local_path), "%.250s", copy);
		if (store_sql_number("SELECT count(*) FROM sqlite_master WHERE name = "
							 "'trace'") > 0 &&
			store_sql_number("SELECT count(*) FROM trace") > 0)
		{
			stored = count_batches();
			assert_true(stored <= shared->confirmed + 1);
			losses += stored > 0 && stored < shared->confirmed;
			send_rest(stored);
			assert_int_equal(count_batches(),
							 stored > shared->confirmed ? stored
														: shared->confirmed);
		}
		remove_copy(copy);
		(void) snprintf(local_path, sizeof(local_path), "%s", real);
	}

	/* If no part of a log was lost, the test has tested nothing. */
	assert_true(losses > 0);
	(void) printf(
		"# %u losses of power, %u of them took batches of %u points\n",
		round,
		losses,
		shared->confirmed * BATCH);
}

const struct CMUnitTest store_crashes[] = {
	cmocka_unit_test(test_kill),
	cmocka_unit_test(test_power_loss),
};
const size_t store_crashes_count =
	sizeof(store_crashes) / sizeof(store_crashes[0]);
