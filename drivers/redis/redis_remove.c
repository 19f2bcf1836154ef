/* SPDX-License-Identifier: Apache-2.0
 *
 * redis_remove.c
 *	  Removes traces from Redis: their lists, the keys that mark their errors,
 *	  and their entries in the indexes. This is done in steps and with UNLINK,
 *	  so that no other client of the server waits for long.
 */
#include "redis.h"

/* How many traces are removed in one round trip. */
#define CHUNK 200

static void
send_removal(osp_redis *redis, osp_str base_id)
{
	osp__redis_command(
		redis, "UNLINK", osp__redis_key(redis, REDIS_KEY_TRACE, base_id), 0);
	osp__redis_command(
		redis, "UNLINK", osp__redis_key(redis, REDIS_KEY_ERROR, base_id), 0);
	osp__redis_command(redis, "ZREM", OSP_STR(REDIS_KEY_INDEX), 1);
	osp__redis_arg(redis, base_id);
	osp__redis_command(redis, "ZREM", OSP_STR(REDIS_KEY_ERROR_INDEX), 1);
	osp__redis_arg(redis, base_id);
}

/* Reads one reply and adds it to *number. *again: the command was not carried out. */
static osp_status
read_number(osp_redis *redis, osp_str key, uint64_t *number, bool *again,
			osp_error *err)
{
	osp_status status = osp__redis_value(redis, REDIS_REPLY_INTEGER, err);

	if (status == OSP_ENOENT)
		return OSP_OK;
	if (status != OSP_OK)
		return status;
	if (osp__redis_again(redis, key))
		*again = true;
	else
		*number += (uint64_t) redis->shared.items[0].number;
	return OSP_OK;
}

static osp_status
read_removal(osp_redis *redis, osp_str base_id, uint64_t *removed, bool *again,
			 osp_error *err)
{
	uint64_t others = 0;
	osp_status status =
		read_number(redis,
					osp__redis_key(redis, REDIS_KEY_TRACE, base_id),
					removed,
					again,
					err);

	if (status == OSP_OK)
		status = read_number(redis,
							 osp__redis_key(redis, REDIS_KEY_ERROR, base_id),
							 &others,
							 again,
							 err);
	if (status == OSP_OK)
		status =
			read_number(redis, OSP_STR(REDIS_KEY_INDEX), &others, again, err);
	if (status == OSP_OK)
		status = read_number(
			redis, OSP_STR(REDIS_KEY_ERROR_INDEX), &others, again, err);
	return status;
}

static osp_status
remove_all(osp_redis *redis, const osp_str *ids, size_t count,
		   uint64_t *removed, osp_error *err)
{
	osp_status status = osp__wait_check(&redis->shared.wait);
	bool again = true;
	int tries;
	size_t i;

	if (status != OSP_OK)
		return osp__redis_broken(redis, status, err);
	for (tries = 0; again && status == OSP_OK; tries++)
	{
		if (tries > REDIS_TRIES)
			return osp__redis_restless(redis, err);
		again = false;
		for (i = 0; i < count; i++)
			send_removal(redis, ids[i]);
		osp__redis_send(redis);
		for (i = 0; i < count && status == OSP_OK; i++)
			status = read_removal(redis, ids[i], removed, &again, err);
	}
	return status;
}

/*
 * Removes index entries of old traces that are gone for other reasons, such as
 * expiry.
 */
static osp_status
forget_old(osp_redis *redis, int64_t before_us, osp_error *err)
{
	static const char *const indexes[] = {REDIS_KEY_INDEX,
										  REDIS_KEY_ERROR_INDEX};
	osp_status status = OSP_OK;
	size_t i;

	for (i = 0; i < 2; i++)
	{
		osp__redis_command(
			redis, "ZREMRANGEBYSCORE", osp_str_of(indexes[i]), 2);
		osp__redis_arg(redis, OSP_STR("-inf"));
		osp__redis_arg_i64(redis, before_us - 1);
	}
	osp__redis_send(redis);
	for (i = 0; i < 2 && (status == OSP_OK || status == OSP_ENOENT); i++)
		status = osp__redis_value(redis, REDIS_REPLY_INTEGER, err);
	return status == OSP_ENOENT ? OSP_OK : status;
}

/* Removes the traces whose last notification is older than before_ns. */
static osp_status
remove_old(osp_driver_conn *conn, int64_t before_ns, uint64_t *removed,
		   osp_error *err)
{
	osp_redis *redis = &conn->redis;
	const osp_traces *traces = &conn->traces;
	osp_status status = osp__redis_find_traces(conn, false, err);
	osp_str ids[CHUNK];
	size_t count = 0;
	size_t i;

	for (i = 0; i < traces->count && status == OSP_OK; i++)
	{
		if (osp__traces_is_older(&traces->entries[i], before_ns))
			ids[count++] = osp__traces_id(traces, i);
		if (count == CHUNK || (i + 1 == traces->count && count > 0))
		{
			status = remove_all(redis, ids, count, removed, err);
			count = 0;
		}
	}
	return status == OSP_OK ? forget_old(redis, before_ns / 1000, err) : status;
}

osp_status
osp__redis_remove_traces(osp_driver_conn *conn, const osp_removal *what,
						 uint64_t *removed, osp_error *err)
{
	osp_redis *redis = &conn->redis;
	osp_status status = osp__redis_begin_call(redis, err);
	osp_removal known;
	size_t i;

	*removed = 0;
	osp_struct_copy(&known, sizeof(known), what);
	if (status == OSP_OK && known.count == 0)
		return remove_old(conn, known.older_than_ns, removed, err);
	for (i = 0; i < known.count && status == OSP_OK; i += CHUNK)
		status = remove_all(redis,
							known.ids + i,
							known.count - i < CHUNK ? known.count - i : CHUNK,
							removed,
							err);
	return status;
}
