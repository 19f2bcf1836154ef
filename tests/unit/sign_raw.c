/* SPDX-License-Identifier: Apache-2.0
 *
 * sign_raw.c
 *	  Signed contexts of any JSON, made without the code under test.
 */
#include "sign_raw.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>

static void
write_hmac(raw_context *out, const char *key, osp_str info)
{
	unsigned char mac[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	unsigned i;

	if (HMAC(EVP_sha1(),
			 key,
			 (int) strlen(key),
			 (const unsigned char *) info.ptr,
			 info.len,
			 mac,
			 &len) == NULL ||
		len * 2 != OSP_HMAC_HEX_LEN)
		abort();
	for (i = 0; i < len; i++)
		(void) snprintf(out->hmac + 2 * i, 3, "%02x", mac[i]);
}

void
sign_text(raw_context *out, const char *key, osp_str info)
{
	if (info.len >= sizeof(out->info))
		abort();
	memcpy(out->info, info.ptr, info.len);
	out->info[info.len] = '\0';
	write_hmac(out, key, info);
}

void
sign_json(raw_context *out, const char *key, osp_str json)
{
	char *p;

	if (json.len / 3 * 4 + 5 > sizeof(out->info))
		abort();
	(void) EVP_EncodeBlock((unsigned char *) out->info,
						   (const unsigned char *) json.ptr,
						   (int) json.len);
	for (p = out->info; *p != '\0'; p++)
	{
		if (*p == '+')
			*p = '-';
		else if (*p == '/')
			*p = '_';
	}
	write_hmac(out, key, osp_str_of(out->info));
}
