/* SPDX-License-Identifier: Apache-2.0
 *
 * sqlapi.c
 *	  The SQL functions init, set_context, start and stop.
 *
 * They act for the session that calls them and reveal nothing of other
 * sessions. Unlike the hooks, they may raise errors, for wrong arguments.
 */
#include "pgosp.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/jsonb.h"

#define INFO_MAX 65536

PG_FUNCTION_INFO_V1(pgosp_init);
PG_FUNCTION_INFO_V1(pgosp_set_context);
PG_FUNCTION_INFO_V1(pgosp_start);
PG_FUNCTION_INFO_V1(pgosp_stop);

static void
set_setting(const char *name, const char *value)
{
	(void) set_config_option(name,
							 value,
							 PGC_USERSET,
							 PGC_S_SESSION,
							 GUC_ACTION_SET,
							 true,
							 0,
							 false);
}

/* init(trace_info, trace_hmac): sets the context of the session; is it accepted? */
Datum
pgosp_init(PG_FUNCTION_ARGS)
{
	const char *info =
		PG_ARGISNULL(0) ? "" : text_to_cstring(PG_GETARG_TEXT_PP(0));
	const char *hmac =
		PG_ARGISNULL(1) ? "" : text_to_cstring(PG_GETARG_TEXT_PP(1));

	set_setting("osprofiler.trace_info", info);
	set_setting("osprofiler.trace_hmac", hmac);
	PG_RETURN_BOOL(pgosp_setting_gate &&
				   pgosp_context_of_setting()->verdict == OSP_CTX_ACCEPTED);
}

/* set_context(text): sets the context of the next statement; is it accepted? */
Datum
pgosp_set_context(PG_FUNCTION_ARGS)
{
	osp_str context = OSP_STR("");

	if (!PG_ARGISNULL(0))
		context = osp_str_of(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	PG_RETURN_BOOL(pgosp_context_set_next(context));
}

/* Copies a text in UTF-8, terminated. */
static osp_str
utf8(osp_str text, size_t max)
{
	osp_str converted = pgosp_text_utf8(text, max);

	return osp_str_n(pnstrdup(converted.ptr, converted.len), converted.len);
}

/* The text of an argument of type jsonb, which must be an object or null. */
static osp_str
info_argument(FunctionCallInfo fcinfo, int n)
{
	Jsonb *info;
	char *text;
	size_t len;

	if (PG_ARGISNULL(n))
		return OSP_STR("");
	info = PG_GETARG_JSONB_P(n);
	if (!JB_ROOT_IS_OBJECT(info))
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("info must be a JSON object"));
	text = JsonbToCString(NULL, &info->root, (int) VARSIZE(info));
	len = strlen(text);
	if (len > INFO_MAX)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("info is %zu bytes long, at most %d are allowed",
					   len,
					   INFO_MAX));
	return utf8(osp_str_n(text, len), len * 4);
}

static osp_str
name_argument(FunctionCallInfo fcinfo, int n)
{
	osp_str name;

	if (PG_ARGISNULL(n))
		ereport(ERROR,
				errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				errmsg("the name of a point must not be null"));
	name = osp_str_of(text_to_cstring(PG_GETARG_TEXT_PP(n)));
	if (name.len == 0 || name.len > OSP_NAME_MAX ||
		memchr(name.ptr, '-', name.len) != NULL)
		ereport(
			ERROR,
			errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("invalid name of a point: \"%s\"", name.ptr),
			errdetail("A name has 1 to %d bytes and no \"-\".", OSP_NAME_MAX));
	return utf8(name, OSP_NAME_MAX);
}

/*
 * Finds the parent for a point that the running statement starts. The statement
 * ends before that point does, so the point becomes its sibling. Only a utility
 * statement, which runs a procedure or a block of code, becomes the point's
 * parent. False: nothing is traced.
 */
static bool
find_parent(pgospParent *parent, osp_context *context)
{
	const pgospContext *set;
	pgospPoint *user = pgosp_user_point();

	if (pgosp_current != NULL)
	{
		pgospPoint *current = pgosp_current;

		parent->context = context;
		if (user != NULL && user->serial > current->serial)
			parent->point = user;
		else
			parent->point =
				current->kind->user_beside ? current->parent : current;
		context->base_id = current->base_id;
		context->parent_id = current->parent_id;
		context->key = current->key;
		return true;
	}
	if (!pgosp_setting_gate)
		return false;
	set = pgosp_context_of_setting();
	if (set->verdict != OSP_CTX_ACCEPTED)
		return false;
	*context = set->ids;
	pgosp_parent_of_context(context, parent);
	return true;
}

/* start(name, info): opens a user's point; is it recorded? */
Datum
pgosp_start(PG_FUNCTION_ARGS)
{
	osp_str name = name_argument(fcinfo, 0);
	osp_str info = info_argument(fcinfo, 1);
	osp_context context;
	pgospParent parent;

	if (!find_parent(&parent, &context))
		PG_RETURN_BOOL(false);
	PG_RETURN_BOOL(pgosp_user_start(&parent, name, info));
}

/* stop(info): closes the user's innermost point; was there one? */
Datum
pgosp_stop(PG_FUNCTION_ARGS)
{
	osp_str info = info_argument(fcinfo, 0);

	PG_RETURN_BOOL(pgosp_user_stop(info));
}
