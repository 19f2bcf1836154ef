/* SPDX-License-Identifier: Apache-2.0
 *
 * base64.h
 *	  Base64 with the urlsafe alphabet, as Python's base64 module reads and
 *	  writes it. Private to common/.
 */
#ifndef OSPROFILER_BASE64_H
#define OSPROFILER_BASE64_H

#include "osprofiler/base.h"

/* The bytes that encoding len bytes takes, and the largest number of bytes that
 * decoding len characters gives. */
#define OSP__BASE64_ENCODED(len) (((len) + 2) / 3 * 4)
#define OSP__BASE64_DECODED(len) (((len) + 3) / 4 * 3)

/* Encodes like urlsafe_b64encode: with padding, no NUL. Returns the length. */
size_t osp__base64_encode(osp_str bytes, char *out);

/*
 * Decodes like urlsafe_b64decode of a str: reads "+" and "/" too, skips
 * characters outside the alphabet, and ignores what follows a complete padding.
 * False where Python raises: padding is missing, or a byte is not ASCII.
 */
bool osp__base64_decode(osp_str text, char *out, size_t *len) OSP_MUST_CHECK;

#endif /* OSPROFILER_BASE64_H */
