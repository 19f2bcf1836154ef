/* SPDX-License-Identifier: Apache-2.0
 *
 * otlp_keys.h
 *	  The keys of a span's attributes, of which OpenTelemetry allows no two to be the same.
 *
 * They are made of paths in an info, which can come to the same: {"a": {"b": 1}} and
 * {"a.b": 2}, an object with the member "0" and a list.
 */
#ifndef OSP_OTLP_KEYS_H
#define OSP_OTLP_KEYS_H

#include "osprofiler/buf.h"
#include "report/report_table.h"

typedef struct otlp_keys
{
	osp_uuid secret;
	osp_buf texts;    /* each with its length in front */
	osp__table table; /* where in texts they begin, and 1 more */
	osp_status status;
} otlp_keys;

void otlp_keys_init(otlp_keys *keys, const osp_allocator *alc);
void otlp_keys_term(otlp_keys *keys);

/* Forgets all of them, for another span. */
void otlp_keys_clear(otlp_keys *keys);

/* Adds a key. False: it is there already, or there is no memory, which the status says. */
bool otlp_keys_add(otlp_keys *keys, osp_str key) OSP_MUST_CHECK;

#endif /* OSP_OTLP_KEYS_H */
