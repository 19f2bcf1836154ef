/* SPDX-License-Identifier: Apache-2.0
 *
 * pgosp_state.h
 *	  The state of a session that several parts share (state/session_state.c).
 */
#ifndef PGOSP_STATE_H
#define PGOSP_STATE_H

#include "pgosp_slot.h"

#pragma GCC visibility push(hidden)

/* ---- the gates: is there anything to do at all? ---- */

/* A context is set in osprofiler.trace_info or .trace_hmac, or for the next
 * statement, or statements are sampled; tracing is on, and this is no parallel
 * worker without a context. */
extern bool pgosp_setting_gate;

/* Comments are to be searched, tracing is on, this is no parallel worker, and the
 * session has seen a text that may have a context in a comment. */
extern bool pgosp_comment_gate;

/* What opens them beside the settings. */
extern bool pgosp_has_trace_info;
extern bool pgosp_has_trace_hmac;
extern bool pgosp_has_next_context;
extern bool pgosp_is_traced_worker; /* a parallel worker, with a context */
extern bool pgosp_comment_seen;     /* see pgosp_see_text() */

/* Computes the gates from the settings and the contexts that are set. */
extern void pgosp_gates_update(void);

/* ---- what holds as long as nothing changes ---- */

/*
 * PgReloadTime when it was last checked which cached plans are traced, and how
 * (statement_fast.c). While it is unchanged they are traced without checking
 * settings, context and keys again.
 */
#define PGOSP_DISARMED PG_INT64_MIN
extern TimestampTz pgosp_armed_at;

/* Something changes that decides what is traced: check again. */
static inline void
pgosp_disarm(void)
{
	pgosp_armed_at = PGOSP_DISARMED;
}

/* Grows when the records of the same statement may have other contents. */
extern uint64 pgosp_text_epoch;

/* ---- what happens now ---- */

/* Operations that are open, and how many; the count includes statements of which
 * something else is kept. */
extern dlist_head pgosp_open_points;
extern int pgosp_busy;

/* The serial number of the next operation. */
extern uint64 pgosp_next_serial;

/* The time of this session's points; not for signal handlers. */
extern osp_clock pgosp_clock;

static inline int64
pgosp_now(void)
{
	return osp_clock_now(&pgosp_clock);
}

/* A top-level statement is being planned: what runs now belongs to it. */
extern bool pgosp_planning;

/* An error or a message is being reported: log nothing now. */
extern bool pgosp_reporting;

/* The error on its way to the log was recorded by its statement. */
extern bool pgosp_error_told;

/* When a statement loaded the module; 0: it was there when the session began. */
extern TimestampTz pgosp_loaded_at;

/* Called when something is traced for the first time; set by the hooks. */
extern void (*pgosp_first_trace_hook)(void);

/* ---- lines of the log that stand for many sessions (shared_lines.c) ---- */

/* What keeps sessions from being traced. */
typedef enum pgospLine
{
	PGOSP_LINE_NO_RING,
	PGOSP_LINE_NO_KEYS,
	PGOSP_LINE_NO_WORKER,
	PGOSP_LINE_COUNT
} pgospLine;

/*
 * This session has a line of this kind to log, with that text. How many sessions it is to
 * stand for, this one included; 0: another one was logged in the last minute, and this
 * session is counted for the next.
 */
extern uint64 pgosp_line_add(pgospLine line, const char *text);

/* Sessions that were counted for a line which is due, and are in none yet. */
extern uint64 pgosp_line_rest(pgospLine line);

/* The DETAIL of such a line. */
extern int pgosp_line_detail(uint64 sessions);

/* ---- the run directory (run_directory.c) ---- */

/* The ring of this backend, NULL while it has none. */
extern osp_producer *pgosp_ring;

/* The run directory of this cluster. */
extern osp_status pgosp_rundir(char out[OSP_RUNDIR_PATH_MAX], osp_error *err);

/* The status file of the run directory, or NULL. Only for counting. */
extern osp_runstat *pgosp_runstat(void);

#pragma GCC visibility pop

#endif /* PGOSP_STATE_H */
