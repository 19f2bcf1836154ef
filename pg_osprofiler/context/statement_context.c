/* SPDX-License-Identifier: Apache-2.0
 *
 * statement_context.c
 *	  Finds the context of a statement: in a comment of the statement, else from
 *	  a call of osprofiler.set_context before it, else in the settings
 *	  osprofiler.trace_info and .trace_hmac, else by sampling.
 *
 * The settings are verified at the first statement after each change, and again
 * after a change of the keys. SET, SET LOCAL, ROLLBACK, RESET and start-up
 * options are all the same here, because all of them call the assign hook. The
 * last comment is remembered, accepted or not, because some clients send the
 * same one with many statements.
 *
 * A comment counts only in the text that the client sent, because an EXECUTE or a
 * function may run a text of another time and another trace. For the same reason it
 * counts only for the first execution of a prepared statement. The context of
 * osprofiler.set_context is for the client's next statement, of any kind, which uses it
 * up; if a transaction is rolled back before that statement, the context is forgotten.
 */
#include "pgosp.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "tcop/pquery.h"
#include "tcop/tcopprot.h"
#include "utils/portal.h"
#include "utils/timestamp.h"


static bool setting_stale = true;
static pgosp_hot_data pgospContext setting = {PGOSP_SOURCE_SETTING,
											  OSP_CTX_NONE};

/* The keys and the reload of the settings with which the setting was verified. */
static uint64 setting_serial = 0;
static TimestampTz setting_reloaded = 0;

static uint64 comment_serial = 0;
static pgospContext comment = {PGOSP_SOURCE_COMMENT, OSP_CTX_NONE};
static size_t comment_info_len = 0;
static size_t comment_hmac_len = 0;
static char comment_bytes[OSP_COMMENT_SPACE];

static pgospContext traceparent = {PGOSP_SOURCE_TRACEPARENT, OSP_CTX_NONE};

static pgospContext next = {PGOSP_SOURCE_CALL, OSP_CTX_NONE};

static const pgospContext nothing = {PGOSP_SOURCE_NONE, OSP_CTX_NONE};
pgosp_hot_data pgospContextLast pgosp_context_latest = {&nothing};

void
pgosp_context_setting_changed(bool info, bool hmac)
{
	pgosp_has_trace_info = info;
	pgosp_has_trace_hmac = hmac;
	setting_stale = true;
}

bool
pgosp_context_is_stale(void)
{
	return setting_stale;
}

/* Counts a context that arrived; called once per context, not for each point. */
static void
count(osp_verdict verdict)
{
	osp_runstat *stat = pgosp_runstat();

	if (stat != NULL)
		osp_runstat_add(&stat->contexts[verdict], 1);
}

static osp_verdict
verify(osp_str info, osp_str hmac, osp_context *ids)
{
	osp_keyring *keys = pgosp_keyring(NULL);

	if (keys == NULL || osp_keyring_count(keys) == 0)
		return info.len + hmac.len > 0 ? OSP_CTX_NO_KEYS : OSP_CTX_NONE;
	return osp_context_verify(keys, info, hmac, ids);
}

const pgospContext *
pgosp_context_of_setting(void)
{
	if (!setting_stale && setting_reloaded == PgReloadTime &&
		setting_serial == pgosp_keyring_serial)
		return &setting;
	setting_reloaded = PgReloadTime;
	(void) pgosp_keyring(NULL);
	if (!setting_stale && setting_serial == pgosp_keyring_serial)
		return &setting;

	setting.verdict = verify(osp_str_of(pgosp_trace_info),
							 osp_str_of(pgosp_trace_hmac),
							 &setting.ids);
	setting_stale = false;
	setting_serial = pgosp_keyring_serial;
	if (setting.verdict != OSP_CTX_NONE)
		count(setting.verdict);
	return &setting;
}

const pgospContext *
pgosp_context_of_untraced(void)
{
	static pgospContext context;

	context.source = PGOSP_SOURCE_SETTING;
	context.verdict = verify(osp_str_of(pgosp_trace_info),
							 osp_str_of(pgosp_trace_hmac),
							 &context.ids);
	return &context;
}

static bool
same_as_last_comment(osp_str info, osp_str hmac)
{
	return comment_serial == pgosp_keyring_serial &&
		   info.len == comment_info_len && hmac.len == comment_hmac_len &&
		   memcmp(comment_bytes, info.ptr, info.len) == 0 &&
		   memcmp(comment_bytes + info.len, hmac.ptr, hmac.len) == 0;
}

