/* SPDX-License-Identifier: Apache-2.0
 *
 * find_facts.c
 *	  Reads the facts that rules use from the points of an operation.
 */
#include "report/findings/foreign_key.h"

#include <stdlib.h>
#include <strings.h>

#include "sql/sql_text.h"

#define NS_PER_MS 1e6

/* The place of a figure in info.db: KEY, or OBJECT.KEY. Figures of several keys for one
 * fact are added up. Times are recorded in ms. */
typedef struct place
{
	const char *object;
	const char *key;
	osp__fact fact;
} place;

static const place statement_places[] = {
	{NULL, "active_ms", OSP__ACTIVE},
	{NULL, "io_read_ms", OSP__IO_READ},
	{NULL, "io_write_ms", OSP__IO_WRITE},
	{NULL, "temp_read_ms", OSP__TEMP_IO},
	{NULL, "temp_write_ms", OSP__TEMP_IO},
	{NULL, "rows", OSP__ROWS},
	{"buffers", "shared_blks_hit", OSP__BLOCKS_HIT},
	{"buffers", "shared_blks_read", OSP__BLOCKS_READ},
	{"buffers", "shared_blks_written", OSP__BLOCKS_WRITTEN},
	{"buffers", "temp_blks_written", OSP__TEMP_BLOCKS},
	{"cpu", "user_ms", OSP__CPU},
	{"cpu", "system_ms", OSP__CPU},
	{"cpu", "of_ms", OSP__CPU_OF},
	{"cpu", "involuntary_switches", OSP__PUT_OFF},
	{"wal", "bytes", OSP__WAL_BYTES},
	{"wal", "fpi", OSP__WAL_IMAGES},
	{"jit", "functions", OSP__JIT_FUNCTIONS},
	{"jit", "generation_ms", OSP__JIT},
	{"jit", "inlining_ms", OSP__JIT},
	{"jit", "optimization_ms", OSP__JIT},
	{"jit", "emission_ms", OSP__JIT},
	{NULL, NULL, OSP__FACT_COUNT},
};

/* For a worker only the CPU time is read: all else is included in the figures of its
 * statement. */
static const place worker_places[] = {
	{"cpu", "user_ms", OSP__CPU},
	{"cpu", "system_ms", OSP__CPU},
	{NULL, NULL, OSP__FACT_COUNT},
};

/* For a text that is not recorded completely. */
static const place text_places[] = {
	{NULL, "statement_length", OSP__TEXT_BYTES},
	{NULL, NULL, OSP__FACT_COUNT},
};

/* Figures directly in info, not in info.db, because any kind of operation may have
 * them. */
static const place info_places[] = {
	{NULL, "truncated", OSP__TRUNCATED},
	{NULL, NULL, OSP__FACT_COUNT},
};

static const place node_places[] = {
	{"node", "total_ms", OSP__NODE_TOTAL},
	{"node", "io_read_ms", OSP__IO_READ},
	{"node", "io_write_ms", OSP__IO_WRITE},
	{"node", "temp_read_ms", OSP__TEMP_IO},
	{"node", "temp_write_ms", OSP__TEMP_IO},
	{"node", "rows", OSP__ROWS},
	{"node", "loops", OSP__LOOPS},
	{"node", "rows_removed_by_filter", OSP__REMOVED},
	{"node", "rows_removed_by_join_filter", OSP__JOIN_REMOVED},
	{"node", "rows_removed_by_recheck", OSP__RECHECK_REMOVED},
	{"node", "heap_fetches", OSP__HEAP_FETCHES},
	{"node", "relation_blocks", OSP__RELATION_BLOCKS},
	{"node", "hash_batches", OSP__BATCHES},
	{"node", "disk_kb", OSP__DISK_KB},
	{"node", "workers_launched", OSP__WORKERS_LAUNCHED},
	{NULL, NULL, OSP__FACT_COUNT},
};

static const place node_start_places[] = {
	{"node", "id", OSP__NODE_ID},
	{"node", "total_cost", OSP__PLAN_COST},
	{"node", "plan_rows", OSP__PLAN_ROWS},
	{"node", "relation_pages", OSP__RELATION_PAGES},
	{"node", "relation_rows", OSP__RELATION_ROWS},
	{"node", "workers_planned", OSP__WORKERS_PLANNED},
	{NULL, NULL, OSP__FACT_COUNT},
};

