/* SPDX-License-Identifier: Apache-2.0
 *
 * crc32c.h
 *	  The two implementations of osp_crc32c, declared for their tests.
 */
#ifndef OSP_CRC32C_H
#define OSP_CRC32C_H

#include "osprofiler/base.h"

/* Computes with eight tables, on any machine. */
uint32_t osp__crc32c_tables(uint32_t crc, const void *bytes, size_t len);

#if defined(__x86_64__)
/* Computes with the crc32 instruction; only if osp__crc32c_has_sse42() is true. */
uint32_t osp__crc32c_sse42(uint32_t crc, const void *bytes, size_t len);
#endif

bool osp__crc32c_has_sse42(void);

#endif /* OSP_CRC32C_H */
