/* SPDX-License-Identifier: Apache-2.0
 *
 * report_value.c
 *	  Reads values of points, and writes times for people.
 */
#include <inttypes.h>
#include <stdio.h>

#include "report/report_describe.h"

osp_str
osp__report_inside(osp_str value)
{
	if (value.len < 2 || value.ptr[0] != '"')
		return OSP_STR("");
	return osp_str_n(value.ptr + 1, value.len - 2);
}

osp_status
osp__report_decode(osp_report *report, osp_str inside, osp_buf *out)
{
	osp_status status;

	if (memchr(inside.ptr, '\\', inside.len) == NULL)
	{
		osp_buf_add_str(out, inside);
		return osp_buf_status(out);
	}
	osp_buf_reset(&report->canonical);
	osp_buf_add_char(&report->canonical, '"');
	osp_buf_add_str(&report->canonical, inside);
	osp_buf_add_char(&report->canonical, '"');
	status = osp_buf_status(&report->canonical);
	if (status == OSP_OK)
		status =
			osp__json_read(&report->reader, osp_buf_str(&report->canonical));
	if (status != OSP_OK)
		return status;
	osp_buf_add_str(out, osp__json_str(osp__json_root(&report->reader)));
	return osp_buf_status(out);
}

double
osp__report_number(yyjson_val *value)
{
	const char *at = yyjson_get_raw(value);
	double number = 0;
	double unit = 1;
	int exponent = 0;
	bool negative;

	if (at == NULL)
		return 0;
	for (; *at >= '0' && *at <= '9'; at++)
		number = number * 10 + (*at - '0');
	if (*at == '.')
		for (at++; *at >= '0' && *at <= '9'; at++)
		{
			unit /= 10;
			number += unit * (*at - '0');
		}
	if (*at != 'e' && *at != 'E')
		return number;
	at++;
	negative = *at == '-';
	at += *at == '-' || *at == '+';
	for (; *at >= '0' && *at <= '9' && exponent < 100; at++)
		exponent = exponent * 10 + (*at - '0');
	for (; exponent > 0; exponent--)
		number = negative ? number / 10 : number * 10;
	return number;
}

void
osp__duration_text(int64_t ns, char out[OSP__DURATION_MAX])
{
	static const struct
	{
		int64_t ns;
		const char *name;
	} units[] = {{1000, "us"}, {1000000, "ms"}, {1000000000, "s"}};
	size_t i = 0;
	int64_t unit;

	ns = ns > 0 ? ns : 0;
	if (ns < 1000)
	{
		(void) snprintf(out, OSP__DURATION_MAX, "%d ns", (int) ns);
		return;
	}

	/* Uses the next unit where three digits would be rounded up to four. */
	while (i < 2 && ns >= units[i].ns * 1000 - units[i].ns / 2)
		i++;
	unit = units[i].ns;
	if (ns < unit * 10 - unit / 200)
		(void) snprintf(out,
						OSP__DURATION_MAX,
						"%d.%02d %s",
						(int) ((ns + unit / 200) / unit),
						(int) ((ns + unit / 200) % unit / (unit / 100)),
						units[i].name);
	else if (ns < unit * 100 - unit / 20)
		(void) snprintf(out,
						OSP__DURATION_MAX,
						"%d.%d %s",
						(int) ((ns + unit / 20) / unit),
						(int) ((ns + unit / 20) % unit / (unit / 10)),
						units[i].name);
	else
		(void) snprintf(out,
						OSP__DURATION_MAX,
						"%" PRId64 " %s",
						ns / unit + (ns % unit >= unit / 2),
						units[i].name);
}

/* The index of the part with the largest remainder, the last of equal ones. */
static size_t
largest_remainder(const double *rest, size_t count)
{
	size_t best = 0;
	size_t i;

	for (i = 1; i < count; i++)
		if (rest[i] >= rest[best])
			best = i;
	return best;
}

void
osp__percents(const int64_t *parts, size_t count, int *percents)
{
	double rest[OSP__PERCENTS_MAX];
	double total = 0;
	int left = 100;
	size_t i;

	for (i = 0; i < count; i++)
		total += (double) parts[i];
	for (i = 0; i < count; i++)
	{
		double percent = total > 0 ? (double) parts[i] / total * 100 : 0;

		percents[i] = (int) percent;
		rest[i] = percent - percents[i];
		left -= percents[i];
	}
	for (; total > 0 && left > 0; left--)
	{
		i = largest_remainder(rest, count);
		percents[i]++;
		rest[i] = -1;
	}
}
