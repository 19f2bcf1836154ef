/* SPDX-License-Identifier: Apache-2.0
 *
 * wait_sampling.c
 *	  What a statement waited for, by sampling.
 *
 * PostgreSQL says in shared memory what a backend waits for, and for how long
 * nobody keeps count. While a traced statement runs, a timer of PostgreSQL's own
 * looks at what this backend waits for now, and takes it that it has waited for
 * that since the last look. Looks come every millisecond at first, later
 * at a sixteenth of the time that the statement has run: so a statement of an
 * hour costs no more looks a second than one of a second does. In a stream of
 * short statements, which a look finds young or gone, they come further and further
 * apart, every eighth millisecond in the end: the short ones pay next to nothing, and
 * the first look at a long one among them comes that late.
 *
 * The timer's function runs inside of a signal handler, anywhere. It reads a few
 * variables, adds to a table and sets the timer again. It does not when no
 * statement runs any more, so nobody has to stop it, and for a stream of short
 * statements it need not be set for each. Each look wakes PostgreSQL from its
 * wait, and it goes on waiting: the timeouts for locks and statements do that
 * too.
 *
 * The table has sums since the last top-level statement began. A statement
 * remembers what they were when it began, and tells the differences.
 */
#include "pgosp_lockwait.h"
#include "pgosp_usage.h"

#include "storage/proc.h"
#include "utils/timeout.h"

#define NS_PER_MS  INT64CONST(1000000)
#define LOOK_MIN   1 /* ms */
#define LOOK_MAX   20
#define LOOK_SHARE 16
#define LOOK_YOUNG 8 /* ms, in a stream of short statements, at most */

/* What the timer's function changes; only it adds to what is counted. */
static uint32 events[PGOSP_WAITS_MAX];
static int64 sums[PGOSP_WAITS_MAX];
static volatile int used = 0;
static volatile int64 looked_ns;
static volatile int64 began_ns; /* the top-level statement */
static volatile int first_look_ms = LOOK_MIN;
volatile uint64 pgosp_waits_seen = 0;

static TimeoutId timer = MAX_TIMEOUTS;

/* Changes when the table begins anew. */
static uint32 epoch = 0;

static void
add(uint32 event, int64 ns)
{
	int i;

	pgosp_waits_seen++;
	for (i = 0; i < used; i++)
		if (events[i] == event)
		{
			sums[i] += ns;
			return;
		}
	if (used == PGOSP_WAITS_MAX)
		return;
	events[used] = event;
	sums[used] = ns;
	used++;
}

/* How long until the next look. */
static int
next_look_ms(int64 now)
{
	int64 ms = (now - began_ns) / (LOOK_SHARE * NS_PER_MS);

	return (int) Min(Max(ms, LOOK_MIN), LOOK_MAX);
}

/* The look came to nothing that is worth one. */
static int
next_look_of_young_ms(void)
{
	first_look_ms = Min(2 * first_look_ms, LOOK_YOUNG);
	return first_look_ms;
}

/* The timer's. */
static void
look(void)
{
	int64 now = osp_mono_now();
	uint32 event;
	int ms;

	if (MyProc == NULL || pgosp_current == NULL)
	{
		(void) next_look_of_young_ms();
		return;
	}
	event = *(volatile uint32 *) &MyProc->wait_event_info;
	if (event != 0)
		add(event, now - looked_ns);
	if (now - began_ns >= LOOK_MIN * NS_PER_MS && pgosp_cpu_note(began_ns, now))
		pgosp_waits_seen++;
	if (event == 0 && now - began_ns < LOOK_MIN * NS_PER_MS)
		ms = next_look_of_young_ms();
	else
	{
		first_look_ms = LOOK_MIN;
		ms = next_look_ms(now);
	}
	if ((pgosp_points & PGOSP_POINTS_WAIT) == 0 ||
		pgosp_lockwait_look(event, now, looked_ns, &ms))
		enable_timeout_after(timer, ms);
	looked_ns = now;
}

void
pgosp_waits_add(uint32 event, int64 until_ns)
{
	if (timer == MAX_TIMEOUTS || get_timeout_active(timer) ||
		until_ns <= looked_ns)
		return;
	add(event, until_ns - looked_ns);
	looked_ns = until_ns;
}

void
pgosp_waits_look_again(void)
{
	if (timer == MAX_TIMEOUTS || get_timeout_active(timer))
		return;
	looked_ns = osp_mono_now();
	enable_timeout_after(timer, LOOK_MIN);
}

pgosp_hot void
pgosp_waits_sample(pgospWaits *waits, int64 now_ns)
{
	if (unlikely(timer == MAX_TIMEOUTS))
		timer = RegisterTimeout(USER_TIMEOUT, look);
	if (pgosp_current == NULL)
	{
		if (unlikely(used > 0))
		{
			used = 0;
			epoch++;
		}
		began_ns = now_ns;
	}

	/* What begins does not wait yet: the look to come is about it alone. */
	looked_ns = now_ns;
	if (unlikely(!get_timeout_active(timer)))
		enable_timeout_after(timer,
							 pgosp_current == NULL ? first_look_ms
												   : next_look_ms(now_ns));
	waits->epoch = epoch;
	waits->seen = pgosp_waits_seen;
	waits->count = used;
	if (unlikely(used > 0))
		memcpy(waits->ns, sums, sizeof(sums[0]) * (size_t) waits->count);
}

/* The names of some events are kept where it takes a lock to read them. */
static const char *
name_of(uint32 event)
{
	switch (event & 0xFF000000U)
	{
		case PG_WAIT_EXTENSION:
		case PGOSP_WAIT_INJECTION_POINT:
			return NULL;
		default:
			return pgstat_get_wait_event(event);
	}
}

static void
put_wait(osp_writer *w, uint32 event, int64 ns)
{
	const char *type = pgstat_get_wait_event_type(event);
	const char *name = name_of(event);
	char key[2 * NAMEDATALEN];

	snprintf(key,
			 sizeof(key),
			 "%s%s%s",
			 type != NULL ? type : "unknown",
			 name != NULL ? ":" : "",
			 name != NULL ? name : "");
	osp_put_f64(w, osp_str_of(key), (double) ns / (double) NS_PER_MS);
}

void
pgosp_put_waits(osp_writer *w, const pgospWaits *then)
{
	bool any = false;
	int i;

	if (then->count < 0 || then->epoch != epoch)
		return;
	for (i = 0; i < used; i++)
	{
		int64 ns = sums[i] - (i < then->count ? then->ns[i] : 0);

		if (ns <= 0)
			continue;
		if (!any)
			osp_put_object(w, OSP_STR("waits"));
		any = true;
		put_wait(w, events[i], ns);
	}
	if (any)
		osp_put_end(w);
}
