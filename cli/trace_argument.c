/* SPDX-License-Identifier: Apache-2.0
 *
 * trace_argument.c
 *	  Finding the trace that a command was given.
 */
#include "trace_argument.h"
#include "cli.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "osprofiler/saved.h"

/* Files larger than this are no traces that somebody saved. */
#define SAVED_MAX  ((size_t) 4 * 1024 * 1024 * 1024 - 1)
#define READ_CHUNK ((size_t) 256 * 1024)

/* 32 hex digits, with or without dashes: what upstream takes for a trace id. */
static bool
is_uuid_like(const char *name)
{
	size_t digits = 0;

	for (; *name != '\0'; name++)
	{
		if (isxdigit((unsigned char) *name))
			digits++;
		else if (*name != '-')
			return false;
	}
	return digits == 32;
}

/* Malformed points are counted by the report; only memory ends the reading. */
static osp_status
add_point(void *ctx, osp_str json)
{
	osp_status status = osp_report_add(ctx, json, NULL);

	return status == OSP_EPROTO ? OSP_OK : status;
}

/* Reads all of fd; false with errno. */
static bool
read_whole(int fd, osp_buf *text)
{
	for (;;)
	{
		ssize_t n;

		if (!osp_buf_reserve(text, READ_CHUNK))
		{
			errno = osp_buf_status(text) == OSP_EFULL ? EFBIG : ENOMEM;
			return false;
		}
		n = read(fd, text->ptr + text->len, READ_CHUNK);
		if (n == 0)
			return true;
		if (n > 0)
			text->len += (size_t) n;
		else if (errno != EINTR)
			return false;
	}
}

/* CLI_FAILED after a message. */
static int
read_saved(int fd, const char *name, osp_report *report)
{
	osp_error err = {OSP_OK, ""};
	osp_status status = OSP_OK;
	osp_buf text;
	bool whole;

	osp_buf_init(&text, &osp_allocator_default, SAVED_MAX);
	whole = read_whole(fd, &text);
	if (whole)
		status = osp_saved_points(osp_buf_str(&text), add_point, report, &err);
	else
		cli_error("cannot read '%s': %s", name, strerror(errno));
	osp_buf_term(&text);
	if (!whole)
		return CLI_FAILED;
	if (status != OSP_OK)
		return cli_error("'%s': %s", name, err.msg);
	if (osp_report_points(report) == 0)
		return cli_error("there are no points of a trace in '%s'", name);
	return CLI_OK;
}

/* CLI_FAILED after a message. */
static int
read_stored(cli_collector *collector, const char *name, osp_report *report)
{
	osp_error err = {OSP_OK, ""};
	osp_status status;

	if (cli_collector_open(collector) != CLI_OK)
		return CLI_FAILED;
	status = collector->driver->get_points(
		collector->conn, osp_str_of(name), add_point, report, &err);
	if (status != OSP_OK)
		return cli_error("cannot read the trace from %s: %s",
						 collector->shown,
						 err.msg[0] != '\0' ? err.msg
											: osp_status_text(status));
	if (osp_report_points(report) > 0)
		return CLI_OK;
	if (osp_report_malformed(report) > 0)
		return cli_error("none of the %zu points of trace '%s' in %s makes "
						 "sense",
						 osp_report_malformed(report),
						 name,
						 collector->shown);
	return cli_error("no trace '%s' in %s (what is there says 'osprofiler "
					 "trace list'; --connection-string names another "
					 "collector)",
					 name,
					 collector->shown);
}

int
cli_load_trace(cli_collector *collector, const char *name, osp_report **report)
{
	int fd = -1;
	int result;

	*report = osp_report_new(&osp_allocator_default);
	if (*report == NULL)
		return cli_error("%s", osp_status_text(OSP_ENOMEM));
	if (!is_uuid_like(name))
		fd = open(name, O_RDONLY | O_NOCTTY | O_CLOEXEC);
	if (fd >= 0)
	{
		result = read_saved(fd, name, *report);
		(void) close(fd);
	}
	else if (strchr(name, '/') != NULL)
		result = cli_error("cannot open '%s': %s", name, strerror(errno));
	else
		result = read_stored(collector, name, *report);
	if (result != CLI_OK)
	{
		osp_report_free(*report);
		*report = NULL;
	}
	return result;
}
