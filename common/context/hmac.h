/* SPDX-License-Identifier: Apache-2.0
 *
 * hmac.h
 *	  HMAC-SHA1 with a key that is set up once. Private to common/.
 */
#ifndef OSPROFILER_HMAC_H
#define OSPROFILER_HMAC_H

#include "osprofiler/base.h"

#define OSP_SHA1_LEN 20

/* Holds the state of the hashes after they have read the key. */
typedef struct osp__hmac osp__hmac;

/* Returns NULL if there is no memory. */
osp__hmac *osp__hmac_new(osp_str key) OSP_MUST_CHECK;

/* Allocates nothing. False if OpenSSL fails. */
bool osp__hmac_sign(const osp__hmac *hmac, osp_str text,
					unsigned char mac[OSP_SHA1_LEN]) OSP_MUST_CHECK;

void osp__hmac_free(osp__hmac *hmac);

#endif /* OSPROFILER_HMAC_H */
