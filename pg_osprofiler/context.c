/* SPDX-License-Identifier: Apache-2.0
 *
 * context.c
 *	  Where the context of a statement comes from: a comment of the statement,
 *	  else the settings osprofiler.trace_info and .trace_hmac.
 *
 * The settings are verified when a statement comes after they changed, so SET,
 * SET LOCAL, ROLLBACK, RESET and start-up options are all the same here: they
 * call the assign hook. Verified means once per change, and again when the keys
 * changed. Of comments the last one is remembered, accepted or not, for those
 * who send the same one with many statements.
 *
 * A comment counts only in the text that the client sent: what an EXECUTE or a
 * function runs may be text of another time and another trace.
 */
#include "pgosp.h"

#include "access/xact.h"
#include "tcop/tcopprot.h"
#include "utils/timestamp.h"

bool pgosp_has_trace_info = false;
bool pgosp_has_trace_hmac = false;

static bool setting_stale = true;
static uint64 setting_serial = 0; /* of the keys it was verified with */
static TimestampTz setting_reloaded = 0;
static pgospContext setting = {PGOSP_SOURCE_SETTING, OSP_CTX_NONE};

static uint64 comment_serial = 0;
static pgospContext comment = {PGOSP_SOURCE_COMMENT, OSP_CTX_NONE};
static size_t comment_info_len = 0;
static size_t comment_hmac_len = 0;
static char comment_bytes[OSP_COMMENT_SPACE];

static const pgospContext nothing = {PGOSP_SOURCE_NONE, OSP_CTX_NONE};
static const pgospContext *last = &nothing;
static TimestampTz last_at = 0; /* start of the message that it came with */

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

/* Counts a context that arrived. Not on the way of a point: per context. */
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
	if (likely(!setting_stale && setting_reloaded == PgReloadTime &&
			   setting_serial == pgosp_keyring_serial()))
		return &setting;
	setting_reloaded = PgReloadTime;
	(void) pgosp_keyring(NULL);
	if (!setting_stale && setting_serial == pgosp_keyring_serial())
		return &setting;

	setting.verdict = verify(osp_str_of(pgosp_trace_info),
							 osp_str_of(pgosp_trace_hmac),
							 &setting.ids);
	setting_stale = false;
	setting_serial = pgosp_keyring_serial();
	if (setting.verdict != OSP_CTX_NONE)
		count(setting.verdict);
	return &setting;
}

static bool
same_as_last_comment(osp_str info, osp_str hmac)
{
	return comment_serial == pgosp_keyring_serial() &&
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
	comment_serial = pgosp_keyring_serial();
	comment_info_len = info.len;
	comment_hmac_len = hmac.len;
	memcpy(comment_bytes, info.ptr, info.len);
	memcpy(comment_bytes + info.len, hmac.ptr, hmac.len);
}

/* Is this the text that the client sent? */
static bool
is_of_client(const char *string)
{
	return debug_query_string != NULL &&
		   (debug_query_string == string ||
			strcmp(debug_query_string, string) == 0);
}

/* The context in the comments of the statement, or NULL if there is none. */
static const pgospContext *
context_of_comment(const char *string, int location, int length)
{
	char bytes[OSP_COMMENT_SPACE];
	osp_str info;
	osp_str hmac;

	if (!pgosp_comment_gate ||
		!pgosp_may_have_comment(string, location, length) ||
		!osp_comment_context(
			pgosp_text_region(string, location, length), bytes, &info, &hmac) ||
		!is_of_client(string))
		return NULL;

	(void) pgosp_keyring(NULL);
	if (!same_as_last_comment(info, hmac))
	{
		comment.verdict = verify(info, hmac, &comment.ids);
		remember_comment(info, hmac);
	}
	count(comment.verdict);
	return &comment;
}

const pgospContext *
pgosp_context_of_statement(const char *string, int location, int length)
{
	const pgospContext *found = context_of_comment(string, location, length);

	if ((found == NULL || found->verdict != OSP_CTX_ACCEPTED) &&
		pgosp_setting_gate)
	{
		const pgospContext *set = pgosp_context_of_setting();

		if (found == NULL || set->verdict == OSP_CTX_ACCEPTED)
			found = set;
	}
	last = found != NULL ? found : &nothing;
	last_at = GetCurrentStatementStartTimestamp();
	return last->verdict == OSP_CTX_ACCEPTED ? found : NULL;
}

const pgospContext *
pgosp_context_last(void)
{
	return last_at == GetCurrentStatementStartTimestamp() ? last : &nothing;
}
