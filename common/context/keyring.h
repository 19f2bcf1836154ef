/* SPDX-License-Identifier: Apache-2.0
 *
 * keyring.h
 *	  What signing and verifying need of a keyring. Private to common/; the
 *	  public part is in osprofiler/context.h.
 */
#ifndef OSPROFILER_KEYRING_H
#define OSPROFILER_KEYRING_H

#include "osprofiler/context.h"

/*
 * The HMAC-SHA1 of text with key number key, as lower-case hex without a NUL.
 * False if OpenSSL fails.
 */
bool osp__keyring_sign(osp_keyring *ring, size_t key, osp_str text,
					   char out[OSP_HMAC_HEX_LEN]) OSP_MUST_CHECK;

/*
 * What context.c remembers for the next signature: how the base64 text begins
 * for the trace that was signed last.
 */
#define OSP__SIGNED_BEGIN_LEN 88

typedef struct osp__signed_begin
{
	bool known;
	osp_uuid base_id;
	char text[OSP__SIGNED_BEGIN_LEN];
} osp__signed_begin;

/* Of this keyring, for reading and changing. */
osp__signed_begin *osp__keyring_signed(osp_keyring *ring);

#endif /* OSPROFILER_KEYRING_H */
