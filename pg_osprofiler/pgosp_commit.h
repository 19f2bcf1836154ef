/* SPDX-License-Identifier: Apache-2.0
 *
 * pgosp_commit.h
 *	  The operation of a commit: what its files share.
 *
 *	  commit.c       when a transaction commits, and for which statement
 *	  commit_fast.c  starts and stops by templates
 */
#ifndef PGOSP_COMMIT_H
#define PGOSP_COMMIT_H

#include "pgosp.h"

#pragma GCC visibility push(hidden)

typedef struct pgospCommit
{
	pgospPoint point;  /* must be first */
	pgospPoint *outer; /* the statement that commits; NULL if it is over */
	const char *command;
	TransactionId xid;
	WalUsage wal; /* at the start */
	pgospWalTimes times;
	pgospWaits waits;
} pgospCommit;

/* ---- commit.c ---- */

/* Encodes the attributes of a start; `what` is the command's name. */
extern void pgosp_put_commit_start(osp_writer *w, const void *what);

/* The value of synchronous_commit: always the same address for the same value. */
extern const char *pgosp_synchronous_commit(void);

/* ---- commit_fast.c ---- */

/*
 * Opens the point of a commit under an open point, by a template. The caller
 * has set kind, name and values. False: a template cannot be used, and nothing
 * was done; pgosp_point_open has to be called.
 */
extern bool pgosp_commit_open_known(pgospCommit *commit, pgospPoint *parent);

/* Closes the point of a commit that went well. False: it has something unusual to
 * report, and pgosp_point_close has to be called. */
extern bool pgosp_commit_stop(pgospCommit *commit);

#pragma GCC visibility pop

#endif /* PGOSP_COMMIT_H */