static const place plan_places[] = {
	{"plan", "cost", OSP__PLAN_COST},
	{"buffers", "shared_blks_hit", OSP__BLOCKS_HIT},
	{"buffers", "shared_blks_read", OSP__BLOCKS_READ},
	{NULL, NULL, OSP__FACT_COUNT},
};

static const place commit_places[] = {
	{NULL, "wal_sync_ms", OSP__WAL_SYNC},
	{NULL, "wal_write_ms", OSP__WAL_WRITE},
	{NULL, NULL, OSP__FACT_COUNT},
};

static const place wait_places[] = {
	{"held_by", "holders", OSP__HOLDERS},
	{"held_by", "pid", OSP__HOLDER_PID},
	{"held_by", "state_ms", OSP__HOLDER_STATE},
	{"waits_for", "chain", OSP__CHAIN},
	{"waits_for", "pid", OSP__ROOT_PID},
	{"waits_for", "state_ms", OSP__ROOT_STATE},
	{NULL, NULL, OSP__FACT_COUNT},
};

static const place call_places[] = {
	{NULL, "calls", OSP__CALLS},
	{NULL, "total_ms", OSP__CALLS_TOTAL},
	{NULL, NULL, OSP__FACT_COUNT},
};

static const place sqlite_places[] = {
	{NULL, "active_ms", OSP__ACTIVE},
	{NULL, "rows", OSP__ROWS},
	{NULL, "changes", OSP__CHANGES},
	{"stats", "fullscan_steps", OSP__FULLSCAN_STEPS},
	{"stats", "autoindex_rows", OSP__AUTOINDEX_ROWS},
	{"stats", "vm_steps", OSP__VM_STEPS},
	{"stats", "sorts", OSP__SORTS},
	{"busy", "ms", OSP__WAIT_BUSY},
	{"syncs", "ms", OSP__WAIT_SYNC},
	{"syncs", "count", OSP__SYNCS},
	{"checkpoint", "pages", OSP__PAGES},
	{"checkpoint", "moved", OSP__PAGES_MOVED},
	{NULL, NULL, OSP__FACT_COUNT},
};

/* The wait events that rules know, as PostgreSQL 13 to 18 spell them. */
static const struct
{
	const char *name;
	osp__fact fact;
} wait_events[] = {
	{"IO:DataFileRead", OSP__WAIT_READ},
	{"IO:DataFilePrefetch", OSP__WAIT_READ},
	{"IO:AioIoCompletion", OSP__WAIT_READ},
	{"IO:DataFileWrite", OSP__WAIT_WRITE},
	{"IO:DataFileExtend", OSP__WAIT_WRITE},
	{"IO:DataFileFlush", OSP__WAIT_WRITE},
	{"IO:BufFileRead", OSP__WAIT_TEMP},
	{"IO:BufFileWrite", OSP__WAIT_TEMP},
	{"IO:WALSync", OSP__WAIT_WAL},
	{"IO:WALWrite", OSP__WAIT_WAL},
	{"IO:WALInitSync", OSP__WAIT_WAL},
	{"IO:WALInitWrite", OSP__WAIT_WAL},
	{"LWLock:WALWrite", OSP__WAIT_WAL_OTHER},
	{"IPC:SyncRep", OSP__WAIT_STANDBY},
	{"IPC:BgWorkerShutdown", OSP__WAIT_WORKERS},
	{"IPC:BgWorkerStartup", OSP__WAIT_WORKERS},
	{"IPC:ExecuteGather", OSP__WAIT_WORKERS},
	{"IPC:MessageQueueReceive", OSP__WAIT_WORKERS},
	{"IPC:ParallelFinish", OSP__WAIT_WORKERS},
	{"Client:ClientRead", OSP__WAIT_CLIENT_READ},
	{"Client:ClientWrite", OSP__WAIT_CLIENT_WRITE},
	{"Timeout:PgSleep", OSP__WAIT_SLEEP},
};

/* Figures beyond this are ignored, so that 9,000 of them can be added without an
 * overflow. It is 11 days in nanoseconds. */
#define FACT_MAX 1e15

