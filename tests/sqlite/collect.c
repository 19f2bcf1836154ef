/* SPDX-License-Identifier: Apache-2.0
 *
 * collect.c
 *	  What a test traced, as a tree and as text.
 */
#include "collect.h"

#include "tap.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "osprofiler/notification.h"
#include "osprofiler/profiler.h"
#include "osprofiler/report.h"

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

void
collect_begin(void)
{
	report = osp_report_new(&osp_allocator_default);
	assert_non_null(report);
	breaches = 0;
	osp_buf_init(&lines, &osp_allocator_default, OSP_NOTIFICATION_MAX);
	osp_buf_init(&tree, &osp_allocator_default, OSP_NOTIFICATION_MAX);
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

/* Takes the name of this host out: it is said where it changes. */
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

/* Without the line that says which trace it is, and when. */
const char *
collect_tree(void)
{
	const osp_draw_options options = {.struct_size = sizeof(options)};
	size_t found = 0;
	const char *text;

	osp_buf_reset(&tree);
	if (osp_report_points(report) == 0)
		return "";
	assert_int_equal(osp_report_check(report, print_breach, NULL, &found),
					 OSP_OK);
	assert_int_equal(osp_report_draw(report, &options, &tree), OSP_OK);
	if (found + breaches > 0)
		fail_msg("%zu breaches in\n%s", found + breaches, tree.ptr);
	drop_host(tree.ptr);
	text = strchr(tree.ptr, '\n');
	return text != NULL ? text + 1 : "";
}

static const char *
text_of_lines(void)
{
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

/* The value of a member of the line that begins at p, as text in it. */
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
collect_elapsed(const char *statement)
{
	char quoted[256];
	const char *id = NULL;
	const char *p;

	(void) snprintf(quoted, sizeof(quoted), "\"statement\": \"%s\"", statement);
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
