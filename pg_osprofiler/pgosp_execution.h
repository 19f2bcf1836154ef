/* SPDX-License-Identifier: Apache-2.0
 *
 * pgosp_execution.h
 *	  What is kept of each statement between ExecutorStart and ExecutorEnd.
 */
#ifndef PGOSP_EXECUTION_H
#define PGOSP_EXECUTION_H

#include "pgosp.h"
#include "pgosp_catch.h"

#pragma GCC visibility push(hidden)

typedef struct pgospExecution
{
	pgospStatementPoint statement; /* must be first */
	dlist_node node;               /* in pgosp_executions, except the first */
	const EState *estate;          /* NULL: it is free */
	pgospNodes *nodes;  /* NULL: none are reported; freed with the EState */
	PlanState *counted; /* the plan, if rows are counted in case it is slow */
	int location;       /* of pgospStatementFacts, for a cursor's query */
	int length;
	bool ended;          /* ExecutorEnd was called, so there was no error */
	bool failed;         /* it will not run again */
	bool sliced;         /* paused between two slices; then these are set: */
	BufferUsage buffers; /* what pgBufferUsage was when it was paused */
	WalUsage wal;        /* what pgWalUsage was then */
	pgospCatch catch;    /* used while the executor works on it */
	pgospPoint *outer;   /* the point that ran before it, while it runs */
	pgospRun run;
	MemoryContextCallback callback;
} pgospExecution;

/*
 * Most sessions never need a second execution. A statement of a cached plan uses the
 * first one. Free executions are all zeroes, except for the point, which is not open,
 * and the callback, whose function the executor's hooks set in the first one. If two
 * are free, the first one is kept.
 */
extern pgospExecution pgosp_first_execution;
extern pgospExecution *pgosp_spare_execution;

/* All other executions that are in use, by age. */
extern dlist_head pgosp_executions;

/* Finds an execution among the others; NULL: the statement is not traced. */
extern pgospExecution *pgosp_other_execution(const EState *estate);

/* The execution of a statement; NULL: it is not traced. */
static inline pgospExecution *
pgosp_execution_of(const EState *estate)
{
	return likely(pgosp_first_execution.estate == estate)
			   ? &pgosp_first_execution
			   : pgosp_other_execution(estate);
}

/* Takes or makes an execution; NULL: there is no memory, so the statement is not
 * traced. */
extern pgospExecution *pgosp_execution_new(void);

static inline void
pgosp_execution_free(pgospExecution *execution)
{
	pgospExecution *surplus = pgosp_spare_execution;

	execution->estate = NULL;
	execution->counted = NULL;
	execution->location = 0;
	execution->length = 0;
	execution->ended = false;
	execution->failed = false;
	execution->sliced = false;
	pgosp_spare_execution = execution;
	if (unlikely(surplus == &pgosp_first_execution))
	{
		pgosp_spare_execution = surplus;
		surplus = execution;
	}
	if (unlikely(surplus != NULL))
		pfree(surplus);
}

#pragma GCC visibility pop

#endif /* PGOSP_EXECUTION_H */
