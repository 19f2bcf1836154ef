/* SPDX-License-Identifier: Apache-2.0
 *
 * context_functions.c
 *	  The SQL functions context, headers and traceparent: the context of the running
 *	  statement, or why it has none, and the context for calls of other services.
 */
#include "pgosp.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "fmgr.h"
#include "funcapi.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/guc.h"

PG_FUNCTION_INFO_V1(pgosp_context);
PG_FUNCTION_INFO_V1(pgosp_headers);
PG_FUNCTION_INFO_V1(pgosp_traceparent);

static Datum
id_datum(const osp_id *id)
{
	char storage[OSP_ID_MAX + 1];
	osp_str text = osp_id_text(id, storage);

	return PointerGetDatum(cstring_to_text_with_len(text.ptr, (int) text.len));
}

static const char *
source_name(pgospSource source)
{
	switch (source)
	{
		case PGOSP_SOURCE_COMMENT:
			return "comment";
		case PGOSP_SOURCE_CALL:
			return "set_context";
		case PGOSP_SOURCE_SETTING:
			return "setting";
		case PGOSP_SOURCE_TRACEPARENT:
			return "traceparent";
		case PGOSP_SOURCE_SAMPLING:
			return "sampling";
		default:
			return NULL;
	}
}

/* The context that applies to the running statement, accepted or not. */
static const pgospContext *
context_now(void)
{
	const pgospContext *context = pgosp_context_last();

	if (context->source == PGOSP_SOURCE_NONE && pgosp_setting_gate &&
		(pgosp_has_trace_info || pgosp_has_trace_hmac))
		context = pgosp_context_of_setting();
	return context;
}

/* Is there a context in the client's text that a setting forbids to use?
 * Returns the reason as a sentence; NULL: there is no such context. */
static const char *
reason_in_text(void)
{
	char bytes[OSP_COMMENT_SPACE];
	char traceparent[OSP_TRACEPARENT_SPACE];
	osp_str text = osp_str_of(debug_query_string);
	osp_str info;
	osp_str hmac;

	if (osp_comment_context(text, bytes, &info, &hmac))
		return pgosp_read_comments ? NULL : "osprofiler.read_comments is off";
	if (!osp_comment_traceparent(text, false, traceparent, &info))
		return NULL;
	if (!pgosp_read_comments)
		return "osprofiler.read_comments is off";
	return pgosp_accept_traceparent
			   ? NULL
			   : "a traceparent was given, but osprofiler.accept_traceparent is "
				 "off";
}

/* Is application_name a traceparent that a setting forbids to use? Returns the
 * reason as a sentence; NULL: it is not. */
static const char *
reason_in_name(void)
{
	osp_str name = osp_str_of(application_name != NULL ? application_name : "");
	osp_traceparent read;

	if (name.len != OSP_TRACEPARENT_LEN || !osp_traceparent_read(name, &read))
		return NULL;
	if (!pgosp_accept_traceparent)
		return "application_name is a traceparent, but "
			   "osprofiler.accept_traceparent is off";
	return pgosp_accept_application_name
			   ? NULL
			   : "application_name is a traceparent, but "
				 "osprofiler.accept_application_name is off";
}

/* Why there is no context at all. */
static const char *
reason_for_none(void)
{
	const char *reason = reason_in_text();

	if (reason == NULL)
		reason = reason_in_name();
	if (reason != NULL)
		return reason;
	return pgosp_sample_rate > 0
			   ? "no trace context was given, and the statement was not drawn "
				 "by osprofiler.sample_rate"
			   : osp_verdict_text(OSP_CTX_NONE);
}

static const char *
reason_for_traceparent(const pgospContext *context)
{
	if (context->unsampled)
		return "the traceparent says that nothing shall be traced";
	return context->verdict != OSP_CTX_ACCEPTED ? "the traceparent is not valid"
												: NULL;
}

/* What is wrong with the context; NULL: it is all right. */
static const char *
reason_in_context(const pgospContext *context)
{
	const char *keys_reason = NULL;

	(void) pgosp_keyring(&keys_reason);
	if (context->verdict == OSP_CTX_NO_KEYS && keys_reason != NULL)
		return keys_reason;
	if (context->source == PGOSP_SOURCE_TRACEPARENT)
		return reason_for_traceparent(context);
	if (context->refused_traceparent)
		return "a traceparent was set, but osprofiler.accept_traceparent is off";
	if (context->source == PGOSP_SOURCE_NONE)
		return reason_for_none();
	return context->verdict != OSP_CTX_ACCEPTED
			   ? osp_verdict_text(context->verdict)
			   : NULL;
}

