/* SPDX-License-Identifier: Apache-2.0
 *
 * redis_pipeline.c
 *	  Sends commands to the servers that hold the traces, and reads their
 *	  replies in order.
 */
#include "redis.h"

#include <stdio.h>

#include "record/clock.h"

/* How often we ask again which servers hold the traces, and which have replicas. */
#define LEARN_NS (INT64_C(10) * 1000000000)

/* Added to the node of a command whose key is only about to move to this node. */
#define ASKING 0x80000000u

osp_status
osp__redis_init(osp_redis *redis, const osp_driver_options *options,
				osp_error *err)
{
	osp_redis_shared *shared = &redis->shared;
	osp_status status;

	memset(redis, 0, sizeof(*redis));
	shared->alc = options->alc;
	shared->memory_max =
		options->memory_max != 0 ? options->memory_max : OSP_DRIVER_MEMORY_MAX;
	osp__wait_init(&shared->wait, options);
	osp_buf_init(&shared->texts, options->alc, shared->memory_max);
	osp_buf_init(&shared->elements, options->alc, shared->memory_max);
	osp_buf_init(&redis->order, options->alc, shared->memory_max);
	osp_buf_init(&redis->key, options->alc, OSP_NOTIFICATION_MAX);
	osp__traces_init(&redis->asked, options->alc);
	status = osp__redis_read_uri(
		&shared->settings, options->alc, options->connection_string, err);
	if (status == OSP_OK)
	{
		const osp_redis_host *host = &shared->settings.hosts[0];

		(void) osp__redis_add_node(redis, osp_str_of(host->name), host->port);
		if (redis->node_count == 0)
			status = osp_error_set(
				err, redis->failure.code, "%s", redis->failure.msg);
	}
	if (status != OSP_OK)
		osp__redis_term(redis);
	return status;
}

void
osp__redis_term(osp_redis *redis)
{
	const osp_allocator *alc = redis->shared.alc;
	size_t i;

	for (i = 0; i < redis->node_count; i++)
	{
		osp__redis_node_term(redis->nodes[i]);
		osp_free(alc, redis->nodes[i]);
	}
	osp_free(alc, redis->nodes);
	osp_free(alc, redis->slots);
	osp_free(alc, redis->shared.settings.storage);
	osp_buf_term(&redis->shared.texts);
	osp_buf_term(&redis->shared.elements);
	osp_buf_term(&redis->order);
	osp_buf_term(&redis->key);
	osp__traces_term(&redis->asked);
}

/* ---- nodes ---- */

/* Keeps the first failure of the call. */
static void
keep_failure(osp_redis *redis, osp_status status)
{
	if (redis->failure.code == OSP_OK)
		(void) osp_error_set(
			&redis->failure, status, "redis: %s", osp_status_text(status));
}

/* Adds a node; false: no memory. */
static bool
append_node(osp_redis *redis)
{
	osp_redis_node **nodes =
		osp_realloc(redis->shared.alc,
					redis->nodes,
					(redis->node_count + 1) * sizeof(void *));
	osp_redis_node *node;

	if (nodes == NULL)
		return false;
	redis->nodes = nodes;
	node = osp_alloc(redis->shared.alc, sizeof(*node));
	if (node == NULL)
		return false;
	osp__redis_node_init(node, &redis->shared, "redis");
	nodes[redis->node_count++] = node;
	return true;
}

uint32_t
osp__redis_add_node(osp_redis *redis, osp_str name, unsigned port)
{
	uint32_t unused = 0;
	uint32_t i;

	for (i = 1; i < redis->node_count; i++)
	{
		const osp_redis_node *node = redis->nodes[i];

		if (node->port == port && osp_str_eq(name, osp_str_of(node->name)))
			break;
		if (!node->holds_keys && node->pending == 0)
			unused = i;
	}
	if (i >= redis->node_count && unused != 0)
		i = unused;
	else if (i >= redis->node_count)
	{
		i = (uint32_t) redis->node_count;
		if (i == REDIS_NODES_MAX || !append_node(redis))
		{
			keep_failure(redis, i == REDIS_NODES_MAX ? OSP_EFULL : OSP_ENOMEM);
			return 0;
		}
	}
	osp__redis_node_set(redis->nodes[i], name, port);
	redis->nodes[i]->holds_keys = i > 0;
	return i;
}

osp_redis_node *
osp__redis_next_node(const osp_redis *redis, const osp_redis_node *node)
{
	size_t i = 0;

	if (redis->slots == NULL)
		return node == NULL ? redis->nodes[0] : NULL;
	while (node != NULL && redis->nodes[i] != node)
		i++;
	for (i++; i < redis->node_count; i++)
		if (redis->nodes[i]->holds_keys)
			return redis->nodes[i];
	return NULL;
}

/* ---- calls ---- */

/* Closes the connections on which a reply is outstanding. */
static void
drop_unread(osp_redis *redis)
{
	size_t i;

	for (i = 0; i < redis->node_count; i++)
		if (redis->nodes[i]->pending > 0)
			osp__redis_node_drop(redis->nodes[i]);
	osp_buf_reset(&redis->order);
	redis->order_at = 0;
}

