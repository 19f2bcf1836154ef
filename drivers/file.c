/* SPDX-License-Identifier: Apache-2.0
 *
 * file.c
 *	  Notifications as lines of JSON in a file: what file:///path names. The
 *	  path is absolute and taken as it is, without percent-decoding.
 *
 * The file is opened for each batch, so it may be moved away or removed at any
 * time (logrotate). Writers take turns by flock. A batch is there as a whole or
 * not at all: what a full disk took of it is cut off again. A writer that was
 * killed may leave lines of a batch that was not confirmed, the last one torn;
 * readers skip a line that has no end, and the next writer cuts it off.
 *
 * Nothing is fsynced: the file outlives every process, not the power.
 */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "localfile.h"
#include "traces.h"

#define DEFAULT_TIMEOUT 5000
#define LOCK_RETRY_MS   2

/* Pieces of one writev; a notification is two, itself and the newline. */
#define PIECES 1024

#define TAIL_BYTES 4096

struct osp_driver_conn
{
	const osp_allocator *alc;
	char *path;
	unsigned timeout_ms;
	bool read_only;
};

static osp_status
file_open(const osp_driver_options *options, osp_driver_conn **out,
		  osp_error *err)
{
	static const char usage[] = "expected file:///absolute/path";
	static const osp_str localhost = {"localhost/", 10};
	osp_str path = osp__after_scheme(options->connection_string);
	osp_driver_conn *conn;
	osp_status status;

	*out = NULL;
	if (path.len > localhost.len &&
		memcmp(path.ptr, localhost.ptr, localhost.len) == 0)
		path = osp_str_n(path.ptr + localhost.len - 1,
						 path.len - (localhost.len - 1));
	if (path.len < 2 || path.ptr[0] != '/')
		return osp_error_set(
			err, OSP_EINVAL, "file: no absolute path; %s", usage);
	conn = osp_calloc(options->alc, 1, sizeof(*conn));
	if (conn == NULL)
		return osp_error_set(err, OSP_ENOMEM, "file: out of memory");
	conn->alc = options->alc;
	conn->read_only = options->read_only;
	conn->timeout_ms =
		options->timeout_ms != 0 ? options->timeout_ms : DEFAULT_TIMEOUT;
	status = osp__path_copy(conn->alc, path, usage, &conn->path, err);
	if (status != OSP_OK)
	{
		osp_free(conn->alc, conn);
		return status;
	}
	*out = conn;
	return OSP_OK;
}

static void
file_close(osp_driver_conn *conn)
{
	if (conn == NULL)
		return;
	osp_free(conn->alc, conn->path);
	osp_free(conn->alc, conn);
}

static osp_status
os_trouble(const osp_driver_conn *conn, const char *what, osp_error *err)
{
	return osp_error_set(err,
						 OSP_EIO,
						 "cannot %s %.180s: %s",
						 what,
						 conn->path,
						 strerror(errno));
}

/* Waits for the lock, timeout_ms at most. */
static osp_status
take_lock(const osp_driver_conn *conn, int fd, osp_error *err)
{
	const struct timespec pause = {0, LOCK_RETRY_MS * 1000000L};
	unsigned waited_ms = 0;

	while (flock(fd, LOCK_EX | LOCK_NB) != 0)
	{
		if (errno != EWOULDBLOCK && errno != EINTR)
			return os_trouble(conn, "lock", err);
		if (waited_ms >= conn->timeout_ms)
			return osp_error_set(err,
								 OSP_EUNAVAIL,
								 "%.180s is locked by another process",
								 conn->path);
		(void) nanosleep(&pause, NULL);
		waited_ms += LOCK_RETRY_MS;
	}
	return OSP_OK;
}

/* Opens the file for appending, locked. */
static osp_status
open_locked(const osp_driver_conn *conn, int *out, osp_error *err)
{
	int fd = osp__file_create(conn->path, O_RDWR | O_APPEND);
	osp_status status;
	struct stat st;

	*out = -1;
	if (fd < 0)
		return os_trouble(conn, "open", err);
	if (fstat(fd, &st) != 0)
		status = os_trouble(conn, "examine", err);
	else if (!S_ISREG(st.st_mode))
		status = osp_error_set(
			err, OSP_EIO, "%.180s is not a regular file", conn->path);
	else
		status = take_lock(conn, fd, err);
	if (status != OSP_OK)
		(void) close(fd);
	else
		*out = fd;
	return status;
}

/* The length of the file up to its last newline; -1 if it cannot be read. */
static off_t
whole_lines(int fd, off_t end)
{
	while (end > 0)
	{
		char tail[TAIL_BYTES];
		size_t want = end < TAIL_BYTES ? (size_t) end : TAIL_BYTES;
		ssize_t got = pread(fd, tail, want, end - (off_t) want);
		const char *newline;

		if (got != (ssize_t) want)
		{
			errno = got < 0 ? errno : EIO;
			return -1;
		}
		newline = memrchr(tail, '\n', want);
		if (newline != NULL)
			return end - (off_t) want + (newline - tail) + 1;
		end -= (off_t) want;
	}
	return end;
}

