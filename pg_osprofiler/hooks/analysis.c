/* SPDX-License-Identifier: Apache-2.0
 *
 * analysis.c
 *	  The hook after parse analysis: checks whether a text may have a context, and
 *	  whether the analysis was slow (parsing.c); and notes where the statement is.
 */
#include "pgosp.h"

#include "access/xact.h"
#include "parser/analyze.h"
#include "tcop/tcopprot.h"

static post_parse_analyze_hook_type prev_post_parse_analyze;

static void
pgosp_post_parse_analyze(PGOSP_ANALYZE_ARGS)
{
	if (prev_post_parse_analyze != NULL)
		prev_post_parse_analyze(PGOSP_ANALYZE_PASS);
	pgosp_see_text(pstate->p_sourcetext, query->stmt_location, query->stmt_len);
	if (pstate->p_sourcetext == debug_query_string)
	{
		pgosp_analysed_place.string = pstate->p_sourcetext;
		pgosp_analysed_place.location = query->stmt_location;
		pgosp_analysed_place.length = query->stmt_len;
	}
	if (unlikely((pgosp_points & PGOSP_POINTS_PARSE) != 0 &&
				 pgosp_may_have_waited(GetCurrentStatementStartTimestamp(),
									   pgosp_now())))
		pgosp_parse_was_slow(pstate->p_sourcetext, query);
}

void
pgosp_analysis_init(void)
{
	prev_post_parse_analyze = post_parse_analyze_hook;
	post_parse_analyze_hook = pgosp_post_parse_analyze;
}
