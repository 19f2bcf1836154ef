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

/* The keyring of the present settings and keys file; NULL if there is none (*reason, if
 * not NULL, says why). It may change with every call. */
extern osp_keyring *pgosp_keyring(const char **reason);

/* Changes whenever the keyring does. */
extern uint64 pgosp_keyring_serial;

/* Notes that osprofiler.hmac_keys or .hmac_keys_file changed. */
extern void pgosp_keys_changed(void);

/* ---- context (context.c) ---- */

typedef enum pgospSource
{
	PGOSP_SOURCE_NONE,
	PGOSP_SOURCE_COMMENT,
	PGOSP_SOURCE_CALL, /* a call of osprofiler.set_context */
	PGOSP_SOURCE_SETTING,
	PGOSP_SOURCE_TRACEPARENT,
	PGOSP_SOURCE_SAMPLING
} pgospSource;

/* Stands for the key of a context that no key has signed and none shall sign. */
#define PGOSP_NO_KEY SIZE_MAX

/* A context that was checked, accepted or not. */
typedef struct pgospContext
{
	pgospSource source;
	osp_verdict verdict;
	bool unsampled;           /* the caller says that nothing shall be traced */
	bool refused_traceparent; /* a traceparent, which is not accepted here */
	osp_context ids;          /* only set if it was accepted */
} pgospContext;

/* Notes that osprofiler.trace_info or .trace_hmac changed. info and hmac: is the
 * setting not empty? */
extern void pgosp_context_setting_changed(bool info, bool hmac);

/* Did osprofiler.trace_info or .trace_hmac change since their context was last
 * verified? */
extern bool pgosp_context_is_stale(void);

/* The context in osprofiler.trace_info and .trace_hmac, verified. */
extern const pgospContext *pgosp_context_of_setting(void);

/* The same for a session in which nothing is traced: the context is not counted, now or
 * later. */
extern const pgospContext *pgosp_context_of_untraced(void);

/* Sets a context for the client's next statement (osprofiler.set_context). It has the
 * form of a comment; an empty text removes it. Is it accepted? May raise an error. */
extern bool pgosp_context_set_next(osp_str text);

/* Is this the text that the client sent, by either protocol? */
extern bool pgosp_context_is_of_client(const char *string);

/*
 * Was the prepared statement that runs, or that fails before it runs, executed before?
 * The comment in its text names the operation that sent the text, so it counts for the
 * first execution only. Repeated executions of an unnamed statement are recognized only
 * if it was planned again, as statements with parameters are.
 */
extern bool pgosp_is_executed_again(void);

/* Notes that an execution has used the context in the comment of its statement. */
extern void pgosp_execution_uses_comment(void);

/* Notes that the client has set this application_name: if it is a traceparent, and
 * nothing else, it becomes the context of the client's next statement. */
extern void pgosp_context_of_application_name(osp_str name);

/* Called at the start of a statement of the client: forgets the context that was set
 * for the client's next statement, and notes that the one in a comment was used. */
extern void pgosp_context_use_up(const char *string);

/*
 * The context of a top-level statement: the one in its comment, else the one
 * that was set for it, else that of the session, else a sampled one. NULL: none
 * was accepted.
 */
extern const pgospContext *pgosp_context_of_statement(const char *string,
													  int location, int length);

/* Like pgosp_context_of_statement, for a text that has no comment. NULL also if more
 * has to be checked. The context of the session stays until pgosp_disarm, a sampled one
 * until the end of its transaction. */
extern const pgospContext *pgosp_context_of_known(void);

/* The context of the last top-level statement, with the start time of its message, and
 * its portal. */
typedef struct pgospContextLast
{
	const pgospContext *context;
	TimestampTz at;
	const PortalData *portal;
	TimestampTz portal_at;
} pgospContextLast;

extern pgospContextLast pgosp_context_latest;

/* Remembers that a top-level statement came with this context. portal: NULL if it has
 * none. */
static inline void
pgosp_context_remember(const pgospContext *context, const PortalData *portal,
					   TimestampTz at)
{
	pgosp_context_latest.context = context;
	pgosp_context_latest.at = at;
	pgosp_context_latest.portal = portal;
	pgosp_context_latest.portal_at = portal != NULL ? portal->creation_time : 0;
}

/* The context of the statement that runs now, accepted or not. */
extern const pgospContext *pgosp_context_last(void);

/* ---- sampling (sampling.c) ---- */

/* Draws by lot, once for each transaction, whether it is sampled. Returns the context
 * of statements without one; NULL: the transaction is not sampled. */
extern const pgospContext *pgosp_sampling_draw(void);

#pragma GCC visibility pop

#endif /* PGOSP_CONTEXT_H */
