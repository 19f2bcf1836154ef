/* SPDX-License-Identifier: Apache-2.0
 *
 * otlp_state.c
 *	  The file in which points that wait for their other half outlive this
 *	  process.
 */
#include "otlp_state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/read_file.h"

#define FIRST_LINE "osprofiler-otlp 1\n"
#define FILE_MAX   ((size_t) 256 * 1024 * 1024)

/* Reads one line without its newline. A line that makes no sense is skipped. */
static osp_status
read_line(otlp_pairs *pairs, osp_str line)
{
	osp_status status;
	char *end;
	long long arrived_ns = strtoll(line.ptr, &end, 10);
	size_t used = (size_t) (end - line.ptr);

	if (used + 3 >= line.len || end[0] != ' ' || end[2] != ' ' ||
		(end[1] != 'w' && end[1] != 'd'))
		return OSP_OK;
	status = otlp_pairs_restore(pairs,
								osp_str_n(end + 3, line.len - used - 3),
								arrived_ns,
								end[1] == 'd');
	return status == OSP_ENOMEM ? status : OSP_OK;
}

osp_status
otlp_state_read(const char *path, otlp_pairs *pairs, osp_error *err)
{
	const size_t head = sizeof(FIRST_LINE) - 1;
	osp_status status;
	osp__file file;
	osp_str rest;

	status = osp__file_read(&file, pairs->alc, path, FILE_MAX, true, err);
	if (status != OSP_OK)
		return status == OSP_ENOMEM ? status : OSP_OK;
	rest = osp_str_n(file.ptr, file.len);
	if (rest.len < head || memcmp(rest.ptr, FIRST_LINE, head) != 0)
		rest.len = 0;
	while (rest.len > 0 && status == OSP_OK)
	{
		const char *end = memchr(rest.ptr, '\n', rest.len);

		if (end == NULL)
			break;
		status =
			read_line(pairs, osp_str_n(rest.ptr, (size_t) (end - rest.ptr)));
		rest.len -= (size_t) (end + 1 - rest.ptr);
		rest.ptr = end + 1;
	}
	osp__file_term(&file);
	return status == OSP_OK ? OSP_OK
							: osp_error_set(err, status, "otlp: out of memory");
}

static bool
write_all(int fd, osp_str text)
{
	while (text.len > 0)
	{
		ssize_t sent = write(fd, text.ptr, text.len);

		if (sent < 0 && errno != EINTR)
			return false;
		if (sent > 0)
			text = osp_str_n(text.ptr + sent, text.len - (size_t) sent);
	}
	return true;
}

void
otlp_state_write(const char *path, otlp_pairs *pairs)
{
	const otlp_point *p;
	char temporary[4096];
	bool good;
	osp_buf text;
	int len;
	int fd;

	len = snprintf(temporary, sizeof(temporary), "%s.new", path);
	if (!pairs->changed || len < 0 || (size_t) len >= sizeof(temporary))
		return;
	osp_buf_init(&text, pairs->alc, FILE_MAX);
	osp_buf_add_str(&text, OSP_STR(FIRST_LINE));
	for (p = pairs->oldest; p != NULL; p = p->newer)
	{
		osp_buf_add_i64(&text, p->arrived_ns);
		osp_buf_add_str(&text, p->done ? OSP_STR(" d ") : OSP_STR(" w "));
		osp_buf_add_str(&text, p->notification.json);
		osp_buf_add_char(&text, '\n');
	}
	fd = open(
		temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	good = fd >= 0 && osp_buf_status(&text) == OSP_OK &&
		   write_all(fd, osp_buf_str(&text));
	if (fd >= 0)
		good = close(fd) == 0 && good;
	if (good && rename(temporary, path) == 0)
		pairs->changed = false;
	osp_buf_term(&text);
}
