/* SPDX-License-Identifier: Apache-2.0
 *
 * keyring.c
 *	  HMAC keys, each with a MAC context of OpenSSL that is keyed once.
 *
 * Starting a keyed context again costs a quarter of making one. The keys
 * themselves are kept nowhere but in these contexts, which OpenSSL wipes when
 * it frees them. A MAC makes OpenSSL take and give back two small blocks of
 * malloc's memory; should there be none, the MAC fails and nothing is accepted.
 */
#include "keyring.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "read_file.h"
#include "strip.h"

#define SHA1_LEN      20
#define KEYS_FIRST    4
#define KEYS_FILE_MAX (64 * 1024)

struct osp_keyring
{
	const osp_allocator *alc;
	EVP_MAC *hmac;
	EVP_MAC_CTX **keys;
	size_t count;
	size_t size;
};

static osp_status
set_openssl_error(osp_error *err)
{
	return osp_error_set(err, OSP_EIO, "OpenSSL offers no HMAC-SHA1");
}

/* Forgets the keys from number count on. */
static void
drop_keys(osp_keyring *ring, size_t count)
{
	while (ring->count > count)
		EVP_MAC_CTX_free(ring->keys[--ring->count]);
}

static osp_status
make_room(osp_keyring *ring)
{
	size_t size = ring->size > 0 ? ring->size * 2 : KEYS_FIRST;
	EVP_MAC_CTX **keys;

	if (ring->count < ring->size)
		return OSP_OK;
	keys = osp_realloc(ring->alc, ring->keys, size * sizeof(EVP_MAC_CTX *));
	if (keys == NULL)
		return OSP_ENOMEM;
	ring->keys = keys;
	ring->size = size;
	return OSP_OK;
}

static osp_status
add_key(osp_keyring *ring, osp_str key, osp_error *err)
{
	char digest[] = "SHA1";
	OSSL_PARAM params[2];
	EVP_MAC_CTX *ctx;

	params[0] =
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0);
	params[1] = OSSL_PARAM_construct_end();

	if (make_room(ring) != OSP_OK)
		return osp_error_set(err, OSP_ENOMEM, "out of memory for HMAC keys");
	ctx = EVP_MAC_CTX_new(ring->hmac);
	if (ctx == NULL ||
		EVP_MAC_init(ctx, (const unsigned char *) key.ptr, key.len, params) !=
			1)
	{
		EVP_MAC_CTX_free(ctx);
		return set_openssl_error(err);
	}
	ring->keys[ring->count++] = ctx;
	return OSP_OK;
}

/* Adds the keys of a comma-separated list; the caller drops them on failure. */
static osp_status
add_list(osp_keyring *ring, osp_str list, osp_error *err)
{
	const char *p = list.ptr;
	const char *end = p + list.len;

	for (;;)
	{
		const char *comma = memchr(p, ',', (size_t) (end - p));
		const char *stop = comma != NULL ? comma : end;
		osp_str key = osp__strip(osp_str_n(p, (size_t) (stop - p)));

		/* An empty key would let everybody in. */
		if (key.len > 0)
		{
			osp_status status = add_key(ring, key, err);

			if (status != OSP_OK)
				return status;
		}
		if (comma == NULL)
			return OSP_OK;
		p = comma + 1;
	}
}

osp_status
osp_keyring_new(const osp_allocator *alc, osp_str list, osp_keyring **out,
				osp_error *err)
{
	osp_keyring *ring;
	osp_status status;

	*out = NULL;
	ring = osp_calloc(alc, 1, sizeof(*ring));
	if (ring == NULL)
		return osp_error_set(err, OSP_ENOMEM, "out of memory for HMAC keys");
	ring->alc = alc;
	ring->hmac = EVP_MAC_fetch(NULL, OSSL_MAC_NAME_HMAC, NULL);
	status =
		ring->hmac != NULL ? add_list(ring, list, err) : set_openssl_error(err);
	if (status != OSP_OK)
	{
		osp_keyring_free(ring);
		return status;
	}
	*out = ring;
	return OSP_OK;
}

static osp_status
add_lines(osp_keyring *ring, osp_str text, osp_error *err)
{
	const char *p = text.ptr;
	const char *end = p + text.len;

	while (p < end)
	{
		const char *newline = memchr(p, '\n', (size_t) (end - p));
		const char *stop = newline != NULL ? newline : end;
		osp_str line = osp__strip(osp_str_n(p, (size_t) (stop - p)));

		if (line.len > 0 && line.ptr[0] != '#')
		{
			osp_status status = add_list(ring, line, err);

			if (status != OSP_OK)
				return status;
		}
		p = stop + 1;
	}
	return OSP_OK;
}

osp_status
osp_keyring_add_file(osp_keyring *ring, const char *path, osp_error *err)
{
	size_t before = ring->count;
	osp__file file;
	osp_status status;

	status = osp__file_read(&file, ring->alc, path, KEYS_FILE_MAX, true, err);
	if (status != OSP_OK)
		return status;
	status = add_lines(ring, osp_str_n(file.ptr, file.len), err);
	if (status != OSP_OK)
		drop_keys(ring, before);
	osp__file_term(&file);
	return status;
}

void
osp_keyring_free(osp_keyring *ring)
{
	if (ring == NULL)
		return;
	drop_keys(ring, 0);
	EVP_MAC_free(ring->hmac);
	osp_free(ring->alc, ring->keys);
	osp_free(ring->alc, ring);
}

size_t
osp_keyring_count(const osp_keyring *ring)
{
	return ring->count;
}

bool
osp__keyring_sign(osp_keyring *ring, size_t key, osp_str text,
				  char out[OSP_HMAC_HEX_LEN])
{
	static const char digits[] = "0123456789abcdef";
	EVP_MAC_CTX *ctx = ring->keys[key];
	unsigned char mac[SHA1_LEN];
	size_t len = 0;
	int i;

	if (EVP_MAC_init(ctx, NULL, 0, NULL) != 1 ||
		EVP_MAC_update(ctx, (const unsigned char *) text.ptr, text.len) != 1 ||
		EVP_MAC_final(ctx, mac, &len, sizeof(mac)) != 1 || len != sizeof(mac))
		return false;
	for (i = 0; i < SHA1_LEN; i++)
	{
		*out++ = digits[mac[i] >> 4];
		*out++ = digits[mac[i] & 15];
	}
	return true;
}
