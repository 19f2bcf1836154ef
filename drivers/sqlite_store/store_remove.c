/* SPDX-License-Identifier: Apache-2.0
 *
 * store_remove.c
 *	  Removes traces, in short transactions, between which other processes can
 *	  write.
 *
 * Traces that are removed by name leave nothing behind: the blocks that they
 * share with other traces are rewritten without them. For traces that are
 * removed because of their age see store_prune.c.
 */
#include "sqlite_store.h"

#include <time.h>

#define STEP_BLOCKS 16
#define STEP_TRACES 128
#define PAUSE_NS    3000000L

/* ---- removing by name ---- */

/* The data needed to rewrite a block. */
typedef struct rewriting
{
	osp_driver_conn *conn;
	store_decoder *decoder;
	store_numbers traces; /* the traces of the block */
	osp_buf json;
	osp_buf scratch;
} rewriting;

/*
 * Encodes one notification of the block again, unless it belongs to the removed
 * trace.
 */
static osp_status
keep_item(rewriting *w, const store_item *item, int64_t removed)
{
	store_db *db = &w->conn->db;
	sqlite3_stmt *row = store_db_query(db, STORE_BASE_ID);
	char storage[OSP_UUID_TEXT_LEN + 1];
	osp_notification notification;
	int64_t wall_ns;
	osp_status status = OSP_OK;
	int rc = SQLITE_ERROR;

	if (item->trace >= w->traces.count)
		return OSP_EPROTO;
	if (w->traces.values[item->trace] == removed)
		return OSP_OK;
	if (row != NULL &&
		sqlite3_bind_int64(row, 1, w->traces.values[item->trace]) == SQLITE_OK)
		rc = sqlite3_step(row);
	if (rc == SQLITE_ROW)
	{
		store_key key = store_key_of_column(row, 0, storage);

		osp_buf_reset(&w->json);
		store_item_json(item, key.text, &w->json);
		status = osp_buf_status(&w->json);
		if (status == OSP_OK)
			status = osp_notification_read(
				osp_buf_str(&w->json), &w->scratch, &notification, NULL);
		if (status == OSP_EPROTO)
		{
			/* What other programs have stored need not be a complete notification. */
			memset(&notification, 0, sizeof(notification));
			notification.json = osp_buf_str(&w->json);
			status = OSP_OK;
		}
		if (status == OSP_OK)
		{
			if (!osp_timestamp_parse(notification.timestamp, &wall_ns))
				wall_ns = 0;
			store_encoder_add(
				w->conn->encoder, item->trace, &notification, wall_ns);
		}
	}
	else if (rc != SQLITE_DONE)
		status = OSP_EIO;
	(void) sqlite3_reset(row);
	return status;
}

/*
 * Encodes a block again without the removed trace. *data is empty if nothing
 * remains. OSP_EPROTO: the block is damaged.
 */
static osp_status
encode_rest(rewriting *w, osp_str block, int64_t removed, osp_str *data)
{
	osp_status status = store_decoder_open(w->decoder, block);
	store_item item;

	*data = OSP_STR("");
	while (status == OSP_OK)
	{
		status = store_decoder_next(w->decoder, &item);
		if (status == OSP_OK)
			status = keep_item(w, &item, removed);
	}
	if (status != OSP_ENOENT)
		return status;
	if (store_encoder_count(w->conn->encoder) == 0)
		return OSP_OK;
	return store_encoder_finish(w->conn->encoder, data);
}

static bool
save_block(store_db *db, int64_t block, osp_str traces, osp_str data)
{
	sqlite3_stmt *stmt = store_db_query(db, STORE_UPDATE_BLOCK);

	return stmt != NULL && sqlite3_bind_int64(stmt, 1, block) == SQLITE_OK &&
		   sqlite3_bind_blob64(
			   stmt, 2, traces.ptr, traces.len, SQLITE_TRANSIENT) ==
			   SQLITE_OK &&
		   sqlite3_bind_blob64(stmt, 3, data.ptr, data.len, SQLITE_STATIC) ==
			   SQLITE_OK &&
		   store_db_run(stmt);
}

