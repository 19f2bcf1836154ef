/* SPDX-License-Identifier: Apache-2.0
 *
 * report_describe.c
 *	  Describes an operation in words.
 */
#include "report/report_describe.h"

#include <stdio.h>
#include <strings.h>

#include "osprofiler/notification.h"

/*
 * The members of a start's info, or of its db, that describe the operation. The first
 * one that exists is used.
 */
static const char *const detail_paths[][2] = {
	{"db", "statement"},
	{"function", "name"},
	{"trigger", "name"},
	{"checkpoint", "mode"},
	{"node", "name"},
	{"worker", "name"},
	{"lock", "name"},
	{"wait", "name"},
	{"statement", NULL},
	{"function", NULL},
	{"trigger", NULL},
	{"node", NULL},
	{"wait", NULL},
	{"name", NULL},
};

const char *
osp__state_name(osp__state state)
{
	static const char *const names[] = {
		[OSP__ENDED] = "ended",
		[OSP__INTERRUPTED] = "interrupted",
		[OSP__START_LOST] = "start lost",
		[OSP__END_LOST] = "end lost",
		[OSP__RUNNING] = "running",
		[OSP__UNFINISHED] = "unfinished",
	};

	return names[state];
}

void
osp__description_init(osp__description *what, const osp_allocator *alc)
{
	memset(what, 0, sizeof(*what));
	osp_buf_init(&what->detail, alc, OSP_NOTIFICATION_MAX);
	osp_buf_init(&what->error, alc, OSP_NOTIFICATION_MAX);
	osp_buf_init(&what->notes, alc, OSP_NOTIFICATION_MAX);
}

void
osp__description_term(osp__description *what)
{
	osp_buf_term(&what->detail);
	osp_buf_term(&what->error);
	osp_buf_term(&what->notes);
}

/* Describes a request as "GET /path?query", from the info of upstream's middleware. */
static bool
describe_request(yyjson_val *request, osp_buf *detail)
{
	osp_str method = osp__json_str(yyjson_obj_get(request, "method"));
	osp_str path = osp__json_str(yyjson_obj_get(request, "path"));
	osp_str query = osp__json_str(yyjson_obj_get(request, "query"));

	if (path.len == 0)
		return false;
	osp_buf_add_str(detail, method);
	if (method.len > 0)
		osp_buf_add_char(detail, ' ');
	osp_buf_add_str(detail, path);
	if (query.len > 0)
	{
		osp_buf_add_char(detail, '?');
		osp_buf_add_str(detail, query);
	}
	return true;
}

static void
describe_start(yyjson_val *info, osp__description *what)
{
	yyjson_val *db = yyjson_obj_get(info, "db");
	size_t i;

	if (describe_request(yyjson_obj_get(info, "request"), &what->detail))
		return;

	/* A client's call that does not execute a statement has a text such as "prepare:
	 * SELECT 1". */
	osp_buf_add_str(&what->detail,
					osp__json_str(yyjson_obj_get(db, "operation")));
	for (i = 0; i < sizeof(detail_paths) / sizeof(detail_paths[0]); i++)
	{
		yyjson_val *value = yyjson_obj_get(info, detail_paths[i][0]);

		if (value == NULL)
			value = yyjson_obj_get(db, detail_paths[i][0]);
		if (detail_paths[i][1] != NULL)
			value = yyjson_obj_get(value, detail_paths[i][1]);
		if (yyjson_is_str(value))
		{
			if (what->detail.len > 0)
				osp_buf_add_str(&what->detail, OSP_STR(": "));
			osp_buf_add_str(&what->detail, osp__json_str(value));
			what->statement = i == 0;
			break;
		}
	}
	osp__remark_start(db, what);
	what->cut = yyjson_obj_get(db, "statement_length") != NULL;
}

/* Does a command that begins with this word return a number of rows, even 0? */
static bool
counts_rows(osp_str text)
{
	static const char *const words[] = {"SELECT",
										"INSERT",
										"UPDATE",
										"DELETE",
										"MERGE",
										"FETCH",
										"MOVE",
										"COPY",
										"WITH",
										"VALUES",
										"TABLE"};
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
	{
		size_t len = strlen(words[i]);

		if (text.len >= len && strncasecmp(text.ptr, words[i], len) == 0 &&
			(text.len == len || text.ptr[len] == ' ' || text.ptr[len] == '\n' ||
			 text.ptr[len] == '\t'))
			return true;
	}
	return false;
}

