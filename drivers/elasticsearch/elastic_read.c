/* SPDX-License-Identifier: Apache-2.0
 *
 * elastic_read.c
 *	  Reading and listing traces.
 *
 * A search is scrolled through, some hundred documents at a time, and sees the
 * documents as they were when it began. Each document's base_id is compared
 * again: a server that has it as a text also finds documents that contain only
 * a word of it.
 */
#include "elasticsearch.h"

#include "osprofiler/json.h"
#include "trace_match.h"

#define PAGE_DOCUMENTS 500
#define SCROLL_TIME    "1m"

/* The fields that a list needs; the server does not send the others. */
#define LIST_FIELDS                                                   \
	"[\"name\",\"base_id\",\"trace_id\",\"parent_id\",\"timestamp\"," \
	"\"project\",\"service\",\"info.etype\",\"info.db.statement\","   \
	"\"info.db.application\",\"info.request.method\","                \
	"\"info.request.path\"]"

/* A search. */
typedef struct search
{
	osp_driver_conn *conn;
	const char *sort; /* the field to sort by, or NULL */
	bool is_list;
	osp_str base_id;
	elastic_fields fields;
	size_t page;        /* documents in one answer */
	bool page_is_large; /* an answer was too long for the buffer */
	size_t seen;        /* documents that were handled */
	size_t skip;        /* of these, handled before this attempt */
	osp_point_fn fn;
	void *ctx;
	osp_trace_match match;
	osp_error *err;
} search;

/* ---- answers ---- */

static const char *
back_over(const char *p, char c)
{
	while (p[-1] == ' ' || p[-1] == '\n' || p[-1] == '\t' || p[-1] == '\r')
		p--;
	return p[-1] == c ? p - 1 : NULL;
}

/*
 * Finds the end of an array's element by going back: from the first key of the
 * next element over its brace and the comma, or from the end of the array over
 * its bracket. NULL: the next element has no key, so this is not possible.
 */
static const char *
element_end(const osp__json_reader *reader, yyjson_val *next, osp_str array)
{
	osp__json_iter iter;
	const char *p = array.ptr + array.len;

	if (next == NULL)
		return back_over(p, ']');
	if (!yyjson_is_obj(next) || yyjson_obj_size(next) == 0)
		return NULL;
	osp__json_iter_init(&iter, reader, next, array);
	p = back_over(iter.key_text.ptr, '{');
	return p != NULL ? back_over(p, ',') : NULL;
}

/* Finds a member of an object, and its text. */
static bool
find_member(const osp__json_reader *reader, yyjson_val *object, osp_str text,
			osp_str name, osp__json_member *member)
{
	osp__json_iter iter;

	if (!yyjson_is_obj(object))
		return false;
	osp__json_iter_init(&iter, reader, object, text);
	while (osp__json_iter_next(&iter, member))
		if (osp__json_is(member->key, name))
			return true;
	return false;
}

/* Finds the array of hits in an answer. */
static bool
find_hits(const osp__json_reader *reader, osp__json_member *hits)
{
	return find_member(reader,
					   osp__json_root(reader),
					   osp__json_root_text(reader),
					   OSP_STR("hits"),
					   hits) &&
		   find_member(
			   reader, hits->value, hits->value_text, OSP_STR("hits"), hits) &&
		   yyjson_is_arr(hits->value);
}

/* Passes the source of a document on, if it belongs to the trace. */
static osp_status
take_source(search *s, osp_str source)
{
	osp_driver_conn *conn = s->conn;
	osp_status status;

	osp_buf_reset(&conn->text);
	status = osp_json_rewrite(&conn->text, source, -1, 0);
	if (status == OSP_OK)
		status = osp_buf_status(&conn->text);
	if (status == OSP_OK && !s->is_list)
		status = osp__trace_matches(
			&s->match, osp_buf_str(&conn->text), &conn->scratch);
	if (status == OSP_ENOMEM || status == OSP_EFULL)
		return osp_error_set(
			s->err, status, "elasticsearch: %s", osp_status_text(status));
	return status == OSP_OK ? s->fn(s->ctx, osp_buf_str(&conn->text)) : OSP_OK;
}

static osp_status
take_hit(search *s, yyjson_val *hit, osp_str text)
{
	osp__json_member source;
	osp_status status = osp__wait_check(&s->conn->wait);

	if (status != OSP_OK)
		return osp_error_set(
			s->err, status, "elasticsearch: %s", osp_status_text(status));
	if (s->skip > 0)
	{
		s->skip--;
		return OSP_OK;
	}
	s->seen++;
	if (!find_member(&s->conn->reader, hit, text, OSP_STR("_source"), &source))
		return OSP_OK;
	return take_source(s, source.value_text);
}