static void
add_fact(osp__findings *f, osp__op *op, osp__fact fact, double value)
{
	if (fact < OSP__FIRST_COUNT)
		value *= NS_PER_MS;
	if (!(value >= 1) || value > FACT_MAX)
		return;
	if (op->facts == NULL)
	{
		op->facts =
			osp__arena_alloc(&f->arena, OSP__FACT_COUNT * sizeof(int64_t));
		if (op->facts == NULL)
		{
			f->status = OSP_ENOMEM;
			return;
		}
		memset(op->facts, 0, OSP__FACT_COUNT * sizeof(int64_t));
	}
	if ((double) op->facts[fact] + value <= FACT_MAX)
		op->facts[fact] += (int64_t) value;
}

static void
read_places(osp__findings *f, osp__op *op, yyjson_val *db, const place *places)
{
	const char *name = NULL;
	yyjson_val *object = db;

	for (; places->key != NULL; places++)
	{
		yyjson_val *value;

		if (places->object != name)
		{
			name = places->object;
			object = name != NULL ? yyjson_obj_get(db, name) : db;
		}
		value = yyjson_obj_get(object, places->key);
		if (value != NULL)
			add_fact(f, op, places->fact, osp__report_number(value));
	}
}

static osp__fact
wait_fact(osp_str event)
{
	const osp_str lock = OSP_STR("Lock:");
	size_t i;

	if (event.len > lock.len && memcmp(event.ptr, lock.ptr, lock.len) == 0)
		return OSP__WAIT_LOCK;
	for (i = 0; i < sizeof(wait_events) / sizeof(wait_events[0]); i++)
		if (event.len == strlen(wait_events[i].name) &&
			strncasecmp(event.ptr, wait_events[i].name, event.len) == 0)
			return wait_events[i].fact;
	return OSP__FACT_COUNT;
}

/* Is it a wait that no row or block of a plan can cause? Waits for buffers, for memory
 * that processes share, and between the processes of a parallel plan are none. */
static bool
is_apart(osp_str event)
{
	static const char *const kinds[] = {
		"Client:",
		"Extension", /* without a name up to PostgreSQL 16 */
		"IPC:AppendReady",
		"IPC:SyncRep",
		"Timeout:PgSleep"};
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (event.len >= strlen(kinds[i]) &&
			strncasecmp(event.ptr, kinds[i], strlen(kinds[i])) == 0)
			return true;
	return false;
}

static void
read_waits(osp__findings *f, osp__op *op, yyjson_val *db)
{
	yyjson_obj_iter iter;
	yyjson_val *key;

	if (!yyjson_obj_iter_init(yyjson_obj_get(db, "waits"), &iter))
		return;
	while ((key = yyjson_obj_iter_next(&iter)) != NULL)
	{
		osp__fact fact = wait_fact(osp__json_str(key));
		double ms = osp__report_number(yyjson_obj_iter_get_val(key));

		if (fact != OSP__FACT_COUNT)
			add_fact(f, op, fact, ms);
		if (is_apart(osp__json_str(key)))
			add_fact(f, op, OSP__WAIT_APART, ms);
		add_fact(f, op, OSP__WAIT_ANY, ms);
	}
}

/* Scales the times of a node: under a Gather they are sums over all processes, while
 * its duration is the mean. If the stop does not name the duration, the drawn length is
 * used. */
static void
scale_node(osp__op *op)
{
	int64_t ns =
		op->node->elapsed_ns >= 0 ? op->node->elapsed_ns : osp__op_ns(op);
	double scale;
	int fact;

	if (op->facts == NULL || ns < 0 || op->facts[OSP__NODE_TOTAL] <= ns)
		return;
	scale = (double) ns / (double) op->facts[OSP__NODE_TOTAL];
	for (fact = 0; fact < OSP__FIRST_OF_ONE; fact++)
		op->facts[fact] = osp__ns_of((double) op->facts[fact] * scale);
	op->facts[OSP__NODE_TOTAL] = ns;
}

/* Reads the node's blocks, which are an object inside the node's object. */
static void
read_node_blocks(osp__findings *f, osp__op *op, yyjson_val *node)
{
	yyjson_val *buffers = yyjson_obj_get(node, "buffers");

	add_fact(f,
			 op,
			 OSP__NODE_BLOCKS,
			 osp__report_number(yyjson_obj_get(buffers, "shared_blks_hit")));
	add_fact(f,
			 op,
			 OSP__NODE_BLOCKS,
			 osp__report_number(yyjson_obj_get(buffers, "shared_blks_read")));
}

