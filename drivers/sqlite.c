/* SPDX-License-Identifier: Apache-2.0
 *
 * sqlite.c
 *	  Notifications in a SQLite database: what sqlite:///path names.
 *
 * As SQLAlchemy writes it, the path is what stands behind three slashes, taken
 * as it is: sqlite:////var/lib/traces.db is absolute, sqlite:///traces.db is
 * relative to the working directory of the process that opens it.
 *
 * The table is upstream's `data`, and its column data the JSON of what has no
 * column of its own. Of upstream's nine indexes there is none: each would cost
 * an insert about as much as the row itself, and only base_id is ever asked for.
 * That question is answered by the one index there is, unique over base_id,
 * trace_id and name, which also makes a point that comes twice harmless.
 *
 * A batch is one transaction. In WAL mode readers and the writer do not wait for
 * each other, and with synchronous=NORMAL the power may take the last batches
 * but never the database. Memory inside SQLite comes from malloc.
 */
#include "sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "localfile.h"
#include "osprofiler/buf.h"

#define DEFAULT_TIMEOUT 5000
#define OPEN_RETRY_MS   3

/* Pages that a checkpoint moves from the log into the database; with the default
 * of 1000 a busy shipper waits for the disk after every second batch. */
#define CHECKPOINT "4000"

#define SCHEMA                                                 \
	"PRAGMA journal_mode = WAL;"                               \
	"PRAGMA synchronous = NORMAL;"                             \
	"PRAGMA wal_autocheckpoint = " CHECKPOINT ";"              \
	"PRAGMA cache_size = -16384;"                              \
	"CREATE TABLE IF NOT EXISTS data ("                        \
	"id INTEGER PRIMARY KEY, timestamp VARCHAR(26), "          \
	"base_id VARCHAR(255), parent_id VARCHAR(255), "           \
	"trace_id VARCHAR(255), project VARCHAR(255), "            \
	"host VARCHAR(255), service VARCHAR(255), "                \
	"name VARCHAR(255), data JSON);"                           \
	"CREATE UNIQUE INDEX IF NOT EXISTS ix_data_point ON data " \
	"(base_id, trace_id, name);"

#define INSERT                                                    \
	"INSERT OR IGNORE INTO data (timestamp, base_id, parent_id, " \
	"trace_id, project, host, service, name, data) "              \
	"VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"

struct osp_driver_conn
{
	const osp_allocator *alc;
	char *path;
	unsigned timeout_ms;
	sqlite3 *db; /* NULL: not open */
	sqlite3_stmt *insert;
	osp_buf data; /* JSON for the column data */
	dev_t dev;    /* of the file that db has open */
	ino_t ino;
};

osp_status
osp__sqlite_trouble(sqlite3 *db, const char *path, osp_error *err)
{
	switch (sqlite3_errcode(db) & 0xff)
	{
		case SQLITE_NOMEM:
			return osp_error_set(err, OSP_ENOMEM, "sqlite: out of memory");
		case SQLITE_BUSY:
		case SQLITE_LOCKED:
			return osp_error_set(
				err, OSP_EUNAVAIL, "%.180s is in use by another process", path);
		case SQLITE_CORRUPT:
			return osp_error_set(
				err,
				OSP_EIO,
				"%.150s is damaged: %.40s; move it away to start anew",
				path,
				sqlite3_errmsg(db));
		case SQLITE_NOTADB:
			return osp_error_set(err,
								 OSP_EIO,
								 "%.150s is not a SQLite database; move it "
								 "away or name another file",
								 path);
		default:
			return osp_error_set(
				err, OSP_EIO, "%.150s: %.90s", path, sqlite3_errmsg(db));
	}
}

static osp_status
sqlite_open(const osp_driver_options *options, osp_driver_conn **out,
			osp_error *err)
{
	static const char usage[] =
		"expected sqlite:////absolute/path or sqlite:///relative/path";
	osp_str path = osp__after_scheme(options->connection_string);
	osp_driver_conn *conn;
	osp_status status;

	*out = NULL;
	if (path.len < 2 || path.ptr[0] != '/')
		return osp_error_set(err, OSP_EINVAL, "sqlite: no path; %s", usage);
	path = osp_str_n(path.ptr + 1, path.len - 1);
	if (path.ptr[0] == ':' || memchr(path.ptr, '?', path.len) != NULL)
		return osp_error_set(err,
							 OSP_EINVAL,
							 "sqlite: the path may not begin with ':' nor "
							 "hold '?'; %s",
							 usage);
	conn = osp_calloc(options->alc, 1, sizeof(*conn));
	if (conn == NULL)
		return osp_error_set(err, OSP_ENOMEM, "sqlite: out of memory");
	conn->alc = options->alc;
	conn->timeout_ms =
		options->timeout_ms != 0 ? options->timeout_ms : DEFAULT_TIMEOUT;
	osp_buf_init(&conn->data, conn->alc, OSP_NOTIFICATION_MAX + 64);
	status = osp__path_copy(conn->alc, path, usage, &conn->path, err);
	if (status != OSP_OK)
	{
		osp_free(conn->alc, conn);
		return status;
	}
	*out = conn;
	return OSP_OK;
}

