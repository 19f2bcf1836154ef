/* SPDX-License-Identifier: Apache-2.0
 *
 * spool.c
 *	  The spool: a file that keeps notifications while the collector is down.
 *
 * The process may be killed between any two system calls: a record is trusted
 * only if its checksum fits; a mark is written as a whole over the older of
 * two; a spool that was consumed is first marked so, then cut, and then marked
 * as empty, and a mark behind the end of the file means an empty spool, too.
 */
#include "ship/spool_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "notify/batch.h"

#define RECORDS_BEGIN sizeof(spool_header)

_Static_assert(RECORDS_BEGIN == OSP_SPOOL_EMPTY_SIZE,
			   "an empty spool is a header");
#define PAGE UINT64_C(4096)

/* Consumed records are returned to the file system in steps of this many
 * bytes. */
#define FREE_STEP UINT64_C(1048576)

/* Memory for appended records that is kept from flush to flush. */
#define PENDING_KEPT ((size_t) 8 * 1024 * 1024)

#define OPEN_TRIES 3

typedef char header_is_48[sizeof(spool_header) == 48 ? 1 : -1];

static osp_status
io_error(osp_error *err, int code, const char *what)
{
	char reason[128];

	return osp_error_set(err,
						 OSP_EIO,
						 "cannot %s the spool: %s",
						 what,
						 strerror_r(code, reason, sizeof(reason)));
}

bool
osp__spool_write_at(int fd, const void *bytes, size_t len, uint64_t pos)
{
	const char *p = bytes;

	while (len > 0)
	{
		ssize_t n = pwrite(fd, p, len, (off_t) pos);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
		{
			if (n == 0)
				errno = ENOSPC;
			return false;
		}
		p += n;
		pos += (uint64_t) n;
		len -= (size_t) n;
	}
	return true;
}

static uint32_t
mark_crc(const spool_mark *mark)
{
	return osp_crc32c(0, mark, offsetof(spool_mark, crc));
}

/* Writes a new mark over the older of the two. */
static osp_status
write_mark(osp_spool *spool, uint64_t consumed, osp_error *err)
{
	spool_mark mark;
	uint64_t pos;

	memset(&mark, 0, sizeof(mark));
	mark.consumed = consumed;
	mark.seq = spool->mark.seq + 1;
	mark.crc = mark_crc(&mark);
	pos = offsetof(spool_header, marks) + (mark.seq & 1) * sizeof(mark);
	if (!osp__spool_write_at(spool->fd, &mark, sizeof(mark), pos))
		return io_error(err, errno, "write to");
	spool->mark = mark;
	return OSP_OK;
}

/* Gives the disk space before pos back to the file system. */
static void
free_disk(osp_spool *spool, uint64_t pos)
{
	uint64_t from = (spool->freed + PAGE - 1) / PAGE * PAGE;
	uint64_t to = pos / PAGE * PAGE;

	/* If the file system has no holes, the space is returned when all is
	 * consumed. */
	if (to > from && fallocate(spool->fd,
							   FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
							   (off_t) from,
							   (off_t) (to - from)) == 0)
		spool->freed = to;
}

static osp_status
make_empty(osp_spool *spool, osp_error *err)
{
	if (ftruncate(spool->fd, (off_t) RECORDS_BEGIN) != 0)
		return io_error(err, errno, "truncate");
	spool->end = RECORDS_BEGIN;
	spool->freed = RECORDS_BEGIN;
	spool->corrupt_to = RECORDS_BEGIN;
	spool->points = 0;
	osp__spool_forget(spool);
	return write_mark(spool, RECORDS_BEGIN, err);
}

