/* SPDX-License-Identifier: Apache-2.0
 *
 * wait_watch.c
 *	  Samples what backends wait for, in the background worker.
 *
 * A look at a backend reads from PostgreSQL's shared memory what the backend waits for.
 * It is assumed that the backend has waited for that since the previous look, or since
 * its operation began. Looks do not disturb backends: the worker waits for no lock and
 * wakes nobody.
 *
 * A statement is looked at every millisecond at first, later at intervals of a
 * sixteenth of the time that it has run, but at least every 20 ms. In a stream of short
 * statements the intervals grow up to 20 ms, too, so the first look at a long statement
 * among them may come that late; after a pause it comes within 8 ms. (A look takes 30 us
 * of a busy processor, nearly all of it to wake the worker: every 8 ms, that was half a
 * per cent of TPC-B.) If looks take long, because there are many backends, they come less
 * often, so that they take at most a tenth of the time of one processor.
 *
 * When no traced statement has run for a second, the worker sleeps. It says so in each
 * slot, and the next statement wakes it by its latch. (To poll for statements would
 * keep the processor of an idle server awake.) A backend that waits for a lock before
 * its statement is planned has not reached any hook of ours, and wakes nobody; so a
 * sleeping worker checks once a second whether there is one. A backend stores its
 * statement and then reads whether the worker sleeps, without a memory barrier between
 * the two, which would cost time in each statement. So the worker looks once more, some
 * milliseconds after it has said that it sleeps.
 */
#include "wait_watch.h"

#include "storage/ipc.h"

#define LOOK_MIN    1 /* ms */
#define LOOK_MAX    20
#define LOOK_SHARE  16 /* the interval is this part of the age */
#define LOOK_PAUSE  8  /* while no statement runs */
#define LOOK_LOCKS  5 /* how many ms at most while a backend waits for a lock */
#define LOOK_COST   10    /* looks take at most a tenth of the time */
#define LOOK_ASLEEP 10000 /* asleep: is the run directory still the same? */
#define LOOK_EARLY \
	1000 /* the same while backends have slots, or while the slots' file is missing */
#define CPU_AGE   2 /* ms; CPU time is noted of statements this old */
#define CPU_NOTES 4 /* the largest number in one look at all backends */
#define QUIET_NS  INT64CONST(1000000000)

static int64 active_ns; /* when a statement was last seen */
static bool asleep;     /* the slots say that the worker sleeps */
static long nap_ms;     /* ms between looks in a stream of short statements */

/* The result of a look at all backends. */
typedef struct pgospRound
{
	bool active; /* a statement runs, or ran since the last look */
	bool awake;  /* a slot does not say that the worker sleeps */
	bool alive;  /* there is a backend that has a slot */
	int cpu_notes;
	long due_ms; /* until the next look at an older statement; 0: none */
} pgospRound;

static void
leave(int code, Datum arg)
{
	pgosp_watch_end();
}

void
pgosp_watch_begin(const char *run_directory)
{
	static bool registered = false;

	if (!registered)
		on_proc_exit(leave, 0);
	registered = true;
	pgosp_watched_open(run_directory);
	active_ns = osp_mono_now();
	asleep = false;
	nap_ms = LOOK_MIN;
}

void
pgosp_watch_end(void)
{
	pgosp_watched_close();
}

/* ---- one backend ---- */

static void
add(pgospSlot *slot, uint32 event, int64 ns)
{
	int used = slot->used;
	int i = 0;

	if (ns <= 0)
		return;
	while (i < used && slot->events[i] != event)
		i++;
	if (i == PGOSP_WAITS_MAX)
		return;
	if (i < used)
		slot->sums[i] += ns;
	else
	{
		slot->events[i] = event;
		slot->sums[i] = ns;
		pg_write_barrier();
		slot->used = i + 1;
	}
	slot->seen++;
}

/* Clears the sums of the slot if they are those of another statement. */
static void
begin_sums(pgospSlot *slot, int64 began_ns)
{
	if (slot->of_ns == began_ns)
		return;
	slot->of_ns = 0;
	pg_write_barrier();
	slot->used = 0;
	pg_write_barrier();
	slot->of_ns = began_ns;
}

/* Reads what the backend does. False: it runs nothing that is traced, or its state
 * changes just now. */
static bool
read_slot(const pgospSlot *shared, PGPROC *proc, pgospLook *look,
		  int64 *began_ns)
{
	const volatile pgospSlot *slot = shared;

	*began_ns = slot->began_ns;
	look->proc = proc;
	look->since_ns = slot->since_ns;
	pg_read_barrier();
	look->current = slot->current;
	look->status = slot->status;
	look->now_ns = osp_mono_now();
	look->event = *(volatile uint32 *) &proc->wait_event_info;
	pg_read_barrier();
	return look->current != NULL && *began_ns != 0 && slot->pid == proc->pid &&
		   slot->began_ns == *began_ns && slot->since_ns == look->since_ns &&
		   slot->current == look->current;
}

