/* SPDX-License-Identifier: Apache-2.0
 *
 * test_spool.c
 *	  The spool: order, marks, limits, and files that were damaged.
 */
#include "tap.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "failing_alloc.h"
#include "ship/spool.h"
#include "ship/spool_int.h"
#include "tempdir.h"

static const osp_allocator *const heap = &osp_allocator_default;
static char path[128];
static char bad_path[144];

static int
setup(void **state)
{
	(void) state;
	(void) snprintf(path, sizeof(path), "%s/spool", tempdir_make());
	(void) snprintf(bad_path, sizeof(bad_path), "%s.bad", path);
	return 0;
}

static int
teardown(void **state)
{
	(void) state;
	tempdir_remove();
	return 0;
}

static osp_spool *
reopen(osp_spool *spool, uint64_t limit)
{
	osp_error err = {OSP_OK, ""};

	osp_spool_close(spool);
	assert_int_equal(osp_spool_open(heap, path, limit, &spool, &err), OSP_OK);
	return spool;
}

/* The n-th notification. They differ in length; none is longer than size. */
static osp_str
text_of(int n, char *out, size_t size)
{
	int len = snprintf(out,
					   size,
					   "{\"n\": %d, \"pad\": \"%.*s\"}",
					   n,
					   n % 37,
					   "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");

	return osp_str_n(out, (size_t) len);
}

/* The source and the sequence of the n-th notification. */
static const osp_place *
place_of(int n)
{
	static osp_place place;

	memset(&place.source, n % 5, sizeof(place.source));
	place.sequence = (uint64_t) n * 1000;
	return &place;
}

static void
append(osp_spool *spool, int from, int to)
{
	char text[128];
	int n;

	for (n = from; n < to; n++)
		assert_int_equal(
			osp_spool_append(
				spool, text_of(n, text, sizeof(text)), place_of(n), NULL),
			OSP_OK);
	assert_int_equal(osp_spool_flush(spool, NULL), OSP_OK);
}

/* Asserts that the notifications from..to are at pos. Returns the position after them. */
static uint64_t
expect(osp_spool *spool, uint64_t pos, int from, int to)
{
	char text[128];
	osp_place place;
	osp_str json;
	int n;

	for (n = from; n < to; n++)
	{
		assert_true(osp_spool_next(spool, &pos, &json, &place));
		assert_true(osp_str_eq(json, text_of(n, text, sizeof(text))));
		assert_memory_equal(&place, place_of(n), sizeof(place));
	}
	return pos;
}

static void
expect_end(osp_spool *spool, uint64_t pos)
{
	osp_place place;
	osp_str json;

	assert_false(osp_spool_next(spool, &pos, &json, &place));
	assert_int_equal(pos, osp_spool_end(spool));
}

static off_t
size_of(const char *name)
{
	struct stat st;

	return stat(name, &st) == 0 ? st.st_size : -1;
}

static void
test_order_and_reopen(void **state)
{
	osp_spool *spool = reopen(NULL, 1 << 20);
	struct stat st;
	uint64_t pos;

	(void) state;
	assert_int_equal(osp_spool_bytes(spool), 0);
	expect_end(spool, osp_spool_begin(spool));
	append(spool, 0, 100);
	assert_int_equal(osp_spool_points(spool), 100);
	pos = expect(spool, osp_spool_begin(spool), 0, 60);
	append(spool, 100, 120);
	pos = expect(spool, pos, 60, 120);
	expect_end(spool, pos);

	spool = reopen(spool, 1 << 20);
	assert_int_equal(osp_spool_points(spool), 120);
	assert_int_equal(osp_spool_corrupt(spool), 0);
	pos = expect(spool, osp_spool_begin(spool), 0, 30);
	assert_int_equal(osp_spool_consume(spool, pos, 30, NULL), OSP_OK);
	assert_int_equal(osp_spool_points(spool), 90);

	spool = reopen(spool, 1 << 20);
	assert_int_equal(osp_spool_points(spool), 90);
	pos = expect(spool, osp_spool_begin(spool), 30, 120);
	assert_int_equal(osp_spool_consume(spool, pos, 90, NULL), OSP_OK);
	assert_int_equal(osp_spool_bytes(spool), 0);
	assert_int_equal(size_of(path), 48);
	append(spool, 7, 9);
	(void) expect(spool, osp_spool_begin(spool), 7, 9);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	osp_spool_close(spool);
}

