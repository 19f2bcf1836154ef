/* SPDX-License-Identifier: Apache-2.0
 *
 * redis.h
 *	  What the parts of the redis driver share: keys, commands, and reading.
 *
 * All notifications of a trace are one list, newest first. The key of a trace
 * that holds an error exists only where filter_error_trace is set. These are
 * upstream's. Beside them we keep two sorted sets, the base_ids by the latest time
 * of their notifications, so that a list need not look at every key: upstream's
 * reader does not see them, and what only upstream wrote is not in them. The
 * notification that arrived last need not be the latest one: what each of several
 * tracers recorded arrives when that one delivers.
 *
 * In a cluster, which upstream's library cannot use, the base_id stands in
 * braces, so that the keys of one trace are in one slot.
 *
 * Early releases of upstream kept every notification under a key of its own;
 * these are read with ?legacy=1, and never written.
 */
#ifndef OSP_REDIS_H
#define OSP_REDIS_H

#include "redis_node.h"
#include "traces.h"

#define REDIS_KEY_TRACE       "osprofiler_opt:"   /* + base_id: list */
#define REDIS_KEY_ERROR       "osprofiler_error:" /* + base_id: string */
#define REDIS_KEY_LEGACY      "osprofiler:"       /* + base_id + more: string */
#define REDIS_KEY_INDEX       "osprofiler_index"
#define REDIS_KEY_ERROR_INDEX "osprofiler_error_index"

/* Longest cursor of a SCAN, with a NUL. */
#define REDIS_CURSOR_MAX 24

/* The slots that a cluster shares out among its nodes. */
#define REDIS_SLOTS 16384

/* Nodes of a cluster. */
#define REDIS_NODES_MAX 1024

/* The type of a reply to a command that was not carried out, but can be if it is
 * given again: the key has moved to another node of the cluster, or the server
 * has closed the connection because of what was sent before. */
#define REDIS_AGAIN (-1)

/* A command is given again so many times in a row. */
#define REDIS_TRIES 8

/*
 * The servers that hold the traces. Without a cluster that is nodes[0]. In a
 * cluster nodes[0] is whoever was asked about it last, and the others hold keys.
 * A command goes to the node of its key. Replies are read in the order of the
 * commands, whatever node they went to.
 */
typedef struct osp_redis
{
	osp_redis_shared shared;
	osp_redis_node **nodes;
	size_t node_count;
	int64_t call;      /* number of the call */
	osp_error failure; /* of a command; code OSP_OK while it goes well */
	bool stale;        /* learn anew who holds the traces */
	int64_t learned_ns;
	size_t host; /* of the settings that has answered last */

	osp_redis_node *now;  /* gets the arguments */
	osp_redis_node *from; /* has sent the reply */
	osp_buf order;        /* nodes of the commands without a reply */
	size_t order_at;
	osp_buf key;

	uint16_t *slots;  /* NULL: no cluster; else places in nodes, 0: nobody */
	osp_traces asked; /* keys that are about to move: entry.place is the node */
	uint32_t ask;     /* AGAIN was said of such a key: its node, else 0 */
} osp_redis;

struct osp_driver_conn
{
	osp_redis redis;
	bool filter_error_trace;
	osp_buf text;      /* for keys, values and errors in the making */
	osp_traces traces; /* of the batch, or of the list */
	osp_traces keys;   /* of early releases */
	osp_traces first;  /* of the trace that is listed: its first few points */
	uint32_t *places;  /* of the batch: two for each item (redis_write.c) */
	size_t place_cap;
	int64_t forget_ns; /* when the index was last rid of what has expired */
	bool lacks_gt;     /* the server does not know the option GT of ZADD */
};

/* ---- calls and commands (redis_pipeline.c) ---- */

/* Reads the connection string. Does not connect. */
osp_status osp__redis_init(osp_redis *redis, const osp_driver_options *options,
						   osp_error *err) OSP_MUST_CHECK;
void osp__redis_term(osp_redis *redis);

/*
 * A call of the driver begins: finds out which servers hold the traces if that
 * is not known, or if something has failed. OSP_EUNAVAIL, OSP_EINTR, OSP_ENOMEM.
 */
osp_status osp__redis_begin_call(osp_redis *redis,
								 osp_error *err) OSP_MUST_CHECK;

/* A key of a trace, borrowed until the next one is made. */
osp_str osp__redis_key(osp_redis *redis, const char *prefix, osp_str base_id);

/* The base_id in a key with this prefix; false: it is no such key. */
bool osp__redis_id_of(const osp_redis *redis, osp_str key, const char *prefix,
					  osp_str *base_id) OSP_MUST_CHECK;

/*
 * Begins a command about a key, with so many arguments more; or one to a node.
 * Connects to the node if that is needed. A failure is kept, and osp__redis_reply
 * reports it.
 */
void osp__redis_command(osp_redis *redis, const char *name, osp_str key,
						size_t more);
void osp__redis_command_to(osp_redis *redis, osp_redis_node *node,
						   const char *name, size_t more);
void osp__redis_arg(osp_redis *redis, osp_str text);
void osp__redis_arg_i64(osp_redis *redis, int64_t value);

