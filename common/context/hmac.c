/* SPDX-License-Identifier: Apache-2.0
 *
 * hmac.c
 *	  HMAC-SHA1 with a key that is set up once, by the SHA-1 of OpenSSL.
 *
 * OpenSSL's own HMAC allocates, looks names up and wipes for every MAC, which
 * costs more than the hashing. Its plain SHA-1, the same from 1.1.1 on, is state
 * that can be copied: HMAC (RFC 2104) is two of them, begun with the key. That
 * OpenSSL 3 calls these functions deprecated is about FIPS providers, which they
 * pass by; OSProfiler's protocol knows no other MAC.
 */
#define OPENSSL_API_COMPAT 0x10101000L

#include "context/hmac.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

_Static_assert(OSP_SHA1_LEN == SHA_DIGEST_LENGTH, "a MAC is a hash");

#define INNER_PAD 0x36
#define OUTER_PAD 0x5c

struct osp__hmac
{
	SHA_CTX inner; /* each with its padded key, one whole block */
	SHA_CTX outer;
};

/* A hash that begins with the key, padded with zeroes, and that mixed in. */
static bool
begin_with(SHA_CTX *hash, const unsigned char block[SHA_CBLOCK],
		   unsigned char pad)
{
	unsigned char padded[SHA_CBLOCK];
	bool ok;
	int i;

	for (i = 0; i < SHA_CBLOCK; i++)
		padded[i] = block[i] ^ pad;
	ok = SHA1_Init(hash) == 1 && SHA1_Update(hash, padded, SHA_CBLOCK) == 1;
	OPENSSL_cleanse(padded, sizeof(padded));
	return ok;
}

osp__hmac *
osp__hmac_new(osp_str key)
{
	unsigned char block[SHA_CBLOCK] = {0};
	osp__hmac *hmac = OPENSSL_zalloc(sizeof(*hmac));
	bool ok;

	if (hmac == NULL)
		return NULL;
	if (key.len > SHA_CBLOCK)
		ok = SHA1((const unsigned char *) key.ptr, key.len, block) != NULL;
	else
	{
		memcpy(block, key.ptr, key.len);
		ok = true;
	}
	ok = ok && begin_with(&hmac->inner, block, INNER_PAD) &&
		 begin_with(&hmac->outer, block, OUTER_PAD);
	OPENSSL_cleanse(block, sizeof(block));
	if (ok)
		return hmac;
	osp__hmac_free(hmac);
	return NULL;
}

bool
osp__hmac_sign(const osp__hmac *hmac, osp_str text,
			   unsigned char mac[OSP_SHA1_LEN])
{
	SHA_CTX hash = hmac->inner;

	if (SHA1_Update(&hash, text.ptr, text.len) != 1 ||
		SHA1_Final(mac, &hash) != 1)
		return false;
	hash = hmac->outer;
	return SHA1_Update(&hash, mac, OSP_SHA1_LEN) == 1 &&
		   SHA1_Final(mac, &hash) == 1;
}

void
osp__hmac_free(osp__hmac *hmac)
{
	OPENSSL_clear_free(hmac, sizeof(*hmac));
}
