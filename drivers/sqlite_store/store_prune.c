/* SPDX-License-Identifier: Apache-2.0
 *
 * store_prune.c
 *	  Removes the oldest traces.
 *
 * Their notifications stay in a block until all traces of the block are
 * removed. The number of a trace is never used again, so entries that are left
 * in the table lookup point to no trace.
 */
#include "sqlite_store.h"

#include <stdlib.h>

static bool
add_number(store_numbers *list, int64_t value)
{
	if (list->count == list->cap)
	{
		size_t cap = list->cap > 0 ? 2 * list->cap : 256;
		int64_t *grown =
			osp_realloc(list->alc, list->values, cap * sizeof(*grown));

		if (grown == NULL)
			return false;
		list->values = grown;
		list->cap = cap;
	}
	list->values[list->count++] = value;
	return true;
}

/* Reads the numbers in the first column of a query. */
static osp_status
read_numbers(store_db *db, store_query which, size_t count,
			 const int64_t *values, store_numbers *out, osp_error *err)
{
	sqlite3_stmt *row = store_db_query(db, which);
	int rc = row != NULL ? SQLITE_OK : SQLITE_ERROR;
	size_t i;

	for (i = 0; i < count && rc == SQLITE_OK; i++)
		rc = sqlite3_bind_int64(row, (int) i + 1, values[i]);
	while (rc == SQLITE_OK || rc == SQLITE_ROW)
	{
		rc = sqlite3_step(row);
		if (rc == SQLITE_ROW && !add_number(out, sqlite3_column_int64(row, 0)))
		{
			(void) sqlite3_reset(row);
			return store_no_memory(err);
		}
	}
	if (rc != SQLITE_DONE)
		return store_db_failed(db, err);
	(void) sqlite3_reset(row);
	return OSP_OK;
}

osp_status
store_read_traces(osp_str column, store_numbers *out)
{
	const char *at = column.ptr;
	const char *end = column.ptr + column.len;
	int64_t id = 0;
	uint64_t step;

	out->count = 0;
	while (store_get_varint(&at, end, &step))
	{
		id = (int64_t) ((uint64_t) id + (uint64_t) store_unzigzag(step));
		if (!add_number(out, id))
			return OSP_ENOMEM;
	}
	return OSP_OK;
}

bool
store_delete_trace(store_db *db, int64_t id)
{
	int64_t highest = 0;

	return store_db_get_meta(db, "highest", &highest) &&
		   (id <= highest || store_db_set_meta(db, "highest", id)) &&
		   store_db_run_with(db, STORE_DELETE_TRACE, 1, &id);
}

/* Removes a block if none of its traces exists any more. */
static osp_status
delete_dead_block(store_db *db, int64_t block, store_numbers *traces,
				  osp_error *err)
{
	sqlite3_stmt *row = store_db_query(db, STORE_TRACES_OF_BLOCK);
	osp_status status = OSP_OK;
	int64_t alive = 0;
	int rc = SQLITE_ERROR;
	size_t i;

	traces->count = 0;
	if (row != NULL && sqlite3_bind_int64(row, 1, block) == SQLITE_OK)
		rc = sqlite3_step(row);
	if (rc == SQLITE_ROW)
		status = store_read_traces(store_db_blob(row, 0), traces);
	else if (rc != SQLITE_DONE)
		return store_db_failed(db, err);
	(void) sqlite3_reset(row);
	if (status != OSP_OK)
		return store_no_memory(err);
	for (i = 0; i < traces->count && alive == 0; i++)
		if (!store_db_run_with_number(
				db, STORE_HAS_TRACE, traces->values[i], &alive))
			return store_db_failed(db, err);
	if (alive == 0 && !store_db_run_with(db, STORE_DELETE_BLOCK, 1, &block))
		return store_db_failed(db, err);
	return OSP_OK;
}

static int
compare_numbers(const void *a, const void *b)
{
	int64_t left = *(const int64_t *) a;
	int64_t right = *(const int64_t *) b;

	return left < right ? -1 : left > right;
}

static osp_status
delete_traces(store_db *db, const store_numbers *ids, store_numbers *blocks,
			  store_numbers *scratch, osp_error *err)
{
	osp_status status = OSP_OK;
	size_t i;

	for (i = 0; i < ids->count && status == OSP_OK; i++)
	{
		const int64_t *id = &ids->values[i];

		status = read_numbers(db, STORE_BLOCKS_OF_TRACE, 1, id, blocks, err);
		if (status == OSP_OK &&
			(!store_db_run_with(db, STORE_DELETE_PARTS, 1, id) ||
			 !store_delete_trace(db, *id)))
			status = store_db_failed(db, err);
	}
	if (blocks->count > 0)
		qsort(blocks->values,
			  blocks->count,
			  sizeof(blocks->values[0]),
			  compare_numbers);
	for (i = 0; i < blocks->count && status == OSP_OK; i++)
		if (i == 0 || blocks->values[i] != blocks->values[i - 1])
			status = delete_dead_block(db, blocks->values[i], scratch, err);
	return status;
}

osp_status
store_remove_old(osp_driver_conn *conn, int64_t before_us, unsigned limit,
				 uint64_t *removed, osp_error *err)
{
	const int64_t values[] = {before_us, limit};
	store_numbers lists[3];
	store_db *db = &conn->db;
	osp_status status;
	size_t i;

	*removed = 0;
	memset(lists, 0, sizeof(lists));
	for (i = 0; i < 3; i++)
		lists[i].alc = conn->alc;
	if (!store_db_begin(db))
		return store_db_failed(db, err);
	status = read_numbers(db, STORE_OLD_TRACES, 2, values, &lists[0], err);
	if (status == OSP_OK)
		status = delete_traces(db, &lists[0], &lists[1], &lists[2], err);
	if (status == OSP_OK && !store_db_commit(db))
		status = store_db_failed(db, err);
	if (status == OSP_OK)
		*removed = lists[0].count;
	else
		store_db_rollback(db);
	for (i = 0; i < 3; i++)
		osp_free(conn->alc, lists[i].values);
	return status;
}
