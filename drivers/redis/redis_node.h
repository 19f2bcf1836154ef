/* SPDX-License-Identifier: Apache-2.0
 *
 * redis_node.h
 *	  A connection to one Redis server or sentinel. Commands are sent in a
 *	  pipeline, and replies come back in the same order.
 *
 * hiredis parses the replies. The socket is ours, with or without TLS, so that
 * the time limits of a call hold for every wait. The memory for a reply is
 * ours, too, so that it stays within what the caller allows, whatever a server
 * announces. A host name is looked up by the system, and takes as long as the
 * system allows.
 */
#ifndef OSP_REDIS_NODE_H
#define OSP_REDIS_NODE_H

#include <hiredis/hiredis.h>

#include "redis_settings.h"
#include "stream.h"

/* The size of the output buffer, which is sent when it is half full. */
#define REDIS_OUT_MAX ((size_t) 256 * 1024)

/* Maximum length of a host name or of a socket's path, with a NUL. */
#define REDIS_NAME_MAX 256

/* The type in which hiredis passes the length of an array. */
#if HIREDIS_MAJOR >= 1
typedef size_t redis_array_length;
#else
typedef int redis_array_length;
#endif

typedef struct osp_redis_node
{
	osp_redis_shared *shared;
	const char *kind; /* "redis" or "sentinel", for messages */
	char name[REDIS_NAME_MAX];
	unsigned port;   /* 0: name is the path of a socket */
	char where[128]; /* the address, for messages */

	osp_stream stream;
	redisReader *reader; /* NULL: not connected */
	osp_buf out;         /* commands that were not sent yet */
	osp_error failure;   /* why sending failed; code OSP_OK: it did not */
	bool peer_closed;    /* sending failed: the server closed the connection */
	bool too_large;      /* the reply would be larger than memory_max */
	size_t pending;      /* commands without a reply */

	/* Members for redis_pipeline.c. */
	int64_t call;     /* the last call that checked the connection */
	bool is_away;     /* the server closed the connection for a value */
	bool holds_keys;  /* the node holds keys of the cluster */
	bool has_replica; /* the server has a replica to wait for */
	int64_t doubt_ns; /* when a wait for a replica last failed; 0: never */
} osp_redis_node;

void osp__redis_node_init(osp_redis_node *node, osp_redis_shared *shared,
						  const char *kind);
void osp__redis_node_term(osp_redis_node *node);

/* Sets the address. Closes a connection to another server. */
void osp__redis_node_set(osp_redis_node *node, osp_str name, unsigned port);

/*
 * Connects, logs in and selects the database, unless there is a working
 * connection. OSP_EUNAVAIL, OSP_EINTR, OSP_ENOMEM.
 */
osp_status osp__redis_node_connect(osp_redis_node *node,
								   const osp_redis_login *login, unsigned db,
								   osp_error *err) OSP_MUST_CHECK;

/*
 * Notes whether the server has a replica. A replica that did not keep up does
 * not count for a while, so that it is not waited for.
 */
void osp__redis_node_set_replica(osp_redis_node *node, bool has_replica);

/* Closes the connection. Commands without a reply are dropped. */
void osp__redis_node_drop(osp_redis_node *node);

/* Is the node connected, with no reply outstanding and nothing received? */
bool osp__redis_node_is_quiet(osp_redis_node *node) OSP_MUST_CHECK;

/*
 * Write a command: begin with count, the number of arguments including the
 * name, then add each argument (borrowed). Commands that do not fit into the
 * output buffer are sent at once, the rest by osp__redis_node_send. A failure
 * is kept until osp__redis_node_reply reports it.
 */
void osp__redis_node_begin(osp_redis_node *node, size_t count);
void osp__redis_node_arg(osp_redis_node *node, osp_str text);
void osp__redis_node_send(osp_redis_node *node);

/*
 * Reads the reply to the oldest command without one into shared->items. An
 * error that the server answers is a reply, too. Any other failure drops the
 * connection: OSP_EUNAVAIL, OSP_EINTR, OSP_EFULL (larger than memory_max),
 * OSP_ENOMEM.
 */
osp_status osp__redis_node_reply(osp_redis_node *node,
								 osp_error *err) OSP_MUST_CHECK;

/* Sends a single command and reads its reply, like osp__redis_node_reply. */
osp_status osp__redis_node_ask(osp_redis_node *node,
							   osp_error *err) OSP_MUST_CHECK;

/* Makes a parser for a new connection; false: no memory. */
bool osp__redis_new_reader(osp_redis_node *node) OSP_MUST_CHECK;

/*
 * Returns the text of an element of the reply, with a NUL behind it; empty if
 * it has none.
 */
static inline osp_str
osp__redis_text(const osp_redis_shared *shared, size_t item)
{
	const osp_redis_item *found = &shared->items[item];

	return found->len > 0 ? osp_str_n(shared->texts.ptr + found->at, found->len)
						  : OSP_STR("");
}

/* Is the reply an error that begins with prefix? */
bool osp__redis_is_error(const osp_redis_shared *shared, const char *prefix);

/*
 * Reports a reply that is an error or has the wrong type, and drops the
 * connection. The result is OSP_EUNAVAIL, since the server or its settings can
 * be corrected.
 */
osp_status osp__redis_node_trouble(osp_redis_node *node, osp_error *err);

#endif /* OSP_REDIS_NODE_H */