static osp_status
write_header(osp_spool *spool, osp_error *err)
{
	spool_header header;
	int i;

	memset(&header, 0, sizeof(header));
	header.magic = SPOOL_MAGIC;
	header.version = SPOOL_VERSION;
	header.size = sizeof(header);
	for (i = 0; i < 2; i++)
	{
		header.marks[i].consumed = RECORDS_BEGIN;
		header.marks[i].seq = (uint32_t) i;
		header.marks[i].crc = mark_crc(&header.marks[i]);
	}
	if (!osp__spool_write_at(spool->fd, &header, sizeof(header), 0))
	{
		int code = errno;

		/* Removes a half-written header: it would make the file no spool. */
		(void) !ftruncate(spool->fd, 0);
		return io_error(err, code, "write to");
	}
	spool->mark = header.marks[1];
	return OSP_OK;
}

/*
 * Reads the header of a file of size bytes. OSP_EPROTO: the file is not a
 * spool. If one mark is damaged, the other may be out of date; then some points
 * are delivered again.
 */
osp_status
osp__spool_read_header(osp_spool *spool, uint64_t size, osp_error *err)
{
	spool_header header;
	bool whole[2];
	int newer;

	if (size < sizeof(header))
		return OSP_EPROTO;
	if (pread(spool->fd, &header, sizeof(header), 0) !=
		(ssize_t) sizeof(header))
		return io_error(err, errno, "read");
	if (header.magic != SPOOL_MAGIC || header.version != SPOOL_VERSION ||
		header.size != sizeof(header))
		return OSP_EPROTO;

	whole[0] = header.marks[0].crc == mark_crc(&header.marks[0]);
	whole[1] = header.marks[1].crc == mark_crc(&header.marks[1]);
	newer = (int32_t) (header.marks[1].seq - header.marks[0].seq) > 0 ? 1 : 0;
	if (!whole[newer])
		newer = 1 - newer;
	spool->mark = header.marks[newer];
	if (!whole[newer])
		spool->mark.consumed = RECORDS_BEGIN;
	else if (spool->mark.consumed < RECORDS_BEGIN)
		return OSP_EPROTO;
	if (!whole[0] || !whole[1])
	{
		spool->corrupt += sizeof(spool_mark);
		spool->mark_damaged = true;
	}
	return OSP_OK;
}

/*
 * Is the rest of the file, from pos on, the beginning of a record whose writer was
 * killed? The kernel ends such a write only at the end of a page; any other rest is
 * damage.
 */
static bool
is_unfinished(const osp_spool *spool, uint64_t pos, uint64_t size)
{
	spool_record record;

	if (size % PAGE != 0)
		return false;
	if (size - pos < sizeof(record))
		return true;
	return pread(spool->fd, &record, sizeof(record), (off_t) pos) ==
			   (ssize_t) sizeof(record) &&
		   record.len >= 2 && record.len <= OSP_NOTIFICATION_MAX &&
		   record.len > size - pos - sizeof(record);
}

/* Counts the records of a file of size bytes, and cuts off invalid bytes at its end. */
static osp_status
check_records(osp_spool *spool, uint64_t size, osp_error *err)
{
	uint64_t pos = spool->mark.consumed;
	osp_status status;
	osp_place place;
	osp_str json;

	spool->end = pos;
	while ((status = osp__spool_find(spool, &pos, size, &json, &place)) ==
		   OSP_OK)
	{
		spool->points++;
		spool->end = pos;
	}
	if (status != OSP_ENOENT)
		return osp_error_set(err, status, "cannot check the spool");
	if (spool->end < size && is_unfinished(spool, spool->end, size))
		spool->unfinished = size - spool->end;
	if (spool->points == 0)
		return make_empty(spool, err);
	if (spool->end < size && ftruncate(spool->fd, (off_t) spool->end) != 0)
		return io_error(err, errno, "truncate");
	osp__spool_forget(spool);
	free_disk(spool, spool->mark.consumed);
	if (!spool->mark_damaged)
		return OSP_OK;

	/* Written twice, so that no damaged mark stays. */
	status = write_mark(spool, spool->mark.consumed, err);
	if (status == OSP_OK)
		status = write_mark(spool, spool->mark.consumed, err);
	return status;
}

