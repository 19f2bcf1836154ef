/* SPDX-License-Identifier: Apache-2.0
 *
 * store_list.c
 *	  Lists traces from their summaries, newest first.
 *
 * Rows are read in pieces, each in a transaction of its own, which has ended
 * before its rows are passed on. A transaction must be short even if few rows
 * pass the filter, so rows are compared with the filter here, and not by
 * SQLite. A page begins after the last row of the previous page. Its token is
 * the time and the number of that row, "US.ID".
 */
#include "sqlite_store.h"

#include <stdio.h>
#include <stdlib.h>

#define PIECE     500
#define TOKEN_MAX 48

#define COLUMNS                                                \
	"id, base_id, first_us, duration_us, operations, errors, " \
	"service, name, text"

/*
 * Parameters: ?1 and ?2: the last row, which need not exist; ?3: traces that
 * began earlier cannot reach ?4; ?4: the beginning of the requested time; ?5:
 * the number of rows.
 */
#define CONDITIONS                                      \
	"(first_us, id) < (?1, ?2) AND first_us >= ?3 AND " \
	"first_us + duration_us >= ?4 "

#define ORDER "ORDER BY first_us DESC, id DESC LIMIT ?5"

#define OUR_TRACES "SELECT " COLUMNS " FROM trace WHERE " CONDITIONS
#define OUR_ERRORS OUR_TRACES "AND errors > 0 "

/*
 * Queries for the table of earlier versions, also together with the rows that
 * are already converted. They are slow, as they were before, and needed only
 * until the conversion has ended.
 */
#define OLD_US(timestamp)                                            \
	"CAST(strftime('%s', substr(" timestamp ", 1, 19)) AS INTEGER) " \
	"* 1000000 + CAST(substr(" timestamp " || '000000', 21, 6) AS INTEGER)"

#define OLD_TRACES                                                                                 \
	"SELECT -min(id) AS id, base_id, " OLD_US("min(timestamp)") " AS first_us, " OLD_US(           \
		"max(timestamp)") " AS last_us, "                                                          \
						  "sum(name NOT LIKE '%-stop') AS operations, "                            \
						  "sum(CASE WHEN instr(data, 'etype') > 0 AND json_valid(data) THEN "      \
						  "coalesce(json_type(CASE WHEN data LIKE '\"%' THEN json_extract(data, "  \
						  "'$') ELSE data END, '$.info.etype'), 'null') <> 'null' ELSE 0 END) AS " \
						  "errors, "                                                               \
						  "max(service) AS service, NULL AS name, NULL AS text FROM data "         \
						  "GROUP BY base_id"

#define CONVERTED                                                            \
	" UNION ALL SELECT id, CASE typeof(base_id) WHEN 'blob' THEN "           \
	"lower(substr(hex(base_id), 1, 8) || '-' || substr(hex(base_id), 9, 4) " \
	"|| '-' || substr(hex(base_id), 13, 4) || '-' || "                       \
	"substr(hex(base_id), 17, 4) || '-' || substr(hex(base_id), 21)) "       \
	"ELSE base_id END, first_us, first_us + duration_us, operations, "       \
	"errors, service, name, text FROM trace"

#define MERGED(traces)                                               \
	"SELECT max(id) AS id, base_id, min(first_us) AS first_us, "     \
	"max(last_us) - min(first_us) AS duration_us, "                  \
	"sum(operations) AS operations, sum(errors) AS errors, "         \
	"max(service) AS service, max(name) AS name, max(text) AS text " \
	"FROM (" traces ") GROUP BY base_id"

#define ANY_OF(rows) \
	"SELECT " COLUMNS " FROM (" rows ") WHERE " CONDITIONS "AND errors >= ?6 "

/* One row. Its texts are in listing.texts. */
typedef struct list_row
{
	int64_t id;
	int64_t first_us;
	int64_t duration_us;
	int64_t operations;
	int64_t errors;
	size_t ends[4]; /* where base_id, service, name and text end */
} list_row;

typedef struct listing
{
	store_db db;
	sqlite3_stmt *stmt;
	const osp_trace_filter *filter;
	bool picks;        /* the filter may leave out rows that were read */
	bool errors_bound; /* the query has the parameter ?6 */
	int64_t last_us;   /* the row that was read last */
	int64_t last_id;
	int64_t given_us; /* the row that was passed on last */
	int64_t given_id;
	int64_t lower_us;
	int64_t since_us;
	list_row rows[PIECE];
	size_t count;
	osp_buf texts;
} listing;

