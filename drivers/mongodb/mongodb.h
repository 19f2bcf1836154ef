/* SPDX-License-Identifier: Apache-2.0
 *
 * mongodb.h
 *	  What the parts of the mongodb driver share.
 *
 * A notification is a document of the collection profiler in the database
 * osprofiler, as upstream's driver has it.
 */
#ifndef OSP_MONGODB_H
#define OSP_MONGODB_H

#include <mongoc/mongoc.h>

#include "osprofiler/driver.h"
#include "traces.h"
#include "wait.h"
#include "json/json_read.h"

struct osp_driver_conn
{
	const osp_allocator *alc;
	osp_wait wait;
	mongoc_uri_t *uri;
	mongoc_client_t *client;      /* NULL: there is none */
	struct mongo_stream *streams; /* to its servers, see mongo_stream.c */
	mongoc_collection_t *points;  /* profiler */
	mongoc_collection_t *errors;  /* profiler_error */
	char where[128];              /* "mongodb at HOST:PORT" */
	bool filter_error_trace;
	bool failed;    /* the client is to be made anew */
	bool has_index; /* the index of base_id was made, or cannot be */
	size_t memory_max;
	osp_buf text;
	osp_buf scratch;
	char *space; /* of the reader */
	osp__json_reader reader;
	osp_traces traces;
};

/* ---- mongo_session.c ---- */

/* Reads the connection string, without connecting. OSP_EINVAL, OSP_ENOMEM. */
osp_status osp__mongo_read_uri(osp_driver_conn *conn, osp_str connection_string,
							   osp_error *err) OSP_MUST_CHECK;

/* Ends the client, if there is one. */
void osp__mongo_drop(osp_driver_conn *conn);

/* What the library says of a failure, as OSP_EUNAVAIL; OSP_EINTR if the host wants
 * to end. */
osp_status osp__mongo_failed(osp_driver_conn *conn, const bson_error_t *why,
							 osp_error *err);
osp_status osp__mongo_no_memory(osp_error *err);

/* A call of the driver begins: makes a client unless there is one in order. One
 * that has failed would not try again for five seconds, and one whose server was
 * restarted would not notice that before it fails. OSP_EUNAVAIL, OSP_EINTR,
 * OSP_ENOMEM. */
osp_status osp__mongo_begin(osp_driver_conn *conn,
							osp_error *err) OSP_MUST_CHECK;

/* May the call go on? OSP_EINTR, OSP_EUNAVAIL with a message. */
osp_status osp__mongo_check(osp_driver_conn *conn,
							osp_error *err) OSP_MUST_CHECK;

/* ---- mongo_stream.c ---- */

/* Makes the streams of a client, a mongoc_stream_initiator_t: ctx is the
 * osp_driver_conn. */
mongoc_stream_t *osp__mongo_stream(const mongoc_uri_t *uri,
								   const mongoc_host_list_t *host, void *ctx,
								   bson_error_t *why);

/* Has a server ended one of the client's streams since it was used? */
bool osp__mongo_has_ended(const osp_driver_conn *conn);

/* ---- mongo_bson.c ---- */

/* Appends the members of a notification to a document. OSP_EPROTO: they do not
 * fit into one. OSP_ENOMEM. */
osp_status osp__mongo_from_json(osp_driver_conn *conn, osp_str json,
								bson_t *document) OSP_MUST_CHECK;

/* Appends a document to buf as JSON, in the bytes of json.dumps, without its
 * _id. */
void osp__mongo_to_json(osp_buf *buf, const bson_t *document);

/* ---- mongo_read.c ---- */

/* Gathers all traces in conn->traces. */
osp_status osp__mongo_gather(osp_driver_conn *conn,
							 osp_error *err) OSP_MUST_CHECK;

/* The slots of osp_driver. */
osp_status osp__mongo_notify(osp_driver_conn *conn,
							 const osp_notification *items, size_t count,
							 size_t *accepted, osp_error *err) OSP_MUST_CHECK;
osp_status osp__mongo_get_points(osp_driver_conn *conn, osp_str base_id,
								 osp_point_fn fn, void *ctx,
								 osp_error *err) OSP_MUST_CHECK;
osp_status osp__mongo_list_traces(osp_driver_conn *conn,
								  const osp_trace_filter *filter,
								  osp_trace_fn fn, void *ctx, osp_str *next,
								  osp_error *err) OSP_MUST_CHECK;
osp_status osp__mongo_remove_traces(osp_driver_conn *conn,
									const osp_removal *what, uint64_t *removed,
									osp_error *err) OSP_MUST_CHECK;

#endif /* OSP_MONGODB_H */
