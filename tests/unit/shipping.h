/* SPDX-License-Identifier: Apache-2.0
 *
 * shipping.h
 *	  What the tests of the shipper share: a run directory with a collector that
 *	  obeys (plugins/fake.h), producers, a log, and the count of what arrived.
 */
#ifndef TEST_SHIPPING_H
#define TEST_SHIPPING_H

#include "plugins/fake.h"
#include "record/producer.h"
#include "ship/shipper.h"

#define SHIPPING_PRODUCERS 32

/* No test waits longer for what must happen; valgrind is slow. */
#define SHIPPING_TIMEOUT_MS 60000

/* Log lines, kept. */
typedef struct shipping_log
{
	int warnings;
	int infos;
	char last[512];
} shipping_log;

typedef struct shipping
{
	char run[96];   /* the run directory */
	char uri[96];   /* of the collector */
	char store[96]; /* where it keeps points */
	fake_control *control;
	osp_runstat *stat;    /* the status file */
	osp_shipper *shipper; /* of shipping_open; closed with the fixture */
	shipping_log log;
} shipping;

/* Fixtures of cmocka: *state is the shipping. */
int shipping_setup(void **state);
int shipping_teardown(void **state);

/* Options for this run directory and collector. */
osp_shipper_options shipping_options(shipping *ship);

/* Opens the shipper, and must succeed. */
osp_shipper *shipping_open(shipping *ship);
osp_shipper *shipping_open_with(shipping *ship,
								const osp_shipper_options *options);

/* Closes it before the end of the test. */
void shipping_close(shipping *ship);

/* Steps until done(arg) says so; false after timeout_ms. */
bool shipping_step_until(osp_shipper *s, unsigned timeout_ms,
						 bool (*done)(void *arg), void *arg);

/* Steps until the shipper has delivered everything and sleeps. (While the sender takes
 * long it sleeps, too.) */
void shipping_step_until_asleep(osp_shipper *s, osp_runstat *stat);

/* Steps for ms milliseconds, waiting as osp_shipper_step says; how often it did. */
int shipping_count_steps(osp_shipper *s, int ms);

/* A shipper that delivers all there is, and ends. */
void shipping_deliver(shipping *ship);

/* Opens producer number n of the test. */
void shipping_produce_open(shipping *ship, osp_producer *producer,
						   size_t ring_size);

/*
 * Commits points from..to of producer number n, all odd ones stops of the start
 * before. The number committed, for a full ring drops some.
 */
int shipping_produce(osp_producer *producer, int n, int from, int to);

/* How often each point of producer n arrived. */
typedef struct shipping_arrived
{
	int points;    /* different ones */
	int copies;    /* arrived again, with the same source and sequence */
	int repeated;  /* arrived again, with others: nobody can tell a copy */
	int unordered; /* not a copy, and behind a later one of the same producer */
	int last_line; /* of all that arrived; -1: none */
	int highest;   /* number of the last point; -1: none */
} shipping_arrived;

shipping_arrived shipping_count(const shipping *ship, int n);

/* The rings in the run directory, of those with the numbers below SHIPPING_PRODUCERS. */
int shipping_rings(const shipping *ship);

/* Does what arrived hold this text? */
bool shipping_holds(const shipping *ship, const char *text);

/* The sum of lost_points in the starts of this trace. */
long shipping_lost_points(const shipping *ship, const char *base);

/* What the status says adds up: each record that was written is delivered, lost, or waits
 * in the spool. Nothing may wait in the rings. */
void shipping_expect_sums(const shipping *ship);

/* All points 0..count-1 of producer n arrived once, without a copy, in order. */
void shipping_expect(const shipping *ship, int n, int count);

#endif /* TEST_SHIPPING_H */
