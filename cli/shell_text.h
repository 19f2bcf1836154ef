/* SPDX-License-Identifier: Apache-2.0
 *
 * shell_text.h
 *	  Words for a command line that somebody will type or copy.
 */
#ifndef OSPROFILER_CLI_SHELL_TEXT_H
#define OSPROFILER_CLI_SHELL_TEXT_H

#include "osprofiler/buf.h"

/*
 * Appends a word in a form that a shell reads back: unchanged if it has only
 * letters, digits and a few harmless characters, else in single quotes.
 */
void cli_add_quoted(osp_buf *out, osp_str word);

/*
 * Returns a word quoted for a shell, for use in a message. The result points
 * into text, which this function initialises and the caller releases with
 * osp_buf_term(). If there is no memory, the result is "''".
 */
const char *cli_quoted(osp_buf *text, const char *word);

#endif /* OSPROFILER_CLI_SHELL_TEXT_H */
