/* SPDX-License-Identifier: Apache-2.0
 *
 * json.h
 *	  Writing JSON in the bytes of Python's json.dumps, and reading single
 *	  members of a JSON text.
 *
 * json.dumps writes ", " and ": ", only ASCII, and \u escapes in lower-case
 * hex, characters beyond the BMP as two of them. Reading is done by yyjson
 * (third_party/yyjson), which only common/'s .c files include.
 */
#ifndef OSPROFILER_JSON_H
#define OSPROFILER_JSON_H

#include "osprofiler/base.h"
#include "osprofiler/buf.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Deepest nesting of a JSON text that is read. */
#define OSP_JSON_DEPTH_MAX 256

/*
 * Appends text as a JSON string with its quotes. Bytes that are not UTF-8
 * become U+FFFD, one per maximal invalid part; surrogates that were encoded as
 * UTF-8 (which Python reads from "\ud800") stay as their escape.
 */
OSP_API void osp_json_string(osp_buf *buf, osp_str text);

/* Appends a double as Python's repr does; NaN and infinities as null. */
OSP_API void osp_json_double(osp_buf *buf, double value);

/*
 * Appends a JSON text as json.dumps would write it after json.loads has read
 * it; numbers keep their digits. indent < 0: one line, ", " and ": ". indent >=
 * 0: like json.dumps(indent=indent, separators=(",", ": ")) at nesting level
 * level. OSP_EPROTO (and nothing appended): it is not JSON.
 */
OSP_API osp_status osp_json_rewrite(osp_buf *buf, osp_str json, int indent,
									int level) OSP_MUST_CHECK;

/* Appends the members of a JSON object without its braces, in one line, and stores
 * their number in *count. OSP_EPROTO: it is not a JSON object. */
OSP_API osp_status osp_json_members(osp_buf *buf, osp_str json,
									size_t *count) OSP_MUST_CHECK;

/*
 * Appends the text of a string that is a member of a JSON object; "a.b" is the
 * member b of the object a. OSP_ENOENT: there is no such member, or it is not a
 * string; OSP_EPROTO: json is not a JSON object.
 */
OSP_API osp_status osp_json_member_text(osp_buf *buf, osp_str json,
										osp_str name) OSP_MUST_CHECK;

#ifdef __cplusplus
}
#endif

#endif /* OSPROFILER_JSON_H */