static void
read_node_stop(osp__findings *f, osp__op *op, yyjson_val *db)
{
	yyjson_val *node = yyjson_obj_get(db, "node");

	read_places(f, op, db, node_places);
	scale_node(op);
	read_node_blocks(f, op, node);
	op->workers_ruled_out =
		yyjson_is_true(yyjson_obj_get(node, "workers_ruled_out"));
	if (osp__json_is(yyjson_obj_get(node, "sort_space_type"), OSP_STR("Disk")))
		add_fact(f,
				 op,
				 OSP__DISK_KB,
				 osp__report_number(yyjson_obj_get(node, "sort_space_kb")));
	if (op->facts != NULL)
		op->facts[OSP__DISK_KB_MOST] = op->facts[OSP__DISK_KB];
}

/* Does the point name a generic plan, which is made for any values? */
static bool
is_generic(yyjson_val *db)
{
	return osp__json_is(yyjson_obj_get(yyjson_obj_get(db, "plan"), "kind"),
						OSP_STR("generic"));
}

/* The number of the plan's tree; 0: there is none. */
static uint64_t
plan_tree(yyjson_val *db)
{
	double tree =
		osp__report_number(yyjson_obj_get(yyjson_obj_get(db, "plan"), "tree"));

	return tree < (double) UINT64_MAX ? (uint64_t) tree : 0;
}

static osp__journal
journal_of(yyjson_val *info)
{
	osp_str journal = osp__json_str(yyjson_obj_get(info, "journal"));

	if (osp_str_eq(journal, OSP_STR("wal")))
		return OSP__JOURNAL_WAL;
	return journal.len > 0 ? OSP__JOURNAL_ROLLBACK : OSP__JOURNAL_UNKNOWN;
}

static void
read_stop(osp__findings *f, osp__op *op, yyjson_val *db)
{
	switch (op->kind)
	{
		case OSP__OP_PG:
			read_places(f, op, db, statement_places);
			read_waits(f, op, db);
			break;
		case OSP__OP_PLAN:
			read_places(f, op, db, plan_places);
			op->generic = is_generic(db);
			op->plan = plan_tree(db);
			break;
		case OSP__OP_COMMIT:
			read_places(f, op, db, commit_places);
			read_waits(f, op, db);
			break;
		case OSP__OP_NODE:
			read_node_stop(f, op, db);
			break;
		case OSP__OP_WORKER:
			read_places(f, op, db, worker_places);
			break;
		case OSP__OP_TRIGGER:
		case OSP__OP_FUNCTION:
			read_places(f, op, db, call_places);
			break;
		case OSP__OP_SQLITE:
		case OSP__OP_CHECKPOINT:
			read_places(f, op, db, sqlite_places);
			op->journal = journal_of(db);
			break;
		default:
			break;
	}
}

/* Hash of an object's name, and of the table that it belongs to. */
static uint64_t
named_shape(yyjson_val *db, const char *object)
{
	yyjson_val *what = yyjson_obj_get(db, object);

	return osp__name_shape(osp__json_str(yyjson_obj_get(what, "name")),
						   osp__json_str(yyjson_obj_get(what, "table")));
}

/* The pid; poolers number their processes in their own way, also with negative
 * numbers. */
static int64_t
pid_of(yyjson_val *db)
{
	const char *number = yyjson_get_raw(yyjson_obj_get(db, "pid"));

	return number != NULL ? (int64_t) strtoll(number, NULL, 10) : 0;
}

/* Identifies a connection of a process to a database of SQLite. */
static uint64_t
sqlite_session(const osp__op *op, yyjson_val *db)
{
	int64_t connection;

	if (!osp__json_i64(yyjson_obj_get(db, "connection"), &connection))
		connection = 0;
	return (op->file * 31 + (uint64_t) op->pid) * 31 + (uint64_t) connection;
}

static bool
has_word(osp_str text, osp_str word)
{
	return text.len > 0 &&
		   memmem(text.ptr, text.len, word.ptr, word.len) != NULL;
}

