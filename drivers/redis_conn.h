/* SPDX-License-Identifier: Apache-2.0
 *
 * redis_conn.h
 *	  A connection to a Redis server that makes itself again after a failure:
 *	  commands go out in a pipeline, replies come back in the same order.
 *
 * hiredis connects and reads; sending is done here, because a write of hiredis
 * raises SIGPIPE when the server is gone, copies every command once more, and
 * keeps all of a pipeline in memory. What is used of it is in hiredis 0.14 and
 * in 1.x alike. Its own memory (replies, read buffer) comes from malloc. Every
 * wait for the server is bounded; that for the system's resolver of host names
 * is the system's own.
 */
#ifndef OSP_REDIS_CONN_H
#define OSP_REDIS_CONN_H

#include <hiredis/hiredis.h>

#include "osprofiler/buf.h"
#include "osprofiler/driver.h"

/* The output buffer is sent when it holds half of this. */
#define REDIS_OUT_MAX ((size_t) 512 * 1024)

typedef struct osp_redis
{
	const osp_allocator *alc;
	redisContext *ctx; /* NULL while there is no connection */
	osp_buf out;       /* commands that were not sent yet */
	osp_error failure; /* of sending; code OSP_OK while it goes well */
	bool peer_closed;  /* it failed because the server closed the connection */
	bool is_unix;
	bool has_login;
	bool read_only;
	unsigned port;
	unsigned db;
	unsigned timeout_ms;
	osp_str user; /* these borrow from storage */
	osp_str password;
	char *address; /* host name, or path of a socket */
	char *storage;
	char where[128]; /* the address as messages name it */
} osp_redis;

/*
 * Reads redis://[[user]:password@][host][:port][/db] or redis+unix://[[user]:
 * password@]/path/of/socket, either with ?db=N behind it. Does not connect.
 */
osp_status osp__redis_init(osp_redis *redis, const osp_driver_options *options,
						   osp_error *err) OSP_MUST_CHECK;
void osp__redis_term(osp_redis *redis);

/*
 * Makes a connection if there is none, or none that is still open, with login
 * and choice of the database. OSP_EUNAVAIL, OSP_ENOMEM. To be called before a
 * pipeline, with no reply outstanding.
 */
osp_status osp__redis_connect(osp_redis *redis, osp_error *err) OSP_MUST_CHECK;

/* Closes the connection, with all that is under way; the next call of
 * osp__redis_connect makes a new one. */
void osp__redis_drop(osp_redis *redis);

/*
 * A command of count arguments, its name among them: begin, then each argument
 * (borrowed), of one or of two parts. What does not fit the output buffer is
 * sent. Trouble is kept for osp__redis_reply to tell.
 */
void osp__redis_begin(osp_redis *redis, size_t count);
void osp__redis_arg(osp_redis *redis, osp_str text);
void osp__redis_arg2(osp_redis *redis, osp_str first, osp_str second);
void osp__redis_arg_i64(osp_redis *redis, int64_t value);

/* Sends what is in the output buffer. */
void osp__redis_send(osp_redis *redis);

/*
 * The reply to the oldest command that has none yet, returned owned
 * (freeReplyObject). An error that the server answers is such a reply. Any other
 * failure drops the connection: OSP_EUNAVAIL, OSP_ENOMEM.
 */
osp_status osp__redis_reply(osp_redis *redis, redisReply **reply,
							osp_error *err) OSP_MUST_CHECK;

/* Tells of an error reply (or one of a wrong type): OSP_EUNAVAIL, for whatever
 * it says of the server or of its settings can be set right. Drops the
 * connection. */
osp_status osp__redis_trouble(osp_redis *redis, const redisReply *reply,
							  osp_error *err);

/* Is it an error reply that begins with prefix? */
bool osp__redis_is_error(const redisReply *reply, const char *prefix);

#endif /* OSP_REDIS_CONN_H */
