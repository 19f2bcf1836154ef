/* SPDX-License-Identifier: Apache-2.0
 *
 * time_argument.c
 *	  Durations and times in arguments.
 */
#include "time_argument.h"
#include "cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "osprofiler/notification.h"

#define NS_PER_S 1000000000

/* The earliest moment that can be given, in seconds before now: 200 years. */
#define AGO_MAX 6.3e9

#define DATE_LEN    10 /* 2026-11-22 */
#define MINUTES_LEN 16 /* 2026-11-22T15:56 */

/* Reads a duration; false, without a message, if text is not a duration. */
static bool
read_duration(const char *text, double *seconds)
{
	static const struct
	{
		const char *name;
		double seconds;
	} units[] = {{"", 1},
				 {"us", 0.000001},
				 {"ms", 0.001},
				 {"s", 1},
				 {"m", 60},
				 {"h", 3600},
				 {"d", 86400},
				 {"w", 604800}};
	size_t digits = strspn(text, "0123456789.");
	char number[32];
	char *end;
	size_t i;

	/* strtod() would also take "inf", hex digits, exponents and white space. */
	if (digits == 0 || digits >= sizeof(number))
		return false;
	memcpy(number, text, digits);
	number[digits] = '\0';
	*seconds = strtod(number, &end);
	if (*end != '\0')
		return false;
	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++)
	{
		if (strcmp(text + digits, units[i].name) != 0)
			continue;
		*seconds *= units[i].seconds;
		return true;
	}
	return false;
}

bool
cli_duration(const char *option, const char *text, double max, double *seconds)
{
	if (read_duration(text, seconds) && *seconds <= max)
		return true;
	cli_usage("%s must be a time such as 30s, 15m, 24h or 7d, of at most %.0f "
			  "seconds, not '%s'",
			  option,
			  max,
			  text);
	return false;
}

/* Reads a date that may be followed by a time, in full or without seconds. */
static bool
read_timestamp(const char *text, int64_t *ns)
{
	size_t len = strlen(text);
	char whole[64];

	if (len >= sizeof(whole) - sizeof("T00:00:00"))
		return false;
	(void) snprintf(whole,
					sizeof(whole),
					"%s%s",
					text,
					len == DATE_LEN      ? "T00:00:00"
					: len == MINUTES_LEN ? ":00"
										 : "");
	return osp_timestamp_parse(osp_str_of(whole), ns);
}

bool
cli_moment(const char *option, const char *text, int64_t *ns)
{
	struct timespec now;
	double ago;

	if (read_timestamp(text, ns))
		return true;
	if (read_duration(text, &ago) && ago <= AGO_MAX)
	{
		(void) clock_gettime(CLOCK_REALTIME, &now);
		*ns = (int64_t) now.tv_sec * NS_PER_S + now.tv_nsec -
			  (int64_t) (ago * NS_PER_S);
		return true;
	}
	cli_usage(
		"%s must be a date, a date and a time (UTC), or a time before now "
		"such as 15m, 24h or 7d, not '%s'",
		option,
		text);
	return false;
}
