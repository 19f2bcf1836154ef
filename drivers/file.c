/* SPDX-License-Identifier: Apache-2.0
 *
 * file.c
 *	  The driver for file:///path: notifications as lines of JSON in a file. The
 *	  path is absolute and used unchanged, without percent-decoding.
 *
 * The file is opened for each batch, so it may be moved away or removed at any
 * time (logrotate). Writers take turns by flock. A batch is stored as a whole
 * or not at all: the part of it that fits on a full disk is cut off again. A
 * writer that was killed may leave lines of an unconfirmed batch, the last one
 * incomplete: the next writer ends that line, and readers skip it. A file that
 * does not begin with a notification belongs to another program, and is not
 * changed.
 *
 * Nothing is fsynced: the file survives the end of a process, but not a loss of
 * power.
 */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "localfile.h"
#include "record/clock.h"

#define LOCK_RETRY_MS 2

/* How many pieces one writev gets. A notification is two, itself and the newline. */
#define PIECES 1024

/* How much of the first line is read, at most, to find out whether the file is ours. */
#define FIRST_LINE_MAX ((size_t) 1024 * 1024)
#define LINE_STEP      ((size_t) 64 * 1024)

struct osp_driver_conn
{
	file_source source;
	osp_buf next; /* the name of the list's next page */
	osp_buf line;
	dev_t dev; /* of the file last recognised as ours */
	ino_t ino;
};

static osp_status
file_open(const osp_driver_options *options, osp_driver_conn **out,
		  osp_error *err)
{
	static const char usage[] = "expected file:///absolute/path";
	static const osp_str localhost = {"localhost/", 10};
	osp_str path = osp__after_scheme(options->connection_string);
	osp_driver_options known;
	osp_driver_conn *conn;
	osp_status status;

	*out = NULL;
	osp_struct_copy(&known, sizeof(known), options);
	if (path.len > localhost.len &&
		memcmp(path.ptr, localhost.ptr, localhost.len) == 0)
		path = osp_str_n(path.ptr + localhost.len - 1,
						 path.len - (localhost.len - 1));
	if (path.len < 2 || path.ptr[0] != '/')
		return osp_error_set(
			err, OSP_EINVAL, "file: no absolute path; %s", usage);
	conn = osp_calloc(known.alc, 1, sizeof(*conn));
	if (conn == NULL)
		return osp_error_set(err, OSP_ENOMEM, "file: out of memory");
	conn->source.alc = known.alc;
	conn->source.must_exist = known.read_only;
	osp__wait_init(&conn->source.wait, &known);
	osp_buf_init(&conn->next, known.alc, 256);
	osp_buf_init(&conn->line, known.alc, 2 * FIRST_LINE_MAX);
	status = osp__path_copy(known.alc, path, usage, &conn->source.path, err);
	if (status != OSP_OK)
	{
		osp_free(known.alc, conn);
		return status;
	}
	*out = conn;
	return OSP_OK;
}

static void
file_close(osp_driver_conn *conn)
{
	const osp_allocator *alc;

	if (conn == NULL)
		return;
	alc = conn->source.alc;
	osp_buf_term(&conn->next);
	osp_buf_term(&conn->line);
	osp_free(alc, conn->source.path);
	osp_free(alc, conn);
}

static osp_status
os_trouble(const osp_driver_conn *conn, const char *what, osp_error *err)
{
	return osp_error_set(err,
						 OSP_EIO,
						 "cannot %s %.180s: %s",
						 what,
						 conn->source.path,
						 strerror(errno));
}

/* Waits for the lock of the file. */
static osp_status
take_lock(const osp_driver_conn *conn, int fd, osp_error *err)
{
	int64_t begin_ns = osp_mono_now();

	while (flock(fd, LOCK_EX | LOCK_NB) != 0)
	{
		osp_status status;

		if (errno != EWOULDBLOCK && errno != EINTR)
			return os_trouble(conn, "lock", err);
		status = osp__wait_pause(&conn->source.wait, begin_ns, LOCK_RETRY_MS);
		if (status != OSP_OK)
			return osp_error_set(err,
								 status,
								 "%.180s is locked by another process",
								 conn->source.path);
	}
	return OSP_OK;
}

