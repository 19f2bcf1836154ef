/* SPDX-License-Identifier: Apache-2.0
 *
 * collect.c
 *	  The operations that a test has traced, as a tree and as text.
 *
 * The notifications come from a notifier or, with COLLECT_RINGS in the environment,
 * from the rings of a run directory, because most records are written by other code
 * there.
 */
#include "collect.h"

#include "tap.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "notify/batch.h"
#include "osprofiler/profiler.h"
#include "osprofiler/report.h"
#include "record/producer.h"
#include "tempdir.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static osp_report *report;
static osp_buf lines; /* notifications, one a line */
static osp_buf tree;
static size_t breaches;

static void
remember(void *ctx, const char *json, size_t len)
{
	(void) ctx;
	(void) pthread_mutex_lock(&lock);
	if (osp_report_add(report, osp_str_n(json, len), NULL) != OSP_OK)
		breaches++;
	osp_buf_add(&lines, json, len);
	osp_buf_add_char(&lines, '\n');
	(void) pthread_mutex_unlock(&lock);
}

static char run_directory[] = "/tmp/osprofiler-rings-XXXXXX";
static pid_t rings_of = 0; /* the process that uses it; 0: rings are not used */

static void
remove_rings(void)
{
	if (rings_of == getpid())
		tempdir_remove_this(run_directory);
}

/* To be called before the first operation: the library reads the environment variable
 * only once. */
static void
begin_rings(void)
{
	if (rings_of != 0)
		return;
	assert_non_null(mkdtemp(run_directory));
	assert_int_equal(setenv("OSPROFILER_RUN_DIR", run_directory, 1), 0);
	rings_of = getpid();
	(void) atexit(remove_rings);
}

static void
empty_ring(osp_ring *ring)
{
	uint64_t pos = osp_ring_tail(ring);
	osp_origin origin = {.wall_offset_ns = osp_wall_offset_now()};
	char host[256] = "";
	osp_record record;
	osp_buf bytes;
	osp_buf json;

	(void) gethostname(host, sizeof(host) - 1);
	origin.host = osp_str_of(host);
	origin.project = OSP_STR("");
	origin.service = OSP_STR("");
	osp_buf_init(&bytes, &osp_allocator_default, OSP_NOTIFICATION_MAX);
	osp_buf_init(&json, &osp_allocator_default, OSP_NOTIFICATION_MAX);
	while (osp_ring_next(ring, &pos, &bytes, &record))
	{
		osp_buf_reset(&json);
		if (osp_notification_write(&json, &record, &origin) == OSP_OK)
			remember(NULL, json.ptr, json.len);
		else
			breaches++;
	}
	breaches += ring->header->corrupt > 0 ? 1 : 0;
	osp_ring_set_tail(ring, pos);
	osp_buf_term(&bytes);
	osp_buf_term(&json);
}

/* Takes all records that the rings have. */
static void
collect_rings(void)
{
	char name[OSP_RING_NAME_MAX];
	osp_ring ring;
	uint64_t n;
	int dir_fd;

	if (rings_of == 0 ||
		osp_rundir_open(run_directory, false, &dir_fd, NULL) != OSP_OK)
		return;
	for (n = 0;; n++)
	{
		osp_ring_name(name, n);
		if (osp_ring_map(&ring, dir_fd, name, NULL) != OSP_OK)
			break;
		empty_ring(&ring);
		osp_ring_unmap(&ring);
	}
	(void) close(dir_fd);
}

void
collect_begin(void)
{
	if (getenv("COLLECT_RINGS") != NULL)
		begin_rings();
	report = osp_report_new(&osp_allocator_default);
	assert_non_null(report);
	osp_buf_init(&lines, &osp_allocator_default, OSP_NOTIFICATION_MAX);
	osp_buf_init(&tree, &osp_allocator_default, OSP_NOTIFICATION_MAX);
	collect_rings();
	osp_buf_reset(&lines);
	osp_report_free(report);
	report = osp_report_new(&osp_allocator_default);
	assert_non_null(report);
	breaches = 0;
	if (rings_of == 0)
		osp_set_notifier(remember, NULL);
}

