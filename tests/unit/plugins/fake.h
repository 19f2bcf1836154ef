/* SPDX-License-Identifier: Apache-2.0
 *
 * fake.h
 *	  A driver for tests: stores points as lines of a file, and fails, refuses points or
 *	  delays as a test orders.
 *
 * fake:///DIR stores points in DIR/store and takes orders from DIR/control, which the
 * driver and the test map, also in different processes. A line has the point's source,
 * in hex, its sequence and its JSON. Each point is written by one call, so a process
 * that is killed may leave any part of a batch stored. If the kill interrupts such a
 * call, the point does not count as stored: the next process that opens the store ends
 * the line with FAKE_CUT.
 */
#ifndef TEST_FAKE_H
#define TEST_FAKE_H

#include <stdint.h>

#define FAKE_CUT "(cut)"

typedef struct fake_control
{
	/* orders */
	uint32_t fail;     /* calls of notify that fail, storing nothing */
	uint32_t partial;  /* calls of notify that store every second, then fail */
	uint32_t delay_ms; /* of every call of notify, before storing */
	uint32_t refuse;   /* refuse points whose name begins with "bad" */

	/* what happened */
	uint32_t notifies;
	uint32_t largest;          /* batch */
	uint32_t last;             /* it was opened as the last connection */
	char state_directory[256]; /* "": opened without a state directory */
} fake_control;

#endif /* TEST_FAKE_H */
