/* SPDX-License-Identifier: Apache-2.0
 *
 * json_read.c
 *	  Reading a JSON text as Python's json.loads does.
 *
 * yyjson copies the text and decodes each string in place in that copy. So the
 * distance of a string from the start of the copy is its place in the text, and
 * the places of the keys give those of all members.
 */
#include "json/json_read.h"

#include <stdlib.h>

#include "base/buf_fast.h"
#include "json/json_layout.h"
#include "json/json_plain.h"

#define READ_FLAGS (YYJSON_READ_NUMBER_AS_RAW | YYJSON_READ_ALLOW_INF_AND_NAN)

#define I64_DIGITS_MAX 18

/* A byte that never occurs in UTF-8. */
#define FILLER 0xff

/* Objects of more members than this are sorted to find duplicate keys. */
#define FEW_MEMBERS 64

static void *
adapter_malloc(void *ctx, size_t size)
{
	return osp_alloc(ctx, size);
}

static void *
adapter_realloc(void *ctx, void *ptr, size_t old_size, size_t size)
{
	(void) old_size;
	return osp_realloc(ctx, ptr, size);
}

static void
adapter_free(void *ctx, void *ptr)
{
	osp_free(ctx, ptr);
}

void
osp__json_reader_init(osp__json_reader *reader, const osp_allocator *alc,
					  char *space, size_t space_size)
{
	memset(reader, 0, sizeof(*reader));
	reader->alc = alc;
	reader->space = space;
	reader->space_size = space_size;
	reader->text = OSP_STR("");
}

void
osp__json_reader_term(osp__json_reader *reader)
{
	yyjson_doc_free(reader->doc);
	reader->doc = NULL;
}

/* The code of the \uXXXX at p, or -1. */
static int
read_escape(const char *p, const char *end)
{
	if (end - p < 6 || p[0] != '\\' || p[1] != 'u')
		return -1;
	return osp__json_hex4(p + 2);
}

/* Replaces the escape of a lone surrogate by its UTF-8 and fillers of the same
 * length. */
static void
replace_surrogate(char *p, int code)
{
	p[0] = (char) (0xe0 | code >> 12);
	p[1] = (char) (0x80 | (code >> 6 & 0x3f));
	p[2] = (char) (0x80 | (code & 0x3f));
	memset(p + 3, FILLER, 3);
}

/*
 * Replaces the escapes of lone surrogates in all strings, and moves nothing.
 * False if a string holds a control character.
 */
static bool
replace_lone_surrogates(char *p, const char *end)
{
	bool in_string = false;

	while (p < end)
	{
		int code;

		if (*p != '\\')
		{
			if (*p == '"')
				in_string = !in_string;
			else if (in_string && (unsigned char) *p < 0x20)
				return false;
			p++;
			continue;
		}
		code = read_escape(p, end);
		if (code >> 10 == 0xd800 >> 10 &&
			read_escape(p + 6, end) >> 10 == 0xdc00 >> 10)
			p += 12;
		else if (code >> 11 == 0xd800 >> 11)
		{
			replace_surrogate(p, code);
			p += 6;
		}
		else
			p += end - p < 2 ? 1 : 2;
	}
	return true;
}

/* Is there a surrogate with its fillers at p? */
static bool
is_filled_surrogate(const char *p, size_t len)
{
	return len >= 6 && (unsigned char) p[0] == 0xed &&
		   (unsigned char) p[1] >= 0xa0 && (unsigned char) p[3] == FILLER &&
		   (unsigned char) p[4] == FILLER && (unsigned char) p[5] == FILLER;
}

/* Takes the fillers out of a string, and returns its new length. */
static size_t
compact(char *text, size_t len)
{
	size_t from = 0;
	size_t to = 0;

	while (from < len)
	{
		if (is_filled_surrogate(text + from, len - from))
		{
			memmove(text + to, text + from, 3);
			to += 3;
			from += 6;
		}
		else
			text[to++] = text[from++];
	}
	return to;
}

