/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz.h
 *	  What every fuzz target uses: its entry point, and a check that cannot be
 *	  left out.
 */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A property that must hold for every input. */
#define REQUIRE(condition)                        \
	do                                            \
	{                                             \
		if (!(condition))                         \
		{                                         \
			fprintf(stderr,                       \
					"%s:%d: does not hold: %s\n", \
					__FILE__,                     \
					__LINE__,                     \
					#condition);                  \
			abort();                              \
		}                                         \
	}                                             \
	while (0)

/*
 * A copy of exactly size bytes on the heap, so that a read beyond is seen. The
 * caller frees it.
 */
static inline char *
fuzz_copy(const uint8_t *data, size_t size)
{
	char *copy = malloc(size > 0 ? size : 1);

	if (copy == NULL)
		abort();
	memcpy(copy, data, size);
	return copy;
}

#endif /* FUZZ_FUZZ_H */