static void
forget_backend(pgospWatched *it, int pid)
{
	it->pid = pid;
	it->wait = NULL;
	it->began_ns = 0;
}

/* Looks at a backend that runs nothing that is traced. It may wait for a lock in the
 * analysis of a statement that will be traced. */
static void
look_early(pgospWatched *it, pgospLook *look, pgospRound *round)
{
	const volatile pgospSlot *slot = it->slot;

	if (look->current != NULL || slot->current != NULL ||
		slot->since_ns != look->since_ns || slot->pid != look->proc->pid ||
		!pgosp_lock_look(it, look))
	{
		pgosp_lock_wait_ends(it, look->now_ns);
		return;
	}
	round->active = true;
	round->due_ms =
		round->due_ms == 0 ? LOOK_LOCKS : Min(round->due_ms, LOOK_LOCKS);
}

static void
look_at(pgospWatched *it, PGPROC *proc, pgospRound *round)
{
	pgospSlot *slot = it->slot;
	pgospLook look;
	int64 began_ns;
	int64 age_ms;
	bool runs;
	bool locked;

	round->awake |= !slot->asleep;
	round->alive |= slot->pid != 0 && slot->pid == proc->pid;
	if (it->pid != slot->pid)
		forget_backend(it, slot->pid);
	runs = read_slot(slot, proc, &look, &began_ns);
	round->active |= runs || began_ns != it->began_ns;
	it->began_ns = began_ns;
	look.before_ns = it->looked_ns;
	it->looked_ns = look.now_ns;
	if (!runs)
	{
		look_early(it, &look, round);
		return;
	}
	age_ms = (look.now_ns - began_ns) / PGOSP_NS_PER_MS;
	if (look.event == 0 && age_ms < LOOK_MIN)
		return;
	begin_sums(slot, began_ns);
	locked = pgosp_lock_look(it, &look);
	if (look.event != 0)
		add(slot, look.event, look.now_ns - Max(look.before_ns, look.since_ns));
	if (age_ms >= CPU_AGE && it->cpu_of_ns != began_ns &&
		round->cpu_notes < CPU_NOTES)
	{
		it->cpu_of_ns = began_ns;
		round->cpu_notes += pgosp_cpu_note(slot, proc->pid);
	}
	age_ms =
		Min(Max(age_ms / LOOK_SHARE, LOOK_MIN), locked ? LOOK_LOCKS : LOOK_MAX);
	round->due_ms = round->due_ms == 0 ? age_ms : Min(round->due_ms, age_ms);
}

/* ---- all backends ---- */

static void
say_whether_asleep(bool whether)
{
	uint32 i;

	asleep = whether;
	for (i = 0; i < pgosp_watched_count(); i++)
	{
		pgospWatched *it = pgosp_watched(i);

		if (it != NULL)
			it->slot->asleep = whether;
	}
	pg_memory_barrier();
}

static void
look_at_all(pgospRound *round)
{
	uint32 i;

	for (i = 0; i < pgosp_watched_count(); i++)
	{
		pgospWatched *it = pgosp_watched(i);

		if (it != NULL)
			look_at(it, &ProcGlobal->allProcs[i], round);
	}
}

/* Called when nothing runs: returns the time until the next look, and goes to sleep
 * after a while. */
static long
go_to_sleep(const pgospRound *round, int64 now_ns)
{
	if (now_ns - active_ns < QUIET_NS)
		return LOOK_PAUSE;
	if (!round->awake)
		return round->alive ? LOOK_EARLY : LOOK_ASLEEP;
	say_whether_asleep(true);
	return LOOK_PAUSE;
}

long
pgosp_watch_look(void)
{
	int64 began_ns = osp_mono_now();
	pgospRound round = {false, false, false, 0, 0};
	long ms;
	long cost_ms;

	if (!pgosp_watched_check(began_ns))
		return LOOK_EARLY;
	look_at_all(&round);
	if (!round.active)
	{
		nap_ms = LOOK_MIN;
		return Min(go_to_sleep(&round, began_ns), pgosp_watched_due_ms());
	}
	active_ns = began_ns;
	if (asleep)
		say_whether_asleep(false);
	nap_ms = round.due_ms == 0 ? Min(2 * nap_ms, LOOK_MAX) : LOOK_MIN;
	ms = round.due_ms == 0 ? nap_ms : Min(round.due_ms, LOOK_MAX);
	cost_ms =
		(long) ((osp_mono_now() - began_ns) * LOOK_COST / PGOSP_NS_PER_MS);
	return Max(ms, cost_ms);
}
