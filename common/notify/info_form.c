/* SPDX-License-Identifier: Apache-2.0
 *
 * info_form.c
 *	  The JSON between the values of attributes.
 *
 * The stops of a server are of few kinds: the same keys in the same order, with other
 * numbers. To compare the bytes of types and keys, and to copy the JSON between the
 * values, is several times as quick as to read and write each attribute.
 */
#include "notify/info_form.h"

#include "base/buf_fast.h"
#include "notify/value_json.h"

osp__info_form *
osp__form_slot(osp__info_forms *forms, osp_str attributes)
{
	/* Most values are numbers of a fixed size, so attributes of different forms mostly
	 * differ in length. */
	return &forms->slots[attributes.len % OSP__FORM_SLOTS];
}

/* Removes a piece's bytes from the front of rest. False: rest begins with other bytes. */
static inline bool
skip_header(osp_str *rest, const char *header, size_t len)
{
	if (rest->len < len || memcmp(rest->ptr, header, len) != 0)
		return false;
	rest->ptr += len;
	rest->len -= len;
	return true;
}

static bool
write_pieces(const osp__info_form *form, osp_str rest, osp_buf *buf)
{
	const char *headers = form->headers;
	const char *texts = form->texts;
	size_t i;

	for (i = 0;; i++)
	{
		const osp__form_piece *piece = &form->pieces[i];
		osp_attr attr;

		if (!skip_header(&rest, headers, piece->header_len))
			return false;
		osp__buf_put(buf, texts, piece->text_len);
		if (i == form->values)
			return rest.len == 0;
		headers += piece->header_len;
		texts += piece->text_len;
		attr.type = piece->type;
		if (!osp_attr_value(attr.type, &rest, &attr.value))
			return false;
		osp__put_scalar(buf, &attr);
	}
}

bool
osp__form_write(const osp__info_form *form, osp_str attributes, osp_buf *buf)
{
	size_t before = buf->len;

	if (!form->known)
		return false;
	if (write_pieces(form, attributes, buf))
		return true;
	osp__buf_cut(buf, before);
	return false;
}

void
osp__form_begin(osp__form_learning *l, osp__info_form *form, osp_str attributes,
				const osp_buf *buf)
{
	*l = (osp__form_learning){
		.form = form, .attributes = attributes, .buf = buf, .text = buf->len};
	form->known = false;
	form->values = 0;
}

/* Adds the piece that ends at header_end in the attributes, and at the end of buf. */
static void
add_piece(osp__form_learning *l, size_t header_end, osp_attr_type type)
{
	osp__info_form *form = l->form;
	osp__form_piece *piece = &form->pieces[form->values];
	size_t header_len = header_end - l->header;
	size_t text_len = l->buf->len - l->text;
	size_t headers = 0;
	size_t texts = 0;
	size_t i;

	for (i = 0; i < form->values; i++)
	{
		headers += form->pieces[i].header_len;
		texts += form->pieces[i].text_len;
	}
	if (header_len > OSP__FORM_BYTES - headers ||
		text_len > OSP__FORM_BYTES - texts)
	{
		l->failed = true;
		return;
	}
	memcpy(form->headers + headers, l->attributes.ptr + l->header, header_len);
	memcpy(form->texts + texts, l->buf->ptr + l->text, text_len);
	*piece =
		(osp__form_piece){(uint16_t) header_len, (uint16_t) text_len, type};
}

/* Bytes of the value's length, which stand before the value. */
static size_t
length_size(osp_attr_type type)
{
	return type == OSP_ATTR_STR ? sizeof(uint32_t) : 0;
}

void
osp__form_value(osp__form_learning *l, const osp_attr *attr)
{
	size_t value = (size_t) (attr->value.ptr - l->attributes.ptr);

	if (l->form->values == OSP__FORM_VALUES || osp_buf_status(l->buf) != OSP_OK)
		l->failed = true;
	if (l->failed)
		return;
	add_piece(l, value - length_size(attr->type), attr->type);
	l->form->values++;
}

void
osp__form_value_end(osp__form_learning *l, size_t next)
{
	l->header = next;
	l->text = l->buf->len;
}

void
osp__form_refuse(osp__form_learning *l)
{
	l->failed = true;
}

void
osp__form_end(osp__form_learning *l, bool comma, bool error)
{
	if (l->failed || osp_buf_status(l->buf) != OSP_OK)
		return;
	add_piece(l, l->attributes.len, OSP_ATTR_END);
	l->form->comma = comma;
	l->form->error = error;
	l->form->known = !l->failed;
}
