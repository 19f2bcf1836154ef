/* SPDX-License-Identifier: Apache-2.0
 *
 * parse.h
 *	  Values of settings: sizes, durations, truth values and lists of words.
 */
#ifndef OSP_PARSE_H
#define OSP_PARSE_H

#include "base/shared.h"
#include "osprofiler/base.h"

/* "4MB", "65536", "1 GB" in bytes; kB, MB and GB are powers of 1024. */
bool osp_parse_size(osp_str text, uint64_t *out) OSP_MUST_CHECK;

/* "90s", "30m", "12h", "7d" in seconds; "0": none. */
bool osp_parse_duration(osp_str text, uint64_t *seconds) OSP_MUST_CHECK;

/* true/false, yes/no, on/off, 1/0, as oslo.config and PostgreSQL read them. */
OSP_SHARED bool osp_parse_bool(osp_str text, bool *out) OSP_MUST_CHECK;

/*
 * Lists of words, between which are commas, spaces or tabs; small and large letters are
 * the same. Is each word of the list one of words, which end with NULL? Is this word in
 * the list?
 */
bool osp_parse_is_list_of(osp_str list,
						  const char *const *words) OSP_MUST_CHECK;
OSP_SHARED bool osp_parse_has_word(osp_str list,
								   const char *word) OSP_MUST_CHECK;

#endif /* OSP_PARSE_H */
