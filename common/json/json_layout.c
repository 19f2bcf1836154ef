/* SPDX-License-Identifier: Apache-2.0
 *
 * json_layout.c
 *	  Writing a valid JSON text again, in the bytes of json.dumps.
 *
 * The text goes through token by token; no values are made. Nearly all bytes
 * are plain characters of strings, which are copied in blocks.
 */
#include "json/json_layout.h"

#include "base/buf_fast.h"
#include "base/utf8.h"
#include "json/json_escape.h"
#include "json/json_plain.h"

/* Room that one step may fill without asking again: a block and punctuation. */
#define STEP_ROOM 64

/* Where the next byte goes. The buffer's length is set only at the end. */
typedef struct cursor
{
	osp_buf *buf;
	char *out;
	char *limit;
} cursor;

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

static void
leave_cursor(cursor *c)
{
	if (c->out != NULL)
		c->buf->len = (size_t) (c->out - c->buf->ptr);
}

/* Reserves room bytes. False: there is no room, now or later. */
static bool
enter_cursor(cursor *c, size_t room)
{
	c->out = osp__buf_room(c->buf, room);
	if (c->out == NULL)
		return false;
	c->limit = c->buf->ptr + c->buf->cap - 1;
	return true;
}

static inline bool
need_room(cursor *c, size_t room)
{
	if (OSP_LIKELY((size_t) (c->limit - c->out) >= room))
		return true;
	leave_cursor(c);
	return enter_cursor(c, room);
}

/* Length of the escape at p if json.dumps would write the same; 0 if not. */
static size_t
canonical_escape(const char *p)
{
	int code;
	int i;

	if (p[1] == '/')
		return 0;
	if (p[1] != 'u')
		return 2;
	for (i = 2; i < 6; i++)
	{
		if (p[i] >= 'A' && p[i] <= 'F')
			return 0;
	}
	code = osp__json_hex4(p + 2);
	if (code >= 0x20 && code < 0x7f)
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

/* Appends the escape at p in json.dumps' form; returns its end. */
static const char *
put_escape(osp_buf *buf, const char *p)
{
	size_t len = canonical_escape(p);
	char utf8[3];
	int code;

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

	/* Each half of a surrogate pair is escaped separately, so the other half need not
	 * be read. */
	code = osp__json_hex4(p + 2);
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

/* Appends the character at p, which needs an escape; returns its end. */
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

/* Copies like copy_plain, but byte by byte, near the end of the text. */
static const char *
copy_plain_bytes(cursor *c, const char *p)
{
	while (OSP__JSON_IS_PLAIN((unsigned char) *p))
	{
		*c->out++ = *p++;
		if (!need_room(c, STEP_ROOM))
			return NULL;
	}
	return p;
}

/*
 * Copies the plain characters at p, and returns the first that is not plain;
 * NULL: no room. The caller has STEP_ROOM bytes reserved; afterwards there is
 * room for STEP_ROOM less a block.
 */
static inline const char *
copy_plain(cursor *c, const char *p, const char *end)
{
	while (OSP_LIKELY(end - p >= OSP__PLAIN_BLOCK))
	{
		unsigned plain = osp__json_copy_plain(c->out, p);

		c->out += plain;
		p += plain;
		if (plain < OSP__PLAIN_BLOCK)
			return p;
		if (!need_room(c, STEP_ROOM))
			return NULL;
	}
	return copy_plain_bytes(c, p);
}

/* Skips white space. The text is valid, so something follows it. */
static inline const char *
skip_space(const char *p)
{
	while (osp__json_is_space(*p))
		p++;
	return p;
}

/*
 * Appends the string at p, with the colon behind it if it is a key. Returns the
 * end of what was read; NULL: no room.
 */
static const char *
put_string(cursor *c, const char *p, const char *end)
{
	*c->out++ = '"';
	p++;
	while ((p = copy_plain(c, p, end)) != NULL && *p != '"')
	{
		leave_cursor(c);
		p = put_special(c->buf, p, end);
		if (!enter_cursor(c, STEP_ROOM))
			return NULL;
	}
	if (p == NULL)
		return NULL;
	*c->out++ = '"';
	if (++p < end && *p == ':')
	{
		*c->out++ = ':';
		*c->out++ = ' ';
		p = skip_space(p + 1);
	}
	return p;
}

/* Appends the number or word at p, and returns its end; NULL: no room. */
static const char *
put_word(cursor *c, const char *p, const char *end)
{
	while (p < end && *p != ',' && *p != ']' && *p != '}' &&
		   !osp__json_is_space(*p))
	{
		if (!need_room(c, STEP_ROOM))
			return NULL;
		*c->out++ = *p++;
	}
	return p;
}

/* Breaks the line before a value at this level; false: no room. */
static inline bool
put_newline(cursor *c, int indent, size_t level)
{
	size_t columns = (size_t) indent * level;

	if (indent < 0 || level > OSP__INDENT_LEVELS)
		return true;
	if (!need_room(c, columns + STEP_ROOM))
		return false;
	*c->out++ = '\n';

	/* Mostly a copy of constant length suffices, which is a few stores; what is too
	 * much is overwritten. */
	if (columns <= sizeof(spaces) - 1)
		memcpy(c->out, spaces, sizeof(spaces) - 1);
	else
		memset(c->out, ' ', columns);
	c->out += columns;
	return true;
}

/* Appends an opening bracket, and its closing bracket if nothing is between. */
static const char *
put_opening(cursor *c, const char *p, int indent, size_t *level)
{
	char close = *p == '{' ? '}' : ']';

	*c->out++ = *p;
	p = skip_space(p + 1);
	if (*p == close)
	{
		*c->out++ = close;
		return p + 1;
	}
	return put_newline(c, indent, ++*level) ? p : NULL;
}

/* Appends the token at p, and returns its end; NULL: no room. */
static inline const char *
put_token(cursor *c, const char *p, const char *end, int indent, size_t *level)
{
	switch (*p)
	{
		case '"':
			return put_string(c, p, end);
		case '{':
		case '[':
			return put_opening(c, p, indent, level);
		case '}':
		case ']':
			/* A closing bracket has the indentation of the line with its opening
			 * bracket. */
			if (--*level < OSP__INDENT_LEVELS &&
				!put_newline(c, indent, *level))
				return NULL;
			*c->out++ = *p;
			return p + 1;
		case ',':
			*c->out++ = ',';
			if (indent < 0)
				*c->out++ = ' ';
			return put_newline(c, indent, *level) ? skip_space(p + 1) : NULL;
		case ':': /* only a colon with white space before it comes here */
			*c->out++ = ':';
			*c->out++ = ' ';
			return skip_space(p + 1);
		case ' ':
		case '\n':
		case '\t':
		case '\r':
			return p + 1;
		default:
			return put_word(c, p, end);
	}
}

void
osp__json_layout(osp_buf *buf, osp_str text, int indent, size_t level)
{
	const char *p = text.ptr;
	const char *end = text.ptr + text.len;
	cursor c;

	c.buf = buf;
	if (!enter_cursor(&c, STEP_ROOM))
		return;
	while (p != NULL && p < end && need_room(&c, STEP_ROOM))
		p = put_token(&c, p, end, indent, &level);
	leave_cursor(&c);
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

		if (end - p >= OSP__PLAIN_BLOCK)
		{
			unsigned plain = osp__json_count_unescaped(p);

			p += plain;
			if (plain == OSP__PLAIN_BLOCK)
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