/* Reads which database an operation of SQLite uses, and which waits are not
 * measured. */
static void
read_sqlite_start(osp__op *op, yyjson_val *db)
{
	osp_str file = osp__json_str(yyjson_obj_get(db, "name"));
	osp_str unmeasured = osp__json_str(yyjson_obj_get(db, "unmeasured"));

	op->lacks_syncs = has_word(unmeasured, OSP_STR("syncs"));
	op->lacks_pauses = has_word(unmeasured, OSP_STR("pauses"));

	op->in_memory = osp_str_eq(file, OSP_STR(":memory:"));
	op->file = file.len > 0 ? osp__name_shape(file, OSP_STR("")) : 0;
}

/* Identifies a session by the pid of the server's process, or, if a client's connection
 * does not know it, by server, port, database and user. */
static uint64_t
session_of(const osp__op *op, yyjson_val *db)
{
	static const char *const keys[] = {"server", "port", "database", "user"};
	uint64_t session = 0;
	size_t i;

	if (op->kind == OSP__OP_SQLITE)
		return sqlite_session(op, db);
	if (op->pid != 0)
		return (uint64_t) op->pid;
	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		session = session * 31 +
				  osp__name_shape(osp__json_str(yyjson_obj_get(db, keys[i])),
								  OSP_STR(""));
	return session;
}

static void
read_node_start(osp__findings *f, osp__op *op, yyjson_val *db)
{
	yyjson_val *node = yyjson_obj_get(db, "node");

	read_places(f, op, db, node_start_places);
	op->shape = named_shape(db, "node");
	op->node_kind = osp__node_kind_of(
		osp__json_str(yyjson_obj_get(node, "type")), &op->parallel);
	op->no_toast = yyjson_is_false(yyjson_obj_get(node, "relation_toast"));
	op->short_rows =
		yyjson_is_true(yyjson_obj_get(node, "relation_short_rows"));
	op->subplan = yyjson_obj_get(node, "subplan") != NULL;
}

/* Is only the first word of the statement recorded (statement_text = none)? Then it is
 * unknown which statements are the same. */
static bool
is_first_word(osp_str statement)
{
	static const char *const whole[] = {
		"analyze", "checkpoint", "reindex", "vacuum"};
	osp_sql_lexer lexer;
	osp_sql_token token;
	osp_sql_token next;
	size_t i;

	osp_sql_lexer_init(&lexer, statement, OSP_SQL_POSTGRES);
	if (!osp_sql_next_word(&lexer, &token) || osp_sql_next_word(&lexer, &next))
		return false;
	for (i = 0; i < sizeof(whole) / sizeof(whole[0]); i++)
		if (osp_sql_is(&token, whole[i]))
			return false;
	return osp__statement_control(statement) == OSP__CONTROL_NONE;
}

/* Is it a statement after which the server removes files, or replaces files by
 * others? */
static bool
leaves_files(osp_str statement)
{
	static const char *const words[] = {
		"drop", "truncate", "reindex", "cluster", "vacuum", "refresh", "alter"};
	osp_sql_lexer lexer;
	osp_sql_token token;
	size_t i;

	osp_sql_lexer_init(&lexer, statement, OSP_SQL_POSTGRES);
	if (!osp_sql_next_word(&lexer, &token))
		return false;
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (osp_sql_is(&token, words[i]))
			return true;
	return false;
}

