/* SPDX-License-Identifier: Apache-2.0
 *
 * wrap_copy.c
 *	  The data of COPY, whose bytes are counted. Nothing is ever added to the
 *	  data.
 *
 * The statement stays open until PQgetResult has returned its last result, or,
 * with the old functions, until PQendcopy.
 */
#include "client_operation.h"

static void
count_bytes(ospq_conn *c, int64_t bytes)
{
	ospq_open *head = ospq_conn_head(c);

	if (head == NULL || head->kind != OSPQ_STATEMENT || bytes < 0)
		return;
	head->outcome.has_bytes = true;
	head->outcome.bytes += (uint64_t) bytes;
}

/* Ends a call that moved this number of bytes. */
static void
finish(ospq_conn *c, int64_t bytes)
{
	int saved = errno;

	if (c == NULL)
		return;
	count_bytes(c, bytes);
	ospq_leave();
	errno = saved;
}

OSPQ_EXPORT int
PQputCopyData(PGconn *conn, const char *buffer, int nbytes)
{
	osp__guard guard;
	ospq_conn *c = ospq_enter_known(&guard, conn);
	int result = REAL(PQputCopyData)(conn, buffer, nbytes);

	finish(c, result == 1 ? nbytes : 0);
	return result;
}

OSPQ_EXPORT int
PQputCopyEnd(PGconn *conn, const char *errormsg)
{
	osp__guard guard;
	ospq_conn *c = ospq_enter_known(&guard, conn);
	int result = REAL(PQputCopyEnd)(conn, errormsg);

	finish(c, 0);
	return result;
}

OSPQ_EXPORT int
PQgetCopyData(PGconn *conn, char **buffer, int async)
{
	osp__guard guard;
	ospq_conn *c = ospq_enter_known(&guard, conn);
	int result = REAL(PQgetCopyData)(conn, buffer, async);

	finish(c, result);
	return result;
}

OSPQ_EXPORT int
PQputline(PGconn *conn, const char *string)
{
	osp__guard guard;
	ospq_conn *c = ospq_enter_known(&guard, conn);
	int result = REAL(PQputline)(conn, string);

	finish(c, result == 0 && string != NULL ? (int64_t) strlen(string) : 0);
	return result;
}

OSPQ_EXPORT int
PQputnbytes(PGconn *conn, const char *buffer, int nbytes)
{
	osp__guard guard;
	ospq_conn *c = ospq_enter_known(&guard, conn);
	int result = REAL(PQputnbytes)(conn, buffer, nbytes);

	finish(c, result == 0 ? nbytes : 0);
	return result;
}

/*
 * Counts the bytes of the line. PQgetline stores a line without its newline,
 * which is counted, too; of a line that is longer than the buffer it stores
 * only a part (result 1), which has no newline.
 */
OSPQ_EXPORT int
PQgetline(PGconn *conn, char *string, int length)
{
	osp__guard guard;
	ospq_conn *c = ospq_enter_known(&guard, conn);
	int result = REAL(PQgetline)(conn, string, length);

	finish(c,
		   c != NULL && result >= 0 && string != NULL && length > 0
			   ? (int64_t) strlen(string) + (result == 0 ? 1 : 0)
			   : 0);
	return result;
}

OSPQ_EXPORT int
PQgetlineAsync(PGconn *conn, char *buffer, int bufsize)
{
	osp__guard guard;
	ospq_conn *c = ospq_enter_known(&guard, conn);
	int result = REAL(PQgetlineAsync)(conn, buffer, bufsize);

	finish(c, result);
	return result;
}

OSPQ_EXPORT int
PQendcopy(PGconn *conn)
{
	osp__guard guard;
	ospq_conn *c = ospq_enter_known(&guard, conn);
	int result = REAL(PQendcopy)(conn);
	int saved = errno;
	ospq_open *head;

	if (c == NULL)
		return result;
	head = ospq_conn_head(c);
	if (head != NULL && head->kind == OSPQ_STATEMENT)
	{
		if (result != 0)
		{
			ospq_read_failure(&head->outcome, conn);
			head->message = osp_strdup(&osp_allocator_default,
									   osp_str_of(head->outcome.message));
		}
		ospq_stop_head(c);
	}
	ospq_leave();
	errno = saved;
	return result;
}