static osp_status
bad_answer(const search *s, const char *what)
{
	return osp_error_set(s->err,
						 OSP_EUNAVAIL,
						 "elasticsearch: %s: %s",
						 s->conn->target.where,
						 what);
}

/* Handles all hits of an answer; *more: there may be others. */
static osp_status
take_hits(search *s, yyjson_val *root, bool *more)
{
	osp_driver_conn *conn = s->conn;
	osp__json_reader *reader = &conn->reader;
	osp__json_member hits;
	osp_status status = OSP_OK;
	yyjson_arr_iter iter;
	yyjson_val *hit;

	if (!find_hits(reader, &hits))
		return bad_answer(s, "the answer to a search has no hits");
	if (osp__elastic_number(
			yyjson_obj_get(yyjson_obj_get(root, "_shards"), "failed")) > 0 ||
		yyjson_is_true(yyjson_obj_get(root, "timed_out")))
		return bad_answer(s, "a part of the index cannot be searched");
	osp_buf_reset(&conn->scroll);
	osp_buf_add_str(&conn->scroll,
					osp__json_str(yyjson_obj_get(root, "_scroll_id")));
	*more = yyjson_arr_size(hits.value) == s->page && conn->scroll.len > 0;
	(void) yyjson_arr_iter_init(hits.value, &iter);
	hit = yyjson_arr_iter_next(&iter);
	while (hit != NULL && status == OSP_OK)
	{
		yyjson_val *next = yyjson_arr_iter_next(&iter);
		const char *end = element_end(reader, next, hits.value_text);

		if (end == NULL || !yyjson_is_obj(hit))
			return bad_answer(s, "a hit is none");
		status = take_hit(s,
						  hit,
						  osp_str_n(hits.value_text.ptr,
									(size_t) (end - hits.value_text.ptr)));
		hit = next;
	}
	return osp_buf_status(&conn->scroll) == OSP_OK
			   ? status
			   : osp__elastic_no_memory(s->err);
}

/* ---- searches ---- */

static void
put_query(const search *s, osp_buf *body)
{
	osp_buf_addf(body, "{\"size\":%zu", s->page);
	if (s->is_list)
	{
		osp_buf_add_str(
			body,
			OSP_STR(",\"_source\":" LIST_FIELDS
					",\"sort\":[\"_doc\"],\"query\":{\"match_all\":{}}}"));
		return;
	}
	osp_buf_addf(body,
				 ",\"sort\":[{\"%s\":{\"order\":\"asc\",\"unmapped_type\":"
				 "\"keyword\"}}],\"query\":{\"%s\":{\"%s\":",
				 s->fields.timestamp,
				 s->fields.base_id != NULL ? "term" : "match",
				 s->fields.base_id != NULL ? s->fields.base_id : "base_id");
	osp_json_string(body, s->base_id);
	osp_buf_add_str(body, OSP_STR("}}}"));
}

/* Lets the server release the resources of the search. */
static void
end_scroll(search *s)
{
	osp_driver_conn *conn = s->conn;
	osp_error ignored;
	yyjson_val *root;

	if (conn->scroll.len == 0)
		return;
	osp_buf_reset(&conn->body);
	osp_buf_add_str(&conn->body, OSP_STR("{\"scroll_id\":["));
	osp_json_string(&conn->body, osp_buf_str(&conn->scroll));
	osp_buf_add_str(&conn->body, OSP_STR("]}"));
	if (osp_buf_status(&conn->body) != OSP_OK ||
		osp__elastic_call(conn,
						  "DELETE",
						  "/_search/scroll",
						  osp_buf_str(&conn->body),
						  &root,
						  &ignored) != OSP_OK)
		return;
}

static osp_status
next_page(search *s, bool first, yyjson_val **root)
{
	osp_driver_conn *conn = s->conn;
	const char *path = "/_search/scroll";

	osp_buf_reset(&conn->body);
	if (first)
	{
		path = osp__elastic_path(
			conn, "/%s/_search?scroll=" SCROLL_TIME, conn->index);
		put_query(s, &conn->body);
	}
	else
	{
		osp_buf_add_str(
			&conn->body,
			OSP_STR("{\"scroll\":\"" SCROLL_TIME "\",\"scroll_id\":"));
		osp_json_string(&conn->body, osp_buf_str(&conn->scroll));
		osp_buf_add_char(&conn->body, '}');
	}
	if (osp_buf_status(&conn->body) != OSP_OK)
		return osp__elastic_no_memory(s->err);
	return osp__elastic_call(
		conn, "POST", path, osp_buf_str(&conn->body), root, s->err);
}

