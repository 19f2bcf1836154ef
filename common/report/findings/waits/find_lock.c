/* SPDX-License-Identifier: Apache-2.0
 *
 * find_lock.c
 *	  Rules: waiting for locks, and deadlocks.
 */
#include "report/findings/rules.h"

/* Keys of groups of waits, other than the pid of the process that holds the lock. */
#define HOLDER_UNKNOWN 0
#define GAVE_UP        UINT64_MAX

/* If a statement waited for at least this many processes, it is chance which of them
 * held the lock. Its waits are one group, whose key is OF_CROWD together with the
 * statement's shape. */
#define CROWD_MIN 3
#define OF_CROWD  (UINT64_C(1) << 63)

/* A server records at most this many waits of one statement. If there are fewer, and the
 * time of all waits, which is sampled, is longer by less than a tenth, there were no
 * others. */
#define RECORDED_MAX  8
#define SAMPLING_PART 10

/* The sums of a group: the time of waits that are not recorded one by one. */
enum
{
	SUM_REST_NS
};

/* The largest number of bytes of another process's statement that are shown. */
#define STATEMENT_MAX 200

/* The shortest time in a state for that to be mentioned. */
#define STATE_MIN_NS (INT64_C(10) * 1000000)

static bool
failed_with(const osp__op *op, const char *etype)
{
	return op->failed &&
		   osp_str_eq(osp__report_inside(op->node->etype), osp_str_of(etype));
}

/* Claims all time of the outermost statements that failed with this error. */
static void
claim_failed(osp__findings *f, const char *etype, uint64_t key)
{
	osp__op *top = &f->ops[0];
	size_t i;

	top->handled = false;
	for (i = 1; i < f->op_count && f->status == OSP_OK; i++)
	{
		osp__op *op = f->walk[i];
		bool failed = failed_with(op, etype) &&
					  (op->kind == OSP__OP_PG || op->kind == OSP__OP_DB);

		op->handled = failed || op->parent->handled;
		if (failed && !op->parent->handled)
			osp__claim_below(f, osp__group_of(f, key), op);
	}
}

void
osp__look_deadlocks(osp__findings *f)
{
	claim_failed(f, "deadlock_detected", 0);
}

/* Sums up and counts the waits that are recorded below a statement, but not below
 * statements inside it. Returns the last one; NULL: there is none. */
static const osp__op *
waits_below(const osp__findings *f, const osp__op *op, int64_t *sum_ns,
			unsigned *count)
{
	const osp__op *at = osp__op_child(f, op);
	const osp__op *last = NULL;

	*sum_ns = 0;
	*count = 0;
	while (at != NULL)
	{
		if (at->kind == OSP__OP_WAIT)
		{
			*sum_ns += at->end_ns - at->begin_ns;
			++*count;
			last = at;
		}
		at = at->kind == OSP__OP_PG ? osp__op_beside(f, at, op)
									: osp__op_below(f, at, op);
	}
	return last;
}

/* The process at the end of the chain of waits, or else the holder of the lock. */
static int64_t
root_pid(const osp__op *wait)
{
	int64_t root = osp__op_fact(wait, OSP__ROOT_PID);

	return root > 0 ? root : osp__op_fact(wait, OSP__HOLDER_PID);
}

/* The processes that the executions of a statement have waited for, up to CROWD_MIN. */
typedef struct crowd
{
	uint64_t key;
	unsigned count;
	int64_t pids[CROWD_MIN];
} crowd;

/* The shape of the statement that waited, perhaps before it was planned; 0: unknown. */
static uint64_t
shape_of_waiter(const osp__op *wait)
{
	if (wait->parent->kind == OSP__OP_PARSE)
		return wait->parent->shape;
	return wait->statement != NULL ? wait->statement->shape : 0;
}

/* Finds the crowd of the statement that waited; NULL: there is none. */
static crowd *
find_crowd(const osp__table *table, const osp__op *wait)
{
	uint64_t shape = shape_of_waiter(wait);
	size_t pos = 0;
	crowd *found;

	if (shape == 0)
		return NULL;
	while ((found = osp__table_next(table, shape, &pos)) != NULL)
		if (found->key == shape)
			break;
	return found;
}

static void
add_to_crowd(osp__findings *f, osp__table *table, const osp__op *wait)
{
	int64_t pid = root_pid(wait);
	uint64_t shape = shape_of_waiter(wait);
	crowd *at = find_crowd(table, wait);
	unsigned i;

	if (shape == 0 || pid <= 0)
		return;
	if (at == NULL)
	{
		at = osp__arena_alloc(&f->arena, sizeof(*at));
		if (at == NULL || !osp__table_reserve(table, 1))
		{
			f->status = OSP_ENOMEM;
			return;
		}
		memset(at, 0, sizeof(*at));
		at->key = shape;
		osp__table_add(table, at->key, at);
	}
	for (i = 0; i < at->count; i++)
		if (at->pids[i] == pid)
			return;
	if (at->count < CROWD_MIN)
		at->pids[at->count++] = pid;
}

