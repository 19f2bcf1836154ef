/* SPDX-License-Identifier: Apache-2.0
 *
 * elasticsearch.h
 *	  Common parts of the elasticsearch driver.
 *
 * A notification is a document in upstream's index. Its source is the
 * notification's JSON.
 */
#ifndef OSP_ELASTICSEARCH_H
#define OSP_ELASTICSEARCH_H

#include "http/http_client.h"
#include "traces.h"
#include "json/json_read.h"

/* The index in which upstream notes which traces have an error. */
#define ELASTIC_ERROR_INDEX "osprofiler-notifications-error"

/* The names of fields that are searched in an index. */
typedef struct elastic_fields
{
	const char *base_id;   /* the unsplit text; NULL: there is none */
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

	/* Facts that the server has reported. */
	bool knows_version;
	bool typed;      /* documents have types: Elasticsearch 6 and before */
	bool names_type; /* new indexes may name a type: until 7 */
	bool has_index;  /* the index exists */

	osp_buf body;
	osp_buf path;
	osp_buf text;
	osp_buf scratch;
	osp_buf scroll;
	char *space; /* used by the reader */
	osp__json_reader reader;
	osp_traces traces;
};

/* ---- elastic_call.c ---- */

/* Begins a call of the driver: asks the server for its version, unless it is known. */
osp_status osp__elastic_begin(osp_driver_conn *conn,
							  osp_error *err) OSP_MUST_CHECK;

/*
 * Sends a request and reads the answer, whose root is *root until the next one.
 * OSP_ENOENT: there is no such index; OSP_EPERM: the request is not allowed;
 * OSP_EINVAL: the server does not understand the request, or rejects it; all
 * with a message in err. OSP_EREFUSED: the request is too large. OSP_EUNAVAIL,
 * OSP_EINTR, OSP_ENOMEM, OSP_EFULL.
 */
osp_status osp__elastic_call(osp_driver_conn *conn, const char *method,
							 const char *path, osp_str body, yyjson_val **root,
							 osp_error *err) OSP_MUST_CHECK;

/*
 * Turns a result of osp__elastic_call that is about the server or its rights
 * into OSP_EUNAVAIL with its message, which ends a call of the driver.
 */
osp_status osp__elastic_trouble(osp_status status, osp_error *err);

/* Ignores a failure: returns OSP_OK, and empties err. */
osp_status osp__elastic_forgive(osp_error *err);

osp_status osp__elastic_no_memory(osp_error *err);

/* Formats a path, borrowed until the next call. NULL: no memory. */
const char *osp__elastic_path(osp_driver_conn *conn, const char *format, ...)
	OSP_PRINTF(2, 3);

/* Reads a whole number; 0 if value is none. */
uint64_t osp__elastic_number(yyjson_val *value);

/* ---- elastic_mapping.c ---- */

/*
 * Makes the index and that of errors, unless they exist. If we may not make
 * them, storing shows whether that matters.
 */
osp_status osp__elastic_need_index(osp_driver_conn *conn,
								   osp_error *err) OSP_MUST_CHECK;

/* Finds out which fields of an index can be searched. OSP_ENOENT: there is no index. */
osp_status osp__elastic_fields(osp_driver_conn *conn, const char *index,
							   elastic_fields *fields,
							   osp_error *err) OSP_MUST_CHECK;

/* ---- elastic_read.c ---- */

/*
 * Makes documents that were stored a moment ago visible to searches of the
 * index. A user without that right finds only documents that are visible
 * already. OSP_ENOENT: there is no index.
 */
osp_status osp__elastic_refresh(osp_driver_conn *conn, const char *index,
								osp_error *err) OSP_MUST_CHECK;

/*
 * Begins a call that searches, and makes all stored documents visible.
 * OSP_ENOENT: there is no index, and so no trace.
 */
osp_status osp__elastic_begin_reading(osp_driver_conn *conn,
									  elastic_fields *fields,
									  osp_error *err) OSP_MUST_CHECK;

/* Gathers all traces in conn->traces. */
osp_status osp__elastic_gather(osp_driver_conn *conn,
							   osp_error *err) OSP_MUST_CHECK;

/* Implement functions of osp_driver. */
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