/*
 * Removes a trace from the first of its blocks. OSP_ENOENT: it has no block any
 * more.
 */
static osp_status
rewrite_block(rewriting *w, int64_t trace, osp_error *err)
{
	store_db *db = &w->conn->db;
	sqlite3_stmt *row = store_db_query(db, STORE_NEXT_PART);
	int64_t part[] = {trace, 0};
	osp_status status = OSP_ENOENT;
	int rc = SQLITE_ERROR;
	bool saved = true;

	if (row != NULL && sqlite3_bind_int64(row, 1, trace) == SQLITE_OK &&
		sqlite3_bind_int64(row, 2, INT64_MIN) == SQLITE_OK)
		rc = sqlite3_step(row);
	if (rc == SQLITE_ROW)
	{
		osp_str traces = store_db_blob(row, 1);
		osp_str data = OSP_STR("");

		part[1] = sqlite3_column_int64(row, 0);
		status = store_read_traces(traces, &w->traces);
		if (status == OSP_OK)
			status = encode_rest(w, store_db_blob(row, 2), trace, &data);
		if (status == OSP_OK && data.len > 0)
			saved = save_block(db, part[1], traces, data);
		else if (status == OSP_OK || status == OSP_EPROTO)
		{
			saved = store_db_run_with(db, STORE_DELETE_BLOCK, 1, &part[1]);
			status = OSP_OK;
		}
	}
	(void) sqlite3_reset(row);
	if ((rc != SQLITE_ROW && rc != SQLITE_DONE) || !saved || status == OSP_EIO)
		return store_db_failed(db, err);
	if (status == OSP_ENOMEM)
		return store_no_memory(err);
	if (status == OSP_OK && !store_db_run_with(db, STORE_DELETE_PART, 2, part))
		return store_db_failed(db, err);
	return status;
}

/*
 * Removes a trace from some of its blocks, and after the last block its row.
 * *done: the row is gone.
 */
static osp_status
remove_step(rewriting *w, osp_str base_id, bool *done, bool *found,
			osp_error *err)
{
	store_db *db = &w->conn->db;
	store_key key = store_key_of(base_id);
	osp_status status;
	int64_t trace;
	int i;

	status = store_find_trace(db, &key, &trace, err);
	*done = status == OSP_OK && trace == 0;
	*found |= trace != 0;
	for (i = 0; i < STEP_BLOCKS && status == OSP_OK && !*done; i++)
	{
		status = rewrite_block(w, trace, err);
		if (status == OSP_ENOENT)
		{
			*done = true;
			status = store_delete_trace(db, trace) ? OSP_OK
												   : store_db_failed(db, err);
		}
	}
	return status;
}

/* Removes the rows of a trace from the table of earlier versions. */
static osp_status
remove_old_rows(store_db *db, osp_str base_id, bool *found, osp_error *err)
{
	sqlite3_stmt *stmt = NULL;
	osp_status status = OSP_OK;

	if (db->form != STORE_MIXED)
		return OSP_OK;
	if (sqlite3_prepare_v2(
			db->db, "DELETE FROM data WHERE base_id = ?", -1, &stmt, NULL) !=
			SQLITE_OK ||
		sqlite3_bind_text64(
			stmt, 1, base_id.ptr, base_id.len, SQLITE_STATIC, SQLITE_UTF8) !=
			SQLITE_OK ||
		!store_db_run(stmt))
		status = store_db_failed(db, err);
	else
		*found |= sqlite3_changes(db->db) > 0;
	(void) sqlite3_finalize(stmt);
	return status;
}

static void
pause_between_steps(void)
{
	const struct timespec pause = {0, PAUSE_NS};

	(void) nanosleep(&pause, NULL);
}

