/* SPDX-License-Identifier: Apache-2.0
 *
 * terminal_text.h
 *	  Text from outside on its way to a terminal. Private to common/.
 */
#ifndef OSPROFILER_TERMINAL_TEXT_H
#define OSPROFILER_TERMINAL_TEXT_H

#include "osprofiler/buf.h"

/*
 * Appends text as it can be shown on one line, and returns how many columns it
 * takes. White space becomes single spaces, none at the ends. What would drive
 * a terminal, or change the order or place of other characters, is written as an
 * escape: controls as \x1b, formatting characters as \u202e, bytes that are not
 * UTF-8 as \xff. Without unicode all characters beyond ASCII are.
 *
 * Text that takes more than max_columns (0: no limit) is cut between characters
 * and ends in an ellipsis; one that has no room for that is left out.
 */
size_t osp__terminal_text(osp_buf *buf, osp_str text, bool unicode,
						  size_t max_columns);

/* Is nothing to be seen of a character: is it white space, or one that
 * osp__terminal_text() writes as an escape? */
bool osp__is_unseen(uint32_t code);

#endif /* OSPROFILER_TERMINAL_TEXT_H */
