/* SPDX-License-Identifier: Apache-2.0
 *
 * tempdir.h
 *	  A private directory for one test.
 */
#ifndef TEST_TEMPDIR_H
#define TEST_TEMPDIR_H

/* Makes a directory, mode 0700, and returns its absolute path (static). */
const char *tempdir_make(void);

/* Removes the directory that was made last, with everything in it. */
void tempdir_remove(void);

/* Removes any other directory, with everything in it. */
void tempdir_remove_this(const char *dir);

#endif /* TEST_TEMPDIR_H */
