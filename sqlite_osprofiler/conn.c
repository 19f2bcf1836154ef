/* SPDX-License-Identifier: Apache-2.0
 *
 * conn.c
 *	  The connections that are traced, and their open statements.
 *
 * A wrapper needs the state of a connection for every statement: each thread
 * remembers the one it asked for last, for as long as no connection came or went
 * in the process.
 */
#include "conn.h"

#include <features.h>
#include <pthread.h>
#include <sched.h>
#if __GLIBC_PREREQ(2, 32)
#include <sys/single_threaded.h>
#endif

#include "point.h"

#define BUCKETS 256

/* Statements that a thread keeps for its next ones. */
#define SPARE_MAX 16

int osp_sqlite__watch = 0;
bool osp_sqlite__exiting = false;

static const osp_allocator *const alc = &osp_allocator_default;

/* Stopping what one walk finds may begin another one. */
static pthread_mutex_t registry_lock = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static osp_sqlite_conn *buckets[BUCKETS];
static uint64_t version = 1; /* grows with every change of the registry */

typedef struct last_conn
{
	uint64_t version;
	sqlite3 *db;
	osp_sqlite_conn *conn;
} last_conn;

static __thread last_conn last __attribute__((tls_model("initial-exec")));

static size_t
bucket_of(const sqlite3 *db)
{
	return ((uintptr_t) db >> 6) * UINT64_C(0x9e3779b97f4a7c15) >> 56;
}

/* No other thread can be in here if there never was one. */
static inline bool
is_alone(void)
{
#if __GLIBC_PREREQ(2, 32)
	return __libc_single_threaded;
#else
	return false;
#endif
}

static inline void
lock_conn(osp_sqlite_conn *conn)
{
	if (OSP_LIKELY(is_alone()))
		return;
	while (__atomic_exchange_n(&conn->lock, 1, __ATOMIC_ACQUIRE) != 0)
		(void) sched_yield();
}

static inline void
unlock_conn(osp_sqlite_conn *conn)
{
	__atomic_store_n(&conn->lock, 0, __ATOMIC_RELEASE);
}

/* So that a child finds the lists whole, whatever other threads were doing. */
static void
before_fork(void)
{
	size_t i;

	(void) pthread_mutex_lock(&registry_lock);
	for (i = 0; i < BUCKETS; i++)
	{
		osp_sqlite_conn *conn;

		for (conn = buckets[i]; conn != NULL; conn = conn->next)
			lock_conn(conn);
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
			unlock_conn(conn);
	}
}

static void
after_fork(void)
{
	unlock_all();
	(void) pthread_mutex_unlock(&registry_lock);
}

/* A mutex that counts belongs to a thread, and the child's is another one. */
static void
after_fork_in_child(void)
{
	const pthread_mutex_t fresh = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;

	unlock_all();
	registry_lock = fresh;
}

static pthread_key_t at_thread_end;
static __thread osp_sqlite_stmt *spare
	__attribute__((tls_model("initial-exec"))) = NULL;
static __thread unsigned spares __attribute__((tls_model("initial-exec"))) = 0;
static __thread bool has_destructor __attribute__((tls_model("initial-exec"))) =
	false;

static void
free_spares(void *unused)
{
	(void) unused;
	while (spare != NULL)
	{
		osp_sqlite_stmt *st = spare;

		spare = st->next;
		osp_free(alc, st);
	}
	spares = SPARE_MAX; /* what comes after the thread's end is not kept */
}

static void
init_process(void)
{
	(void) pthread_atfork(before_fork, after_fork, after_fork_in_child);
	(void) pthread_key_create(&at_thread_end, free_spares);
	osp_sqlite__point_init();
}

static osp_sqlite_conn *
look_up(sqlite3 *db)
{
	osp_sqlite_conn *conn;

	(void) pthread_mutex_lock(&registry_lock);
	conn = buckets[bucket_of(db)];
	while (conn != NULL && conn->db != db)
		conn = conn->next;
	last.version = version;
	(void) pthread_mutex_unlock(&registry_lock);
	last.db = db;
	last.conn = conn;
	return conn;
}

osp_sqlite_conn *
osp_sqlite__conn_find(sqlite3 *db)
{
	if (OSP_LIKELY(last.db == db &&
				   last.version == __atomic_load_n(&version, __ATOMIC_ACQUIRE)))
		return last.conn;
	return look_up(db);
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
	(void) pthread_mutex_lock(&registry_lock);
	conn->next = *bucket;
	*bucket = conn;
	__atomic_store_n(&version, version + 1, __ATOMIC_RELEASE);
	(void) pthread_mutex_unlock(&registry_lock);
	return conn;
}

