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

/* Open if a context is set in osprofiler.trace_info or .trace_hmac, or for the
 * next statement, or if statements are sampled; and if tracing is on and this
 * is not a parallel worker without a context. */
extern bool pgosp_setting_gate;

/* Open if comments are to be searched, tracing is on, this is not a parallel
 * worker, and the session has seen a text that may have a context in a
 * comment. */
extern bool pgosp_comment_gate;

/* What opens the gates besides the settings. */
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

/* Makes the next statement check again what is traced, because something changes that
 * decides it. */
static inline void
pgosp_disarm(void)
{
	pgosp_armed_at = PGOSP_DISARMED;
}

/* Grows when new records of the same statement may have other contents. */
extern uint64 pgosp_text_epoch;

/* ---- what happens now ---- */

/* The open points, and how many there are; the number includes statements of which
 * something else is kept. */
extern dlist_head pgosp_open_points;
extern int pgosp_busy;

/* The serial number of the next operation. */
extern uint64 pgosp_next_serial;

/* The clock of this session's points; not for signal handlers. */
extern osp_clock pgosp_clock;

static inline int64
pgosp_now(void)
{
	return osp_clock_now(&pgosp_clock);
}

/* True while a top-level statement is planned: what runs now belongs to its
 * planning. */
extern bool pgosp_planning;

/* True while an error or a message is reported: log nothing now. */
extern bool pgosp_reporting;

/* True if the error that is being logged was recorded by its statement. */
extern bool pgosp_error_told;

/* When a statement of this session loaded the module; 0: it was loaded before. */
extern TimestampTz pgosp_loaded_at;

/* Called when something is traced for the first time; set by the hooks. */
extern void (*pgosp_first_trace_hook)(void);

/* ---- lines of the log that stand for many sessions (shared_lines.c) ---- */

/* Problems that keep sessions from being traced; each has a line of the log. */
typedef enum pgospLine
{
	PGOSP_LINE_NO_RING,
	PGOSP_LINE_NO_KEYS,
	PGOSP_LINE_NO_WORKER,
	PGOSP_LINE_LEFT_POINTS, /* no line: the worker is started for points that wait, by
							 * one of the sessions that begin together */
	PGOSP_LINE_COUNT
} pgospLine;

/*
 * Notes that this session has a line of this kind to log, with that text. Returns how
 * many sessions the line stands for, this one included; 0: do not log it, because
 * another session did in the last minute; this session is counted for the next line.
 */
extern uint64 pgosp_line_add(pgospLine line, const char *text);

/* How many sessions were counted for a line that is due, but are not in any line
 * yet. */
extern uint64 pgosp_line_rest(pgospLine line);

/* Adds the DETAIL of a line that stands for several sessions. */
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
