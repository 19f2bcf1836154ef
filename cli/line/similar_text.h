/* SPDX-License-Identifier: Apache-2.0
 *
 * similar_text.h
 *	  Which of several words was meant?
 */
#ifndef OSPROFILER_CLI_SIMILAR_TEXT_H
#define OSPROFILER_CLI_SIMILAR_TEXT_H

#include "osprofiler/base.h"

/* Words that differ by more letters than this do not resemble each other. */
#define CLI_SIMILAR_MAX 3

/*
 * How many letters must be changed, inserted or left out to turn a into b; a
 * large number for long texts.
 */
size_t cli_text_distance(osp_str a, osp_str b);

/*
 * Does word resemble name more than the best match so far? *best_changes is the
 * number of letters in which that one differs, at first CLI_SIMILAR_MAX. It is
 * updated if the answer is yes.
 */
bool cli_text_is_nearer(const char *word, const char *name,
						size_t *best_changes);

#endif /* OSPROFILER_CLI_SIMILAR_TEXT_H */
