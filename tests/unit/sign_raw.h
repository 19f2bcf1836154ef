/* SPDX-License-Identifier: Apache-2.0
 *
 * sign_raw.h
 *	  Signed contexts of any JSON, made without the code under test.
 */
#ifndef TEST_SIGN_RAW_H
#define TEST_SIGN_RAW_H

#include "osprofiler/context.h"

typedef struct raw_context
{
	char info[128 * 1024];
	char hmac[OSP_HMAC_HEX_LEN + 1];
} raw_context;

/* Signs info without encoding it. */
void sign_text(raw_context *out, const char *key, osp_str info);

/* Encodes json as base64, and signs that. */
void sign_json(raw_context *out, const char *key, osp_str json);

#endif /* TEST_SIGN_RAW_H */
