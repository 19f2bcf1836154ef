/* SPDX-License-Identifier: Apache-2.0
 *
 * pgosp_setting.h
 *	  The settings, and the gate that they open.
 */
#ifndef PGOSP_SETTING_H
#define PGOSP_SETTING_H

#include "pgosp_base.h"

#pragma GCC visibility push(hidden)

/* ---- settings (guc.c) ---- */

extern bool pgosp_enabled;
extern bool pgosp_read_comments;
extern bool pgosp_hide_params;
extern bool pgosp_accept_traceparent;
extern int pgosp_max_statement_length; /* bytes */
extern int pgosp_max_points;
extern int pgosp_ring_size_kb;
extern int pgosp_spool_limit_mb;
extern int pgosp_on_full;
extern char *pgosp_hmac_keys;
extern char *pgosp_hmac_keys_file;
extern char *pgosp_connection_string;
extern char *pgosp_run_directory;
extern osp_str pgosp_project;
extern osp_str pgosp_service;
extern char *pgosp_agent;
extern char *pgosp_trace_info;
extern char *pgosp_trace_hmac;

/* What osprofiler.points may name. */
enum
{
	PGOSP_POINTS_STATEMENT = 1,
	PGOSP_POINTS_NESTED = 2,
	PGOSP_POINTS_PLAN = 4,
	PGOSP_POINTS_COMMIT = 8,
	PGOSP_POINTS_TRIGGER = 16,
	PGOSP_POINTS_WORKER = 32,
	PGOSP_POINTS_FUNCTION = 64,
	PGOSP_POINTS_NODE = 128,
	PGOSP_POINTS_WAIT = 256
};
extern int pgosp_points; /* of these */

/* Grows when what the points of the same statement tell may be another. */
extern uint64 pgosp_text_epoch;

extern void pgosp_guc_init(void);

/* ---- the gate: is there anything to do at all? ---- */

/* A context is set in osprofiler.trace_info or .trace_hmac, or for the next
 * statement, or statements are sampled; tracing is on, and this is no parallel
 * worker. */
extern bool pgosp_setting_gate;

/* Comments are to be looked at, tracing is on, and this is no parallel worker. */
extern bool pgosp_comment_gate;

/* How many points are open, and statements that we keep something of. */
extern int pgosp_busy;

static inline bool
pgosp_is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Does a block comment end right before end, white space and ';' aside? */
static inline bool
pgosp_comment_ends(const char *begin, const char *end)
{
	while (end > begin && (pgosp_is_space(end[-1]) || end[-1] == ';'))
		end--;
	return end - begin >= 4 && end[-1] == '/' && end[-2] == '*';
}

/*
 * May this statement have a comment round it? As cheap as can be, for it is
 * asked for every statement; the answer may be yes too often.
 */
static inline bool
pgosp_may_have_comment(const char *string, int location, int length)
{
	const char *first = string + Max(location, 0);
	const char *text = first;

	while (pgosp_is_space(*text))
		text++;
	if (text[0] == '/' && text[1] == '*')
		return true;
	if (PGOSP_LOCATION_SKIPS_COMMENTS && pgosp_comment_ends(string, first))
		return true;
	if (length > 0 && pgosp_comment_ends(first, first + length))
		return true;
	return pgosp_comment_ends(text, text + strlen(text));
}

/* Is there more to do for this statement than to hand it on? */
static inline bool
pgosp_anything_to_do(const char *string, int location, int length)
{
	if (unlikely(pgosp_setting_gate || pgosp_busy > 0))
		return true;
	return pgosp_comment_gate && string != NULL &&
		   pgosp_may_have_comment(string, location, length);
}

/*
 * When the settings were loaded by which statements are traced that are known, and
 * all else is as it has to be (statementknown.c); PGOSP_DISARMED: it has to be
 * looked at.
 */
#define PGOSP_DISARMED PG_INT64_MIN
extern TimestampTz pgosp_armed_at;

/* Something by which it is decided what is traced changes now. */
static inline void
pgosp_disarm(void)
{
	pgosp_armed_at = PGOSP_DISARMED;
}

/* Works the gates out again, after a setting changed. */
extern void pgosp_gates_update(void);

#pragma GCC visibility pop

#endif /* PGOSP_SETTING_H */