static void
describe_rows(yyjson_val *info, osp__description *what)
{
	yyjson_val *db = yyjson_obj_get(info, "db");
	osp_str command = osp__json_str(yyjson_obj_get(db, "command"));
	yyjson_val *node = yyjson_obj_get(db, "node");

	if (!osp__json_i64(yyjson_obj_get(db, "rows"), &what->rows) &&
		!osp__json_i64(yyjson_obj_get(info, "rows"), &what->rows) &&
		!(what->untimed &&
		  osp__json_i64(yyjson_obj_get(node, "rows"), &what->rows)))
		what->rows = -1;
	what->command = command.len > 0;
	what->command_counts = counts_rows(command);
}

/*
 * Forgets the number of rows where it means nothing: 0 rows of a BEGIN or a SET, or
 * rows of a statement that failed and was undone.
 */
static void
drop_meaningless_rows(osp__description *what)
{
	bool counts = true;

	if (what->command)
		counts = what->command_counts;
	else if (what->statement)
		counts = counts_rows(osp_buf_str(&what->detail));
	if ((what->rows == 0 && !counts) || what->error.len > 0 ||
		what->state == OSP__INTERRUPTED)
		what->rows = -1;
}

/* Describes how a client treated a statement that did not fail. */
static void
describe_outcome(yyjson_val *info, osp__description *what)
{
	osp_str outcome =
		osp__json_str(yyjson_obj_get(yyjson_obj_get(info, "db"), "outcome"));

	if (what->state != OSP__ENDED)
		return;
	if (osp_str_eq(outcome, OSP_STR("interrupted")) ||
		yyjson_is_true(yyjson_obj_get(info, "interrupted")) ||
		yyjson_is_true(yyjson_obj_get(
			yyjson_obj_get(yyjson_obj_get(info, "db"), "node"), "interrupted")))
		what->state = OSP__INTERRUPTED;
	else if (osp_str_eq(outcome, OSP_STR("discarded")))
		what->unread = "discarded";
	else if (osp_str_eq(outcome, OSP_STR("not executed")))
		what->unread = "not executed";
}

/* Notes that the operation's time is only a bound, if its tracer did not learn of the
 * end. */
static void
describe_bound(yyjson_val *info, osp__description *what)
{
	osp_str bound = osp__json_str(yyjson_obj_get(info, "elapsed_is"));

	if (osp_str_eq(bound, OSP_STR("at least")))
		what->bound = "or longer";
	else if (osp_str_eq(bound, OSP_STR("at most")))
		what->bound = "or shorter";
}

/* Adds DETAIL, HINT and CONTEXT of a PostgreSQL error. */
static void
describe_notes(yyjson_val *info, osp__description *what)
{
	static const char *const names[][2] = {
		{"detail", "DETAIL"}, {"hint", "HINT"}, {"context", "CONTEXT"}};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
	{
		osp_str text = osp__json_str(yyjson_obj_get(info, names[i][0]));

		if (text.len == 0)
			continue;
		osp_buf_addf(&what->notes, "%s: ", names[i][1]);
		for (; text.len > 0; text.ptr++, text.len--)
			osp_buf_add_char(&what->notes, *text.ptr != '\n' ? *text.ptr : ' ');
		osp_buf_add_char(&what->notes, '\n');
	}
}

/* Does text end in a character that separates it from what follows? */
static bool
ends_in_mark(const osp_buf *text)
{
	static const char marks[] = {'.', ',', ':', ';', '!', '?'};

	return text->len > 0 &&
		   memchr(marks, text->ptr[text->len - 1], sizeof(marks)) != NULL;
}

static bool
begins_with_space(osp_str text)
{
	static const char spaces[] = {' ', '\t', '\r', '\n'};

	return text.len > 0 && memchr(spaces, text.ptr[0], sizeof(spaces)) != NULL;
}

/* Appends a message of several lines as one line. A line that begins in lower case
 * continues the one before; other lines are divided by a semicolon. */
static void
add_lines(osp_buf *out, osp_str text)
{
	while (text.len > 0)
	{
		const char *end = memchr(text.ptr, '\n', text.len);
		size_t len = end != NULL ? (size_t) (end - text.ptr) : text.len;

		osp_buf_add_str(out, osp_str_n(text.ptr, len));
		text = osp_str_n(text.ptr + len, text.len - len);
		while (begins_with_space(text))
			text = osp_str_n(text.ptr + 1, text.len - 1);
		if (text.len == 0)
			return;
		if (!ends_in_mark(out) && !(text.ptr[0] >= 'a' && text.ptr[0] <= 'z'))
			osp_buf_add_char(out, ';');
		osp_buf_add_char(out, ' ');
	}
}