static void
remember_comment(osp_str info, osp_str hmac)
{
	comment_serial = 0;
	if (info.len + hmac.len > sizeof(comment_bytes))
		return;
	comment_serial = pgosp_keyring_serial;
	comment_info_len = info.len;
	comment_hmac_len = hmac.len;
	memcpy(comment_bytes, info.ptr, info.len);
	memcpy(comment_bytes + info.len, hmac.ptr, hmac.len);
}

bool
pgosp_context_is_of_client(const char *string)
{
	return debug_query_string != NULL &&
		   (debug_query_string == string ||
			strcmp(debug_query_string, string) == 0);
}

/* Uses a traceparent; false: there is none, or the settings do not accept any. */
static bool
use_traceparent(osp_str value, pgospContext *context)
{
	osp_traceparent read;

	if (!pgosp_accept_traceparent || value.len == 0)
		return false;
	context->source = PGOSP_SOURCE_TRACEPARENT;
	context->unsampled = false;
	context->verdict = OSP_CTX_BAD_MEMBERS;
	if (osp_traceparent_read(value, &read))
	{
		context->unsampled = !read.sampled;
		context->verdict = read.sampled ? OSP_CTX_ACCEPTED : OSP_CTX_NONE;
		context->ids.base_id = read.base_id;
		context->ids.parent_id = read.parent_id;
		context->ids.key = PGOSP_NO_KEY;
	}
	count(context->verdict);
	return true;
}

/* The context in the comments of a statement; NULL: there is none. */
static const pgospContext *
context_of_comment(const char *string, int location, int length)
{
	char bytes[OSP_COMMENT_SPACE];
	osp__loose_traceparent loose;
	osp_verdict found;
	osp_str info;
	osp_str hmac;

	if (!pgosp_comment_gate ||
		!pgosp_may_have_comment(string, location, length) ||
		!pgosp_context_is_of_client(string) || pgosp_is_executed_again())
		return NULL;
	found = pgosp_text_context(
		string, location, length, bytes, &info, &hmac, &loose);
	if (found != OSP_CTX_ACCEPTED && use_traceparent(loose.value, &traceparent))
		return &traceparent;
	if (found == OSP_CTX_NONE)
		return NULL;

	(void) pgosp_keyring(NULL);
	if (found == OSP_CTX_MALFORMED)
	{
		comment.verdict = OSP_CTX_MALFORMED;
		comment_serial = 0;
	}
	else if (!same_as_last_comment(info, hmac))
	{
		comment.verdict = verify(info, hmac, &comment.ids);
		remember_comment(info, hmac);
	}
	count(comment.verdict);
	return &comment;
}

static void
forget_next(void)
{
	pgosp_has_next_context = false;
	pgosp_gates_update();
}

static void
transaction_ends(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_ABORT && pgosp_has_next_context)
		forget_next();
}

static void
subtransaction_ends(SubXactEvent event, SubTransactionId my,
					SubTransactionId up, void *arg)
{
	if (event == SUBXACT_EVENT_ABORT_SUB && pgosp_has_next_context)
		forget_next();
}

static void
set_next(osp_str text)
{
	char bytes[OSP_COMMENT_SPACE];
	char space[OSP_TRACEPARENT_SPACE];
	osp_str value;
	osp_str info;
	osp_str hmac;
	osp_verdict found = osp__comment_read_whole(text, bytes, &info, &hmac);

	next.source = PGOSP_SOURCE_CALL;
	next.unsampled = false;
	next.refused_traceparent = false;
	if (found == OSP_CTX_ACCEPTED)
		next.verdict = verify(info, hmac, &next.ids);
	else if (osp_comment_traceparent(text, true, space, &value) &&
			 use_traceparent(value, &next))
		return;
	else
	{
		/* A text that is not a context at all counts as an unsigned one. */
		next.verdict =
			found == OSP_CTX_MALFORMED ? OSP_CTX_MALFORMED : OSP_CTX_UNSIGNED;
		next.refused_traceparent = value.len > 0;
	}
	count(next.verdict);
}

/* Makes sure that the context for the next statement is forgotten when its transaction
 * is rolled back. */
static void
listen_to_transactions(void)
{
	static bool listening = false;

	if (listening)
		return;
	RegisterXactCallback(transaction_ends, NULL);
	RegisterSubXactCallback(subtransaction_ends, NULL);
	listening = true;
}

