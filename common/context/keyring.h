/* SPDX-License-Identifier: Apache-2.0
 *
 * keyring.h
 *	  The parts of a keyring that signing and verifying need. Private to
 *	  common/; the public part is in osprofiler/context.h.
 */
#ifndef OSPROFILER_KEYRING_H
#define OSPROFILER_KEYRING_H

#include "osprofiler/context.h"

/*
 * Writes the HMAC-SHA1 of text with key number key, as lower-case hex without a
 * NUL. False if OpenSSL fails.
 */
bool osp__keyring_sign(osp_keyring *ring, size_t key, osp_str text,
					   char out[OSP_HMAC_HEX_LEN]) OSP_MUST_CHECK;

/*
 * What context.c remembers for the next signature: the first part of the base64
 * text, which is the same for all contexts of the trace that was signed last.
 */
#define OSP__SIGNED_BEGIN_LEN 88

typedef struct osp__signed_begin
{
	bool known;
	osp_uuid base_id;
	char text[OSP__SIGNED_BEGIN_LEN];
} osp__signed_begin;

/* Returns the keyring's osp__signed_begin, which the caller may read and change. */
osp__signed_begin *osp__keyring_signed(osp_keyring *ring);

#endif /* OSPROFILER_KEYRING_H */
