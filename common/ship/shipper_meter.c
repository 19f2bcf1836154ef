/* SPDX-License-Identifier: Apache-2.0
 *
 * shipper_meter.c
 *	  Measures the shipper's work: points per second, their age when the
 *	  collector has them, CPU time. It does so in windows of some seconds, for
 *	  the status file.
 *
 * Ages are counted in buckets, four to each power of two of microseconds.
 */
#include <time.h>

#include "ship/shipper_int.h"

#define WINDOW_NS (5 * NS_PER_S)

static unsigned
bucket_of(uint64_t us)
{
	unsigned top;

	if (us < 4)
		return (unsigned) us;
	top = 63 - (unsigned) __builtin_clzll(us);
	if (top > METER_BUCKETS / 4)
		return METER_BUCKETS - 1;
	return (top - 1) * 4 + ((unsigned) (us >> (top - 2)) & 3);
}

/* The middle of a bucket, in microseconds. */
static uint64_t
bucket_us(unsigned bucket)
{
	unsigned top = bucket / 4 + 1;

	if (bucket < 4)
		return bucket;
	return (((uint64_t) 4 + bucket % 4) << (top - 2)) +
		   (UINT64_C(1) << (top - 2)) / 2;
}

/* The age that per_mille of a thousand points do not exceed. */
static uint64_t
percentile(const shipper_meter *meter, uint64_t per_mille)
{
	uint64_t wanted = (meter->aged * per_mille + 999) / 1000;
	uint64_t seen = 0;
	unsigned i;

	for (i = 0; i < METER_BUCKETS - 1; i++)
	{
		seen += meter->buckets[i];
		if (seen >= wanted)
			break;
	}
	return bucket_us(i);
}

void
osp__meter_confirmed(osp_shipper *s, const shipper_slot *slot, size_t points,
					 int64_t now)
{
	shipper_meter *meter = &s->meter;
	size_t count = slot->from_spool ? 0 : osp_batch_count(slot->batch);
	size_t i;

	if (meter->points == 0)
		meter->begin_ns = s->sent_ns;
	meter->points += points;
	meter->aged += count;
	for (i = 0; i < count; i++)
	{
		int64_t age_us = (now - slot->born_ns[i]) / 1000;

		meter->buckets[bucket_of(age_us > 0 ? (uint64_t) age_us : 0)]++;
	}
}

void
osp__meter_publish(osp_shipper *s, int64_t now, bool at_once)
{
	shipper_meter *meter = &s->meter;
	osp_runstat *stat = s->stat;
	struct timespec cpu;

	if (meter->points == 0 || (!at_once && now - meter->begin_ns < WINDOW_NS))
		return;
	(void) clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
	__atomic_store_n(&stat->cpu_ns,
					 (uint64_t) cpu.tv_sec * NS_PER_S + (uint64_t) cpu.tv_nsec,
					 __ATOMIC_RELAXED);
	__atomic_store_n(&stat->window_points, meter->points, __ATOMIC_RELAXED);
	__atomic_store_n(
		&stat->window_ns, (uint64_t) (now - meter->begin_ns), __ATOMIC_RELAXED);
	__atomic_store_n(
		&stat->lag_p50_us, percentile(meter, 500), __ATOMIC_RELAXED);
	__atomic_store_n(
		&stat->lag_p99_us, percentile(meter, 990), __ATOMIC_RELAXED);
	__atomic_store_n(
		&stat->window_wall_ns, now + osp_wall_offset_now(), __ATOMIC_RELAXED);
	memset(meter, 0, sizeof(*meter));
}
