/* SPDX-License-Identifier: Apache-2.0
 *
 * load.c
 *	  Sets the pointers to libpq's own functions.
 *
 * This is normally done when the library is loaded. A preloaded one may be
 * loaded long before libpq (a script interpreter loads libpq with its database
 * module); then the first call does it.
 */
#include "load.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stddef.h>

#include "libpq_api.h"

int ospq_loaded = 0;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

long
ospq_nothing(void)
{
	return 0;
}

long
ospq_minus_one(void)
{
	return -1;
}

#define NOTHING   ospq_nothing
#define MINUS_ONE ospq_minus_one

/*
 * The pointers. They are NULL until ospq_need sets them, which each wrapper
 * calls first.
 */
#define WRAPPED(type, name, parameters, other) \
	type(*ospq_real_##name) parameters = NULL;
#define USED WRAPPED
#include "libpq_wrapped.def"
#undef USED
#undef WRAPPED

static const struct
{
	const char *name;
	void *pointer; /* to a pointer to a function */
	long (*other)(void);
} functions[] = {
#define WRAPPED(type, name, parameters, other) \
	{#name, &ospq_real_##name, other},
#define USED WRAPPED
#include "libpq_wrapped.def"
#undef USED
#undef WRAPPED
};

#define FUNCTIONS (sizeof(functions) / sizeof(functions[0]))

/* Data and function pointers have the same size wherever dlsym exists. */
_Static_assert(sizeof(void *) == sizeof(long (*)(void)), "dlsym");

void
ospq_load(void)
{
	void *libpq;
	size_t i;

	(void) pthread_mutex_lock(&lock);
	if (__atomic_load_n(&ospq_loaded, __ATOMIC_ACQUIRE) == 0)
	{
		libpq = ospq_find_libpq();
		for (i = 0; i < FUNCTIONS; i++)
		{
			void *function =
				libpq != NULL ? dlsym(libpq, functions[i].name) : NULL;

			if (function == NULL)
				*(long (**)(void)) functions[i].pointer = functions[i].other;
			else
				*(void **) functions[i].pointer = function;
		}
		__atomic_store_n(&ospq_loaded, 1, __ATOMIC_RELEASE);
	}
	(void) pthread_mutex_unlock(&lock);
}