bool
pgosp_context_set_next(osp_str text)
{
	listen_to_transactions();
	if (text.len == 0 || !pgosp_enabled)
	{
		forget_next();
		return false;
	}
	set_next(text);
	pgosp_has_next_context = true;
	pgosp_gates_update();
	return next.verdict == OSP_CTX_ACCEPTED;
}

void
pgosp_context_of_application_name(osp_str name)
{
	osp_traceparent read;

	if (name.len != OSP_TRACEPARENT_LEN || !pgosp_enabled ||
		!osp_traceparent_read(name, &read))
		return;
	listen_to_transactions();
	next.refused_traceparent = false;
	pgosp_has_next_context = use_traceparent(name, &next);
	pgosp_gates_update();
}

void
pgosp_context_use_up(const char *string)
{
	if (unlikely(pgosp_has_next_context) && pgosp_context_is_of_client(string))
		forget_next();
	if (unlikely(pgosp_context_latest.context == &comment ||
				 pgosp_context_latest.context == &traceparent))
		pgosp_execution_uses_comment();
}

/*
 * Is it a SELECT osprofiler.set_context(...)? The context is for the statement after
 * it. The dot is checked first, because nearly all statements have none there.
 */
static bool
is_call(const char *string, int location)
{
	static const char call[] = "SELECT osprofiler.set_context(";
	const size_t len = sizeof(call) - 1;
	const size_t dot = sizeof("SELECT osprofiler") - 1;
	const char *text = string + Max(location, 0);

	while (osp_sql_is_space(*text))
		text++;
	return strnlen(text, len) == len && text[dot] == '.' &&
		   pg_strncasecmp(text, call, len) == 0;
}

/* Returns more if it was accepted, or if there is nothing else. */
static inline const pgospContext *
better(const pgospContext *found, const pgospContext *more)
{
	return found == NULL || more->verdict == OSP_CTX_ACCEPTED ? more : found;
}

static inline bool
is_accepted(const pgospContext *found)
{
	return found != NULL && found->verdict == OSP_CTX_ACCEPTED;
}

/* May the statement be sampled? Only if no context was accepted and none asked not to
 * trace. */
static bool
may_sample(const char *string, const pgospContext *found)
{
	return pgosp_sample_rate > 0 && !is_accepted(found) &&
		   (found == NULL || !found->unsampled) && !IsParallelWorker() &&
		   pgosp_context_is_of_client(string);
}

const pgospContext *
pgosp_context_of_statement(const char *string, int location, int length)
{
	const pgospContext *found = context_of_comment(string, location, length);

	if (!is_accepted(found) && pgosp_setting_gate)
	{
		if (is_call(string, location))
			return NULL;
		if (pgosp_has_next_context && pgosp_context_is_of_client(string))
			found = better(found, &next);
		if (!is_accepted(found) &&
			(pgosp_has_trace_info || pgosp_has_trace_hmac))
			found = better(found, pgosp_context_of_setting());
		if (may_sample(string, found))
		{
			const pgospContext *drawn = pgosp_sampling_draw();

			if (drawn != NULL)
				found = drawn;
		}
	}
	pgosp_context_remember(found != NULL ? found : &nothing,
						   ActivePortal,
						   GetCurrentStatementStartTimestamp());
	return is_accepted(found) ? found : NULL;
}

const pgospContext *
pgosp_context_of_known(void)
{
	if (pgosp_has_next_context)
		return NULL;
	if (pgosp_has_trace_info || pgosp_has_trace_hmac)
		return pgosp_context_of_setting()->verdict == OSP_CTX_ACCEPTED
				   ? &setting
				   : NULL;
	return ActivePortal != NULL && may_sample(ActivePortal->sourceText, NULL)
			   ? pgosp_sampling_draw()
			   : NULL;
}

/*
 * Returns the context only if it is that of the statement that runs now: it was
 * stored in the current message or for the active portal. The time of the
 * message is not enough, because in the extended protocol the messages of one
 * statement have different times.
 */
const pgospContext *
pgosp_context_last(void)
{
	const pgospContextLast *last = &pgosp_context_latest;

	if (last->at == GetCurrentStatementStartTimestamp() ||
		(ActivePortal != NULL && ActivePortal == last->portal &&
		 ActivePortal->creation_time == last->portal_at))
		return last->context;
	return &nothing;
}
