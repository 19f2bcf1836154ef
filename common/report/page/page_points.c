/* SPDX-License-Identifier: Apache-2.0
 *
 * page_points.c
 *	  Encodes the notifications of an operation as numbers.
 *
 * A notification is its template, a JSON text in which a number stands for each
 * value, and the values in the order of the text:
 *
 *	  0  a number, which is the value
 *	  1  a text: the value is its string
 *	  2  a number that a double cannot hold digit for digit: the string of its text
 *	  3  the timestamp: microseconds since the first one of the trace
 *
 * true, false and null stand for themselves. Members that every row has in a
 * column are left out. In "values" an operation is the count of its notifications,
 * and for each of them the string of its name, the template, and its values.
 */
#include "report/page/page_data.h"

#include "osprofiler/notification.h"

/* A double holds any number with this many digits. */
#define SAFE_DIGITS 15

typedef struct encoder
{
	osp__page *page;
	osp_buf form;   /* the template */
	osp_buf values; /* like ",1,2,3" */
	size_t count;
} encoder;

static void
put_value(encoder *e, int kind, int64_t value)
{
	osp_buf_add_char(&e->form, (char) ('0' + kind));
	osp_buf_add_char(&e->values, ',');
	osp_buf_add_i64(&e->values, value);
	e->count++;
}

/* Length of the string at the beginning of a JSON text, with its quotes. */
static size_t
string_length(osp_str text)
{
	size_t i = 1;

	while (i < text.len && text.ptr[i] != '"')
		i += text.ptr[i] == '\\' ? 2 : 1;
	return i < text.len ? i + 1 : text.len;
}

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Is the string of this length, at the beginning of a JSON text, a member's name? */
static bool
is_name(osp_str text, size_t len)
{
	while (len < text.len && is_space(text.ptr[len]))
		len++;
	return len < text.len && text.ptr[len] == ':';
}

static size_t
scalar_length(osp_str text)
{
	size_t i = 0;

	while (i < text.len && strchr(",]}:", text.ptr[i]) == NULL &&
		   !is_space(text.ptr[i]))
		i++;
	return i;
}

/* Does the number, read as a double and written by JavaScript, give the same text? */
static bool
is_safe_number(osp_str text)
{
	size_t digits = 0;
	bool point = false;
	size_t i;

	for (i = text.ptr[0] == '-'; i < text.len; i++)
	{
		if (text.ptr[i] == '.')
			point = true;
		else if (text.ptr[i] >= '0' && text.ptr[i] <= '9')
			digits++;
		else
			return false;
	}
	if (digits == 0 || digits > SAFE_DIGITS ||
		(point && text.ptr[text.len - 1] == '0'))
		return false;

	/* JavaScript writes 0.0000001 as 1e-7, and forgets the sign of -0. */
	return !(text.len > 6 &&
			 memcmp(text.ptr + (text.ptr[0] == '-'), "0.0000", 6) == 0) &&
		   !osp_str_eq(text, OSP_STR("-0"));
}

static void
put_scalar(encoder *e, osp_str text)
{
	if (text.ptr[0] == 't' || text.ptr[0] == 'f' || text.ptr[0] == 'n')
	{
		osp_buf_add_str(&e->form, text);
		return;
	}
	if (!is_safe_number(text))
	{
		put_value(
			e, 2, osp__page_string(e->page, &e->page->point_strings, text));
		return;
	}
	osp_buf_add_char(&e->form, '0');
	osp_buf_add_char(&e->values, ',');
	osp_buf_add_str(&e->values, text);
	e->count++;
}

/* Adds a JSON value, without the spaces between its parts. */
static void
put_json(encoder *e, osp_str text)
{
	while (text.len > 0)
	{
		size_t len = 1;

		if (text.ptr[0] == '"')
		{
			len = string_length(text);
			if (is_name(text, len))
				osp_buf_add(&e->form, text.ptr, len);
			else
				put_value(e,
						  1,
						  osp__page_value(e->page,
										  &e->page->point_strings,
										  osp_str_n(text.ptr, len)));
		}
		else if (strchr("{}[],:", text.ptr[0]) != NULL)
			osp_buf_add_char(&e->form, text.ptr[0]);
		else if (!is_space(text.ptr[0]))
		{
			len = scalar_length(text);
			put_scalar(e, osp_str_n(text.ptr, len));
		}
		text = osp_str_n(text.ptr + len, text.len - len);
	}
}

