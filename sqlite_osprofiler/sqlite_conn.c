/* SPDX-License-Identifier: Apache-2.0
 *
 * sqlite_conn.c
 *	  The traced connections, and their open statements.
 *
 * A wrapper needs the state of a connection for every statement. So each thread
 * remembers the connection that it asked for last; that stays valid until a
 * connection is added or removed anywhere in the process.
 */
#include "sqlite_conn.h"

#include <pthread.h>
#include <unistd.h>

#define BUCKETS 256

unsigned osp_sqlite__watch = 0;
bool osp_sqlite__exiting = false;

static const osp_allocator *const alc = &osp_allocator_default;

/*
 * The mutex is recursive: stopping a statement during one walk of the registry
 * may begin another walk.
 */
static pthread_mutex_t registry_lock = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static osp_sqlite_conn *buckets[BUCKETS];

uint64_t osp_sqlite__version = 1; /* grows with every change of the registry */
static uint64_t last_id = 0;
static uint64_t last_number = 0;

__thread osp_sqlite_last osp_sqlite__last = {0, NULL, NULL};

static size_t
bucket_of(const sqlite3 *db)
{
	return ((uintptr_t) db >> 6) * UINT64_C(0x9e3779b97f4a7c15) >> 56;
}

/*
 * Takes all locks before a fork, so that the child finds the lists complete,
 * whatever other threads were doing.
 */
static void
before_fork(void)
{
	size_t i;

	(void) pthread_mutex_lock(&registry_lock);
	for (i = 0; i < BUCKETS; i++)
	{
		osp_sqlite_conn *conn;

		for (conn = buckets[i]; conn != NULL; conn = conn->next)
			osp_sqlite__conn_lock(conn);
	}
}

static void
unlock_all(void)
{
	size_t i;

	for (i = 0; i < BUCKETS; i++)
	{
		osp_sqlite_conn *conn;

		for (conn = buckets[i]; conn != NULL; conn = conn->next)
			osp_sqlite__conn_unlock(conn);
	}
}

static void
after_fork(void)
{
	unlock_all();
	(void) pthread_mutex_unlock(&registry_lock);
}

/* In the child: gives all connections the child's process number and new ids. */
static void
take_over_all(void)
{
	int64_t pid = getpid();
	size_t i;

	for (i = 0; i < BUCKETS; i++)
	{
		osp_sqlite_conn *conn;

		for (conn = buckets[i]; conn != NULL; conn = conn->next)
		{
			if (conn->where_len > sizeof(pid))
				memcpy(conn->where + conn->where_len - sizeof(pid),
					   &pid,
					   sizeof(pid));
			conn->id = osp_sqlite__conn_new_id();
		}
	}
}

/*
 * In the child: releases the locks. The recursive mutex belongs to the parent's
 * thread, so it is initialised again.
 */
static void
after_fork_in_child(void)
{
	const pthread_mutex_t fresh = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;

	take_over_all();
	unlock_all();
	registry_lock = fresh;
}

static pthread_key_t at_thread_end;
__thread osp_sqlite_spares osp_sqlite__spares = {NULL, OSP_SQLITE_SPARES_MAX};
static __thread bool has_destructor __attribute__((tls_model("initial-exec"))) =
	false;

static void
end_thread(void *unused)
{
	osp_sqlite_spares *spares = &osp_sqlite__spares;

	(void) unused;
	while (spares->first != NULL)
	{
		osp_sqlite_stmt *st = spares->first;

		spares->first = st->next;
		osp_free(alc, st);
	}
	/* Statements that are freed later in this thread are not kept. */
	spares->count = OSP_SQLITE_SPARES_MAX;
}

static void
init_process(void)
{
	(void) pthread_atfork(before_fork, after_fork, after_fork_in_child);
	(void) pthread_key_create(&at_thread_end, end_thread);
}

osp_sqlite_conn *
osp_sqlite__conn_look_up(sqlite3 *db)
{
	osp_sqlite_last *last = &osp_sqlite__last;
	osp_sqlite_conn *conn;

	(void) pthread_mutex_lock(&registry_lock);
	conn = buckets[bucket_of(db)];
	while (conn != NULL && conn->db != db)
		conn = conn->next;
	last->version = osp_sqlite__version;
	(void) pthread_mutex_unlock(&registry_lock);
	last->db = db;
	last->conn = conn;
	return conn;
}

