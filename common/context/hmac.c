/* SPDX-License-Identifier: Apache-2.0
 *
 * hmac.c
 *	  HMAC-SHA1 with a key that is set up once, by means of OpenSSL's SHA-1.
 *
 * OpenSSL's own HMAC allocates, looks names up and wipes for every MAC, which costs
 * more than the hashing. The state of its SHA-1, unchanged since 1.1.1, can be copied:
 * HMAC (RFC 2104) consists of two hashes that begin with the key. OpenSSL 3 calls these
 * functions deprecated because they bypass FIPS providers; OSProfiler's protocol knows
 * no other MAC.
 *
 * Linked statically (config.mk), these functions need nothing else of OpenSSL, and
 * a program that is traced gets no libcrypto that it did not load itself.
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
	SHA_CTX inner; /* both hashes have read their padded key, one whole block */
	SHA_CTX outer;
};

/* Begins a hash with the key, padded with zeroes and XORed with pad. */
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

/* The key padded with zeroes, or the hash of a key longer than a block. */
static bool
make_block(osp_str key, unsigned char block[SHA_CBLOCK])
{
	SHA_CTX hash;

	memset(block, 0, SHA_CBLOCK);
	if (key.len <= SHA_CBLOCK)
	{
		memcpy(block, key.ptr, key.len);
		return true;
	}
	return SHA1_Init(&hash) == 1 && SHA1_Update(&hash, key.ptr, key.len) == 1 &&
		   SHA1_Final(block, &hash) == 1;
}

osp__hmac *
osp__hmac_new(osp_str key)
{
	unsigned char block[SHA_CBLOCK];
	osp__hmac *hmac = osp_calloc(&osp_allocator_default, 1, sizeof(*hmac));
	bool ok;

	if (hmac == NULL)
		return NULL;
	ok = make_block(key, block) && begin_with(&hmac->inner, block, INNER_PAD) &&
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
	if (hmac != NULL)
		OPENSSL_cleanse(hmac, sizeof(*hmac));
	osp_free(&osp_allocator_default, hmac);
}
