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

/* What functions that the loaded libpq lacks are set to. */
extern long ospq_nothing(void);
extern long ospq_minus_one(void);

#endif /* OSPQ_LOAD_H */
