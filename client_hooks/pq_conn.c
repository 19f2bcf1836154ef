/* SPDX-License-Identifier: Apache-2.0
 *
 * pq_conn.c
 *	  The known connections, and their state.
 *
 * The table is a hash table whose chains only grow: a node stays in its chain
 * for ever, and is reused for another connection of the same bucket. So finding
 * a connection takes no lock and meets no freed memory, whatever other threads
 * open and close meanwhile. Adding and removing one takes a lock.
 */
#include "pq_conn.h"

#include "end_error.h"
#include "propagate.h"

#include <pthread.h>
#include <stdlib.h>
#include <strings.h>

#include "base/parse.h"

#define BUCKETS       1024 /* a power of two */
#define FIRST_QUEUE   4
#define ATTRIBUTE_MAX 255

typedef struct node
{
	struct node *next; /* never changes once the node is in a chain */
	PGconn *conn;      /* NULL: the node is free */
	ospq_conn *state;  /* valid for the thread that uses conn */
} node;

static node *buckets[BUCKETS];

/* The node in which this thread found a connection last. A node is never freed. */
static __thread node *last_found __attribute__((tls_model("initial-exec"))) =
	NULL;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static const osp_allocator *const alc = &osp_allocator_default;

/*
 * Takes the lock before a fork. Otherwise another thread could hold it, and the
 * child would find it locked for ever.
 */
static void
take_lock(void)
{
	(void) pthread_mutex_lock(&lock);
}

static void
drop_lock(void)
{
	(void) pthread_mutex_unlock(&lock);
}

__attribute__((constructor)) static void
watch_forks(void)
{
	(void) pthread_atfork(take_lock, drop_lock, drop_lock);
}

/*
 * The low bits of the address are dropped: connections are some hundred bytes
 * apart at least.
 */
static node **
bucket_of(const PGconn *conn)
{
	uint64_t address = (uint64_t) (uintptr_t) conn;

	return &buckets[((address >> 4) * UINT64_C(0x9e3779b97f4a7c15)) >> 54];
}

_Static_assert(BUCKETS == 1 << (64 - 54), "the hash has as many bits");

static node *
find_node(const PGconn *conn)
{
	node *n = __atomic_load_n(bucket_of(conn), __ATOMIC_ACQUIRE);

	while (n != NULL && __atomic_load_n(&n->conn, __ATOMIC_ACQUIRE) != conn)
		n = n->next;
	return n;
}

ospq_conn *
ospq_conn_find(const PGconn *conn)
{
	node *n = last_found;

	if (conn == NULL)
		return NULL;
	if (OSP_LIKELY(n != NULL &&
				   __atomic_load_n(&n->conn, __ATOMIC_ACQUIRE) == conn))
		return n->state;
	n = find_node(conn);
	if (n == NULL)
		return NULL;
	last_found = n;
	return n->state;
}

/* Puts a state into a free node of the connection's chain, or a new one. */
static bool
add_node(PGconn *conn, ospq_conn *state)
{
	node **bucket = bucket_of(conn);
	node *n;

	(void) pthread_mutex_lock(&lock);
	for (n = *bucket; n != NULL; n = n->next)
		if (n->conn == NULL)
			break;
	if (n == NULL)
	{
		n = osp_calloc(alc, 1, sizeof(*n));
		if (n != NULL)
		{
			n->next = *bucket;
			__atomic_store_n(bucket, n, __ATOMIC_RELEASE);
		}
	}
	if (n != NULL)
	{
		n->state = state;
		__atomic_store_n(&n->conn, conn, __ATOMIC_RELEASE);
	}
	(void) pthread_mutex_unlock(&lock);
	return n != NULL;
}

ospq_conn *
ospq_conn_get(PGconn *conn)
{
	ospq_conn *c;

	if (conn == NULL)
		return NULL;
	c = ospq_conn_find(conn);
	if (c != NULL)
		return c;
	c = osp_calloc(alc, 1, sizeof(*c));
	if (c == NULL)
		return NULL;
	c->conn = conn;
	if (!add_node(conn, c))
	{
		osp_free(alc, c);
		return NULL;
	}
	return c;
}

