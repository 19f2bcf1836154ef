/* SPDX-License-Identifier: Apache-2.0
 *
 * file_read.c
 *	  Reading traces and lists of traces from a file of JSON lines.
 *
 * The file is read line by line, in a buffer that is as long as the longest
 * line. No lock is taken, so that a slow reader blocks no writer. A line that
 * has no end yet, is not a notification, or is too long for one, is skipped.
 */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "osprofiler/json.h"
#include "trace_match.h"
#include "traces.h"

#define READ_BYTES ((size_t) 256 * 1024)

typedef struct line_reader
{
	int fd; /* -1: there is no file */
	const file_source *source;
	osp_buf buf;
	size_t start; /* start of the next line in buf */
	bool too_long;
} line_reader;

static osp_status
open_lines(line_reader *reader, const file_source *source, osp_error *err)
{
	const char *path = source->path;
	struct stat st;

	memset(reader, 0, sizeof(*reader));
	reader->source = source;
	osp_buf_init(&reader->buf, source->alc, OSP_NOTIFICATION_MAX + READ_BYTES);
	reader->fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (reader->fd < 0 && !source->must_exist &&
		(errno == ENOENT || errno == ENOTDIR))
		return OSP_OK;
	if (reader->fd < 0 || fstat(reader->fd, &st) != 0)
		return osp_error_set(err,
							 errno == ENOENT || errno == ENOTDIR ? OSP_ENOENT
																 : OSP_EIO,
							 "cannot open %.180s: %s",
							 path,
							 strerror(errno));
	if (!S_ISREG(st.st_mode))
		return osp_error_set(
			err, OSP_EIO, "%.180s is not a regular file", path);
	return OSP_OK;
}

static void
close_lines(line_reader *reader)
{
	if (reader->fd >= 0)
		(void) close(reader->fd);
	osp_buf_term(&reader->buf);
}

/* Reads more of the file, behind the rest of the buffer. *end: the file has no more. */
static osp_status
read_more(line_reader *reader, bool *end, osp_error *err)
{
	osp_status status = osp__wait_check(&reader->source->wait);
	osp_buf *buf = &reader->buf;
	ssize_t got;

	if (status != OSP_OK)
		return osp_error_set(err,
							 status,
							 "reading %.180s: %s",
							 reader->source->path,
							 status == OSP_EINTR ? "interrupted"
												 : "it takes too long");
	buf->len -= reader->start;
	if (buf->len > 0)
		memmove(buf->ptr, buf->ptr + reader->start, buf->len);
	reader->start = 0;
	if (buf->len > OSP_NOTIFICATION_MAX)
	{
		reader->too_long = true;
		buf->len = 0;
	}
	if (!osp_buf_reserve(buf, READ_BYTES))
		return osp_error_set(err, OSP_ENOMEM, "file: out of memory");
	do
		got = read(reader->fd, buf->ptr + buf->len, READ_BYTES);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return osp_error_set(err,
							 OSP_EIO,
							 "cannot read %.180s: %s",
							 reader->source->path,
							 strerror(errno));
	buf->len += (size_t) got;
	*end = got == 0;
	return OSP_OK;
}

/*
 * Reads the next line, without its newline, borrowed until the next call. *end:
 * there is none.
 */
static osp_status
next_line(line_reader *reader, osp_str *line, bool *end, osp_error *err)
{
	size_t looked_at = reader->start;

	*end = reader->fd < 0;
	while (!*end)
	{
		osp_buf *buf = &reader->buf;
		const char *newline = NULL;
		osp_status status;

		if (looked_at < buf->len)
			newline = memchr(buf->ptr + looked_at, '\n', buf->len - looked_at);
		if (newline != NULL)
		{
			*line = osp_str_n(buf->ptr + reader->start,
							  (size_t) (newline - buf->ptr) - reader->start);
			reader->start += line->len + 1;
			looked_at = reader->start;
			if (!reader->too_long)
				return OSP_OK;
			reader->too_long = false;
			continue;
		}
		looked_at = buf->len - reader->start;
		status = read_more(reader, end, err);
		if (status != OSP_OK)
			return status;
		if (buf->len < looked_at)
			looked_at = 0;
	}
	return OSP_OK;
}

osp_status
osp__file_get_points(const file_source *source, osp_str base_id,
					 osp_point_fn fn, void *ctx, osp_error *err)
{
	osp_trace_match match;
	line_reader reader;
	osp_buf scratch;
	osp_str line;
	bool end = false;
	osp_status status = open_lines(&reader, source, err);

	osp__trace_match_init(&match, base_id);
	osp_buf_init(&scratch, source->alc, OSP_NOTIFICATION_MAX);
	while (status == OSP_OK)
	{
		status = next_line(&reader, &line, &end, err);
		if (status != OSP_OK || end)
			break;
		status = osp__trace_matches(&match, line, &scratch);
		if (status == OSP_OK)
			status = fn(ctx, line);
		else if (status == OSP_ENOMEM)
			(void) osp_error_set(err, status, "file: out of memory");
		else
			status = OSP_OK;
	}
	osp_buf_term(&scratch);
	close_lines(&reader);
	return status;
}

/*
 * Adds the trace of every line to traces. OSP_EPROTO: there are lines, but none
 * is a notification, so the file is not ours.
 */
static osp_status
collect_traces(line_reader *reader, osp_traces *traces, osp_buf *scratch,
			   osp_error *err)
{
	osp_notification point;
	osp_status status;
	osp_str line;
	bool points = false;
	bool lines = false;
	bool end;

	for (;;)
	{
		status = next_line(reader, &line, &end, err);
		if (status == OSP_OK && end && lines && !points)
			return osp_error_set(
				err, OSP_EPROTO, "file: none of its lines is a point");
		if (status != OSP_OK || end)
			return status;
		osp_buf_reset(scratch);
		status = osp_notification_read(line, scratch, &point, NULL);
		points = points || status == OSP_OK;
		lines = lines || line.len > 0;
		if (status == OSP_OK)
			status = osp__traces_note(traces, &point);
		if (status == OSP_ENOMEM || status == OSP_EFULL)
			return osp_error_set(
				err, status, "file: %s", osp_status_text(status));
	}
}

osp_status
osp__file_list_traces(const file_source *source, const osp_trace_filter *filter,
					  osp_trace_fn fn, void *ctx, osp_buf *next, osp_error *err)
{
	line_reader reader;
	osp_traces traces;
	osp_buf scratch;
	osp_status status = open_lines(&reader, source, err);

	osp__traces_init(&traces, source->alc);
	osp_buf_init(&scratch, source->alc, OSP_NOTIFICATION_MAX);
	if (status == OSP_OK)
		status = collect_traces(&reader, &traces, &scratch, err);
	if (status == OSP_OK)
		status = osp__traces_each(&traces, filter, fn, ctx, next, err);
	osp_buf_term(&scratch);
	osp__traces_term(&traces);
	close_lines(&reader);
	return status;
}
