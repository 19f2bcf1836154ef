/* SPDX-License-Identifier: Apache-2.0
 *
 * elasticsearch.h
 *	  What the parts of the elasticsearch driver share.
 *
 * A notification is a document, whose source is its JSON, in upstream's index.
 */
#ifndef OSP_ELASTICSEARCH_H
#define OSP_ELASTICSEARCH_H

#include "http/http_client.h"
#include "traces.h"
#include "json/json_read.h"

/* Where upstream notes which traces hold an error. */
#define ELASTIC_ERROR_INDEX "osprofiler-notifications-error"

/* How an index has a field that is searched. */
typedef struct elastic_fields
{
	const char
		*base_id; /* the field that has it as it is; NULL: there is none */
	const char *timestamp; /* the field to sort by */
} elastic_fields;

struct osp_driver_conn
{
	const osp_allocator *alc;
	osp_wait wait;
	osp_http_target target;
	osp_http http;
	char *index;
	char *doc_type;
	bool filter_error_trace;

	/* What the server has told. */
	bool knows_version;
	bool typed;      /* documents have types: Elasticsearch 6 and before */
	bool names_type; /* a new index can be made with a type: until 7 */
	bool has_index;  /* the index was made, or was there */

	osp_buf body;
	osp_buf path;
	osp_buf text;
	osp_buf scratch;
	osp_buf scroll;
	char *space; /* of the reader */
	osp__json_reader reader;
	osp_traces traces;
};

/* ---- elastic_call.c ---- */

/* A call of the driver begins: asks the server for its version, unless it is
 * known. */
osp_status osp__elastic_begin(osp_driver_conn *conn,
							  osp_error *err) OSP_MUST_CHECK;

/*
 * Sends a request and reads the answer, whose root is *root until the next one.
 * OSP_ENOENT: there is no such index; OSP_EPERM: it is not allowed; OSP_EINVAL:
 * the server does not understand or will not do it; all with a message in err.
 * OSP_EREFUSED: it is too large. OSP_EUNAVAIL, OSP_EINTR, OSP_ENOMEM, OSP_EFULL.
 */
osp_status osp__elastic_call(osp_driver_conn *conn, const char *method,
							 const char *path, osp_str body, yyjson_val **root,
							 osp_error *err) OSP_MUST_CHECK;

/* What of the above is a matter of the server or its rights ends a call of the
 * driver: OSP_EUNAVAIL with the message in err. */
osp_status osp__elastic_trouble(osp_status status, osp_error *err);

/* What failed does not matter: OSP_OK, and nothing in err. */
osp_status osp__elastic_forgive(osp_error *err);

osp_status osp__elastic_no_memory(osp_error *err);

/* A path, printed, terminated, borrowed until the next. NULL: no memory. */
const char *osp__elastic_path(osp_driver_conn *conn, const char *format, ...)
	OSP_PRINTF(2, 3);

/* A whole number, 0 if value is none. */
uint64_t osp__elastic_number(yyjson_val *value);

/* ---- elastic_mapping.c ---- */

/* Makes the index and that of errors, unless they are there. Whether it matters that this is not
 * allowed is said by what is stored. */
osp_status osp__elastic_need_index(osp_driver_conn *conn,
								   osp_error *err) OSP_MUST_CHECK;

/* Which fields of an index hold what is searched. OSP_ENOENT: there is no
 * index. */
osp_status osp__elastic_fields(osp_driver_conn *conn, const char *index,
							   elastic_fields *fields,
							   osp_error *err) OSP_MUST_CHECK;

/* ---- elastic_read.c ---- */

/* What was stored a moment ago in an index is found only after this; who may not
 * ask for it finds what there is. OSP_ENOENT: there is no index. */
osp_status osp__elastic_refresh(osp_driver_conn *conn, const char *index,
								osp_error *err) OSP_MUST_CHECK;

/* A call begins that searches: what was stored until now is found. OSP_ENOENT:
 * there is no index, so there is nothing. */
osp_status osp__elastic_begin_reading(osp_driver_conn *conn,
									  elastic_fields *fields,
									  osp_error *err) OSP_MUST_CHECK;

/* Gathers all traces in conn->traces. */
osp_status osp__elastic_gather(osp_driver_conn *conn,
							   osp_error *err) OSP_MUST_CHECK;

/* The slots of osp_driver. */
osp_status osp__elastic_notify(osp_driver_conn *conn,
							   const osp_notification *items, size_t count,
							   size_t *accepted, osp_error *err) OSP_MUST_CHECK;
osp_status osp__elastic_get_points(osp_driver_conn *conn, osp_str base_id,
								   osp_point_fn fn, void *ctx,
								   osp_error *err) OSP_MUST_CHECK;
osp_status osp__elastic_list_traces(osp_driver_conn *conn,
									const osp_trace_filter *filter,
									osp_trace_fn fn, void *ctx, osp_str *next,
									osp_error *err) OSP_MUST_CHECK;
osp_status osp__elastic_remove_traces(osp_driver_conn *conn,
									  const osp_removal *what,
									  uint64_t *removed,
									  osp_error *err) OSP_MUST_CHECK;

#endif /* OSP_ELASTICSEARCH_H */