static uint64_t
wait_key(const osp__table *crowds, const osp__op *wait)
{
	const crowd *of = find_crowd(crowds, wait);

	return of != NULL && of->count >= CROWD_MIN && root_pid(wait) > 0
			   ? (of->key | OF_CROWD) & ~UINT64_C(1)
			   : (uint64_t) root_pid(wait);
}

static bool
is_of_crowd(const osp__group *group)
{
	return group->key != GAVE_UP && (group->key & OF_CROWD) != 0;
}

/*
 * Only a few waits for locks of a statement are recorded as operations, but the
 * whole time of its waits is known. Claims the rest of this time, in the group
 * of the last recorded wait; if none is recorded, in that of an unknown holder.
 */
static void
claim_rest(osp__findings *f, const osp__table *crowds, osp__op *op)
{
	int64_t recorded_ns;
	unsigned recorded;
	const osp__op *last = waits_below(f, op, &recorded_ns, &recorded);
	int64_t ns = osp__op_own_fact(f, op, OSP__WAIT_LOCK) - recorded_ns;
	osp__group *group = osp__group_of(
		f, last != NULL ? wait_key(crowds, last) : HOLDER_UNKNOWN);

	if (last == NULL)
		osp__claim_time(f, group, op, ns);
	else if (group != NULL && group->count > 0 && ns > 0)
	{
		int64_t spent_ns = group->spent_ns;

		osp__claim_more(f, group, op, ns);
		if (recorded >= RECORDED_MAX || ns > recorded_ns / SAMPLING_PART)
			group->sums[SUM_REST_NS] += group->spent_ns - spent_ns;
	}
}

void
osp__look_locks(osp__findings *f)
{
	osp__table crowds;
	size_t i;

	osp__table_init(&crowds, f->report->alc);
	for (i = 1; i < f->op_count && f->status == OSP_OK; i++)
		if (f->ops[i].kind == OSP__OP_WAIT)
			add_to_crowd(f, &crowds, &f->ops[i]);
	for (i = 1; i < f->op_count && f->status == OSP_OK; i++)
	{
		osp__op *op = &f->ops[i];

		if (op->kind == OSP__OP_WAIT)
			osp__claim_time(
				f, osp__group_of(f, wait_key(&crowds, op)), op, op->left_ns);
	}
	for (i = 1; i < f->op_count && f->status == OSP_OK; i++)
		if (osp__op_fact(&f->ops[i], OSP__WAIT_LOCK) > 0)
			claim_rest(f, &crowds, &f->ops[i]);
	osp__table_term(&crowds);
	claim_failed(f, "lock_not_available", GAVE_UP);
}

/* Did the waiting statement fail because of lock_timeout? */
static bool
gave_up(const osp__op *op)
{
	return failed_with(op->kind == OSP__OP_WAIT ? op->parent : op,
					   "lock_not_available");
}

/* Was the operation, or the statement that waits, cancelled by statement_timeout or by
 * its client? */
static bool
was_cancelled(const osp__op *op)
{
	return failed_with(op->kind == OSP__OP_WAIT ? op->parent : op,
					   "query_canceled");
}

static void
say_waits(osp__finding *finding, const osp__group *group)
{
	if (group->count == 1)
		osp_buf_add_str(&finding->cause, OSP_STR("A statement waited "));
	else
	{
		if (group->sums[SUM_REST_NS] > 0)
			osp_buf_add_str(&finding->cause, OSP_STR("More than "));
		osp__say_number(&finding->cause, (int64_t) group->count, "wait");
		osp_buf_add_str(&finding->cause, OSP_STR(" for locks took "));
	}
	osp__say_time(&finding->cause, group->spent_ns);
	if (group->count == 1)
		osp_buf_add_str(&finding->cause,
						gave_up(group->largest)
							? OSP_STR(" for a lock and gave up")
						: was_cancelled(group->largest)
							? OSP_STR(" for a lock and was cancelled")
							: OSP_STR(" for a lock"));
	if (is_of_crowd(group))
		osp_buf_add_str(&finding->cause,
						OSP_STR(", for one process after the other"));
}

/* A member of the process that keeps all others waiting: the one at the end of the
 * chain if there is one, else the holder. Terminated, in f->scratch. */
