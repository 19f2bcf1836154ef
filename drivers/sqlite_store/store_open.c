/* SPDX-License-Identifier: Apache-2.0
 *
 * store_open.c
 *	  Opens a store: checks whose file it is, and makes its tables.
 *
 * A database with tables of another program is never changed. The log mode is
 * WAL with synchronous=NORMAL: readers and the writer do not wait for each
 * other, a process that is killed loses nothing, and a power failure loses at
 * most what was written after the last checkpoint, never the database.
 */
#include "sqlite_store.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "localfile.h"
#include "record/clock.h"

#define OPEN_RETRY_NS 3000000L

/* The number is the text "OSPR". */
#define APPLICATION_ID 1330860114
#define FORMAT         1

#define DIGITS(number)  DIGITS_(number)
#define DIGITS_(number) #number

#define CONNECTION                          \
	"PRAGMA synchronous = NORMAL;"          \
	"PRAGMA journal_size_limit = 33554432;" \
	"PRAGMA cache_size = -8192;"            \
	"PRAGMA temp_store = MEMORY;"

/* Converts a base_id that is stored as 16 bytes to text. */
#define BASE_ID_TEXT                              \
	"CASE typeof(base_id) WHEN 'blob' THEN "      \
	"lower(substr(hex(base_id), 1, 8) || '-' || " \
	"substr(hex(base_id), 9, 4) || '-' || "       \
	"substr(hex(base_id), 13, 4) || '-' || "      \
	"substr(hex(base_id), 17, 4) || '-' || "      \
	"substr(hex(base_id), 21)) ELSE base_id END"

#define TIME_TEXT(us)                                                    \
	"strftime('%Y-%m-%dT%H:%M:%S', (" us ") / 1000000, 'unixepoch') || " \
	"printf('.%06d', (" us ") % 1000000)"

#define SCHEMA                                                                                              \
	"CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;"                                       \
	"INSERT INTO meta VALUES ('seed', random());"                                                           \
	"CREATE TABLE trace (id INTEGER PRIMARY KEY, base_id NOT NULL, "                                        \
	"first_us INTEGER, duration_us INTEGER, operations INTEGER, "                                           \
	"errors INTEGER, service TEXT, name TEXT, text TEXT);"                                                  \
	"CREATE INDEX trace_time ON trace (first_us);"                                                          \
	"CREATE INDEX trace_error ON trace (first_us) WHERE errors > 0;"                                        \
	"CREATE TABLE segment (id INTEGER PRIMARY KEY, filter BLOB);"                                           \
	"CREATE TABLE lookup (segment INTEGER, hash INTEGER, trace INTEGER, "                                   \
	"PRIMARY KEY (segment, hash, trace)) WITHOUT ROWID;"                                                    \
	"CREATE TABLE block (id INTEGER PRIMARY KEY, traces BLOB, data BLOB);"                                  \
	"CREATE TABLE part (trace INTEGER, block INTEGER, "                                                     \
	"PRIMARY KEY (trace, block)) WITHOUT ROWID;"                                                            \
	"CREATE TABLE source (id BLOB PRIMARY KEY, sequence INTEGER, "                                          \
	"seen INTEGER) WITHOUT ROWID;"                                                                          \
	"CREATE VIEW traces AS SELECT " BASE_ID_TEXT                                                            \
	" AS base_id, " TIME_TEXT("first_us") " AS first, " TIME_TEXT(                                          \
		"first_us + duration_us") " AS last, "                                                              \
								  "operations, errors, service, name, text FROM trace;"                     \
								  "CREATE VIEW notifications AS SELECT n.name, n.base_id, n.trace_id, "     \
								  "n.parent_id, n.timestamp, n.info, n.project, n.service FROM trace AS t " \
								  "JOIN part ON part.trace = t.id JOIN block ON block.id = part.block "     \
								  "JOIN osprofiler_block(block.data, block.traces, t.id, t.base_id) AS n;"  \
								  "PRAGMA application_id = " DIGITS(                                        \
									  APPLICATION_ID) ";"                                                   \
													  "PRAGMA user_version = " DIGITS(                      \
														  FORMAT) ";"

/*
 * A query for one row: whose file it is, its format, the number of tables and
 * views that are not SQLite's own, and whether `data` has the columns of
 * earlier versions.
 */
#define EXAMINE                                                                \
	"SELECT application_id, user_version, (SELECT count(*) FROM "              \
	"sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE "         \
	"'sqlite\\_%' ESCAPE '\\'), (SELECT group_concat(name) = "                 \
	"'id,timestamp,base_id,parent_id,trace_id,project,host,service,name,data'" \
	" FROM pragma_table_info('data')) FROM pragma_application_id, "            \
	"pragma_user_version"

/*
 * Finds out which tables the file has, and sets db->form. OSP_EIO: the file
 * belongs to another program, or to a newer osprofiler.
 */
