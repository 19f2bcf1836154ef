/* SPDX-License-Identifier: Apache-2.0
 *
 * json.c
 *	  Writing JSON in the bytes of Python's json.dumps.
 */
#include "osprofiler/json.h"

#include "base/buf_fast.h"
#include "json/json_escape.h"
#include "json/json_layout.h"
#include "json/json_plain.h"
#include "json/json_read.h"

/* Room for the escape of one character. */
#define CHARACTER_MAX 12

/* Python writes a double without an exponent while the position of its decimal point is
 * in this range. */
#define POINT_MIN (-3)
#define POINT_MAX 16

#define DOUBLE_DIGITS_MAX 32
#define DOUBLE_SPACE      1024

void
osp_json_string(osp_buf *buf, osp_str text)
{
	osp_str rest = text;
	char *out = osp__buf_room(buf, text.len + 2);

	if (out == NULL)
		return;
	*out = '"';
	buf->len++;
	if (osp__json_copy_if_plain(out + 1, text.ptr, text.len))
	{
		buf->len += text.len;
		rest.len = 0;
	}
	while (rest.len > 0)
	{
		size_t taken;

		/* The last two bytes are kept for the quote and the NUL. */
		buf->len += osp__json_escape(
			rest, buf->ptr + buf->len, buf->cap - buf->len - 2, &taken);
		rest.ptr += taken;
		rest.len -= taken;
		if (rest.len > 0 &&
			osp__buf_room(buf, rest.len + CHARACTER_MAX) == NULL)
			return;
	}
	osp__buf_lit(buf, "\"");
	osp__buf_end(buf);
}

/*
 * Finds the decimal digits of value, which is positive: as few as are needed to
 * read the same value back. The value is 0.DIGITS * 10^*point. Returns the
 * number of digits. yyjson finds them, because printf() depends on the locale.
 */
static size_t
shortest_digits(double value, char digits[DOUBLE_DIGITS_MAX], int *point)
{
	char space[DOUBLE_SPACE];
	yyjson_alc memory;
	yyjson_val number;
	size_t len = 0;
	size_t count = 0;
	char *text;
	size_t i;
	int exponent = 0;
	int before_point = -1;

	number.tag = YYJSON_TYPE_NUM | YYJSON_SUBTYPE_REAL;
	number.uni.f64 = value;
	(void) yyjson_alc_pool_init(&memory, space, sizeof(space));
	text = yyjson_val_write_opts(&number, 0, &memory, &len, NULL);
	for (i = 0; text != NULL && i < len && text[i] != 'e'; i++)
	{
		if (text[i] == '.')
			before_point = (int) count;
		else if (count < DOUBLE_DIGITS_MAX)
			digits[count++] = text[i];
	}
	if (before_point < 0)
		before_point = (int) count;
	if (text != NULL && i < len)
	{
		bool negative = text[++i] == '-';

		for (i += negative; i < len; i++)
			exponent = exponent * 10 + (text[i] - '0');
		exponent = negative ? -exponent : exponent;
	}
	*point = before_point + exponent;

	/* Moves the point over zeros: "0.001" has them before the first digit, "100.0"
	 * behind the last. */
	for (i = 0; i + 1 < count && digits[i] == '0'; i++)
		--*point;
	memmove(digits, digits + i, count - i);
	count -= i;
	while (count > 1 && digits[count - 1] == '0')
		count--;
	return count;
}

static void
put_zeros(osp_buf *buf, int count)
{
	while (count-- > 0)
		osp__buf_lit(buf, "0");
}

static void
put_fixed(osp_buf *buf, const char *digits, size_t count, int point)
{
	size_t whole = point > 0 ? (size_t) point : 0;

	if (whole >= count)
	{
		osp__buf_put(buf, digits, count);
		put_zeros(buf, (int) (whole - count));
		osp__buf_lit(buf, ".0");
		return;
	}
	if (whole == 0)
		osp__buf_lit(buf, "0");
	osp__buf_put(buf, digits, whole);
	osp__buf_lit(buf, ".");
	put_zeros(buf, -point);
	osp__buf_put(buf, digits + whole, count - whole);
}

