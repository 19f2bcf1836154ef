/* SPDX-License-Identifier: Apache-2.0
 *
 * json_read.h
 *	  Reading a JSON text as Python's json.loads does. Private to the
 *	  project.
 *
 * A text is read by yyjson, which gives values but not their places in the
 * text. This reader finds the places from the keys, so that a member can be
 * copied as it was written, digit for digit. Beyond what yyjson takes, escapes
 * of lone surrogates are accepted (in values they are encoded as if they were
 * characters), as are NaN, Infinity and -Infinity in exactly these spellings,
 * and bytes that are not UTF-8. Nesting is bounded by OSP_JSON_DEPTH_MAX.
 */
#ifndef OSPROFILER_JSON_READ_H
#define OSPROFILER_JSON_READ_H

#include "../third_party/yyjson/yyjson.h"
#include "osprofiler/json.h"

/* Memory of this size is enough for texts of about a kilobyte without allocating. */
#define OSP__JSON_SPACE 16384

/* Reads one text after another; the values of each are valid until the next. */
typedef struct osp__json_reader
{
	const osp_allocator *alc;
	char *space; /* borrowed: memory for texts that are small enough */
	size_t space_size;
	yyjson_alc memory; /* allocates the values of this text */
	yyjson_doc *doc;
	osp_str text;    /* the text that was read, borrowed */
	bool duplicates; /* an object has a key more than once */
	bool lenient;    /* values may hold lone surrogates and invalid UTF-8 */
	bool too_deep;   /* the text is JSON, but nests beyond OSP_JSON_DEPTH_MAX */
	bool
		any_depth; /* set by the caller: a text that nests too deep is read, but
					* its deeper values are not checked, and must be read by
					* themselves before they are used */
} osp__json_reader;

/* Larger texts use memory of alc, which the next call frees. */
void osp__json_reader_init(osp__json_reader *reader, const osp_allocator *alc,
						   char *space, size_t space_size);
void osp__json_reader_term(osp__json_reader *reader);

/* Borrows text until the next call. OSP_EPROTO: it is not JSON, or nests too deep. */
osp_status osp__json_read(osp__json_reader *reader,
						  osp_str text) OSP_MUST_CHECK;

/*
 * Reads like osp__json_read, but without duplicate keys, as Python does: a key
 * keeps its first place and gets its last value. If there are duplicates, a
 * text without them is made in scratch, which must not change until the next
 * call.
 */
osp_status osp__json_read_unique(osp__json_reader *reader, osp_str text,
								 osp_buf *scratch) OSP_MUST_CHECK;

static inline yyjson_val *
osp__json_root(const osp__json_reader *reader)
{
	return reader->doc->root;
}

/* The decoded text of a string value; empty if value is NULL or no string. */
static inline osp_str
osp__json_str(yyjson_val *value)
{
	if (!yyjson_is_str(value))
		return OSP_STR("");
	return osp_str_n(unsafe_yyjson_get_str(value),
					 unsafe_yyjson_get_len(value));
}

/* Is value a string that is equal to text? */
static inline bool
osp__json_is(yyjson_val *value, osp_str text)
{
	return osp_str_eq(osp__json_str(value), text);
}

/* Reads an integer of at most 18 digits; false if value is something else. */
bool osp__json_i64(yyjson_val *value, int64_t *out) OSP_MUST_CHECK;

/* One member of an object, with its places in the text. */
typedef struct osp__json_member
{
	yyjson_val *key;
	yyjson_val *value;
	osp_str key_text; /* with its quotes */
	osp_str value_text;
} osp__json_member;

typedef struct osp__json_iter
{
	const osp__json_reader *reader;
	size_t left;
	yyjson_val *key; /* the next one */
	osp_str key_text;
	const char *end; /* where the text of the object ends */
} osp__json_iter;

/* Begins to go through the members of object, whose own text is text. */
void osp__json_iter_init(osp__json_iter *iter, const osp__json_reader *reader,
						 yyjson_val *object, osp_str text);
bool osp__json_iter_next(osp__json_iter *iter, osp__json_member *out);

/* The whole text without the white space around it. */
osp_str osp__json_root_text(const osp__json_reader *reader);

#endif /* OSPROFILER_JSON_READ_H */
