/* SPDX-License-Identifier: Apache-2.0
 *
 * json_layout.c
 *	  Writing a JSON text that is known to be one in the bytes of json.dumps.
 *
 * The text goes through token by token; no values are made. Nearly all bytes
 * are plain characters of strings, which are copied eight at a time.
 */
#include "json_layout.h"

#include "buf_fast.h"
#include "json_escape.h"
#include "json_plain.h"
#include "utf8.h"

/* Room that a step takes without asking again. */
#define STEP_ROOM 16

static const char spaces[] = "                                ";

void
osp__json_newline(osp_buf *buf, int indent, size_t level)
{
	size_t left;

	if (indent < 0 || level > OSP__INDENT_LEVELS)
		return;
	osp__buf_lit(buf, "\n");
	for (left = (size_t) indent * level; left > sizeof(spaces) - 1;
		 left -= sizeof(spaces) - 1)
		osp__buf_put(buf, spaces, sizeof(spaces) - 1);
	osp__buf_put(buf, spaces, left);
}

static int
hex_value(char c)
{
	return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
}

/* The code of the four hex digits at p; *lower: none is an upper-case letter. */
static unsigned
read_hex4(const char *p, bool *lower)
{
	unsigned code = 0;
	int i;

	*lower = true;
	for (i = 0; i < 4; i++)
	{
		code = code << 4 | (unsigned) hex_value(p[i]);
		if (p[i] >= 'A' && p[i] <= 'F')
			*lower = false;
	}
	return code;
}

/* Length of the escape at p if json.dumps would write it so; 0 if not. */
static size_t
canonical_escape(const char *p)
{
	unsigned code;
	bool lower;

	if (p[1] == '/')
		return 0;
	if (p[1] != 'u')
		return 2;
	code = read_hex4(p + 2, &lower);
	if (!lower || (code >= 0x20 && code < 0x7f))
		return 0;
	if (code == '\b' || code == '\t' || code == '\n' || code == '\f' ||
		code == '\r')
		return 0;
	return 6;
}

/* Appends bytes that stand for themselves in UTF-8 as json.dumps escapes them. */
static void
put_escaped(osp_buf *buf, const char *bytes, size_t len)
{
	char *out = osp__buf_room(buf, len * OSP__JSON_ESCAPE_GROWTH);
	size_t taken;

	if (out != NULL)
		buf->len += osp__json_escape(
			osp_str_n(bytes, len), out, len * OSP__JSON_ESCAPE_GROWTH, &taken);
}

/* Appends the escape at p in json.dumps' form; returns where it ends. */
static const char *
put_escape(osp_buf *buf, const char *p)
{
	size_t len = canonical_escape(p);
	char utf8[3];
	unsigned code;
	bool lower;

	if (len > 0)
	{
		osp__buf_put(buf, p, len);
		return p + len;
	}
	if (p[1] == '/')
	{
		osp__buf_lit(buf, "/");
		return p + 2;
	}

	/* Half of a pair is escaped by itself, so pairs need no look at both. */
	code = read_hex4(p + 2, &lower);
	utf8[0] = (char) code;
	len = 1;
	if (code >= 0x800)
	{
		utf8[0] = (char) (0xe0 | code >> 12);
		utf8[1] = (char) (0x80 | (code >> 6 & 0x3f));
		utf8[2] = (char) (0x80 | (code & 0x3f));
		len = 3;
	}
	else if (code >= 0x80)
	{
		utf8[0] = (char) (0xc0 | code >> 6);
		utf8[1] = (char) (0x80 | (code & 0x3f));
		len = 2;
	}
	put_escaped(buf, utf8, len);
	return p + 6;
}

/* Appends the character at p that is not plain; returns where it ends. */
static const char *
put_special(osp_buf *buf, const char *p, const char *end)
{
	unsigned len;

	if (*p == '\\')
		return put_escape(buf, p);
	(void) osp__utf8_decode(p, end, &len);
	put_escaped(buf, p, len);
	return p + len;
}

