/* SPDX-License-Identifier: Apache-2.0
 *
 * load.h
 *	  Finding libpq itself.
 */
#ifndef OSPQ_LOAD_H
#define OSPQ_LOAD_H

/*
 * A handle of libpq for dlsym, or NULL. There are two: load_next.c's, for a
 * library that is linked before libpq or preloaded, and load_shadow.c's, for one
 * that stands in libpq's place.
 */
extern void *ospq_find_libpq(void);

/* The name under which programs are linked with it. */
#define OSPQ_LIBPQ "libpq.so.5"

/* Opens the library at a path; NULL if it is not there, or is none. */
typedef void *(*ospq_try_fn)(const char *path, const void *ctx);

/* Tries the directories that the loaded programs and libraries which need libpq
 * name in DT_RUNPATH, in the loader's order, until one has it; NULL: none has. */
extern void *ospq_search_runpaths(ospq_try_fn try, const void *ctx);

/* What functions that the loaded libpq lacks are set to. */
extern long ospq_nothing(void);
extern long ospq_minus_one(void);

#endif /* OSPQ_LOAD_H */
