/* SPDX-License-Identifier: Apache-2.0
 *
 * prepared.c
 *	  The texts of a connection's prepared statements, by name.
 */
#include "prepared.h"

#include <ctype.h>
#include <strings.h>

#define FIRST_BUCKETS 16

struct ospq_prepared_entry
{
	ospq_prepared_entry *next;
	uint32_t hash;
	size_t name_len;
	size_t text_len;
	size_t full_len; /* length before the text was cut */
	osp_sql_secrecy secrecy;
	char bytes[]; /* the name, then the text */
};

static const osp_allocator *const alc = &osp_allocator_default;

/* FNV-1a hash */
static uint32_t
hash_name(osp_str name)
{
	uint32_t hash = UINT32_C(2166136261);
	size_t i;

	for (i = 0; i < name.len; i++)
		hash = (hash ^ (unsigned char) name.ptr[i]) * UINT32_C(16777619);
	return hash;
}

/* Finds the link to the entry of a name; if there is none, the link at the end. */
static ospq_prepared_entry **
find_link(const ospq_prepared *prepared, osp_str name, uint32_t hash)
{
	ospq_prepared_entry **link =
		&prepared->buckets[hash & (prepared->bucket_count - 1)];

	while (*link != NULL &&
		   ((*link)->hash != hash ||
			!osp_str_eq(osp_str_n((*link)->bytes, (*link)->name_len), name)))
		link = &(*link)->next;
	return link;
}

osp_sql_recorded
ospq_prepared_find(const ospq_prepared *prepared, const char *name)
{
	osp_sql_recorded found = {.text = OSP_STR("")};
	osp_str key = osp_str_of(name);
	const ospq_prepared_entry *entry;

	if (prepared->count == 0)
		return found;
	entry = *find_link(prepared, key, hash_name(key));
	if (entry == NULL)
		return found;
	found.text = osp_str_n(entry->bytes + entry->name_len, entry->text_len);
	found.full_len = entry->full_len;
	found.secrecy = entry->secrecy;
	return found;
}

static size_t
entry_size(size_t name_len, size_t text_len)
{
	return sizeof(ospq_prepared_entry) + name_len + text_len;
}

static void
drop(ospq_prepared *prepared, ospq_prepared_entry **link)
{
	ospq_prepared_entry *entry = *link;

	*link = entry->next;
	prepared->count--;
	prepared->bytes -= entry_size(entry->name_len, entry->text_len);
	osp_free(alc, entry);
}

void
ospq_prepared_remove(ospq_prepared *prepared, osp_str name)
{
	ospq_prepared_entry **link;

	if (prepared->count == 0)
		return;
	link = find_link(prepared, name, hash_name(name));
	if (*link != NULL)
		drop(prepared, link);
}

/* Doubles the buckets. If there is no memory, the chains just get longer. */
static void
grow(ospq_prepared *prepared)
{
	unsigned count =
		prepared->bucket_count > 0 ? 2 * prepared->bucket_count : FIRST_BUCKETS;
	ospq_prepared_entry **buckets =
		osp_calloc(alc, count, sizeof(ospq_prepared_entry *));
	unsigned i;

	if (buckets == NULL)
		return;
	for (i = 0; i < prepared->bucket_count; i++)
	{
		ospq_prepared_entry *entry = prepared->buckets[i];

		while (entry != NULL)
		{
			ospq_prepared_entry *next = entry->next;
			ospq_prepared_entry **bucket = &buckets[entry->hash & (count - 1)];

			entry->next = *bucket;
			*bucket = entry;
			entry = next;
		}
	}
	osp_free(alc, prepared->buckets);
	prepared->buckets = buckets;
	prepared->bucket_count = count;
}

void
ospq_prepared_set(ospq_prepared *prepared, const char *name,
				  const osp_sql_recorded *text)
{
	osp_str key = osp_str_of(name);
	uint32_t hash = hash_name(key);
	size_t size = entry_size(key.len, text->text.len);
	ospq_prepared_entry *entry;
	ospq_prepared_entry **bucket;

	ospq_prepared_remove(prepared, key);
	if (prepared->count >= OSPQ_PREPARED_MAX ||
		prepared->bytes + size > OSPQ_PREPARED_BYTES_MAX)
		return;
	if (prepared->count >= prepared->bucket_count)
		grow(prepared);
	if (prepared->bucket_count == 0)
		return;
	entry = osp_alloc(alc, size);
	if (entry == NULL)
		return;
	entry->hash = hash;
	entry->name_len = key.len;
	entry->text_len = text->text.len;
	entry->full_len = text->full_len;
	entry->secrecy = text->secrecy;
	memcpy(entry->bytes, key.ptr, key.len);
	memcpy(entry->bytes + key.len, text->text.ptr, text->text.len);
	bucket = &prepared->buckets[hash & (prepared->bucket_count - 1)];
	entry->next = *bucket;
	*bucket = entry;
	prepared->count++;
	prepared->bytes += size;
}

void
ospq_prepared_clear(ospq_prepared *prepared)
{
	unsigned i;

	for (i = 0; i < prepared->bucket_count; i++)
	{
		while (prepared->buckets[i] != NULL)
			drop(prepared, &prepared->buckets[i]);
	}
	osp_free(alc, prepared->buckets);
	memset(prepared, 0, sizeof(*prepared));
}

static const char *
skip_space(const char *p)
{
	while (isspace((unsigned char) *p))
		p++;
	return p;
}

/* Skips a word in upper or lower case; NULL: another word comes next. */
static const char *
skip_word(const char *p, const char *word)
{
	size_t len = strlen(word);

	if (strncasecmp(p, word, len) != 0 || isalnum((unsigned char) p[len]) ||
		p[len] == '_')
		return NULL;
	return skip_space(p + len);
}

/*
 * Removes the name that follows DEALLOCATE: a quoted one as it is, another one
 * in lower case.
 */
static void
remove_named(ospq_prepared *prepared, const char *p)
{
	char name[256];
	size_t len = 0;
	bool quoted = *p == '"';

	if (quoted)
		p++;
	while (len < sizeof(name) && *p != '\0')
	{
		if (quoted && *p == '"' && *++p != '"')
			break;
		if (!quoted && !isalnum((unsigned char) *p) && *p != '_' && *p != '$' &&
			(unsigned char) *p < 0x80)
			break;
		name[len++] = (char) (quoted ? *p : tolower((unsigned char) *p));
		p++;
	}
	if (len < sizeof(name))
		ospq_prepared_remove(prepared, osp_str_n(name, len));
}

void
ospq_prepared_look(ospq_prepared *prepared, const char *sql)
{
	const char *p;

	sql = skip_space(sql);
	if ((*sql | 0x20) != 'd')
		return;
	p = skip_word(sql, "discard");
	if (p != NULL)
	{
		if (skip_word(p, "all") != NULL)
			ospq_prepared_clear(prepared);
		return;
	}
	p = skip_word(sql, "deallocate");
	if (p == NULL)
		return;
	if (skip_word(p, "prepare") != NULL)
		p = skip_word(p, "prepare");
	if (skip_word(p, "all") != NULL)
		ospq_prepared_clear(prepared);
	else
		remove_named(prepared, p);
}
