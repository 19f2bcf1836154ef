/* SPDX-License-Identifier: Apache-2.0
 *
 * terminal_text.c
 *	  Makes text from outside safe for a terminal.
 *
 * The widths of characters are listed for the ranges that matter: terminals do not
 * agree about the rest, and wcwidth() depends on the locale.
 */
#include "report/terminal_text.h"

#include "base/utf8.h"

typedef struct range
{
	uint32_t first;
	uint32_t last;
} range;

/* White space that becomes a single space. Sorted, like all lists below. */
static const range spaces[] = {
	{0x09, 0x0d}, {0x20, 0x20}, {0x85, 0x85}, {0x2028, 0x2029}};

/* Characters that are escaped: controls, those that change the direction of
 * text or are invisible, and those that are not text. */
static const range escaped[] = {{0x00, 0x1f},
								{0x7f, 0x9f},
								{0xad, 0xad},
								{0x61c, 0x61c},
								{0x180e, 0x180e},
								{0x200b, 0x200f},
								{0x202a, 0x202e},
								{0x2060, 0x206f},
								{0xd800, 0xdfff},
								{0xfeff, 0xfeff},
								{0xfff0, 0xfffb},
								{0xe0000, 0xe0fff}};

/* White space that is written unchanged. */
static const range blanks[] = {{0xa0, 0xa0},
							   {0x34f, 0x34f},
							   {0x115f, 0x1160},
							   {0x1680, 0x1680},
							   {0x17b4, 0x17b5},
							   {0x2000, 0x200a},
							   {0x202f, 0x202f},
							   {0x205f, 0x205f},
							   {0x2800, 0x2800},
							   {0x3000, 0x3000},
							   {0x3164, 0x3164},
							   {0xfe00, 0xfe0f},
							   {0xffa0, 0xffa0},
							   {0xfffe, 0xffff}};

/* Marks that are drawn over the character before them. */
static const range combining[] = {
	{0x300, 0x36f},   {0x483, 0x489},   {0x591, 0x5bd},   {0x5bf, 0x5c7},
	{0x610, 0x61a},   {0x64b, 0x65f},   {0x670, 0x670},   {0x6d6, 0x6dc},
	{0x900, 0x902},   {0x93c, 0x93c},   {0x941, 0x948},   {0x94d, 0x94d},
	{0xe31, 0xe31},   {0xe34, 0xe3a},   {0xe47, 0xe4e},   {0x1ab0, 0x1aff},
	{0x1dc0, 0x1dff}, {0x20d0, 0x20ff}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f}};

/* East Asian characters and pictures, which are two columns wide. */
static const range wide[] = {
	{0x1100, 0x115f},   {0x231a, 0x231b},   {0x2329, 0x232a},
	{0x23e9, 0x23ec},   {0x2614, 0x2615},   {0x26a1, 0x26a1},
	{0x2705, 0x2705},   {0x274c, 0x274c},   {0x2753, 0x2755},
	{0x2757, 0x2757},   {0x2795, 0x2797},   {0x2b50, 0x2b50},
	{0x2e80, 0x303e},   {0x3041, 0x33ff},   {0x3400, 0x4dbf},
	{0x4e00, 0x9fff},   {0xa000, 0xa4cf},   {0xa960, 0xa97f},
	{0xac00, 0xd7a3},   {0xf900, 0xfaff},   {0xfe30, 0xfe6f},
	{0xff00, 0xff60},   {0xffe0, 0xffe6},   {0x1f300, 0x1f64f},
	{0x1f680, 0x1f6ff}, {0x1f900, 0x1f9ff}, {0x1fa70, 0x1faff},
	{0x20000, 0x3fffd}};

#define IN_RANGES(code, ranges) \
	in_ranges((code), (ranges), sizeof(ranges) / sizeof((ranges)[0]))

static bool
in_ranges(uint32_t code, const range *ranges, size_t count)
{
	size_t low = 0;
	size_t high = count;

	while (low < high)
	{
		size_t middle = low + (high - low) / 2;

		if (code > ranges[middle].last)
			low = middle + 1;
		else
			high = middle;
	}
	return low < count && code >= ranges[low].first;
}

bool
osp__is_unseen(uint32_t code)
{
	return IN_RANGES(code, spaces) || IN_RANGES(code, escaped) ||
		   IN_RANGES(code, blanks);
}

/* The text that is being written, and the last place where it can be cut. */
typedef struct shown
{
	osp_buf *buf;
	size_t columns;
	size_t max_columns;
	size_t ellipsis; /* its columns */
	size_t cut_len;  /* length of buf that leaves room for the ellipsis */
	size_t cut_columns;
	bool can_cut;
} shown;

static void
note_cut(shown *s)
{
	if (s->columns + s->ellipsis > s->max_columns)
		return;
	s->cut_len = s->buf->len;
	s->cut_columns = s->columns;
	s->can_cut = true;
}

static void
add_escape(shown *s, uint32_t code, unsigned digits, char letter)
{
	osp_buf_addf(s->buf, "\\%c%0*x", letter, (int) digits, (unsigned) code);
	s->columns += 2 + digits;
}

static void
add_character(shown *s, const char *bytes, unsigned len, uint32_t code,
			  bool unicode)
{
	if (code == OSP__UTF8_INVALID)
	{
		unsigned i;

		for (i = 0; i < len; i++)
			add_escape(s, (unsigned char) bytes[i], 2, 'x');
	}
	else if (code >= 0x20 && code < 0x7f)
	{
		osp_buf_add(s->buf, bytes, len);
		s->columns++;
	}
	else if (!unicode || IN_RANGES(code, escaped))
	{
		if (code < 0xa0)
			add_escape(s, code, 2, 'x');
		else if (code <= 0xffff)
			add_escape(s, code, 4, 'u');
		else
			add_escape(s, code, 8, 'U');
	}
	else
	{
		osp_buf_add(s->buf, bytes, len);
		if (!IN_RANGES(code, combining))
			s->columns += IN_RANGES(code, wide) ? 2 : 1;
	}
}

size_t
osp__terminal_text(osp_buf *buf, osp_str text, bool unicode, size_t max_columns)
{
	const char *p = text.ptr;
	const char *end = text.ptr + text.len;
	size_t start = buf->len;
	bool space = false;
	shown s;

	memset(&s, 0, sizeof(s));
	s.buf = buf;
	s.max_columns = max_columns > 0 ? max_columns : SIZE_MAX / 2;
	s.ellipsis = unicode ? 1 : 3;
	s.cut_len = start;
	note_cut(&s);
	while (p < end && s.columns <= s.max_columns)
	{
		unsigned len;
		uint32_t code = osp__utf8_decode(p, end, &len);

		if (IN_RANGES(code, spaces))
			space = buf->len > start;
		else
		{
			if (space)
			{
				osp_buf_add_char(buf, ' ');
				s.columns++;
				space = false;
			}
			add_character(&s, p, len, code, unicode);
			note_cut(&s);
		}
		p += len;
	}
	if (s.columns <= s.max_columns || osp_buf_status(buf) != OSP_OK)
		return s.columns;
	buf->len = s.cut_len;
	buf->ptr[buf->len] = '\0';
	if (!s.can_cut)
		return 0;
	osp_buf_add_str(buf, unicode ? OSP_STR("…") : OSP_STR("..."));
	return s.cut_columns + s.ellipsis;
}
