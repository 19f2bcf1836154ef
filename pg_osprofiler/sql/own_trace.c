/* SPDX-License-Identifier: Apache-2.0
 *
 * own_trace.c
 *	  The SQL functions challenge and notifications: they return the notifications of a
 *	  trace to users who may read all traces, and to the user who made the trace.
 *
 * By default, a server stores traces in its data directory, where clients cannot read.
 * So a client may ask the server for a trace. Members of pg_read_all_stats may read all
 * traces. Other users have to prove that they hold a key: they sign a context whose
 * base_id is the trace and whose parent_id is this session's challenge, which is never
 * sent for any other purpose. So signatures that travel with statements, and those of
 * other sessions, are useless here. These users also get no trace that holds statements
 * of other users, and none from a collector to which others write.
 */
#include "pgosp.h"

#include "catalog/pg_authid.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "osprofiler/buf.h"
#include "osprofiler/json.h"
#include "osprofiler/report.h"
#include "pgosp_rows.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#define CHALLENGE_MAX 64

PG_FUNCTION_INFO_V1(pgosp_challenge);
PG_FUNCTION_INFO_V1(pgosp_notifications);

/* A trace that is read. None of its functions raises an error while the driver
 * works. */
typedef struct pgospOwnTrace
{
	osp_buf lines;   /* the notifications, one in each line */
	osp_buf scratch; /* a user's name */
	bool check;      /* check whether all statements are this user's */
	bool of_others;
} pgospOwnTrace;

static void
write_challenge(char out[CHALLENGE_MAX])
{
	snprintf(out,
			 CHALLENGE_MAX,
			 "osprofiler-read-%d-" INT64_FORMAT,
			 MyProcPid,
			 (int64) MyStartTimestamp);
}

/* challenge(): returns the parent_id that notifications() expects */
Datum
pgosp_challenge(PG_FUNCTION_ARGS)
{
	char text[CHALLENGE_MAX];

	write_challenge(text);
	PG_RETURN_TEXT_P(cstring_to_text(text));
}

static osp_str
text_argument(FunctionCallInfo fcinfo, int number)
{
	return PG_ARGISNULL(number)
			   ? OSP_STR("")
			   : osp_str_of(text_to_cstring(PG_GETARG_TEXT_PP(number)));
}

/* Raises an error unless the arguments prove that the caller holds a key. */
static void
check_proof(FunctionCallInfo fcinfo, osp_str name)
{
	char challenge[CHALLENGE_MAX];
	char id[OSP_ID_MAX + 1];
	const char *keys_reason;
	osp_keyring *keys = pgosp_keyring(&keys_reason);
	osp_context context;
	osp_verdict verdict = keys != NULL
							  ? osp_context_verify(keys,
												   text_argument(fcinfo, 1),
												   text_argument(fcinfo, 2),
												   &context)
							  : OSP_CTX_NO_KEYS;

	if (verdict != OSP_CTX_ACCEPTED)
		ereport(ERROR,
				errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				errmsg("permission denied to read this trace"),
				errdetail("%s.",
						  verdict == OSP_CTX_NO_KEYS && keys_reason != NULL
							  ? keys_reason
							  : osp_verdict_text(verdict)),
				errhint("Members of pg_read_all_stats may read all traces."));
	write_challenge(challenge);
	if (!osp_str_eq(osp_id_text(&context.base_id, id), name) ||
		!osp_str_eq(osp_id_text(&context.parent_id, id), osp_str_of(challenge)))
		ereport(ERROR,
				errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				errmsg("permission denied to read this trace"),
				errdetail("The context was not signed for this trace and the "
						  "challenge of this session."));
}

/* Raises an error if a collector is configured: others may write to it, and their
 * points cannot be distinguished from those of this user. */
static void
check_collector(void)
{
	if (pgosp_connection_string_file[0] != '\0' ||
		pgosp_connection_string[0] != '\0')
		ereport(ERROR,
				errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				errmsg("permission denied to read the collector of this "
					   "server"),
				errdetail("The server stores traces in a collector that is "
						  "configured."),
				errhint("Read that collector, or become a member of "
						"pg_read_all_stats."));
}

/* Is it a statement that another user sent? */
static bool
is_of_another(pgospOwnTrace *trace, osp_str json)
{
	const char *user = pgosp_session_login();
	osp_status status;

	osp_buf_reset(&trace->scratch);
	status =
		osp_json_member_text(&trace->scratch, json, OSP_STR("info.db.user"));
	if (status == OSP_ENOENT)
		return false;
	return status != OSP_OK || user == NULL ||
		   osp_buf_status(&trace->scratch) != OSP_OK ||
		   !osp_str_eq(osp_buf_str(&trace->scratch), osp_str_of(user));
}

/* Keeps a notification; an osp_point_fn. */
static osp_status
add_line(void *ctx, osp_str json)
{
	pgospOwnTrace *trace = (pgospOwnTrace *) ctx;

	if (trace->check && is_of_another(trace, json))
		trace->of_others = true;
	osp_buf_add_str(&trace->lines, json);
	osp_buf_add_char(&trace->lines, '\n');
	return osp_buf_status(&trace->lines);
}

/* notifications(base_id, trace_info, trace_hmac): returns a row of JSON for each
 * notification */
Datum
pgosp_notifications(PG_FUNCTION_ARGS)
{
	const osp_allocator *alc = pgosp_collector_memory();
	pgospOwnTrace trace = {.check = false};
	pgospRows rows;
	osp_str name;

	pgosp_rows_begin(fcinfo, &rows);
	if (PG_ARGISNULL(0))
		return (Datum) 0;
	name = pgosp_trace_argument(fcinfo);
	trace.check = !has_privs_of_role(GetUserId(), PGOSP_ROLE_READ_ALL_STATS);
	if (trace.check)
	{
		check_proof(fcinfo, name);
		check_collector();
	}
	osp_buf_init(&trace.lines, alc, MaxAllocSize);
	osp_buf_init(&trace.scratch, alc, MaxAllocSize);
	(void) pgosp_collector_points(name, alc, add_line, &trace);
	if (trace.of_others)
		ereport(ERROR,
				errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				errmsg("permission denied to read this trace"),
				errdetail("It holds statements of other users."),
				errhint("Members of pg_read_all_stats may read all traces."));
	pgosp_rows_put_lines(&rows, osp_buf_str(&trace.lines));
	return (Datum) 0;
}
