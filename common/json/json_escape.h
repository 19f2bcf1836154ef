/* SPDX-License-Identifier: Apache-2.0
 *
 * json_escape.h
 *	  The inside of a JSON string in the bytes of Python's json.dumps, written
 *	  into memory of the caller. Private to common/.
 */
#ifndef OSPROFILER_JSON_ESCAPE_H
#define OSPROFILER_JSON_ESCAPE_H

#include "osprofiler/base.h"

/* No byte of text becomes more than this ("\u0001", and U+FFFD). */
#define OSP__JSON_ESCAPE_GROWTH 6

/*
 * Escapes text into out, without quotes and without a NUL. Only ASCII comes
 * out: characters beyond it as lower-case \uXXXX, those beyond the BMP as two
 * of them. Bytes that are not UTF-8 become \ufffd, one for each maximal invalid
 * part; surrogates that were encoded as UTF-8 stay as their escape.
 *
 * Returns how many bytes were written. When size is too small for everything,
 * it stops before the character that does not fit: *taken says how many bytes
 * of text were escaped, so that the caller can go on from there. A character
 * needs at most 12 bytes of room.
 */
size_t osp__json_escape(osp_str text, char *out, size_t size, size_t *taken);

#endif /* OSPROFILER_JSON_ESCAPE_H */
