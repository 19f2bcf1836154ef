/* SPDX-License-Identifier: Apache-2.0
 *
 * redis_settings.h
 *	  What the connection string of a Redis server says, and what else all
 *	  connections of a driver have in common.
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
	const char *name; /* or the path of a socket */
	unsigned port;    /* 0: a socket */
} osp_redis_host;

/* Texts lie in storage. */
typedef struct osp_redis_settings
{
	osp_redis_host hosts[REDIS_HOSTS_MAX]; /* of Redis, or of sentinels */
	size_t host_count;
	osp_redis_login login;
	osp_redis_login sentinel_login;
	osp_str service; /* that the sentinels are asked for; empty: none are */
	unsigned db;
	uint64_t ttl; /* seconds that a trace is kept; 0: for ever */
	bool legacy;  /* keys of upstream's early releases are read, too */
	bool encrypted;
	osp_tls tls;
	char *storage;
} osp_redis_settings;

/* One element of a reply. The elements of an array follow it, each with its own
 * elements. */
typedef struct osp_redis_item
{
	int type;  /* REDIS_REPLY_..., or REDIS_AGAIN (redis.h) */
	size_t at; /* of the text in osp_redis_shared.texts */
	size_t len;
	int64_t number; /* an integer, or the length of an array */
} osp_redis_item;

/* What all connections share. */
typedef struct osp_redis_shared
{
	const osp_allocator *alc;
	osp_wait wait;
	size_t memory_max;
	osp_redis_settings settings;

	/* The reply that was read last, borrowed until the next one is. */
	const osp_redis_item *items;
	size_t count;
	osp_buf texts;    /* each with a NUL behind it */
	osp_buf elements; /* where items are */
} osp_redis_shared;

/*
 * Reads redis[s]://[[user]:password@]host[:port][,host...][/db], redis+unix://
 * [[user]:password@]/path/of/socket or redissentinel://[[user]:password@]host
 * [:port][,host...][/service], with options behind it. OSP_EINVAL, with what is
 * allowed; OSP_ENOMEM.
 */
osp_status osp__redis_read_uri(osp_redis_settings *settings,
							   const osp_allocator *alc, osp_str text,
							   osp_error *err) OSP_MUST_CHECK;

#endif /* OSP_REDIS_SETTINGS_H */
