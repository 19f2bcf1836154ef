/* SPDX-License-Identifier: Apache-2.0
 *
 * spool.h
 *	  The spool: a file that keeps notifications while the collector is down.
 *
 * The file begins with a header of 64 bytes, the last valid "consumed" position
 * among them; then records: length, CRC-32C of length and payload, payload (the
 * notification's JSON). It is written by append, read from the front, and
 * truncated when everything in it was delivered. A torn or damaged record ends
 * or is skipped and counted, never trusted. Used by one thread at a time; not
 * fsynced: it outlives every process, not the power.
 */
#ifndef OSPROFILER_SPOOL_H
#define OSPROFILER_SPOOL_H

#include "osprofiler/base.h"
#include "osprofiler/buf.h"

#ifdef __cplusplus
extern "C" {
#endif

#define OSP_SPOOL_LIMIT_DEFAULT (UINT64_C(256) * 1024 * 1024)

typedef struct osp_spool osp_spool;

/*
 * Opens or makes the file path (mode 0600), which may grow to limit bytes, and
 * checks what is in it. corrupt (may be NULL) gets the bytes skipped. A file
 * that is no spool is set aside as path + ".bad".
 */
OSP_API osp_status osp_spool_open(const osp_allocator *alc, const char *path,
								  uint64_t limit, osp_spool **out,
								  uint64_t *corrupt,
								  osp_error *err) OSP_MUST_CHECK;
OSP_API void osp_spool_close(osp_spool *spool);

OSP_API uint64_t osp_spool_bytes(const osp_spool *spool);  /* unread */
OSP_API uint64_t osp_spool_points(const osp_spool *spool); /* unread */

/*
 * Appends one notification (buffered; osp_spool_flush writes). OSP_EFULL:
 * the limit is reached; OSP_EIO: the disk says no. In both cases it is not in
 * the spool.
 */
OSP_API osp_status osp_spool_append(osp_spool *spool, osp_str json,
									osp_error *err) OSP_MUST_CHECK;
OSP_API osp_status osp_spool_flush(osp_spool *spool,
								   osp_error *err) OSP_MUST_CHECK;

/*
 * Reads the record at *pos (begin with osp_spool_begin), which moves on; json
 * is borrowed from buf. False at the end.
 */
OSP_API uint64_t osp_spool_begin(const osp_spool *spool);
OSP_API bool osp_spool_next(osp_spool *spool, uint64_t *pos, osp_buf *buf,
							osp_str *json) OSP_MUST_CHECK;

/* Everything before pos is delivered. Frees the disk when nothing is left. */
OSP_API osp_status osp_spool_consume(osp_spool *spool, uint64_t pos,
									 osp_error *err) OSP_MUST_CHECK;

/*
 * Marks what lies before pos as handed to a driver (as osp_ring_set_claimed),
 * kept in the file; and reads that mark.
 */
OSP_API osp_status osp_spool_set_claimed(osp_spool *spool, uint64_t pos,
										 osp_error *err) OSP_MUST_CHECK;
OSP_API uint64_t osp_spool_claimed(const osp_spool *spool);

/* CRC-32C (Castagnoli) of len bytes, going on from crc (0 at first). */
OSP_API uint32_t osp_crc32c(uint32_t crc, const void *bytes, size_t len);

#ifdef __cplusplus
}
#endif

#endif /* OSPROFILER_SPOOL_H */