/* Appends the string at p, and returns where it ends. */
static const char *
put_string(osp_buf *buf, const char *p, const char *end)
{
	osp__buf_lit(buf, "\"");
	p++;
	while (*p != '"')
	{
		char *out = osp__buf_room(buf, STEP_ROOM);

		if (out == NULL)
			return end;
		if (end - p >= 8)
		{
			unsigned plain = osp__json_count_plain(p);

			memcpy(out, p, 8);
			buf->len += plain;
			p += plain;
			if (plain > 0)
				continue;
		}
		else if (OSP__JSON_IS_PLAIN((unsigned char) *p))
		{
			*out = *p++;
			buf->len++;
			continue;
		}
		p = put_special(buf, p, end);
	}
	osp__buf_lit(buf, "\"");
	return p + 1;
}

/* Appends the number or word at p, and returns where it ends. */
static const char *
put_word(osp_buf *buf, const char *p, const char *end)
{
	const char *start = p;

	while (p < end && *p != ',' && *p != ']' && *p != '}' && *p != ' ' &&
		   *p != '\n' && *p != '\t' && *p != '\r')
		p++;
	osp__buf_put(buf, start, (size_t) (p - start));
	return p;
}

static inline bool
is_space(char c)
{
	return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

/* Appends an opening bracket, with its closing one if nothing is between. */
static const char *
put_opening(osp_buf *buf, const char *p, int indent, size_t *level)
{
	char close = *p == '{' ? '}' : ']';

	osp__buf_put(buf, p, 1);
	do
		p++;
	while (is_space(*p));
	if (*p == close)
	{
		osp__buf_put(buf, p, 1);
		return p + 1;
	}
	osp__json_newline(buf, indent, ++*level);
	return p;
}

static void
put_comma(osp_buf *buf, int indent, size_t level)
{
	osp__buf_lit(buf, ",");
	if (indent < 0)
		osp__buf_lit(buf, " ");
	else
		osp__json_newline(buf, indent, level);
}

void
osp__json_layout(osp_buf *buf, osp_str text, int indent, size_t level)
{
	const char *p = text.ptr;
	const char *end = text.ptr + text.len;

	while (p < end)
	{
		switch (*p)
		{
			case '"':
				p = put_string(buf, p, end);
				break;
			case '{':
			case '[':
				p = put_opening(buf, p, indent, &level);
				break;
			case '}':
			case ']':
				/* The bracket stands where the line of its opening began. */
				if (level-- <= OSP__INDENT_LEVELS)
					osp__json_newline(buf, indent, level);
				osp__buf_put(buf, p++, 1);
				break;
			case ',':
				put_comma(buf, indent, level);
				p++;
				break;
			case ':':
				osp__buf_lit(buf, ": ");
				p++;
				break;
			case ' ':
			case '\n':
			case '\t':
			case '\r':
				p++;
				break;
			default:
				p = put_word(buf, p, end);
				break;
		}
	}
}

/* How many of the eight bytes at p are neither a backslash nor DEL and above. */
static unsigned
count_unescaped_ascii(const char *p)
{
	uint64_t word;
	uint64_t backslash;
	uint64_t marks;

	memcpy(&word, p, sizeof(word));
	word = le64toh(word);
	backslash = word ^ OSP__EVERY_BYTE('\\');
	marks = word | (word + OSP__EVERY_BYTE(1));
	marks |= (backslash - OSP__EVERY_BYTE(1)) & ~backslash;
	marks &= OSP__EVERY_BYTE(0x80);
	return marks == 0 ? 8 : (unsigned) __builtin_ctzll(marks) / 8;
}

bool
osp__json_is_canonical(osp_str text)
{
	const char *p = text.ptr;
	const char *end = text.ptr + text.len;

	/* Outside strings there is only ASCII, and white space that may stay. */
	while (p < end)
	{
		size_t len = 1;

		if (end - p >= 8)
		{
			unsigned ascii = count_unescaped_ascii(p);

			p += ascii;
			if (ascii == 8)
				continue;
		}
		if ((unsigned char) *p >= 0x7f)
			return false;
		if (*p == '\\')
			len = canonical_escape(p);
		if (len == 0)
			return false;
		p += len;
	}
	return true;
}
