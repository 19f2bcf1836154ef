/* SPDX-License-Identifier: Apache-2.0
 *
 * hmac.c
 *	  HMAC-SHA1 of OpenSSL 3, or of 1.1.1, with a key that is set up once.
 *
 * Starting a keyed context again costs a quarter of making one. OpenSSL 3 still
 * has the functions of 1.1.1, but they are slower there, and deprecated.
 */
#include "hmac.h"

#include <openssl/opensslv.h>

#if OPENSSL_VERSION_NUMBER >= 0x30000000L

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

osp__hmac *
osp__hmac_new(osp_str key)
{
	char digest[] = "SHA1";
	EVP_MAC *algorithm = EVP_MAC_fetch(NULL, OSSL_MAC_NAME_HMAC, NULL);
	EVP_MAC_CTX *ctx = NULL;
	OSSL_PARAM params[2];

	if (algorithm == NULL)
		return NULL;
	params[0] =
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0);
	params[1] = OSSL_PARAM_construct_end();
	ctx = EVP_MAC_CTX_new(algorithm);
	EVP_MAC_free(algorithm);
	if (ctx == NULL ||
		EVP_MAC_init(ctx, (const unsigned char *) key.ptr, key.len, params) !=
			1)
	{
		EVP_MAC_CTX_free(ctx);
		return NULL;
	}
	return (osp__hmac *) ctx;
}

bool
osp__hmac_sign(osp__hmac *hmac, osp_str text, unsigned char mac[OSP_SHA1_LEN])
{
	EVP_MAC_CTX *ctx = (EVP_MAC_CTX *) hmac;
	size_t len = 0;

	return EVP_MAC_init(ctx, NULL, 0, NULL) == 1 &&
		   EVP_MAC_update(ctx, (const unsigned char *) text.ptr, text.len) ==
			   1 &&
		   EVP_MAC_final(ctx, mac, &len, OSP_SHA1_LEN) == 1 &&
		   len == OSP_SHA1_LEN;
}

void
osp__hmac_free(osp__hmac *hmac)
{
	EVP_MAC_CTX_free((EVP_MAC_CTX *) hmac);
}

#else

#include <limits.h>

#include <openssl/hmac.h>

osp__hmac *
osp__hmac_new(osp_str key)
{
	HMAC_CTX *ctx;

	if (key.len > INT_MAX)
		return NULL;
	ctx = HMAC_CTX_new();
	if (ctx == NULL ||
		HMAC_Init_ex(ctx, key.ptr, (int) key.len, EVP_sha1(), NULL) != 1)
	{
		HMAC_CTX_free(ctx);
		return NULL;
	}
	return (osp__hmac *) ctx;
}

bool
osp__hmac_sign(osp__hmac *hmac, osp_str text, unsigned char mac[OSP_SHA1_LEN])
{
	HMAC_CTX *ctx = (HMAC_CTX *) hmac;
	unsigned int len = 0;

	return HMAC_Init_ex(ctx, NULL, 0, NULL, NULL) == 1 &&
		   HMAC_Update(ctx, (const unsigned char *) text.ptr, text.len) == 1 &&
		   HMAC_Final(ctx, mac, &len) == 1 && len == OSP_SHA1_LEN;
}

void
osp__hmac_free(osp__hmac *hmac)
{
	HMAC_CTX_free((HMAC_CTX *) hmac);
}

#endif
