/* SPDX-License-Identifier: Apache-2.0
 *
 * run_fixture.c
 *	  A run directory for one test, and producers in it.
 */
#include "run_fixture.h"

#include <stdio.h>

#include "tempdir.h"

char run_path[128];

int
run_setup(void **state)
{
	(void) state;
	(void) snprintf(run_path, sizeof(run_path), "%s/run", tempdir_make());
	return 0;
}

int
run_teardown(void **state)
{
	(void) state;
	tempdir_remove();
	return 0;
}

osp_status
run_open_producer(osp_producer *producer)
{
	osp_producer_options options = {.ring_size = OSP_RING_MIN,
									.on_full = OSP_ON_FULL_DROP};

	return osp_producer_open(producer, run_path, &options, NULL);
}
