/* SPDX-License-Identifier: Apache-2.0
 *
 * saved.c
 *	  Reading a trace that somebody saved in a file.
 *
 * Only the structure is read here: strings, and the nesting of braces and brackets.
 * That is enough to cut notifications out of a text of any size and depth. Each
 * notification is read by the JSON reader afterwards. If that read the whole text, a
 * report of 100 MB would take a gigabyte of memory.
 */
#include "osprofiler/saved.h"

#include "json/json_plain.h"

/* The names of a report's members that hold a notification begin like this. */
#define PAYLOAD_KEY "\"meta.raw_payload."

typedef struct scanner
{
	osp_str text;
	osp_point_fn fn;
	void *ctx;
	osp_error *err;
} scanner;

static osp_status
malformed(const scanner *s, size_t at, const char *what)
{
	size_t line = 1;
	size_t i;

	for (i = 0; i < at && i < s->text.len; i++)
		line += s->text.ptr[i] == '\n';
	return osp_error_set(s->err, OSP_EPROTO, "line %zu: %s", line, what);
}

static size_t
skip_space(const scanner *s, size_t at)
{
	while (at < s->text.len && osp__json_is_space(s->text.ptr[at]))
		at++;
	return at;
}

/* The index behind the string that begins at the quote at; beyond the text if it has no
 * end. */
static size_t
skip_string(const scanner *s, size_t at)
{
	for (at++; at < s->text.len; at++)
	{
		if (s->text.ptr[at] == '\\')
			at++;
		else if (s->text.ptr[at] == '"')
			return at + 1;
	}
	return s->text.len + 1;
}

/* The index behind the object or list that begins at; beyond the text if it has no
 * end. */
static size_t
skip_nested(const scanner *s, size_t at)
{
	size_t depth = 0;

	while (at < s->text.len)
	{
		char c = s->text.ptr[at];

		if (c == '"')
		{
			at = skip_string(s, at);
			continue;
		}
		at++;
		if (c == '{' || c == '[')
			depth++;
		else if ((c == '}' || c == ']') && --depth == 0)
			return at;
	}
	return s->text.len + 1;
}

/* Does a key that begins with prefix stand at the quote at, with a colon behind it?
 * Then *value is the index of its value. */
static bool
is_key(const scanner *s, size_t at, osp_str prefix, size_t *value)
{
	size_t end = skip_string(s, at);

	if (end - at < prefix.len ||
		memcmp(s->text.ptr + at, prefix.ptr, prefix.len) != 0)
		return false;
	end = skip_space(s, end);
	if (end >= s->text.len || s->text.ptr[end] != ':')
		return false;
	*value = skip_space(s, end + 1);
	return true;
}

/* Does the object at begin..end have "children" of its own, as reports do? */
static bool
is_report(const scanner *s, size_t begin, size_t end)
{
	size_t at = begin + 1;

	while (at < end)
	{
		char c = s->text.ptr[at];
		size_t value;

		if (c == '"')
		{
			if (is_key(s, at, OSP_STR("\"children\""), &value) && value < end &&
				s->text.ptr[value] == '[')
				return true;
			at = skip_string(s, at);
		}
		else if (c == '{' || c == '[')
			at = skip_nested(s, at);
		else
			at++;
	}
	return false;
}

static osp_status
hand_over(const scanner *s, size_t begin, size_t end)
{
	return s->fn(s->ctx, osp_str_n(s->text.ptr + begin, end - begin));
}

/* Hands over the raw payloads of a report, at any depth. */
static osp_status
read_report(const scanner *s, size_t begin, size_t end)
{
	osp_status status = OSP_OK;
	size_t at = begin;

	while (at < end && status == OSP_OK)
	{
		size_t value;

		if (s->text.ptr[at] != '"')
			at++;
		else if (is_key(s, at, OSP_STR(PAYLOAD_KEY), &value) && value < end &&
				 s->text.ptr[value] == '{')
		{
			at = skip_nested(s, value);
			status = hand_over(s, value, at);
		}
		else
			at = skip_string(s, at);
	}
	return status;
}

/* Reads the object at *at, a notification or a report, and moves *at behind it. */
static osp_status
read_object(const scanner *s, size_t *at)
{
	size_t begin = *at;
	size_t end = skip_nested(s, begin);

	if (end > s->text.len)
		return malformed(s, begin, "the object that begins here has no end");
	*at = end;
	return is_report(s, begin, end) ? read_report(s, begin, end)
									: hand_over(s, begin, end);
}

osp_status
osp_saved_points(osp_str text, osp_point_fn fn, void *ctx, osp_error *err)
{
	const scanner s = {text, fn, ctx, err};
	osp_status status = OSP_OK;
	bool in_list = false;
	size_t list_at = 0;
	size_t at = 0;

	while (status == OSP_OK && (at = skip_space(&s, at)) < text.len)
	{
		char c = text.ptr[at];

		if (c == '{')
			status = read_object(&s, &at);
		else if (c == '[' && !in_list)
		{
			in_list = true;
			list_at = at++;
		}
		else if (c == ']' && in_list)
		{
			in_list = false;
			at++;
		}
		else if (c == ',' && in_list)
			at++;
		else
			return malformed(
				&s, at, "a notification or a report should begin here");
	}
	if (status == OSP_OK && in_list)
		return malformed(&s, list_at, "the list that begins here has no end");
	return status;
}