void
ospq_conn_reconnected(ospq_conn *c)
{
	osp_free(alc, c->opening);
	c->opening = NULL;
	c->opening_len = 0;
	c->start.record = NULL;
	c->described = false;
	c->pipeline_position = 0;
	c->helper = OSPQ_HELPER_UNKNOWN;
	ospq_forget_error(c);
	ospq_prepared_clear(&c->prepared);
}

void
ospq_conn_remove(const PGconn *conn)
{
	ospq_conn *c = NULL;
	unsigned i;
	node *n;

	(void) pthread_mutex_lock(&lock);
	n = find_node(conn);
	if (n != NULL)
	{
		c = n->state;
		n->state = NULL;
		__atomic_store_n(&n->conn, NULL, __ATOMIC_RELEASE);
	}
	(void) pthread_mutex_unlock(&lock);
	if (c == NULL)
		return;
	while (c->queue_len > 0)
		ospq_conn_pop(c);
	ospq_conn_reconnected(c);
	for (i = 0; i < c->queue_size; i++)
		osp_free(alc, c->queue[i].sent.ptr);
	osp_free(alc, c->queue);
	osp_free(alc, c->sent.ptr);
	free(c->shown_buffer);
	osp_sql_space_free(&c->space);
	osp_free(alc, c);
}

void
ospq_conn_each(void (*fn)(ospq_conn *c))
{
	unsigned i;

	for (i = 0; i < BUCKETS; i++)
	{
		node *n;

		for (n = buckets[i]; n != NULL; n = n->next)
			if (n->conn != NULL)
				fn(n->state);
	}
}

/* Doubles the queue, and moves the oldest statement to its beginning. */
static bool
grow_queue(ospq_conn *c)
{
	unsigned size = c->queue_size > 0 ? 2 * c->queue_size : FIRST_QUEUE;
	ospq_open *queue = osp_calloc(alc, size, sizeof(*queue));
	unsigned i;

	if (queue == NULL)
		return false;
	for (i = 0; i < c->queue_len; i++)
		queue[i] = c->queue[(c->queue_first + i) % c->queue_size];
	osp_free(alc, c->queue);
	c->queue = queue;
	c->queue_size = size;
	c->queue_first = 0;
	return true;
}

ospq_open *
ospq_conn_push(ospq_conn *c)
{
	ospq_open *open;
	ospq_sent sent;

	if (c->queue_len == c->queue_size && !grow_queue(c))
		return NULL;
	if (c->queue_len == 0)
		c->queue_first = 0;
	open = &c->queue[(c->queue_first + c->queue_len) % c->queue_size];
	sent = open->sent;
	memset(open, 0, sizeof(*open));
	open->sent = sent;
	c->queue_len++;
	return open;
}

static void
free_open(ospq_open *open)
{
	int i;

	for (i = 0; i < OSPQ_FIELDS; i++)
	{
		osp_free(alc, open->fields[i]);
		open->fields[i] = NULL;
	}
	osp_free(alc, open->message);
	osp_free(alc, open->prepare_name);
	osp_free(alc, open->prepare_text);
	open->message = open->prepare_name = open->prepare_text = NULL;
}

void
ospq_conn_unpush(ospq_conn *c)
{
	c->queue_len--;
	free_open(&c->queue[(c->queue_first + c->queue_len) % c->queue_size]);
}

void
ospq_conn_pop(ospq_conn *c)
{
	free_open(&c->queue[c->queue_first]);
	c->queue_first = (c->queue_first + 1) % c->queue_size;
	c->queue_len--;
}

osp_sql_recorded
ospq_conn_record(ospq_conn *c, const char *sql)
{
	osp_sql_recorded recorded;

	osp__hook_record(osp_str_of(sql),
					 (osp_sql_recording){.dialect = OSP_SQL_POSTGRES_ANY},
					 OSPQ_TEXT_MAX,
					 &c->space,
					 &recorded);
	if (recorded.text.len > OSPQ_TEXT_MAX)
		recorded.text.len = osp_utf8_prefix(recorded.text, OSPQ_TEXT_MAX);
	return recorded;
}

