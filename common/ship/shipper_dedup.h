/* SPDX-License-Identifier: Apache-2.0
 *
 * shipper_dedup.h
 *	  Which points of a batch does a collector have already?
 *
 * A point's trace_id is random and its own, and it has one start and one stop:
 * these two make the key.
 */
#ifndef OSP_SHIPPER_DEDUP_H
#define OSP_SHIPPER_DEDUP_H

#include "osprofiler/driver.h"

typedef struct osp_point_key
{
	osp_uuid trace_id;
	bool stop;
} osp_point_key;

/* A hash table of keys; entries stay where they are. */
typedef struct osp_keyset_entry
{
	osp_point_key key;
	bool used;
	bool found; /* the caller's */
} osp_keyset_entry;

typedef struct osp_keyset
{
	const osp_allocator *alc;
	osp_keyset_entry *entries;
	size_t size; /* a power of two; 0: no memory, nothing is in it */
} osp_keyset;

/* Room for at most max keys. OSP_ENOMEM. */
osp_status osp__keyset_init(osp_keyset *set, const osp_allocator *alc,
							size_t max) OSP_MUST_CHECK;
void osp__keyset_term(osp_keyset *set);

/* The entry of a key, new if there was none. */
osp_keyset_entry *osp__keyset_put(osp_keyset *set, const osp_point_key *key);

/* NULL if there is none. */
osp_keyset_entry *osp__keyset_find(const osp_keyset *set,
								   const osp_point_key *key);

osp_point_key osp__key_of_record(const osp_record *record);

/* False if the point cannot be one of ours. */
bool osp__key_of_notification(const osp_notification *item,
							  osp_point_key *key) OSP_MUST_CHECK;

/*
 * Asks the collector for the traces of a batch and puts those points that it
 * does not have into kept, room for count, in order. A collector that cannot
 * tell has none. On failure nothing is known.
 */
osp_status osp__drop_known(const osp_allocator *alc, const osp_driver *driver,
						   osp_driver_conn *conn, const osp_notification *items,
						   size_t count, osp_notification *kept,
						   size_t *kept_count, osp_error *err) OSP_MUST_CHECK;

#endif /* OSP_SHIPPER_DEDUP_H */