uint64_t
osp_sqlite__conn_new_id(void)
{
	return __atomic_add_fetch(&last_id, 1, __ATOMIC_RELAXED);
}

osp_sqlite_conn *
osp_sqlite__conn_new(sqlite3 *db)
{
	osp_sqlite_conn *conn = osp_calloc(alc, 1, sizeof(*conn));
	osp_sqlite_conn **bucket = &buckets[bucket_of(db)];

	if (conn == NULL)
		return NULL;
	(void) pthread_once(&once, init_process);
	conn->db = db;
	conn->number = __atomic_add_fetch(&last_number, 1, __ATOMIC_RELAXED);
	(void) pthread_mutex_lock(&registry_lock);
	conn->next = *bucket;
	*bucket = conn;
	__atomic_store_n(
		&osp_sqlite__version, osp_sqlite__version + 1, __ATOMIC_RELEASE);
	(void) pthread_mutex_unlock(&registry_lock);
	return conn;
}

void
osp_sqlite__conn_free(osp_sqlite_conn *conn)
{
	osp_sqlite_conn **link = &buckets[bucket_of(conn->db)];

	(void) pthread_mutex_lock(&registry_lock);
	while (*link != conn)
		link = &(*link)->next;
	*link = conn->next;
	__atomic_store_n(
		&osp_sqlite__version, osp_sqlite__version + 1, __ATOMIC_RELEASE);
	(void) pthread_mutex_unlock(&registry_lock);
	osp_free(alc, conn);
}

void
osp_sqlite__conn_each(void (*fn)(osp_sqlite_conn *, void *), void *ctx)
{
	size_t i;

	(void) pthread_mutex_lock(&registry_lock);
	for (i = 0; i < BUCKETS; i++)
	{
		osp_sqlite_conn *conn;

		for (conn = buckets[i]; conn != NULL; conn = conn->next)
			fn(conn, ctx);
	}
	(void) pthread_mutex_unlock(&registry_lock);
}

/* Begins to keep statements of this thread, which are freed when it ends. */
static void
keep_until_thread_end(void)
{
	if (has_destructor)
		return;
	has_destructor = true;
	osp_sqlite__spares.count = 0;
	(void) pthread_setspecific(at_thread_end, &osp_sqlite__spares);
}

osp_sqlite_stmt *
osp_sqlite__stmt_new_slow(void)
{
	return osp_alloc(alc, sizeof(osp_sqlite_stmt));
}

void
osp_sqlite__stmt_free_slow(osp_sqlite_stmt *st)
{
	if (has_destructor)
		osp_free(alc, st);
	else
	{
		keep_until_thread_end();
		osp_sqlite__stmt_free(st);
	}
}

osp_sqlite_stmt *
osp_sqlite__stmt_outer(osp_sqlite_conn *conn)
{
	osp_sqlite_stmt *last_opened = NULL;
	osp_sqlite_stmt *st;

	osp_sqlite__conn_lock(conn);
	for (st = conn->open; st != NULL; st = st->next)
	{
		if (st->thread != osp_sqlite__thread())
			continue;
		if (st->first_step)
			break;
		if (last_opened == NULL)
			last_opened = st;
	}
	osp_sqlite__conn_unlock(conn);
	return st != NULL ? st : last_opened;
}

bool
osp_sqlite__stmt_take_if(osp_sqlite_conn *conn,
						 bool (*match)(const osp_sqlite_stmt *, const void *),
						 const void *ctx, osp_sqlite_stmt *copy)
{
	bool keep = false;
	osp_sqlite_stmt *st;

	osp_sqlite__conn_lock(conn);
	st = conn->open;
	while (st != NULL && !match(st, ctx))
		st = st->next;
	if (st != NULL)
	{
		(void) osp_sqlite__stmt_unlink(conn, st);
		st->removed = st->running;
		*copy = *st;

		/*
		 * Another thread may be using its statement and trigger at this moment,
		 * so we leave them alone.
		 */
		keep = st->running ||
			   (osp_sqlite__exiting && st->thread != osp_sqlite__thread());
		if (keep && st->thread != osp_sqlite__thread())
			copy->trigger_open = false;
	}
	osp_sqlite__conn_unlock(conn);
	if (st != NULL && !keep)
		osp_sqlite__stmt_free(st);
	return st != NULL;
}
