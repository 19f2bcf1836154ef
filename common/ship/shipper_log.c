/* SPDX-License-Identifier: Apache-2.0
 *
 * shipper_log.c
 *	  Writes the shipper's lines to the log, and its last error to the status
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

void
osp__shipper_note_error(osp_shipper *s, const char *text)
{
	osp_runstat_note_error(
		s->stat, text, osp_mono_now() + osp_wall_offset_now());
}

void
osp__shipper_keep_error(osp_shipper *s, const osp_runstat *old)
{
	if (old->last_error_wall_ns > s->stat->last_error_wall_ns)
		osp_runstat_note_error(
			s->stat, old->last_error, old->last_error_wall_ns);
}
