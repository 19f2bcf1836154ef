/* SPDX-License-Identifier: Apache-2.0
 *
 * redis_group.h
 *	  Shared by the tests of Redis with TLS, with a sentinel and as a cluster: the
 *	  servers of redis_group.sh, and commands to them without the driver.
 */
#ifndef TEST_REDIS_GROUP_H
#define TEST_REDIS_GROUP_H

#include <hiredis/hiredis.h>

#include "contract.h"
#include "script_server.h"

extern const osp_driver osp_driver_redis;

extern const osp_str group_trace;
extern char group_dir[128];

/* Starts the servers of this kind. Returns the port that the script prints. The text is
 * static until group_finish(), which stops the servers. */
int group_start(const char *kind, const char *options);
void group_finish(void);

/* Kill one of the servers; stop and start it again. name is that of its directory. */
void group_kill(const char *name);
void group_restart(const char *name, const char *options);

/* The port of a server. name is that of its directory. */
int group_port(const char *name);

/* Sends a command to a server by its Unix socket. Returns the reply, owned. */
redisReply *group_command(const char *name, const char *format, ...);

/* The same without returning the reply, which must not be an error. */
void group_do(const char *name, const char *format, ...);

/* Stores all points. Tries again after a failure as the shipper does, for at most 20 s.
 * Returns how many attempts failed. */
unsigned group_store(osp_driver_conn *conn, const points *p);

/* Asserts that each of these points of a trace is stored; it may be stored several
 * times. */
void group_expect_all(osp_driver_conn *conn, osp_str base_id, const points *p);

/* Asserts that storing fails with a message that contains says. */
void group_store_fails(const char *uri, const char *says);

#endif /* TEST_REDIS_GROUP_H */
