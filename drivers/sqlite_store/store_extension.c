/* SPDX-License-Identifier: Apache-2.0
 *
 * store_extension.c
 *	  A run-time extension of SQLite, with which its shell and other programs
 *	  read the view notifications of a store:
 *
 *	  sqlite> .load /usr/local/lib/osprofiler/osprofiler_store
 *	  sqlite> SELECT name, timestamp FROM notifications WHERE base_id = '...';
 *
 * The extension has one table-valued function, osprofiler_block(data, traces,
 * trace, base_id), which returns the notifications of a trace in a block. It
 * changes nothing.
 *
 * LIMITATIONS: a damaged block makes the whole query fail.
 */
#include <sqlite3ext.h>

SQLITE_EXTENSION_INIT1

#include "osprofiler/notification.h"
#include "store_block.h"

#define MEMBERS_MAX (2 * (size_t) STORE_BLOCK_MAX)

#define TABLE                                                         \
	"CREATE TABLE x (name, base_id, trace_id, parent_id, timestamp, " \
	"info, project, service, json, data HIDDEN, traces HIDDEN, "      \
	"trace HIDDEN, base HIDDEN)"

enum
{
	NAME,
	BASE_ID,
	TRACE_ID,
	PARENT_ID,
	TIMESTAMP,
	INFO,
	PROJECT,
	SERVICE,
	JSON,
	FIRST_ARGUMENT
};

#define ARGUMENTS     4
#define ALL_ARGUMENTS ((1 << ARGUMENTS) - 1)

typedef struct cursor
{
	sqlite3_vtab_cursor base; /* base class - must be first */
	store_decoder *decoder;
	osp_buf block; /* a copy of the argument data */
	osp_buf json;
	osp_buf scratch;
	osp_notification item;
	osp_str base_id;
	char base_text[OSP_UUID_TEXT_LEN + 1];
	osp_buf base_copy;
	uint64_t ordinal;
	sqlite3_int64 row;
	bool at_end;
} cursor;

static int
connect_table(sqlite3 *db, void *aux, int argc, const char *const *argv,
			  sqlite3_vtab **out, char **message)
{
	int rc = sqlite3_declare_vtab(db, TABLE);

	(void) aux;
	(void) argc;
	(void) argv;
	(void) message;
	*out = NULL;
	if (rc != SQLITE_OK)
		return rc;
	(void) sqlite3_vtab_config(db, SQLITE_VTAB_INNOCUOUS);
	*out = sqlite3_malloc(sizeof(**out));
	if (*out == NULL)
		return SQLITE_NOMEM;
	memset(*out, 0, sizeof(**out));
	return SQLITE_OK;
}

static int
disconnect_table(sqlite3_vtab *table)
{
	sqlite3_free(table);
	return SQLITE_OK;
}

/* Requires all four arguments, each of them once, and requests them in their order. */
static int
best_index(sqlite3_vtab *table, sqlite3_index_info *info)
{
	int seen = 0;
	int i;

	(void) table;
	for (i = 0; i < info->nConstraint; i++)
	{
		int argument = info->aConstraint[i].iColumn - FIRST_ARGUMENT;

		if (argument < 0 ||
			info->aConstraint[i].op != SQLITE_INDEX_CONSTRAINT_EQ ||
			(seen & 1 << argument) != 0)
			continue;
		if (!info->aConstraint[i].usable)
			return SQLITE_CONSTRAINT;
		seen |= 1 << argument;
		info->aConstraintUsage[i].argvIndex = argument + 1;
		info->aConstraintUsage[i].omit = 1;
	}
	if (seen != ALL_ARGUMENTS)
		return SQLITE_CONSTRAINT;
	info->estimatedCost = 1000;
	info->estimatedRows = 100;
	return SQLITE_OK;
}

static int
open_cursor(sqlite3_vtab *table, sqlite3_vtab_cursor **out)
{
	cursor *c = sqlite3_malloc(sizeof(*c));
	const osp_allocator *alc = &osp_allocator_default;

	(void) table;
	*out = NULL;
	if (c == NULL)
		return SQLITE_NOMEM;
	memset(c, 0, sizeof(*c));
	osp_buf_init(&c->block, alc, MEMBERS_MAX);
	osp_buf_init(&c->json, alc, MEMBERS_MAX);
	osp_buf_init(&c->scratch, alc, MEMBERS_MAX);
	osp_buf_init(&c->base_copy, alc, MEMBERS_MAX);
	c->decoder = store_decoder_new(alc);
	*out = &c->base;
	return SQLITE_OK;
}

static int
close_cursor(sqlite3_vtab_cursor *base)
{
	cursor *c = (cursor *) base;

	store_decoder_free(c->decoder);
	osp_buf_term(&c->block);
	osp_buf_term(&c->json);
	osp_buf_term(&c->scratch);
	osp_buf_term(&c->base_copy);
	sqlite3_free(c);
	return SQLITE_OK;
}

static int
report_damage(cursor *c)
{
	sqlite3_free(c->base.pVtab->zErrMsg);
	c->base.pVtab->zErrMsg = sqlite3_mprintf("a block is damaged");
	return SQLITE_CORRUPT_VTAB;
}

/*
 * Reads a notification. If its JSON is incomplete, only the columns json and
 * base_id are set.
 */
