/* SPDX-License-Identifier: Apache-2.0
 *
 * timestamp.c
 *	  Times between nanoseconds since 1970 and text, in UTC.
 *
 * The C library's calendar knows locales, time zones and leap seconds; a point's
 * time needs none of them, and is written for every point. Years are counted
 * from March, so that the leap day is the last of a year and the length of all
 * months before is a straight line: (153 * month + 2) / 5.
 */
#include "base/timestamp.h"

#define NS_PER_SECOND   INT64_C(1000000000)
#define SECONDS_PER_DAY 86400

#define DAYS_PER_ERA 146097 /* 400 years */
#define DAYS_TO_1970 719468 /* days from 0000-03-01 to 1970-01-01 */

/* The years whose every moment fits into 64 bits of nanoseconds. */
#define YEAR_MIN 1678
#define YEAR_MAX 2261

typedef struct civil
{
	int year;
	int month; /* 1..12 */
	int day;   /* 1..31 */
} civil;

static civil
civil_of_days(int64_t days_since_1970)
{
	/* Nanoseconds in int64_t reach only dates long after the year 0. */
	unsigned days = (unsigned) (days_since_1970 + DAYS_TO_1970);
	unsigned era = days / DAYS_PER_ERA;
	unsigned day = days % DAYS_PER_ERA;
	unsigned year =
		(day - day / 1460 + day / 36524 - day / (DAYS_PER_ERA - 1)) / 365;
	unsigned day_of_year = day - (365 * year + year / 4 - year / 100);
	unsigned month = (5 * day_of_year + 2) / 153; /* 0 is March */
	civil date;

	date.day = (int) (day_of_year - (153 * month + 2) / 5 + 1);
	date.month = (int) (month < 10 ? month + 3 : month - 9);
	date.year = (int) (year + era * 400 + (month >= 10));
	return date;
}

static int64_t
days_of_civil(civil date)
{
	int year = date.year - (date.month <= 2);
	int era = year / 400;
	int year_of_era = year % 400;
	int month = date.month > 2 ? date.month - 3 : date.month + 9;
	int day_of_year = (153 * month + 2) / 5 + date.day - 1;

	return (int64_t) era * DAYS_PER_ERA + year_of_era * 365 + year_of_era / 4 -
		   year_of_era / 100 + day_of_year - DAYS_TO_1970;
}

static inline void
put2(char *out, int value)
{
	out[0] = (char) ('0' + value / 10);
	out[1] = (char) ('0' + value % 10);
}

void
osp__timestamp_put_us(char *text, int us)
{
	put2(text + 20, us / 10000);
	put2(text + 22, us / 100 % 100);
	put2(text + 24, us % 100);
}

void
osp_timestamp_text(int64_t wall_ns, char out[OSP_TIMESTAMP_LEN + 1])
{
	int64_t seconds = wall_ns / NS_PER_SECOND;
	int64_t ns = wall_ns % NS_PER_SECOND;
	int64_t days;
	int rest;
	civil date;

	/* C rounds a division towards zero; a time before 1970 must be rounded down. */
	if (ns < 0)
	{
		ns += NS_PER_SECOND;
		seconds--;
	}
	days = seconds / SECONDS_PER_DAY;
	rest = (int) (seconds % SECONDS_PER_DAY);
	if (rest < 0)
	{
		rest += SECONDS_PER_DAY;
		days--;
	}
	date = civil_of_days(days);

	put2(out, date.year / 100);
	put2(out + 2, date.year % 100);
	out[4] = '-';
	put2(out + 5, date.month);
	out[7] = '-';
	put2(out + 8, date.day);
	out[10] = 'T';
	put2(out + 11, rest / 3600);
	out[13] = ':';
	put2(out + 14, rest / 60 % 60);
	out[16] = ':';
	put2(out + 17, rest % 60);
	out[19] = '.';
	osp__timestamp_put_us(out, (int) (ns / 1000));
	out[26] = '\0';
}