/* The process was killed between marking the end and truncating the file, or after
 * both. */
static void
test_killed_while_emptying(void **state)
{
	osp_spool *spool = reopen(NULL, 1 << 20);
	spool_mark mark;
	int cut;

	(void) state;
	for (cut = 0; cut < 2; cut++)
	{
		append(spool, 0, 5);
		memset(&mark, 0, sizeof(mark));
		mark.consumed = osp_spool_end(spool);
		mark.seq = spool->mark.seq + 1;
		mark.crc = osp_crc32c(0, &mark, offsetof(spool_mark, crc));
		assert_int_equal(pwrite(spool->fd,
								&mark,
								sizeof(mark),
								(off_t) (16 + 16 * (mark.seq & 1))),
						 sizeof(mark));
		if (cut)
			assert_int_equal(ftruncate(spool->fd, 48), 0);
		spool = reopen(spool, 1 << 20);
		assert_int_equal(osp_spool_points(spool), 0);
		append(spool, 20, 22);
		spool = reopen(spool, 1 << 20);
		(void) expect(spool, osp_spool_begin(spool), 20, 22);
		assert_int_equal(
			osp_spool_consume(spool, osp_spool_end(spool), 2, NULL), OSP_OK);
	}
	osp_spool_close(spool);
}

static void
test_torn_tail(void **state)
{
	osp_spool *spool = reopen(NULL, 1 << 20);
	off_t whole;
	off_t size;

	(void) state;
	append(spool, 0, 9);
	whole = size_of(path);
	append(spool, 9, 10);
	for (size = size_of(path) - 1; size > whole; size--)
	{
		assert_int_equal(truncate(path, size), 0);
		spool = reopen(spool, 1 << 20);
		assert_int_equal(osp_spool_points(spool), 9);
		assert_int_equal(osp_spool_corrupt(spool), size - whole);
		assert_int_equal(osp_spool_unfinished(spool),
						 size % 4096 == 0 ? size - whole : 0);
		assert_int_equal(size_of(path), whole);
		append(spool, 9, 10);
		expect_end(spool, expect(spool, osp_spool_begin(spool), 0, 10));
	}
	osp_spool_close(spool);
}

static void
flip(int fd, off_t at, int bit)
{
	unsigned char byte;

	assert_int_equal(pread(fd, &byte, 1, at), 1);
	byte ^= (unsigned char) (1 << bit);
	assert_int_equal(pwrite(fd, &byte, 1, at), 1);
}

static void
copy_file(const char *from, const char *to)
{
	char bytes[4096];
	int in = open(from, O_RDONLY);
	int out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	ssize_t n;

	while ((n = read(in, bytes, sizeof(bytes))) > 0)
		assert_int_equal(write(out, bytes, (size_t) n), n);
	(void) close(in);
	(void) close(out);
}

/*
 * Any single bit is changed: at most the record with this bit is lost, and at most
 * one consumed record is read again.
 */
static void
test_any_bit_flipped(void **state)
{
	osp_spool *spool = reopen(NULL, 1 << 20);
	char saved[160];
	off_t size;
	off_t at;

	(void) state;
	append(spool, 0, 6);
	assert_int_equal(
		osp_spool_consume(
			spool, expect(spool, osp_spool_begin(spool), 0, 1), 1, NULL),
		OSP_OK);
	osp_spool_close(spool);
	(void) snprintf(saved, sizeof(saved), "%s.saved", path);
	copy_file(path, saved);
	size = size_of(saved);
	for (at = 0; at < size; at++)
	{
		int bit = (int) (at % 8);
		uint64_t points;
		int fd;

		copy_file(saved, path);
		fd = open(path, O_RDWR);
		flip(fd, at, bit);
		(void) close(fd);
		spool = reopen(NULL, 1 << 20);
		points = osp_spool_points(spool);
		if (at < 16)
		{
			assert_int_equal(points, 0);
			assert_int_equal(size_of(bad_path), size);
		}
		else if (at < 48)
		{
			uint64_t begin = osp_spool_begin(spool);

			assert_in_range(points, 5, 6);
			(void) expect(spool, begin, points == 6 ? 0 : 1, 6);
		}
		else
			assert_in_range(points, 4, 5);
		if (points < 5)
			assert_true(osp_spool_corrupt(spool) > 0);
		osp_spool_close(spool);
	}
}

