/* SPDX-License-Identifier: Apache-2.0
 *
 * commit.c
 *	  The commit of a transaction that has written something.
 *
 * PostgreSQL commits after the statement has ended. So a COMMIT would seem to
 * take no time, and a single INSERT would end before it is committed.
 * Therefore:
 *
 *	- The point of a COMMIT, or a PREPARE TRANSACTION, stays open until the
 *	  transaction has ended; pg.commit hangs under it.
 *	- The commit of a single statement hangs beside that statement, under the
 *	  same context: we keep the context of the last statement until then, and
 *	  pgosp_busy counts it like a statement, so that the hooks check for it.
 *	- A COMMIT that has no context, of a transaction whose statements had some by
 *	  comments, has no point. The callers of these statements may have ended long
 *	  ago, and nobody says what calls now: so the commit hangs at the top of the
 *	  trace of the last statement.
 *	- A procedure or a block that commits has the commit under it.
 *
 * The commit begins when the statement COMMIT is done, so the work of deferred
 * triggers belongs to it. Without such a statement, we first see a commit in
 * one of two ways: a deferred trigger runs something, which is recognized
 * because no portal is left, or PostgreSQL calls us before the commit.
 *
 * A transaction without an id has nothing to make durable, and so no pg.commit.
 */
#include "pgosp_commit.h"
#include "pgosp_known.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "replication/syncrep.h"
#include "replication/walsender.h"
#include "tcop/pquery.h"
#include "tcop/tcopprot.h"

#define START_SIZE 64
#define STOP_SIZE  (1024 + PGOSP_WAITS_SIZE)
#define TEXT_MAX   1024 /* of the statement's text */
#define ALONE_SIZE (START_SIZE + TEXT_MAX + 2048)

static pgospCommit commit;

/* The point of the statement COMMIT or PREPARE TRANSACTION itself. */
static pgospStatementPoint statement;

/* The context of the last traced statement in this transaction. */
static pgosp_hot_data osp_context remembered;
static pgosp_hot_data bool remembers = false;

const char *
pgosp_synchronous_commit(void)
{
	switch (synchronous_commit)
	{
		case SYNCHRONOUS_COMMIT_OFF:
			return "off";
		case SYNCHRONOUS_COMMIT_LOCAL_FLUSH:
			return "local";
		case SYNCHRONOUS_COMMIT_REMOTE_WRITE:
			return "remote_write";
		case SYNCHRONOUS_COMMIT_REMOTE_APPLY:
			return "remote_apply";
		default:
			return "on";
	}
}

static void
put_ms(osp_writer *w, osp_str key, double ms)
{
	if (ms > 0)
		osp_put_f64(w, key, ms);
}

void
pgosp_put_commit_start(osp_writer *w, const void *what)
{
	osp_put_object(w, OSP_STR("db"));
	osp_put_str(w, OSP_STR("command"), osp_str_of((const char *) what));
	osp_put_end(w);
}

static void
put_stop(osp_writer *w, const pgospPoint *point)
{
	const pgospCommit *it = (const pgospCommit *) point;
	pgospWalTimes now;

	osp_put_object(w, OSP_STR("db"));
	if (TransactionIdIsValid(it->xid))
		osp_put_u64(w, OSP_STR("transaction_id"), it->xid);
	osp_put_str(w,
				OSP_STR("synchronous_commit"),
				osp_str_of(pgosp_synchronous_commit()));
	pgosp_put_wal(w, &it->wal);
	pgosp_wal_times(&now);
	put_ms(w, OSP_STR("wal_write_ms"), now.write_ms - it->times.write_ms);
	put_ms(w, OSP_STR("wal_sync_ms"), now.sync_ms - it->times.sync_ms);
	pgosp_put_waits(w, &it->waits);
	osp_put_end(w);
}

static const pgospPointKind commit_kind = {
	.put_stop = put_stop,
};

/*
 * Begins the sampling of waits. A commit that waits for a standby takes a round
 * trip on the network, so the cost of sampling does not matter here.
 */
static void
begin_waits(pgospWaits *waits)
{
	int64 now_ns = pgosp_now();

	pgosp_waits_begin(waits, now_ns);
	if (waits->count < 0 && SyncRepRequested() && SyncRepStandbyNames != NULL &&
		SyncRepStandbyNames[0] != '\0')
		pgosp_waits_sample(waits, now_ns);
}

/*
 * Encodes the start of a commit beside its statement, which may be too quick to be
 * recorded: then nothing else says what is committed, and by whom. The text is known in
 * the simple protocol.
 */
static void
put_start_alone(osp_writer *w, const void *what)
{
	osp_sql_recorded recorded;

	osp_put_object(w, OSP_STR("db"));
	osp_put_str(w, OSP_STR("command"), osp_str_of((const char *) what));
	if (debug_query_string != NULL)
	{
		pgosp_text_record(pgosp_text_of_statement(debug_query_string, 0, 0),
						  false,
						  false,
						  false,
						  &recorded);
		osp_put_str(w,
					OSP_STR("statement"),
					osp_str_n(recorded.text.ptr,
							  osp_utf8_prefix(recorded.text, TEXT_MAX)));
	}
	osp_put_encoded(w, pgosp_session_attributes());
	osp_put_end(w);
}

/* Opens the point of a commit that no open point is around. */
static void
open_beside_statement(const char *command)
{
	bool alone = pgosp_min_duration > 0;
	osp_context context = remembered;
	pgospParent parent;

	if (IsTransactionBlock())
		osp_id_copy(&context.parent_id, &context.base_id);
	pgosp_parent_of_context(&context, &parent);
	pgosp_point_open(&commit.point,
					 &parent,
					 alone ? put_start_alone : pgosp_put_commit_start,
					 command,
					 alone ? ALONE_SIZE : START_SIZE);
}

