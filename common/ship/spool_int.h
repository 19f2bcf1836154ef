/* SPDX-License-Identifier: Apache-2.0
 *
 * spool_int.h
 *	  Declarations that the files of the spool share: the file's form, the open
 *	  spool.
 */
#ifndef OSP_SPOOL_INT_H
#define OSP_SPOOL_INT_H

#include "osprofiler/buf.h"
#include "ship/spool.h"

#define SPOOL_MAGIC   UINT64_C(0x6c6f6f70735f6f) /* "o_spool" */
#define SPOOL_VERSION 2

/* Says how far the spool is consumed. The newer of two valid marks counts. */
typedef struct spool_mark
{
	uint64_t consumed;
	uint32_t seq;
	uint32_t crc; /* checksum of the members before it */
} spool_mark;

typedef struct spool_header
{
	uint64_t magic;
	uint32_t version;
	uint32_t size; /* of this header, where the records begin */
	spool_mark marks[2];
} spool_header;

typedef struct spool_record
{
	uint32_t len; /* of the payload */
	uint32_t crc; /* of len, place and payload */
	osp_place place;
} spool_record;

struct osp_spool
{
	const osp_allocator *alc;
	char *path;
	int fd;
	uint64_t limit;
	spool_mark mark; /* the newest mark */
	uint64_t freed;  /* space before this offset was freed */
	uint64_t end;    /* end of the last record */
	uint64_t points; /* records from mark.consumed to end */
	uint64_t corrupt;
	uint64_t
		corrupt_to; /* position up to which corrupt counts: parts of the file
					 * are read several times */
	uint64_t unfinished; /* part of corrupt */
	bool mark_damaged;
	bool broken;     /* nothing can be written safely */
	osp_buf pending; /* appended records, for the next flush */
	uint64_t pending_points;

	/* A part of the file, as it was read. */
	osp_buf window;
	uint64_t window_pos;
};

/* Makes a spool without a file; NULL: there is no memory. Released by
 * osp_spool_close. */
osp_spool *osp__spool_new(const osp_allocator *alc, const char *path,
						  uint64_t limit);

/* Reads the header of the file, which has size bytes. OSP_EPROTO: the file is
 * not a spool. */
osp_status osp__spool_read_header(osp_spool *spool, uint64_t size,
								  osp_error *err) OSP_MUST_CHECK;

/*
 * Finds the first complete record at or behind *pos and before upto, moves *pos
 * behind it, and counts the bytes that were skipped before it. OSP_ENOENT:
 * there is none, and *pos is upto. OSP_ENOMEM: nothing was done. json is
 * borrowed from the window.
 */
osp_status osp__spool_find(osp_spool *spool, uint64_t *pos, uint64_t upto,
						   osp_str *json, osp_place *place) OSP_MUST_CHECK;

/* Writes all bytes; false and errno if that fails. */
bool osp__spool_write_at(int fd, const void *bytes, size_t len,
						 uint64_t pos) OSP_MUST_CHECK;

/* Forgets the window, because the file has changed. */
void osp__spool_forget(osp_spool *spool);

/* Computes the checksum of a record with this payload. */
uint32_t osp__spool_crc(const spool_record *record, const char *payload);

/* spool_holder.c: the shipper that holds the lock of the open spool; 0: not known.
 * *is_stopped: its process is stopped by a signal. */
long osp__spool_holder(int fd, bool *is_stopped);

#endif /* OSP_SPOOL_INT_H */
