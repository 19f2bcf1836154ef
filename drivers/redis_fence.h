/* SPDX-License-Identifier: Apache-2.0
 *
 * redis_fence.h
 *	  Cuts off what an earlier connection of the same writer may still have on
 *	  its way.
 */
#ifndef OSP_REDIS_FENCE_H
#define OSP_REDIS_FENCE_H

#include "redis_conn.h"

/* The name of this writer's connections, NULL if it has none; OSP_ENOMEM. */
osp_status osp__redis_fence_init(osp_redis *redis, osp_str instance,
								 osp_error *err) OSP_MUST_CHECK;

/*
 * In the handshake of a new connection: gives it its name. A server that does
 * not let us is no failure.
 */
osp_status osp__redis_fence_name(osp_redis *redis,
								 osp_error *err) OSP_MUST_CHECK;

/*
 * Before the first question on a connection: closes all others of the same name.
 * Where the server does not let us, nothing is done.
 */
osp_status osp__redis_fence(osp_redis *redis, osp_error *err) OSP_MUST_CHECK;

#endif /* OSP_REDIS_FENCE_H */