static void
remove_fillers(yyjson_doc *doc)
{
	yyjson_val *value = doc->root;
	yyjson_val *end = value + doc->val_read;

	for (; value < end; value++)
	{
		size_t len = unsafe_yyjson_get_len(value);

		if (!unsafe_yyjson_is_str(value))
			continue;
		unsafe_yyjson_set_len(
			value, compact((char *) (uintptr_t) value->uni.str, len));

		/* The string is longer in the text, so its end must be searched there. */
		if (unsafe_yyjson_get_len(value) < len)
			unsafe_yyjson_set_type(value, YYJSON_TYPE_STR, YYJSON_SUBTYPE_NONE);
	}
}

/* Reads text again, now with lone surrogates and bytes that are not UTF-8. */
static osp_status
read_leniently(osp__json_reader *reader, osp_str text)
{
	char *copy = osp_alloc(reader->alc, text.len);
	osp_status status = OSP_EPROTO;
	yyjson_read_err why;

	if (copy == NULL)
		return OSP_ENOMEM;
	memcpy(copy, text.ptr, text.len);
	if (replace_lone_surrogates(copy, copy + text.len))
	{
		reader->doc =
			yyjson_read_opts(copy,
							 text.len,
							 READ_FLAGS | YYJSON_READ_ALLOW_INVALID_UNICODE,
							 &reader->memory,
							 &why);
		if (reader->doc != NULL)
		{
			remove_fillers(reader->doc);
			status = OSP_OK;
		}
		else if (why.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION)
			status = OSP_ENOMEM;
	}
	osp_free(reader->alc, copy);
	return status;
}

static void
choose_memory(osp__json_reader *reader, size_t text_len)
{
	size_t need = yyjson_read_max_memory_usage(text_len, READ_FLAGS);

	if (need != 0 && need <= reader->space_size &&
		yyjson_alc_pool_init(
			&reader->memory, reader->space, reader->space_size))
		return;
	reader->memory.malloc = adapter_malloc;
	reader->memory.realloc = adapter_realloc;
	reader->memory.free = adapter_free;
	reader->memory.ctx = (void *) reader->alc;
}

