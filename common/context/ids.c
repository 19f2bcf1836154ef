/* SPDX-License-Identifier: Apache-2.0
 *
 * ids.c
 *	  Ids of points: fresh version-4 UUIDs, and ids from outside.
 */
#include "osprofiler/ids.h"

#include <sys/auxv.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "base/hex.h"
#include "context/hmac.h"
#include "context/id_source.h"

__thread osp__id_source osp__ids = {0, {0, 0, 0, 0}};

/*
 * Seeds the source where the kernel refuses random numbers, as under a filter of system
 * calls: from the random bytes that the kernel gave the process at its start, and from
 * values that differ between processes, threads and moments. They go through a MAC
 * because those bytes also protect the stack, so a reader of ids must not learn them.
 */
static void
begin_without_kernel(osp__id_source *source)
{
	const char *given = (const char *) (uintptr_t) getauxval(AT_RANDOM);
	osp__hmac *hmac =
		osp__hmac_new(given != NULL ? osp_str_n(given, 16) : OSP_STR(""));
	unsigned char mac[2][OSP_SHA1_LEN];
	struct timespec now = {0, 0};
	int i;

	(void) clock_gettime(CLOCK_REALTIME, &now);
	for (i = 0; i < 2; i++)
	{
		const uint64_t moment[5] = {(uint64_t) getpid(),
									(uint64_t) now.tv_sec,
									(uint64_t) now.tv_nsec,
									(uint64_t) (uintptr_t) source,
									(uint64_t) i};

		/* If there is no memory for the MAC, the moment and the process are the
		 * seed. */
		if (hmac == NULL ||
			!osp__hmac_sign(
				hmac, osp_str_n((const char *) moment, sizeof(moment)), mac[i]))
			memcpy(mac[i], moment, OSP_SHA1_LEN);
		memcpy(&source->state[2 * i], mac[i], 2 * sizeof(uint64_t));
	}
	osp__hmac_free(hmac);
}

void
osp_uuid_new(osp_uuid *out)
{
	uint64_t generation = osp__generation();

	if (OSP_LIKELY(osp__uuid_take(out, generation)))
		return;
	if (getrandom(osp__ids.state, sizeof(osp__ids.state), GRND_NONBLOCK) !=
		(ssize_t) sizeof(osp__ids.state))
		begin_without_kernel(&osp__ids);
	osp__ids.generation = generation;
	(void) osp__uuid_take(out, generation);
}

void
osp_uuid_text(const osp_uuid *uuid, char out[OSP_UUID_TEXT_LEN + 1])
{
	char digits[32];

	osp__hex_write16(digits, uuid->bytes);
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

/* Stores read three ids for each notification, so this function checks every character
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
