/* SPDX-License-Identifier: Apache-2.0
 *
 * redis.h
 *	  Common parts of the redis driver: keys, commands, and reading.
 *
 * All notifications of a trace are one list, newest first. Another key marks a
 * trace that holds an error; it is written only if filter_error_trace is set.
 * These keys are upstream's. We add two sorted sets, which have the base_ids by
 * the latest time of their notifications, so that listing traces need not read
 * every key. Upstream's reader ignores these sets, and traces that only
 * upstream stored are not in them. The notification that arrived last need not
 * be the latest one: each of several tracers delivers at its own time.
 *
 * In a cluster, which upstream's library cannot use, keys have the base_id in
 * braces, so that the keys of one trace are in one slot.
 *
 * Early releases of upstream stored each notification under a key of its own.
 * Such keys are read with ?legacy=1, and never written.
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

/* Maximum length of the cursor of a SCAN, with a NUL. */
#define REDIS_CURSOR_MAX 24

/* The number of slots that a cluster distributes over its nodes. */
#define REDIS_SLOTS 16384

/* The largest number of nodes that a cluster may have. */
#define REDIS_NODES_MAX 1024

/*
 * The type of a reply to a command that was not carried out, but can be sent
 * again: the key has moved to another node of the cluster, or the server has
 * closed the connection because of an earlier command.
 */
#define REDIS_AGAIN (-1)

/* How many times in a row a command is sent again. */
#define REDIS_TRIES 8

/*
 * The servers that hold the traces. Without a cluster this is nodes[0]. In a
 * cluster nodes[0] is the node that was last asked about the cluster, and the
 * others hold keys. A command goes to the node of its key. Replies are read in
 * the order of the commands, on whatever nodes.
 */
typedef struct osp_redis
{
	osp_redis_shared shared;
	osp_redis_node **nodes;
	size_t node_count;
	int64_t call;      /* counts the calls of the driver */
	osp_error failure; /* first failure of a command; code OSP_OK: none */
	bool stale;        /* find out again which servers hold the traces */
	int64_t learned_ns;
	size_t host; /* the host of the settings that answered last */

	osp_redis_node *now;  /* the node that gets the arguments */
	osp_redis_node *from; /* the node that sent the reply */
	osp_buf order;        /* the nodes of the commands without a reply */
	size_t order_at;
	osp_buf key;

	uint16_t *slots;  /* NULL: no cluster; else places in nodes, 0: none */
	osp_traces asked; /* keys about to move; entry.place is the new node */
	uint32_t ask;     /* the new node if the last reply was ASK, else 0 */
} osp_redis;

struct osp_driver_conn
{
	osp_redis redis;
	bool filter_error_trace;
	osp_buf text;      /* for values and other texts being built or decoded */
	osp_traces traces; /* the traces of the batch, or of the list */
	osp_traces keys;   /* keys of upstream's early releases */
	osp_traces first;  /* the trace being listed, by its first few points */
	uint32_t *places;  /* two numbers per item of a batch (redis_write.c) */
	size_t place_cap;
	int64_t forget_ns; /* when expired traces are next removed from the index */
	bool lacks_gt;     /* the server does not know the option GT of ZADD */
};

/* ---- calls and commands (redis_pipeline.c) ---- */

/* Initialises redis from the connection string, without connecting. */
osp_status osp__redis_init(osp_redis *redis, const osp_driver_options *options,
						   osp_error *err) OSP_MUST_CHECK;
void osp__redis_term(osp_redis *redis);

/*
 * Begins a call of the driver. Finds out which servers hold the traces if this
 * is not known or may have changed, or after a failure. OSP_EUNAVAIL,
 * OSP_EINTR, OSP_ENOMEM.
 */
osp_status osp__redis_begin_call(osp_redis *redis,
								 osp_error *err) OSP_MUST_CHECK;

/* Returns a key of a trace. It is borrowed until the next one is made. */
osp_str osp__redis_key(osp_redis *redis, const char *prefix, osp_str base_id);

/* Finds the base_id in a key with this prefix. Returns false if it is not such
 * a key. */
bool osp__redis_id_of(const osp_redis *redis, osp_str key, const char *prefix,
					  osp_str *base_id) OSP_MUST_CHECK;

/*
 * Begins a command: osp__redis_command one about a key, with `more` further
 * arguments, osp__redis_command_to one to a given node. Connects to the node if
 * necessary. A failure is kept until osp__redis_reply reports it.
 */
void osp__redis_command(osp_redis *redis, const char *name, osp_str key,
						size_t more);
void osp__redis_command_to(osp_redis *redis, osp_redis_node *node,
						   const char *name, size_t more);
void osp__redis_arg(osp_redis *redis, osp_str text);
void osp__redis_arg_i64(osp_redis *redis, int64_t value);

