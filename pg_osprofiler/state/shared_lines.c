/* SPDX-License-Identifier: Apache-2.0
 *
 * shared_lines.c
 *	  Lines of the log that stand for many sessions, so that not every session
 *	  logs the same.
 *
 * A problem that keeps one session from being traced keeps hundreds of them, and each
 * would log it. What was logged is noted in PostgreSQL's shared memory, which always
 * has some bytes to spare; the run directory is not used, because it may be the
 * problem. The memory is requested when a line is to be logged for the first time.
 * Without it, every session logs for itself.
 */
#include "pgosp_state.h"

#include "miscadmin.h"
#include "storage/shmem.h"

#include "base/log_limit.h"

static osp_log_limit *limits = NULL; /* one for each pgospLine */

/* Attaches the shared memory. If that fails, the error is dropped and limits stays
 * NULL. error_context_stack is cleared so that no callback sees the error: ours would
 * record it as a statement's. */
static pg_noinline void
attach(void)
{
	MemoryContext old = CurrentMemoryContext;
	uint32 holdoff = InterruptHoldoffCount;
	Size size = PGOSP_LINE_COUNT * sizeof(osp_log_limit);
	bool found;

	PG_TRY();
	{
		error_context_stack = NULL;
		limits = ShmemInitStruct("osprofiler log lines", size, &found);
		if (!found)
			memset(limits, 0, size);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(old);
		FlushErrorState();
		InterruptHoldoffCount = holdoff;
	}
	PG_END_TRY();
}

static osp_log_limit *
limit_of(pgospLine line)
{
	static bool tried = false;

	if (!tried && IsUnderPostmaster && CritSectionCount == 0)
	{
		tried = true;
		attach();
	}
	return limits != NULL ? &limits[line] : NULL;
}

uint64
pgosp_line_add(pgospLine line, const char *text)
{
	osp_log_limit *limit = limit_of(line);

	return limit != NULL ? osp_log_limit_add(limit, text, osp_mono_now()) : 1;
}

uint64
pgosp_line_rest(pgospLine line)
{
	osp_log_limit *limit = limit_of(line);

	return limit != NULL ? osp_log_limit_rest(limit, osp_mono_now()) : 0;
}

int
pgosp_line_detail(uint64 sessions)
{
	if (sessions <= 1)
		return 0;
	return errdetail("This happened in " UINT64_FORMAT
					 " sessions since the last such line.",
					 sessions);
}
