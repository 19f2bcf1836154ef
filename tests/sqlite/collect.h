/* SPDX-License-Identifier: Apache-2.0
 *
 * collect.h
 *	  The operations that a test has traced, as a tree and as text.
 */
#ifndef TEST_SQLITE_COLLECT_H
#define TEST_SQLITE_COLLECT_H

#include "osprofiler/base.h"

/* From now on collects all notifications of this process; forgets earlier ones. */
void collect_begin(void);

/* No longer. */
void collect_end(void);

/*
 * The operations so far as a tree without times and ids, with a line for each
 * (static). Fails the test if the report's check finds a fault in them.
 */
const char *collect_tree(void);

/* How many notifications have this name, for example "sqlite-stop". */
size_t collect_count(const char *name);

/* Does one of the notifications contain this text? */
bool collect_has(const char *text);

/* The number after the last occurrence of a text such as "\"rows\": "; -1: there is
 * none. */
double collect_number(const char *text);

/* elapsed_ns of the first operation whose start has this member with this value: key is
 * "statement", or "name" for a trigger. -1: there is none. */
int64_t collect_elapsed(const char *key, const char *value);

#endif /* TEST_SQLITE_COLLECT_H */