static int
compare_strings(osp_str a, osp_str b)
{
	int order = memcmp(a.ptr, b.ptr, a.len < b.len ? a.len : b.len);

	return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

/* Entries whose value is NULL are left out. index is the place in the object. */
typedef struct member_entry
{
	osp_str key;
	yyjson_val *value;
	size_t index;
} member_entry;

static int
compare_keys(const void *a, const void *b)
{
	const member_entry *x = a;
	const member_entry *y = b;
	int order = compare_strings(x->key, y->key);

	return order != 0 ? order : (x->index > y->index) - (x->index < y->index);
}

static int
compare_places(const void *a, const void *b)
{
	const member_entry *x = a;
	const member_entry *y = b;

	return (x->index > y->index) - (x->index < y->index);
}

/*
 * The members of a non-empty object, sorted by key. Returned owned; NULL when
 * there is no memory.
 */
static member_entry *
sort_members(const osp_allocator *alc, yyjson_val *object)
{
	size_t count = unsafe_yyjson_get_len(object);
	member_entry *entries = osp_calloc(alc, count, sizeof(*entries));
	yyjson_val *key = unsafe_yyjson_get_first(object);
	size_t i;

	if (entries == NULL)
		return NULL;
	for (i = 0; i < count; i++, key = unsafe_yyjson_get_next(key + 1))
	{
		entries[i].key = osp__json_str(key);
		entries[i].value = key + 1;
		entries[i].index = i;
	}
	qsort(entries, count, sizeof(*entries), compare_keys);
	return entries;
}

/* Gives the first of equal keys the value of the last, and drops the others. */
static bool
drop_duplicates(member_entry *entries, size_t count)
{
	size_t first = 0;
	size_t i;
	bool found = false;

	for (i = 1; i < count; i++)
	{
		if (!osp_str_eq(entries[i].key, entries[first].key))
		{
			first = i;
			continue;
		}
		entries[first].value = entries[i].value;
		entries[i].value = NULL;
		found = true;
	}
	return found;
}

static osp_status
find_duplicates_sorting(osp__json_reader *reader, yyjson_val *object)
{
	member_entry *entries = sort_members(reader->alc, object);

	if (entries == NULL)
		return OSP_ENOMEM;
	if (drop_duplicates(entries, unsafe_yyjson_get_len(object)))
		reader->duplicates = true;
	osp_free(reader->alc, entries);
	return OSP_OK;
}

static bool
key_came_before(yyjson_val *first, yyjson_val *key)
{
	osp_str text = osp__json_str(key);
	yyjson_val *before;

	for (before = first; before != key;
		 before = unsafe_yyjson_get_next(before + 1))
	{
		if (osp_str_eq(osp__json_str(before), text))
			return true;
	}
	return false;
}

/*
 * A key is compared with those before it only if one of them had the same
 * length, first and last character, which a set of 64 bits remembers well
 * enough.
 */
static osp_status
find_duplicates(osp__json_reader *reader, yyjson_val *object)
{
	yyjson_val *first = unsafe_yyjson_get_first(object);
	yyjson_val *key = first;
	size_t count = unsafe_yyjson_get_len(object);
	uint64_t seen = 0;
	size_t i;

	if (count < 2)
		return OSP_OK;
	if (count > FEW_MEMBERS)
		return find_duplicates_sorting(reader, object);
	for (i = 0; i < count; i++, key = unsafe_yyjson_get_next(key + 1))
	{
		osp_str text = osp__json_str(key);
		unsigned mark = (unsigned) text.len * 5;
		uint64_t bit;

		if (text.len > 0)
			mark += (unsigned char) text.ptr[0] +
					7 * (unsigned) (unsigned char) text.ptr[text.len - 1];
		bit = UINT64_C(1) << (mark & 63);
		if ((seen & bit) != 0 && key_came_before(first, key))
			reader->duplicates = true;
		seen |= bit;
	}
	return OSP_OK;
}

/* Is it a number for Python? yyjson has checked its digits, but accepts "nan", "inf"
 * and other spellings, too. */
static bool
is_python_number(yyjson_val *raw)
{
	osp_str text =
		osp_str_n(unsafe_yyjson_get_raw(raw), unsafe_yyjson_get_len(raw));
	char last = text.len > 0 ? text.ptr[text.len - 1] : '\0';

	return (last >= '0' && last <= '9') || osp_str_eq(text, OSP_STR("NaN")) ||
		   osp_str_eq(text, OSP_STR("Infinity")) ||
		   osp_str_eq(text, OSP_STR("-Infinity"));
}

/* Checks all values in one pass; they lie one behind the other. */
static osp_status
check_values(osp__json_reader *reader)
{
	yyjson_val *ends[OSP_JSON_DEPTH_MAX];
	yyjson_val *value = reader->doc->root;
	yyjson_val *end = value + reader->doc->val_read;
	int depth = 0;

	for (; value < end; value++)
	{
		while (depth > 0 && value >= ends[depth - 1])
			depth--;
		if (unsafe_yyjson_is_raw(value))
		{
			if (!is_python_number(value))
				return OSP_EPROTO;
		}
		else if (unsafe_yyjson_is_ctn(value))
		{
			if (depth == OSP_JSON_DEPTH_MAX)
			{
				reader->too_deep = true;
				if (!reader->any_depth)
					return OSP_EPROTO;
				value = unsafe_yyjson_get_next(value) - 1;
				continue;
			}
			ends[depth++] = unsafe_yyjson_get_next(value);
			if (unsafe_yyjson_is_obj(value))
			{
				osp_status status = find_duplicates(reader, value);

				if (status != OSP_OK)
					return status;
			}
		}
	}
	return OSP_OK;
}

osp_status
osp__json_read(osp__json_reader *reader, osp_str text)
{
	yyjson_read_err why;
	osp_status status = OSP_OK;

	osp__json_reader_term(reader);
	reader->text = text;
	reader->duplicates = false;
	reader->lenient = false;
	reader->too_deep = false;
	choose_memory(reader, text.len);
	reader->doc = yyjson_read_opts((char *) (uintptr_t) text.ptr,
								   text.len,
								   READ_FLAGS,
								   &reader->memory,
								   &why);
	if (reader->doc == NULL)
	{
		if (why.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION)
			return OSP_ENOMEM;
		if (why.code != YYJSON_READ_ERROR_INVALID_STRING)
			return OSP_EPROTO;
		reader->lenient = true;
		status = read_leniently(reader, text);
	}
	if (status == OSP_OK)
		status = check_values(reader);
	if (status != OSP_OK)
		osp__json_reader_term(reader);
	return status;
}

bool
osp__json_i64(yyjson_val *value, int64_t *out)
{
	osp_str text;
	size_t i;
	int64_t number = 0;
	bool negative;

	if (!yyjson_is_raw(value))
		return false;
	text =
		osp_str_n(unsafe_yyjson_get_raw(value), unsafe_yyjson_get_len(value));
	negative = text.len > 0 && text.ptr[0] == '-';
	i = negative ? 1 : 0;
	if (text.len == i || text.len - i > I64_DIGITS_MAX)
		return false;
	for (; i < text.len; i++)
	{
		if (text.ptr[i] < '0' || text.ptr[i] > '9')
			return false;
		number = number * 10 + (text.ptr[i] - '0');
	}
	*out = negative ? -number : number;
	return true;
}

/* The string at value as it is in the text, with its quotes. */
static osp_str
string_text(const osp__json_reader *reader, yyjson_val *value)
{
	size_t place =
		(size_t) (unsafe_yyjson_get_str(value) - reader->doc->str_pool) - 1;
	const char *start = reader->text.ptr + place;
	const char *p = start + 1 + unsafe_yyjson_get_len(value);

	if (unsafe_yyjson_get_subtype(value) != YYJSON_SUBTYPE_NOESC)
	{
		/* Escapes make the text longer than the value, so its end is searched. */
		for (p = start + 1; *p != '"'; p++)
			p += *p == '\\';
	}
	return osp_str_n(start, (size_t) (p + 1 - start));
}

static const char *
skip_space(const char *p)
{
	while (osp__json_is_space(*p))
		p++;
	return p;
}

/* Skips the white space before p. */
static const char *
skip_space_back(const char *p)
{
	while (osp__json_is_space(p[-1]))
		p--;
	return p;
}

osp_str
osp__json_root_text(const osp__json_reader *reader)
{
	const char *start = skip_space(reader->text.ptr);
	const char *end = skip_space_back(reader->text.ptr + reader->text.len);

	return osp_str_n(start, (size_t) (end - start));
}

void
osp__json_iter_init(osp__json_iter *iter, const osp__json_reader *reader,
					yyjson_val *object, osp_str text)
{
	iter->reader = reader;
	iter->left = unsafe_yyjson_get_len(object);
	iter->key = unsafe_yyjson_get_first(object);
	iter->end = text.ptr + text.len;
	if (iter->left > 0)
		iter->key_text = string_text(reader, iter->key);
}

bool
osp__json_iter_next(osp__json_iter *iter, osp__json_member *out)
{
	const char *start;
	const char *end;

	if (iter->left == 0)
		return false;
	out->key = iter->key;
	out->value = iter->key + 1;
	out->key_text = iter->key_text;
	start = skip_space(iter->key_text.ptr + iter->key_text.len);
	start = skip_space(start + 1); /* skips the colon */

	/* Before the next key stands a comma, behind the last value a brace. */
	end = iter->end;
	if (--iter->left > 0)
	{
		iter->key = unsafe_yyjson_get_next(out->value);
		iter->key_text = string_text(iter->reader, iter->key);
		end = skip_space_back(iter->key_text.ptr);
	}
	end = skip_space_back(end - 1);
	out->value_text = osp_str_n(start, (size_t) (end - start));
	return true;
}

static osp_status write_value(const osp__json_reader *reader, osp_buf *buf,
							  yyjson_val *value);

static osp_status
write_object(const osp__json_reader *reader, osp_buf *buf, yyjson_val *object)
{
	size_t count = unsafe_yyjson_get_len(object);
	member_entry *entries;
	osp_status status = OSP_OK;
	size_t i;

	if (count == 0)
	{
		osp__buf_lit(buf, "{}");
		return OSP_OK;
	}
	entries = sort_members(reader->alc, object);
	if (entries == NULL)
		return OSP_ENOMEM;
	(void) drop_duplicates(entries, count);
	qsort(entries, count, sizeof(*entries), compare_places);
	osp__buf_lit(buf, "{");
	for (i = 0; i < count && status == OSP_OK; i++)
	{
		if (entries[i].value == NULL)
			continue;
		if (i > 0)
			osp__buf_lit(buf, ", ");
		osp_json_string(buf, entries[i].key);
		osp__buf_lit(buf, ": ");
		status = write_value(reader, buf, entries[i].value);
	}
	osp__buf_lit(buf, "}");
	osp_free(reader->alc, entries);
	return status;
}

static osp_status
write_array(const osp__json_reader *reader, osp_buf *buf, yyjson_val *array)
{
	size_t count = unsafe_yyjson_get_len(array);
	yyjson_val *value = unsafe_yyjson_get_first(array);
	osp_status status = OSP_OK;
	size_t i;

	osp__buf_lit(buf, "[");
	for (i = 0; i < count && status == OSP_OK; i++)
	{
		if (i > 0)
			osp__buf_lit(buf, ", ");
		status = write_value(reader, buf, value);
		value = unsafe_yyjson_get_next(value);
	}
	osp__buf_lit(buf, "]");
	return status;
}

/* Calls itself for nested values, OSP_JSON_DEPTH_MAX levels at most. */
static osp_status
write_value(const osp__json_reader *reader, osp_buf *buf, yyjson_val *value)
{
	switch (unsafe_yyjson_get_type(value))
	{
		case YYJSON_TYPE_OBJ:
			return write_object(reader, buf, value);
		case YYJSON_TYPE_ARR:
			return write_array(reader, buf, value);
		case YYJSON_TYPE_STR:
			osp_json_string(buf, osp__json_str(value));
			break;
		case YYJSON_TYPE_BOOL:
			osp_buf_add_str(buf,
							unsafe_yyjson_get_bool(value) ? OSP_STR("true")
														  : OSP_STR("false"));
			break;
		case YYJSON_TYPE_RAW:
			osp__buf_put(buf,
						 unsafe_yyjson_get_raw(value),
						 unsafe_yyjson_get_len(value));
			break;
		default:
			osp__buf_lit(buf, "null");
			break;
	}
	return OSP_OK;
}

static osp_status
read_canonical(osp__json_reader *reader, osp_buf *scratch)
{
	osp_buf_reset(scratch);
	osp__json_layout(scratch, osp__json_root_text(reader), -1, 0);
	if (osp_buf_status(scratch) != OSP_OK)
		return osp_buf_status(scratch);
	return osp__json_read(reader, osp_buf_str(scratch));
}

osp_status
osp__json_read_unique(osp__json_reader *reader, osp_str text, osp_buf *scratch)
{
	osp_status status = osp__json_read(reader, text);

	/* Keys that differ only in bytes that are not UTF-8 become the same when these are
	 * replaced. */
	if (status == OSP_OK && reader->lenient && !osp__json_is_canonical(text))
		status = read_canonical(reader, scratch);
	if (status != OSP_OK || !reader->duplicates)
		return status;
	osp_buf_reset(scratch);
	status = write_value(reader, scratch, reader->doc->root);
	if (status == OSP_OK)
		status = osp_buf_status(scratch);
	if (status == OSP_OK)
		return osp__json_read(reader, osp_buf_str(scratch));
	osp__json_reader_term(reader);
	return status;
}
