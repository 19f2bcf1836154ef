/* SPDX-License-Identifier: Apache-2.0
 *
 * redis_cluster.c
 *	  Finds out which node of a Redis cluster holds which key.
 *
 * A single server answers CLUSTER SLOTS with an error, so the connection string
 * need not say whether it names a cluster. If a key has moved, the node answers
 * MOVED; if it is about to move, the node answers ASK, which is valid only for
 * that key.
 */
#include "redis.h"

/* The CRC-16 that a cluster uses (XMODEM), computed four bits at a time. */
static uint16_t
crc16(osp_str text)
{
	static const uint16_t table[16] = {0x0000,
									   0x1021,
									   0x2042,
									   0x3063,
									   0x4084,
									   0x50a5,
									   0x60c6,
									   0x70e7,
									   0x8108,
									   0x9129,
									   0xa14a,
									   0xb16b,
									   0xc18c,
									   0xd1ad,
									   0xe1ce,
									   0xf1ef};
	unsigned crc = 0;
	size_t i;

	for (i = 0; i < text.len; i++)
	{
		unsigned byte = (unsigned char) text.ptr[i];

		crc = (crc << 4 ^ table[(crc >> 12 ^ byte >> 4) & 15]) & 0xffff;
		crc = (crc << 4 ^ table[(crc >> 12 ^ byte) & 15]) & 0xffff;
	}
	return (uint16_t) crc;
}

/*
 * Returns the slot of a key. If a part of the key is in braces, only this part
 * counts.
 */
static unsigned
slot_of(osp_str key)
{
	const char *begin = memchr(key.ptr, '{', key.len);
	const char *end = NULL;

	if (begin != NULL)
		end = memchr(begin, '}', (size_t) (key.ptr + key.len - begin));
	if (end != NULL && end > begin + 1)
		key = osp_str_n(begin + 1, (size_t) (end - begin - 1));
	return crc16(key) % REDIS_SLOTS;
}

osp_redis_node *
osp__redis_node_of(osp_redis *redis, osp_str key, bool *asking)
{
	uint32_t place = 0;
	osp_traces_entry *entry;

	if (redis->asked.count > 0 &&
		osp__traces_add(&redis->asked, key, &entry) == OSP_OK)
		place = entry->place;
	*asking = place != 0;
	if (place == 0)
		place = redis->slots[slot_of(key)];
	return place != 0 ? redis->nodes[place] : NULL;
}

/* ---- what the nodes say ---- */

/*
 * Returns the place of the node at this address. A node that does not know its
 * own address gives none or "?", which means the node that was asked.
 */
static uint32_t
node_at(osp_redis *redis, const osp_redis_node *asked, osp_str name,
		unsigned port)
{
	if (name.len == 0 || osp_str_eq(name, OSP_STR("?")))
		name = osp_str_of(asked->name);
	return osp__redis_add_node(redis, name, port);
}

/* Reads a decimal number up to max, and moves *text behind it. */
static bool
take_number(osp_str *text, unsigned max, unsigned *number)
{
	size_t i = 0;

	*number = 0;
	while (i < text->len && text->ptr[i] >= '0' && text->ptr[i] <= '9' &&
		   *number <= max)
		*number = *number * 10 + (unsigned) (text->ptr[i++] - '0');
	*text = osp_str_n(text->ptr + i, text->len - i);
	return i > 0 && *number <= max;
}

/* Reads a slot and an address, such as "3999 127.0.0.1:7002". */
static bool
read_redirection(osp_str text, unsigned *slot, osp_str *name, unsigned *port)
{
	const char *colon = memrchr(text.ptr, ':', text.len);
	osp_str digits;

	if (colon == NULL || !take_number(&text, REDIS_SLOTS - 1, slot) ||
		text.len == 0 || text.ptr[0] != ' ' || colon <= text.ptr)
		return false;
	*name = osp_str_n(text.ptr + 1, (size_t) (colon - text.ptr) - 1);
	digits = osp_str_n(colon + 1, (size_t) (text.ptr + text.len - colon) - 1);
	return take_number(&digits, 65535, port) && digits.len == 0;
}

bool
osp__redis_moved(osp_redis *redis)
{
	const bool asks = osp__redis_is_error(&redis->shared, "ASK ");
	const size_t skipped = asks ? strlen("ASK ") : strlen("MOVED ");
	osp_str text = osp__redis_text(&redis->shared, 0);
	osp_str name;
	unsigned slot;
	unsigned port;
	uint32_t place;

	if (!asks && !osp__redis_is_error(&redis->shared, "MOVED "))
		return false;
	text = osp_str_n(text.ptr + skipped, text.len - skipped);
	if (!read_redirection(text, &slot, &name, &port))
		return false;
	place = node_at(redis, redis->from, name, port);
	if (place == 0)
		return false;
	if (asks)
		redis->ask = place;
	else
	{
		redis->slots[slot] = (uint16_t) place;
		redis->stale = true;
	}
	return true;
}

