/* SPDX-License-Identifier: Apache-2.0
 *
 * json_layout.h
 *	  Writing a valid JSON text again, in the bytes of json.dumps. Private to
 *	  common/.
 */
#ifndef OSPROFILER_JSON_LAYOUT_H
#define OSPROFILER_JSON_LAYOUT_H

#include "json/json_read.h"

/*
 * Values nested deeper than this are not indented, but written in one line: the
 * lines of a report of a million levels would otherwise be mostly spaces.
 */
#define OSP__INDENT_LEVELS 256

/* Appends a line break and the indentation of level; nothing if indent is negative or
 * the level is too deep. */
void osp__json_newline(osp_buf *buf, int indent, size_t level);

/*
 * Appends text, which osp__json_read() has accepted, laid out as
 * osp_json_rewrite() says. All strings are escaped as json.dumps does. Not
 * terminated. May treat a buffer with some 60 bytes left as full.
 */
void osp__json_layout(osp_buf *buf, osp_str text, int indent, size_t level);

/* Returns whether to keep this member. */
typedef bool (*osp__json_keep_fn)(void *ctx, const osp__json_member *member);

/* Like osp_json_members(), but keep decides about each member; it may be NULL. */
osp_status osp__json_members(osp_buf *buf, osp_str json, osp__json_keep_fn keep,
							 void *ctx, size_t *count) OSP_MUST_CHECK;

/*
 * Is every string of text, which osp__json_read() has accepted, written as
 * json.dumps would write it? Then parts of it can be compared byte by byte.
 */
bool osp__json_is_canonical(osp_str text);

#endif /* OSPROFILER_JSON_LAYOUT_H */