static void
open_under_statement(const char *command)
{
	pgospParent parent;

	pgosp_nested_parent(&parent);
	if (unlikely(!pgosp_commit_open_known(&commit, parent.point)))
		pgosp_point_open(&commit.point,
						 &parent,
						 pgosp_put_commit_start,
						 command,
						 START_SIZE);
}

static void
open_commit(const char *command)
{
	commit.point.kind = &commit_kind;
	commit.point.name = OSP_STR("pg.commit");
	commit.point.stop_size = STOP_SIZE;
	commit.command = command;
	commit.xid = GetTopTransactionIdIfAny();
	commit.wal = pgWalUsage;
	pgosp_wal_times(&commit.times);
	begin_waits(&commit.waits);
	if (likely(pgosp_current != NULL))
		open_under_statement(command);
	else
		open_beside_statement(command);
	commit.point.masked |= pgosp_transaction_is_masked();
	commit.outer = pgosp_current;
	pgosp_current = &commit.point;
}

static void
close_commit(const pgospError *error)
{
	if (!commit.point.open)
		return;
	if (unlikely(error != NULL || !pgosp_commit_stop(&commit)))
		pgosp_point_close(&commit.point, error);
	pgosp_current = commit.outer;
}

/* Is there a commit that has to be reported? */
static pgosp_hot bool
is_wanted(void)
{
	return !commit.point.open && (pgosp_points & PGOSP_POINTS_COMMIT) != 0 &&
		   (pgosp_current != NULL || remembers) &&
		   TransactionIdIsValid(GetTopTransactionIdIfAny());
}

pgosp_hot void
pgosp_commit_remember(const osp_context *context)
{
	if (pgosp_reporting)
		return;
	osp_id_copy(&remembered.base_id, &context->base_id);
	osp_id_copy(&remembered.parent_id, &context->parent_id);
	remembered.key = context->key;
	if (!remembers)
		pgosp_busy++;
	remembers = true;
}

static void
forget(void)
{
	if (remembers)
		pgosp_busy--;
	remembers = false;
}

/*
 * Can the current message end the transaction? A simple query does after its last
 * statement. In the extended protocol, Sync does, which has no text. Another message
 * with a text is a Parse, a Bind or an Execute of a pipeline, and has a later time than
 * the last statement.
 */
static bool
may_end_transaction(void)
{
	const pgospContextLast *last = &pgosp_context_latest;

	return debug_query_string == NULL ||
		   (last->portal != NULL &&
			last->at == GetCurrentStatementStartTimestamp());
}

void
pgosp_commit_look(void)
{
	/*
	 * What runs for a client outside of a portal runs in a commit, except for
	 * parsing, binding, and functions that the planner calls.
	 */
	if (remembers && pgosp_current == NULL && ActivePortal == NULL &&
		!pgosp_planning && MyBackendType == B_BACKEND &&
		!IsTransactionBlock() && may_end_transaction() && is_wanted())
		open_commit("COMMIT");
}

bool
pgosp_commit_statement(pgospStatementPoint **out)
{
	if (statement.point.open || pgosp_current != NULL)
		return false;
	*out = &statement;
	return true;
}

void
pgosp_commit_begins(const char *command)
{
	if (is_wanted())
		open_commit(command);
}

void
pgosp_commit_prepared(void)
{
	if (!commit.point.open && (pgosp_points & PGOSP_POINTS_COMMIT) != 0)
		open_commit("COMMIT PREPARED");
}

void
pgosp_commit_ends(const pgospPoint *within, const pgospError *error)
{
	if (commit.point.open && pgosp_point_is_under(&commit.point, within))
		close_commit(error);
}

bool
pgosp_commit_is_open(void)
{
	return commit.point.open || statement.point.open;
}

/* The transaction has ended, one way or the other. */
static pgosp_hot void
end_transaction(const pgospError *error)
{
	close_commit(error);
	if (statement.point.open)
	{
		if (error != NULL || !pgosp_statement_stop(&statement))
			pgosp_point_close(&statement.point, error);
		pgosp_current = NULL;
	}

	/* A procedure continues with another transaction. */
	if (pgosp_current == NULL)
		forget();
}

/*
 * Ends the transaction after an error. An error of a commit in a procedure is
 * thrown on to the statement that called the procedure, and read there; any
 * other error has been reported by now.
 */
static void
abort_transaction(void)
{
	const pgospError *reported = pgosp_error_reported();
	pgospError interrupted = {false};

	if (!commit.point.open || commit.outer == NULL || statement.point.open)
		end_transaction(reported != NULL ? reported : &interrupted);
}

static pgosp_hot pg_noinline void
transaction_goes_on(XactEvent event)
{
	switch (event)
	{
		case XACT_EVENT_PRE_COMMIT:
			pgosp_commit_begins("COMMIT");
			break;
		case XACT_EVENT_PRE_PREPARE:
			pgosp_commit_begins("PREPARE TRANSACTION");
			break;
		case XACT_EVENT_COMMIT:
		case XACT_EVENT_PREPARE:
			end_transaction(NULL);
			break;
		case XACT_EVENT_ABORT:
			abort_transaction();
			break;
		default:
			break;
	}
}

static pgosp_hot void
pgosp_xact(XactEvent event, void *arg)
{
	if (unlikely(pgosp_busy > 0))
		transaction_goes_on(event);
}

void
pgosp_commit_init(void)
{
	RegisterXactCallback(pgosp_xact, NULL);
}
