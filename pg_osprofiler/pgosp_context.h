/* SPDX-License-Identifier: Apache-2.0
 *
 * pgosp_context.h
 *	  Where the context of a statement comes from.
 */
#ifndef PGOSP_CONTEXT_H
#define PGOSP_CONTEXT_H

#include "pgosp_state.h"

#include "utils/portal.h"

#pragma GCC visibility push(hidden)

/* ---- keys (key_reload.c) ---- */

/* The keyring as the settings and the keys file are now; NULL if there is none
 * (*reason, if not NULL, says why). It may change with every call. */
extern osp_keyring *pgosp_keyring(const char **reason);

/* Changes whenever the keyring does. */
extern uint64 pgosp_keyring_serial;

/* The setting osprofiler.hmac_keys or .hmac_keys_file changed. */
extern void pgosp_keys_changed(void);

/* ---- context (context.c) ---- */

typedef enum pgospSource
{
	PGOSP_SOURCE_NONE,
	PGOSP_SOURCE_COMMENT,
	PGOSP_SOURCE_CALL, /* of osprofiler.set_context */
	PGOSP_SOURCE_SETTING,
	PGOSP_SOURCE_TRACEPARENT,
	PGOSP_SOURCE_SAMPLING
} pgospSource;

/* In the place of a key: nobody has signed it, and nobody is to. */
#define PGOSP_NO_KEY SIZE_MAX

/* A context that was looked at, accepted or not. */
typedef struct pgospContext
{
	pgospSource source;
	osp_verdict verdict;
	bool unsampled;           /* the caller says that nothing shall be traced */
	bool refused_traceparent; /* it is one, and such are not accepted */
	osp_context ids;          /* if accepted */
} pgospContext;

/* osprofiler.trace_info or .trace_hmac changed. info and hmac: are there any? */
extern void pgosp_context_setting_changed(bool info, bool hmac);

/* Did the setting change since it was last verified? */
extern bool pgosp_context_is_stale(void);

/* The context that is set in this session, verified. */
extern const pgospContext *pgosp_context_of_setting(void);

/* osprofiler.set_context: a context for the client's next statement, in the form
 * of a comment; an empty one takes it back. Is it accepted? May raise an error. */
extern bool pgosp_context_set_next(osp_str text);

/* Is this the text that the client sent, in whatever protocol? */
extern bool pgosp_context_is_of_client(const char *string);

/*
 * Was the active portal's prepared statement executed before? The comment of its text
 * names the operation that sent the text, so it counts for the first execution only. Of
 * an unnamed statement this is known if its plan was made anew, as it is where there are
 * parameters.
 */
extern bool pgosp_is_executed_again(void);

/* The client has set this application_name: if it is a traceparent, and nothing else,
 * it is the context of the client's next statement. */
extern void pgosp_context_of_application_name(osp_str name);

/* This statement is at its start: what was set for the next one is used up. */
extern void pgosp_context_use_up(const char *string);

/*
 * The context of a top-level statement: of its comment, else the one that was
 * set for it, else that of the session. NULL: there is none that was accepted.
 */
extern const pgospContext *pgosp_context_of_statement(const char *string,
													  int location, int length);

/* The same for a text that is known to have no comment: NULL also if there is more to
 * look at. That of the session stays until pgosp_disarm, one that was drawn as long as
 * its transaction. */
extern const pgospContext *pgosp_context_of_known(void);

/* The context of the last top-level statement, with the start of the message that
 * it came with, and its portal. */
typedef struct pgospContextLast
{
	const pgospContext *context;
	TimestampTz at;
	const PortalData *portal;
	TimestampTz portal_at;
} pgospContextLast;

extern pgospContextLast pgosp_context_latest;

/* A top-level statement comes with this context. portal: NULL if it has none. */
static inline void
pgosp_context_remember(const pgospContext *context, const PortalData *portal,
					   TimestampTz at)
{
	pgosp_context_latest.context = context;
	pgosp_context_latest.at = at;
	pgosp_context_latest.portal = portal;
	pgosp_context_latest.portal_at = portal != NULL ? portal->creation_time : 0;
}

/* What became of the context of the last top-level statement. */
extern const pgospContext *pgosp_context_last(void);

/* ---- sampling (sampling.c) ---- */

/* The context of a client's statement without one; NULL: its transaction is not
 * sampled. */
extern const pgospContext *pgosp_sampling_draw(void);

#pragma GCC visibility pop

#endif /* PGOSP_CONTEXT_H */
