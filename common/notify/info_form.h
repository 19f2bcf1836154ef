/* SPDX-License-Identifier: Apache-2.0
 *
 * info_form.h
 *	  Forms of attributes: the JSON between the values of attributes that differ in
 *	  nothing but their values, as those of one kind of stop do. Private to
 *	  common/notify.
 */
#ifndef OSPROFILER_INFO_FORM_H
#define OSPROFILER_INFO_FORM_H

#include "osprofiler/buf.h"
#include "record/record.h"

#define OSP__FORM_VALUES 32  /* attributes with more values have no form */
#define OSP__FORM_BYTES  768 /* attributes with longer keys or JSON have none */
#define OSP__FORM_SLOTS  64

/* What stands before a value, or behind the last one. */
typedef struct osp__form_piece
{
	uint16_t header_len; /* bytes of the attributes: types and keys */
	uint16_t text_len;   /* bytes of JSON */
	osp_attr_type type;  /* of the value after this piece */
} osp__form_piece;

typedef struct osp__info_form
{
	bool known;
	bool comma; /* the JSON has at least one member */
	bool error; /* the JSON has the type of an error */
	uint16_t values;
	osp__form_piece pieces[OSP__FORM_VALUES + 1];
	char headers[OSP__FORM_BYTES];
	char texts[OSP__FORM_BYTES];
} osp__info_form;

/* All zeroes: empty. Used by one thread at a time. */
typedef struct osp__info_forms
{
	osp__info_form slots[OSP__FORM_SLOTS];
} osp__info_forms;

/* The place for the form of these attributes; another form may be in it. */
osp__info_form *osp__form_slot(osp__info_forms *forms, osp_str attributes);

/* Appends the JSON of the attributes if they have this form; else appends nothing. */
bool osp__form_write(const osp__info_form *form, osp_str attributes,
					 osp_buf *buf);

/* State while a form is learned from attributes whose JSON is being written. */
typedef struct osp__form_learning
{
	osp__info_form *form;
	osp_str attributes;
	const osp_buf *buf;
	size_t header; /* where the next piece begins: in attributes, */
	size_t text;   /* and in buf */
	bool failed;
} osp__form_learning;

void osp__form_begin(osp__form_learning *l, osp__info_form *form,
					 osp_str attributes, const osp_buf *buf);

/* Adds the piece before this attribute's value. To be called before the value's JSON is
 * appended to buf. */
void osp__form_value(osp__form_learning *l, const osp_attr *attr);

/* To be called after the value's JSON was appended. next is the offset of the next
 * attribute. */
void osp__form_value_end(osp__form_learning *l, size_t next);

/* Gives up learning: the form alone does not determine the JSON of these attributes. */
void osp__form_refuse(osp__form_learning *l);

/* Adds the piece after the last value, and makes the form usable unless learning has
 * failed. */
void osp__form_end(osp__form_learning *l, bool comma, bool error);

#endif /* OSPROFILER_INFO_FORM_H */
