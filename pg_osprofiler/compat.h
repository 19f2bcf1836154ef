/* SPDX-License-Identifier: Apache-2.0
 *
 * compat.h
 *	  The differences between the versions of PostgreSQL, 13 to 18. All checks of
 *	  PG_VERSION_NUM are here.
 */
#ifndef PGOSP_COMPAT_H
#define PGOSP_COMPAT_H

#include "executor/execdesc.h"
#include "executor/instrument.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/execnodes.h"
#include "nodes/plannodes.h"
#include "pgstat.h"
#include "storage/lock.h"
#include "storage/proc.h"
#include "tcop/utility.h"
#include "utils/guc.h"
#if PG_VERSION_NUM >= 140000
#include "utils/backend_status.h"
#endif

/* The role that may read the statistics of other users. */
#if PG_VERSION_NUM >= 140000
#define PGOSP_ROLE_READ_ALL_STATS ROLE_PG_READ_ALL_STATS
#else
#define PGOSP_ROLE_READ_ALL_STATS DEFAULT_ROLE_READ_ALL_STATS
#endif

/* Is it a call of a function in SQL's own syntax, such as trim(BOTH FROM a)? */
#if PG_VERSION_NUM >= 140000
#define PGOSP_IS_SQL_SYNTAX(call) ((call)->funcformat == COERCE_SQL_SYNTAX)
#else
#define PGOSP_IS_SQL_SYNTAX(call) false
#endif

/* How far before the arrival of a message the wait of its statement may seem to begin, in
 * ns. PostgreSQL notes both times, but 13 does not say when a wait began: there it is the
 * time at which the worker looked before, which does so once a second while it sleeps. */
#if PG_VERSION_NUM >= 140000
#define PGOSP_WAIT_START_NS INT64_C(1000000)
#else
#define PGOSP_WAIT_START_NS INT64_C(1100000000)
#endif

/* The arguments of ExecutorRun_hook, kept while PostgreSQL's executor runs. */
typedef struct pgospRun
{
	QueryDesc *queryDesc;
	ScanDirection direction;
	uint64 count;
	bool execute_once; /* only up to PostgreSQL 17 */
} pgospRun;

/* The arguments of ExecutorRun_hook: how they are declared, passed on, and kept in a
 * pgospRun. */
#if PG_VERSION_NUM >= 180000
#define PGOSP_RUN_ARGS \
	QueryDesc *queryDesc, ScanDirection direction, uint64 count
#define PGOSP_RUN_PASS      queryDesc, direction, count
#define PGOSP_RUN_KEPT(run) (run)->queryDesc, (run)->direction, (run)->count
#define PGOSP_RUN_KEEP(run) \
	(*(run) = (pgospRun){queryDesc, direction, count, false})
#else
#define PGOSP_RUN_ARGS                                           \
	QueryDesc *queryDesc, ScanDirection direction, uint64 count, \
		bool execute_once
#define PGOSP_RUN_PASS queryDesc, direction, count, execute_once
#define PGOSP_RUN_KEPT(run) \
	(run)->queryDesc, (run)->direction, (run)->count, (run)->execute_once
#define PGOSP_RUN_KEEP(run) \
	(*(run) = (pgospRun){queryDesc, direction, count, execute_once})
#endif

/* The arguments of ProcessUtility_hook: how they are declared and passed on. */
#if PG_VERSION_NUM >= 140000
#define PGOSP_UTILITY_ARGS                                          \
	PlannedStmt *pstmt, const char *queryString, bool readOnlyTree, \
		ProcessUtilityContext context, ParamListInfo params,        \
		QueryEnvironment *queryEnv, DestReceiver *dest, QueryCompletion *qc
#define PGOSP_UTILITY_PASS \
	pstmt, queryString, readOnlyTree, context, params, queryEnv, dest, qc
#else
#define PGOSP_UTILITY_ARGS                                   \
	PlannedStmt *pstmt, const char *queryString,             \
		ProcessUtilityContext context, ParamListInfo params, \
		QueryEnvironment *queryEnv, DestReceiver *dest, QueryCompletion *qc
#define PGOSP_UTILITY_PASS \
	pstmt, queryString, context, params, queryEnv, dest, qc
#endif

/* The arguments of planner_hook: how they are declared and passed on. */
#define PGOSP_PLANNER_ARGS                                     \
	Query *parse, const char *query_string, int cursorOptions, \
		ParamListInfo boundParams
#define PGOSP_PLANNER_PASS parse, query_string, cursorOptions, boundParams

/* The name of a plan's command, if it is none of SELECT, INSERT, UPDATE and DELETE;
 * NULL: unknown. */
#if PG_VERSION_NUM >= 150000
#define PGOSP_OTHER_COMMAND(operation) \
	((operation) == CMD_MERGE ? "MERGE" : NULL)
#else
#define PGOSP_OTHER_COMMAND(operation) NULL
#endif

/*
 * Does stmt_location of a string's second and later statements point behind the
 * comments before the statement? Up to PostgreSQL 17 it points to the end of
 * the statement before.
 */
