/* SPDX-License-Identifier: Apache-2.0
 *
 * redis_settings.h
 *	  The settings in the connection string of a Redis server, and other data
 *	  that all connections of a driver share.
 */
#ifndef OSP_REDIS_SETTINGS_H
#define OSP_REDIS_SETTINGS_H

#include "osprofiler/buf.h"
#include "osprofiler/driver.h"
#include "stream_tls.h"

#define REDIS_HOSTS_MAX 32

typedef struct osp_redis_login
{
	bool is_set;
	osp_str user; /* empty: the server's default user */
	osp_str password;
} osp_redis_login;

typedef struct osp_redis_host
{
	const char *name; /* host name, or path of a socket */
	unsigned port;    /* 0: name is the path of a socket */
} osp_redis_host;

/* The settings of a connection string. All texts are in storage. */
typedef struct osp_redis_settings
{
	osp_redis_host hosts[REDIS_HOSTS_MAX]; /* Redis servers, or sentinels */
	size_t host_count;
	osp_redis_login login;
	osp_redis_login sentinel_login;
	osp_str service; /* name to ask sentinels for; empty: no sentinels */
	unsigned db;
	uint64_t ttl; /* seconds to keep a trace; 0: for ever */
	bool legacy;  /* also read keys of upstream's early releases */
	bool encrypted;
	osp_tls tls;
	char *storage;
} osp_redis_settings;

/* One element of a reply. The elements of an array follow it, each with its own
 * elements. */
typedef struct osp_redis_item
{
	int type;  /* REDIS_REPLY_..., or REDIS_AGAIN (redis.h) */
	size_t at; /* offset of the text in osp_redis_shared.texts */
	size_t len;
	int64_t number; /* value of an integer, or length of an array */
} osp_redis_item;

/* The data that all connections share. */
typedef struct osp_redis_shared
{
	const osp_allocator *alc;
	osp_wait wait;
	size_t memory_max;
	osp_redis_settings settings;

	/* The last reply, valid until the next one is read. */
	const osp_redis_item *items;
	size_t count;
	osp_buf texts;    /* texts of items, each with a NUL behind it */
	osp_buf elements; /* the memory of items */
} osp_redis_shared;

/*
 * Reads one of these connection strings, with options behind it:
 * redis[s]://[[user]:password@]host[:port][,host...][/db],
 * redis+unix://[[user]:password@]/path/of/socket or
 * redissentinel://[[user]:password@]host[:port][,host...][/service].
 * OSP_EINVAL, with a message about what is allowed; OSP_ENOMEM.
 */
osp_status osp__redis_read_uri(osp_redis_settings *settings,
							   const osp_allocator *alc, osp_str text,
							   osp_error *err) OSP_MUST_CHECK;

#endif /* OSP_REDIS_SETTINGS_H */
