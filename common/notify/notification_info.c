/* SPDX-License-Identifier: Apache-2.0
 *
 * notification_info.c
 *	  Writing a record's attributes as members of info, in upstream's bytes.
 */
#include "notify/notification_info.h"

#include "base/buf_fast.h"
#include "notify/value_json.h"
#include "json/json_layout.h"
#include "json/json_read.h"

/* State while the attributes of one record are written. */
typedef struct writing
{
	osp_buf *buf;
	const osp_record *record;
	osp__form_learning *form; /* NULL: none is learned */
	bool comma;               /* the open object already has a member */
	bool error;
} writing;

/* Begins a member of an object. */
static void
put_key(writing *w, osp_str key)
{
	if (w->comma)
		osp__buf_lit(w->buf, ", ");
	osp_json_string(w->buf, key);
	osp__buf_lit(w->buf, ": ");
	w->comma = true;
}

/* Appends raw JSON; a text that is not JSON is written as a string. */
static osp_status
put_json(osp_buf *buf, osp_str json)
{
	osp_status status = osp_json_rewrite(buf, json, -1, 0);

	if (status != OSP_EPROTO)
		return status;
	osp_json_string(buf, json);
	return OSP_OK;
}

static void
refuse_form(writing *w)
{
	if (w->form != NULL)
		osp__form_refuse(w->form);
}

/* next: where the next attribute begins. */
static osp_status
put_value(writing *w, const osp_attr *attr, size_t next)
{
	if (attr->type == OSP_ATTR_JSON)
	{
		refuse_form(w);
		return put_json(w->buf, attr->value);
	}
	if (w->form != NULL && attr->type != OSP_ATTR_NULL)
		osp__form_value(w->form, attr);
	osp__put_scalar(w->buf, attr);
	if (w->form != NULL && attr->type != OSP_ATTR_NULL)
		osp__form_value_end(w->form, next);
	return OSP_OK;
}

/*
 * Is it a member that notification.c writes at the end of info? Then a tracer's or an
 * application's member of that name is left out; upstream overwrites "host", too.
 */
static bool
is_reserved(const writing *w, osp_str key)
{
	return osp_str_eq(key, OSP_STR("host")) ||
		   (w->record->kind == OSP_RECORD_STOP &&
			osp_str_eq(key, OSP_STR("elapsed_ns")));
}

static void
note_error(writing *w, osp_str key, bool is_null)
{
	if (w->record->kind == OSP_RECORD_STOP && !is_null &&
		osp_str_eq(key, OSP_STR("etype")))
		w->error = true;
}

/* Called for each member of a JSON object from an application: keep it? */
static bool
keep_member(void *ctx, const osp__json_member *member)
{
	writing *w = ctx;
	osp_str key = osp__json_str(member->key);

	if (is_reserved(w, key))
		return false;
	note_error(w, key, yyjson_is_null(member->value));
	return true;
}

/* Appends the members of a JSON object to the open object; other JSON becomes one
 * member named "info". */
static osp_status
put_members(writing *w, osp_str json, int depth)
{
	osp_buf *buf = w->buf;
	size_t before = buf->len;
	size_t count;
	osp_status status;

	refuse_form(w);
	if (w->comma)
		osp__buf_lit(buf, ", ");
	status = osp__json_members(
		buf, json, depth == 0 ? keep_member : NULL, w, &count);
	if (status == OSP_OK && count > 0)
	{
		w->comma = true;
		return OSP_OK;
	}
	osp__buf_cut(buf, before);
	if (status != OSP_EPROTO)
		return status;
	put_key(w, OSP_STR("info"));
	return put_json(buf, json);
}

/* Moves *pos beyond the end of an object that is left out. */
static void
skip_object(osp_str info, size_t *pos)
{
	osp_attr attr;
	int depth = 1;

	while (depth > 0 && osp_attr_next(info, pos, &attr))
	{
		if (attr.type == OSP_ATTR_OBJECT)
			depth++;
		else if (attr.type == OSP_ATTR_END)
			depth--;
	}
}

