/* SPDX-License-Identifier: Apache-2.0
 *
 * test_ring.c
 *	  The ring: order, wrapping, a full ring, owners, damage, two threads.
 */
#include "tap.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "record/ring.h"
#include "tempdir.h"

static int dir_fd = -1;
static osp_id base;

static int
set_up(void **state)
{
	(void) state;
	dir_fd = open(tempdir_make(), O_RDONLY | O_DIRECTORY);
	return dir_fd >= 0 && osp_id_set(&base, OSP_STR("the trace")) ? 0 : -1;
}

static int
tear_down(void **state)
{
	(void) state;
	(void) close(dir_fd);
	tempdir_remove();
	return 0;
}

static void
create(osp_ring *ring, size_t capacity)
{
	osp_error err;

	if (osp_ring_create(ring, dir_fd, "ring.0", capacity, &err) != OSP_OK)
		fail_msg("%s", err.msg);
}

/* Writes a record with this number and fill further bytes. False: the ring is full. */
static bool
produce(osp_ring *ring, uint64_t number, size_t fill)
{
	size_t size = OSP_RECORD_OVERHEAD + 64 + fill;
	void *space = osp_ring_reserve(ring, size);
	osp_point_ids ids = {&base, &base, {{0}}};
	char *filling;
	osp_writer w;

	if (space == NULL)
		return false;
	filling = malloc(fill + 1);
	assert_non_null(filling);
	memset(filling, 'x', fill);
	osp_record_begin(&w,
					 space,
					 size,
					 OSP_RECORD_START,
					 &ids,
					 OSP_STR("n"),
					 OSP_STR(""),
					 OSP_STR(""),
					 (int64_t) number,
					 0);
	osp_put_str(&w, OSP_STR("fill"), osp_str_n(filling, fill));
	free(filling);
	osp_ring_commit(ring, osp_record_end(&w));
	return true;
}

/* Reads the next record. False: there is none. */
static bool
consume(osp_ring *ring, uint64_t *pos, osp_buf *buf, uint64_t *number,
		size_t *fill)
{
	osp_record record;
	osp_attr attr;
	size_t at = 0;

	if (!osp_ring_next(ring, pos, buf, &record))
		return false;
	*number = (uint64_t) record.mono_ns;
	assert_true(osp_attr_next(record.info, &at, &attr));
	*fill = attr.value.len;
	return true;
}

static void
test_same_sequence(void **state)
{
	size_t fills[4096];
	osp_ring writer;
	osp_ring reader;
	osp_buf buf;
	uint64_t pos;
	uint64_t made = 0;
	uint64_t seen = 0;
	unsigned seed = 7;

	(void) state;
	create(&writer, OSP_RING_MIN);
	assert_int_equal(osp_ring_map(&reader, dir_fd, "ring.0", NULL), OSP_OK);
	osp_buf_init(&buf, &osp_allocator_default, OSP_RING_MIN);
	pos = osp_ring_tail(&reader);
	while (seen < 50000)
	{
		int burst = rand_r(&seed) % 40;

		while (burst-- > 0)
		{
			size_t fill = (size_t) rand_r(&seed) % 4000;

			if (!produce(&writer, made, fill))
				break;
			fills[made++ % 4096] = fill;
		}
		burst = rand_r(&seed) % 40;
		while (burst-- > 0)
		{
			uint64_t number;
			size_t fill;

			if (!consume(&reader, &pos, &buf, &number, &fill))
			{
				assert_int_equal(seen, made);
				break;
			}
			assert_int_equal(number, seen);
			assert_int_equal(fill, fills[seen % 4096]);
			seen++;
		}
		osp_ring_set_tail(&reader, pos);
	}
	assert_int_equal(reader.header->records, made);
	assert_int_equal(reader.header->corrupt, 0);
	osp_buf_term(&buf);
	osp_ring_unmap(&reader);
	osp_ring_unmap(&writer);
}

static void
test_full_ring_drops_and_counts(void **state)
{
	osp_ring ring;
	osp_buf buf;
	uint64_t made = 0;
	uint64_t number;
	uint64_t pos;
	size_t fill;

	(void) state;
	create(&ring, OSP_RING_MIN);
	osp_buf_init(&buf, &osp_allocator_default, OSP_RING_MIN);
	while (produce(&ring, made, 1000))
		made++;
	assert_true(made > 40);
	assert_int_equal(ring.header->dropped, 1);
	assert_false(produce(&ring, made, 1000));
	assert_int_equal(ring.header->dropped, 2);

	/* Committed records are unchanged, and the space of consumed ones is used again. */
	pos = osp_ring_tail(&ring);
	assert_true(consume(&ring, &pos, &buf, &number, &fill));
	assert_int_equal(number, 0);
	while (consume(&ring, &pos, &buf, &number, &fill))
		continue;
	assert_int_equal(number, made - 1);
	osp_ring_set_tail(&ring, pos);
	assert_true(produce(&ring, made, 1000));
	osp_buf_term(&buf);
	osp_ring_unmap(&ring);
}