/* Adds the timestamp as a distance if that gives back the same text, or else as
 * text. */
static void
put_timestamp(encoder *e, osp_str value)
{
	char text[OSP_TIMESTAMP_LEN + 3] = "\"";
	int64_t first_ns = e->page->report->started_ns;
	int64_t ns;

	if (value.len == OSP_TIMESTAMP_LEN + 2 &&
		osp_timestamp_parse(osp_str_n(value.ptr + 1, OSP_TIMESTAMP_LEN), &ns) &&
		ns >= first_ns)
	{
		osp_timestamp_text(ns, text + 1);
		text[OSP_TIMESTAMP_LEN + 1] = '"';
		if (memcmp(text, value.ptr, value.len) == 0)
		{
			put_value(e, 3, osp__ns_between(first_ns, ns) / 1000);
			return;
		}
	}
	put_json(e, value);
}

/* Does a column hold the value of this member? */
static bool
is_in_column(const osp__page *page, const osp__node *node, osp_str key,
			 osp_str value)
{
	const struct
	{
		const char *key;
		osp_str value;
	} members[] = {
		{"base_id", page->report->base_id},
		{"trace_id", node->trace_id},
		{"parent_id", node->parent_id},
		{"project", node->project},
		{"service", node->service},
	};
	size_t i;

	if (osp_str_eq(key, OSP_STR("name")))
		return true;
	for (i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		if (osp_str_eq(key, osp_str_of(members[i].key)))
			return osp_str_eq(value, members[i].value);
	return false;
}

static void
put_members(encoder *e, const osp__node *node)
{
	osp__json_reader *reader = &e->page->report->reader;
	osp__json_iter iter;
	osp__json_member member;

	osp_buf_add_char(&e->form, '{');
	osp__json_iter_init(
		&iter, reader, osp__json_root(reader), osp__json_root_text(reader));
	while (osp__json_iter_next(&iter, &member))
	{
		osp_str key = osp__json_str(member.key);

		if (is_in_column(e->page, node, key, member.value_text))
			continue;
		if (e->form.len > 1)
			osp_buf_add_char(&e->form, ',');
		osp_buf_add_str(&e->form, member.key_text);
		osp_buf_add_char(&e->form, ':');
		if (osp_str_eq(key, OSP_STR("timestamp")))
			put_timestamp(e, member.value_text);
		else
			put_json(e, member.value_text);
	}
	osp_buf_add_char(&e->form, '}');
}

static void
put_point(encoder *e, const osp__node *node, const osp__point *point)
{
	osp__page *page = e->page;
	osp_buf *values = &page->values;

	osp_buf_reset(&e->form);
	osp_buf_reset(&e->values);
	e->count = 0;
	page->status = osp__json_read(&page->report->reader, point->json);
	if (page->status != OSP_OK)
		return;
	put_members(e, node);
	osp_buf_add_char(values, ',');
	osp_buf_add_i64(values,
					osp__page_inside(page, &page->point_strings, point->name));
	osp_buf_add_char(values, ',');
	osp_buf_add_i64(
		values,
		osp__page_text(page, &page->templates, osp_buf_str(&e->form), false));
	osp_buf_add_str(values, osp_buf_str(&e->values));
	page->value_count += 2 + e->count;
	if (page->status == OSP_OK)
		page->status = osp_buf_status(&e->form);
	if (page->status == OSP_OK)
		page->status = osp_buf_status(&e->values);
}

void
osp__page_points(osp__page *page, const osp__node *node)
{
	const osp__point *point;
	int64_t count = 0;
	encoder e;

	e.page = page;
	osp_buf_init(&e.form, page->report->alc, SIZE_MAX / 4);
	osp_buf_init(&e.values, page->report->alc, SIZE_MAX / 4);
	for (point = node->first; point != NULL; point = point->next)
		count++;
	if (page->value_count > 0)
		osp_buf_add_char(&page->values, ',');
	osp_buf_add_i64(&page->values, count);
	page->value_count++;
	for (point = node->first; point != NULL && page->status == OSP_OK;
		 point = point->next)
		put_point(&e, node, point);
	osp_buf_term(&e.form);
	osp_buf_term(&e.values);
}