static osp_status
remove_trace(rewriting *w, osp_str base_id, bool *found, osp_error *err)
{
	store_db *db = &w->conn->db;
	osp_status status = OSP_OK;
	bool done = false;
	bool first = true;

	while (status == OSP_OK && !done)
	{
		if (!first)
			pause_between_steps();
		if (!store_db_begin(db))
			return store_db_failed(db, err);
		if (first)
			status = remove_old_rows(db, base_id, found, err);
		if (status == OSP_OK)
			status = remove_step(w, base_id, &done, found, err);
		if (status == OSP_OK && !store_db_commit(db))
			status = store_db_failed(db, err);
		first = false;
	}
	return status;
}

static osp_status
remove_by_name(osp_driver_conn *conn, const osp_removal *what,
			   uint64_t *removed, osp_error *err)
{
	osp_status status = OSP_OK;
	rewriting w;
	size_t i;

	memset(&w, 0, sizeof(w));
	w.conn = conn;
	w.traces.alc = conn->alc;
	osp_buf_init(&w.json, conn->alc, 2 * (size_t) STORE_BLOCK_MAX);
	osp_buf_init(&w.scratch, conn->alc, 2 * (size_t) STORE_BLOCK_MAX);
	w.decoder = store_decoder_new(conn->alc);
	if (conn->encoder == NULL)
		conn->encoder = store_encoder_new(conn->alc);
	if (w.decoder == NULL || conn->encoder == NULL)
		status = store_no_memory(err);

	/* Freed space is overwritten, too. The checkpoint below empties the log. */
	else if (!store_db_exec(&conn->db, "PRAGMA secure_delete = 1"))
		status = store_db_failed(&conn->db, err);
	for (i = 0; i < what->count && status == OSP_OK; i++)
	{
		bool found = false;

		status = remove_trace(&w, what->ids[i], &found, err);
		*removed += status == OSP_OK && found;
	}
	if (status == OSP_OK && !store_db_exec(&conn->db,
										   "PRAGMA secure_delete = 0;"
										   "PRAGMA wal_checkpoint(TRUNCATE)"))
		status = store_db_failed(&conn->db, err);
	store_decoder_free(w.decoder);
	osp_buf_term(&w.json);
	osp_buf_term(&w.scratch);
	osp_free(conn->alc, w.traces.values);
	return status;
}

static osp_status
remove_by_age(osp_driver_conn *conn, int64_t before_us, uint64_t *removed,
			  osp_error *err)
{
	osp_status status = OSP_OK;
	uint64_t count = 1;

	/*
	 * The rows of earlier versions have no summaries with their age, so they
	 * are converted first.
	 */
	while (status == OSP_OK && conn->db.form == STORE_MIXED)
	{
		status = store_old_convert(conn, err);
		pause_between_steps();
	}
	while (status == OSP_OK && count > 0)
	{
		if (store_db_is_over(&conn->db))
			return store_db_failed(&conn->db, err);
		status = store_remove_old(conn, before_us, STEP_TRACES, &count, err);
		*removed += count;
		if (count > 0)
			pause_between_steps();
	}
	return status;
}

osp_status
store_remove_traces(osp_driver_conn *conn, const osp_removal *given,
					uint64_t *removed, osp_error *err)
{
	osp_removal what;
	osp_status status;
	store_db probe;

	*removed = 0;
	osp_struct_copy(&what, sizeof(what), given);

	/* If the store does not exist, this fails, and no file is created. */
	status = store_open_reader(conn, &probe, err);
	if (status != OSP_OK)
		return status;
	store_db_close(&probe);
	store_db_begin_call(&conn->db, &conn->options);
	status = store_open_writer(conn, err);
	if (status == OSP_OK)
		status =
			what.count > 0
				? remove_by_name(conn, &what, removed, err)
				: remove_by_age(conn, what.older_than_ns / 1000, removed, err);
	if (status == OSP_OK)
		status = store_give_back(conn, err);
	if (status != OSP_OK)
		store_close_writer(conn);
	return status;
}
