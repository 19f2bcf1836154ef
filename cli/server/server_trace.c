/* SPDX-License-Identifier: Apache-2.0
 *
 * server_trace.c
 *	  Reads a trace from the server that has recorded it.
 *
 * pg_osprofiler/sql/own_trace.c says who may read which trace, and why a
 * signature made for another purpose does not help.
 */
#include "server/server_trace.h"

#include "server/server_extension.h"

/* The SQLSTATE if the trace may not be read. */
#define NOT_PERMITTED "42501"

/*
 * Asks for the session's challenge, which a client signs to prove that it holds
 * a key, and makes an id of it.
 */
static osp_status
get_challenge(cli_server *server, osp_id *challenge, osp_error *err)
{
	cli_answer *answer = NULL;
	osp_status status = cli_server_ask(
		server, "SELECT osprofiler.challenge()", 0, NULL, &answer, err);
	bool known;

	if (status != OSP_OK)
		return status;
	known = osp_id_set(challenge, osp_str_of(cli_answer_value(answer, 0, 0)));
	cli_answer_free(answer);
	return known ? OSP_OK
				 : osp_error_set(
					   err, OSP_EPROTO, "the server's challenge is too long");
}

static osp_status
sign_challenge(cli_server *server, osp_keyring *keys, const char *base_id,
			   osp_headers *proof, osp_error *err)
{
	osp_id base;
	osp_id challenge;
	osp_status status = get_challenge(server, &challenge, err);

	memset(proof, 0, sizeof(*proof));
	if (status != OSP_OK || keys == NULL || osp_keyring_count(keys) == 0)
		return status;
	if (!osp_id_set(&base, osp_str_of(base_id)))
		return osp_error_set(err, OSP_EINVAL, "the trace's id is too long");
	return osp_context_sign(keys, 0, &base, &challenge, proof);
}

static osp_status
hand_on_rows(const cli_answer *answer, osp_point_fn fn, void *ctx)
{
	osp_status status = OSP_OK;
	int count = cli_answer_rows(answer);
	int row;

	for (row = 0; status == OSP_OK && row < count; row++)
		status = fn(ctx, osp_str_of(cli_answer_value(answer, row, 0)));
	return status;
}

/* Turns the failure of a statement into a status. */
static osp_status
explain_failure(const cli_server *server, osp_status status)
{
	const char *code = cli_server_sqlstate(server);

	return strcmp(code, NOT_PERMITTED) == 0 ? OSP_EPERM : status;
}

/*
 * Asks for the challenge and then the trace in one transaction: a pooler may
 * give the next one to another session, which has another challenge.
 */
static osp_status
ask_trace(cli_server *server, osp_keyring *keys, const char *base_id,
		  cli_answer **answer, osp_error *err)
{
	osp_headers proof;
	const char *const params[] = {base_id, proof.trace_info, proof.trace_hmac};
	osp_status status = cli_server_begin(server, err);

	if (status == OSP_OK)
		status = sign_challenge(server, keys, base_id, &proof, err);
	if (status == OSP_OK)
		status = cli_server_ask(server,
								"SELECT osprofiler.notifications("
								"$1::text, $2::text, $3::text)",
								3,
								params,
								answer,
								err);
	if (status != OSP_OK)
	{
		(void) !cli_server_commit(server, NULL);
		return status;
	}
	return cli_server_commit(server, err);
}

osp_status
cli_server_trace(cli_server *server, osp_keyring *keys, const char *base_id,
				 osp_point_fn fn, void *ctx, osp_error *err)
{
	cli_answer *answer = NULL;
	osp_status status;

	cli_server_untraced(server);
	status = cli_server_find_extension(server, err);
	if (status == OSP_OK)
		status = ask_trace(server, keys, base_id, &answer, err);
	status = status == OSP_OK ? hand_on_rows(answer, fn, ctx)
							  : explain_failure(server, status);
	cli_answer_free(answer);
	return status;
}
