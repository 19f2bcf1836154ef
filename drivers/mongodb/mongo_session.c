/* SPDX-License-Identifier: Apache-2.0
 *
 * mongo_session.c
 *	  The connection string, the client, and its failures.
 */
#include "mongodb.h"

#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#define DATABASE    "osprofiler"
#define MESSAGE_MAX 160

static pthread_once_t once = PTHREAD_ONCE_INIT;

/* The last warning of libmongoc in this thread. */
static __thread char warning[MESSAGE_MAX];

/*
 * Keeps a warning for messages. Without this function libmongoc would write to
 * stderr.
 */
static void
keep_warning(mongoc_log_level_t level, const char *domain, const char *message,
			 void *ctx)
{
	(void) domain;
	(void) ctx;
	if (level <= MONGOC_LOG_LEVEL_WARNING)
		(void) snprintf(warning, sizeof(warning), "%s", message);
}

/*
 * Removes the name of the file with libmongoc's counters. They are in shared
 * memory, for its tool mongoc-stat, and libmongoc removes the file when the
 * process ends normally. If the process is killed, or executes another program,
 * the file would remain. Nothing else needs its name.
 */
static void
unlink_counters(void)
{
	char path[64];

	(void) snprintf(path, sizeof(path), "/dev/shm/mongoc-%ld", (long) getpid());
	(void) unlink(path);
}

static void
init_library(void)
{
	mongoc_log_set_handler(keep_warning, NULL);
	mongoc_init();
	unlink_counters();
}

osp_status
osp__mongo_no_memory(osp_error *err)
{
	return osp_error_set(err, OSP_ENOMEM, "mongodb: out of memory");
}

/* Only the first line of the message is used. */
osp_status
osp__mongo_failed(osp_driver_conn *conn, const bson_error_t *why,
				  osp_error *err)
{
	size_t len = strcspn(why->message, "\n");
	osp_status status = osp__mongo_check(conn, err);

	conn->failed = true;
	if (status != OSP_OK)
		return status;
	return osp_error_set(err,
						 OSP_EUNAVAIL,
						 "%.80s: %.*s",
						 conn->where,
						 (int) (len < MESSAGE_MAX ? len : MESSAGE_MAX),
						 why->message);
}

osp_status
osp__mongo_check(osp_driver_conn *conn, osp_error *err)
{
	osp_status status = osp__wait_check(&conn->wait);

	if (status == OSP_OK)
		return OSP_OK;
	return osp_error_set(err,
						 status,
						 "%.80s: %s",
						 conn->where,
						 status == OSP_EINTR ? "interrupted"
											 : "it takes too long");
}

/* ---- the connection string ---- */

static osp_status
bad_string(osp_error *err, const char *what)
{
	return osp_error_set(
		err,
		OSP_EINVAL,
		"mongodb: %.120s; expected mongodb://[user:password@]host[:port][,...]"
		"[/[authdb][?options]] with MongoDB's options, as ?tls=true",
		what);
}

/* Sets a time of the URI to at most the one that our options allow. */
static void
limit_option(mongoc_uri_t *uri, const char *name, unsigned ms)
{
	int32_t given = mongoc_uri_get_option_as_int32(uri, name, 0);

	if (given <= 0 || (unsigned) given > ms)
		(void) mongoc_uri_set_option_as_int32(uri, name, (int32_t) ms);
}

static void
name_server(osp_driver_conn *conn)
{
	const mongoc_host_list_t *host = mongoc_uri_get_hosts(conn->uri);

	(void) snprintf(conn->where,
					sizeof(conn->where),
					"mongodb at %.80s",
					host != NULL ? host->host_and_port
								 : "the hosts of its SRV");
}

osp_status
osp__mongo_read_uri(osp_driver_conn *conn, osp_str connection_string,
					osp_error *err)
{
	unsigned ms = conn->wait.timeout_ms;
	char *text = osp_alloc(conn->alc, connection_string.len + 1);
	bson_error_t why = {0};
	mongoc_uri_t *uri;

	(void) pthread_once(&once, init_library);
	if (text == NULL)
		return osp__mongo_no_memory(err);
	memcpy(text, connection_string.ptr, connection_string.len);
	text[connection_string.len] = '\0';
	warning[0] = '\0';
	uri = conn->uri = mongoc_uri_new_with_error(text, &why);
	osp_free(conn->alc, text);
	if (uri == NULL || warning[0] != '\0')
		return bad_string(err, uri == NULL ? why.message : warning);
	if (!mongoc_write_concern_is_acknowledged(
			mongoc_uri_get_write_concern(uri)))
		return bad_string(err, "w=0 lets nobody know what is stored");
	if (conn->wait.deadline_ms != 0 && conn->wait.deadline_ms < ms)
		ms = conn->wait.deadline_ms;
	limit_option(uri, MONGOC_URI_SERVERSELECTIONTIMEOUTMS, ms);
	limit_option(uri, MONGOC_URI_CONNECTTIMEOUTMS, ms);
	limit_option(uri, MONGOC_URI_SOCKETTIMEOUTMS, ms);

	/*
	 * Without this option libmongoc would sleep and retry until its timeout,
	 * without any interruption.
	 */
	(void) mongoc_uri_set_option_as_bool(
		uri, MONGOC_URI_SERVERSELECTIONTRYONCE, true);
	name_server(conn);
	return OSP_OK;
}

void
osp__mongo_drop(osp_driver_conn *conn)
{
	mongoc_collection_destroy(conn->points);
	mongoc_collection_destroy(conn->errors);
	mongoc_client_destroy(conn->client);
	conn->points = conn->errors = NULL;
	conn->client = NULL;
	conn->failed = conn->has_index = false;
}

static osp_status
make_client(osp_driver_conn *conn, osp_error *err)
{
	bson_error_t why = {0};

	conn->client = mongoc_client_new_from_uri_with_error(conn->uri, &why);
	if (conn->client == NULL)
		return osp__mongo_failed(conn, &why, err);
	mongoc_client_set_stream_initiator(conn->client, osp__mongo_stream, conn);
	(void) mongoc_client_set_error_api(conn->client,
									   MONGOC_ERROR_API_VERSION_2);
	(void) mongoc_client_set_appname(conn->client, "osprofiler");
	conn->points =
		mongoc_client_get_collection(conn->client, DATABASE, "profiler");
	conn->errors =
		mongoc_client_get_collection(conn->client, DATABASE, "profiler_error");
	return OSP_OK;
}

osp_status
osp__mongo_begin(osp_driver_conn *conn, osp_error *err)
{
	osp_status status;

	osp__wait_begin(&conn->wait);
	status = osp__mongo_check(conn, err);
	if (status != OSP_OK)
		return status;
	if (conn->failed || osp__mongo_has_ended(conn))
		osp__mongo_drop(conn);
	return conn->client != NULL ? OSP_OK : make_client(conn, err);
}
