/* SPDX-License-Identifier: Apache-2.0
 *
 * control_text.h
 *	  Text from outside on its way to a terminal.
 */
#ifndef OSPROFILER_CLI_TEXT_H
#define OSPROFILER_CLI_TEXT_H

#include "osprofiler/buf.h"

/*
 * Appends text with every control character (C0, DEL, C1) written as \xNN, so
 * that text from a collector can neither control the terminal nor end the line.
 */
void cli_add_visible(osp_buf *buf, osp_str text);

#endif /* OSPROFILER_CLI_TEXT_H */
