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
	pgospStatementPoint statement; /* first */
	dlist_node node;               /* in the list, if it is not the first */
	const EState *estate;          /* NULL: it is free */
	pgospNodes *nodes;   /* NULL: none are reported; gone with the EState */
	PlanState *counted;  /* its plan, if rows are counted in case it is slow */
	bool ended;          /* ExecutorEnd was called: all is well */
	bool failed;         /* it will not run again */
	bool sliced;         /* paused between two slices: these are set: */
	BufferUsage buffers; /* what pgBufferUsage was when it was paused */
	WalUsage wal;        /* the same of pgWalUsage */
	pgospCatch catch;    /* while the executor is at work for it */
	pgospPoint *outer;   /* what ran before, meanwhile */
	pgospRun run;
	MemoryContextCallback callback;
} pgospExecution;

/*
 * Most sessions never need a second one. A statement of a cached plan has the first.
 * Those that are free are all zeroes, but for the point, which is not open, and the
 * callback, whose function the executor's hooks set in the first. Of two that are
 * free the first is kept.
 */
extern pgospExecution pgosp_first_execution;
extern pgospExecution *pgosp_spare_execution;

/* All others that are in use, by age. */
extern dlist_head pgosp_executions;

/* Looks among the others. */
extern pgospExecution *pgosp_other_execution(const EState *estate);

/* NULL: the statement is not traced. */
static inline pgospExecution *
pgosp_execution_of(const EState *estate)
{
	return likely(pgosp_first_execution.estate == estate)
			   ? &pgosp_first_execution
			   : pgosp_other_execution(estate);
}

/* NULL if there is no memory: then the statement is not traced. */
extern pgospExecution *pgosp_execution_new(void);

static inline void
pgosp_execution_free(pgospExecution *execution)
{
	pgospExecution *surplus = pgosp_spare_execution;

	execution->estate = NULL;
	execution->counted = NULL;
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
