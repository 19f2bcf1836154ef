/* SPDX-License-Identifier: Apache-2.0
 *
 * shared.h
 *	  Names that libosprofiler.so exports for the project's own libraries alone.
 */
#ifndef OSP_SHARED_H
#define OSP_SHARED_H

/* Exports a name for the hooks of libpq and SQLite. Its version is OSPROFILER_PRIVATE:
 * programs cannot rely on it. */
#define OSP_SHARED __attribute__((visibility("default")))

#endif /* OSP_SHARED_H */
