/* SPDX-License-Identifier: Apache-2.0
 *
 * rules.h
 *	  Declares the rules, by the folder that they are in. Private to
 *	  report/findings/.
 *
 *	  waits/    what a statement waited for: locks, commits, disks, processors
 *	  plans/    how statements were planned and executed
 *	  program/  what programs do, and the code that they have in the database
 *	  sqlite/   SQLite
 *
 * Rules of one folder do not use those of another; functions that several need
 * belong to findings.h.
 */
#ifndef OSPROFILER_RULES_H
#define OSPROFILER_RULES_H

#include "report/findings/findings.h"

/* A rule's two functions, which struct osp__rule explains. */
#define OSP__RULE(things)                      \
	void osp__look_##things(osp__findings *f); \
	void osp__tell_##things(osp__findings *f, osp__finding *finding)

/* ---- waits/ ---- */

OSP__RULE(deadlocks);
OSP__RULE(locks);
OSP__RULE(commits);
OSP__RULE(starvation);
OSP__RULE(toast);
OSP__RULE(reads);
OSP__RULE(writes);
OSP__RULE(wal);
OSP__RULE(spills);

/* ---- plans/ ---- */

OSP__RULE(analysis);
OSP__RULE(planning);
OSP__RULE(jit);
OSP__RULE(plan_changes);
OSP__RULE(expressions);
OSP__RULE(estimates);
OSP__RULE(dead_rows);
OSP__RULE(subplans);
OSP__RULE(workers);
OSP__RULE(filters);
OSP__RULE(lookups);
OSP__RULE(heap_fetches);
OSP__RULE(offsets);
OSP__RULE(skipped);

/* ---- program/ ---- */

OSP__RULE(connects);
OSP__RULE(poolers);
OSP__RULE(network);
OSP__RULE(client_waits);
OSP__RULE(pauses);
OSP__RULE(application);
OSP__RULE(repeats);
OSP__RULE(failures);
OSP__RULE(failed);
OSP__RULE(triggers);
OSP__RULE(functions);
OSP__RULE(sleeps);

/* ---- sqlite/ ---- */

OSP__RULE(sqlite_busy);
OSP__RULE(sqlite_checkpoints);
OSP__RULE(sqlite_syncs);
OSP__RULE(sqlite_scans);

#undef OSP__RULE

/* The inner side of a nested loop: the child that was executed most often; NULL: it has
 * none. */
osp__op *osp__join_inner(const osp__findings *f, const osp__op *join);

#endif /* OSPROFILER_RULES_H */