void
ospq_conn_remember(ospq_conn *c, const char *name, const char *sql)
{
	osp_sql_recorded recorded = ospq_conn_record(c, sql);

	ospq_prepared_set(&c->prepared, name, &recorded);
}

static void
put_text(osp_writer *w, osp_str key, const char *text)
{
	osp_str value = osp_str_of(text);

	value.len = osp_utf8_prefix(value, ATTRIBUTE_MAX);
	if (value.len > 0)
		osp_put_str(w, key, value);
}

/*
 * Was the connection opened with the keyword replication, set to anything but a
 * form of "no"?
 */
static bool
is_replication(PGconn *conn)
{
	PQconninfoOption *options = REAL(PQconninfo)(conn);
	const PQconninfoOption *o;
	bool result = false;
	bool value;

	if (options == NULL)
		return false;
	for (o = options; o->keyword != NULL; o++)
		if (strcmp(o->keyword, "replication") == 0 && o->val != NULL &&
			o->val[0] != '\0')
			result = !osp_parse_bool(osp_str_of(o->val), &value) || value;
	REAL(PQconninfoFree)(options);
	return result;
}

/*
 * Is this the console of a pooler? A console reads commands, and does not
 * accept comments.
 */
static bool
is_console(const PGconn *conn)
{
	const char *version = REAL(PQparameterStatus)(conn, "server_version");

	return version != NULL && strstr(version, "bouncer") != NULL;
}

/*
 * Keeps the encoded attributes, and makes a template with them, in one block of
 * memory.
 */
static void
keep_opening(ospq_conn *c, osp_str encoded)
{
	size_t at =
		(encoded.len + OSP_RECORD_ALIGN - 1) & ~(size_t) (OSP_RECORD_ALIGN - 1);
	osp_str project;
	osp_str service;
	size_t size;

	osp__profiler_labels(&project, &service);
	size = OSP_TEMPLATE_SIZE(OSPQ_DB.len + project.len + service.len +
							 encoded.len);
	c->opening = osp_alloc(alc, at + size);
	if (c->opening == NULL)
		return;
	memcpy(c->opening, encoded.ptr, encoded.len);
	c->opening_len = encoded.len;
	if (!osp_template_make(&c->start,
						   c->opening + at,
						   size,
						   OSP_RECORD_START,
						   OSPQ_DB,
						   project,
						   service,
						   encoded))
		c->start.record = NULL;
}

/*
 * Has the database no encoding (SQL_ASCII)? The positions of errors are bytes
 * there, while libpq takes them for characters.
 */
static bool
has_no_encoding(const PGconn *conn)
{
	const char *encoding = REAL(PQparameterStatus)(conn, "server_encoding");

	return encoding != NULL && strcmp(encoding, "SQL_ASCII") == 0;
}

void
ospq_conn_describe(ospq_conn *c)
{
	char space[4 * (ATTRIBUTE_MAX + 32) + 64];
	osp_writer w;

	if (REAL(PQstatus)(c->conn) != CONNECTION_OK)
		return;
	c->described = true;
	c->counts_bytes = has_no_encoding(c->conn);
	c->replication = is_replication(c->conn) || is_console(c->conn);
	osp_attrs_begin(&w, space, sizeof(space));
	osp_put_object(&w, OSPQ_DB);
	put_text(&w, OSP_STR("server"), REAL(PQhost)(c->conn));
	put_text(&w, OSP_STR("port"), REAL(PQport)(c->conn));
	put_text(&w, OSP_STR("database"), REAL(PQdb)(c->conn));
	put_text(&w, OSP_STR("user"), REAL(PQuser)(c->conn));

	/* The server process's id, by which the holder of a lock is found. */
	osp_put_i64(&w, OSP_STR("pid"), REAL(PQbackendPID)(c->conn));

	/* With this attribute a report can say that the server's operations are missing. */
	if (!c->replication &&
		(c->told_by_startup || (!c->has_events && ospq_sends_comments())))
		osp_put_bool(&w, OSP_STR("sends_context"), true);
	keep_opening(c, osp_attrs_end(&w));
}
