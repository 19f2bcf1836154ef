/* SPDX-License-Identifier: Apache-2.0
 *
 * otlp_keys.h
 *	  The set of keys of a span's attributes; OpenTelemetry does not allow the same key
 *	  twice.
 *
 * Keys are made of paths in an info, and two paths can give the same key: {"a": {"b":
 * 1}} and {"a.b": 2}, an object with the member "0" and a list.
 */
#ifndef OSP_OTLP_KEYS_H
#define OSP_OTLP_KEYS_H

#include "osprofiler/buf.h"
#include "report/report_table.h"

typedef struct otlp_keys
{
	osp_uuid secret;
	osp_buf texts;    /* each key with its length in front */
	osp__table table; /* offset of each entry in texts, plus 1 */
	osp_status status;
} otlp_keys;

void otlp_keys_init(otlp_keys *keys, const osp_allocator *alc);
void otlp_keys_term(otlp_keys *keys);

/* Removes all keys, for the next span. */
void otlp_keys_clear(otlp_keys *keys);

/* Adds a key. False: it was added before, or there is no memory; status says which. */
bool otlp_keys_add(otlp_keys *keys, osp_str key) OSP_MUST_CHECK;

#endif /* OSP_OTLP_KEYS_H */