static int
read_item(cursor *c, const store_item *item)
{
	osp_status status;

	osp_buf_reset(&c->json);
	store_item_json(item, c->base_id, &c->json);
	if (osp_buf_status(&c->json) != OSP_OK)
		return SQLITE_NOMEM;
	status = osp_notification_read(
		osp_buf_str(&c->json), &c->scratch, &c->item, NULL);
	if (status == OSP_ENOMEM)
		return SQLITE_NOMEM;
	if (status != OSP_OK)
	{
		memset(&c->item, 0, sizeof(c->item));
		c->item.json = osp_buf_str(&c->json);
		c->item.base_id = c->base_id;
	}
	c->row++;
	return SQLITE_OK;
}

static int
next_row(sqlite3_vtab_cursor *base)
{
	cursor *c = (cursor *) base;
	osp_status status;
	store_item item;

	do
		status = store_decoder_next(c->decoder, &item);
	while (status == OSP_OK && item.trace != c->ordinal);
	if (status == OSP_OK)
		return read_item(c, &item);
	c->at_end = true;
	return status == OSP_ENOENT ? SQLITE_OK : report_damage(c);
}

/* Finds the position of a trace in a block's list of traces. */
static bool
find_ordinal(sqlite3_value *list, sqlite3_int64 trace, uint64_t *ordinal)
{
	const char *at = sqlite3_value_blob(list);
	const char *end = at + sqlite3_value_bytes(list);
	int64_t id = 0;
	uint64_t step;

	for (*ordinal = 0; at != NULL && store_get_varint(&at, end, &step);
		 (*ordinal)++)
	{
		id = (int64_t) ((uint64_t) id + (uint64_t) store_unzigzag(step));
		if (id == trace)
			return true;
	}
	return false;
}

static void
keep_base_id(cursor *c, sqlite3_value *value)
{
	int len = sqlite3_value_bytes(value);
	osp_uuid uuid;

	if (sqlite3_value_type(value) == SQLITE_BLOB &&
		len == (int) sizeof(uuid.bytes))
	{
		memcpy(uuid.bytes, sqlite3_value_blob(value), sizeof(uuid.bytes));
		osp_uuid_text(&uuid, c->base_text);
		c->base_id = osp_str_of(c->base_text);
		return;
	}
	osp_buf_reset(&c->base_copy);
	osp_buf_add_str(&c->base_copy,
					osp_str_n((const char *) sqlite3_value_text(value),
							  (size_t) sqlite3_value_bytes(value)));
	c->base_id = osp_buf_str(&c->base_copy);
}

static int
filter(sqlite3_vtab_cursor *base, int plan, const char *plan_text, int argc,
	   sqlite3_value **argv)
{
	cursor *c = (cursor *) base;
	osp_status status;

	(void) plan;
	(void) plan_text;
	c->at_end = true;
	c->row = 0;
	if (c->decoder == NULL)
		return SQLITE_NOMEM;
	if (argc != ARGUMENTS)
		return SQLITE_OK;
	osp_buf_reset(&c->block);
	osp_buf_add_str(&c->block,
					osp_str_n(sqlite3_value_blob(argv[0]),
							  (size_t) sqlite3_value_bytes(argv[0])));
	keep_base_id(c, argv[3]);
	if (osp_buf_status(&c->block) != OSP_OK ||
		osp_buf_status(&c->base_copy) != OSP_OK)
		return SQLITE_NOMEM;
	if (!find_ordinal(argv[1], sqlite3_value_int64(argv[2]), &c->ordinal))
		return SQLITE_OK;
	status = store_decoder_open(c->decoder, osp_buf_str(&c->block));
	if (status != OSP_OK)
		return status == OSP_ENOMEM ? SQLITE_NOMEM : report_damage(c);
	c->at_end = false;
	return next_row(base);
}

static int
is_at_end(sqlite3_vtab_cursor *base)
{
	return ((cursor *) base)->at_end;
}

static int
get_column(sqlite3_vtab_cursor *base, sqlite3_context *result, int column)
{
	const osp_notification *item = &((cursor *) base)->item;
	const osp_str *const texts[] = {&item->name,
									&item->base_id,
									&item->trace_id,
									&item->parent_id,
									&item->timestamp,
									&item->info,
									&item->project,
									&item->service,
									&item->json};
	osp_str text = column <= JSON ? *texts[column] : OSP_STR("");

	if (text.ptr == NULL || text.len == 0)
		sqlite3_result_null(result);
	else
		sqlite3_result_text64(
			result, text.ptr, text.len, SQLITE_TRANSIENT, SQLITE_UTF8);
	return SQLITE_OK;
}

static int
get_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *out)
{
	*out = ((cursor *) base)->row;
	return SQLITE_OK;
}

static const sqlite3_module module = {
	.iVersion = 0,
	.xConnect = connect_table,
	.xBestIndex = best_index,
	.xDisconnect = disconnect_table,
	.xOpen = open_cursor,
	.xClose = close_cursor,
	.xFilter = filter,
	.xNext = next_row,
	.xEof = is_at_end,
	.xColumn = get_column,
	.xRowid = get_rowid,
};

/* SQLite derives the name of this function from the name of the file. */
extern OSP_API int
sqlite3_osprofilerstore_init(sqlite3 *db, char **message,
							 const sqlite3_api_routines *api);

int
sqlite3_osprofilerstore_init(sqlite3 *db, char **message,
							 const sqlite3_api_routines *api)
{
	(void) message;
	SQLITE_EXTENSION_INIT2(api);
	return sqlite3_create_module(db, "osprofiler_block", &module, NULL);
}
