/* SPDX-License-Identifier: Apache-2.0
 *
 * trace_text.c
 *	  The facts about a trace that a list shows. See trace_text.h.
 */
#include "trace_text.h"

#include <ctype.h>
#include <strings.h>

#include "osprofiler/json.h"

#define TEXT_MAX 160 /* bytes of a statement in a list */

/* The first words of statements that only prepare others, or end them. */
static const char *const common_words[] = {"BEGIN",
										   "START",
										   "SET",
										   "RESET",
										   "SHOW",
										   "COMMIT",
										   "END",
										   "ROLLBACK",
										   "ABORT",
										   "RELEASE",
										   "DISCARD",
										   "SAVEPOINT",
										   "PREPARE TRANSACTION",
										   "DEALLOCATE",
										   "PRAGMA"};

/* The statements that SQLAlchemy sends when it connects for the first time. */
static const char *const common_texts[] = {"select pg_catalog.version()",
										   "select version()",
										   "select current_schema()",
										   "SELECT CAST('test "};

osp_str
osp__operation_name(osp_str name)
{
	const char *end = memrchr(name.ptr, '-', name.len);

	return end != NULL ? osp_str_n(name.ptr, (size_t) (end - name.ptr)) : name;
}

bool
osp__is_start(osp_str name)
{
	return osp_str_eq(osp_str_n(name.ptr + osp__operation_name(name).len,
								name.len - osp__operation_name(name).len),
					  OSP_STR("-start"));
}

/* Adds the text of a member of an info to buf. OSP_ENOENT: there is none. */
static osp_status
add_member(osp_buf *buf, osp_str info, const char *name)
{
	osp_status status = osp_json_member_text(buf, info, osp_str_of(name));

	return status == OSP_OK || status == OSP_ENOMEM ? status : OSP_ENOENT;
}

osp_status
osp__operation_text(osp_buf *buf, osp_str info, osp_str *text)
{
	osp_status status;

	osp_buf_reset(buf);
	status = add_member(buf, info, "db.statement");
	if (status == OSP_ENOENT)
	{
		status = add_member(buf, info, "request.method");
		if (status == OSP_OK)
			osp_buf_add_char(buf, ' ');
		if (status == OSP_OK || status == OSP_ENOENT)
			status = add_member(buf, info, "request.path");
	}
	*text = OSP_STR("");
	if (status == OSP_OK)
		*text =
			osp_str_n(buf->ptr, osp_utf8_prefix(osp_buf_str(buf), TEXT_MAX));
	return status == OSP_ENOMEM ? status : OSP_OK;
}

osp_status
osp__service_of(osp_buf *buf, const osp_notification *point, osp_str *service)
{
	static const osp_str member = {"\"application\"", 13};
	osp_status status;

	/*
	 * Few infos have this member, so the text is searched for it before it is
	 * parsed.
	 */
	*service = point->service;
	if (service->len > 0 ||
		memmem(point->info.ptr, point->info.len, member.ptr, member.len) ==
			NULL)
		return OSP_OK;
	osp_buf_reset(buf);
	status = add_member(buf, point->info, "db.application");
	if (status == OSP_OK)
		*service = osp_str_n(buf->ptr,
							 osp_utf8_prefix(osp_buf_str(buf), OSP_LABEL_MAX));
	return status == OSP_ENOMEM ? status : OSP_OK;
}

static bool
begins_with(osp_str text, const char *beginning)
{
	size_t len = strlen(beginning);

	return text.len >= len && strncasecmp(text.ptr, beginning, len) == 0;
}

/* Does the text begin with this word? */
static bool
begins_with_word(osp_str text, const char *word)
{
	size_t len = strlen(word);

	return begins_with(text, word) &&
		   (text.len == len ||
			(!isalnum((unsigned char) text.ptr[len]) && text.ptr[len] != '_'));
}

static osp_str
without(osp_str text, size_t len)
{
	return osp_str_n(text.ptr + len, text.len - len);
}

/*
 * Skips white space, semicolons and comments. A comment without an end is
 * skipped with the rest of the text.
 */
static osp_str
skip_space(osp_str text)
{
	for (;;)
	{
		const char *end;

		if (text.len > 0 &&
			(isspace((unsigned char) text.ptr[0]) || text.ptr[0] == ';'))
			text = without(text, 1);
		else if (begins_with(text, "/*"))
		{
			end = memmem(text.ptr + 2, text.len - 2, "*/", 2);
			text = without(
				text, end != NULL ? (size_t) (end + 2 - text.ptr) : text.len);
		}
		else if (begins_with(text, "--"))
		{
			end = memchr(text.ptr, '\n', text.len);
			text = without(text,
						   end != NULL ? (size_t) (end - text.ptr) : text.len);
		}
		else
			return text;
	}
}

static bool
is_common(osp_str statement)
{
	size_t i;

	for (i = 0; i < sizeof(common_words) / sizeof(common_words[0]); i++)
		if (begins_with_word(statement, common_words[i]))
			return true;
	for (i = 0; i < sizeof(common_texts) / sizeof(common_texts[0]); i++)
		if (begins_with(statement, common_texts[i]))
			return true;
	return false;
}

/* Does one of the statements of a text do more than prepare others? */
static bool
does_work(osp_str text)
{
	for (text = skip_space(text); text.len > 0; text = skip_space(text))
	{
		const char *end = memchr(text.ptr, ';', text.len);

		if (!is_common(text))
			return true;
		if (end == NULL)
			return false;
		text = without(text, (size_t) (end - text.ptr));
	}
	return false;
}

/* Is this the name of a database's operation, or of a part of one? */
static bool
is_of_database(osp_str name, bool *is_part)
{
	static const char *const kinds[] = {"db", "pg", "sqlite"};
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
	{
		size_t len = strlen(kinds[i]);

		if (name.len < len || memcmp(name.ptr, kinds[i], len) != 0 ||
			(name.len > len && name.ptr[len] != '.'))
			continue;
		*is_part = name.len > len;
		return true;
	}
	return false;
}

bool
osp__may_tell_apart(osp_str name)
{
	bool is_part = false;

	return !is_of_database(name, &is_part) || !is_part;
}

bool
osp__tells_apart(osp_str name, osp_str text)
{
	bool is_part = false;

	return !is_of_database(name, &is_part) || (!is_part && does_work(text));
}
