/* SPDX-License-Identifier: Apache-2.0
 *
 * keyring.c
 *	  HMAC keys, each with a MAC that is keyed once.
 *
 * The keys themselves are kept only in these MACs (hmac.c), which are wiped when they
 * are freed.
 */
#include "context/keyring.h"

#include "base/hex.h"
#include "base/read_file.h"
#include "base/strip.h"
#include "context/hmac.h"

#define KEYS_FIRST    4
#define KEYS_FILE_MAX (64 * 1024)

struct osp_keyring
{
	const osp_allocator *alc;
	osp__hmac **keys;
	size_t count;
	size_t size;
	osp__signed_begin signed_begin;
};

/* Forgets the keys from number count on. */
static void
drop_keys(osp_keyring *ring, size_t count)
{
	while (ring->count > count)
		osp__hmac_free(ring->keys[--ring->count]);
}

static osp_status
make_room(osp_keyring *ring)
{
	size_t size = ring->size > 0 ? ring->size * 2 : KEYS_FIRST;
	osp__hmac **keys;

	if (ring->count < ring->size)
		return OSP_OK;
	keys = osp_realloc(ring->alc, ring->keys, size * sizeof(osp__hmac *));
	if (keys == NULL)
		return OSP_ENOMEM;
	ring->keys = keys;
	ring->size = size;
	return OSP_OK;
}

static osp_status
add_key(osp_keyring *ring, osp_str key, osp_error *err)
{
	osp__hmac *hmac;

	if (make_room(ring) != OSP_OK)
		return osp_error_set(err, OSP_ENOMEM, "out of memory for HMAC keys");
	hmac = osp__hmac_new(key);
	if (hmac == NULL)
		return osp_error_set(err, OSP_EIO, "OpenSSL offers no HMAC-SHA1");
	ring->keys[ring->count++] = hmac;
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

		/* An empty key would let everybody in, so it is skipped. */
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
	status = add_list(ring, list, err);
	if (status != OSP_OK)
	{
		osp_keyring_free(ring);
		return status;
	}
	*out = ring;
	return OSP_OK;
}

/* Editors may write a byte order mark in front of a text, where nobody sees it. */
static bool
has_byte_order_mark(osp_str text)
{
	static const osp_str marks[] = {
		{"\xef\xbb\xbf", 3}, {"\xff\xfe", 2}, {"\xfe\xff", 2}};
	size_t i;

	for (i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
		if (text.len >= marks[i].len &&
			memcmp(text.ptr, marks[i].ptr, marks[i].len) == 0)
			return true;
	return false;
}

/* Refuses a line that holds characters no key has on purpose, because the other
 * side's key would differ. The line's end, also CR LF, is not part of it. */
static osp_status
check_line(osp_str line, size_t number, const char *path, osp_error *err)
{
	const char *what = NULL;

	if (memchr(line.ptr, '\0', line.len) != NULL)
		what = "a NUL byte in";
	else if (memchr(line.ptr, '\r', line.len) != NULL)
		what = "a carriage return in the middle of";
	return what == NULL ? OSP_OK
						: osp_error_set(
							  err,
							  OSP_EINVAL,
							  "file \"%s\" has %s line %zu, which no key "
							  "can have: save it as plain text, one key a line",
							  path,
							  what,
							  number);
}

static osp_status
add_lines(osp_keyring *ring, osp_str text, const char *path, osp_error *err)
{
	const char *p = text.ptr;
	const char *end = p + text.len;
	size_t number = 0;

	if (has_byte_order_mark(text))
		return osp_error_set(err,
							 OSP_EINVAL,
							 "file \"%s\" begins with a byte order mark, which "
							 "would be a part of the first key: save it as "
							 "plain text (ASCII, or UTF-8 without the mark)",
							 path);
	while (p < end)
	{
		const char *newline = memchr(p, '\n', (size_t) (end - p));
		const char *stop = newline != NULL ? newline : end;
		osp_str line = osp__strip(osp_str_n(p, (size_t) (stop - p)));

		number++;
		if (line.len > 0 && line.ptr[0] != '#')
		{
			osp_status status = check_line(line, number, path, err);

			if (status == OSP_OK)
				status = add_list(ring, line, err);
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
	status = add_lines(ring, osp_str_n(file.ptr, file.len), path, err);
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
	unsigned char mac[OSP_SHA1_LEN];
	int i;

	if (!osp__hmac_sign(ring->keys[key], text, mac))
		return false;
	for (i = 0; i < OSP_SHA1_LEN; i += 4)
		osp__hex_write4(out + 2 * i, mac + i);
	return true;
}

osp__signed_begin *
osp__keyring_signed(osp_keyring *ring)
{
	return &ring->signed_begin;
}
