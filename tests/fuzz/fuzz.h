/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz.h
 *	  Shared by all fuzz targets: the entry point, and a check that NDEBUG does not
 *	  remove.
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
 * Returns a copy of size bytes in an allocation of exactly this size, so that
 * sanitizers detect reading beyond it. The caller frees it.
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
