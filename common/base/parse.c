/* SPDX-License-Identifier: Apache-2.0
 *
 * parse.c
 *	  Values of settings: sizes, durations, truth values and lists of words.
 */
#include "base/parse.h"

#include <strings.h>

#include "base/strip.h"

static bool
is_word(osp_str text, const char *word)
{
	return text.len == strlen(word) &&
		   strncasecmp(text.ptr, word, text.len) == 0;
}

bool
osp_parse_bool(osp_str text, bool *out)
{
	static const struct
	{
		const char *word;
		bool value;
	} words[] = {{"true", true},
				 {"yes", true},
				 {"on", true},
				 {"1", true},
				 {"false", false},
				 {"no", false},
				 {"off", false},
				 {"0", false}};
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
	{
		if (is_word(text, words[i].word))
		{
			*out = words[i].value;
			return true;
		}
	}
	return false;
}

bool
osp_parse_size(osp_str text, uint64_t *out)
{
	static const struct
	{
		const char *unit;
		unsigned shift;
	} units[] = {
		{"", 0}, {"B", 0}, {"kB", 10}, {"MB", 20}, {"GB", 30}, {"TB", 40}};
	uint64_t value = 0;
	size_t digits = 0;
	size_t i;

	text = osp__strip(text);
	for (; digits < text.len; digits++)
	{
		char c = text.ptr[digits];

		if (c < '0' || c > '9')
			break;
		if (value > (UINT64_MAX - (uint64_t) (c - '0')) / 10)
			return false;
		value = value * 10 + (uint64_t) (c - '0');
	}
	if (digits == 0)
		return false;
	text = osp__strip(osp_str_n(text.ptr + digits, text.len - digits));
	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++)
	{
		if (!is_word(text, units[i].unit))
			continue;
		if (value > UINT64_MAX >> units[i].shift)
			return false;
		*out = value << units[i].shift;
		return true;
	}
	return false;
}

bool
osp_parse_duration(osp_str text, uint64_t *seconds)
{
	static const char units[] = "smhd";
	static const uint64_t lengths[] = {1, 60, 3600, 86400};
	const uint64_t max = UINT64_C(36525) * 86400;
	const char *unit;
	uint64_t value = 0;
	size_t i;

	text = osp__strip(text);
	*seconds = 0;
	if (osp_str_eq(text, OSP_STR("0")))
		return true;
	for (i = 0; i + 1 < text.len && value <= max; i++)
	{
		if (text.ptr[i] < '0' || text.ptr[i] > '9')
			return false;
		value = value * 10 + (uint64_t) (text.ptr[i] - '0');
	}
	if (i == 0 || value > max)
		return false;
	unit = memchr(units, text.ptr[i], sizeof(units) - 1);
	if (unit == NULL || value > max / lengths[unit - units])
		return false;
	*seconds = value * lengths[unit - units];
	return true;
}

/* Takes the next word from the front of the list; empty: there is none. */
static osp_str
take_word(osp_str *list)
{
	const char separators[] = ", \t";
	const char *begin = list->ptr;
	const char *end = begin + list->len;
	const char *stop;

	while (begin < end && memchr(separators, *begin, 3) != NULL)
		begin++;
	stop = begin;
	while (stop < end && memchr(separators, *stop, 3) == NULL)
		stop++;
	*list = osp_str_n(stop, (size_t) (end - stop));
	return osp_str_n(begin, (size_t) (stop - begin));
}

bool
osp_parse_is_list_of(osp_str list, const char *const *words)
{
	osp_str word;

	while ((word = take_word(&list)).len > 0)
	{
		const char *const *known = words;

		while (*known != NULL && !is_word(word, *known))
			known++;
		if (*known == NULL)
			return false;
	}
	return true;
}

bool
osp_parse_has_word(osp_str list, const char *word)
{
	osp_str found;

	while ((found = take_word(&list)).len > 0)
		if (is_word(found, word))
			return true;
	return false;
}