static void
read_start(osp__findings *f, osp__op *op, yyjson_val *db)
{
	osp_str statement;

	switch (op->kind)
	{
		case OSP__OP_NODE:
			read_node_start(f, op, db);
			return;
		case OSP__OP_WAIT:
			read_places(f, op, db, wait_places);
			return;
		case OSP__OP_TRIGGER:
			op->shape = named_shape(db, "trigger");
			return;
		case OSP__OP_FUNCTION:
			op->shape = named_shape(db, "function");
			return;
		default:
			break;
	}
	op->pid = pid_of(db);
	op->generic = is_generic(db);
	if (op->kind == OSP__OP_SQLITE || op->kind == OSP__OP_CHECKPOINT)
		read_sqlite_start(op, db);
	op->session = session_of(op, db);
	statement = osp__json_str(yyjson_obj_get(db, "statement"));
	if (statement.len == 0 || yyjson_obj_get(db, "operation") != NULL)
		return;
	read_places(f, op, db, text_places);
	op->shape = is_first_word(statement) ? 0 : osp__statement_shape(statement);
	op->text = osp__name_shape(statement, OSP_STR(""));
	op->checks_key = op->kind == OSP__OP_PG && osp__is_key_statement(statement);
	op->leaves_files = op->kind == OSP__OP_DB && leaves_files(statement);
	op->fetches =
		op->kind == OSP__OP_PG && (osp__begins_with(statement, "fetch") ||
								   osp__begins_with(statement, "move"));
	op->control = osp__statement_control(statement);
	if (op->kind == OSP__OP_SQLITE)
		op->locking = osp__statement_locking(statement);
	op->foreign =
		op->kind == OSP__OP_DB && yyjson_obj_get(db, "server") == NULL;
}

static bool
has_key(const osp__point *point, const char *key)
{
	return memmem(point->json.ptr, point->json.len, key, strlen(key)) != NULL;
}

/* Does the point hold anything that a rule uses? Reading points takes most of the
 * time. */
static bool
is_of_use(const osp__op *op, const osp__point *point)
{
	switch (op->kind)
	{
		case OSP__OP_TRACE:
		case OSP__OP_OTHER:
		case OSP__OP_CONNECT:
		case OSP__OP_SERVER:
			return false;
		case OSP__OP_COMMIT:
			return point->stop;
		case OSP__OP_DB:
		case OSP__OP_PARSE:
		case OSP__OP_WAIT:
			return !point->stop;
		case OSP__OP_TRIGGER:
		case OSP__OP_FUNCTION:
			return !point->stop || has_key(point, "\"total_ms\"") ||
				   has_key(point, "\"truncated\"");
		default:
			return true;
	}
}

osp_status
osp__op_read(osp__findings *f, osp__op *op)
{
	const osp__point *point;

	for (point = op->node->first; point != NULL && f->status == OSP_OK;
		 point = point->next)
	{
		yyjson_val *db;

		if (!is_of_use(op, point))
			continue;
		f->status = osp__json_read(&f->report->reader, point->json);
		if (f->status != OSP_OK)
			break;
		db = yyjson_obj_get(osp__json_root(&f->report->reader), "info");

		/* The stops of SQLite's operations have their figures directly in info. */
		if ((op->kind != OSP__OP_SQLITE && op->kind != OSP__OP_CHECKPOINT) ||
			!point->stop)
		{
			if (point->stop)
				read_places(f, op, db, info_places);
			db = yyjson_obj_get(db, "db");
		}
		if (db == NULL)
			continue;
		if (point->stop)
			read_stop(f, op, db);
		else
			read_start(f, op, db);
	}
	return f->status;
}

uint64_t
osp__op_key(const osp__op *op, const osp__description *what)
{
	uint64_t shape = op->shape;
	uint64_t key;

	if (shape == 0)
		shape = osp__statement_shape(osp_buf_str(&what->detail));
	key = shape * 31 ^ osp__name_shape(op->node->name, OSP_STR(""));
	return key != 0 ? key : 1;
}

void
osp__op_member(osp__findings *f, const osp__op *op, const char *object,
			   const char *key, osp_buf *out)
{
	const osp__point *point = op->node != NULL ? op->node->first : NULL;
	yyjson_val *value;

	while (point != NULL && point->stop)
		point = point->next;
	if (point == NULL || f->status != OSP_OK)
		return;
	f->status = osp__json_read(&f->report->reader, point->json);
	if (f->status != OSP_OK)
		return;
	value = yyjson_obj_get(osp__json_root(&f->report->reader), "info");
	value = yyjson_obj_get(value, "db");
	if (object != NULL)
		value = yyjson_obj_get(value, object);
	osp_buf_add_str(out, osp__json_str(yyjson_obj_get(value, key)));
	f->status = osp_buf_status(out);
}

bool
osp__is_foreign_key(osp__findings *f, const osp__op *op)
{
	osp_buf_reset(&f->scratch);
	osp__op_member(f, op, "trigger", "type", &f->scratch);
	return osp_str_eq(osp_buf_str(&f->scratch), OSP_STR("foreign_key"));
}
