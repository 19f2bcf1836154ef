/* SPDX-License-Identifier: Apache-2.0
 *
 * shipper_log.c
 *	  What the shipper says: lines for the log, the last error of the status
 *	  file.
 */
#include <stdarg.h>
#include <stdio.h>

#include "ship/shipper_int.h"

#define QUIET_NS (60 * NS_PER_S)

void
osp__shipper_log(osp_shipper *s, osp_log_level level, const char *fmt, ...)
{
	char line[1024];
	va_list args;

	if (s->log == NULL)
		return;
	va_start(args, fmt);
	(void) vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	s->log(s->log_ctx, level, line);
}

bool
osp__shipper_is_news(int64_t *last_ns)
{
	int64_t before = *last_ns;

	*last_ns = osp_mono_now();
	return before == 0 || *last_ns - before > QUIET_NS;
}

/*
 * A reader takes the text only if it finds error_seq even, and the same before
 * and after. A shipper that was killed in the middle left it odd.
 */
static void
put_error(osp_runstat *stat, const char *text, int64_t wall_ns)
{
	uint32_t seq = __atomic_load_n(&stat->error_seq, __ATOMIC_RELAXED) | 1;

	/* What follows cannot be seen before this. */
	(void) __atomic_exchange_n(&stat->error_seq, seq, __ATOMIC_ACQ_REL);
	stat->last_error_wall_ns = wall_ns;
	(void) snprintf(stat->last_error, sizeof(stat->last_error), "%s", text);
	__atomic_store_n(&stat->error_seq, seq + 1, __ATOMIC_RELEASE);
}

void
osp__shipper_note_error(osp_shipper *s, const char *text)
{
	put_error(s->stat, text, osp_mono_now() + osp_wall_offset_now());
}

void
osp__shipper_keep_error(osp_shipper *s, const osp_runstat *old)
{
	if (old->last_error_wall_ns > s->stat->last_error_wall_ns)
		put_error(s->stat, old->last_error, old->last_error_wall_ns);
}
