/* SPDX-License-Identifier: Apache-2.0
 *
 * real.c
 *	  Finds SQLite's own functions behind our wrappers.
 */
#include <dlfcn.h>
#include <pthread.h>

#include "wrap.h"
#include "wrappers.h"

osp_sqlite_real osp_sqlite__reals;

static pthread_once_t once = PTHREAD_ONCE_INIT;

void *
osp_sqlite__next(const char *name, const void *ours)
{
	void *next = dlsym(RTLD_NEXT, name);

	if (next == NULL || next == ours)
		next = dlsym(RTLD_DEFAULT, name);
	return next != ours ? next : NULL;
}

/* dlsym gives an object's address, which ISO C keeps apart from a function's. */
#define FIND(name)                                                           \
	do                                                                       \
	{                                                                        \
		void *found =                                                        \
			osp_sqlite__next("sqlite3_" #name, (void *) osp_sqlite__##name); \
		memcpy(&osp_sqlite__reals.name, &found, sizeof(found));              \
	}                                                                        \
	while (0)

static void
find_reals(void)
{
	FIND(reset);
	FIND(finalize);
	FIND(exec);
	FIND(prepare);
	FIND(prepare_v2);
	FIND(prepare_v3);
	FIND(prepare16);
	FIND(prepare16_v2);
	FIND(prepare16_v3);
	FIND(trace_v2);
	FIND(trace);
	FIND(profile);

	/* The last one: it says that the others are there. */
	FIND(step);
}

__attribute__((constructor)) void
osp_sqlite__find_reals(void)
{
	(void) pthread_once(&once, find_reals);
}

/* Counts what comes by the wrapper during the test below. */
static bool
sees_own_steps(sqlite3 *db)
{
	unsigned before = osp_sqlite__probes;

	osp_sqlite__probing = true;
	(void) __atomic_fetch_add(&osp_sqlite__watch, 1, __ATOMIC_RELAXED);
	(void) sqlite3_exec(db, "SELECT 1", NULL, NULL, NULL);
	(void) __atomic_fetch_sub(&osp_sqlite__watch, 1, __ATOMIC_RELAXED);
	osp_sqlite__probing = false;
	return osp_sqlite__probes != before;
}

bool
osp_sqlite__wrappers_work(sqlite3 *db)
{
	static int known = 0; /* 1: yes, 2: no */
	int answer = __atomic_load_n(&known, __ATOMIC_RELAXED);

	if (answer == 0)
	{
		bool ours =
			dlsym(RTLD_DEFAULT, "sqlite3_step") == (void *) osp_sqlite__step;

		/* Some builds of SQLite call their own functions directly: then what
		 * sqlite3_exec runs is seen by the hook only. */
		answer = ours && sees_own_steps(db) ? 1 : 2;
		__atomic_store_n(&known, answer, __ATOMIC_RELAXED);
	}
	return answer == 1;
}