static bool
read_token(osp_str page, listing *l)
{
	char text[TOKEN_MAX];
	char *end;

	l->last_us = INT64_MAX;
	l->last_id = INT64_MAX;
	if (page.len == 0)
		return true;
	if (page.len >= sizeof(text))
		return false;
	memcpy(text, page.ptr, page.len);
	text[page.len] = '\0';
	l->last_us = strtoll(text, &end, 10);
	if (end == text || *end != '.')
		return false;
	page = osp_str_of(end + 1);
	l->last_id = strtoll(page.ptr, &end, 10);
	return end != page.ptr && *end == '\0';
}

/* Reads the filter, and prepares the query. */
static osp_status
begin_list(listing *l, const osp_trace_filter *filter, osp_error *err)
{
	static const char *const queries[][2] = {
		{NULL, NULL},
		{ANY_OF(MERGED(OLD_TRACES)) ORDER, ANY_OF(MERGED(OLD_TRACES)) ORDER},
		{OUR_TRACES ORDER, OUR_ERRORS ORDER},
		{ANY_OF(MERGED(OLD_TRACES CONVERTED)) ORDER,
		 ANY_OF(MERGED(OLD_TRACES CONVERTED)) ORDER}};
	int64_t longest_us = INT64_MAX / 2;

	if (!read_token(filter->page, l))
		return osp_error_set(
			err,
			OSP_EINVAL,
			"sqlite: '%.*s' is no page of a list",
			(int) (filter->page.len < 40 ? filter->page.len : 40),
			filter->page.ptr);
	l->filter = filter;
	l->picks = filter->min_duration_ns > 0 || filter->service.len > 0 ||
			   filter->text.len > 0;
	l->since_us = filter->since_ns != 0 ? filter->since_ns / 1000 : INT64_MIN;
	l->lower_us = INT64_MIN;

	/*
	 * The list begins at the end of the requested time, as it would after a
	 * last row.
	 */
	if (filter->until_ns != 0 && filter->until_ns / 1000 < l->last_us)
	{
		l->last_us = filter->until_ns / 1000;
		l->last_id = INT64_MAX;
	}
	if (l->db.form == STORE_OURS && filter->since_ns != 0)
	{
		if (!store_db_get_meta(&l->db, "longest", &longest_us))
			return store_db_failed(&l->db, err);
		l->lower_us = l->since_us - longest_us;
	}
	l->errors_bound = l->db.form != STORE_OURS;
	if (sqlite3_prepare_v2(l->db.db,
						   queries[l->db.form][filter->errors_only],
						   -1,
						   &l->stmt,
						   NULL) != SQLITE_OK)
		return store_db_failed(&l->db, err);
	return OSP_OK;
}

/* Does the row pass the filter? */
static bool
passes(const listing *l, sqlite3_stmt *row)
{
	osp_trace_entry entry = {.struct_size = sizeof(entry)};

	if (!l->picks)
		return true;
	entry.first_ns = sqlite3_column_int64(row, 2) * 1000;
	entry.last_ns = entry.first_ns + sqlite3_column_int64(row, 3) * 1000;
	entry.service = store_db_text(row, 6);
	entry.name = store_db_text(row, 7);
	entry.text = store_db_text(row, 8);
	return osp_trace_filter_passes(l->filter, &entry);
}

static void
keep_row(listing *l, sqlite3_stmt *row)
{
	list_row *kept = &l->rows[l->count++];
	char storage[OSP_UUID_TEXT_LEN + 1];
	store_key key = store_key_of_column(row, 1, storage);
	size_t i;

	kept->id = sqlite3_column_int64(row, 0);
	kept->first_us = sqlite3_column_int64(row, 2);
	kept->duration_us = sqlite3_column_int64(row, 3);
	kept->operations = sqlite3_column_int64(row, 4);
	kept->errors = sqlite3_column_int64(row, 5);
	osp_buf_add_str(&l->texts, key.text);
	kept->ends[0] = l->texts.len;
	for (i = 1; i < 4; i++)
	{
		osp_buf_add_str(&l->texts, store_db_text(row, (int) i + 5));
		kept->ends[i] = l->texts.len;
	}
}

/*
 * Reads up to max rows after the last one, and keeps those that pass the
 * filter. *end: there are no more.
 */
