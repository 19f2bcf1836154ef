/* SPDX-License-Identifier: Apache-2.0
 *
 * mongodb.h
 *	  Common parts of the mongodb driver.
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
	mongoc_client_t *client;      /* NULL: not made yet, or dropped */
	struct mongo_stream *streams; /* of the client, see mongo_stream.c */
	mongoc_collection_t *points;  /* the collection profiler */
	mongoc_collection_t *errors;  /* the collection profiler_error */
	char where[128];              /* "mongodb at HOST:PORT" */
	bool filter_error_trace;
	bool failed;    /* the client has to be made anew */
	bool has_index; /* base_id has an index, or cannot get one */
	size_t memory_max;
	osp_buf text;
	osp_buf scratch;
	char *space; /* used by the reader */
	osp__json_reader reader;
	osp_traces traces;
};

/* ---- mongo_session.c ---- */

/* Reads the connection string, without connecting. OSP_EINVAL, OSP_ENOMEM. */
osp_status osp__mongo_read_uri(osp_driver_conn *conn, osp_str connection_string,
							   osp_error *err) OSP_MUST_CHECK;

/* Ends the client, if there is one. */
void osp__mongo_drop(osp_driver_conn *conn);

/*
 * Turns libmongoc's failure into OSP_EUNAVAIL with its message, or into
 * OSP_EINTR if the program has interrupted.
 */
osp_status osp__mongo_failed(osp_driver_conn *conn, const bson_error_t *why,
							 osp_error *err);
osp_status osp__mongo_no_memory(osp_error *err);

/*
 * Begins a call of the driver: makes a client unless there is a working one. A
 * client that has failed would not try again for five seconds, and one whose
 * server was restarted would notice only by a failure. OSP_EUNAVAIL, OSP_EINTR,
 * OSP_ENOMEM.
 */
osp_status osp__mongo_begin(osp_driver_conn *conn,
							osp_error *err) OSP_MUST_CHECK;

/* May the call continue? OSP_EINTR, OSP_EUNAVAIL with a message. */
osp_status osp__mongo_check(osp_driver_conn *conn,
							osp_error *err) OSP_MUST_CHECK;

/* ---- mongo_stream.c ---- */

/*
 * Makes a stream of a client, a mongoc_stream_initiator_t whose ctx is the
 * osp_driver_conn.
 */
mongoc_stream_t *osp__mongo_stream(const mongoc_uri_t *uri,
								   const mongoc_host_list_t *host, void *ctx,
								   bson_error_t *why);

/* Has a server ended one of the client's streams since it was used? */
bool osp__mongo_has_ended(const osp_driver_conn *conn);

/* ---- mongo_bson.c ---- */

/*
 * Appends the members of a notification to a document. OSP_EPROTO: BSON cannot
 * hold them. OSP_ENOMEM.
 */
osp_status osp__mongo_from_json(osp_driver_conn *conn, osp_str json,
								bson_t *document) OSP_MUST_CHECK;

/*
 * Appends a document to buf as JSON, without its _id, in the bytes that
 * Python's json.dumps would write.
 */
void osp__mongo_to_json(osp_buf *buf, const bson_t *document);

/* ---- mongo_read.c ---- */

/* Gathers all traces in conn->traces. */
osp_status osp__mongo_gather(osp_driver_conn *conn,
							 osp_error *err) OSP_MUST_CHECK;

/* Implement functions of osp_driver. */
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