/* Reads all answers of a search. OSP_EFULL: an answer was too long. */
static osp_status
scroll_through(search *s)
{
	osp_status status;
	bool more = true;
	bool first = true;

	osp_buf_reset(&s->conn->scroll);
	do
	{
		yyjson_val *root = NULL;

		status = next_page(s, first, &root);
		if (status == OSP_OK)
			status = take_hits(s, root, &more);
		else
			status = status == OSP_ENOENT && first
						 ? OSP_ENOENT
						 : osp__elastic_trouble(status, s->err);
		first = false;
	}
	while (status == OSP_OK && more);
	s->page_is_large = osp_buf_status(&s->conn->http.answer) == OSP_EFULL;
	if (status != OSP_EUNAVAIL && status != OSP_EINTR)
		end_scroll(s);
	return status;
}

/*
 * Runs a search. If documents are large, it is repeated with fewer of them in
 * one answer.
 */
static osp_status
run_search(search *s)
{
	osp_status status;

	s->page = PAGE_DOCUMENTS;
	status = scroll_through(s);
	while (status == OSP_EFULL && s->page_is_large && s->page > 1)
	{
		s->page = s->page > 8 ? s->page / 8 : 1;
		s->skip = s->seen;
		status = scroll_through(s);
	}
	return status;
}

osp_status
osp__elastic_refresh(osp_driver_conn *conn, const char *index, osp_error *err)
{
	const char *path = osp__elastic_path(conn, "/%s/_refresh", index);
	yyjson_val *root;
	osp_status status =
		osp__elastic_call(conn, "POST", path, OSP_STR(""), &root, err);

	return status == OSP_EPERM ? osp__elastic_forgive(err) : status;
}

osp_status
osp__elastic_begin_reading(osp_driver_conn *conn, elastic_fields *fields,
						   osp_error *err)
{
	osp_status status = osp__elastic_begin(conn, err);

	if (status != OSP_OK)
		return status;
	status = osp__elastic_refresh(conn, conn->index, err);
	if (status == OSP_OK)
		status = osp__elastic_fields(conn, conn->index, fields, err);
	return status == OSP_ENOENT ? status : osp__elastic_trouble(status, err);
}

osp_status
osp__elastic_get_points(osp_driver_conn *conn, osp_str base_id, osp_point_fn fn,
						void *ctx, osp_error *err)
{
	search s = {
		.conn = conn, .base_id = base_id, .fn = fn, .ctx = ctx, .err = err};
	osp_status status = osp__elastic_begin_reading(conn, &s.fields, err);

	osp__trace_match_init(&s.match, base_id);
	if (status == OSP_OK)
		status = run_search(&s);
	return status == OSP_ENOENT ? osp__elastic_forgive(err) : status;
}

/* Adds a point to the set of traces; an osp_point_fn. */
static osp_status
note_point(void *ctx, osp_str json)
{
	osp_driver_conn *conn = ctx;
	osp_notification point;
	osp_status status =
		osp_notification_read(json, &conn->scratch, &point, NULL);

	if (status == OSP_OK)
		status = osp__traces_note(&conn->traces, &point);
	return status == OSP_EPROTO ? OSP_OK : status;
}

osp_status
osp__elastic_gather(osp_driver_conn *conn, osp_error *err)
{
	search s = {.conn = conn,
				.is_list = true,
				.fn = note_point,
				.ctx = conn,
				.err = err};
	osp_status status = osp__elastic_begin_reading(conn, &s.fields, err);

	osp__traces_reset(&conn->traces);
	if (status == OSP_OK)
		status = run_search(&s);
	if ((status == OSP_ENOMEM || status == OSP_EFULL) && err != NULL &&
		err->code != status)
		(void) osp_error_set(
			err, status, "elasticsearch: %s", osp_status_text(status));
	return status == OSP_ENOENT ? osp__elastic_forgive(err) : status;
}

osp_status
osp__elastic_list_traces(osp_driver_conn *conn, const osp_trace_filter *filter,
						 osp_trace_fn fn, void *ctx, osp_str *next,
						 osp_error *err)
{
	osp_status status;

	if (next != NULL)
		*next = OSP_STR("");
	status = osp__elastic_gather(conn, err);
	if (status == OSP_OK)
		status =
			osp__traces_each(&conn->traces, filter, fn, ctx, &conn->text, err);
	if (status == OSP_OK && next != NULL)
		*next = osp_buf_str(&conn->text);
	return status;
}