static osp_status
read_piece(listing *l, size_t max, bool *end, osp_error *err)
{
	const int64_t values[] = {l->last_us,
							  l->last_id,
							  l->lower_us,
							  l->since_us,
							  (int64_t) max,
							  l->filter->errors_only};
	osp_status status;
	size_t read = 0;
	int rc = SQLITE_OK;
	int i;

	l->count = 0;
	osp_buf_reset(&l->texts);
	for (i = 0; i < 5 + l->errors_bound && rc == SQLITE_OK; i++)
		rc = sqlite3_bind_int64(l->stmt, i + 1, values[i]);
	while (rc == SQLITE_OK || rc == SQLITE_ROW)
	{
		rc = sqlite3_step(l->stmt);
		if (rc != SQLITE_ROW)
			break;
		read++;
		l->last_id = sqlite3_column_int64(l->stmt, 0);
		l->last_us = sqlite3_column_int64(l->stmt, 2);
		if (passes(l, l->stmt))
			keep_row(l, l->stmt);
	}
	*end = read < max;
	if (rc != SQLITE_DONE || sqlite3_errcode(l->db.db) == SQLITE_NOMEM)
		return store_db_failed(&l->db, err);
	(void) sqlite3_reset(l->stmt);
	status = osp_buf_status(&l->texts);
	if (status != OSP_OK)
		return osp_error_set(
			err, status, "sqlite: %s", osp_status_text(status));
	return OSP_OK;
}

static osp_status
hand_on(listing *l, size_t count, osp_trace_fn fn, void *ctx, osp_error *err)
{
	size_t begin = 0;
	size_t i;

	for (i = 0; i < count; i++)
	{
		const list_row *row = &l->rows[i];
		osp_str texts[4];
		osp_trace_entry entry;
		osp_status status;
		size_t k;

		for (k = 0; k < 4; k++)
		{
			texts[k] = osp_str_n(l->texts.ptr + begin, row->ends[k] - begin);
			begin = row->ends[k];
		}
		memset(&entry, 0, sizeof(entry));
		entry.struct_size = sizeof(entry);
		entry.base_id = texts[0];
		entry.service = texts[1];
		entry.name = texts[2];
		entry.text = texts[3];
		entry.first_ns = row->first_us * 1000;
		entry.last_ns = (row->first_us + row->duration_us) * 1000;
		entry.operations = (uint64_t) row->operations;
		entry.errors = (uint64_t) row->errors;
		if (store_db_is_over(&l->db))
			return store_db_failed(&l->db, err);
		status = fn(ctx, &entry);
		if (status != OSP_OK)
			return status;
		l->given_us = row->first_us;
		l->given_id = row->id;
	}
	return OSP_OK;
}

/* Passes on up to limit rows. *more: there are more rows. */
static osp_status
list_rows(listing *l, size_t limit, osp_trace_fn fn, void *ctx, bool *more,
		  osp_error *err)
{
	size_t left = limit != 0 ? limit : SIZE_MAX;
	osp_status status = OSP_OK;
	bool end = false;

	while (status == OSP_OK && !end && !*more)
	{
		/* One row more than requested shows whether there are more. */
		size_t max = left < PIECE && !l->picks ? left + 1 : PIECE;
		size_t count;

		status = read_piece(l, max, &end, err);
		if (status != OSP_OK)
			return status;
		count = l->count < left ? l->count : left;
		status = hand_on(l, count, fn, ctx, err);
		left -= count;
		*more = l->count > count;
	}
	return status;
}

osp_status
store_list_traces(osp_driver_conn *conn, const osp_trace_filter *filter,
				  osp_trace_fn fn, void *ctx, osp_str *next, osp_error *err)
{
	listing *l = osp_calloc(conn->alc, 1, sizeof(*l));
	osp_status status;
	bool more = false;

	if (l == NULL)
		return store_no_memory(err);
	osp_buf_init(&l->texts, conn->alc, (size_t) 1 << 28);
	status = store_open_reader(conn, &l->db, err);
	if (status == OSP_OK && l->db.form != STORE_EMPTY)
	{
		status = begin_list(l, filter, err);
		if (status == OSP_OK)
			status = list_rows(l, filter->limit, fn, ctx, &more, err);
	}
	osp_buf_reset(&conn->page);
	if (status == OSP_OK && more)
		osp_buf_addf(&conn->page,
					 "%lld.%lld",
					 (long long) l->given_us,
					 (long long) l->given_id);
	if (status == OSP_OK && osp_buf_status(&conn->page) != OSP_OK)
		status = store_no_memory(err);
	if (next != NULL)
		*next = osp_buf_str(&conn->page);
	(void) sqlite3_finalize(l->stmt);
	store_db_close(&l->db);
	osp_buf_term(&l->texts);
	osp_free(conn->alc, l);
	return status;
}