/* Reports that another process has the spool, and which one, if that can be seen. */
static osp_status
busy_error(osp_error *err, int fd, const char *path)
{
	bool is_stopped;
	long pid = osp__spool_holder(fd, &is_stopped);

	if (pid == 0)
		return osp_error_set(
			err, OSP_EBUSY, "another process uses spool %s", path);
	return osp_error_set(err,
						 OSP_EBUSY,
						 "process %ld%s uses spool %s",
						 pid,
						 is_stopped ? ", which is stopped (state T)," : "",
						 path);
}

/* Opens the file, locks it against other processes, and gets its size. */
static osp_status
open_file(const char *path, int *fd, uint64_t *size, osp_error *err)
{
	const int flags =
		O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
	char reason[128];
	struct stat st;

	*fd = open(path, flags, 0600);
	if (*fd < 0)
		return osp_error_set(err,
							 OSP_EIO,
							 "cannot open spool %s: %s",
							 path,
							 strerror_r(errno, reason, sizeof(reason)));
	if (fstat(*fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid())
		return osp_error_set(
			err, OSP_EPERM, "spool %s is no regular file of ours", path);
	if (flock(*fd, LOCK_EX | LOCK_NB) != 0)
		return busy_error(err, *fd, path);
	if ((st.st_mode & 077) != 0 && fchmod(*fd, 0600) != 0)
		return io_error(err, errno, "close to others");
	*size = (uint64_t) st.st_size;
	return OSP_OK;
}

static osp_status
set_aside(const char *path, osp_error *err)
{
	char bad[4096];
	int len = snprintf(bad, sizeof(bad), "%s.bad", path);

	if (len < 0 || (size_t) len >= sizeof(bad))
		return osp_error_set(err, OSP_EINVAL, "the spool's path is too long");
	if (rename(path, bad) != 0)
		return io_error(err, errno, "set aside");
	return OSP_OK;
}

osp_spool *
osp__spool_new(const osp_allocator *alc, const char *path, uint64_t limit)
{
	osp_spool *spool = osp_calloc(alc, 1, sizeof(*spool));

	if (spool == NULL)
		return NULL;
	spool->alc = alc;
	spool->fd = -1;
	spool->path = osp_strdup(alc, osp_str_of(path));
	if (spool->path == NULL)
	{
		osp_free(alc, spool);
		return NULL;
	}
	spool->limit = limit;
	spool->freed = RECORDS_BEGIN;
	spool->end = RECORDS_BEGIN;
	osp_buf_init(&spool->pending, alc, SIZE_MAX / 2);
	osp_buf_init(
		&spool->window, alc, OSP_NOTIFICATION_MAX + sizeof(spool_record));
	return spool;
}

osp_status
osp_spool_open(const osp_allocator *alc, const char *path, uint64_t limit,
			   osp_spool **out, osp_error *err)
{
	osp_spool *spool = osp__spool_new(alc, path, limit);
	osp_status status = OSP_EPROTO;
	uint64_t size = 0;
	int tries;

	*out = NULL;
	if (spool == NULL)
		return osp_error_set(err, OSP_ENOMEM, "spool: out of memory");

	/* If the file turns out to be no spool, try again with a new one. */
	for (tries = 0; tries < OPEN_TRIES && status == OSP_EPROTO; tries++)
	{
		status = open_file(path, &spool->fd, &size, err);
		if (status == OSP_OK && size == 0)
			status = write_header(spool, err);
		else if (status == OSP_OK)
			status = osp__spool_read_header(spool, size, err);
		if (status != OSP_EPROTO)
			break;
		status = set_aside(path, err);
		(void) close(spool->fd);
		spool->fd = -1;
		spool->corrupt += size;
		status = status == OSP_OK ? OSP_EPROTO : status;
	}
	if (status == OSP_EPROTO)
		(void) osp_error_set(err, status, "%s is no spool", path);
	if (status == OSP_OK && size > 0)
		status = check_records(spool, size, err);
	if (status != OSP_OK)
	{
		osp_spool_close(spool);
		return status;
	}
	*out = spool;
	return OSP_OK;
}

void
osp_spool_close(osp_spool *spool)
{
	if (spool == NULL)
		return;
	if (spool->fd >= 0)
		(void) close(spool->fd);
	osp_buf_term(&spool->pending);
	osp_buf_term(&spool->window);
	osp_free(spool->alc, spool->path);
	osp_free(spool->alc, spool);
}

const char *
osp_spool_path(const osp_spool *spool)
{
	return spool->path;
}

uint64_t
osp_spool_bytes(const osp_spool *spool)
{
	return spool->end - spool->mark.consumed;
}

uint64_t
osp_spool_points(const osp_spool *spool)
{
	return spool->points;
}

uint64_t
osp_spool_corrupt(const osp_spool *spool)
{
	return spool->corrupt;
}

uint64_t
osp_spool_unfinished(const osp_spool *spool)
{
	return spool->unfinished;
}

uint64_t
osp_spool_begin(const osp_spool *spool)
{
	return spool->mark.consumed;
}

uint64_t
osp_spool_end(const osp_spool *spool)
{
	return spool->end;
}

osp_status
osp_spool_append(osp_spool *spool, osp_str json, const osp_place *place,
				 osp_error *err)
{
	osp_buf *pending = &spool->pending;
	spool_record record;

	if (json.len < 2 || json.len > OSP_NOTIFICATION_MAX || json.ptr[0] != '{')
		return osp_error_set(err, OSP_EINVAL, "this is no notification");
	if (spool->end + pending->len + sizeof(record) + json.len - spool->freed >
		spool->limit)
		return osp_error_set(err,
							 OSP_EFULL,
							 "the spool has reached its limit of %llu bytes",
							 (unsigned long long) spool->limit);
	record.len = (uint32_t) json.len;
	record.place = *place;
	record.crc = osp__spool_crc(&record, json.ptr);
	if (!osp_buf_reserve(pending, sizeof(record) + json.len))
	{
		/* The records that were appended before are complete. */
		pending->status = OSP_OK;
		return osp_error_set(err, OSP_ENOMEM, "spool: out of memory");
	}
	osp_buf_add(pending, &record, sizeof(record));
	osp_buf_add_str(pending, json);
	spool->pending_points++;
	return OSP_OK;
}

void
osp_spool_discard(osp_spool *spool)
{
	/* A long batch would keep much memory. */
	if (spool->pending.cap > PENDING_KEPT)
		osp_buf_term(&spool->pending);
	osp_buf_reset(&spool->pending);
	spool->pending_points = 0;
}

osp_status
osp_spool_flush(osp_spool *spool, osp_error *err)
{
	osp_buf *pending = &spool->pending;
	osp_status status = OSP_OK;

	if (spool->broken)
		status = osp_error_set(err, OSP_EIO, "the spool cannot be cut");
	else if (pending->len > 0 &&
			 !osp__spool_write_at(
				 spool->fd, pending->ptr, pending->len, spool->end))
	{
		status = io_error(err, errno, "write to");

		/* Complete records left behind the end would count after the next opening. */
		if (ftruncate(spool->fd, (off_t) spool->end) != 0)
			spool->broken = true;
	}
	if (status == OSP_OK)
	{
		spool->end += pending->len;
		spool->points += spool->pending_points;
	}
	osp_spool_discard(spool);
	return status;
}

osp_status
osp_spool_consume(osp_spool *spool, uint64_t pos, uint64_t points,
				  osp_error *err)
{
	osp_status status;

	if (pos < spool->mark.consumed || pos > spool->end)
		return osp_error_set(
			err, OSP_EINVAL, "a position outside of the spool");
	status = write_mark(spool, pos, err);
	if (status != OSP_OK)
		return status;
	spool->points -= points < spool->points ? points : spool->points;
	if (pos == spool->end)
		return make_empty(spool, err);
	if (pos - spool->freed >= FREE_STEP ||
		pos - spool->freed >= spool->limit / 8)
		free_disk(spool, pos);
	return OSP_OK;
}