static void
test_full_ring_waits_once(void **state)
{
	osp_ring ring;
	int64_t begin;

	(void) state;
	create(&ring, OSP_RING_MIN);
	ring.on_full = OSP_ON_FULL_WAIT;
	while (osp_ring_head(&ring) < OSP_RING_MIN - 4096)
		assert_true(produce(&ring, 0, 1000));
	begin = osp_mono_now();
	assert_false(produce(&ring, 0, 8000));
	assert_true(osp_mono_now() - begin >= OSP_RING_WAIT_MS * INT64_C(1000000));

	/* Nothing reads the ring, so further records are dropped at once. */
	assert_true(ring.stalled);
	assert_false(produce(&ring, 0, 8000));
	osp_ring_set_tail(&ring, ring.head);
	assert_true(produce(&ring, 0, 8000));
	assert_false(ring.stalled);
	osp_ring_unmap(&ring);
}

static void
test_record_too_large(void **state)
{
	osp_ring ring;

	(void) state;
	create(&ring, OSP_RING_MIN);
	assert_null(osp_ring_reserve(&ring, OSP_RING_MIN + 8));
	assert_int_equal(ring.header->dropped, 1);
	assert_null(osp_ring_reserve(&ring, SIZE_MAX / 2));
	assert_int_equal(ring.header->dropped, 2);

	/* A record of a quarter of the ring fits, wherever head is. */
	while (osp_ring_head(&ring) < OSP_RING_MIN * 3)
	{
		void *space = osp_ring_reserve(&ring, OSP_RING_MIN / 4);

		assert_non_null(space);
		ring.reserved_size = 0;
		assert_true(produce(&ring, 0, 3000));
		osp_ring_set_tail(&ring, osp_ring_head(&ring));
	}
	osp_ring_unmap(&ring);
}

/* Space that was reserved but not committed is not read, and is used again. */
static void
test_uncommitted_is_invisible(void **state)
{
	osp_record record;
	osp_ring ring;
	osp_buf buf;
	uint64_t number;
	uint64_t pos = 0;
	size_t fill;

	(void) state;
	create(&ring, OSP_RING_MIN);
	osp_buf_init(&buf, &osp_allocator_default, OSP_RING_MIN);
	memset(osp_ring_reserve(&ring, 512), 0xff, 512);
	assert_false(osp_ring_next(&ring, &pos, &buf, &record));
	assert_int_equal(pos, 0);
	assert_true(produce(&ring, 5, 10));
	assert_true(consume(&ring, &pos, &buf, &number, &fill));
	assert_int_equal(number, 5);
	osp_buf_term(&buf);
	osp_ring_unmap(&ring);
}

static void
test_damage_is_skipped_and_counted(void **state)
{
	unsigned seed = 3;
	int round;

	(void) state;
	for (round = 0; round < 300; round++)
	{
		osp_ring ring;
		osp_buf buf;
		osp_record record;
		uint64_t pos = 0;
		uint64_t head;
		int flips = 1 + rand_r(&seed) % 20;

		create(&ring, OSP_RING_MIN);
		osp_buf_init(&buf, &osp_allocator_default, OSP_RING_MIN);
		while (produce(&ring, 1, 200))
			continue;
		head = osp_ring_head(&ring);
		while (flips-- > 0)
			ring.data[(size_t) rand_r(&seed) % head] = (char) rand_r(&seed);
		if (round % 10 == 0)
			ring.header->head = (uint64_t) rand_r(&seed) << 20;
		else if (round % 10 == 1)
			pos = head + 8;
		head = osp_ring_head(&ring);
		while (osp_ring_next(&ring, &pos, &buf, &record))
			continue;
		assert_int_equal(pos, head);
		osp_buf_term(&buf);
		osp_ring_unmap(&ring);
		assert_int_equal(unlinkat(dir_fd, "ring.0", 0), 0);
	}
}

