/* SPDX-License-Identifier: Apache-2.0
 *
 * statement_cache.c
 *	  The facts that a thread remembers about the statements that it ran last.
 */
#include "statement_cache.h"

#include <pthread.h>

#include "sqlite_operation.h"
#include "statement_kind.h"

/*
 * The step in which the memory of an entry grows, so that other texts fit into
 * it later.
 */
#define CAPACITY_STEP 256

__thread osp_sqlite_known_table *osp_sqlite__known_table = NULL;

static const osp_allocator *const alc = &osp_allocator_default;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t at_thread_end;

/* Frees all entries of this thread, which is ending. */
static void
free_table(void *ptr)
{
	osp_sqlite_known_table *table = ptr;
	size_t i;

	osp_sqlite__known_table = NULL;
	for (i = 0; i < sizeof(table->entries) / sizeof(table->entries[0]); i++)
		osp_free(alc, table->entries[i]);
	osp_free(alc, table);
}

static void
init_cache(void)
{
	(void) pthread_key_create(&at_thread_end, free_table);
}

static osp_sqlite_known_table *
get_table(void)
{
	if (osp_sqlite__known_table == NULL)
	{
		osp_sqlite__known_table =
			osp_calloc(alc, 1, sizeof(*osp_sqlite__known_table));
		(void) pthread_once(&once, init_cache);
		(void) pthread_setspecific(at_thread_end, osp_sqlite__known_table);
	}
	return osp_sqlite__known_table;
}

/* Makes the entry at this place empty, with room for size bytes; NULL: no memory. */
static osp_sqlite_known *
get_entry(osp_sqlite_known **place, size_t size)
{
	osp_sqlite_known *known = *place;

	if (known == NULL || known->capacity < size)
	{
		size_t capacity = (size + CAPACITY_STEP - 1) / CAPACITY_STEP;

		osp_free(alc, known);
		capacity *= CAPACITY_STEP;
		known = osp_alloc(alc, sizeof(*known) + capacity);
		*place = known;
		if (known == NULL)
			return NULL;
		known->capacity = capacity;
	}
	known->stmt = NULL;
	return known;
}

const osp_sqlite_known *
osp_sqlite__known_make(const osp_sqlite_conn *conn, sqlite3_stmt *stmt,
					   const char *text)
{
	char space[OSP_SQLITE_KNOWN_TEXT + OSP_SQLITE_START_MAX];
	osp_str sql = osp_str_n(text, strnlen(text, OSP_SQLITE_KNOWN_TEXT + 1));
	osp_sqlite_known_table *table;
	osp_sqlite_known *known;
	osp_str attributes;
	size_t size;
	bool masked;

	/* If values of parameters are recorded, every start is different. */
	if (sql.len > OSP_SQLITE_KNOWN_TEXT || conn->options.parameters ||
		osp_sqlite__has_comment_context(sql))
		return NULL;
	table = get_table();
	if (table == NULL)
		return NULL;
	attributes =
		osp_sqlite__start_attributes(conn, sql, space, sizeof(space), &masked);
	size = OSP_TEMPLATE_SIZE(OSP_SQLITE_NAME.len + attributes.len);
	known = get_entry(&table->entries[osp_sqlite__known_slot(stmt)],
					  size + sql.len + 1);
	if (known == NULL || attributes.len == 0 ||
		!osp_template_make(&known->start,
						   known->space,
						   size,
						   OSP_RECORD_START,
						   OSP_SQLITE_NAME,
						   OSP_STR(""),
						   OSP_STR(""),
						   attributes))
		return NULL;
	known->text = (char *) known->space + size;
	memcpy((char *) known->space + size, text, sql.len + 1);
	known->masked = masked;
	known->control = osp_sqlite__is_control(sql);
	known->columns = sqlite3_column_count(stmt) > 0;
	known->fires = sqlite3_stmt_readonly(stmt) == 0;
	known->values = sqlite3_bind_parameter_count(stmt) > 0;
	known->writes = known->fires && osp_sqlite__changes_rows(sql);
	known->sql = text;
	known->prepared = osp_sqlite__prepared(conn);
	known->conn_id = conn->id;
	known->stmt = stmt;
	return known;
}
