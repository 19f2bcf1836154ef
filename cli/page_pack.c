/* SPDX-License-Identifier: Apache-2.0
 *
 * page_pack.c
 *	  The data of a page, packed if they are long.
 *
 * JSON of more than PLAIN_MAX bytes is deflated (zlib's format, RFC 1950) and
 * written in base64, which takes less than a third of the space;
 * cli/html/packed.js unpacks it by the browser's DecompressionStream. Chromium
 * saves about as much time in reading the shorter file as unpacking takes, so
 * the gain is the size of the file. Shorter JSON stays readable, so that a
 * person can search it for words. JSON begins with "{", which base64 does not
 * contain.
 */
#include "page_pack.h"

#include <openssl/evp.h>
#include <zlib.h>

#define PLAIN_MAX ((size_t) 1024 * 1024)

/* Level 6 makes the page 5 % smaller, and takes more than twice as long. */
#define LEVEL 4

/* Base64 makes four characters of three bytes. */
#define CHUNK_BYTES ((size_t) 3 * 16 * 1024)

struct cli_packer
{
	osp_write_fn write;
	void *ctx;
	osp_buf plain; /* the JSON so far, until it gets too long */
	bool packing;
	z_stream zlib;
	unsigned char packed[CHUNK_BYTES];
	unsigned char text[CHUNK_BYTES / 3 * 4 + 1]; /* OpenSSL adds a NUL */
};

cli_packer *
cli_packer_new(osp_write_fn write, void *ctx)
{
	cli_packer *packer = osp_calloc(&osp_allocator_default, 1, sizeof(*packer));

	if (packer == NULL)
		return NULL;
	packer->write = write;
	packer->ctx = ctx;
	osp_buf_init(&packer->plain, &osp_allocator_default, 2 * PLAIN_MAX);
	return packer;
}

void
cli_packer_free(cli_packer *packer)
{
	if (packer == NULL)
		return;
	if (packer->packing)
		(void) deflateEnd(&packer->zlib);
	osp_buf_term(&packer->plain);
	osp_free(&osp_allocator_default, packer);
}

/* Hands over the packed bytes: a full chunk, or the last ones. */
static osp_status
write_packed(cli_packer *packer)
{
	size_t len = CHUNK_BYTES - packer->zlib.avail_out;
	int chars = EVP_EncodeBlock(packer->text, packer->packed, (int) len);

	packer->zlib.next_out = packer->packed;
	packer->zlib.avail_out = CHUNK_BYTES;
	return packer->write(
		packer->ctx, osp_str_n((const char *) packer->text, (size_t) chars));
}

/* Packs a part of the JSON. Its length fits into zlib's counters. */
static osp_status
pack_part(cli_packer *packer, osp_str part, int flush)
{
	z_stream *zlib = &packer->zlib;
	osp_status status = OSP_OK;

	zlib->next_in = (Bytef *) part.ptr;
	zlib->avail_in = (uInt) part.len;
	do
	{
		/* deflate() fails only if it is misused. */
		(void) deflate(zlib, flush);
		if (zlib->avail_out > 0)
			break;
		status = write_packed(packer);
	}
	while (status == OSP_OK);
	return status;
}

static osp_status
pack(cli_packer *packer, osp_str piece)
{
	osp_status status = OSP_OK;

	while (piece.len > 0 && status == OSP_OK)
	{
		size_t len = piece.len < PLAIN_MAX ? piece.len : PLAIN_MAX;

		status = pack_part(packer, osp_str_n(piece.ptr, len), Z_NO_FLUSH);
		piece = osp_str_n(piece.ptr + len, piece.len - len);
	}
	return status;
}

static osp_status
begin_packing(cli_packer *packer)
{
	if (deflateInit(&packer->zlib, LEVEL) != Z_OK)
		return OSP_ENOMEM;
	packer->packing = true;
	packer->zlib.next_out = packer->packed;
	packer->zlib.avail_out = CHUNK_BYTES;
	return pack(packer, osp_buf_str(&packer->plain));
}

osp_status
cli_packer_write(void *ctx, osp_str piece)
{
	cli_packer *packer = ctx;
	osp_status status;

	if (!packer->packing && packer->plain.len + piece.len <= PLAIN_MAX)
	{
		osp_buf_add_str(&packer->plain, piece);
		return osp_buf_status(&packer->plain);
	}
	status = packer->packing ? OSP_OK : begin_packing(packer);
	return status == OSP_OK ? pack(packer, piece) : status;
}

osp_status
cli_packer_end(cli_packer *packer)
{
	osp_status status;

	if (!packer->packing)
		return packer->write(packer->ctx, osp_buf_str(&packer->plain));
	status = pack_part(packer, OSP_STR(""), Z_FINISH);
	return status == OSP_OK ? write_packed(packer) : status;
}
