/* SPDX-License-Identifier: Apache-2.0
 *
 * load.h
 *	  Finds libpq itself.
 */
#ifndef OSPQ_LOAD_H
#define OSPQ_LOAD_H

/*
 * A handle of libpq for dlsym, or NULL. There are two versions: load_next.c has
 * the one for a library that is linked before libpq or preloaded, load_shadow.c
 * the one for a library that replaces libpq.
 */
extern void *ospq_find_libpq(void);

/* The name under which programs are linked with libpq. */
#define OSPQ_LIBPQ "libpq.so.5"

/* Opens the library at a path; NULL if it does not exist, or is not libpq. */
typedef void *(*ospq_try_fn)(const char *path, const void *ctx);

/*
 * Tries the directories of DT_RUNPATH of the loaded programs and libraries that
 * need libpq, in the loader's order, until try succeeds; NULL: it never does.
 */
extern void *ospq_search_runpaths(ospq_try_fn try, const void *ctx);

/* Stand-ins for functions that the loaded libpq lacks. */
extern long ospq_nothing(void);
extern long ospq_minus_one(void);

#endif /* OSPQ_LOAD_H */
