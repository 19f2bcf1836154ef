/* SPDX-License-Identifier: Apache-2.0
 *
 * redis_node.h
 *	  A connection to one Redis server or sentinel: commands go out in a pipeline,
 *	  replies come back in the same order.
 *
 * hiredis parses the replies. The socket is ours, with TLS or without, so that
 * every wait ends by the bounds of the call, and so is the memory for a reply, so
 * that no more is taken than the caller allows, whatever a server announces.
 * Looking up a host name is the system's own, and waits as long as the system
 * lets it.
 */
#ifndef OSP_REDIS_NODE_H
#define OSP_REDIS_NODE_H

#include <hiredis/hiredis.h>

#include "redis_settings.h"
#include "stream.h"

/* The output buffer is sent when it holds half of this. */
#define REDIS_OUT_MAX ((size_t) 256 * 1024)

/* Longest name of a host, or path of a socket, with a NUL. */
#define REDIS_NAME_MAX 256

/* How hiredis announces an array's length to us. */
#if HIREDIS_MAJOR >= 1
typedef size_t redis_array_length;
#else
typedef int redis_array_length;
#endif

typedef struct osp_redis_node
{
	osp_redis_shared *shared;
	const char *kind; /* "redis" or "sentinel", in messages */
	char name[REDIS_NAME_MAX];
	unsigned port;   /* 0: name is the path of a socket */
	char where[128]; /* the address as messages name it */

	osp_stream stream;
	redisReader *reader; /* NULL: not connected */
	osp_buf out;         /* commands that were not sent yet */
	osp_error failure;   /* of sending; code OSP_OK while it goes well */
	bool peer_closed; /* it failed because the server closed the connection */
	bool too_large;   /* the reply would be larger than memory_max */
	size_t pending;   /* commands without a reply */

	/* For redis_pipeline.c. */
	int64_t call;     /* that has found the connection in order, by number */
	bool is_away;     /* the server has closed it for a value of this call */
	bool holds_keys;  /* a node of the cluster */
	bool has_replica; /* that can be waited for */
	int64_t doubt_ns; /* when it was waited for in vain; 0: never */
} osp_redis_node;

void osp__redis_node_init(osp_redis_node *node, osp_redis_shared *shared,
						  const char *kind);
void osp__redis_node_term(osp_redis_node *node);

/* Another address: closes the connection if it is one to another server. */
void osp__redis_node_set(osp_redis_node *node, osp_str name, unsigned port);

/*
 * Makes a connection if there is none, or none that is in order, with login and
 * choice of the database. OSP_EUNAVAIL, OSP_EINTR, OSP_ENOMEM.
 */
osp_status osp__redis_node_connect(osp_redis_node *node,
								   const osp_redis_login *login, unsigned db,
								   osp_error *err) OSP_MUST_CHECK;

/* Has the server a replica, and is it worth waiting for? One that did not keep up
 * is left alone for a while. */
void osp__redis_node_set_replica(osp_redis_node *node, bool has_replica);

/* Closes the connection, with all that is under way. */
void osp__redis_node_drop(osp_redis_node *node);

/* Connected, with no reply outstanding, and nothing to say? */
bool osp__redis_node_is_quiet(osp_redis_node *node) OSP_MUST_CHECK;

/*
 * A command of count arguments, its name among them: begin, then each argument
 * (borrowed), of one or of two parts. What does not fit the output buffer is
 * sent. A failure is kept, and osp__redis_node_reply reports it.
 */
void osp__redis_node_begin(osp_redis_node *node, size_t count);
void osp__redis_node_arg(osp_redis_node *node, osp_str text);
void osp__redis_node_send(osp_redis_node *node);

/*
 * Reads the reply to the oldest command that has none yet into shared->items. An
 * error that the server answers is such a reply. Any other failure drops the
 * connection: OSP_EUNAVAIL, OSP_EINTR, OSP_EFULL (larger than memory_max),
 * OSP_ENOMEM.
 */
osp_status osp__redis_node_reply(osp_redis_node *node,
								 osp_error *err) OSP_MUST_CHECK;

/* As above, of a command that was sent alone. */
osp_status osp__redis_node_ask(osp_redis_node *node,
							   osp_error *err) OSP_MUST_CHECK;

/* Makes a parser for a new connection; false: no memory. */
bool osp__redis_new_reader(osp_redis_node *node) OSP_MUST_CHECK;

/* The text of an element of the reply, terminated; empty if it has none. */
static inline osp_str
osp__redis_text(const osp_redis_shared *shared, size_t item)
{
	const osp_redis_item *found = &shared->items[item];

	return found->len > 0 ? osp_str_n(shared->texts.ptr + found->at, found->len)
						  : OSP_STR("");
}

/* Is the reply an error that begins with prefix? */
bool osp__redis_is_error(const osp_redis_shared *shared, const char *prefix);

/* Reports that the reply is an error, or of a wrong type: OSP_EUNAVAIL, for
 * whatever it says of the server or of its settings can be set right. Drops the
 * connection. */
osp_status osp__redis_node_trouble(osp_redis_node *node, osp_error *err);

#endif /* OSP_REDIS_NODE_H */
