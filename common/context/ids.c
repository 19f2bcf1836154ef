/* SPDX-License-Identifier: Apache-2.0
 *
 * ids.c
 *	  Ids of points: fresh version-4 UUIDs, and ids that came from outside.
 */
#include "osprofiler/ids.h"

#include <openssl/rand.h>
#include <pthread.h>
#include <uuid/uuid.h>

#include "base/hex.h"
#include "context/id_pool.h"

__thread osp__id_pool *osp__ids = NULL;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t at_thread_end;
static bool has_key = false;

static void
free_pool(void *ptr)
{
	osp__ids = NULL;
	osp_free(&osp_allocator_default, ptr);
}

static void
make_key(void)
{
	has_key = pthread_key_create(&at_thread_end, free_pool) == 0;
}

/* The pool of this thread, empty; false: it gets none. */
static bool
make_pool(void)
{
	osp__id_pool *made;

	(void) pthread_once(&once, make_key);
	if (!has_key)
		return false;
	made = osp_calloc(&osp_allocator_default, 1, sizeof(*made));
	if (made == NULL)
		return false;
	if (pthread_setspecific(at_thread_end, made) != 0)
	{
		osp_free(&osp_allocator_default, made);
		return false;
	}
	osp__ids = made;
	return true;
}

static void
make_version_4(osp_uuid *uuid)
{
	uuid->bytes[6] = (unsigned char) ((uuid->bytes[6] & 0x0f) | 0x40);
	uuid->bytes[8] = (unsigned char) ((uuid->bytes[8] & 0x3f) | 0x80);
}

static bool
refill(uint64_t generation)
{
	osp__id_pool *pool;
	int i;

	if (osp__ids == NULL && !make_pool())
		return false;
	pool = osp__ids;
	pool->left = 0;
	pool->generation = generation;
	if (RAND_bytes((unsigned char *) pool->ids, (int) sizeof(pool->ids)) != 1)
		return false;
	for (i = 0; i < OSP__POOL_IDS; i++)
		make_version_4(&pool->ids[i]);
	pool->left = OSP__POOL_IDS;
	return true;
}

void
osp_uuid_new(osp_uuid *out)
{
	uint64_t generation = osp__generation();

	if (OSP_LIKELY(osp__uuid_take(out, generation)))
		return;
	if (!refill(generation) || !osp__uuid_take(out, generation))
		uuid_generate_random(out->bytes);
}

void
osp_uuid_text(const osp_uuid *uuid, char out[OSP_UUID_TEXT_LEN + 1])
{
	char digits[32];
	int i;

	for (i = 0; i < 16; i += 4)
		osp__hex_write4(digits + 2 * i, uuid->bytes + i);
	memcpy(out, digits, 8);
	out[8] = '-';
	memcpy(out + 9, digits + 8, 4);
	out[13] = '-';
	memcpy(out + 14, digits + 12, 4);
	out[18] = '-';
	memcpy(out + 19, digits + 16, 4);
	out[23] = '-';
	memcpy(out + 24, digits + 20, 12);
	out[36] = '\0';
}

/* 1 + the value of a lower-case digit, 0 for anything else. */
static const unsigned char digit_values[256] = {['0'] = 1,
												['1'] = 2,
												['2'] = 3,
												['3'] = 4,
												['4'] = 5,
												['5'] = 6,
												['6'] = 7,
												['7'] = 8,
												['8'] = 9,
												['9'] = 10,
												['a'] = 11,
												['b'] = 12,
												['c'] = 13,
												['d'] = 14,
												['e'] = 15,
												['f'] = 16};

/* Stores read three ids for each notification, so this looks at every character
 * without a branch. */
bool
osp_uuid_parse(osp_str text, osp_uuid *out)
{
	static const unsigned char places[16] = {
		0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34};
	const unsigned char *at = (const unsigned char *) text.ptr;
	unsigned bad;
	int i;

	if (text.len != OSP_UUID_TEXT_LEN)
		return false;
	bad = (at[8] ^ '-') | (at[13] ^ '-') | (at[18] ^ '-') | (at[23] ^ '-');
	for (i = 0; i < 16; i++)
	{
		unsigned high = digit_values[at[places[i]]] - 1U;
		unsigned low = digit_values[at[places[i] + 1]] - 1U;

		bad |= (high | low) >> 4;
		out->bytes[i] = (unsigned char) (high << 4 | low);
	}
	return bad == 0;
}

bool
osp_id_set(osp_id *id, osp_str text)
{
	osp_uuid uuid;

	id->is_uuid = false;
	id->len = 0;
	if (text.len == 0 || text.len > OSP_ID_MAX)
		return false;
	if (osp_uuid_parse(text, &uuid))
	{
		osp_id_set_uuid(id, &uuid);
		return true;
	}
	id->len = (uint8_t) text.len;
	memcpy(id->bytes, text.ptr, text.len);
	return true;
}

osp_str
osp_id_text(const osp_id *id, char storage[OSP_ID_MAX + 1])
{
	osp_uuid uuid;

	if (!id->is_uuid)
		return osp_str_n(id->bytes, id->len);
	memcpy(uuid.bytes, id->bytes, sizeof(uuid.bytes));
	osp_uuid_text(&uuid, storage);
	return osp_str_n(storage, OSP_UUID_TEXT_LEN);
}

bool
osp_id_eq(const osp_id *a, const osp_id *b)
{
	return a->is_uuid == b->is_uuid && a->len == b->len &&
		   memcmp(a->bytes, b->bytes, a->len) == 0;
}