static const char *
root_member(osp__findings *f, const osp__op *wait, const char *key)
{
	osp_buf_reset(&f->scratch);
	osp__op_member(f, wait, "waits_for", key, &f->scratch);
	if (f->scratch.len == 0)
		osp__op_member(f, wait, "held_by", key, &f->scratch);
	return f->scratch.len > 0 ? f->scratch.ptr : "";
}

/* Does a prepared transaction, which has no process, keep all others waiting? */
static bool
is_prepared(const osp__op *wait)
{
	if (osp__op_fact(wait, OSP__CHAIN) > 0)
		return osp__op_fact(wait, OSP__ROOT_PID) == 0;
	return osp__op_fact(wait, OSP__HOLDERS) > 0 &&
		   osp__op_fact(wait, OSP__HOLDER_PID) == 0;
}

static bool
is_idle_in_transaction(osp__findings *f, const osp__op *wait)
{
	return strncmp(root_member(f, wait, "state"), "idle in", 7) == 0;
}

/* Appends the transaction of the process that keeps all others waiting, with its
 * program. */
static void
say_root(osp__findings *f, osp_buf *out, const osp__op *wait, int64_t pid)
{
	const char *name = root_member(f, wait, "application");

	if (name[0] == '\0')
		name = root_member(f, wait, "user");
	osp_buf_addf(out, "The transaction of process %lld", (long long) pid);
	if (name[0] != '\0')
		osp_buf_addf(out, " (%s)", name);
}

/* Is the lock an advisory one of a session that is in no transaction? */
static bool
is_of_idle_session(osp__findings *f, const osp__op *wait)
{
	osp_str name;

	if (strcmp(root_member(f, wait, "state"), "idle") != 0)
		return false;
	osp_buf_reset(&f->scratch);
	osp__op_member(f, wait, "lock", "name", &f->scratch);
	name = osp_buf_str(&f->scratch);
	return name.len > 0 &&
		   memmem(name.ptr, name.len, "advisory lock", 13) != NULL;
}

/* Does the process that keeps all others waiting make an index, and lets nobody change
 * the table until then? */
static bool
is_making_index(osp__findings *f, const osp__op *wait)
{
	osp_str statement = osp_str_of(root_member(f, wait, "statement"));

	return osp__makes_index(statement) &&
		   strcasestr(statement.ptr, "concurrently") == NULL;
}

/* Finds the statement of the process that keeps all others waiting which began last
 * before the wait. NULL: the trace has none. */
static const osp__op *
find_holder(const osp__findings *f, const osp__op *wait, int64_t pid)
{
	const osp__op *found = NULL;
	size_t i;

	for (i = 1; i < f->op_count; i++)
	{
		const osp__op *op = &f->ops[i];

		if (op->kind == OSP__OP_PG && op->pid == pid &&
			op->begin_ns <= wait->begin_ns &&
			osp_str_eq(op->node->host, wait->node->host) &&
			(found == NULL || op->begin_ns >= found->begin_ns))
			found = op;
	}
	return found;
}

/* Appends where to see what the transaction did that held the lock. If that belongs to
 * the trace that is being read, it is an operation there. */
static void
say_holder_trace(osp__findings *f, osp__finding *finding, const osp__op *wait,
				 int64_t pid, bool session)
{
	osp_buf *step = &finding->step;
	const char *who = session ? "session that holds" : "transaction that held";
	osp_str trace = osp_str_of(root_member(f, wait, "base_id"));

	if (!osp_str_eq(trace, osp__report_inside(f->report->base_id)))
	{
		osp_buf_addf(step,
					 "See what the %s the lock did, if that was recorded: "
					 "%s%s%s. ",
					 who,
					 f->report->show_before,
					 trace.ptr,
					 f->report->show_behind);
		return;
	}
	osp_buf_addf(step,
				 "What the %s the lock did is in this trace, too: process %lld",
				 who,
				 (long long) pid);
	finding->other = find_holder(f, wait, pid);
	if (finding->other != NULL)
	{
		osp_buf_add_str(step,
						OSP_STR(", whose last statement before the wait was "));
		osp__say_op(f, finding->other, step);
	}
	osp_buf_add_str(step, OSP_STR(". "));
}

