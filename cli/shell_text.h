/* SPDX-License-Identifier: Apache-2.0
 *
 * shell_text.h
 *	  Words for a command line that somebody will type or copy.
 */
#ifndef OSPROFILER_CLI_SHELL_TEXT_H
#define OSPROFILER_CLI_SHELL_TEXT_H

#include "osprofiler/buf.h"

/* Appends a word as a shell reads it back: as it is if it has only letters, digits
 * and a few harmless characters, else in single quotes. */
void cli_add_quoted(osp_buf *out, osp_str word);

/* The same, for a message: in text, which is made here and which the caller ends with
 * osp_buf_term(). "''" if there is no memory for it. */
const char *cli_quoted(osp_buf *text, const char *word);

#endif /* OSPROFILER_CLI_SHELL_TEXT_H */
