/* SPDX-License-Identifier: Apache-2.0
 *
 * terminal_text.h
 *	  Makes text from outside safe for a terminal. Private to common/.
 */
#ifndef OSPROFILER_TERMINAL_TEXT_H
#define OSPROFILER_TERMINAL_TEXT_H

#include "osprofiler/buf.h"

/*
 * Appends text in a form that is safe to show on one line, and returns how many columns
 * it takes. White space becomes single spaces, none at the ends. Characters that would
 * control a terminal, or change the order or place of other characters, are escaped:
 * controls as \x1b, formatting characters as \u202e, bytes that are not UTF-8 as \xff.
 * Without unicode, all characters beyond ASCII are escaped.
 *
 * Text that takes more than max_columns (0: no limit) is cut between characters
 * and ends in an ellipsis; it is left out if there is no room even for that.
 */
size_t osp__terminal_text(osp_buf *buf, osp_str text, bool unicode,
						  size_t max_columns);

/* Is the character invisible: is it white space, or does osp__terminal_text() escape
 * it? */
bool osp__is_unseen(uint32_t code);

#endif /* OSPROFILER_TERMINAL_TEXT_H */