static void
test_no_memory_for_the_copy(void **state)
{
	osp_record record;
	osp_ring ring;
	osp_buf buf;
	uint64_t pos = 0;

	(void) state;
	create(&ring, OSP_RING_MIN);
	assert_true(produce(&ring, 1, 5000));
	/* A record that is larger than the reader's buffer may grow counts as damage, and
	 * is skipped. */
	osp_buf_init(&buf, &osp_allocator_default, 1000);
	assert_false(osp_ring_next(&ring, &pos, &buf, &record));
	assert_int_equal(pos, osp_ring_head(&ring));
	assert_true(ring.header->corrupt > 5000);
	osp_buf_term(&buf);
	osp_ring_unmap(&ring);
}

static void
test_file_is_private_and_allocated(void **state)
{
	osp_ring ring;
	struct stat st;

	(void) state;
	create(&ring, OSP_RING_MIN);
	assert_int_equal(fstatat(dir_fd, "ring.0", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_size, OSP_RING_HEADER_SIZE + OSP_RING_MIN);
	assert_true(st.st_blocks * 512 >= st.st_size);
	assert_int_equal(fstatat(dir_fd, ".new.ring.0", &st, 0), -1);
	osp_ring_unmap(&ring);
}

static void
test_create_refuses(void **state)
{
	osp_ring ring;
	osp_ring other;

	(void) state;
	assert_int_equal(osp_ring_create(&ring, dir_fd, "ring.0", 100000, NULL),
					 OSP_EINVAL);
	assert_int_equal(osp_ring_create(&ring, dir_fd, "ring.0", 4096, NULL),
					 OSP_EINVAL);
	create(&ring, OSP_RING_MIN);
	assert_int_equal(
		osp_ring_create(&other, dir_fd, "ring.0", OSP_RING_MIN, NULL),
		OSP_EBUSY);
	osp_ring_unmap(&ring);
}

static void
test_map_refuses_what_is_no_ring(void **state)
{
	osp_ring ring;
	osp_ring other;
	int fd;

	(void) state;
	assert_int_equal(osp_ring_map(&other, dir_fd, "ring.9", NULL), OSP_ENOENT);
	fd = openat(dir_fd, "ring.1", O_RDWR | O_CREAT, 0600);
	assert_true(fd >= 0);
	assert_int_equal(osp_ring_map(&other, dir_fd, "ring.1", NULL), OSP_EPROTO);
	assert_int_equal(ftruncate(fd, OSP_RING_HEADER_SIZE + OSP_RING_MIN), 0);
	assert_int_equal(osp_ring_map(&other, dir_fd, "ring.1", NULL), OSP_EPROTO);
	(void) close(fd);
	assert_int_equal(mkdirat(dir_fd, "ring.2", 0700), 0);
	assert_int_not_equal(osp_ring_map(&other, dir_fd, "ring.2", NULL), OSP_OK);
	assert_int_equal(symlinkat("ring.0", dir_fd, "ring.3"), 0);

	create(&ring, OSP_RING_MIN);
	assert_int_not_equal(osp_ring_map(&other, dir_fd, "ring.3", NULL), OSP_OK);
	ring.header->capacity = OSP_RING_MIN * 2;
	assert_int_equal(osp_ring_map(&other, dir_fd, "ring.0", NULL), OSP_EPROTO);
	ring.header->capacity = OSP_RING_MIN;
	ring.header->version++;
	assert_int_equal(osp_ring_map(&other, dir_fd, "ring.0", NULL), OSP_EPROTO);
	osp_ring_unmap(&ring);
}

static bool
is_orphaned(const char *name)
{
	osp_ring ring;
	bool orphaned;
	int fd;

	assert_int_equal(osp_ring_map_open(&ring, dir_fd, name, &fd, NULL), OSP_OK);
	orphaned = osp_ring_is_orphaned(&ring, fd);
	osp_ring_unmap(&ring);
	(void) close(fd);
	return orphaned;
}

/* A producer owns its ring until it releases it. */
static void
test_release(void **state)
{
	osp_ring ring;

	(void) state;
	create(&ring, OSP_RING_MIN);
	assert_false(is_orphaned("ring.0"));
	osp_ring_release(&ring);
	assert_true(is_orphaned("ring.0"));
	osp_ring_unmap(&ring);
}

typedef enum ending
{
	KILLED,
	REPLACED,
	OTHER_SPACE,
	UNKNOWN_SPACE,
	NO_DESCRIPTORS
} ending;

/* In a child: makes a ring, reports that by said, and waits until it is killed. */
static void
have_ring(ending how, int said)
{
	osp_ring ring;

	(void) prctl(PR_SET_PDEATHSIG, SIGKILL);
	create(&ring, OSP_RING_MIN);
	if (how >= OTHER_SPACE)
	{
		/* In the other PID namespace, this pid belongs to another process, or to none. */
		ring.header->owner_space ^= 12345;
		ring.header->owner = UINT64_C(4000000) << 42 | 77;
	}
	if (how == UNKNOWN_SPACE)
		ring.header->owner_space = 0;
	if (write(said, "x", 1) != 1)
		_exit(1);
	if (how == NO_DESCRIPTORS)
	{
		int fd;

		for (fd = 0; fd < 1024; fd++)
			(void) close(fd);
	}
	if (how == REPLACED)
	{
		(void) usleep(200000);
		(void) execlp("sleep", "sleep", "60", (char *) NULL);
	}
	(void) pause();
}

/*
 * A ring belongs to its producer until the producer ends, whether or not its pid is
 * valid in this PID namespace. In another namespace, the pid cannot be used to find
 * out.
 */
static void
test_endings(void **state)
{
	ending how;

	(void) state;
	for (how = KILLED; how <= NO_DESCRIPTORS; how++)
	{
		int said[2];
		char byte;
		pid_t child;
		int tries;

		assert_int_equal(pipe(said), 0);
		child = fork();
		assert_true(child >= 0);
		if (child == 0)
			have_ring(how, said[1]);
		assert_int_equal(read(said[0], &byte, 1), 1);
		assert_false(is_orphaned("ring.0"));
		(void) usleep(50000);
		assert_false(is_orphaned("ring.0"));
		if (how != REPLACED)
		{
			(void) kill(child, SIGKILL);
			assert_int_equal(waitpid(child, NULL, 0), child);
		}
		for (tries = 0; tries < 500 && !is_orphaned("ring.0"); tries++)
			(void) usleep(10000);
		assert_true(is_orphaned("ring.0"));
		if (how == REPLACED)
		{
			(void) kill(child, SIGKILL);
			assert_int_equal(waitpid(child, NULL, 0), child);
		}
		assert_int_equal(unlinkat(dir_fd, "ring.0", 0), 0);
		(void) close(said[0]);
		(void) close(said[1]);
	}
}

/* If the process with this pid has another start time, it is another process. */
static void
test_pid_reuse(void **state)
{
	uint64_t self = osp_owner_self();

	(void) state;
	assert_true(osp_owner_alive(self));
	assert_false(osp_owner_alive(self - 1));
	assert_false(osp_owner_alive(0));
	assert_int_not_equal(osp_owner_space(), 0);
}

static void
count(osp_ring *ring, const char *trace, uint64_t records)
{
	osp_id id;

	assert_true(osp_id_set(&id, osp_str_of(trace)));
	osp_ring_count_loss(ring, &id, records);
}

static uint64_t
read_count(const osp_ring *ring, const char *trace)
{
	osp_ring_loss loss;
	osp_id id;
	int i;

	assert_true(osp_id_set(&id, osp_str_of(trace)));
	for (i = 0; i < OSP_RING_LOSSES; i++)
		if (osp_ring_read_loss(ring, i, &loss) && osp_id_eq(&loss.base_id, &id))
			return loss.lost - loss.reported;
	return 0;
}

/* Losses are counted for each trace. An entry can be used again after it was reported. */
static void
test_losses(void **state)
{
	osp_ring_loss before;
	osp_ring_loss after;
	osp_ring ring;
	int i;

	(void) state;
	create(&ring, OSP_RING_MIN);
	count(&ring, "a", 2);
	count(&ring, "b", 1);
	count(&ring, "a", 3);
	assert_int_equal(read_count(&ring, "a"), 5);
	assert_int_equal(read_count(&ring, "b"), 1);
	for (i = 0; i < 2 * OSP_RING_LOSSES; i++)
	{
		char name[32];

		(void) snprintf(name, sizeof(name), "trace %d", i);
		count(&ring, name, 1);
	}
	assert_int_equal(read_count(&ring, "a"), 5);
	for (i = 0; i < OSP_RING_LOSSES; i++)
		assert_true(osp_ring_read_loss(&ring, i, &before));
	ring.header->losses[i - 1].reported = before.lost;
	assert_false(osp_ring_read_loss(&ring, i - 1, &after));
	count(&ring, "c", 4);
	assert_int_equal(read_count(&ring, "c"), 4);
	assert_true(osp_ring_read_loss(&ring, i - 1, &after));
	assert_memory_not_equal(&after.id, &before.id, sizeof(osp_uuid));

	/* Damaged entries are not read. */
	ring.header->losses[i - 1].lost++;
	assert_false(osp_ring_read_loss(&ring, i - 1, &after));
	ring.header->losses[i - 1].base_id.len = 255;
	assert_false(osp_ring_read_loss(&ring, i - 1, &after));
	osp_ring_unmap(&ring);
}

static void
test_make_room(void **state)
{
	osp_ring ring;

	(void) state;
	create(&ring, OSP_RING_MIN);
	assert_true(osp_ring_make_room(&ring, OSP_RING_MIN / 4 * 3));
	assert_false(osp_ring_make_room(&ring, OSP_RING_MIN));
	assert_false(osp_ring_make_room(&ring, SIZE_MAX));
	while (osp_ring_head(&ring) < OSP_RING_MIN / 2)
		assert_true(produce(&ring, 0, 1000));
	assert_false(osp_ring_make_room(&ring, OSP_RING_MIN / 2));
	assert_int_equal(ring.header->dropped, 0);
	ring.on_full = OSP_ON_FULL_WAIT;
	assert_false(osp_ring_make_room(&ring, OSP_RING_MIN / 2));
	assert_true(ring.stalled);
	osp_ring_set_tail(&ring, ring.head);
	assert_true(osp_ring_make_room(&ring, OSP_RING_MIN / 2));
	osp_ring_unmap(&ring);
}

#define THREAD_RECORDS 200000

static void *
producer_thread(void *arg)
{
	osp_ring *ring = arg;
	uint64_t n = 0;

	while (n < THREAD_RECORDS)
	{
		if (produce(ring, n, n % 300))
			n++;
		else
			(void) usleep(10);
	}
	return NULL;
}

static void
test_two_threads(void **state)
{
	pthread_t thread;
	osp_ring writer;
	osp_ring reader;
	osp_buf buf;
	uint64_t pos = 0;
	uint64_t seen = 0;

	(void) state;
	create(&writer, OSP_RING_MIN);
	assert_int_equal(osp_ring_map(&reader, dir_fd, "ring.0", NULL), OSP_OK);
	osp_buf_init(&buf, &osp_allocator_default, OSP_RING_MIN);
	assert_int_equal(pthread_create(&thread, NULL, producer_thread, &writer),
					 0);
	while (seen < THREAD_RECORDS)
	{
		uint64_t number;
		size_t fill;

		if (!consume(&reader, &pos, &buf, &number, &fill))
			continue;
		assert_int_equal(number, seen);
		assert_int_equal(fill, seen % 300);
		seen++;
		osp_ring_set_tail(&reader, pos);
	}
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(reader.header->corrupt, 0);
	osp_buf_term(&buf);
	osp_ring_unmap(&reader);
	osp_ring_unmap(&writer);
}

/* If a producer is killed at any moment, its ring has only complete records. */
static void
test_killed_producer(void **state)
{
	int round;

	(void) state;
	for (round = 0; round < 30; round++)
	{
		osp_ring ring;
		osp_buf buf;
		uint64_t number = 0;
		uint64_t pos = 0;
		uint64_t seen = 0;
		size_t fill;
		pid_t child;

		create(&ring, OSP_RING_MIN * 16);
		child = fork();
		assert_true(child >= 0);
		if (child == 0)
		{
			uint64_t n;

			for (n = 0;; n++)
			{
				if (!produce(&ring, n, n % 100))
					(void) pause();
			}
		}
		(void) usleep((useconds_t) (round * 100));
		assert_int_equal(kill(child, SIGKILL), 0);
		assert_int_equal(waitpid(child, NULL, 0), child);
		osp_buf_init(&buf, &osp_allocator_default, OSP_RING_MIN);
		while (consume(&ring, &pos, &buf, &number, &fill))
		{
			assert_int_equal(number, seen);
			seen++;
		}
		assert_int_equal(ring.header->corrupt, 0);
		assert_true(seen == ring.header->records ||
					seen + 1 == ring.header->records);
		osp_buf_term(&buf);
		osp_ring_unmap(&ring);
		assert_int_equal(unlinkat(dir_fd, "ring.0", 0), 0);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_same_sequence),
		TEST(test_full_ring_drops_and_counts),
		TEST(test_full_ring_waits_once),
		TEST(test_record_too_large),
		TEST(test_uncommitted_is_invisible),
		TEST(test_damage_is_skipped_and_counted),
		TEST(test_no_memory_for_the_copy),
		TEST(test_file_is_private_and_allocated),
		TEST(test_create_refuses),
		TEST(test_map_refuses_what_is_no_ring),
		TEST(test_release),
		TEST(test_endings),
		TEST(test_pid_reuse),
		TEST(test_losses),
		TEST(test_make_room),
		TEST(test_two_threads),
		TEST(test_killed_producer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
