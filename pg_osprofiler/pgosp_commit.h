/* SPDX-License-Identifier: Apache-2.0
 *
 * pgosp_commit.h
 *	  The point of a commit, for commit.c and commitknown.c.
 */
#ifndef PGOSP_COMMIT_H
#define PGOSP_COMMIT_H

#include "pgosp.h"

#pragma GCC visibility push(hidden)

typedef struct pgospCommit
{
	pgospPoint point;  /* first */
	pgospPoint *outer; /* the statement that commits; NULL if it is over */
	const char *command;
	TransactionId xid;
	WalUsage wal; /* at the start */
	pgospWalTimes times;
	pgospWaits waits;
} pgospCommit;

/* put_start of all commits, of the command. */
extern void pgosp_put_commit_start(osp_writer *w, const void *what);

extern const char *pgosp_synchronous_commit_name(void);

/* ---- by templates (commitknown.c) ---- */

/* Opens the point of a commit by COMMIT. False, and nothing is done: not like
 * this. */
extern bool pgosp_commit_open_known(pgospCommit *commit,
									const pgospParent *parent);

/* Closes the point of a commit that went well, if there is nothing unusual to
 * tell. False: pgosp_point_close has to. */
extern bool pgosp_commit_stop(pgospCommit *commit);

#pragma GCC visibility pop

#endif /* PGOSP_COMMIT_H */
