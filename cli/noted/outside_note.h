/* SPDX-License-Identifier: Apache-2.0
 *
 * outside_note.h
 *	  How much of a command's time is not in its trace: `osprofiler run` notes
 *	  it for `osprofiler trace show`.
 */
#ifndef OSPROFILER_CLI_OUTSIDE_NOTE_H
#define OSPROFILER_CLI_OUTSIDE_NOTE_H

#include "osprofiler/buf.h"
#include "profiler/config.h"

/* Notes a text for the trace of this id. It replaces the text of the previous trace. */
void cli_outside_note(const osp_config *config, const char *base_id,
					  const char *text);

/* Appends the text that was noted for this trace; false: there is none. */
bool cli_outside_read(const osp_config *config, osp_str base_id,
					  osp_buf *text) OSP_MUST_CHECK;

#endif /* OSPROFILER_CLI_OUTSIDE_NOTE_H */