/* Why nothing is traced now, though it may have been asked for. */
static const char *
reason_for_nothing(const pgospContext *context)
{
	const char *reason;

	if (!pgosp_enabled)
		return "osprofiler.enabled is off";
	if (pgosp_untraced)
	{
		reason = context->source == PGOSP_SOURCE_SETTING
					 ? reason_in_context(context)
					 : NULL;
		return reason != NULL ? reason : "osprofiler.untraced is on";
	}
	if (pgosp_loaded_at > GetCurrentStatementStartTimestamp())
		return "the module was not loaded when this statement began; add "
			   "osprofiler to session_preload_libraries";
	reason = reason_in_context(context);
	if (reason != NULL)
		return reason;
	if ((pgosp_points & PGOSP_POINTS_STATEMENT) == 0)
		return "osprofiler.points does not name \"statement\"";
	if (pgosp_producer_trouble() != NULL)
		return pgosp_producer_trouble();
	return "this statement began before the context was set";
}

#define CONTEXT_COLUMNS 7

static Datum
row(FunctionCallInfo fcinfo, Datum *values, bool *nulls)
{
	TupleDesc desc;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	return HeapTupleGetDatum(
		heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}

/* context(): returns active, source, verdict, reason, base_id, parent_id, point_id */
Datum
pgosp_context(PG_FUNCTION_ARGS)
{
	const pgospContext *context =
		pgosp_untraced && (pgosp_has_trace_info || pgosp_has_trace_hmac)
			? pgosp_context_of_untraced()
			: context_now();
	const pgospPoint *current = pgosp_current;
	const char *source = source_name(context->source);
	Datum values[CONTEXT_COLUMNS] = {0};
	bool nulls[CONTEXT_COLUMNS];

	memset(nulls, true, sizeof(nulls));
	values[0] = BoolGetDatum(current != NULL);
	nulls[0] = false;
	if (source != NULL)
	{
		values[1] = CStringGetTextDatum(source);
		nulls[1] = false;
	}
	values[2] = CStringGetTextDatum(osp_verdict_name(context->verdict));
	nulls[2] = false;
	if (current == NULL)
	{
		values[3] = CStringGetTextDatum(reason_for_nothing(context));
		nulls[3] = false;
		return row(fcinfo, values, nulls);
	}
	values[4] = id_datum(&current->base_id);
	values[5] = id_datum(&current->parent_id);
	values[6] = id_datum(&current->self);
	nulls[4] = nulls[5] = nulls[6] = false;
	return row(fcinfo, values, nulls);
}

/* headers(): returns trace_info and trace_hmac for a service that is called from
 * here */
Datum
pgosp_headers(PG_FUNCTION_ARGS)
{
	osp_keyring *keys = pgosp_keyring(NULL);
	const pgospContext *context = context_now();
	pgospPoint *current = pgosp_current;
	osp_status status = OSP_ENOENT;
	osp_headers headers;
	Datum values[2] = {0};
	bool nulls[2] = {true, true};

	if (current != NULL && current->key == PGOSP_NO_KEY)
		ereport(NOTICE,
				errmsg("there are no headers, for no key has signed the "
					   "context of this trace"));
	else if (keys != NULL && current != NULL)
	{
		pgosp_point_hand_on(current);
		status = osp_context_sign(
			keys, current->key, &current->base_id, &current->self, &headers);
	}
	else if (keys != NULL && context->verdict == OSP_CTX_ACCEPTED)
		status = osp_context_sign(keys,
								  context->ids.key,
								  &context->ids.base_id,
								  &context->ids.parent_id,
								  &headers);
	if (status == OSP_OK)
	{
		values[0] = CStringGetTextDatum(headers.trace_info);
		values[1] = CStringGetTextDatum(headers.trace_hmac);
		nulls[0] = nulls[1] = false;
	}
	return row(fcinfo, values, nulls);
}

/* traceparent(): returns the W3C trace context for a service that is called from
 * here */
Datum
pgosp_traceparent(PG_FUNCTION_ARGS)
{
	const pgospContext *context = context_now();
	pgospPoint *current = pgosp_current;
	char text[OSP_TRACEPARENT_LEN + 1] = "";

	if (current != NULL)
	{
		pgosp_point_hand_on(current);
		(void) osp_traceparent_write(&current->base_id, &current->self, text);
	}
	else if (context->verdict == OSP_CTX_ACCEPTED)
		(void) osp_traceparent_write(
			&context->ids.base_id, &context->ids.parent_id, text);
	if (text[0] == '\0')
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(text));
}