/* Writes an attribute of info; an object's beginning and end are attributes, too. */
static osp_status
put_attr(writing *w, const osp_attr *attr, int *depth, size_t *pos)
{
	bool top = *depth == 0;

	if (attr->type == OSP_ATTR_END)
	{
		osp__buf_lit(w->buf, "}");
		w->comma = true;
		return --*depth < 0 ? OSP_EPROTO : OSP_OK;
	}
	if (attr->type == OSP_ATTR_MEMBERS)
		return put_members(w, attr->value, *depth);
	if (top && is_reserved(w, attr->key))
	{
		refuse_form(w);
		if (attr->type == OSP_ATTR_OBJECT)
			skip_object(w->record->info, pos);
		return OSP_OK;
	}
	if (top)
		note_error(w, attr->key, attr->type == OSP_ATTR_NULL);
	put_key(w, attr->key);
	if (attr->type != OSP_ATTR_OBJECT)
		return put_value(w, attr, *pos);
	osp__buf_lit(w->buf, "{");
	w->comma = false;
	return ++*depth > OSP_INFO_DEPTH ? OSP_EPROTO : OSP_OK;
}

static osp_status
put_attributes(writing *w)
{
	osp_str info = w->record->info;
	size_t pos = 0;
	int depth = 0;
	osp_attr attr;

	while (osp_attr_next(info, &pos, &attr))
	{
		osp_status status = put_attr(w, &attr, &depth, &pos);

		if (status != OSP_OK)
			return status;
	}
	return pos != info.len || depth != 0 ? OSP_EPROTO : OSP_OK;
}

/* Writes the attributes of a start. They are often the same as those of an earlier
 * start, so their JSON is kept. */
static osp_status
put_start(writing *w, osp__info_cache *cache)
{
	osp_str info = w->record->info;
	osp_buf *buf = w->buf;
	size_t before = buf->len;
	osp__info_slot *slot;
	osp_status status;
	osp_str json;

	if (osp__info_cache_find(cache, buf->alc, info, &json, &slot))
	{
		osp__buf_put(buf, json.ptr, json.len);
		w->comma = json.len > 0;
		return OSP_OK;
	}
	status = put_attributes(w);
	if (slot != NULL && status == OSP_OK && osp_buf_status(buf) == OSP_OK)
		osp__info_cache_keep(
			slot, info, osp_str_n(buf->ptr + before, buf->len - before));
	return status;
}

/* Writes the attributes of a stop. They often differ from those of an earlier stop in
 * their values only, so the form of the JSON is kept. */
static osp_status
put_stop(writing *w, osp__info_forms *forms)
{
	osp__info_form *form = osp__form_slot(forms, w->record->info);
	osp__form_learning learning;
	osp_status status;

	if (osp__form_write(form, w->record->info, w->buf))
	{
		w->comma = form->comma;
		w->error = form->error;
		return OSP_OK;
	}
	osp__form_begin(&learning, form, w->record->info, w->buf);
	w->form = &learning;
	status = put_attributes(w);
	if (status == OSP_OK)
		osp__form_end(&learning, w->comma, w->error);
	return status;
}

osp_status
osp__info_write(osp_buf *buf, const osp_record *record,
				osp__info_memory *memory, osp__info_written *out)
{
	writing w = {.buf = buf, .record = record};
	osp_status status;

	if (memory == NULL)
		status = put_attributes(&w);
	else if (record->kind == OSP_RECORD_START)
		status = put_start(&w, &memory->starts);
	else
		status = put_stop(&w, &memory->stops);
	*out = (osp__info_written){.comma = w.comma, .error = w.error};
	return status;
}

void
osp__info_memory_term(osp__info_memory *memory)
{
	osp__info_cache_term(&memory->starts);
}
