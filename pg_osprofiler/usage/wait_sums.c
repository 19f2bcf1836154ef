/* SPDX-License-Identifier: Apache-2.0
 *
 * wait_sums.c
 *	  Encodes what a statement waited for, from the sums that the background worker has
 *	  sampled.
 *
 * The slot of the backend (pgosp_slot.h) has sums since the last top-level
 * statement began. A statement remembers the sums at its beginning, and reports
 * the differences.
 */
#include "pgosp_lockwait.h"
#include "pgosp_usage.h"

#define NS_PER_MS INT64CONST(1000000)

/* The number of sums in the slot. The worker raises it after it has written a sum, so
 * that many sums can be read. */
static int
sum_count(void)
{
	int count = pgosp_slot.used;

	pg_read_barrier();
	return Min(count, PGOSP_WAITS_MAX);
}

void
pgosp_waits_copy(pgospWaits *waits)
{
	waits->count = sum_count();
	memcpy(waits->ns,
		   pgosp_slot.sums,
		   sizeof(waits->ns[0]) * (size_t) waits->count);
}

/* The name of a wait event; NULL for events whose names can only be read with a
 * lock. */
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

/* If the worker samples late, it may add waits of the preceding statement to the sums.
 * So each wait is limited to the duration of this statement. */
void
pgosp_put_waits(osp_writer *w, const pgospWaits *then)
{
	int64 longest_ns = pgosp_now() - then->since_ns;
	bool any = false;
	int used;
	int i;

	if (then->count < 0 || pgosp_slot.of_ns != then->began_ns)
		return;
	used = sum_count();
	for (i = 0; i < used; i++)
	{
		int64 ns = pgosp_slot.sums[i] - (i < then->count ? then->ns[i] : 0);

		if (ns <= 0)
			continue;
		if (!any)
			osp_put_object(w, OSP_STR("waits"));
		any = true;
		put_wait(w, pgosp_slot.events[i], Min(ns, longest_ns));
	}
	if (any)
		osp_put_end(w);
}
