/* SPDX-License-Identifier: Apache-2.0
 *
 * wrap_cancel.c
 *	  Cancel requests.
 *
 * Programs cancel from signal handlers, which may have interrupted the writing
 * of a record. So a request is only noted, in one of a few slots that are taken
 * by atomic operations; the next point that is started records it. The
 * cancelled statement itself stops with query_canceled as usual.
 */
#include "client_operation.h"

#define CANCEL OSP_STR("db.cancel")
#define SLOTS  8

typedef struct request
{
	int taken; /* 0: free, 1: being filled or read, 2: full */
	int64_t start_ns;
	int64_t end_ns;
	bool accepted;
} request;

int ospq_cancels_pending = 0;
static request cancels[SLOTS];

static bool
take(request *slot, int from)
{
	return __atomic_compare_exchange_n(
		&slot->taken, &from, 1, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

/*
 * Notes a request. Of more than SLOTS requests between two statements the rest
 * is not recorded.
 */
static void
note(int64_t start_ns, bool accepted)
{
	int i;

	for (i = 0; i < SLOTS; i++)
	{
		request *slot = &cancels[i];

		if (!take(slot, 0))
			continue;
		slot->start_ns = start_ns;
		slot->end_ns = osp_mono_now();
		slot->accepted = accepted;
		__atomic_store_n(&slot->taken, 2, __ATOMIC_RELEASE);
		__atomic_store_n(&ospq_cancels_pending, 1, __ATOMIC_RELEASE);
		return;
	}
}

static void
record(const request *r)
{
	osp__point point;
	osp_writer w;

	if (!osp__hook_open(&point))
		return;
	point.start_ns = r->start_ns;
	if (osp__hook_begin(&point, OSP_RECORD_START, CANCEL, r->start_ns, 0, &w))
		osp__hook_commit(&w);
	if (osp__hook_begin(&point, OSP_RECORD_STOP, CANCEL, r->end_ns, 64, &w))
	{
		osp_put_object(&w, OSP_STR("db"));
		osp_put_bool(&w, OSP_STR("accepted"), r->accepted);
		osp_put_end(&w);
		osp__hook_commit(&w);
	}
}

void
ospq_record_cancels(void)
{
	int i;

	__atomic_store_n(&ospq_cancels_pending, 0, __ATOMIC_RELEASE);
	for (i = 0; i < SLOTS; i++)
	{
		request *slot = &cancels[i];

		if (!take(slot, 2))
			continue;
		record(slot);
		__atomic_store_n(&slot->taken, 0, __ATOMIC_RELEASE);
	}
}

/*
 * Wraps a function that cancels. In a signal handler the thread may be in
 * another call already, whose wrapper was interrupted. It cannot be in a call
 * that libpq makes itself, since libpq never cancels.
 */
#define CANCEL_FUNCTION(name, parameters, arguments) \
	OSPQ_EXPORT int name parameters                  \
	{                                                \
		const osp__guard *outer = osp__depth.libpq;  \
		int64_t start_ns = osp_mono_now();           \
		osp__guard guard;                            \
		int result;                                  \
		int saved;                                   \
                                                     \
		ospq_need();                                 \
		ospq_set_inside(&guard);                     \
		result = REAL(name) arguments;               \
		osp__depth.libpq = outer;                    \
		saved = errno;                               \
		note(start_ns, result == 1);                 \
		errno = saved;                               \
		return result;                               \
	}

/* clang-format off */
CANCEL_FUNCTION(PQcancel, (PGcancel *cancel, char *errbuf, int errbufsize),
				(cancel, errbuf, errbufsize))
CANCEL_FUNCTION(PQrequestCancel, (PGconn *conn), (conn))
CANCEL_FUNCTION(PQcancelBlocking, (PGcancelConn *cancel_conn), (cancel_conn))
CANCEL_FUNCTION(PQcancelStart, (PGcancelConn *cancel_conn), (cancel_conn))
/* clang-format on */
