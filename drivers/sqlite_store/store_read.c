/* SPDX-License-Identifier: Apache-2.0
 *
 * store_read.c
 *	  Reads a trace, block by block.
 *
 * Each block is read in a transaction of its own, which has ended before its
 * notifications are passed on, so a slow reader blocks nobody.
 */
#include "sqlite_store.h"

typedef struct reading
{
	const osp_allocator *alc;
	store_db *db;
	store_decoder *decoder;
	osp_str base_id;
	int64_t trace;
	int64_t block;    /* the block that was read last */
	uint64_t damaged; /* blocks that could not be read */
	osp_buf json;     /* notifications of a block, one after the other */
	size_t *ends;     /* where each notification ends */
	size_t count;
	size_t cap;
} reading;

/* Finds the position of a trace in a block's list of traces. */
static bool
find_ordinal(osp_str traces, int64_t trace, uint64_t *ordinal)
{
	const char *at = traces.ptr;
	const char *end = traces.ptr + traces.len;
	int64_t id = 0;
	uint64_t step;

	for (*ordinal = 0; store_get_varint(&at, end, &step); (*ordinal)++)
	{
		id = (int64_t) ((uint64_t) id + (uint64_t) store_unzigzag(step));
		if (id == trace)
			return true;
	}
	return false;
}

static osp_status
keep_item(reading *r, const store_item *item)
{
	if (r->count == r->cap)
	{
		size_t cap = r->cap > 0 ? 2 * r->cap : 256;
		size_t *ends = osp_realloc(r->alc, r->ends, cap * sizeof(*ends));

		if (ends == NULL)
			return OSP_ENOMEM;
		r->ends = ends;
		r->cap = cap;
	}
	store_item_json(item, r->base_id, &r->json);
	r->ends[r->count++] = r->json.len;
	return osp_buf_status(&r->json);
}

/* Decodes a block, and keeps the JSON of the notifications that belong to the trace. */
static osp_status
decode(reading *r, osp_str traces, osp_str data)
{
	uint64_t ordinal;
	store_item item;
	osp_status status;

	osp_buf_reset(&r->json);
	r->count = 0;
	if (!find_ordinal(traces, r->trace, &ordinal))
		return OSP_EPROTO;
	status = store_decoder_open(r->decoder, data);
	while (status == OSP_OK)
	{
		status = store_decoder_next(r->decoder, &item);
		if (status == OSP_OK && item.trace == ordinal)
			status = keep_item(r, &item);
	}
	return status == OSP_ENOENT ? OSP_OK : status;
}

/* Reads the next block of the trace. OSP_ENOENT: there are no more. */
static osp_status
read_block(reading *r, osp_error *err)
{
	sqlite3_stmt *row = store_db_query(r->db, STORE_NEXT_PART);
	osp_status status = OSP_OK;
	int rc = SQLITE_ERROR;

	if (row != NULL && sqlite3_bind_int64(row, 1, r->trace) == SQLITE_OK &&
		sqlite3_bind_int64(row, 2, r->block) == SQLITE_OK)
		rc = sqlite3_step(row);
	if (rc == SQLITE_ROW)
	{
		osp_str traces = store_db_blob(row, 1);
		osp_str data = store_db_blob(row, 2);

		r->block = sqlite3_column_int64(row, 0);
		if (sqlite3_errcode(r->db->db) == SQLITE_NOMEM)
			status = OSP_ENOMEM;
		else
			status = decode(r, traces, data);
		if (status == OSP_EPROTO)
		{
			r->damaged++;
			status = OSP_OK;
		}
		if (status != OSP_OK)
			(void) osp_error_set(
				err, status, "sqlite: %s", osp_status_text(status));
	}
	else
		status = rc == SQLITE_DONE ? OSP_ENOENT : store_db_failed(r->db, err);
	(void) sqlite3_reset(row);
	return status;
}

/* Passes on the notifications of the block that was read. */
static osp_status
hand_on(reading *r, osp_point_fn fn, void *ctx, osp_error *err)
{
	size_t begin = 0;
	size_t i;

	for (i = 0; i < r->count; i++)
	{
		osp_status status;

		if (store_db_is_over(r->db))
			return store_db_failed(r->db, err);
		status = fn(ctx, osp_str_n(r->json.ptr + begin, r->ends[i] - begin));
		if (status != OSP_OK)
			return status;
		begin = r->ends[i];
	}
	return OSP_OK;
}

static osp_status
read_trace(reading *r, osp_point_fn fn, void *ctx, osp_error *err)
{
	store_key key = store_key_of(r->base_id);
	osp_status status = store_find_trace(r->db, &key, &r->trace, err);

	if (status != OSP_OK || r->trace == 0)
		return status;
	while (status == OSP_OK)
	{
		status = read_block(r, err);
		if (status == OSP_OK)
			status = hand_on(r, fn, ctx, err);
	}
	if (status != OSP_ENOENT)
		return status;
	if (r->damaged > 0)
		return osp_error_set(err,
							 OSP_EPROTO,
							 "%.150s is damaged: %llu blocks of this trace "
							 "cannot be read",
							 r->db->path,
							 (unsigned long long) r->damaged);
	return OSP_OK;
}

osp_status
store_get_points(osp_driver_conn *conn, osp_str base_id, osp_point_fn fn,
				 void *ctx, osp_error *err)
{
	osp_status status;
	store_db db;
	reading r;

	status = store_open_reader(conn, &db, err);
	if (status != OSP_OK)
		return status;
	memset(&r, 0, sizeof(r));
	r.alc = conn->alc;
	r.db = &db;
	r.base_id = base_id;
	osp_buf_init(&r.json, conn->alc, 2 * (size_t) STORE_BLOCK_MAX);
	r.decoder = store_decoder_new(conn->alc);
	if (r.decoder == NULL)
		status = store_no_memory(err);
	/* While old rows are being converted, everything is read in one transaction. */
	else if (db.form == STORE_MIXED && !store_db_exec(&db, "BEGIN"))
		status = store_db_failed(&db, err);
	if (status == OSP_OK && (db.form == STORE_OURS || db.form == STORE_MIXED))
		status = read_trace(&r, fn, ctx, err);
	if (status == OSP_OK && (db.form == STORE_OLD || db.form == STORE_MIXED))
		status = store_old_points(conn, &db, base_id, fn, ctx, err);
	store_decoder_free(r.decoder);
	osp_buf_term(&r.json);
	osp_free(conn->alc, r.ends);
	store_db_close(&db);
	return status;
}