/* Returns how many items an element of the reply takes, including itself. */
static size_t
extent(const osp_redis_shared *shared, size_t item)
{
	int64_t open = 1;
	size_t i = item;

	while (open > 0 && i < shared->count)
	{
		if (shared->items[i].type == REDIS_REPLY_ARRAY)
			open += shared->items[i].number;
		open--;
		i++;
	}
	return i - item;
}

static bool
has_type(const osp_redis_shared *shared, size_t item, int type)
{
	return item < shared->count && shared->items[item].type == type;
}

/*
 * Reads one range of slots: its first and its last slot, their master (name,
 * port, and more), and the master's replicas.
 */
static bool
read_range(osp_redis *redis, size_t at)
{
	const osp_redis_shared *shared = &redis->shared;
	const osp_redis_item *items = shared->items;
	const osp_redis_node *asked = redis->nodes[0];
	uint32_t place;
	int64_t slot;

	if (!has_type(shared, at, REDIS_REPLY_ARRAY) || items[at].number < 3 ||
		!has_type(shared, at + 1, REDIS_REPLY_INTEGER) ||
		!has_type(shared, at + 2, REDIS_REPLY_INTEGER) ||
		!has_type(shared, at + 3, REDIS_REPLY_ARRAY) ||
		items[at + 3].number < 2 ||
		!has_type(shared, at + 5, REDIS_REPLY_INTEGER) ||
		items[at + 1].number < 0 || items[at + 2].number >= REDIS_SLOTS ||
		items[at + 5].number < 1 || items[at + 5].number > 65535)
		return false;
	place = node_at(redis,
					asked,
					osp__redis_text(shared, at + 4),
					(unsigned) items[at + 5].number);
	if (place == 0)
		return false;
	osp__redis_node_set_replica(redis->nodes[place], items[at].number > 3);
	for (slot = items[at + 1].number; slot <= items[at + 2].number; slot++)
		redis->slots[slot] = (uint16_t) place;
	return true;
}

/* Reads the answer to CLUSTER SLOTS. */
static bool
read_slots(osp_redis *redis)
{
	const osp_redis_shared *shared = &redis->shared;
	size_t at = 1;
	size_t i;

	for (i = 1; i < redis->node_count; i++)
		redis->nodes[i]->holds_keys = false;
	memset(redis->slots, 0, REDIS_SLOTS * sizeof(*redis->slots));
	while (at < shared->count)
	{
		if (!read_range(redis, at))
			return false;
		at += extent(shared, at);
	}
	for (i = 1; i < redis->node_count; i++)
		if (!redis->nodes[i]->holds_keys)
			osp__redis_node_drop(redis->nodes[i]);
	return true;
}

/*
 * Is the reply the error of a server that is not a cluster, that does not know
 * the command, or that does not let us ask? All these errors contain the word
 * "cluster".
 */
static bool
is_no_cluster(const osp_redis_shared *shared)
{
	return shared->items[0].type == REDIS_REPLY_ERROR &&
		   strcasestr(osp__redis_text(shared, 0).ptr, "cluster") != NULL;
}

osp_status
osp__redis_learn_slots(osp_redis *redis, osp_error *err)
{
	osp_redis_node *node = redis->nodes[0];
	const osp_redis_shared *shared = &redis->shared;
	osp_status status;

	osp__redis_node_begin(node, 2);
	osp__redis_node_arg(node, OSP_STR("CLUSTER"));
	osp__redis_node_arg(node, OSP_STR("SLOTS"));
	status = osp__redis_node_ask(node, err);
	if (status != OSP_OK)
		return status;
	if (is_no_cluster(shared))
	{
		osp_free(shared->alc, redis->slots);
		redis->slots = NULL;
		return OSP_OK;
	}
	if (shared->items[0].type != REDIS_REPLY_ARRAY)
		return osp__redis_node_trouble(node, err);
	if (shared->count == 1)
		return osp_error_set(err,
							 OSP_EUNAVAIL,
							 "redis at %s is of a cluster that has no slots",
							 node->where);
	if (redis->slots == NULL)
		redis->slots =
			osp_calloc(shared->alc, REDIS_SLOTS, sizeof(*redis->slots));
	if (redis->slots == NULL)
		return osp__redis_broken(redis, OSP_ENOMEM, err);
	if (read_slots(redis))
		return OSP_OK;
	if (redis->failure.code == OSP_OK)
		return osp__redis_node_trouble(node, err);
	osp__redis_node_drop(node);
	return osp_error_set(err, redis->failure.code, "%s", redis->failure.msg);
}
