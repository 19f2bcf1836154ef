/* SPDX-License-Identifier: Apache-2.0
 *
 * report_missing.c
 *	  Finds out whether the server's half of a trace is missing.
 *
 * The client's hooks of libpq record, for each connection, whether its statements
 * carry a context (db.sends_context). A server that knows the key answers such a
 * statement with operations of its own, "pg" and those below it. OSProfiler in Python
 * does not know of which database it records a statement.
 */
#include "report/report_describe.h"

/* How many statements are read while none is found that was sent with a context. */
#define STATEMENTS_MAX 1000

static const osp__point *
start_of(const osp__node *node)
{
	const osp__point *point = node->first;

	while (point != NULL && point->stop)
		point = point->next;
	return point;
}

/* Reads the member db of the start of an operation "db", valid until the next point is
 * read. NULL: there is none, or it is another operation. */
static yyjson_val *
read_db(osp_report *report, const osp__node *node)
{
	const osp__point *start = start_of(node);

	if (!osp_str_eq(node->name, OSP_STR("db")) || start == NULL ||
		osp__json_read(&report->reader, start->json) != OSP_OK)
		return NULL;
	return yyjson_obj_get(
		yyjson_obj_get(osp__json_root(&report->reader), "info"), "db");
}

/* Was the statement sent with a context? Prepared statements, which have a name, and
 * calls that execute no statement carry none. */
static bool
was_context_sent(osp_report *report, const osp__node *node, osp_buf *server)
{
	yyjson_val *db = read_db(report, node);

	if (!yyjson_get_bool(yyjson_obj_get(db, "sends_context")) ||
		yyjson_obj_get(db, "statement") == NULL ||
		yyjson_obj_get(db, "name") != NULL ||
		yyjson_obj_get(db, "operation") != NULL)
		return false;
	osp_buf_add_str(server, osp__json_str(yyjson_obj_get(db, "server")));
	return true;
}

static bool
has_operation_of(const osp_report *report, osp_str tracer)
{
	const osp__node *node = report->first_arrived;

	while (node != NULL && !osp_str_eq(osp__node_tracer(node), tracer))
		node = node->next_arrived;
	return node != NULL;
}

osp_status
osp_report_lacks_server(osp_report *report, osp_buf *server, bool *lacks)
{
	unsigned statements = 0;
	osp__node *node;

	*lacks = false;
	if (has_operation_of(report, OSP_STR("pg")))
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

/* Is it an operation of OSProfiler in Python? That records text and parameters, but no
 * server. */
static bool
is_of_python(osp_report *report, const osp__node *node)
{
	yyjson_val *db = read_db(report, node);

	return yyjson_obj_get(db, "statement") != NULL &&
		   yyjson_obj_get(db, "params") != NULL &&
		   yyjson_obj_get(db, "server") == NULL;
}

bool
osp_report_is_python_alone(osp_report *report)
{
	const osp__node *node = report->first_arrived;

	if (has_operation_of(report, OSP_STR("pg")) ||
		has_operation_of(report, OSP_STR("sqlite")))
		return false;
	while (node != NULL && !is_of_python(report, node))
		node = node->next_arrived;
	return node != NULL;
}
