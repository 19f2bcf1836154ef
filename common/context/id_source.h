/* SPDX-License-Identifier: Apache-2.0
 *
 * id_source.h
 *	  Generates the fresh ids of a thread: xoshiro256++ (Blackman and Vigna), seeded
 *	  with the kernel's random numbers.
 *
 * Ids need to be unique, not secret: keys and collectors decide who may trace and who
 * may read. A generator of a few instructions is enough for that. OpenSSL's generator
 * is secret, and so slow that ids would have to be made in advance.
 */
#ifndef OSP_ID_SOURCE_H
#define OSP_ID_SOURCE_H

#include "base/fork.h"
#include "base/shared.h"
#include "osprofiler/ids.h"

typedef struct osp__id_source
{
	uint64_t generation; /* of the process that seeded it; 0: not seeded */
	uint64_t state[4];
} osp__id_source;

/* The hooks read the source directly: if its layout changes, its name must change,
 * too. */
#define osp__ids osp__ids_2

OSP_SHARED extern __thread osp__id_source osp__ids
	__attribute__((tls_model("initial-exec")));

static inline uint64_t
osp__rotate(uint64_t value, int bits)
{
	return value << bits | value >> (64 - bits);
}

static inline uint64_t
osp__id_source_next(osp__id_source *source)
{
	uint64_t *s = source->state;
	uint64_t result = osp__rotate(s[0] + s[3], 23) + s[0];
	uint64_t shifted = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= shifted;
	s[3] = osp__rotate(s[3], 45);
	return result;
}

/*
 * Takes a fresh id; generation is that of this process. False: the source is not seeded
 * in this process; call osp_uuid_new instead.
 */
static inline bool
osp__uuid_take(osp_uuid *out, uint64_t generation)
{
	osp__id_source *source = &osp__ids;
	uint64_t words[2];

	if (OSP_UNLIKELY(source->generation != generation))
		return false;
	words[0] = osp__id_source_next(source);
	words[1] = osp__id_source_next(source);
	memcpy(out->bytes, words, sizeof(words));
	out->bytes[6] = (unsigned char) ((out->bytes[6] & 0x0f) | 0x40);
	out->bytes[8] = (unsigned char) ((out->bytes[8] & 0x3f) | 0x80);
	return true;
}

#endif /* OSP_ID_SOURCE_H */
