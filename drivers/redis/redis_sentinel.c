/* SPDX-License-Identifier: Apache-2.0
 *
 * redis_sentinel.c
 *	  Finds the master that the sentinels name.
 *
 * The sentinels are asked again after every failure, and at intervals: a master
 * that became a replica refuses writes (READONLY), one that died does not
 * answer, and one whose replica was made the master has no replica that
 * confirms its writes (redis_write.c). If the server that they name is not a
 * master, nothing is written to it.
 */
#include "redis.h"

#include <stdlib.h>

static osp_status
log_in_and_ask(osp_redis *redis, osp_redis_node *sentinel,
			   const osp_redis_login *login, osp_error *err)
{
	osp_status status = osp__redis_node_connect(sentinel, login, 0, err);

	if (status != OSP_OK)
		return status;
	osp__redis_node_begin(sentinel, 3);
	osp__redis_node_arg(sentinel, OSP_STR("SENTINEL"));
	osp__redis_node_arg(sentinel, OSP_STR("GET-MASTER-ADDR-BY-NAME"));
	osp__redis_node_arg(sentinel, redis->shared.settings.service);
	return osp__redis_node_ask(sentinel, err);
}

/*
 * Asks one sentinel, whose answer becomes the address of nodes[0]. A sentinel
 * that requires a login gets the one for Redis if no other login was given for
 * sentinels.
 */
static osp_status
ask_sentinel(osp_redis *redis, osp_redis_node *sentinel, osp_error *err)
{
	const osp_redis_settings *settings = &redis->shared.settings;
	const osp_redis_shared *shared = &redis->shared;
	osp_status status =
		log_in_and_ask(redis, sentinel, &settings->sentinel_login, err);
	int64_t port;

	if (status == OSP_OK && osp__redis_is_error(shared, "NOAUTH") &&
		!settings->sentinel_login.is_set && settings->login.is_set)
	{
		osp__redis_node_drop(sentinel);
		status = log_in_and_ask(redis, sentinel, &settings->login, err);
	}
	if (status != OSP_OK)
		return status;
	if (shared->items[0].type == REDIS_REPLY_NIL ||
		(shared->items[0].type == REDIS_REPLY_ARRAY &&
		 shared->items[0].number < 0))
		return osp_error_set(
			err,
			OSP_EUNAVAIL,
			"sentinel at %s knows no service %.*s (it is the "
			"path of redissentinel://host/service)",
			sentinel->where,
			(int) (settings->service.len < 60 ? settings->service.len : 60),
			settings->service.ptr);
	if (shared->items[0].type != REDIS_REPLY_ARRAY || shared->count != 3 ||
		shared->items[2].type != REDIS_REPLY_STRING)
		return osp__redis_node_trouble(sentinel, err);
	port = strtol(osp__redis_text(shared, 2).ptr, NULL, 10);
	if (port < 1 || port > 65535)
		return osp__redis_node_trouble(sentinel, err);
	osp__redis_node_set(
		redis->nodes[0], osp__redis_text(shared, 1), (unsigned) port);
	return OSP_OK;
}

/* Checks that nodes[0] is a master, and finds out whether it has a replica. */
static osp_status
check_role(osp_redis *redis, osp_error *err)
{
	const osp_redis_shared *shared = &redis->shared;
	osp_redis_node *node = redis->nodes[0];
	osp_status status;

	osp__redis_node_begin(node, 1);
	osp__redis_node_arg(node, OSP_STR("ROLE"));
	status = osp__redis_node_ask(node, err);
	node->has_replica = false;
	if (status != OSP_OK || osp__redis_is_error(shared, "NOPERM"))
		return status;
	if (shared->items[0].type != REDIS_REPLY_ARRAY || shared->count < 2)
		return osp__redis_node_trouble(node, err);
	if (osp_str_eq(osp__redis_text(shared, 1), OSP_STR("master")))
	{
		osp__redis_node_set_replica(
			node, shared->count > 3 && shared->items[3].number > 0);
		return OSP_OK;
	}
	osp__redis_node_drop(node);
	return osp_error_set(err,
						 OSP_EUNAVAIL,
						 "redis at %s is a replica, though a sentinel names it "
						 "the master of its service",
						 node->where);
}

osp_status
osp__redis_find_master(osp_redis *redis, osp_error *err)
{
	const osp_redis_settings *settings = &redis->shared.settings;
	osp_status status = OSP_EUNAVAIL;
	osp_redis_node sentinel;
	size_t i;

	osp__redis_node_init(&sentinel, &redis->shared, "sentinel");
	for (i = 0; i < settings->host_count && status == OSP_EUNAVAIL; i++)
	{
		size_t number = (redis->host + i) % settings->host_count;
		const osp_redis_host *host = &settings->hosts[number];

		osp__redis_node_set(&sentinel, osp_str_of(host->name), host->port);
		status = ask_sentinel(redis, &sentinel, err);
		if (status == OSP_OK)
			status = osp__redis_node_connect(
				redis->nodes[0], &settings->login, settings->db, err);
		if (status == OSP_OK)
			status = check_role(redis, err);
		if (status == OSP_OK)
			redis->host = number;
		else if (osp__wait_check(&redis->shared.wait) != OSP_OK)
			break;
	}
	osp__redis_node_term(&sentinel);
	return status;
}
