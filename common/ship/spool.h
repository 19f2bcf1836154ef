/* SPDX-License-Identifier: Apache-2.0
 *
 * spool.h
 *	  The spool: a file that keeps notifications while the collector is down.
 *
 * The file begins with a header of 48 bytes, which holds two marks, written in
 * turn, that say how far the file was consumed. Records follow: length of the
 * payload, CRC-32C of all else, the notification's source and sequence, and the
 * payload (its JSON). Records are appended at the end and read from the front.
 * The file is cut to its header when everything in it was delivered; until then
 * the space of delivered records is returned to the file system as a hole. A
 * torn or damaged record is skipped and counted, never trusted, and the next
 * complete one is searched for. Used by one thread at a time, and by one
 * process (flock). There is no fsync: the file survives the end of every
 * process, but not a loss of power.
 *
 * A position is an offset in the file. It is valid until osp_spool_consume has
 * consumed everything: then positions begin anew (osp_spool_begin).
 */
#ifndef OSP_SPOOL_H
#define OSP_SPOOL_H

#include "notify/batch.h"
#include "osprofiler/base.h"

/* The size of a spool's file without points: the header. */
#define OSP_SPOOL_EMPTY_SIZE 48

typedef struct osp_spool osp_spool;

/*
 * Opens or makes the file at path (mode 0600), which may take up limit bytes,
 * and checks its contents. A file that is not a spool is renamed to path +
 * ".bad". OSP_EBUSY: another process has it; OSP_EPERM: it is not a regular
 * file of this user; OSP_EIO; OSP_ENOMEM.
 */
osp_status osp_spool_open(const osp_allocator *alc, const char *path,
						  uint64_t limit, osp_spool **out,
						  osp_error *err) OSP_MUST_CHECK;
void osp_spool_close(osp_spool *spool);

/*
 * Opens the file at path for reading by osp_spool_begin, osp_spool_next and
 * osp_spool_close only. The file is not changed, and its owner may continue to
 * use it: a record that is removed meanwhile is skipped. OSP_EPERM, OSP_EIO,
 * OSP_ENOMEM as for osp_spool_open; OSP_ENOENT; OSP_EPROTO: it is not a spool.
 */
osp_status osp_spool_peek(const osp_allocator *alc, const char *path,
						  osp_spool **out, osp_error *err) OSP_MUST_CHECK;

/* If the file was removed, makes it again with the same contents. OSP_EIO: it cannot be
 * made now, and the spool continues without a name. */
osp_status osp_spool_follow(osp_spool *spool, osp_error *err) OSP_MUST_CHECK;

/* The path of its file, borrowed. */
const char *osp_spool_path(const osp_spool *spool);
uint64_t osp_spool_bytes(const osp_spool *spool);  /* unread */
uint64_t osp_spool_points(const osp_spool *spool); /* unread */

/* Invalid bytes that were skipped since the spool was opened. */
uint64_t osp_spool_corrupt(const osp_spool *spool);

/* How many of these bytes are an incomplete record at the end of the file, whose writer
 * was killed. They are no damage: the record's own source still has it. */
uint64_t osp_spool_unfinished(const osp_spool *spool);

/*
 * Adds a notification to those that osp_spool_flush will write. OSP_EFULL (the
 * limit is reached) or OSP_ENOMEM: it was not added.
 */
osp_status osp_spool_append(osp_spool *spool, osp_str json,
							const osp_place *place,
							osp_error *err) OSP_MUST_CHECK;

/*
 * Writes everything that was appended since the last flush. If the write fails
 * (OSP_EIO), none of it is in the spool, and it is discarded.
 */
osp_status osp_spool_flush(osp_spool *spool, osp_error *err) OSP_MUST_CHECK;

/* Forgets what was appended since the last flush. */
void osp_spool_discard(osp_spool *spool);

/* The positions of the first record that is not consumed, and of the end of the
 * last. */
uint64_t osp_spool_begin(const osp_spool *spool);
uint64_t osp_spool_end(const osp_spool *spool);

/*
 * Reads the record at *pos and moves *pos behind it; json is borrowed until the next
 * call for this spool. False at the end; also, with *pos before the end, when there is
 * no memory.
 */
bool osp_spool_next(osp_spool *spool, uint64_t *pos, osp_str *json,
					osp_place *place) OSP_MUST_CHECK;

/* Marks everything before pos as consumed, which is the given number of points. */
osp_status osp_spool_consume(osp_spool *spool, uint64_t pos, uint64_t points,
							 osp_error *err) OSP_MUST_CHECK;

/* CRC-32C (Castagnoli) of len bytes, continued from crc (0 at first). */
uint32_t osp_crc32c(uint32_t crc, const void *bytes, size_t len);

#endif /* OSP_SPOOL_H */
