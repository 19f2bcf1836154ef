/* SPDX-License-Identifier: Apache-2.0
 *
 * similar_text.h
 *	  Which of several words did somebody mean?
 */
#ifndef OSPROFILER_CLI_SIMILAR_TEXT_H
#define OSPROFILER_CLI_SIMILAR_TEXT_H

#include "osprofiler/base.h"

/* Words that differ by more letters than this do not resemble each other. */
#define CLI_SIMILAR_MAX 3

/* How many letters must be changed, put in or left out to make b of a; a large number
 * for long texts. */
size_t cli_text_distance(osp_str a, osp_str b);

/* Is word nearer to name than the *best_changes so far, CLI_SIMILAR_MAX at first, and
 * near enough? Then *best_changes is how near. */
bool cli_text_is_nearer(const char *word, const char *name,
						size_t *best_changes);

#endif /* OSPROFILER_CLI_SIMILAR_TEXT_H */