/*
 * Does the text, which may be cut at its end, begin like a notification that we
 * write: with a name, and right after it a base_id?
 */
static bool
begins_like_ours(osp_str text)
{
	static const char *const parts[] = {"{\"name\": \"", "\", \"base_id\": \""};
	size_t i;

	for (i = 0; i < 2; i++)
	{
		size_t len = strlen(parts[i]);
		const char *quote;

		if (memcmp(text.ptr, parts[i], text.len < len ? text.len : len) != 0)
			return false;
		if (text.len <= len)
			return true;
		text = osp_str_n(text.ptr + len, text.len - len);
		quote = memchr(text.ptr, '"', text.len);
		if (quote == NULL)
			return true;
		text = osp_str_n(quote, text.len - (size_t) (quote - text.ptr));
	}
	return true;
}

/* Reads the first line, without its newline. *whole: is the line complete? */
static osp_status
read_first_line(osp_driver_conn *conn, int fd, bool *whole, osp_error *err)
{
	osp_buf *line = &conn->line;
	const char *end = NULL;
	ssize_t got = 1;

	osp_buf_reset(line);
	while (end == NULL && got > 0 && line->len < FIRST_LINE_MAX)
	{
		if (!osp_buf_reserve(line, LINE_STEP))
			return osp_error_set(err, OSP_ENOMEM, "file: out of memory");
		got = pread(fd, line->ptr + line->len, LINE_STEP, (off_t) line->len);
		if (got < 0)
			return os_trouble(conn, "read", err);
		end = memchr(line->ptr + line->len, '\n', (size_t) got);
		line->len += (size_t) got;
	}
	*whole = end != NULL;
	if (end != NULL)
		line->len = (size_t) (end - line->ptr);
	return OSP_OK;
}

/* Does the line have the mark of an incomplete line, whose writer was killed? */
static bool
is_cut(osp_str line)
{
	const size_t len = sizeof(FILE_CUT) - 1;

	return line.len >= len &&
		   memcmp(line.ptr + line.len - len, FILE_CUT, len) == 0;
}

/* Checks that the file is empty, or begins with a notification. */
static osp_status
check_ours(osp_driver_conn *conn, int fd, const struct stat *st, osp_error *err)
{
	osp_notification point;
	osp_status status;
	osp_str line;
	osp_buf scratch;
	bool whole = false;

	if (st->st_size == 0 ||
		(conn->dev == st->st_dev && conn->ino == st->st_ino))
		return OSP_OK;
	status = read_first_line(conn, fd, &whole, err);
	if (status != OSP_OK)
		return status;
	line = osp_buf_str(&conn->line);
	osp_buf_init(&scratch, conn->source.alc, OSP_NOTIFICATION_MAX);
	if (is_cut(line))
		line.len -= sizeof(FILE_CUT) - 1;
	else if (whole)
		status = osp_notification_read(line, &scratch, &point, NULL);
	if (is_cut(osp_buf_str(&conn->line)) || !whole)
		status = begins_like_ours(line) ? OSP_OK : OSP_EPROTO;
	osp_buf_term(&scratch);
	if (status == OSP_ENOMEM)
		return osp_error_set(err, status, "file: out of memory");
	if (status != OSP_OK)
		return osp_error_set(err,
							 OSP_EIO,
							 "%.150s holds something else than notifications "
							 "and is left as it is; name another file",
							 conn->source.path);
	conn->dev = st->st_dev;
	conn->ino = st->st_ino;
	return OSP_OK;
}