static osp_status
examine_tables(store_db *db, osp_error *err)
{
	sqlite3_stmt *row = NULL;
	int64_t application = 0;
	int64_t version = 0;
	int64_t tables = 0;
	bool old = false;
	int rc = sqlite3_prepare_v2(db->db, EXAMINE, -1, &row, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_step(row);
	if (rc == SQLITE_ROW)
	{
		application = sqlite3_column_int64(row, 0);
		version = sqlite3_column_int64(row, 1);
		tables = sqlite3_column_int64(row, 2);
		old = sqlite3_column_int(row, 3) != 0;
	}
	(void) sqlite3_finalize(row);
	if (rc != SQLITE_ROW)
		return store_db_failed(db, err);
	if (application == APPLICATION_ID)
		db->form = old ? STORE_MIXED : STORE_OURS;
	else if (application == 0 && tables == (old ? 1 : 0))
		db->form = old ? STORE_OLD : STORE_EMPTY;
	else
		return osp_error_set(err,
							 OSP_EIO,
							 "%.150s is another program's database; name "
							 "another file",
							 db->path);
	if (version > FORMAT && db->form != STORE_EMPTY && db->form != STORE_OLD)
		return osp_error_set(err,
							 OSP_EIO,
							 "%.120s has format %lld, of a newer osprofiler; "
							 "this one knows formats up to " DIGITS(FORMAT),
							 db->path,
							 (long long) version);
	return OSP_OK;
}

/* Makes our tables, unless another process was faster. */
static osp_status
make_tables(store_db *db, osp_error *err)
{
	osp_status status;

	/*
	 * The first two settings take effect only in a new file. A batch fills one
	 * or two pages and changes a few others slightly: with pages of 2 kB a
	 * third less is written than with 4 kB, and a tenth less is stored.
	 */
	if (!store_db_exec(db, "PRAGMA page_size = 2048") ||
		!store_db_exec(db, "PRAGMA auto_vacuum = INCREMENTAL") ||
		!store_db_exec(db, "PRAGMA journal_mode = WAL") || !store_db_begin(db))
		return store_db_failed(db, err);
	status = examine_tables(db, err);
	if (status != OSP_OK)
		return status;
	if (db->form == STORE_EMPTY || db->form == STORE_OLD)
	{
		if (!store_db_exec(db, SCHEMA))
			return store_db_failed(db, err);
		db->form = db->form == STORE_OLD ? STORE_MIXED : STORE_OURS;
	}
	return store_db_commit(db) ? OSP_OK : store_db_failed(db, err);
}

/*
 * Creates the file if it is missing. An existing file is opened only by SQLite:
 * closing a descriptor of ours would release the locks that another connection
 * of this process has on the file.
 */
static osp_status
make_file(const char *path, osp_error *err)
{
	int fd = osp__file_create(path, O_RDWR | O_EXCL);

	if (fd >= 0)
		(void) close(fd);
	else if (errno != EEXIST)
		return osp_error_set(err,
							 errno == EACCES || errno == EROFS ? OSP_EPERM
															   : OSP_EIO,
							 "cannot make %.180s: %s",
							 path,
							 strerror(errno));
	return OSP_OK;
}

/* Is the open database still the file of this name? */
static bool
is_same_file(const osp_driver_conn *conn)
{
	struct stat st;

	return stat(conn->path, &st) == 0 && st.st_dev == conn->dev &&
		   st.st_ino == conn->ino;
}

static osp_status
try_open(osp_driver_conn *conn, osp_error *err)
{
	osp_status status = make_file(conn->path, err);
	struct stat st;

	if (status != OSP_OK)
		return status;
	status = store_db_open(&conn->db, conn->path, true, err);
	if (status != OSP_OK)
		return status;
	if (stat(conn->path, &st) != 0)
		status = osp_error_set(err,
							   OSP_EIO,
							   "cannot examine %.180s: %s",
							   conn->path,
							   strerror(errno));
	conn->dev = st.st_dev;
	conn->ino = st.st_ino;
	if (status == OSP_OK)
		status = examine_tables(&conn->db, err);
	if (status == OSP_OK && !store_db_exec(&conn->db, CONNECTION))
		status = store_db_failed(&conn->db, err);
	if (status == OSP_OK &&
		(conn->db.form == STORE_EMPTY || conn->db.form == STORE_OLD))
		status = make_tables(&conn->db, err);
	if (status != OSP_OK)
	{
		store_db_rollback(&conn->db);
		store_db_close(&conn->db);
	}
	return status;
}

/*
 * If several processes create the database at the same time, SQLite refuses all
 * but one at once as busy. So opening is tried again until the time is up.
 */
osp_status
store_open_writer(osp_driver_conn *conn, osp_error *err)
{
	const struct timespec pause = {0, OPEN_RETRY_NS};
	int64_t until = osp_mono_now() + conn->db.wait_ns;
	osp_status status;

	if (conn->db.db != NULL && is_same_file(conn))
		return OSP_OK;
	store_close_writer(conn);
	for (;;)
	{
		status = try_open(conn, err);
		if (status != OSP_EUNAVAIL || osp_mono_now() >= until ||
			store_db_is_over(&conn->db))
			return status;
		(void) nanosleep(&pause, NULL);
	}
}

void
store_close_writer(osp_driver_conn *conn)
{
	store_db_rollback(&conn->db);
	store_db_close(&conn->db);
	store_index_drop(&conn->index);
	store_batch_free(conn->batch);
	store_encoder_free(conn->encoder);
	conn->batch = NULL;
	conn->encoder = NULL;
	conn->retained_at = 0;
	conn->added = 0;
}

osp_status
store_open_reader(osp_driver_conn *conn, store_db *db, osp_error *err)
{
	osp_status status;

	memset(db, 0, sizeof(*db));
	store_db_begin_call(db, &conn->options);
	status = store_db_open(db, conn->path, false, err);
	if (status == OSP_OK)
	{
		status = examine_tables(db, err);
		if (status != OSP_OK)
			store_db_close(db);
	}
	return status;
}