static inline bool
is_digit(osp_str text, size_t pos)
{
	return pos < text.len && text.ptr[pos] >= '0' && text.ptr[pos] <= '9';
}

/* Reads min to max digits at *pos; false if there are fewer. */
static bool
take_number(osp_str text, size_t *pos, size_t min, size_t max, int *out)
{
	size_t start = *pos;
	int value = 0;

	while (*pos - start < max && is_digit(text, *pos))
		value = value * 10 + (text.ptr[(*pos)++] - '0');
	*out = value;
	return *pos - start >= min;
}

static bool
take_char(osp_str text, size_t *pos, char c)
{
	if (*pos >= text.len || text.ptr[*pos] != c)
		return false;
	++*pos;
	return true;
}

static bool
take_date(osp_str text, size_t *pos, civil *date)
{
	static const char lengths[] = {
		31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap;

	/* Months and days may have one digit, as for strptime(). */
	if (!take_number(text, pos, 4, 4, &date->year) ||
		!take_char(text, pos, '-') ||
		!take_number(text, pos, 1, 2, &date->month) ||
		!take_char(text, pos, '-') || !take_number(text, pos, 1, 2, &date->day))
		return false;
	if (date->year < YEAR_MIN || date->year > YEAR_MAX || date->month < 1 ||
		date->month > 12 || date->day < 1 ||
		date->day > lengths[date->month - 1])
		return false;
	leap =
		date->year % 4 == 0 && (date->year % 100 != 0 || date->year % 400 == 0);
	return leap || date->month != 2 || date->day < 29;
}

static bool
take_time(osp_str text, size_t *pos, int64_t *seconds)
{
	int hour;
	int minute;
	int second;

	if (!take_number(text, pos, 1, 2, &hour) || !take_char(text, pos, ':') ||
		!take_number(text, pos, 1, 2, &minute) || !take_char(text, pos, ':') ||
		!take_number(text, pos, 1, 2, &second) || hour > 23 || minute > 59 ||
		second > 59)
		return false;
	*seconds = hour * 3600 + minute * 60 + second;
	return true;
}

/* Reads the digits of a fraction as nanoseconds; false if there are none. */
static bool
take_fraction(osp_str text, size_t *pos, int64_t *ns)
{
	int64_t unit = NS_PER_SECOND / 10;
	size_t start = *pos;

	*ns = 0;
	for (; is_digit(text, *pos); ++*pos)
	{
		*ns += (text.ptr[*pos] - '0') * unit;
		unit /= 10;
	}
	return *pos > start;
}

/* Reads "Z" or an offset from UTC; neither is fine, too. */
static bool
take_zone(osp_str text, size_t *pos, int64_t *seconds)
{
	bool east;
	int hours;
	int minutes = 0;

	if (*pos == text.len || take_char(text, pos, 'Z') ||
		take_char(text, pos, 'z'))
		return true;
	east = take_char(text, pos, '+');
	if ((!east && !take_char(text, pos, '-')) ||
		!take_number(text, pos, 2, 2, &hours))
		return false;
	(void) take_char(text, pos, ':');
	if (*pos < text.len && !take_number(text, pos, 2, 2, &minutes))
		return false;
	if (hours > 23 || minutes > 59)
		return false;
	*seconds += (east ? -1 : 1) * (hours * 3600 + minutes * 60);
	return true;
}

bool
osp_timestamp_parse(osp_str text, int64_t *wall_ns)
{
	size_t pos = 0;
	civil date;
	int64_t seconds;
	int64_t ns = 0;

	if (!take_date(text, &pos, &date) ||
		!(take_char(text, &pos, 'T') || take_char(text, &pos, 't') ||
		  take_char(text, &pos, ' ')) ||
		!take_time(text, &pos, &seconds))
		return false;
	if (take_char(text, &pos, '.') && !take_fraction(text, &pos, &ns))
		return false;
	if (!take_zone(text, &pos, &seconds) || pos != text.len)
		return false;
	*wall_ns =
		(days_of_civil(date) * SECONDS_PER_DAY + seconds) * NS_PER_SECOND + ns;
	return true;
}