/* If a process is killed, the kernel may end its write at the end of a page. */
static void
test_killed_writer(void **state)
{
	osp_spool *spool = reopen(NULL, 1 << 20);
	off_t whole;
	off_t page;
	int n = 0;

	(void) state;
	for (page = 4096; page <= 4 * 4096; page += 4096)
	{
		do
		{
			whole = size_of(path);
			append(spool, n, n + 1);
			n++;
		}
		while (size_of(path) <= page);
		assert_int_equal(truncate(path, page), 0);
		spool = reopen(spool, 1 << 20);
		assert_int_equal(osp_spool_points(spool), n - 1);
		assert_int_equal(osp_spool_unfinished(spool), page - whole);
		assert_int_equal(osp_spool_corrupt(spool), page - whole);
		append(spool, n - 1, n);
	}
	expect_end(spool, expect(spool, osp_spool_begin(spool), 0, n));
	osp_spool_close(spool);
}

/* A longer part of the file is overwritten with bytes that look like lengths. */
static void
test_rubbish_in_the_middle(void **state)
{
	osp_spool *spool = reopen(NULL, 16 << 20);
	unsigned char rubbish[3000];
	uint64_t from;
	uint64_t to;
	size_t i;
	int round;

	(void) state;
	append(spool, 0, 50);
	from = osp_spool_end(spool);
	for (i = 0; i < 60; i++)
		append(spool, 36, 37);
	to = osp_spool_end(spool);
	append(spool, 50, 200);
	assert_true(to - from > sizeof(rubbish));
	for (round = 0; round < 4; round++)
	{
		osp_place place;
		uint64_t corrupt;
		uint64_t pos;
		osp_str json;
		int fd = open(path, O_RDWR);

		for (i = 0; i < sizeof(rubbish); i++)
			rubbish[i] = (unsigned char) (round == 0   ? 0
										  : round == 1 ? rand()
										  : round == 2 ? '{'
													   : (i % 16 == 8) * '{');
		assert_int_equal(pwrite(fd, rubbish, sizeof(rubbish), (off_t) from),
						 sizeof(rubbish));
		(void) close(fd);
		spool = reopen(spool, 16 << 20);
		corrupt = osp_spool_corrupt(spool);
		assert_true(corrupt >= sizeof(rubbish));
		pos = expect(spool, osp_spool_begin(spool), 0, 50);
		do
			assert_true(osp_spool_next(spool, &pos, &json, &place));
		while (pos <= to);
		expect_end(spool, expect(spool, pos, 51, 200));

		/* Damaged records that were counted when the file was opened are not counted
		 * again. */
		assert_int_equal(osp_spool_corrupt(spool), corrupt);
	}
	osp_spool_close(spool);
}

static void
test_limit(void **state)
{
	osp_spool *spool = reopen(NULL, 4096);
	char text[128];
	osp_error err;
	osp_status status = OSP_OK;
	uint64_t pos;
	int n;

	(void) state;
	for (n = 0; status == OSP_OK; n++)
		status = osp_spool_append(
			spool, text_of(n, text, sizeof(text)), place_of(n), &err);
	assert_int_equal(status, OSP_EFULL);
	assert_int_equal(osp_spool_flush(spool, NULL), OSP_OK);
	assert_int_equal(osp_spool_points(spool), n - 1);
	assert_true(size_of(path) <= 4096 + 48);

	/* Discarded records take no space. */
	pos = expect(spool, osp_spool_begin(spool), 0, n - 1);
	assert_int_equal(osp_spool_consume(spool, pos, (uint64_t) n - 1, NULL),
					 OSP_OK);
	for (n = 0; n < 1000; n++)
	{
		assert_int_equal(
			osp_spool_append(
				spool, text_of(n, text, sizeof(text)), place_of(n), &err),
			OSP_OK);
		osp_spool_discard(spool);
	}
	assert_int_equal(osp_spool_points(spool), 0);
	osp_spool_close(spool);
}