static void
put_scientific(osp_buf *buf, const char *digits, size_t count, int point)
{
	int exponent = point - 1;

	osp__buf_put(buf, digits, 1);
	if (count > 1)
	{
		osp__buf_lit(buf, ".");
		osp__buf_put(buf, digits + 1, count - 1);
	}
	if (exponent < 0)
		osp__buf_lit(buf, "e-");
	else
		osp__buf_lit(buf, "e+");
	exponent = exponent < 0 ? -exponent : exponent;
	if (exponent < 10)
		osp__buf_lit(buf, "0");
	osp_buf_add_i64(buf, exponent);
}

void
osp_json_double(osp_buf *buf, double value)
{
	char digits[DOUBLE_DIGITS_MAX];
	size_t count;
	int point;

	if (!__builtin_isfinite(value))
	{
		osp_buf_add_str(buf, OSP_STR("null"));
		return;
	}
	if (__builtin_signbit(value))
		osp__buf_lit(buf, "-");
	value = __builtin_fabs(value);
	if (value == 0)
	{
		osp_buf_add_str(buf, OSP_STR("0.0"));
		return;
	}
	count = shortest_digits(value, digits, &point);
	if (point >= POINT_MIN && point <= POINT_MAX)
		put_fixed(buf, digits, count, point);
	else
		put_scientific(buf, digits, count, point);
	osp__buf_end(buf);
}

/* The state that osp_json_rewrite and osp__json_members have in common. */
typedef struct rewriting
{
	osp__json_reader reader;
	osp_buf unique; /* the text without duplicate keys, if it had any */
	char space[OSP__JSON_SPACE];
	size_t start; /* the buffer's length before anything was appended */
} rewriting;

static osp_status
begin_rewriting(rewriting *rw, osp_buf *buf, osp_str json)
{
	rw->start = buf->len;
	osp_buf_init(&rw->unique, buf->alc, buf->max);
	osp__json_reader_init(&rw->reader, buf->alc, rw->space, sizeof(rw->space));
	if (osp_buf_status(buf) != OSP_OK)
		return osp_buf_status(buf);
	return osp__json_read_unique(&rw->reader, json, &rw->unique);
}

static osp_status
end_rewriting(rewriting *rw, osp_buf *buf, osp_status status)
{
	osp__json_reader_term(&rw->reader);
	osp_buf_term(&rw->unique);
	if (status == OSP_OK)
		status = osp_buf_status(buf);
	if (status == OSP_OK)
		osp__buf_end(buf);
	else
		osp__buf_cut(buf, rw->start);
	return status;
}

osp_status
osp_json_rewrite(osp_buf *buf, osp_str json, int indent, int level)
{
	rewriting rw;
	osp_status status = begin_rewriting(&rw, buf, json);

	if (status == OSP_OK)
		osp__json_layout(buf,
						 osp__json_root_text(&rw.reader),
						 indent,
						 level > 0 ? (size_t) level : 0);
	return end_rewriting(&rw, buf, status);
}

osp_status
osp__json_members(osp_buf *buf, osp_str json, osp__json_keep_fn keep, void *ctx,
				  size_t *count)
{
	rewriting rw;
	osp_status status = begin_rewriting(&rw, buf, json);
	osp__json_iter iter;
	osp__json_member member;

	*count = 0;
	if (status == OSP_OK && !yyjson_is_obj(osp__json_root(&rw.reader)))
		status = OSP_EPROTO;
	if (status != OSP_OK)
		return end_rewriting(&rw, buf, status);
	osp__json_iter_init(&iter,
						&rw.reader,
						osp__json_root(&rw.reader),
						osp__json_root_text(&rw.reader));
	while (osp__json_iter_next(&iter, &member))
	{
		if (keep != NULL && !keep(ctx, &member))
			continue;
		if (++*count > 1)
			osp__buf_lit(buf, ", ");
		osp__json_layout(buf, member.key_text, -1, 0);
		osp__buf_lit(buf, ": ");
		osp__json_layout(buf, member.value_text, -1, 0);
	}
	return end_rewriting(&rw, buf, OSP_OK);
}

osp_status
osp_json_members(osp_buf *buf, osp_str json, size_t *count)
{
	return osp__json_members(buf, json, NULL, NULL, count);
}