void
osp__redis_drop(osp_redis *redis)
{
	drop_unread(redis);
	redis->stale = true;
}

osp_status
osp__redis_broken(osp_redis *redis, osp_status status, osp_error *err)
{
	osp__redis_drop(redis);
	return osp_error_set(err, status, "redis: %s", osp_status_text(status));
}

osp_status
osp__redis_restless(osp_redis *redis, osp_error *err)
{
	osp__redis_drop(redis);
	return osp_error_set(err,
						 OSP_EUNAVAIL,
						 "the cluster of redis at %s moves its keys about",
						 redis->nodes[0]->where);
}

osp_status
osp__redis_trouble(osp_redis *redis, osp_error *err)
{
	osp_status status = osp__redis_node_trouble(redis->from, err);

	osp__redis_drop(redis);
	return status;
}

/*
 * Connects nodes[0] to the first server that lets us in: one of the hosts in
 * the connection string, or else of the nodes that were known.
 */
static osp_status
connect_any(osp_redis *redis, osp_error *err)
{
	const osp_redis_settings *settings = &redis->shared.settings;
	size_t others = redis->slots != NULL ? redis->node_count - 1 : 0;
	osp_status status = OSP_EUNAVAIL;
	size_t i;

	for (i = 0; i < settings->host_count + others; i++)
	{
		size_t number = (redis->host + i) % settings->host_count;
		const osp_redis_host *host = &settings->hosts[number];

		if (i < settings->host_count)
			osp__redis_node_set(
				redis->nodes[0], osp_str_of(host->name), host->port);
		else
		{
			const osp_redis_node *known =
				redis->nodes[i - settings->host_count + 1];

			osp__redis_node_set(
				redis->nodes[0], osp_str_of(known->name), known->port);
		}
		status = osp__redis_node_connect(
			redis->nodes[0], &settings->login, settings->db, err);
		if (status == OSP_OK && i < settings->host_count)
			redis->host = number;
		if (status != OSP_EUNAVAIL ||
			osp__wait_check(&redis->shared.wait) != OSP_OK)
			return status;
	}
	return status;
}

/*
 * Connects, and finds out whether the server belongs to a cluster. A cluster
 * has only database 0.
 */
static osp_status
find_servers(osp_redis *redis, osp_error *err)
{
	osp_status status = connect_any(redis, err);

	if (status == OSP_OK && redis->shared.settings.db == 0)
		status = osp__redis_learn_slots(redis, err);
	return status;
}

/*
 * Is it time to ask again which servers hold the traces? A single server stays
 * what it is while the connection lasts.
 */
static bool
is_old(const osp_redis *redis)
{
	if (redis->stale)
		return true;
	return (redis->slots != NULL || redis->shared.settings.service.len > 0) &&
		   osp_mono_now() - redis->learned_ns > LEARN_NS;
}

osp_status
osp__redis_begin_call(osp_redis *redis, osp_error *err)
{
	bool is_lost;
	osp_status status;

	osp__wait_begin(&redis->shared.wait);
	drop_unread(redis);
	redis->call++;
	memset(&redis->failure, 0, sizeof(redis->failure));
	osp__traces_reset(&redis->asked);
	is_lost =
		redis->slots == NULL && !osp__redis_node_is_quiet(redis->nodes[0]);
	redis->nodes[0]->call = redis->call;
	if (!is_lost && !is_old(redis))
		return OSP_OK;
	status = redis->shared.settings.service.len > 0
				 ? osp__redis_find_master(redis, err)
				 : find_servers(redis, err);
	redis->stale = status != OSP_OK;
	redis->learned_ns = osp_mono_now();
	return status;
}

/* ---- commands ---- */

osp_str
osp__redis_key(osp_redis *redis, const char *prefix, osp_str base_id)
{
	osp_buf *key = &redis->key;

	osp_buf_reset(key);
	osp_buf_add_str(key, osp_str_of(prefix));
	if (redis->slots != NULL)
		osp_buf_add_char(key, '{');
	osp_buf_add_str(key, base_id);
	if (redis->slots != NULL)
		osp_buf_add_char(key, '}');
	if (osp_buf_status(key) != OSP_OK)
		keep_failure(redis, OSP_ENOMEM);
	return osp_buf_str(key);
}

bool
osp__redis_id_of(const osp_redis *redis, osp_str key, const char *prefix,
				 osp_str *base_id)
{
	size_t len = strlen(prefix);

	if (key.len < len || memcmp(key.ptr, prefix, len) != 0)
		return false;
	key = osp_str_n(key.ptr + len, key.len - len);
	if (redis->slots != NULL)
	{
		if (key.len < 2 || key.ptr[0] != '{' || key.ptr[key.len - 1] != '}')
			return false;
		key = osp_str_n(key.ptr + 1, key.len - 2);
	}
	*base_id = key;
	return true;
}

