/* SPDX-License-Identifier: Apache-2.0
 *
 * shared.h
 *	  Names that libosprofiler.so exports for the project's own libraries alone.
 */
#ifndef OSP_SHARED_H
#define OSP_SHARED_H

/* The hooks of libpq and SQLite use it. Its version is OSPROFILER_PRIVATE: no
 * program can rely on it. */
#define OSP_SHARED __attribute__((visibility("default")))

#endif /* OSP_SHARED_H */
