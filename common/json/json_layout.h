/* SPDX-License-Identifier: Apache-2.0
 *
 * json_layout.h
 *	  Writing a JSON text that is known to be one in the bytes of json.dumps.
 *	  Private to common/.
 */
#ifndef OSPROFILER_JSON_LAYOUT_H
#define OSPROFILER_JSON_LAYOUT_H

#include "json/json_read.h"

/*
 * Deeper than this nothing is indented, all goes on in one line: the lines of a
 * report of a million levels would otherwise be mostly spaces.
 */
#define OSP__INDENT_LEVELS 256

/* Appends a line break and the indentation of level, if lines are broken. */
void osp__json_newline(osp_buf *buf, int indent, size_t level);

/*
 * Appends text, which osp__json_read() took, laid out as osp_json_rewrite()
 * says. Strings come out in json.dumps' escapes, whatever theirs were. Not
 * terminated. May find a buffer full that has some 60 bytes left.
 */
void osp__json_layout(osp_buf *buf, osp_str text, int indent, size_t level);

/* Shall this member be taken over? */
typedef bool (*osp__json_keep_fn)(void *ctx, const osp__json_member *member);

/* As osp_json_members(), but with a say about each; keep may be NULL. */
osp_status osp__json_members(osp_buf *buf, osp_str json, osp__json_keep_fn keep,
							 void *ctx, size_t *count) OSP_MUST_CHECK;

/*
 * Is the inside of every string of text, which osp__json_read() took, what
 * json.dumps writes? Then parts of it can be compared byte by byte.
 */
bool osp__json_is_canonical(osp_str text);

#endif /* OSPROFILER_JSON_LAYOUT_H */