/* Appends advice about the holder of the lock. */
static void
say_holder_step(osp__findings *f, osp__finding *finding, const osp__op *wait,
				int64_t pid)
{
	osp_buf *step = &finding->step;
	bool session = is_of_idle_session(f, wait);
	bool traced = root_member(f, wait, "base_id")[0] != '\0';

	if (traced)
		say_holder_trace(f, finding, wait, pid, session);
	if (session)
		osp_buf_addf(
			step,
			"The session of process %lld has kept the lock behind the end of "
			"its transaction, so no COMMIT frees it: pg_advisory_unlock() "
			"there does, or the end of the session, as by SELECT "
			"pg_terminate_backend(%lld). A lock by pg_advisory_xact_lock() "
			"ends with its transaction.",
			(long long) pid,
			(long long) pid);
	else if (is_idle_in_transaction(f, wait))
	{
		say_root(f, step, wait, pid);
		osp_buf_add_str(
			step,
			OSP_STR(" was open while its program did something else: let "
					"that commit before. idle_in_transaction_session_timeout "
					"ends such transactions, and undoes what they did."));
	}
	else if (is_making_index(f, wait))
		osp_buf_add_str(
			step,
			OSP_STR("CREATE INDEX and REINDEX keep others from changing the "
					"table until they have ended. With CONCURRENTLY they take "
					"longer, but others can go on."));
	else if (traced)
		osp_buf_add_str(step,
						OSP_STR("A transaction that changes what others need "
								"should commit soon afterwards."));
	else
		osp_buf_addf(step,
					 "While it lasts, SELECT * FROM pg_stat_activity WHERE pid "
					 "= %lld shows what the holder does. A transaction that "
					 "changes what others need should commit soon afterwards.",
					 (long long) pid);
}

/* Appends the name of the lock and its holder, from the operation. */
static void
say_lock(osp__findings *f, osp__finding *finding, const osp__op *wait)
{
	osp_buf_reset(&f->scratch);
	osp__op_member(f, wait, "lock", "name", &f->scratch);
	if (f->scratch.len > 0)
		osp_buf_addf(&finding->cause,
					 "%s%s.",
					 finding->group->count == 1 ? ": " : "; the longest: ",
					 f->scratch.ptr);
	else
		osp_buf_add_str(&finding->cause, OSP_STR("."));
}

/* Appends ", then idle in transaction, for 1.30 s when the wait began". The shown
 * statement of an idle process is its last one; for a working process, the time is that
 * of its statement. */
static void
say_state(osp__findings *f, const osp__op *wait, const char *process,
		  int64_t state_ns, osp_buf *out)
{
	bool idle;

	if (state_ns < STATE_MIN_NS)
		return;
	osp_buf_reset(&f->scratch);
	osp__op_member(f, wait, process, "state", &f->scratch);
	idle = f->scratch.len >= 4 && memcmp(f->scratch.ptr, "idle", 4) == 0;
	if (f->scratch.len == 0)
		return;
	if (idle)
		osp_buf_addf(out, ", then %s, for ", f->scratch.ptr);
	else
		osp_buf_add_str(out, OSP_STR(", which had run for "));
	osp__say_time(out, state_ns);
	osp_buf_add_str(out, OSP_STR(" when the wait began"));
}

/* Appends the statement that waited, and those of the processes that kept it
 * waiting. */
static void
say_statements(osp__findings *f, osp__finding *finding, const osp__op *wait)
{
	static const struct
	{
		const char *process;
		const char *words;
		osp__fact state;
	} processes[] = {
		{"held_by", "; the holder: ", OSP__HOLDER_STATE},
		{"waits_for", "; who kept that waiting: ", OSP__ROOT_STATE},
	};
	osp_buf *evidence = &finding->evidence;
	size_t i;

	osp__say_statement(f, wait, evidence);
	for (i = 0; i < sizeof(processes) / sizeof(processes[0]); i++)
	{
		osp_buf_reset(&f->scratch);
		osp__op_member(f, wait, processes[i].process, "statement", &f->scratch);
		if (f->scratch.len == 0)
			continue;
		osp_buf_addf(evidence,
					 "%s%.*s",
					 processes[i].words,
					 STATEMENT_MAX,
					 f->scratch.ptr);
		say_state(f,
				  wait,
				  processes[i].process,
				  osp__op_fact(wait, processes[i].state),
				  evidence);
	}
}

/* Finds a wait for a lock below op; NULL: none was recorded. */
static const osp__op *
find_wait(const osp__findings *f, const osp__op *op)
{
	const osp__op *at = op;

	while ((at = osp__op_below(f, at, op)) != NULL)
		if (at->kind == OSP__OP_WAIT)
			break;
	return at;
}

/* Appends the DETAIL of a deadlock, which lists the processes and the locks that they
 * waited for. */
