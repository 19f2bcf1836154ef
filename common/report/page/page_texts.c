/* SPDX-License-Identifier: Apache-2.0
 *
 * page_texts.c
 *	  Keeps the texts of a page, each of them once, and numbers them.
 */
#include "report/page/page_data.h"

#include "osprofiler/json.h"

typedef struct text
{
	osp_str json;
	uint32_t number;
} text;

void
osp__page_texts_init(osp__page_texts *texts, const osp_report *report,
					 osp__arena *arena, const osp__page_texts *before)
{
	memset(texts, 0, sizeof(*texts));
	texts->before = before;
	texts->arena = arena;
	texts->hash_key = report->hash_key;
	osp__table_init(&texts->table, report->alc);
	osp_buf_init(&texts->json, report->alc, SIZE_MAX / 4);
}

void
osp__page_texts_term(osp__page_texts *texts)
{
	osp__table_term(&texts->table);
	osp_buf_term(&texts->json);
}

/* The number by which the page refers to a text of this list. */
static uint32_t
name_of(const osp__page_texts *texts, const text *known)
{
	return texts->before == NULL ? known->number : 2 * known->number + 1;
}

static text *
find_text(const osp__page_texts *texts, osp_str json, uint64_t hash)
{
	size_t pos = 0;
	text *known;

	while ((known = osp__table_next(&texts->table, hash, &pos)) != NULL)
		if (osp_str_eq(known->json, json))
			break;
	return known;
}

uint32_t
osp__page_text(osp__page *page, osp__page_texts *texts, osp_str json,
			   bool lasting)
{
	uint64_t hash = osp__table_hash(&texts->hash_key, json);
	text *known =
		texts->before != NULL ? find_text(texts->before, json, hash) : NULL;

	if (known != NULL)
		return 2 * known->number;
	known = find_text(texts, json, hash);
	if (known != NULL)
		return name_of(texts, known);
	known = osp__arena_alloc(texts->arena, sizeof(*known));
	if (known == NULL || !osp__table_reserve(&texts->table, 1) ||
		(!lasting && !osp__arena_copy(texts->arena, json, &json)))
	{
		page->status = OSP_ENOMEM;
		return 0;
	}
	known->json = json;
	known->number = texts->count++;
	osp__table_add(&texts->table, hash, known);
	if (known->number > 0)
		osp_buf_add(&texts->json, ",\n", 2);
	osp_buf_add_str(&texts->json, json);
	return name_of(texts, known);
}

uint32_t
osp__page_value(osp__page *page, osp__page_texts *texts, osp_str value)
{
	/* 0 stands for the empty string, which has number 0 in "strings". */
	if (value.len == 0 || osp_str_eq(value, OSP_STR("null")))
		return 0;
	if (value.ptr[0] == '"')
		return osp__page_text(page, texts, value, true);
	return osp__page_string(page, texts, value);
}

/* The number of the string whose JSON form is in scratch. */
static uint32_t
scratch_string(osp__page *page, osp__page_texts *texts)
{
	osp_status status = osp_buf_status(&page->scratch);

	if (status == OSP_OK)
		return osp__page_text(page, texts, osp_buf_str(&page->scratch), false);
	page->status = status;
	return 0;
}

uint32_t
osp__page_inside(osp__page *page, osp__page_texts *texts, osp_str inside)
{
	osp_buf_reset(&page->scratch);
	osp_buf_add_char(&page->scratch, '"');
	osp_buf_add_str(&page->scratch, inside);
	osp_buf_add_char(&page->scratch, '"');
	return scratch_string(page, texts);
}

uint32_t
osp__page_string(osp__page *page, osp__page_texts *texts, osp_str string)
{
	osp_buf_reset(&page->scratch);
	osp_json_string(&page->scratch, string);
	return scratch_string(page, texts);
}
