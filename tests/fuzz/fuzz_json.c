/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_json.c
 *	  JSON texts and JSON strings.
 *
 * Properties: the output is ASCII, and can be read. Writing it again does not change
 * it. A text that is indented, and then written in one line, is as it was before. The
 * members of an object, in braces, are the object. Strings and doubles are valid JSON.
 */
#include "fuzz.h"

#include "osprofiler/json.h"

#define BUF_MAX ((size_t) 1 << 24)

static void
check_ascii(const osp_buf *buf)
{
	size_t i;

	REQUIRE(osp_buf_status(buf) == OSP_OK);
	for (i = 0; i < buf->len; i++)
		REQUIRE((unsigned char) buf->ptr[i] < 0x7f);
	REQUIRE(buf->ptr[buf->len] == '\0');
}

static void
check_again(const osp_buf *once)
{
	osp_buf again;
	osp_buf indented;
	osp_buf back;

	osp_buf_init(&again, &osp_allocator_default, BUF_MAX);
	osp_buf_init(&indented, &osp_allocator_default, BUF_MAX);
	osp_buf_init(&back, &osp_allocator_default, BUF_MAX);
	REQUIRE(osp_json_rewrite(&again, osp_buf_str(once), -1, 0) == OSP_OK);
	REQUIRE(osp_str_eq(osp_buf_str(once), osp_buf_str(&again)));
	REQUIRE(osp_json_rewrite(&indented, osp_buf_str(once), 2, 1) == OSP_OK);
	check_ascii(&indented);
	REQUIRE(osp_json_rewrite(&back, osp_buf_str(&indented), -1, 0) == OSP_OK);
	REQUIRE(osp_str_eq(osp_buf_str(once), osp_buf_str(&back)));
	osp_buf_term(&again);
	osp_buf_term(&indented);
	osp_buf_term(&back);
}

static void
check_members(osp_str text, const osp_buf *once)
{
	osp_buf members;
	size_t count;

	osp_buf_init(&members, &osp_allocator_default, BUF_MAX);
	osp_buf_add_char(&members, '{');
	if (once->ptr[0] == '{')
	{
		REQUIRE(osp_json_members(&members, text, &count) == OSP_OK);
		osp_buf_add_char(&members, '}');
		REQUIRE(osp_str_eq(osp_buf_str(&members), osp_buf_str(once)));
		REQUIRE((count == 0) == (once->len == 2));
	}
	else
		REQUIRE(osp_json_members(&members, text, &count) == OSP_EPROTO);
	osp_buf_term(&members);
}

static void
check_text(osp_str text)
{
	osp_buf once;

	osp_buf_init(&once, &osp_allocator_default, BUF_MAX);
	if (osp_json_rewrite(&once, text, -1, 0) == OSP_OK)
	{
		check_ascii(&once);
		check_again(&once);
		check_members(text, &once);
	}
	else
		REQUIRE(once.len == 0);
	osp_buf_term(&once);
}

static void
check_string(osp_str text)
{
	osp_buf string;
	osp_buf again;

	osp_buf_init(&string, &osp_allocator_default, BUF_MAX);
	osp_buf_init(&again, &osp_allocator_default, BUF_MAX);
	osp_json_string(&string, text);
	check_ascii(&string);
	REQUIRE(osp_json_rewrite(&again, osp_buf_str(&string), -1, 0) == OSP_OK);
	REQUIRE(osp_str_eq(osp_buf_str(&string), osp_buf_str(&again)));
	osp_buf_term(&string);
	osp_buf_term(&again);
}

static void
check_double(osp_str text)
{
	osp_buf buf;
	double value;
	double back;

	if (text.len < sizeof(value))
		return;
	memcpy(&value, text.ptr, sizeof(value));
	osp_buf_init(&buf, &osp_allocator_default, BUF_MAX);
	osp_json_double(&buf, value);
	REQUIRE(osp_buf_status(&buf) == OSP_OK);
	if (buf.ptr[0] != 'n')
	{
		back = strtod(buf.ptr, NULL);
		REQUIRE(memcmp(&value, &back, sizeof(value)) == 0);
	}
	osp_buf_term(&buf);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = fuzz_copy(data, size);
	osp_str text = osp_str_n(copy, size);

	check_text(text);
	check_string(text);
	check_double(text);
	free(copy);
	return 0;
}
