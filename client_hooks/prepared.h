/* SPDX-License-Identifier: Apache-2.0
 *
 * prepared.h
 *	  The texts of a connection's prepared statements, by name.
 *
 * Their number is limited: beyond OSPQ_PREPARED_MAX names, or
 * OSPQ_PREPARED_BYTES_MAX bytes, no further text is remembered, and statements
 * are recorded by their name alone.
 */
#ifndef OSPQ_PREPARED_H
#define OSPQ_PREPARED_H

#include "sql/sql_text.h"

#define OSPQ_PREPARED_MAX       8192
#define OSPQ_PREPARED_BYTES_MAX (16 * 1024 * 1024)

typedef struct ospq_prepared_entry ospq_prepared_entry;

typedef struct ospq_prepared
{
	ospq_prepared_entry **buckets; /* NULL: no statement is known */
	unsigned bucket_count;         /* a power of two */
	unsigned count;
	size_t bytes;
} ospq_prepared;

/*
 * Finds the text of a name in the form in which it may be recorded, borrowed
 * until the next change; empty if the name is not known.
 */
extern osp_sql_recorded ospq_prepared_find(const ospq_prepared *prepared,
										   const char *name);

static inline bool
ospq_prepared_has(const ospq_prepared *prepared, const char *name)
{
	return ospq_prepared_find(prepared, name).text.len > 0;
}

/* Remembers a copy of a text, instead of an older one of this name. */
extern void ospq_prepared_set(ospq_prepared *prepared, const char *name,
							  const osp_sql_recorded *text);

extern void ospq_prepared_remove(ospq_prepared *prepared, osp_str name);
extern void ospq_prepared_clear(ospq_prepared *prepared);

/* The slow part of ospq_prepared_watch. */
extern void ospq_prepared_look(ospq_prepared *prepared, const char *sql);

/*
 * If a statement that is sent removes prepared ones (DEALLOCATE, DISCARD ALL),
 * forgets these. The first letter rules out nearly all statements.
 */
static inline void
ospq_prepared_watch(ospq_prepared *prepared, const char *sql)
{
	char first = (char) (*sql | 0x20);

	if (OSP_UNLIKELY(prepared->count > 0 &&
					 (first == 'd' || first < 'a' || first > 'z')))
		ospq_prepared_look(prepared, sql);
}

#endif /* OSPQ_PREPARED_H */