static void
begin(osp_redis *redis, osp_redis_node *node, bool asking, const char *name,
	  size_t more)
{
	const osp_redis_settings *settings = &redis->shared.settings;
	uint32_t place = 0;

	redis->now = NULL;
	if (redis->failure.code != OSP_OK)
		return;
	if ((node->call != redis->call || node->reader == NULL) &&
		osp__redis_node_connect(
			node, &settings->login, settings->db, &redis->failure) != OSP_OK)
		return;
	node->call = redis->call;
	while (redis->nodes[place] != node)
		place++;
	if (asking)
	{
		place |= ASKING;
		osp__redis_node_begin(node, 1);
		osp__redis_node_arg(node, OSP_STR("ASKING"));
	}
	osp_buf_add(&redis->order, &place, sizeof(place));
	redis->now = node;
	osp__redis_node_begin(node, more + 1);
	osp__redis_node_arg(node, osp_str_of(name));
}

void
osp__redis_command(osp_redis *redis, const char *name, osp_str key, size_t more)
{
	bool asking = false;
	osp_redis_node *node = redis->nodes[0];

	if (redis->slots != NULL)
		node = osp__redis_node_of(redis, key, &asking);
	if (node != NULL)
		begin(redis, node, asking, name, more + 1);
	else if (redis->failure.code == OSP_OK)
		(void) osp_error_set(&redis->failure,
							 OSP_EUNAVAIL,
							 "the cluster of redis at %s has no node for some "
							 "of its slots",
							 redis->nodes[0]->where);
	osp__redis_arg(redis, key);
}

void
osp__redis_command_to(osp_redis *redis, osp_redis_node *node, const char *name,
					  size_t more)
{
	begin(redis, node, false, name, more);
}

void
osp__redis_arg(osp_redis *redis, osp_str text)
{
	if (redis->failure.code == OSP_OK)
		osp__redis_node_arg(redis->now, text);
}

void
osp__redis_arg_i64(osp_redis *redis, int64_t value)
{
	char digits[24];
	int len = snprintf(digits, sizeof(digits), "%lld", (long long) value);

	osp__redis_arg(redis, osp_str_n(digits, (size_t) len));
}

void
osp__redis_send(osp_redis *redis)
{
	size_t i;

	for (i = 0; i < redis->node_count; i++)
		if (redis->nodes[i]->pending > 0)
			osp__redis_node_send(redis->nodes[i]);
}

/* ---- replies ---- */

/*
 * Finds the node of the oldest command without a reply. Returns false after a
 * failure, or if there is no such command.
 */
static bool
next_in_order(osp_redis *redis, uint32_t *place)
{
	if (osp_buf_status(&redis->order) != OSP_OK)
		keep_failure(redis, OSP_ENOMEM);
	if (redis->failure.code != OSP_OK ||
		redis->order_at + sizeof(*place) > redis->order.len)
		return false;
	memcpy(place, redis->order.ptr + redis->order_at, sizeof(*place));
	redis->order_at += sizeof(*place);
	if (redis->order_at == redis->order.len)
	{
		osp_buf_reset(&redis->order);
		redis->order_at = 0;
	}
	return true;
}

static void
set_again(osp_redis *redis)
{
	static const osp_redis_item again = {.type = REDIS_AGAIN};

	redis->shared.items = &again;
	redis->shared.count = 1;
}

/*
 * Ends the call because of a failure that was kept, or because no command waits
 * for a reply.
 */
static osp_status
report_failure(osp_redis *redis, osp_error *err)
{
	keep_failure(redis, OSP_EUNAVAIL);
	(void) osp_error_set(err, redis->failure.code, "%s", redis->failure.msg);
	osp__redis_drop(redis);
	return redis->failure.code;
}

osp_status
osp__redis_reply(osp_redis *redis, osp_error *err)
{
	osp_status status = OSP_OK;
	uint32_t place;

	redis->ask = 0;
	if (!next_in_order(redis, &place))
		return report_failure(redis, err);
	redis->from = redis->nodes[place & ~ASKING];
	if (redis->from->is_away)
	{
		set_again(redis);
		return OSP_OK;
	}
	if ((place & ASKING) != 0)
		status = osp__redis_node_reply(redis->from, err);
	if (status == OSP_OK)
		status = osp__redis_node_reply(redis->from, err);
	if (status != OSP_OK)
		osp__redis_drop(redis);
	else if (redis->slots != NULL && osp__redis_moved(redis))
		set_again(redis);
	return redis->failure.code == OSP_OK ? status : report_failure(redis, err);
}

bool
osp__redis_again(osp_redis *redis, osp_str key)
{
	osp_traces_entry *entry;

	if (redis->shared.items[0].type != REDIS_AGAIN)
		return false;
	if ((redis->ask != 0 || redis->asked.count > 0) &&
		osp__traces_add(&redis->asked, key, &entry) == OSP_OK)
		entry->place = redis->ask;
	return true;
}

void
osp__redis_set_away(osp_redis *redis)
{
	osp__redis_node_drop(redis->from);
	redis->from->is_away = true;
}