void
osp_sqlite__conn_free(void *ptr)
{
	osp_sqlite_conn *conn = ptr;
	osp_sqlite_conn **link = &buckets[bucket_of(conn->db)];

	osp_sqlite__close_all(conn);
	(void) pthread_mutex_lock(&registry_lock);
	while (*link != conn)
		link = &(*link)->next;
	*link = conn->next;
	__atomic_store_n(&version, version + 1, __ATOMIC_RELEASE);
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

osp_sqlite_stmt *
osp_sqlite__stmt_new(void)
{
	osp_sqlite_stmt *st = spare;

	if (OSP_LIKELY(st != NULL))
	{
		spare = st->next;
		spares--;
	}
	else
		st = osp_alloc(alc, sizeof(*st));
	return st;
}

void
osp_sqlite__stmt_free(osp_sqlite_stmt *st)
{
	if (OSP_UNLIKELY(spares >= SPARE_MAX))
	{
		osp_free(alc, st);
		return;
	}

	if (OSP_UNLIKELY(!has_destructor))
	{
		has_destructor = true;
		(void) pthread_setspecific(at_thread_end, &spare);
	}
	st->next = spare;
	spare = st;
	spares++;
}

osp_sqlite_stmt *
osp_sqlite__stmt_find(osp_sqlite_conn *conn, const sqlite3_stmt *stmt)
{
	osp_sqlite_stmt *st;

	lock_conn(conn);
	st = conn->open;
	while (st != NULL && st->stmt != stmt)
		st = st->next;
	unlock_conn(conn);
	return st;
}

bool
osp_sqlite__stmt_run(osp_sqlite_conn *conn, const sqlite3_stmt *stmt,
					 osp_sqlite_stmt **out)
{
	osp_sqlite_stmt *st;
	bool free_to_run = true;

	lock_conn(conn);
	st = conn->open;
	while (st != NULL && st->stmt != stmt)
		st = st->next;
	if (st != NULL)
	{
		free_to_run = !st->running;
		st->running = true;
	}
	unlock_conn(conn);
	*out = st;
	return free_to_run;
}

osp_sqlite_stmt *
osp_sqlite__stmt_outer(osp_sqlite_conn *conn)
{
	osp_sqlite_stmt *last_opened = NULL;
	osp_sqlite_stmt *st;

	lock_conn(conn);
	for (st = conn->open; st != NULL; st = st->next)
	{
		if (st->thread != osp_sqlite__thread())
			continue;
		if (st->first_step)
			break;
		if (last_opened == NULL)
			last_opened = st;
	}
	unlock_conn(conn);
	return st != NULL ? st : last_opened;
}

void
osp_sqlite__stmt_add(osp_sqlite_conn *conn, osp_sqlite_stmt *st)
{
	lock_conn(conn);
	st->next = conn->open;
	__atomic_store_n(&conn->open, st, __ATOMIC_RELAXED);
	unlock_conn(conn);
}

/* Unlinks the statement; the connection is locked. */
static bool
unlink_stmt(osp_sqlite_conn *conn, const osp_sqlite_stmt *st)
{
	osp_sqlite_stmt **link = &conn->open;

	while (*link != NULL && *link != st)
		link = &(*link)->next;
	if (*link == NULL)
		return false;
	__atomic_store_n(link, st->next, __ATOMIC_RELAXED);
	return true;
}

osp_sqlite_end
osp_sqlite__stmt_ran(osp_sqlite_conn *conn, osp_sqlite_stmt *st, bool ended)
{
	osp_sqlite_end end = OSP_SQLITE_OPEN;

	lock_conn(conn);
	if (OSP_UNLIKELY(st->removed))
		end = OSP_SQLITE_GONE;
	else if (ended)
	{
		(void) unlink_stmt(conn, st);
		end = OSP_SQLITE_ENDED;
	}
	st->running = false;
	unlock_conn(conn);
	if (OSP_UNLIKELY(end == OSP_SQLITE_GONE))
		osp_sqlite__stmt_free(st);
	return end;
}

osp_sqlite_stmt *
osp_sqlite__stmt_take(osp_sqlite_conn *conn, const sqlite3_stmt *stmt)
{
	osp_sqlite_stmt *st;

	/* Most often there is none, and a look without the lock shows it: whoever
	 * opened this statement did so before it came here. */
	if (__atomic_load_n(&conn->open, __ATOMIC_RELAXED) == NULL)
		return NULL;
	lock_conn(conn);
	st = conn->open;
	while (st != NULL && st->stmt != stmt)
		st = st->next;
	if (st != NULL && st->running)
		st = NULL;
	if (st != NULL)
		(void) unlink_stmt(conn, st);
	unlock_conn(conn);
	return st;
}

bool
osp_sqlite__stmt_take_if(osp_sqlite_conn *conn,
						 bool (*match)(const osp_sqlite_stmt *, const void *),
						 const void *ctx, osp_sqlite_stmt *copy)
{
	bool keep = false;
	osp_sqlite_stmt *st;

	lock_conn(conn);
	st = conn->open;
	while (st != NULL && !match(st, ctx))
		st = st->next;
	if (st != NULL)
	{
		(void) unlink_stmt(conn, st);
		st->removed = st->running;
		*copy = *st;

		/* What its thread may be using at this moment is not for us. */
		keep = st->running ||
			   (osp_sqlite__exiting && st->thread != osp_sqlite__thread());
		if (keep && st->thread != osp_sqlite__thread())
			copy->trigger_open = false;
	}
	unlock_conn(conn);
	if (st != NULL && !keep)
		osp_sqlite__stmt_free(st);
	return st != NULL;
}
