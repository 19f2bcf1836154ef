/* SPDX-License-Identifier: Apache-2.0
 *
 * base64.h
 *	  Base64 with the urlsafe alphabet, as Python's base64 module reads and
 *	  writes it. Private to common/.
 */
#ifndef OSPROFILER_BASE64_H
#define OSPROFILER_BASE64_H

#include "osprofiler/base.h"

/* Bytes that encoding len bytes takes, and the most that decoding len gives. */
#define OSP__BASE64_ENCODED(len) (((len) + 2) / 3 * 4)
#define OSP__BASE64_DECODED(len) (((len) + 3) / 4 * 3)

/* urlsafe_b64encode: with padding, no NUL. Returns the length. */
size_t osp__base64_encode(osp_str bytes, char *out);

/*
 * urlsafe_b64decode of a str: "+" and "/" are read too, characters outside the
 * alphabet are passed over, what follows a complete padding is not looked at.
 * False where Python raises: padding is missing, or a byte is not ASCII.
 */
bool osp__base64_decode(osp_str text, char *out, size_t *len) OSP_MUST_CHECK;

#endif /* OSPROFILER_BASE64_H */