#if PG_VERSION_NUM >= 180000
#define PGOSP_LOCATION_SKIPS_COMMENTS true
#else
#define PGOSP_LOCATION_SKIPS_COMMENTS false
#endif

/* Makes PostgreSQL complain about unknown settings with our prefix: by a warning, from
 * version 15 on by an error. */
static inline void
pgosp_reserve_prefix(const char *prefix)
{
#if PG_VERSION_NUM >= 150000
	MarkGUCPrefixReserved(prefix);
#else
	EmitWarningsOnPlaceholders(prefix);
#endif
}

/* Defined if CachedPlanSource has num_generic_plans besides num_custom_plans. */
#if PG_VERSION_NUM >= 140000
#define PGOSP_COUNTS_EXECUTIONS
#endif

/* Allocates what a check hook passes to its assign hook. */
static inline void *
pgosp_guc_alloc(size_t size)
{
#if PG_VERSION_NUM >= 160000
	return guc_malloc(LOG, size);
#else
	return malloc(size);
#endif
}

/* The name under which iconv knows an encoding of PostgreSQL, or NULL. */
static inline const char *
pgosp_iconv_name(int encoding)
{
#if PG_VERSION_NUM >= 170000
	return PG_VALID_ENCODING(encoding) ? pg_enc2gettext_tbl[encoding] : NULL;
#else
	const pg_enc2gettext *entry;

	for (entry = pg_enc2gettext_tbl; entry->name != NULL; entry++)
		if ((int) entry->encoding == encoding)
			return entry->name;
	return NULL;
#endif
}

/* The I/O times in BufferUsage; a time that this version does not have is NULL. */
typedef struct pgospIoTimes
{
	const instr_time *read;
	const instr_time *write;
	const instr_time *temp_read;
	const instr_time *temp_write;
} pgospIoTimes;

static inline pgospIoTimes
pgosp_io_times(const BufferUsage *usage)
{
	pgospIoTimes times = {NULL, NULL, NULL, NULL};

#if PG_VERSION_NUM >= 170000
	times.read = &usage->shared_blk_read_time;
	times.write = &usage->shared_blk_write_time;
#else
	times.read = &usage->blk_read_time;
	times.write = &usage->blk_write_time;
#endif
#if PG_VERSION_NUM >= 150000
	times.temp_read = &usage->temp_blk_read_time;
	times.temp_write = &usage->temp_blk_write_time;
#endif
	return times;
}

/* Older versions have another name for the type of event triggers. */
#if PG_VERSION_NUM < 140000
#define EVENT_TRIGGEROID EVTTRIGGEROID
#endif

/* The number of the tables that a statement changes. */
static inline int
pgosp_result_relation_count(const EState *estate)
{
#if PG_VERSION_NUM >= 140000
	return list_length(estate->es_opened_result_relations);
#else
	return estate->es_num_result_relations;
#endif
}

static inline const ResultRelInfo *
pgosp_result_relation(const EState *estate, int i)
{
#if PG_VERSION_NUM >= 140000
	return (const ResultRelInfo *) list_nth(estate->es_opened_result_relations,
											i);
#else
	return &estate->es_result_relations[i];
#endif
}

/* May a statement change tables that are not among these: partitions that rows are
 * routed to, ancestors of partitions? */
static inline bool
pgosp_has_other_result_relations(const EState *estate)
{
#if PG_VERSION_NUM < 140000
	if (estate->es_num_root_result_relations > 0)
		return true;
#endif
	return estate->es_tuple_routing_result_relations != NIL ||
		   estate->es_trig_target_relations != NIL;
}

/* The time that this backend has spent on writing and syncing the WAL; 0 in versions
 * that do not count it. */
typedef struct pgospWalTimes
{
	double write_ms;
	double sync_ms;
} pgospWalTimes;

static inline void
pgosp_wal_times(pgospWalTimes *times)
{
#if PG_VERSION_NUM >= 180000 || PG_VERSION_NUM < 140000
	times->write_ms = 0;
	times->sync_ms = 0;
#elif PG_VERSION_NUM >= 160000
	times->write_ms = INSTR_TIME_GET_MILLISEC(PendingWalStats.wal_write_time);
	times->sync_ms = INSTR_TIME_GET_MILLISEC(PendingWalStats.wal_sync_time);
#elif PG_VERSION_NUM >= 150000
	times->write_ms = (double) PendingWalStats.wal_write_time / 1000.0;
	times->sync_ms = (double) PendingWalStats.wal_sync_time / 1000.0;
#else
	times->write_ms = (double) WalStats.m_wal_write_time / 1000.0;
	times->sync_ms = (double) WalStats.m_wal_sync_time / 1000.0;
#endif
}

/* The class of wait events of injection points, which not all versions have. */
#define PGOSP_WAIT_INJECTION_POINT 0x0B000000U

/* The number of the transaction that a backend is in; 0: none. */
static inline uint64
pgosp_transaction_of(const PGPROC *proc)
{
#if PG_VERSION_NUM >= 170000
	return proc->vxid.lxid;
#else
	return proc->lxid;
#endif
}

