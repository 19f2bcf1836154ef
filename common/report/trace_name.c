/* SPDX-License-Identifier: Apache-2.0
 *
 * trace_name.c
 *	  The forms of a trace's name that a person can give.
 *
 * OpenTelemetry writes a trace id as 32 hex digits; a trace that began with such an id
 * has a base_id that is a UUID of the same 128 bits. Python programs may have used the
 * 32 digits themselves.
 */
#include "osprofiler/context.h"
#include "osprofiler/report.h"

#define DIGITS 32

static bool
is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') ||
		   (c >= 'A' && c <= 'F');
}

/* Reads the digits of a name that is a UUID, with or without dashes, in lower case. */
static bool
read_digits(osp_str name, char digits[DIGITS])
{
	size_t count = 0;
	size_t i;

	for (i = 0; i < name.len; i++)
	{
		char c = name.ptr[i];

		if (c == '-')
			continue;
		if (!is_hex(c) || count == DIGITS)
			return false;
		digits[count++] = c >= 'A' && c <= 'F' ? (char) (c | 0x20) : c;
	}
	return count == DIGITS;
}

static osp_str
with_dashes(const char digits[DIGITS], char out[OSP_UUID_TEXT_LEN])
{
	size_t at = 0;
	size_t i;

	for (i = 0; i < DIGITS; i++)
	{
		if (i == 8 || i == 12 || i == 16 || i == 20)
			out[at++] = '-';
		out[at++] = digits[i];
	}
	return osp_str_n(out, at);
}

bool
osp_trace_name_form(osp_str name, unsigned n, osp_id *out)
{
	char text[OSP_UUID_TEXT_LEN];
	char digits[DIGITS];
	osp_traceparent parent;
	osp_str form;

	if (n == 0)
		return osp_id_set(out, name);
	if (osp_traceparent_read(name, &parent))
	{
		osp_id_copy(out, &parent.base_id);
		return n == 1;
	}
	if (n > 2 || !read_digits(name, digits))
		return false;
	form = n == 1 ? with_dashes(digits, text) : osp_str_n(digits, DIGITS);
	return osp_id_set(out, form);
}
