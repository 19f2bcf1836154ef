/* SPDX-License-Identifier: Apache-2.0
 *
 * run_history.c
 *	  The last runs of this user's `osprofiler run` on this host.
 *
 * The file has a line for each run, the last one first: when it ended in ns
 * since 1970, the id of its trace or "-", its collector, and a reason, with
 * tabs between them. A line that cannot be read is skipped.
 */
#include "noted/run_history.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "noted/note_file.h"
#include "osprofiler/driver.h"
#include "relative_path.h"

#define HISTORY_FILE "runs"
#define WHY_MAX      1024
#define LINE_MAX     (WHY_MAX + CLI_RUN_COLLECTOR_MAX + 128)
#define FILE_MAX     ((size_t) (CLI_RUNS_MAX + 4) * LINE_MAX)

void
cli_run_collector_name(const char *connection_string,
					   char out[CLI_RUN_COLLECTOR_MAX])
{
	char absolute[CLI_CONNECTION_STRING_MAX];

	osp_connection_string_redact(
		osp_str_of(cli_make_absolute(connection_string, absolute)
					   ? absolute
					   : connection_string),
		out,
		CLI_RUN_COLLECTOR_MAX);
}

/* Appends a text on one line, without tabs, cut to max bytes. */
static void
add_field(osp_buf *line, const char *text, size_t max)
{
	for (; *text != '\0' && max > 0; text++, max--)
		osp_buf_add_char(line, (unsigned char) *text < ' ' ? ' ' : *text);
}

/* The first count lines of a text. */
static osp_str
first_lines(osp_str text, size_t count)
{
	size_t len = 0;

	while (len < text.len && count > 0)
		count -= text.ptr[len++] == '\n';
	return osp_str_n(text.ptr, len);
}

void
cli_run_history_add(const osp_config *config, const char *connection_string,
					const char *base_id, const char *why)
{
	int fd = cli_note_open(config, HISTORY_FILE, true);
	char collector[CLI_RUN_COLLECTOR_MAX];
	struct timespec now;
	osp_buf old;
	osp_buf text;

	if (fd < 0)
		return;
	(void) clock_gettime(CLOCK_REALTIME, &now);
	cli_run_collector_name(connection_string, collector);
	osp_buf_init(&old, &osp_allocator_default, FILE_MAX);
	osp_buf_init(&text, &osp_allocator_default, FILE_MAX + LINE_MAX);
	osp_buf_addf(&text,
				 "%lld%09ld\t%s\t",
				 (long long) now.tv_sec,
				 now.tv_nsec,
				 base_id != NULL ? base_id : "-");
	add_field(&text, collector, sizeof(collector));
	osp_buf_add_char(&text, '\t');
	add_field(&text, why, WHY_MAX);
	osp_buf_add_char(&text, '\n');
	if (cli_note_read(fd, &old))
		osp_buf_add_str(&text,
						first_lines(osp_buf_str(&old), CLI_RUNS_MAX - 1));
	if (osp_buf_status(&text) == OSP_OK)
		cli_note_replace(fd, osp_buf_str(&text));
	osp_buf_term(&text);
	osp_buf_term(&old);
	(void) close(fd);
}

/*
 * Splits rest at its first separator: *field becomes the text before the
 * separator, and *rest the text behind it. False: there is no separator.
 */
static bool
take_field(osp_str *rest, char separator, osp_str *field)
{
	const char *end =
		rest->len > 0 ? memchr(rest->ptr, separator, rest->len) : NULL;

	if (end == NULL)
		return false;
	*field = osp_str_n(rest->ptr, (size_t) (end - rest->ptr));
	*rest = osp_str_n(end + 1, rest->len - field->len - 1);
	return true;
}

static bool
read_run(osp_str line, cli_noted_run *run)
{
	osp_str ended;

	if (!take_field(&line, '\t', &ended) ||
		!take_field(&line, '\t', &run->base_id) ||
		!take_field(&line, '\t', &run->collector))
		return false;
	run->why = line;
	run->ended_ns = strtoll(ended.ptr, NULL, 10);
	if (osp_str_eq(run->base_id, OSP_STR("-")))
		run->base_id = OSP_STR("");
	else if (run->base_id.len != OSP_UUID_TEXT_LEN)
		return false;
	return run->ended_ns > 0;
}

void
cli_run_history_read(const osp_config *config, cli_run_history *history)
{
	int fd = cli_note_open(config, HISTORY_FILE, false);
	osp_str rest = OSP_STR("");
	osp_str line;

	history->count = 0;
	osp_buf_init(&history->text, &osp_allocator_default, FILE_MAX);
	if (fd < 0)
		return;
	if (cli_note_read(fd, &history->text))
		rest = osp_buf_str(&history->text);
	(void) close(fd);
	while (history->count < CLI_RUNS_MAX && take_field(&rest, '\n', &line))
		if (read_run(line, &history->runs[history->count]))
			history->count++;
}

void
cli_run_history_term(cli_run_history *history)
{
	osp_buf_term(&history->text);
}
