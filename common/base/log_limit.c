/* SPDX-License-Identifier: Apache-2.0
 *
 * log_limit.c
 *	  Limits repeated log lines: one line stands for many cases.
 */
#include "base/log_limit.h"

/* FNV-1a hash of the characters that are not digits; never 0. */
static uint64_t
number_of(const char *text)
{
	uint64_t hash = UINT64_C(14695981039346656037);

	for (; *text != '\0'; text++)
		if (*text < '0' || *text > '9')
			hash = (hash ^ (unsigned char) *text) * UINT64_C(1099511628211);
	return hash | 1;
}

/* The index of the text. A text without an entry gets the entry that was logged
 * first. */
static int
find_text(osp_log_limit *limit, uint64_t text)
{
	int64_t oldest_ns = INT64_MAX;
	int oldest = 0;
	int i;

	for (i = 0; i < OSP_LOG_LIMIT_TEXTS; i++)
	{
		int64_t logged_ns =
			__atomic_load_n(&limit->of[i].logged_ns, __ATOMIC_RELAXED);

		if (__atomic_load_n(&limit->of[i].text, __ATOMIC_RELAXED) == text)
			return i;
		if (logged_ns < oldest_ns)
		{
			oldest_ns = logged_ns;
			oldest = i;
		}
	}
	__atomic_store_n(&limit->of[oldest].cases, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&limit->of[oldest].logged_ns, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&limit->of[oldest].text, text, __ATOMIC_RELAXED);
	return oldest;
}

/* Takes the counted cases of entry i if a line may be logged now; else returns 0. */
static uint64_t
take_cases(osp_log_limit *limit, int i, int64_t now_ns)
{
	int64_t logged_ns =
		__atomic_load_n(&limit->of[i].logged_ns, __ATOMIC_RELAXED);

	if ((logged_ns != 0 && now_ns - logged_ns < OSP_LOG_LIMIT_NS) ||
		!__atomic_compare_exchange_n(&limit->of[i].logged_ns,
									 &logged_ns,
									 now_ns,
									 false,
									 __ATOMIC_ACQ_REL,
									 __ATOMIC_RELAXED))
		return 0;
	return __atomic_exchange_n(&limit->of[i].cases, 0, __ATOMIC_ACQ_REL);
}

uint64_t
osp_log_limit_add(osp_log_limit *limit, const char *text, int64_t now_ns)
{
	int i = find_text(limit, number_of(text));

	(void) __atomic_fetch_add(&limit->of[i].cases, 1, __ATOMIC_ACQ_REL);
	return take_cases(limit, i, now_ns);
}

uint64_t
osp_log_limit_rest(osp_log_limit *limit, int64_t now_ns)
{
	uint64_t cases = 0;
	int i;

	for (i = 0; i < OSP_LOG_LIMIT_TEXTS; i++)
		if (__atomic_load_n(&limit->of[i].cases, __ATOMIC_RELAXED) > 0)
			cases += take_cases(limit, i, now_ns);
	return cases;
}
