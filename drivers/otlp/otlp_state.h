/* SPDX-License-Identifier: Apache-2.0
 *
 * otlp_state.h
 *	  The file that keeps start and stop points that wait for each other, so that
 *	  they outlive this process.
 *
 *	  osprofiler-otlp 1
 *	  TIME w JSON		a point that arrived at TIME (ns since 1970) and waits
 *	  TIME d JSON		a point that is done, see otlp_pairs.h
 *
 * The file is in the run directory, beside the rings. Like the rings, it survives
 * the end of the agent, but not a restart of the machine. For this reason it need
 * not be synced. It is always written as a whole.
 */
#ifndef OSP_OTLP_STATE_H
#define OSP_OTLP_STATE_H

#include "otlp_pairs.h"

/*
 * Reads the file into the table. A file that is missing, damaged or not ours is
 * ignored. OSP_ENOMEM.
 */
osp_status otlp_state_read(const char *path, otlp_pairs *pairs,
						   osp_error *err) OSP_MUST_CHECK;

/*
 * Writes the table to the file if it has changed. The points are delivered even
 * if that fails, so a failure is not reported: the next batch tries it again.
 */
void otlp_state_write(const char *path, otlp_pairs *pairs);

#endif /* OSP_OTLP_STATE_H */