/* Many more bytes than the limit pass through the spool, which is never empty. */
static void
test_delivered_room_comes_back(void **state)
{
	const uint64_t limit = 256 * 1024;
	osp_spool *spool = reopen(NULL, limit);
	struct stat st;
	uint64_t pos;
	int n;

	(void) state;
	append(spool, 0, 1000);
	for (n = 0; n < 40000; n += 1000)
	{
		append(spool, n + 1000, n + 2000);
		pos = expect(spool, osp_spool_begin(spool), n, n + 1000);
		assert_int_equal(osp_spool_consume(spool, pos, 1000, NULL), OSP_OK);
		assert_int_equal(osp_spool_points(spool), 1000);
	}
	assert_int_equal(stat(path, &st), 0);
	assert_true((uint64_t) st.st_size > 2 * limit);
	assert_true((uint64_t) st.st_blocks * 512 <= limit + 8192);
	spool = reopen(spool, limit);
	(void) expect(spool, osp_spool_begin(spool), 40000, 41000);
	osp_spool_close(spool);
}

static void
write_on_full_disk(void)
{
	struct rlimit limit = {8192, 8192};
	osp_spool *spool;
	char text[128];
	int done = 0;
	int n;

	(void) signal(SIGXFSZ, SIG_IGN);
	if (setrlimit(RLIMIT_FSIZE, &limit) != 0 ||
		osp_spool_open(heap, path, 1 << 20, &spool, NULL) != OSP_OK)
		_exit(1);
	while (done < 100000)
	{
		osp_status status;

		for (n = done; n < done + 10; n++)
			if (osp_spool_append(
					spool, text_of(n, text, sizeof(text)), place_of(n), NULL) !=
				OSP_OK)
				_exit(2);
		status = osp_spool_flush(spool, NULL);
		if (status == OSP_EIO)
			break;
		if (status != OSP_OK)
			_exit(3);
		done += 10;
	}

	/* A notification is appended completely or not at all, and small ones still fit. */
	if (osp_spool_points(spool) != (uint64_t) done)
		_exit(4);
	if (osp_spool_append(spool, OSP_STR("{}"), place_of(0), NULL) != OSP_OK ||
		osp_spool_flush(spool, NULL) != OSP_OK)
		_exit(5);
	osp_spool_close(spool);
	if (osp_spool_open(heap, path, 1 << 20, &spool, NULL) != OSP_OK ||
		osp_spool_points(spool) != (uint64_t) done + 1 ||
		osp_spool_corrupt(spool) != 0)
		_exit(6);
	osp_spool_close(spool);
	_exit(done > 0 ? 0 : 7);
}

static void
test_full_disk(void **state)
{
	int wstatus;
	pid_t pid = fork();

	(void) state;
	if (pid == 0)
		write_on_full_disk();
	assert_int_equal(waitpid(pid, &wstatus, 0), pid);
	assert_int_equal(wstatus, 0);
}

static void
test_not_a_spool(void **state)
{
	static const char *const contents[] = {
		"x", "a file of somebody else's, longer than the header of a spool is"};
	osp_spool *spool;
	osp_error err;
	size_t i;

	(void) state;
	for (i = 0; i < 2; i++)
	{
		int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
		off_t len = (off_t) strlen(contents[i]);

		assert_int_equal(write(fd, contents[i], (size_t) len), len);
		(void) close(fd);
		spool = reopen(NULL, 1 << 20);
		assert_int_equal(size_of(bad_path), len);
		assert_int_equal(osp_spool_corrupt(spool), len);
		append(spool, 0, 3);
		(void) expect(spool, osp_spool_begin(spool), 0, 3);
		osp_spool_close(spool);
		assert_int_equal(unlink(path), 0);
	}
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(osp_spool_open(heap, path, 1 << 20, &spool, &err),
					 OSP_EPERM);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	assert_int_equal(osp_spool_open(heap, path, 1 << 20, &spool, &err),
					 OSP_EIO);
	assert_null(spool);
	assert_int_equal(
		osp_spool_open(heap, "/nonexistent/spool", 1 << 20, &spool, &err),
		OSP_EIO);
}

