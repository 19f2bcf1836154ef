/* SPDX-License-Identifier: Apache-2.0
 *
 * wrap_large_object.c
 *	  Large objects: each function is a point, although libpq makes one or
 *	  several calls of the server for it.
 */
#include "client_operation.h"

typedef struct lo_call
{
	osp__guard guard;
	bool entered;
	bool traced;
	ospq_conn *c;
	int saved;
} lo_call;

static void
begin(lo_call *call, PGconn *conn, const char *name)
{
	ospq_facts facts = {
		.text = name, .is_name = true, .operation = "large object"};

	call->saved = errno;
	call->entered = ospq_enter(&call->guard);
	call->traced = false;
	if (!call->entered)
		return;
	call->c = ospq_conn_get(conn);
	if (call->c != NULL)
		call->traced = ospq_start_call(call->c, &facts);
	errno = call->saved;
}

/*
 * Ends a call. bytes is how many bytes were moved, if the function moves any,
 * else NO_BYTES.
 */
static void
finish(lo_call *call, bool good, int64_t bytes)
{
	ospq_outcome outcome = {.fate = OSPQ_DONE};

	if (!call->entered || !ospq_call_is(&call->guard))
		return;
	call->saved = errno;
	if (call->traced)
	{
		if (!good)
			ospq_read_failure(&outcome, call->c->conn);
		else if (bytes >= 0)
		{
			outcome.has_bytes = true;
			outcome.bytes = (uint64_t) bytes;
		}
		ospq_stop_call(&outcome);
	}
	ospq_leave();
	errno = call->saved;
}

/*
 * Wraps the function NAME with its PARAMETERS, which is called with ARGUMENTS.
 * GOOD and BYTES are expressions with its result.
 */
#define LARGE_OBJECT(type, name, parameters, arguments, good, bytes) \
	OSPQ_EXPORT type name parameters                                 \
	{                                                                \
		lo_call call;                                                \
		type result;                                                 \
                                                                     \
		begin(&call, conn, #name);                                   \
		result = REAL(name) arguments;                               \
		finish(&call, good, bytes);                                  \
		return result;                                               \
	}

#define NO_BYTES INT64_C(-1)

/* clang-format off */
LARGE_OBJECT(int, lo_open, (PGconn *conn, Oid lobjId, int mode),
			 (conn, lobjId, mode), result >= 0, NO_BYTES)
LARGE_OBJECT(int, lo_close, (PGconn *conn, int fd), (conn, fd), result >= 0,
			 NO_BYTES)
LARGE_OBJECT(int, lo_read, (PGconn *conn, int fd, char *buf, size_t len),
			 (conn, fd, buf, len), result >= 0, result)
LARGE_OBJECT(int, lo_write, (PGconn *conn, int fd, const char *buf, size_t len),
			 (conn, fd, buf, len), result >= 0, result)
LARGE_OBJECT(int, lo_lseek, (PGconn *conn, int fd, int offset, int whence),
			 (conn, fd, offset, whence), result >= 0, NO_BYTES)
LARGE_OBJECT(pg_int64, lo_lseek64,
			 (PGconn *conn, int fd, pg_int64 offset, int whence),
			 (conn, fd, offset, whence), result >= 0, NO_BYTES)
LARGE_OBJECT(Oid, lo_creat, (PGconn *conn, int mode), (conn, mode),
			 result != InvalidOid, NO_BYTES)
LARGE_OBJECT(Oid, lo_create, (PGconn *conn, Oid lobjId), (conn, lobjId),
			 result != InvalidOid, NO_BYTES)
LARGE_OBJECT(int, lo_tell, (PGconn *conn, int fd), (conn, fd), result >= 0,
			 NO_BYTES)
LARGE_OBJECT(pg_int64, lo_tell64, (PGconn *conn, int fd), (conn, fd),
			 result >= 0, NO_BYTES)
LARGE_OBJECT(int, lo_truncate, (PGconn *conn, int fd, size_t len),
			 (conn, fd, len), result >= 0, NO_BYTES)
LARGE_OBJECT(int, lo_truncate64, (PGconn *conn, int fd, pg_int64 len),
			 (conn, fd, len), result >= 0, NO_BYTES)
LARGE_OBJECT(int, lo_unlink, (PGconn *conn, Oid lobjId), (conn, lobjId),
			 result >= 0, NO_BYTES)
LARGE_OBJECT(Oid, lo_import, (PGconn *conn, const char *filename),
			 (conn, filename), result != InvalidOid, NO_BYTES)
LARGE_OBJECT(Oid, lo_import_with_oid,
			 (PGconn *conn, const char *filename, Oid lobjId),
			 (conn, filename, lobjId), result != InvalidOid, NO_BYTES)
LARGE_OBJECT(int, lo_export,
			 (PGconn *conn, Oid lobjId, const char *filename),
			 (conn, lobjId, filename), result >= 0, NO_BYTES)
/* clang-format on */
