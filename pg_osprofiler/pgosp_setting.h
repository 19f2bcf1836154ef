/* SPDX-License-Identifier: Apache-2.0
 *
 * pgosp_setting.h
 *	  The settings, and the gates: quick checks whether there is anything to
 *	  trace.
 */
#ifndef PGOSP_SETTING_H
#define PGOSP_SETTING_H

#include "pgosp_state.h"

#pragma GCC visibility push(hidden)

/* ---- settings (state/settings.def) ---- */

#define SETTING_BOOL(name, variable, ...)   extern bool variable;
#define SETTING_INT(name, variable, ...)    extern int variable;
#define SETTING_REAL(name, variable, ...)   extern double variable;
#define SETTING_ENUM(name, variable, ...)   extern int variable;
#define SETTING_TEXT(name, variable, ...)   extern const char *variable;
#define SETTING_LABEL(name, variable, ...)  extern osp_str variable;
#define SETTING_POINTS(name, variable, ...) extern int variable;
#include "state/settings.def"

/* The kinds of operations that osprofiler.points may name; pgosp_points holds these
 * bits. */
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
	PGOSP_POINTS_WAIT = 256,
	PGOSP_POINTS_PARSE = 512
};

/* The path of the file that a setting names: a relative one begins in the data
 * directory. */
extern void pgosp_file_of_setting(const char *setting, char path[MAXPGPATH]);

extern void pgosp_guc_init(void);

/* Says in the log, once, which settings hold secrets (settings_warning.c). */
extern void pgosp_warn_of_secrets(void);

/* Like pgosp_warn_of_secrets, in the postmaster, for a setting that has just been
 * assigned. */
extern void pgosp_secret_assigned(const char *name);

/* ---- the gate: is there anything to do at all? ---- */

/*
 * May a comment with a context stand beside this statement, or at an end of the
 * whole string? The check is as cheap as can be, so it may say yes too often.
 */
static inline bool
pgosp_may_have_comment(const char *string, int location, int length)
{
	const char *first = string + Max(location, 0);
	size_t len = strlen(string);

	if (osp_sql_may_have_context(osp_str_n(string, len)))
		return true;
	if (likely(location <= 0 && length <= 0))
		return false;
	if (PGOSP_LOCATION_SKIPS_COMMENTS && location > 0 &&
		osp_sql_tail_has_comment(string, first))
		return true;
	return osp_sql_may_have_context(
		osp_str_n(first, length > 0 ? (size_t) length : strlen(first)));
}

/*
 * Opens the gate for comments for the rest of the session if the text may have a
 * comment with a context. Each text is checked when it is analysed or fails, so
 * executions of prepared statements are not searched in sessions that have no such
 * comment.
 */
static inline void
pgosp_see_text(const char *string, int location, int length)
{
	if (pgosp_comment_seen || string == NULL ||
		likely(!pgosp_may_have_comment(string, location, length)))
		return;
	pgosp_comment_seen = true;
	pgosp_gates_update();
}

/* Is there more to do for this statement than to pass it on to PostgreSQL? */
static inline bool
pgosp_anything_to_do(const char *string, int location, int length)
{
	if (unlikely(pgosp_setting_gate || pgosp_busy > 0))
		return true;
	return pgosp_comment_gate && string != NULL &&
		   pgosp_may_have_comment(string, location, length);
}

#pragma GCC visibility pop

#endif /* PGOSP_SETTING_H */
