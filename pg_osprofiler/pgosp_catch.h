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
 */
#ifndef PGOSP_CATCH_H
#define PGOSP_CATCH_H

#include "pgosp_base.h"

#include <setjmp.h>

typedef struct pgospCatch
{
	sigjmp_buf buffer;
	sigjmp_buf *outer_buffer;
	ErrorContextCallback *outer_context;
} pgospCatch;

#define PGOSP_LEAVE(catch)                       \
	(PG_exception_stack = (catch)->outer_buffer, \
	 error_context_stack = (catch)->outer_context)

#define PGOSP_TRY(catch)                              \
	do                                                \
	{                                                 \
		(catch)->outer_buffer = PG_exception_stack;   \
		(catch)->outer_context = error_context_stack; \
		if (sigsetjmp((catch)->buffer, 0) == 0)       \
		{                                             \
			PG_exception_stack = &(catch)->buffer

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
