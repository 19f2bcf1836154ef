/* SPDX-License-Identifier: Apache-2.0
 *
 * pgosp_catch.h
 *	  PG_TRY with its buffer in the caller's memory.
 *
 * PG_TRY puts a buffer of 200 bytes on the stack. Our hooks are on the stack once
 * for each level of a recursive function, and PostgreSQL limits the depth of its
 * stack: the buffer alone would cost a tenth of the levels. These macros do what
 * PG_TRY, PG_CATCH and PG_END_TRY do, with a buffer that must stay where it is
 * until the wrapped call returns or fails.
 *
 * Errors that are caught inside the wrapped call never reach PG_CATCH. But PostgreSQL
 * calls the callbacks that add context for each error and message, so these macros also
 * install a callback while the wrapped call runs.
 */
#ifndef PGOSP_CATCH_H
#define PGOSP_CATCH_H

#include "pgosp_point.h"

#include <setjmp.h>

#pragma GCC visibility push(hidden)

typedef struct pgospCatch
{
	sigjmp_buf buffer;
	sigjmp_buf *outer_buffer;
	ErrorContextCallback context;
} pgospCatch;

/* Called for each error and message while a statement runs; arg: its point. */
extern void pgosp_error_passes(void *arg);

#pragma GCC visibility pop

#define PGOSP_LEAVE(catch)                       \
	(PG_exception_stack = (catch)->outer_buffer, \
	 error_context_stack = (catch)->context.previous)

#define PGOSP_TRY(catch, point)                          \
	do                                                   \
	{                                                    \
		(catch)->outer_buffer = PG_exception_stack;      \
		(catch)->context.previous = error_context_stack; \
		(catch)->context.callback = pgosp_error_passes;  \
		(catch)->context.arg = (point);                  \
		if (sigsetjmp((catch)->buffer, 0) == 0)          \
		{                                                \
			PG_exception_stack = &(catch)->buffer;       \
			error_context_stack = &(catch)->context

#define PGOSP_CATCH(catch) \
	}                      \
	else                   \
	{                      \
		PGOSP_LEAVE(catch)

#define PGOSP_END_TRY(catch) \
	}                        \
	PGOSP_LEAVE(catch);      \
	}                        \
	while (0)

#endif /* PGOSP_CATCH_H */
