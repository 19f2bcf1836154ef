/* SPDX-License-Identifier: Apache-2.0
 *
 * shipping.h
 *	  Shared by the tests of the shipper: a run directory, a collector that fails as a
 *	  test orders (plugins/fake.h), producers, a log, and counts of the points that
 *	  arrived.
 */
#ifndef TEST_SHIPPING_H
#define TEST_SHIPPING_H

#include "plugins/fake.h"
#include "record/producer.h"
#include "ship/shipper.h"

#define SHIPPING_PRODUCERS 32

/* How long a test waits at most for an event that must occur; under valgrind everything
 * is slow. */
#define SHIPPING_TIMEOUT_MS 60000

/* The lines of the log. */
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
	char store[96]; /* its file of points */
	fake_control *control;
	osp_runstat *stat;    /* the status file */
	osp_shipper *shipper; /* of shipping_open; closed with the fixture */
	shipping_log log;
} shipping;

/* Fixtures for cmocka: *state is a shipping. */
int shipping_setup(void **state);
int shipping_teardown(void **state);

/* Returns the options for this run directory and collector. */
osp_shipper_options shipping_options(shipping *ship);

/* Opens the shipper, and asserts that this succeeds. */
osp_shipper *shipping_open(shipping *ship);
osp_shipper *shipping_open_with(shipping *ship,
								const osp_shipper_options *options);

/* Closes the shipper before the end of the test. */
void shipping_close(shipping *ship);

/* Calls osp_shipper_step() until done(arg) returns true. False: that took longer than
 * timeout_ms. */
bool shipping_step_until(osp_shipper *s, unsigned timeout_ms,
						 bool (*done)(void *arg), void *arg);

/* Calls osp_shipper_step() until the shipper has delivered everything and sleeps. (It
 * also sleeps while its sender takes long.) */
void shipping_step_until_asleep(osp_shipper *s, osp_runstat *stat);

/* Calls osp_shipper_step() for ms milliseconds, and waits between the calls as it says.
 * Returns how often it was called. */
int shipping_count_steps(osp_shipper *s, int ms);

/* Opens a shipper, delivers everything, and closes it. */
void shipping_deliver(shipping *ship);

/* Opens producer number n of the test. */
void shipping_produce_open(shipping *ship, osp_producer *producer,
						   size_t ring_size);

/*
 * Commits the points from..to of producer number n. Each odd one is the stop of the
 * start before it. Returns how many were committed: a full ring drops some.
 */
int shipping_produce(osp_producer *producer, int n, int from, int to);

/* How the points of producer n arrived. */
typedef struct shipping_arrived
{
	int points;    /* different ones */
	int copies;    /* arrived again with the same source and sequence */
	int repeated;  /* arrived again with others: no reader can detect it */
	int unordered; /* no copies; after a later point of the producer */
	int last_line; /* of all lines of the store; -1: none */
	int highest;   /* number of the last point; -1: none */
} shipping_arrived;

shipping_arrived shipping_count(const shipping *ship, int n);

/* The number of rings in the run directory with a number below SHIPPING_PRODUCERS. */
int shipping_rings(const shipping *ship);

/* Does the store contain this text? */
bool shipping_holds(const shipping *ship, const char *text);

/* The sum of lost_points in the starts of this trace. */
long shipping_lost_points(const shipping *ship, const char *base);

/* Asserts that the counters of the status file add up: each record that was written was
 * delivered, was lost, or waits in the spool. No record may wait in a ring. */
void shipping_expect_sums(const shipping *ship);

/* Asserts that all points 0..count-1 of producer n arrived once, without copies and in
 * order. */
void shipping_expect(const shipping *ship, int n, int count);

#endif /* TEST_SHIPPING_H */
