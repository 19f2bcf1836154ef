/* SPDX-License-Identifier: Apache-2.0
 *
 * ids.h
 *	  Ids of points: fresh version-4 UUIDs, and ids from outside.
 *
 * OSProfiler makes a UUIDv4 for every point. Ids that arrive in a context may
 * be any text, and are kept verbatim (see osprofiler/context.h).
 */
#ifndef OSPROFILER_IDS_H
#define OSPROFILER_IDS_H

#include "osprofiler/base.h"

#ifdef __cplusplus
extern "C" {
#endif

#define OSP_NAME_MAX  255 /* bytes of an operation's name */
#define OSP_LABEL_MAX 255 /* bytes of project and of service */

#define OSP_UUID_TEXT_LEN 36  /* without the terminating NUL */
#define OSP_ID_MAX        128 /* bytes of an id from outside */

typedef struct osp_uuid
{
	unsigned char bytes[16];
} osp_uuid;

/*
 * Makes a fresh random UUIDv4, with a generator for each thread that is seeded with the
 * kernel's random numbers. An id is unlikely to repeat, but not secret: it can be
 * guessed from others. Cannot fail. A forked process, however it was forked, seeds its
 * generators anew. Thread-safe; not async-signal-safe.
 */
OSP_API void osp_uuid_new(osp_uuid *out);

/* The 36 lower-case characters and a NUL. */
OSP_API void osp_uuid_text(const osp_uuid *uuid,
						   char out[OSP_UUID_TEXT_LEN + 1]);

/*
 * Reads the canonical form only: 36 characters, lower-case, dashes in place. So
 * text -> UUID -> text gives the same text; false for any other form.
 */
OSP_API bool osp_uuid_parse(osp_str text, osp_uuid *out) OSP_MUST_CHECK;

/*
 * An id as records carry it: sixteen bytes if it is a canonical UUID, else the
 * text itself. len is 16 for a UUID, 1..OSP_ID_MAX for text, 0 for none.
 */
typedef struct osp_id
{
	bool is_uuid;
	uint8_t len;
	char bytes[OSP_ID_MAX];
} osp_id;

/* Sets the id to text. False, and the id is empty, unless text is 1..OSP_ID_MAX bytes
 * long. */
OSP_API bool osp_id_set(osp_id *id, osp_str text) OSP_MUST_CHECK;

static inline void
osp_id_set_uuid(osp_id *id, const osp_uuid *uuid)
{
	id->is_uuid = true;
	id->len = (uint8_t) sizeof(uuid->bytes);
	memcpy(id->bytes, uuid->bytes, sizeof(uuid->bytes));
}

/* Copies an id; the sixteen bytes of a UUID are copied without a function call. */
static inline void
osp_id_copy(osp_id *id, const osp_id *from)
{
	if (OSP_LIKELY(from->is_uuid))
	{
		id->is_uuid = true;
		id->len = (uint8_t) sizeof(osp_uuid);
		memcpy(id->bytes, from->bytes, sizeof(osp_uuid));
	}
	else
		*id = *from;
}

/*
 * The id as text: *storage* is used when the id is a UUID, so the result is
 * borrowed from id and storage.
 */
OSP_API osp_str osp_id_text(const osp_id *id, char storage[OSP_ID_MAX + 1]);

/* Are both ids the same? */
OSP_API bool osp_id_eq(const osp_id *a, const osp_id *b);

#ifdef __cplusplus
}
#endif

#endif /* OSPROFILER_IDS_H */
