/* SPDX-License-Identifier: Apache-2.0
 *
 * storable_json.c
 *	  Changes the JSON of a notification so that the server's jsonb can hold it.
 *
 * JSON and Python allow texts and numbers that jsonb does not: NUL and halves of
 * surrogate pairs, characters that the database's encoding lacks, numbers beyond the
 * range of numeric, NaN and infinities. Such characters are replaced, and such numbers
 * become strings, so that no notification makes a trace unreadable.
 */
#include "pgosp.h"

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"

/* The largest number of digits that numeric has before and behind its decimal
 * point. */
#define DIGITS_BEFORE_MAX 131072
#define DIGITS_BEHIND_MAX 16383

/* A larger exponent is too large, whatever the digits are. */
#define EXPONENT_MAX 1000000

/* The code of the \\uXXXX at p; -1: there is no such escape. */
static int
escaped_code(const char *p, const char *end)
{
	char digits[5];

	if (end - p < 6 || p[0] != '\\' || p[1] != 'u')
		return -1;
	strlcpy(digits, p + 2, sizeof(digits));
	return (int) strtol(digits, NULL, 16);
}

static bool
is_between(int c, int first, int last)
{
	return c >= first && c <= last;
}

/* Copies the escape at p, or a substitute for it; returns the end of the escape. */
static const char *
copy_escape(StringInfo out, const char *p, const char *end)
{
	bool unicode = GetDatabaseEncoding() == PG_UTF8;
	int code = escaped_code(p, end);
	int len = code < 0 ? 2 : 6;

	if (unicode && is_between(code, 0xd800, 0xdbff) &&
		is_between(escaped_code(p + 6, end), 0xdc00, 0xdfff))
		len = 12;
	else if (code == 0 || is_between(code, 0xd800, 0xdfff) ||
			 (!unicode && code > 0x7f))
	{
		appendStringInfoString(out, unicode ? "\\ufffd" : "\\u003f");
		return p + len;
	}
	appendBinaryStringInfo(out, p, len);
	return p + len;
}

/* Copies the string whose quote is at p; returns the end of the string. */
static const char *
copy_string(StringInfo out, const char *p, const char *end)
{
	const char *plain = p++;

	while (p < end && *p != '"')
	{
		if (*p != '\\')
		{
			p++;
			continue;
		}
		appendBinaryStringInfo(out, plain, (int) (p - plain));
		plain = p = copy_escape(out, p, end);
	}
	p += p < end;
	appendBinaryStringInfo(out, plain, (int) (p - plain));
	return p;
}

/* Can numeric hold the number from p to end, which is valid in JSON? */
static bool
fits_numeric(const char *p, const char *end)
{
	long before = 0;
	long behind = 0;
	long exponent = 0;

	p += *p == '-';
	for (; p < end && *p >= '0' && *p <= '9'; p++)
		before++;
	if (p < end && *p == '.')
		for (p++; p < end && *p >= '0' && *p <= '9'; p++)
			behind++;
	if (p < end)
	{
		bool negative = p + 1 < end && p[1] == '-';

		for (p++; p < end; p++)
			if (*p >= '0' && *p <= '9' && exponent <= EXPONENT_MAX)
				exponent = exponent * 10 + (*p - '0');
		exponent = negative ? -exponent : exponent;
	}
	return before + exponent <= DIGITS_BEFORE_MAX &&
		   behind - exponent <= DIGITS_BEHIND_MAX;
}

/* Copies the number at p, or NaN or infinity; returns its end. */
static const char *
copy_number(StringInfo out, const char *p, const char *end)
{
	const char *stop = p;
	bool fits;

	while (stop < end && strchr(",]} \n", *stop) == NULL)
		stop++;
	fits = stop[-1] >= '0' && stop[-1] <= '9' && fits_numeric(p, stop);
	if (!fits)
		appendStringInfoChar(out, '"');
	appendBinaryStringInfo(out, p, (int) (stop - p));
	if (!fits)
		appendStringInfoChar(out, '"');
	return stop;
}

char *
pgosp_storable_json(osp_str json)
{
	const char *p = json.ptr;
	const char *end = p + json.len;
	StringInfoData out;

	initStringInfo(&out);
	while (p < end)
	{
		if (*p == '"')
			p = copy_string(&out, p, end);
		else if ((*p >= '0' && *p <= '9') || *p == '-' || *p == 'N' ||
				 *p == 'I')
			p = copy_number(&out, p, end);
		else
			appendStringInfoCharMacro(&out, *p++);
	}
	return out.data;
}