/* Cuts off a line without an end; *size gets the file's length. */
static bool
cut_torn_line(int fd, off_t *size)
{
	off_t end = lseek(fd, 0, SEEK_END);

	*size = whole_lines(fd, end);
	return *size >= 0 && (*size == end || ftruncate(fd, *size) == 0);
}

/* Writes all pieces, which it uses up. */
static bool
write_pieces(int fd, struct iovec *pieces, int count)
{
	while (count > 0)
	{
		ssize_t written = writev(fd, pieces, count);

		if (written < 0 && errno != EINTR)
			return false;
		while (written > 0 && count > 0)
		{
			size_t part = (size_t) written;

			if (part > pieces->iov_len)
				part = pieces->iov_len;
			pieces->iov_base = (char *) pieces->iov_base + part;
			pieces->iov_len -= part;
			written -= (ssize_t) part;
			if (pieces->iov_len == 0)
			{
				pieces++;
				count--;
			}
		}
	}
	return true;
}

/* Writes the notifications that are one line; *stored gets their number. */
static bool
write_items(int fd, const osp_notification *items, size_t count, size_t *stored)
{
	static char newline = '\n';
	struct iovec pieces[PIECES];
	int used = 0;
	size_t i;

	for (i = 0; i < count; i++)
	{
		osp_str json = items[i].json;

		if (json.len == 0 || memchr(json.ptr, '\n', json.len) != NULL)
			continue;
		if (used == PIECES)
		{
			if (!write_pieces(fd, pieces, used))
				return false;
			used = 0;
		}
		pieces[used].iov_base = (void *) (uintptr_t) json.ptr;
		pieces[used++].iov_len = json.len;
		pieces[used].iov_base = &newline;
		pieces[used++].iov_len = 1;
		(*stored)++;
	}
	return write_pieces(fd, pieces, used);
}

static osp_status
file_notify(osp_driver_conn *conn, const osp_notification *items, size_t count,
			size_t *accepted, osp_error *err)
{
	osp_status status;
	size_t stored = 0;
	off_t size;
	int fd;

	*accepted = 0;
	status = open_locked(conn, &fd, err);
	if (status != OSP_OK)
		return status;
	if (!cut_torn_line(fd, &size))
		status = os_trouble(conn, "read the end of", err);
	else if (!write_items(fd, items, count, &stored))
	{
		status = os_trouble(conn, "write to", err);
		if (ftruncate(fd, size) != 0)
			status = os_trouble(conn, "take back what was written to", err);
	}

	/* Some file systems tell of a full disk only now (and the lock ends). */
	if (close(fd) != 0 && status == OSP_OK)
		status = os_trouble(conn, "write to", err);
	if (status != OSP_OK)
		return status;
	*accepted = stored;
	if (stored < count)
		return osp_error_set(err,
							 OSP_EREFUSED,
							 "a notification for %.180s is not one line",
							 conn->path);
	return OSP_OK;
}

/* A writer makes the file when it needs it; a reader should know that it is not
 * there. */
static osp_status
missing(const osp_driver_conn *conn, osp_status status)
{
	return status == OSP_ENOENT && !conn->read_only ? OSP_OK : status;
}

static osp_status
file_get_points(osp_driver_conn *conn, osp_str base_id, osp_point_fn fn,
				void *ctx, osp_error *err)
{
	return missing(
		conn,
		osp__file_get_points(conn->alc, conn->path, base_id, fn, ctx, err));
}

static osp_status
file_list_traces(osp_driver_conn *conn, const osp_trace_filter *filter,
				 osp_trace_fn fn, void *ctx, osp_str *next, osp_error *err)
{
	osp__no_next_page(next);
	return missing(
		conn,
		osp__file_list_traces(conn->alc, conn->path, filter, fn, ctx, err));
}

static osp_status
file_remove_traces(osp_driver_conn *conn, const osp_removal *what,
				   uint64_t *removed, osp_error *err)
{
	(void) what;
	*removed = 0;
	return osp_error_set(
		err,
		OSP_EUNSUPPORTED,
		"traces cannot be removed from a file; move %.180s away instead",
		conn->path);
}

static const char *const file_schemes[] = {"file", NULL};

extern OSP_API const osp_driver osp_driver_file;
const osp_driver osp_driver_file = {
	.abi = OSP_DRIVER_ABI,
	.flags = OSP_DRIVER_CAN_READ | OSP_DRIVER_CAN_LIST,
	.name = "file",
	.schemes = file_schemes,
	.open = file_open,
	.notify = file_notify,
	.get_points = file_get_points,
	.list_traces = file_list_traces,
	.remove_traces = file_remove_traces,
	.close = file_close,
};