static void
describe_stop(yyjson_val *info, osp__description *what)
{
	osp_str etype = osp__json_str(yyjson_obj_get(info, "etype"));
	osp_str message = osp__json_str(yyjson_obj_get(info, "message"));
	yyjson_val *node = yyjson_obj_get(yyjson_obj_get(info, "db"), "node");

	if (!osp__json_i64(yyjson_obj_get(info, "truncated"), &what->truncated))
		what->truncated = 0;
	what->untimed = node != NULL && yyjson_obj_get(node, "total_ms") == NULL;
	osp__remark_stop(info, what);
	describe_rows(info, what);
	describe_outcome(info, what);
	describe_bound(info, what);
	osp_buf_add_str(&what->error, etype);
	if (etype.len > 0 && message.len > 0)
		osp_buf_add_str(&what->error, OSP_STR(": "));
	if (etype.len > 0)
		add_lines(&what->error, message);
	if (etype.len > 0)
		describe_notes(info, what);
}

/* The last two parts of a path: the directory's name and the file's. */
static osp_str
path_end(osp_str path)
{
	size_t at = path.len;
	int slashes = 0;

	while (at > 0 && (slashes += path.ptr[at - 1] == '/') < 2)
		at--;
	return osp_str_n(path.ptr + at, path.len - at);
}

/* Describes the process and the file of an operation of SQLite, but not inside another
 * such operation, which has the same. */
static void
describe_place(const osp_report *report, const osp__node *node, yyjson_val *db,
			   osp__description *what)
{
	osp_str file = path_end(osp__json_str(yyjson_obj_get(db, "name")));
	int64_t pid;
	size_t len = 0;

	if (!osp_str_eq(node->name, OSP_STR("sqlite")) ||
		(node->parent != NULL &&
		 osp_str_eq(osp__node_tracer(node->parent), OSP_STR("sqlite"))))
		return;
	if (report->sqlite_processes &&
		osp__json_i64(yyjson_obj_get(db, "pid"), &pid))
		len = (size_t) snprintf(
			what->place, sizeof(what->place), "pid %lld", (long long) pid);
	if (!report->sqlite_files || file.len == 0)
		return;
	if (len > 0)
		len += (size_t) snprintf(
			what->place + len, sizeof(what->place) - len, ", ");
	(void) snprintf(what->place + len,
					sizeof(what->place) - len,
					"%.*s",
					(int) osp_utf8_prefix(file, sizeof(what->place) - len - 1),
					file.ptr);
}

/* Describes the session of a statement that only the server has recorded: nothing above
 * it in the trace says whose it was. */
static void
describe_session(const osp__node *node, yyjson_val *db, osp__description *what)
{
	static const char *const parts[][2] = {{"namespace", "database"},
										   {"user", "user"},
										   {"application", "program"}};
	size_t len = 0;
	size_t i;

	if (node->parent != NULL ||
		!osp_str_eq(osp__node_tracer(node), OSP_STR("pg")))
		return;
	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
	{
		osp_str value = osp__json_str(yyjson_obj_get(db, parts[i][0]));

		if (value.len == 0 || len + value.len + 32 > sizeof(what->session))
			continue;
		len += (size_t) snprintf(what->session + len,
								 sizeof(what->session) - len,
								 "%s%s %.*s",
								 len > 0 ? ", " : "",
								 parts[i][1],
								 (int) value.len,
								 value.ptr);
	}
}

static void
reset(osp__description *what)
{
	osp_buf_reset(&what->detail);
	osp_buf_reset(&what->error);
	osp_buf_reset(&what->notes);
	what->unread = NULL;
	what->bound = NULL;
	what->rows = -1;
	what->truncated = 0;
	what->cut = false;
	what->remark[0] = '\0';
	what->place[0] = '\0';
	what->session[0] = '\0';
	what->plan_rows = 0;
	what->workers = 0;
	what->untimed = false;
	what->statement = false;
	what->command = false;
}

osp_status
osp__report_describe(osp_report *report, const osp__node *node,
					 osp__description *what)
{
	const osp__point *point;
	osp_status status = OSP_OK;

	reset(what);
	what->state = osp__report_state(report, node);
	for (point = node->first; point != NULL && status == OSP_OK;
		 point = point->next)
	{
		yyjson_val *info;

		status = osp__json_read(&report->reader, point->json);
		if (status != OSP_OK)
			break;
		info = yyjson_obj_get(osp__json_root(&report->reader), "info");
		if (point->stop)
			describe_stop(info, what);
		else if (what->detail.len == 0)
		{
			describe_start(info, what);
			describe_place(report, node, yyjson_obj_get(info, "db"), what);
			describe_session(node, yyjson_obj_get(info, "db"), what);
		}
	}
	drop_meaningless_rows(what);
	if (status == OSP_OK)
		status = osp_buf_status(&what->detail);
	if (status == OSP_OK)
		status = osp_buf_status(&what->error);
	if (status == OSP_OK)
		status = osp_buf_status(&what->notes);
	return status;
}