void
collect_end(void)
{
	osp_set_notifier(NULL, NULL);
	osp_report_free(report);
	report = NULL;
	osp_buf_term(&lines);
	osp_buf_term(&tree);
}

static void
print_breach(void *ctx, const char *line)
{
	(void) ctx;
	print_message("# breach: %s\n", line);
}

/* Removes the name of this host from the tree, which is drawn where the host changes. */
static void
drop_host(char *text)
{
	char host[300] = "  @";
	char *at;

	if (gethostname(host + 3, sizeof(host) - 4) != 0)
		return;
	while ((at = strstr(text, host)) != NULL)
		memmove(at, at + strlen(host), strlen(at + strlen(host)) + 1);
}

/* Removes pauses between rows from the tree: on a busy machine they are random.
 * test_waits.c checks intended pauses, in the notifications. */
static void
drop_pauses(char *text)
{
	static const char pause[] = " between its rows)";
	char *end;

	while ((end = strstr(text, pause)) != NULL)
	{
		char *at = end;

		while (at > text && *at != '(' && *at != '\n')
			at--;
		if (*at != '(' || at - text < 2)
			break;
		at -= 2;
		end += strlen(pause);
		memmove(at, end, strlen(end) + 1);
	}
}

/* Returns the tree without its first line, which has the trace and its time. */
const char *
collect_tree(void)
{
	const osp_draw_options options = {.struct_size = sizeof(options),
									  .all = true};
	size_t found = 0;
	const char *text;

	collect_rings();
	osp_buf_reset(&tree);
	if (osp_report_points(report) == 0)
		return "";
	assert_int_equal(osp_report_check(report, print_breach, NULL, &found),
					 OSP_OK);
	assert_int_equal(osp_report_draw(report, &options, &tree), OSP_OK);
	if (found + breaches > 0)
		fail_msg("%zu breaches in\n%s", found + breaches, tree.ptr);
	drop_host(tree.ptr);
	drop_pauses(tree.ptr);
	text = strchr(tree.ptr, '\n');
	return text != NULL ? text + 1 : "";
}

static const char *
text_of_lines(void)
{
	collect_rings();
	return lines.ptr != NULL ? lines.ptr : "";
}

size_t
collect_count(const char *name)
{
	char start[64];
	const char *p = text_of_lines();
	size_t count = 0;

	(void) snprintf(start, sizeof(start), "{\"name\": \"%s\"", name);
	while ((p = strstr(p, start)) != NULL)
	{
		p += strlen(start);
		count++;
	}
	return count;
}

bool
collect_has(const char *text)
{
	return strstr(text_of_lines(), text) != NULL;
}

double
collect_number(const char *text)
{
	const char *at = text_of_lines();
	double found = -1;

	while ((at = strstr(at, text)) != NULL)
	{
		at += strlen(text);
		found = strtod(at, NULL);
	}
	return found;
}

/* The value of a member in the line that begins at p; it is not copied. */
static const char *
member(const char *p, const char *key)
{
	const char *end = strchr(p, '\n');
	const char *at = strstr(p, key);

	return at != NULL && (end == NULL || at < end) ? at + strlen(key) : NULL;
}

static const char *
next_line(const char *p)
{
	p = strchr(p, '\n');
	return p != NULL && p[1] != '\0' ? p + 1 : NULL;
}

int64_t
collect_elapsed(const char *key, const char *value)
{
	char quoted[256];
	const char *id = NULL;
	const char *p;

	(void) snprintf(quoted, sizeof(quoted), "\"%s\": \"%s\"", key, value);
	for (p = text_of_lines(); p != NULL && *p != '\0'; p = next_line(p))
	{
		const char *its_id = member(p, "\"trace_id\": \"");
		const char *elapsed = member(p, "\"elapsed_ns\": ");

		if (its_id != NULL && member(p, quoted) != NULL)
			id = its_id;
		else if (id != NULL && its_id != NULL && elapsed != NULL &&
				 strncmp(id, its_id, OSP_UUID_TEXT_LEN) == 0)
			return strtoll(elapsed, NULL, 10);
	}
	return -1;
}
