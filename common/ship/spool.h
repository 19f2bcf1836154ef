/* SPDX-License-Identifier: Apache-2.0
 *
 * spool.h
 *	  The spool: a file that keeps notifications while the collector is down.
 *
 * The file begins with a header of 48 bytes, which holds in two places, written
 * in turn, how far it was consumed; then records: length of the payload, CRC-32C
 * of all else, the notification's source and sequence, payload (its JSON). It is
 * written by append, read from the front, and cut to nothing when everything in it was
 * delivered; what was delivered before that goes back to the file system as a
 * hole. A torn or damaged record is skipped and counted, never trusted, and the
 * next whole one is searched for. Used by one thread at a time, and by one
 * process (flock). Not fsynced: it outlives every process, not the power.
 *
 * A position is an offset in the file. It is valid until osp_spool_consume has
 * consumed everything: then positions begin anew (osp_spool_begin).
 */
#ifndef OSP_SPOOL_H
#define OSP_SPOOL_H

#include "notify/batch.h"
#include "osprofiler/base.h"

typedef struct osp_spool osp_spool;

/*
 * Opens or makes the file path (mode 0600), which may take up limit bytes, and
 * checks what is in it. A file that is no spool is set aside as path + ".bad".
 * OSP_EBUSY: another process has it; OSP_EPERM: it is no regular file of ours;
 * OSP_EIO; OSP_ENOMEM.
 */
osp_status osp_spool_open(const osp_allocator *alc, const char *path,
						  uint64_t limit, osp_spool **out,
						  osp_error *err) OSP_MUST_CHECK;
void osp_spool_close(osp_spool *spool);

/*
 * Opens the file path for nothing but osp_spool_begin, osp_spool_next and
 * osp_spool_close. It is not changed, and its owner may go on with it: a record that is
 * removed meanwhile is skipped. OSP_EPERM, OSP_EIO, OSP_ENOMEM as above; OSP_ENOENT;
 * OSP_EPROTO: it is no spool.
 */
osp_status osp_spool_peek(const osp_allocator *alc, const char *path,
						  osp_spool **out, osp_error *err) OSP_MUST_CHECK;

/* If the file was removed, makes it again, with all that is in it. OSP_EIO: it cannot be
 * made now, and the spool goes on without a name. */
osp_status osp_spool_follow(osp_spool *spool, osp_error *err) OSP_MUST_CHECK;

uint64_t osp_spool_bytes(const osp_spool *spool);  /* unread */
uint64_t osp_spool_points(const osp_spool *spool); /* unread */

/* Bytes skipped because they made no sense, since the spool was opened. */
uint64_t osp_spool_corrupt(const osp_spool *spool);

/* Of these the bytes at the end of the file of a record that was not written whole,
 * because the process that wrote it was killed: nothing is damaged, and whoever wrote
 * the record still has it. */
uint64_t osp_spool_unfinished(const osp_spool *spool);

/*
 * Adds a notification to those that osp_spool_flush will write. OSP_EFULL: the
 * limit is reached; OSP_ENOMEM. Then it is not among them.
 */
osp_status osp_spool_append(osp_spool *spool, osp_str json,
							const osp_place *place,
							osp_error *err) OSP_MUST_CHECK;

/*
 * Writes what was appended since the last flush: all of it, or nothing (OSP_EIO:
 * the disk says no), and in either case nothing waits any more.
 */
osp_status osp_spool_flush(osp_spool *spool, osp_error *err) OSP_MUST_CHECK;

/* Forgets what was appended since the last flush. */
void osp_spool_discard(osp_spool *spool);

/* The first record that is not consumed, and the end of the last one. */
uint64_t osp_spool_begin(const osp_spool *spool);
uint64_t osp_spool_end(const osp_spool *spool);

/*
 * Reads the record at *pos, which moves on behind it; json is borrowed until the
 * next call for this spool. False at the end; also, with *pos before the end,
 * when there is no memory.
 */
bool osp_spool_next(osp_spool *spool, uint64_t *pos, osp_str *json,
					osp_place *place) OSP_MUST_CHECK;

/* Everything before pos, points records, is delivered. */
osp_status osp_spool_consume(osp_spool *spool, uint64_t pos, uint64_t points,
							 osp_error *err) OSP_MUST_CHECK;

/* CRC-32C (Castagnoli) of len bytes, going on from crc (0 at first). */
uint32_t osp_crc32c(uint32_t crc, const void *bytes, size_t len);

#endif /* OSP_SPOOL_H */
