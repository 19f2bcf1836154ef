/* SPDX-License-Identifier: Apache-2.0
 *
 * redis_conn.h
 *	  A connection to a Redis server that makes itself again after a failure:
 *	  commands go out in a pipeline, replies come back in the same order.
 *
 * hiredis parses the replies. The socket is ours, so that every wait ends by the
 * bounds of the call, and so is the memory for a reply, so that no more is taken
 * than the caller allows, whatever a server announces. Looking up a host name is
 * the system's own, and waits as long as the system lets it.
 */
#ifndef OSP_REDIS_CONN_H
#define OSP_REDIS_CONN_H

#include <hiredis/hiredis.h>

#include "osprofiler/buf.h"
#include "osprofiler/driver.h"
#include "stream.h"

/* The output buffer is sent when it holds half of this. */
#define REDIS_OUT_MAX ((size_t) 256 * 1024)

/* How hiredis announces an array's length to us. */
#if HIREDIS_MAJOR >= 1
typedef size_t redis_array_length;
#else
typedef int redis_array_length;
#endif

/* One element of a reply. The elements of an array follow it, each with its own
 * elements. */
typedef struct osp_redis_item
{
	int type;  /* REDIS_REPLY_... */
	size_t at; /* of the text in osp_redis.texts */
	size_t len;
	int64_t number; /* an integer, or the length of an array */
} osp_redis_item;

typedef struct osp_redis
{
	const osp_allocator *alc;
	osp_wait wait;
	osp_stream stream;
	osp_buf out;       /* commands that were not sent yet */
	osp_error failure; /* of sending; code OSP_OK while it goes well */
	bool peer_closed;  /* it failed because the server closed the connection */

	/* The reply that was read last, borrowed until the next one is. */
	const osp_redis_item *items;
	size_t count;

	redisReader *reader; /* NULL: not connected */
	osp_buf texts;       /* of the reply, each with a NUL behind it */
	osp_buf elements;    /* where items are */
	bool too_large;      /* the reply would be larger than memory_max */
	size_t memory_max;

	/* What the connection string says. */
	bool is_unix;
	bool has_login;
	bool legacy;  /* keys of upstream's early releases are read, too */
	uint64_t ttl; /* seconds that a trace is kept; 0: for ever */
	unsigned port;
	unsigned db;
	osp_str user; /* these borrow from storage */
	osp_str password;
	char *address; /* host name, or path of a socket */
	char *storage;
	char where[128]; /* the address as messages name it */
} osp_redis;

/*
 * Reads redis://[[user]:password@][host][:port][/db] or redis+unix://[[user]:
 * password@]/path/of/socket, with ?db=N, ttl=7d, legacy=1 behind it. Does not
 * connect.
 */
osp_status osp__redis_init(osp_redis *redis, const osp_driver_options *options,
						   osp_error *err) OSP_MUST_CHECK;
void osp__redis_term(osp_redis *redis);

/*
 * A call of the driver begins: makes a connection if there is none, or none that
 * is in order, with login and choice of the database. OSP_EUNAVAIL, OSP_EINTR,
 * OSP_ENOMEM. To be called with no reply outstanding.
 */
osp_status osp__redis_begin_call(osp_redis *redis,
								 osp_error *err) OSP_MUST_CHECK;

/* As above, in the middle of a call, whose time goes on. */
osp_status osp__redis_connect(osp_redis *redis, osp_error *err) OSP_MUST_CHECK;

/* Closes the connection, with all that is under way. */
void osp__redis_drop(osp_redis *redis);

/*
 * A command of count arguments, its name among them: begin, then each argument
 * (borrowed), of one or of two parts. What does not fit the output buffer is
 * sent. A failure is kept, and osp__redis_reply reports it.
 */
void osp__redis_begin(osp_redis *redis, size_t count);
void osp__redis_arg(osp_redis *redis, osp_str text);
void osp__redis_arg2(osp_redis *redis, osp_str first, osp_str second);
void osp__redis_arg_i64(osp_redis *redis, int64_t value);

/* Sends what is in the output buffer. */
void osp__redis_send(osp_redis *redis);

/*
 * Reads the reply to the oldest command that has none yet into redis->items. An
 * error that the server answers is such a reply. Any other failure drops the
 * connection: OSP_EUNAVAIL, OSP_EINTR, OSP_EFULL (larger than memory_max),
 * OSP_ENOMEM.
 */
osp_status osp__redis_reply(osp_redis *redis, osp_error *err) OSP_MUST_CHECK;

/* Makes a parser for a new connection; false: no memory. */
bool osp__redis_new_reader(osp_redis *redis) OSP_MUST_CHECK;

/* Has something come that nobody has read? */
bool osp__redis_has_more(const osp_redis *redis);

/* The text of an element of the reply, terminated; empty if it has none. */
static inline osp_str
osp__redis_text(const osp_redis *redis, size_t item)
{
	const osp_redis_item *found = &redis->items[item];

	return found->len > 0 ? osp_str_n(redis->texts.ptr + found->at, found->len)
						  : OSP_STR("");
}

/* Is the reply an error that begins with prefix? */
bool osp__redis_is_error(const osp_redis *redis, const char *prefix);

/* Reports that the reply is an error, or of a wrong type: OSP_EUNAVAIL, for
 * whatever it says of the server or of its settings can be set right. Drops the
 * connection. */
osp_status osp__redis_trouble(osp_redis *redis, osp_error *err);

/* Ends a call for trouble of our own: drops the connection, returns status. */
osp_status osp__redis_broken(osp_redis *redis, osp_status status,
							 osp_error *err);

#endif /* OSP_REDIS_CONN_H */
