/* SPDX-License-Identifier: Apache-2.0
 *
 * shadow.c
 *	  The other exports of libpq, with which our library can replace it.
 *
 * Functions that are not wrapped are passed on by a jump, which keeps arguments
 * of any number and type. Wrappers call some of these functions, too; their
 * jumps use the same pointer.
 */
#include <dlfcn.h>
#include <stddef.h>

#include "libpq_api.h"
#include "load.h"

#if defined(__x86_64__)
#define JUMP(pointer) "\tendbr64\n\tjmp *" pointer "(%rip)\n"
#elif defined(__aarch64__)
#define JUMP(pointer)                    \
	"\tbti c\n\tadrp x16, " pointer "\n" \
	"\tldr x16, [x16, :lo12:" pointer "]\n\tbr x16\n"
#else
#error "client_hooks/shadow.c: no jump for this processor"
#endif

#define HAND_ON(name)                                                      \
	__asm__(".text\n"                                                      \
			"\t.globl " #name "\n"                                         \
			"\t.type " #name ", %function\n"                               \
			"\t.balign 16\n" #name                                         \
			":\n" JUMP("ospq_real_" #name) "\t.size " #name ", . - " #name \
										   "\n");

#define NOTHING   ospq_nothing
#define MINUS_ONE ospq_minus_one

#define PLAIN(name, other)                                               \
	extern void *ospq_real_##name;                                       \
	__attribute__((visibility("hidden"))) void *ospq_real_##name = NULL; \
	HAND_ON(name)
#include "libpq_plain.def"
#undef PLAIN

#define WRAPPED(type, name, parameters, other)
#define USED(type, name, parameters, other) HAND_ON(name)
#include "libpq_wrapped.def"
#undef USED
#undef WRAPPED

static const struct
{
	const char *name;
	void **pointer;
	long (*other)(void);
} functions[] = {
#define PLAIN(name, other) {#name, &ospq_real_##name, other},
#include "libpq_plain.def"
#undef PLAIN
};

#define FUNCTIONS (sizeof(functions) / sizeof(functions[0]))

/* The names of result states, the only export that is not a function. */
OSPQ_EXPORT char *const pgresStatus[] = {
	(char *) "PGRES_EMPTY_QUERY",
	(char *) "PGRES_COMMAND_OK",
	(char *) "PGRES_TUPLES_OK",
	(char *) "PGRES_COPY_OUT",
	(char *) "PGRES_COPY_IN",
	(char *) "PGRES_BAD_RESPONSE",
	(char *) "PGRES_NONFATAL_ERROR",
	(char *) "PGRES_FATAL_ERROR",
	(char *) "PGRES_COPY_BOTH",
	(char *) "PGRES_SINGLE_TUPLE",
	(char *) "PGRES_PIPELINE_SYNC",
	(char *) "PGRES_PIPELINE_ABORTED",
};

/*
 * Sets all pointers. Nobody calls a library before its constructor has run, so
 * no call has to check them.
 */
__attribute__((constructor)) static void
load_all(void)
{
	void *libpq = ospq_find_libpq();
	size_t i;

	for (i = 0; i < FUNCTIONS; i++)
	{
		void *function = libpq != NULL ? dlsym(libpq, functions[i].name) : NULL;

		if (function == NULL)
			*(long (**)(void))(void *) functions[i].pointer =
				functions[i].other;
		else
			*functions[i].pointer = function;
	}
	ospq_load();
}

/* A symbol that distinguishes this library from the real libpq. */
OSPQ_EXPORT extern const int osprofiler_shadow;
const int osprofiler_shadow = 1;