static void
close_database(osp_driver_conn *conn)
{
	(void) sqlite3_finalize(conn->insert);
	(void) sqlite3_close(conn->db);
	conn->insert = NULL;
	conn->db = NULL;
}

static void
sqlite_close(osp_driver_conn *conn)
{
	if (conn == NULL)
		return;
	close_database(conn);
	osp_buf_term(&conn->data);
	osp_free(conn->alc, conn->path);
	osp_free(conn->alc, conn);
}

/*
 * Makes the file if it is missing. A file that is there is left to SQLite alone:
 * closing a descriptor of ours would let go of the locks that another connection
 * of this process has on it.
 */
static osp_status
make_file(const char *path, osp_error *err)
{
	int fd = osp__file_create(path, O_RDWR | O_EXCL);

	if (fd >= 0)
		(void) close(fd);
	else if (errno != EEXIST)
		return osp_error_set(
			err, OSP_EIO, "cannot make %.180s: %s", path, strerror(errno));
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

/* Opens the file, makes the table if it is missing, prepares the insert. */
static osp_status
try_open(osp_driver_conn *conn, osp_error *err)
{
	const int flags =
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;
	osp_status status = make_file(conn->path, err);
	struct stat st;

	if (status != OSP_OK)
		return status;
	if (stat(conn->path, &st) != 0)
		return osp_error_set(err,
							 OSP_EIO,
							 "cannot examine %.180s: %s",
							 conn->path,
							 strerror(errno));
	conn->dev = st.st_dev;
	conn->ino = st.st_ino;
	if (sqlite3_open_v2(conn->path, &conn->db, flags, NULL) != SQLITE_OK ||
		sqlite3_busy_timeout(conn->db, (int) conn->timeout_ms) != SQLITE_OK ||
		sqlite3_exec(conn->db, SCHEMA, NULL, NULL, NULL) != SQLITE_OK ||
		sqlite3_prepare_v3(conn->db,
						   INSERT,
						   -1,
						   SQLITE_PREPARE_PERSISTENT,
						   &conn->insert,
						   NULL) != SQLITE_OK)
	{
		status = osp__sqlite_trouble(conn->db, conn->path, err);
		close_database(conn);
	}
	return status;
}

/*
 * Opens the database if it is not open. When several processes make it at the
 * same time SQLite tells all but one at once that it is busy, so it is tried
 * again until the time is up.
 */
static osp_status
open_database(osp_driver_conn *conn, osp_error *err)
{
	const struct timespec pause = {0, OPEN_RETRY_MS * 1000000L};
	int64_t until = osp_mono_now() + (int64_t) conn->timeout_ms * 1000000;
	osp_status status;

	if (conn->db != NULL && is_same_file(conn))
		return OSP_OK;
	close_database(conn);
	for (;;)
	{
		status = try_open(conn, err);
		if (status != OSP_EUNAVAIL || osp_mono_now() >= until)
			return status;
		(void) nanosleep(&pause, NULL);
	}
}

/* Binds a text, borrowed; an empty one that stands for null as null. */
static int
bind_text(sqlite3_stmt *stmt, int at, osp_str text, bool null_if_empty)
{
	if (null_if_empty && text.len == 0)
		return sqlite3_bind_null(stmt, at);
	return sqlite3_bind_text64(
		stmt, at, text.ptr, text.len, SQLITE_STATIC, SQLITE_UTF8);
}

static int
bind_item(sqlite3_stmt *stmt, const osp_notification *item, osp_str data)
{
	int rc = bind_text(stmt, 1, item->timestamp, false);

	if (rc == SQLITE_OK)
		rc = bind_text(stmt, 2, item->base_id, false);
	if (rc == SQLITE_OK)
		rc = bind_text(stmt, 3, item->parent_id, false);
	if (rc == SQLITE_OK)
		rc = bind_text(stmt, 4, item->trace_id, false);
	if (rc == SQLITE_OK)
		rc = bind_text(stmt, 5, item->project, true);
	if (rc == SQLITE_OK)
		rc = bind_text(stmt, 6, item->host, true);
	if (rc == SQLITE_OK)
		rc = bind_text(stmt, 7, item->service, true);
	if (rc == SQLITE_OK)
		rc = bind_text(stmt, 8, item->name, false);
	if (rc == SQLITE_OK)
		rc = bind_text(stmt, 9, data, false);
	return rc;
}

/*
 * One row. OSP_EREFUSED: SQLite will never take it (a text beyond its limits, a
 * constraint that somebody added).
 */
static osp_status
insert_item(osp_driver_conn *conn, const osp_notification *item, osp_error *err)
{
	sqlite3_stmt *stmt = conn->insert;
	int rc;

	osp_buf_reset(&conn->data);
	osp_buf_add_str(&conn->data, OSP_STR("{\"info\": "));
	osp_buf_add_str(&conn->data, item->info);
	osp_buf_add_char(&conn->data, '}');
	if (osp_buf_status(&conn->data) == OSP_ENOMEM)
		return osp_error_set(err, OSP_ENOMEM, "sqlite: out of memory");
	if (osp_buf_status(&conn->data) != OSP_OK)
		return osp_error_set(
			err, OSP_EREFUSED, "sqlite: a notification is too long");

	rc = bind_item(stmt, item, osp_buf_str(&conn->data));
	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	rc &= 0xff;
	if (rc == SQLITE_DONE)
		return sqlite3_reset(stmt) == SQLITE_OK
				   ? OSP_OK
				   : osp__sqlite_trouble(conn->db, conn->path, err);
	if (rc == SQLITE_TOOBIG || rc == SQLITE_CONSTRAINT || rc == SQLITE_MISMATCH)
		return osp_error_set(err,
							 OSP_EREFUSED,
							 "%.150s refuses a notification: %.60s",
							 conn->path,
							 sqlite3_errmsg(conn->db));
	return osp__sqlite_trouble(conn->db, conn->path, err);
}

/* Inserts all items that SQLite takes, and counts them. */
static osp_status
insert_items(osp_driver_conn *conn, const osp_notification *items, size_t count,
			 size_t *stored, osp_error *err)
{
	size_t i;

	for (i = 0; i < count; i++)
	{
		osp_status status = insert_item(conn, &items[i], err);

		(void) sqlite3_reset(conn->insert);
		if (status == OSP_OK)
			(*stored)++;
		else if (status != OSP_EREFUSED)
			return status;
	}
	return OSP_OK;
}

static osp_status
sqlite_notify(osp_driver_conn *conn, const osp_notification *items,
			  size_t count, size_t *accepted, osp_error *err)
{
	osp_status status = open_database(conn, err);
	size_t stored = 0;

	*accepted = 0;
	if (status != OSP_OK)
		return status;
	if (sqlite3_exec(conn->db, "BEGIN IMMEDIATE", NULL, NULL, NULL) !=
		SQLITE_OK)
		status = osp__sqlite_trouble(conn->db, conn->path, err);
	else
		status = insert_items(conn, items, count, &stored, err);
	if (status == OSP_OK &&
		sqlite3_exec(conn->db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
		status = osp__sqlite_trouble(conn->db, conn->path, err);

	/* Whatever went wrong, a connection made anew is rid of it. */
	if (status != OSP_OK)
	{
		close_database(conn);
		return status;
	}
	*accepted = stored;
	return stored == count ? OSP_OK : OSP_EREFUSED;
}

static osp_status
sqlite_get_points(osp_driver_conn *conn, osp_str base_id, osp_point_fn fn,
				  void *ctx, osp_error *err)
{
	return osp__sqlite_get_points(
		conn->alc, conn->path, conn->timeout_ms, base_id, fn, ctx, err);
}

static osp_status
sqlite_list_traces(osp_driver_conn *conn, const osp_trace_filter *filter,
				   osp_trace_fn fn, void *ctx, osp_str *next, osp_error *err)
{
	if (next != NULL)
		*next = OSP_STR("");
	return osp__sqlite_list_traces(
		conn->path, conn->timeout_ms, filter, fn, ctx, err);
}

static osp_status
sqlite_remove_traces(osp_driver_conn *conn, const osp_removal *what,
					 uint64_t *removed, osp_error *err)
{
	(void) conn;
	(void) what;
	*removed = 0;
	return osp_error_set(
		err, OSP_EUNSUPPORTED, "traces cannot be removed from sqlite yet");
}

static const char *const sqlite_schemes[] = {"sqlite", NULL};

extern OSP_API const osp_driver osp_driver_sqlite;
const osp_driver osp_driver_sqlite = {
	.abi = OSP_DRIVER_ABI,
	.flags =
		OSP_DRIVER_CAN_READ | OSP_DRIVER_CAN_LIST | OSP_DRIVER_DROPS_COPIES,
	.name = "sqlite",
	.schemes = sqlite_schemes,
	.open = sqlite_open,
	.notify = sqlite_notify,
	.get_points = sqlite_get_points,
	.list_traces = sqlite_list_traces,
	.remove_traces = sqlite_remove_traces,
	.close = sqlite_close,
};
