/* SPDX-License-Identifier: Apache-2.0
 *
 * collect.h
 *	  What a test traced, as a tree and as text.
 */
#ifndef TEST_SQLITE_COLLECT_H
#define TEST_SQLITE_COLLECT_H

#include "osprofiler/base.h"

/* Takes all notifications of this process from now on, beginning with none. */
void collect_begin(void);

/* No longer. */
void collect_end(void);

/*
 * The points so far as a tree without times and ids, one line a point, static.
 * Fails the test if osprofiler's own check finds anything wrong with them.
 */
const char *collect_tree(void);

/* How many notifications of this name there are, "sqlite-stop". */
size_t collect_count(const char *name);

/* Is this text in one of the notifications? */
bool collect_has(const char *text);

/* The number behind a text like "\"rows\": ", where it comes last; -1: nowhere. */
double collect_number(const char *text);

/* elapsed_ns of the stop of the first operation whose start has this member and
 * text, "statement" or a trigger's "name"; -1: none. */
int64_t collect_elapsed(const char *key, const char *value);

#endif /* TEST_SQLITE_COLLECT_H */
