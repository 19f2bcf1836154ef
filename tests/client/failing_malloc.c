/* SPDX-License-Identifier: Apache-2.0
 *
 * failing_malloc.c
 *	  A malloc, to be preloaded, that fails for OSProfiler's libraries.
 *
 * From call number FAIL_FROM on, counted from 0, calls from libosprofiler.so and the
 * hook of libpq fail. Calls from the program, libpq and other libraries succeed, so the
 * program has to behave as without tracing.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *ptr, size_t size);

static long calls = 0;

static int
fails(const void *caller)
{
	const char *from = getenv("FAIL_FROM");
	Dl_info info;

	if (from == NULL || dladdr(caller, &info) == 0 ||
		(strstr(info.dli_fname, "/libosprofiler.so") == NULL &&
		 strstr(info.dli_fname, "/shadow/libpq.so") == NULL))
		return 0;
	if (__atomic_fetch_add(&calls, 1, __ATOMIC_RELAXED) <
		strtol(from, NULL, 10))
		return 0;
	errno = ENOMEM;
	return 1;
}

__attribute__((visibility("default"))) void *
malloc(size_t size)
{
	return fails(__builtin_return_address(0)) ? NULL : __libc_malloc(size);
}

__attribute__((visibility("default"))) void *
calloc(size_t count, size_t size)
{
	return fails(__builtin_return_address(0)) ? NULL
											  : __libc_calloc(count, size);
}

__attribute__((visibility("default"))) void *
realloc(void *ptr, size_t size)
{
	return fails(__builtin_return_address(0)) ? NULL
											  : __libc_realloc(ptr, size);
}