/* Sends the commands in the output buffers of all nodes. */
void osp__redis_send(osp_redis *redis);

/*
 * Returns the next node that may hold keys, for NULL the first one. NULL: there
 * is none.
 */
osp_redis_node *osp__redis_next_node(const osp_redis *redis,
									 const osp_redis_node *node);

/*
 * Reads the reply to the oldest command without one into shared.items, and sets
 * from. An error that the server answers is a reply, too, and so is
 * REDIS_AGAIN. Any other failure ends the call: OSP_EUNAVAIL, OSP_EINTR,
 * OSP_EFULL (larger than memory_max), OSP_ENOMEM.
 */
osp_status osp__redis_reply(osp_redis *redis, osp_error *err) OSP_MUST_CHECK;

/*
 * Returns whether the reply to a command about key is REDIS_AGAIN. If it is,
 * the next command about the key goes to the right node.
 */
bool osp__redis_again(osp_redis *redis, osp_str key);

/*
 * Notes that the server closes the connection of the last reply and has read no
 * command after it. All replies outstanding there will be REDIS_AGAIN.
 */
void osp__redis_set_away(osp_redis *redis);

/* Ends a call, and closes the connections that have replies outstanding. */
void osp__redis_drop(osp_redis *redis);

/* Like osp__redis_node_trouble, for the last reply. Ends the call. */
osp_status osp__redis_trouble(osp_redis *redis, osp_error *err);

/* Ends a call after a failure on our side, such as a lack of memory. Returns status. */
osp_status osp__redis_broken(osp_redis *redis, osp_status status,
							 osp_error *err);

/* Ends a call that got REDIS_AGAIN too often. */
osp_status osp__redis_restless(osp_redis *redis, osp_error *err);

/*
 * Returns the place of the node with this address, and adds it if necessary. 0:
 * there are too many nodes, or no memory.
 */
uint32_t osp__redis_add_node(osp_redis *redis, osp_str name, unsigned port);

/* ---- the cluster (redis_cluster.c) ---- */

/*
 * Asks nodes[0], which must be connected, which node holds which slot. If the
 * server is not a cluster, the result is OSP_OK, and slots NULL.
 */
osp_status osp__redis_learn_slots(osp_redis *redis,
								  osp_error *err) OSP_MUST_CHECK;

/* Returns the node of a key, or NULL. *asking: the key is only about to move there. */
osp_redis_node *osp__redis_node_of(osp_redis *redis, osp_str key, bool *asking);

/* Returns whether the reply says that a key is on another node, and notes which. */
bool osp__redis_moved(osp_redis *redis) OSP_MUST_CHECK;

/* ---- the sentinels (redis_sentinel.c) ---- */

/*
 * Connects nodes[0] to the master that the sentinels name. OSP_EUNAVAIL: the
 * server that they name is not a master, or they name none.
 */
osp_status osp__redis_find_master(osp_redis *redis,
								  osp_error *err) OSP_MUST_CHECK;

/* ---- reading, writing ---- */

/*
 * Reads the next reply, which must be of this type (REDIS_REPLY_...) or
 * REDIS_AGAIN, see osp__redis_again. OSP_ENOENT, without a message: the key
 * holds something else, or a requested string is nil.
 */
osp_status osp__redis_value(osp_redis *redis, int type,
							osp_error *err) OSP_MUST_CHECK;


/*
 * Calls fn for each key that matches pattern, for some perhaps twice. The key
 * is borrowed, and fn must not send commands. A result of fn other than OSP_OK
 * ends the walk.
 */
typedef osp_status (*osp_redis_key_fn)(osp_driver_conn *conn, osp_str key);
osp_status osp__redis_scan(osp_driver_conn *conn, osp_str pattern,
						   osp_redis_key_fn fn, osp_error *err) OSP_MUST_CHECK;

/*
 * Fills conn->traces with all traces, or with those that hold an error, and
 * with the times of their first and last notifications. Reads all keys.
 */
osp_status osp__redis_find_traces(osp_driver_conn *conn, bool errors_only,
								  osp_error *err) OSP_MUST_CHECK;

/* Implement functions of osp_driver. */
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

/*
 * Read keys of upstream's early releases: the first function passes the
 * notifications of a trace to fn, the second one adds all their traces to
 * conn->traces.
 */
osp_status osp__redis_legacy_points(osp_driver_conn *conn, osp_str base_id,
									osp_point_fn fn, void *ctx,
									osp_error *err) OSP_MUST_CHECK;
osp_status osp__redis_legacy_traces(osp_driver_conn *conn,
									osp_error *err) OSP_MUST_CHECK;

#endif /* OSP_REDIS_H */