static void
test_one_process(void **state)
{
	osp_spool *spool = reopen(NULL, 1 << 20);
	osp_spool *second;
	osp_error err;

	(void) state;
	assert_int_equal(osp_spool_open(heap, path, 1 << 20, &second, &err),
					 OSP_EBUSY);
	assert_null(second);
	osp_spool_close(spool);
	spool = reopen(NULL, 1 << 20);
	osp_spool_close(spool);
}

static void
test_long_records(void **state)
{
	const size_t len = 3 << 20;
	osp_spool *spool = reopen(NULL, 64 << 20);
	char *text = malloc(len);
	osp_place place;
	osp_str json;
	uint64_t pos;
	int i;

	(void) state;
	memset(text, ' ', len);
	text[0] = '{';
	for (i = 0; i < 3; i++)
	{
		assert_int_equal(
			osp_spool_append(
				spool, osp_str_n(text, len - (size_t) i), place_of(i), NULL),
			OSP_OK);
		append(spool, i, i + 1);
	}
	spool = reopen(spool, 64 << 20);
	pos = osp_spool_begin(spool);
	for (i = 0; i < 3; i++)
	{
		assert_true(osp_spool_next(spool, &pos, &json, &place));
		assert_true(osp_str_eq(json, osp_str_n(text, len - (size_t) i)));
		pos = expect(spool, pos, i, i + 1);
	}
	expect_end(spool, pos);
	assert_int_equal(osp_spool_append(spool, OSP_STR("[]"), place_of(0), NULL),
					 OSP_EINVAL);
	assert_int_equal(osp_spool_append(spool, OSP_STR(""), place_of(0), NULL),
					 OSP_EINVAL);
	osp_spool_close(spool);
	free(text);
}

/* Fills a spool, opens it again and reads it. After a failed allocation the spool is
 * intact. */
static osp_status
work(const osp_allocator *alc)
{
	osp_spool *spool;
	char text[128];
	osp_place place;
	uint64_t pos;
	osp_str json;
	osp_status status = osp_spool_open(alc, path, 1 << 20, &spool, NULL);

	if (status != OSP_OK)
		return status;
	status = osp_spool_append(
		spool, text_of(1, text, sizeof(text)), place_of(1), NULL);
	if (status == OSP_OK)
		status = osp_spool_flush(spool, NULL);
	pos = osp_spool_begin(spool);
	while (status == OSP_OK && pos < osp_spool_end(spool))
		if (!osp_spool_next(spool, &pos, &json, &place))
			status = OSP_ENOMEM;
	if (status == OSP_OK)
		status = osp_spool_consume(spool, pos, osp_spool_points(spool), NULL);
	osp_spool_close(spool);
	return status;
}

/* A file that was removed is made again, with the records that were not consumed. If
 * another process has made a file there, it is not changed. */
static void
test_follow(void **state)
{
	osp_spool *spool = reopen(NULL, 1 << 20);
	osp_error err = {OSP_OK, ""};
	osp_spool *other;
	uint64_t pos;
	int fd;

	(void) state;
	append(spool, 0, 10);
	pos = osp_spool_begin(spool);
	pos = expect(spool, pos, 0, 1);
	assert_int_equal(osp_spool_consume(spool, pos, 1, NULL), OSP_OK);
	assert_int_equal(osp_spool_follow(spool, &err), OSP_OK);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(osp_spool_follow(spool, &err), OSP_OK);
	assert_int_equal(osp_spool_begin(spool), pos);
	append(spool, 10, 20);
	assert_int_equal(osp_spool_open(heap, path, 1 << 20, &other, &err),
					 OSP_EBUSY);
	spool = reopen(spool, 1 << 20);
	assert_int_equal(osp_spool_points(spool), 19);
	expect_end(spool, expect(spool, pos, 1, 20));

	assert_int_equal(unlink(path), 0);
	fd = open(path, O_RDWR | O_CREAT, 0600);
	assert_int_equal(write(fd, "precious", 8), 8);
	assert_int_equal(osp_spool_follow(spool, &err), OSP_OK);
	assert_int_equal(lseek(fd, 0, SEEK_END), 8);
	assert_int_equal(close(fd), 0);
	osp_spool_close(spool);
}

