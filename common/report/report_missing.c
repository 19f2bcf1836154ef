/* SPDX-License-Identifier: Apache-2.0
 *
 * report_missing.c
 *	  Does the half of a trace that a server records lack?
 *
 * The client's hooks of libpq record, for each connection, whether its statements
 * carry a context (db.sends_context). A server that knows the key answers such a
 * statement with operations of its own, "pg" and those below it.
 */
#include "report/report_describe.h"

/* Statements that are read until one of them was sent with a context. */
#define STATEMENTS_MAX 1000

static const osp__point *
start_of(const osp__node *node)
{
	const osp__point *point = node->first;

	while (point != NULL && point->stop)
		point = point->next;
	return point;
}

/* Was the statement sent with a context? Prepared ones, which have a name, and
 * calls that are no statements carry none. */
static bool
was_context_sent(osp_report *report, const osp__node *node, osp_buf *server)
{
	const osp__point *start = start_of(node);
	yyjson_val *db;

	if (start == NULL || osp__json_read(&report->reader, start->json) != OSP_OK)
		return false;
	db = yyjson_obj_get(yyjson_obj_get(osp__json_root(&report->reader), "info"),
						"db");
	if (!yyjson_get_bool(yyjson_obj_get(db, "sends_context")) ||
		yyjson_obj_get(db, "statement") == NULL ||
		yyjson_obj_get(db, "name") != NULL ||
		yyjson_obj_get(db, "operation") != NULL)
		return false;
	osp_buf_add_str(server, osp__json_str(yyjson_obj_get(db, "server")));
	return true;
}

osp_status
osp_report_lacks_server(osp_report *report, osp_buf *server, bool *lacks)
{
	unsigned statements = 0;
	osp__node *node;

	*lacks = false;
	for (node = report->first_arrived; node != NULL; node = node->next_arrived)
		if (osp_str_eq(osp__node_tracer(node), OSP_STR("pg")))
			return OSP_OK;
	for (node = report->first_arrived;
		 node != NULL && !*lacks && statements < STATEMENTS_MAX;
		 node = node->next_arrived)
		if (osp_str_eq(node->name, OSP_STR("db")))
		{
			statements++;
			*lacks = was_context_sent(report, node, server);
		}
	return osp_buf_status(server);
}