static void
say_detail(osp__findings *f, osp__finding *finding, const osp__op *op)
{
	const char label[] = "DETAIL: ";
	osp_str notes;
	const char *newline;

	if (f->status == OSP_OK)
		f->status = osp__report_describe(f->report, op->node, &f->what);
	notes = osp_buf_str(&f->what.notes);
	if (f->status != OSP_OK || notes.len < sizeof(label) ||
		memcmp(notes.ptr, label, sizeof(label) - 1) != 0)
		return;
	newline = memchr(notes.ptr, '\n', notes.len);
	if (newline == NULL)
		return;
	osp_buf_add_str(&finding->evidence, OSP_STR(". "));
	osp_buf_add_str(
		&finding->evidence,
		osp_str_n(notes.ptr + sizeof(label) - 1,
				  (size_t) (newline - notes.ptr) - (sizeof(label) - 1)));
}

void
osp__tell_deadlocks(osp__findings *f, osp__finding *finding)
{
	const osp__group *group = finding->group;
	const osp__op *wait;

	if (group->count == 1)
		osp_buf_add_str(&finding->cause,
						OSP_STR("A statement was cancelled because of a "
								"deadlock, after "));
	else
	{
		osp__say_number(&finding->cause, (int64_t) group->count, "statement");
		osp_buf_add_str(
			&finding->cause,
			OSP_STR(" were cancelled because of deadlocks, after "));
	}
	osp__say_time(&finding->cause, group->spent_ns);
	osp_buf_add_str(&finding->cause, OSP_STR(" in all."));
	wait = find_wait(f, group->largest);
	say_statements(f, finding, wait != NULL ? wait : group->largest);
	say_detail(f, finding, group->largest);
	osp_buf_add_str(
		&finding->step,
		OSP_STR("The server's log has the statements of both sides. Let all "
				"transactions lock their rows in the same order, for instance "
				"with SELECT … ORDER BY id FOR UPDATE first."));
	osp__add_figure(finding, "deadlocks", (double) group->count);
}

static void
tell_given_up(osp__findings *f, osp__finding *finding)
{
	const osp__group *group = finding->group;

	osp__say_number(&finding->cause, (int64_t) group->count, "statement");
	osp_buf_add_str(&finding->cause,
					OSP_STR(" gave up waiting for a lock, after "));
	osp__say_time(&finding->cause, group->spent_ns);
	osp_buf_add_str(&finding->cause, OSP_STR(" in all."));
	osp__say_op(f, group->largest, &finding->evidence);
	osp_buf_add_str(
		&finding->step,
		OSP_STR("While it lasts, pg_blocking_pids() and pg_stat_activity show "
				"who holds the lock. lock_timeout says how long a statement "
				"waits before it gives up."));
	osp__add_figure(finding, "statements", (double) group->count);
}

/* Appends advice for a wait. */
static void
say_step(osp__findings *f, osp__finding *finding)
{
	const osp__op *wait = finding->group->largest;
	int64_t pid = root_pid(wait);

	if (is_prepared(wait))
		osp_buf_add_str(
			&finding->step,
			OSP_STR("A prepared transaction keeps its locks until somebody "
					"ends it, also when its program has gone: SELECT gid, "
					"prepared, owner FROM pg_prepared_xacts shows it, COMMIT "
					"PREPARED or ROLLBACK PREPARED with its gid ends it."));
	else if (is_of_crowd(finding->group) && !is_idle_in_transaction(f, wait))
		osp_buf_add_str(
			&finding->step,
			OSP_STR("Many processes lock the same, and each waits for those "
					"before it. Lock it as the last step of a transaction and "
					"commit at once, or have less that all of them lock: "
					"several rows for one counter, or an INSERT for each "
					"change and a sum of them."));
	else if (pid > 0)
		say_holder_step(f, finding, wait, pid);
	else
		osp_buf_add_str(
			&finding->step,
			OSP_STR("Add wait to osprofiler.points to record who holds the "
					"lock; while it lasts, pg_blocking_pids() tells it."));
}

void
osp__tell_locks(osp__findings *f, osp__finding *finding)
{
	const osp__group *group = finding->group;
	const osp__op *largest = group->largest;
	int64_t pid = osp__op_fact(largest, OSP__HOLDER_PID);

	if (group->key == GAVE_UP)
	{
		tell_given_up(f, finding);
		return;
	}
	say_waits(finding, group);
	if (pid > 0 || is_prepared(largest))
		say_lock(f, finding, largest);
	else
		osp_buf_add_str(&finding->cause,
						OSP_STR("; who held it is not recorded."));
	say_statements(f, finding, largest);
	say_step(f, finding);
	osp__add_figure(finding, "waits", (double) group->count);
	if (pid > 0 && !is_of_crowd(group))
		osp__add_figure(finding, "holder_pid", (double) pid);
}