static void
test_no_memory(void **state)
{
	failing_alloc fa;

	(void) state;
	for (failing_alloc_init(&fa); !fa.done;)
	{
		osp_spool *spool = reopen(NULL, 1 << 20);
		osp_status status;

		append(spool, 0, 3);
		osp_spool_close(spool);
		status = work(&fa.alc);
		failing_alloc_check(&fa, status);
	}
}

/* Another process reads the waiting records while the owner works. It changes nothing. */
static void
test_peek(void **state)
{
	osp_spool *spool = reopen(NULL, 1 << 20);
	osp_spool *peek;
	osp_place place;
	struct stat st[2];
	osp_str json;
	uint64_t pos;

	(void) state;
	append(spool, 0, 20);
	pos = expect(spool, osp_spool_begin(spool), 0, 5);
	assert_int_equal(osp_spool_consume(spool, pos, 5, NULL), OSP_OK);
	assert_int_equal(stat(path, &st[0]), 0);

	assert_int_equal(osp_spool_peek(heap, path, &peek, NULL), OSP_OK);
	pos = expect(peek, osp_spool_begin(peek), 5, 20);
	assert_false(osp_spool_next(peek, &pos, &json, &place));

	/* The owner delivers everything and truncates the file while the other process
	 * reads. */
	pos = expect(spool, osp_spool_begin(spool), 5, 20);
	assert_int_equal(osp_spool_consume(spool, pos, 15, NULL), OSP_OK);
	osp_spool_close(peek);
	assert_int_equal(osp_spool_peek(heap, path, &peek, NULL), OSP_OK);
	pos = osp_spool_begin(peek);
	assert_false(osp_spool_next(peek, &pos, &json, &place));
	append(spool, 20, 22);
	osp_spool_close(peek);
	assert_int_equal(osp_spool_peek(heap, path, &peek, NULL), OSP_OK);
	(void) expect(peek, osp_spool_begin(peek), 20, 22);
	osp_spool_close(peek);
	osp_spool_close(spool);

	/* An incomplete record at the end is not cut off, and no file is made or renamed. */
	assert_int_equal(stat(path, &st[0]), 0);
	assert_int_equal(truncate(path, st[0].st_size - 1), 0);
	assert_int_equal(osp_spool_peek(heap, path, &peek, NULL), OSP_OK);
	pos = expect(peek, osp_spool_begin(peek), 20, 21);
	assert_false(osp_spool_next(peek, &pos, &json, &place));
	osp_spool_close(peek);
	assert_int_equal(stat(path, &st[1]), 0);
	assert_int_equal(st[1].st_size, st[0].st_size - 1);
	assert_int_equal(truncate(path, 3), 0);
	assert_int_equal(osp_spool_peek(heap, path, &peek, NULL), OSP_EPROTO);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(osp_spool_peek(heap, path, &peek, NULL), OSP_ENOENT);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(access(bad_path, F_OK), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_order_and_reopen, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_killed_while_emptying, setup, teardown),
		cmocka_unit_test_setup_teardown(test_torn_tail, setup, teardown),
		cmocka_unit_test_setup_teardown(test_killed_writer, setup, teardown),
		cmocka_unit_test_setup_teardown(test_any_bit_flipped, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_rubbish_in_the_middle, setup, teardown),
		cmocka_unit_test_setup_teardown(test_limit, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_delivered_room_comes_back, setup, teardown),
		cmocka_unit_test_setup_teardown(test_full_disk, setup, teardown),
		cmocka_unit_test_setup_teardown(test_not_a_spool, setup, teardown),
		cmocka_unit_test_setup_teardown(test_one_process, setup, teardown),
		cmocka_unit_test_setup_teardown(test_long_records, setup, teardown),
		cmocka_unit_test_setup_teardown(test_follow, setup, teardown),
		cmocka_unit_test_setup_teardown(test_peek, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_memory, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