/* Sends what is in the output buffers. */
void osp__redis_send(osp_redis *redis);

/* The node behind this one, NULL: the first, that may hold keys; NULL: none. */
osp_redis_node *osp__redis_next_node(const osp_redis *redis,
									 const osp_redis_node *node);

/*
 * Reads the reply to the oldest command that has none yet into shared.items, and
 * sets from. An error that the server answers is such a reply, REDIS_AGAIN
 * another. Any other failure ends the call: OSP_EUNAVAIL, OSP_EINTR, OSP_EFULL
 * (larger than memory_max), OSP_ENOMEM.
 */
osp_status osp__redis_reply(osp_redis *redis, osp_error *err) OSP_MUST_CHECK;

/* Is the reply to a command about key REDIS_AGAIN? Then the next command about it
 * goes where it must. */
bool osp__redis_again(osp_redis *redis, osp_str key);

/* The server closes the connection on which the last reply came, and has read
 * nothing behind: all replies that are outstanding there will be REDIS_AGAIN. */
void osp__redis_set_away(osp_redis *redis);

/* Ends a call, with all that is under way. */
void osp__redis_drop(osp_redis *redis);

/* As osp__redis_node_trouble, of the last reply. */
osp_status osp__redis_trouble(osp_redis *redis, osp_error *err);

/* Ends a call for trouble of our own: returns status. */
osp_status osp__redis_broken(osp_redis *redis, osp_status status,
							 osp_error *err);

/* Ends a call after too many REDIS_AGAIN. */
osp_status osp__redis_restless(osp_redis *redis, osp_error *err);

/* The place of a node with this address, made if there is none; 0: too many, or
 * no memory. */
uint32_t osp__redis_add_node(osp_redis *redis, osp_str name, unsigned port);

/* ---- the cluster (redis_cluster.c) ---- */

/* Asks nodes[0], which is connected, which node holds which slot; OSP_OK without
 * slots: it is no cluster. */
osp_status osp__redis_learn_slots(osp_redis *redis,
								  osp_error *err) OSP_MUST_CHECK;

/* The node of a key. *asking: it does not hold the key yet. */
osp_redis_node *osp__redis_node_of(osp_redis *redis, osp_str key, bool *asking);

/* Is the reply a node's word that a key is elsewhere? Notes where. */
bool osp__redis_moved(osp_redis *redis) OSP_MUST_CHECK;

/* ---- the sentinels (redis_sentinel.c) ---- */

/* Makes nodes[0] the master that the sentinels name, connected. OSP_EUNAVAIL: it
 * is none, or there is none. */
osp_status osp__redis_find_master(osp_redis *redis,
								  osp_error *err) OSP_MUST_CHECK;

/* ---- reading, writing ---- */

/*
 * The next reply if it is of this type, REDIS_REPLY_..., or REDIS_AGAIN: see
 * osp__redis_again. OSP_ENOENT, without a message: a key that holds something
 * else, and nil where a string is asked for.
 */
osp_status osp__redis_value(osp_redis *redis, int type,
							osp_error *err) OSP_MUST_CHECK;


/* Calls fn for each key that matches pattern, some perhaps twice, borrowed. fn
 * uses no command; what it returns but OSP_OK ends the walk. */
typedef osp_status (*osp_redis_key_fn)(osp_driver_conn *conn, osp_str key);
osp_status osp__redis_scan(osp_driver_conn *conn, osp_str pattern,
						   osp_redis_key_fn fn, osp_error *err) OSP_MUST_CHECK;

/* Fills conn->traces with all traces, or those that hold an error, and the times
 * of their first and last notifications, by looking at all keys. */
osp_status osp__redis_find_traces(osp_driver_conn *conn, bool errors_only,
								  osp_error *err) OSP_MUST_CHECK;

/* The slots of osp_driver. */
osp_status osp__redis_notify(osp_driver_conn *conn,
							 const osp_notification *items, size_t count,
							 size_t *accepted, osp_error *err) OSP_MUST_CHECK;
osp_status osp__redis_get_points(osp_driver_conn *conn, osp_str base_id,
								 osp_point_fn fn, void *ctx,
								 osp_error *err) OSP_MUST_CHECK;
osp_status osp__redis_list_traces(osp_driver_conn *conn,
								  const osp_trace_filter *filter,
								  osp_trace_fn fn, void *ctx, osp_str *next,
								  osp_error *err) OSP_MUST_CHECK;
osp_status osp__redis_remove_traces(osp_driver_conn *conn,
									const osp_removal *what, uint64_t *removed,
									osp_error *err) OSP_MUST_CHECK;

/* Keys of upstream's early releases: the notifications of a trace; what all of
 * them tell of their traces, into conn->traces. */
osp_status osp__redis_legacy_points(osp_driver_conn *conn, osp_str base_id,
									osp_point_fn fn, void *ctx,
									osp_error *err) OSP_MUST_CHECK;
osp_status osp__redis_legacy_traces(osp_driver_conn *conn,
									osp_error *err) OSP_MUST_CHECK;

#endif /* OSP_REDIS_H */