/* Opens the file for appending, and locks it. */
static osp_status
open_locked(osp_driver_conn *conn, int *out, osp_error *err)
{
	int fd = osp__file_create(conn->source.path, O_RDWR | O_APPEND);
	osp_status status;
	struct stat st;

	*out = -1;
	if (fd < 0)
		return os_trouble(conn, "open", err);
	if (fstat(fd, &st) != 0)
		status = os_trouble(conn, "examine", err);
	else if (!S_ISREG(st.st_mode))
		status = osp_error_set(
			err, OSP_EIO, "%.180s is not a regular file", conn->source.path);
	else
		status = take_lock(conn, fd, err);
	if (status == OSP_OK && fstat(fd, &st) != 0)
		status = os_trouble(conn, "examine", err);
	if (status == OSP_OK)
		status = check_ours(conn, fd, &st, err);
	if (status != OSP_OK)
		(void) close(fd);
	else
		*out = fd;
	return status;
}

/*
 * Ends an incomplete last line with a mark, so that nobody takes it for
 * complete. *size becomes the file's length before that.
 */
static bool
end_torn_line(int fd, off_t *size)
{
	char last = '\n';

	*size = lseek(fd, 0, SEEK_END);
	if (*size < 0 || (*size > 0 && pread(fd, &last, 1, *size - 1) != 1))
		return false;
	return last == '\n' ||
		   write(fd, FILE_CUT "\n", sizeof(FILE_CUT)) == sizeof(FILE_CUT);
}

/* Writes all pieces, which are changed in doing so. */
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

/* Writes those notifications that are one line each; *stored becomes their number. */
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
	osp__wait_begin(&conn->source.wait);
	status = open_locked(conn, &fd, err);
	if (status != OSP_OK)
		return status;
	if (!end_torn_line(fd, &size))
		status = os_trouble(conn, "read the end of", err);
	else if (!write_items(fd, items, count, &stored))
	{
		status = os_trouble(conn, "write to", err);
		if (ftruncate(fd, size) != 0)
			status = os_trouble(conn, "take back what was written to", err);
	}

	/* Some file systems report a full disk only now. Closing also ends the lock. */
	if (close(fd) != 0 && status == OSP_OK)
		status = os_trouble(conn, "write to", err);
	if (status != OSP_OK)
		return status;
	*accepted = stored;
	if (stored < count)
		return osp_error_set(err,
							 OSP_EREFUSED,
							 "a notification for %.180s is not one line",
							 conn->source.path);
	return OSP_OK;
}

static osp_status
file_get_points(osp_driver_conn *conn, osp_str base_id, osp_point_fn fn,
				void *ctx, osp_error *err)
{
	osp__wait_begin(&conn->source.wait);
	return osp__file_get_points(&conn->source, base_id, fn, ctx, err);
}

static osp_status
file_list_traces(osp_driver_conn *conn, const osp_trace_filter *filter,
				 osp_trace_fn fn, void *ctx, osp_str *next, osp_error *err)
{
	osp_status status;

	osp__wait_begin(&conn->source.wait);
	status =
		osp__file_list_traces(&conn->source, filter, fn, ctx, &conn->next, err);
	if (next != NULL)
		*next = osp_buf_str(&conn->next);
	return status;
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
		conn->source.path);
}

static const char *const file_schemes[] = {"file", NULL};

extern OSP_API const osp_driver osp_driver_file;
const osp_driver osp_driver_file = {
	.abi = OSP_DRIVER_ABI,
	.flags = OSP_DRIVER_CAN_READ | OSP_DRIVER_CAN_LIST |
			 OSP_DRIVER_NEWEST_FIRST | OSP_DRIVER_FILTERS,
	.name = "file",
	.schemes = file_schemes,
	.open = file_open,
	.notify = file_notify,
	.get_points = file_get_points,
	.list_traces = file_list_traces,
	.remove_traces = file_remove_traces,
	.close = file_close,
};
