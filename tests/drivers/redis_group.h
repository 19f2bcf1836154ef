/* SPDX-License-Identifier: Apache-2.0
 *
 * redis_group.h
 *	  What the tests of Redis with TLS, behind a sentinel and as a cluster share:
 *	  servers of redis_group.sh, and commands to them aside from the driver.
 */
#ifndef TEST_REDIS_GROUP_H
#define TEST_REDIS_GROUP_H

#include <hiredis/hiredis.h>

#include "contract.h"
#include "script_server.h"

extern const osp_driver osp_driver_redis;

extern const osp_str group_trace;
extern char group_dir[128];

/* Starts the servers of this kind and returns the port that the script prints.
 * Static until group_finish, which ends them. */
int group_start(const char *kind, const char *options);
void group_finish(void);

/* Ends and starts one of the servers, by the name of its directory. */
void group_kill(const char *name);
void group_restart(const char *name, const char *options);

/* The port of a server, by the name of its directory. */
int group_port(const char *name);

/* A command to a server, by its socket; owned. */
redisReply *group_command(const char *name, const char *format, ...);

/* As above, without an answer, which must be no error. */
void group_do(const char *name, const char *format, ...);

/* Stores all points, trying again as the shipper does, for 20 s at most. Returns
 * how often it failed. */
unsigned group_store(osp_driver_conn *conn, const points *p);

/* Asserts that each of these points of a trace is stored, copies or not. */
void group_expect_all(osp_driver_conn *conn, osp_str base_id, const points *p);

/* Asserts that storing fails with a message that holds this. */
void group_store_fails(const char *uri, const char *says);

#endif /* TEST_REDIS_GROUP_H */