/* When the backend began to wait for a lock; 0: not known. */
static inline TimestampTz
pgosp_wait_start(PGPROC *proc)
{
#if PG_VERSION_NUM >= 140000
	return (TimestampTz) pg_atomic_read_u64(&proc->waitStart);
#else
	return 0;
#endif
}

/* The next process that holds the lock or waits for it. held NULL: the first one;
 * returns NULL if there are no more. */
static inline PROCLOCK *
pgosp_next_holder(LOCK *lock, PROCLOCK *held)
{
#if PG_VERSION_NUM >= 160000
	dlist_node *node = held != NULL ? &held->lockLink : &lock->procLocks.head;

	return node->next != NULL && node->next != &lock->procLocks.head
			   ? dlist_container(PROCLOCK, lockLink, node->next)
			   : NULL;
#else
	return (PROCLOCK *) SHMQueueNext(&lock->procLocks,
									 held != NULL ? &held->lockLink
												  : &lock->procLocks,
									 offsetof(PROCLOCK, lockLink));
#endif
}

/* The next lock of a backend in one partition of the lock table. own NULL: the first
 * one; returns NULL if there are no more. */
static inline PROCLOCK *
pgosp_next_own_lock(PGPROC *proc, int partition, PROCLOCK *own)
{
#if PG_VERSION_NUM >= 160000
	const dlist_node *head = &proc->myProcLocks[partition].head;
	const dlist_node *node = own != NULL ? &own->procLink : head;

	return node->next != NULL && node->next != head
			   ? dlist_container(PROCLOCK, procLink, node->next)
			   : NULL;
#else
	return (PROCLOCK *) SHMQueueNext(
		&proc->myProcLocks[partition],
		own != NULL ? &own->procLink : &proc->myProcLocks[partition],
		offsetof(PROCLOCK, procLink));
#endif
}

/* This backend's PgBackendStatus, which pg_stat_activity shows; NULL: in this version
 * other processes cannot find it. */
static inline void *
pgosp_own_status(void)
{
#if PG_VERSION_NUM >= 140000
	return MyBEEntry;
#else
	return NULL;
#endif
}

/*
 * The PgBackendStatus of the process proc, found by its distance from other, whose
 * status is known. NULL: proc has no process (a prepared transaction), or its status is
 * not known.
 */
static inline volatile PgBackendStatus *
pgosp_status_of(const PGPROC *proc, const PGPROC *other,
				const void *status_of_other)
{
	const PgBackendStatus *status = (const PgBackendStatus *) status_of_other;

	if (proc->pid == 0 || status == NULL)
		return NULL;
#if PG_VERSION_NUM >= 170000
	return (volatile PgBackendStatus *) status + (proc - other);
#elif PG_VERSION_NUM >= 140000
	if (proc->backendId != InvalidBackendId &&
		other->backendId != InvalidBackendId)
		return (volatile PgBackendStatus *) status +
			   (proc->backendId - other->backendId);
#endif
	return NULL;
}

/* The arguments of post_parse_analyze_hook: how they are declared and passed on. */
#if PG_VERSION_NUM >= 140000
#define PGOSP_ANALYZE_ARGS ParseState *pstate, Query *query, JumbleState *jstate
#define PGOSP_ANALYZE_PASS pstate, query, jstate
#else
#define PGOSP_ANALYZE_ARGS ParseState *pstate, Query *query
#define PGOSP_ANALYZE_PASS pstate, query
#endif

/* Plan nodes that not all versions have: their names, and the ones that scan a
 * table. */
#if PG_VERSION_NUM >= 140000
#define PGOSP_NEWER_NODES \
	{T_Memoize, "Memoize"}, {T_TidRangeScan, "Tid Range Scan"},
#define PGOSP_NEWER_SCANS case T_TidRangeScan:
#else
#define PGOSP_NEWER_NODES
#define PGOSP_NEWER_SCANS
#endif

/* Kinds of joins that not all versions have. */
#if PG_VERSION_NUM >= 180000
#define PGOSP_OTHER_JOIN(type)                   \
	((type) == JOIN_RIGHT_ANTI   ? " Right Anti" \
	 : (type) == JOIN_RIGHT_SEMI ? " Right Semi" \
								 : " Other")
#elif PG_VERSION_NUM >= 160000
#define PGOSP_OTHER_JOIN(type) \
	((type) == JOIN_RIGHT_ANTI ? " Right Anti" : " Other")
#else
#define PGOSP_OTHER_JOIN(type) " Other"
#endif

/* The inputs of a ModifyTable besides the usual ones, and their number. */
#if PG_VERSION_NUM >= 140000
#define PGOSP_MODIFY_PLANS(node) NULL, 0
#else
#define PGOSP_MODIFY_PLANS(node)             \
	((ModifyTableState *) (node))->mt_plans, \
		((ModifyTableState *) (node))->mt_nplans
#endif

/* The inputs of a ModifyTable's plan besides the usual ones, as a list. */
#if PG_VERSION_NUM >= 140000
#define PGOSP_MODIFY_LIST(plan) NIL
#else
#define PGOSP_MODIFY_LIST(plan) ((const ModifyTable *) (plan))->plans
#endif

#endif /* PGOSP_COMPAT_H */
