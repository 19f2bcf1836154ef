/* SPDX-License-Identifier: Apache-2.0
 *
 * session_state.c
 *	  The state of a session that several parts read or set: see pgosp_state.h.
 *
 * This file is below all parts, so that a part that needs the state of another one does
 * not have to call it.
 */
#include "pgosp_setting.h"

#include "access/parallel.h"

pgosp_hot_data bool pgosp_setting_gate = false;
pgosp_hot_data bool pgosp_comment_gate = false;
bool pgosp_has_trace_info = false;
bool pgosp_has_trace_hmac = false;
bool pgosp_has_next_context = false;
pgosp_hot_data bool pgosp_comment_seen = false;
pgosp_hot_data uint64 pgosp_text_epoch = 1;
pgosp_hot_data TimestampTz pgosp_armed_at = PGOSP_DISARMED;
pgosp_hot_data int pgosp_busy = 0;
pgosp_hot_data bool pgosp_planning = false;
pgosp_hot_data bool pgosp_error_told = false;
pgosp_hot_data bool pgosp_is_traced_worker = false;
pgosp_hot_data dlist_head pgosp_open_points =
	DLIST_STATIC_INIT(pgosp_open_points);

pgosp_hot_data osp_clock pgosp_clock;
pgosp_hot_data uint64 pgosp_next_serial = 1;
pgosp_hot_data osp_producer *pgosp_ring = NULL;

bool pgosp_reporting = false;
TimestampTz pgosp_loaded_at = 0;
void (*pgosp_first_trace_hook)(void) = NULL;

void
pgosp_gates_update(void)
{
	bool here = pgosp_enabled && !pgosp_untraced && !IsParallelWorker();

	pgosp_setting_gate =
		here && (pgosp_sample_rate > 0 || pgosp_has_trace_info ||
				 pgosp_has_trace_hmac || pgosp_has_next_context);
	pgosp_setting_gate |= pgosp_enabled && pgosp_is_traced_worker;
	pgosp_comment_gate = here && pgosp_read_comments && pgosp_comment_seen;
	pgosp_disarm();
}
