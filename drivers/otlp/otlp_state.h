/* SPDX-License-Identifier: Apache-2.0
 *
 * otlp_state.h
 *	  The file in which points that wait for their other half outlive this
 *	  process.
 *
 *	  osprofiler-otlp 1
 *	  TIME w JSON		a point that arrived at TIME (ns since 1970) and waits
 *	  TIME d JSON		one that is done, see otlp_pairs.h
 *
 * It lies in the run directory, beside the rings: like these it survives the end
 * of the agent and not that of the machine. It is written anew as a whole, and
 * not synced, for the same reason.
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
