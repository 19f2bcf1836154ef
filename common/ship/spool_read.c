/* SPDX-License-Identifier: Apache-2.0
 *
 * spool_read.c
 *	  Finds the complete records of the spool, whose bytes may be anything.
 *
 * A record counts only if its checksum fits. If it does not, the next record is
 * searched for byte by byte, because its length may be damaged. The length of a record
 * has a byte of 0 to 4, which JSON (all ASCII characters) never holds, so no statement
 * can contain the bytes of a record.
 */
#include "ship/spool_int.h"

#include <errno.h>
#include <unistd.h>

#include "notify/batch.h"

#define WINDOW_BYTES ((size_t) 256 * 1024)

/* The search in a damaged part computes checksums of at most this many times its
 * bytes. */
#define SEARCH_EFFORT 8

uint32_t
osp__spool_crc(const spool_record *record, const char *payload)
{
	uint32_t crc = osp_crc32c(0, &record->len, sizeof(record->len));

	crc = osp_crc32c(crc, &record->place, sizeof(record->place));
	return osp_crc32c(crc, payload, record->len);
}

void
osp__spool_forget(osp_spool *spool)
{
	osp_buf_reset(&spool->window);
}

/* Reads len bytes at pos into the window; OSP_EIO also at the file's end. */
static osp_status
fill_window(osp_spool *spool, uint64_t pos, size_t len)
{
	osp_buf *window = &spool->window;

	/* A long record would keep much memory. */
	if (window->cap > 4 * WINDOW_BYTES && len <= WINDOW_BYTES)
		osp_buf_term(window);
	osp_buf_reset(window);
	spool->window_pos = pos;
	if (!osp_buf_reserve(window, len))
		return OSP_ENOMEM;
	while (window->len < len)
	{
		ssize_t n = pread(spool->fd,
						  window->ptr + window->len,
						  len - window->len,
						  (off_t) (pos + window->len));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return OSP_EIO;
		window->len += (size_t) n;
	}
	return OSP_OK;
}

/* Gets the len bytes at pos, which end before upto, borrowed from the window. */
static osp_status
look(osp_spool *spool, uint64_t pos, size_t len, uint64_t upto,
	 const char **bytes)
{
	const osp_buf *window = &spool->window;
	osp_status status = OSP_OK;

	if (pos < spool->window_pos || pos + len > spool->window_pos + window->len)
	{
		size_t more = len > WINDOW_BYTES ? len : WINDOW_BYTES;

		status = fill_window(
			spool, pos, upto - pos < more ? (size_t) (upto - pos) : more);
	}
	*bytes = status == OSP_OK ? window->ptr + (pos - spool->window_pos) : NULL;
	return status;
}

/*
 * Reads the record at pos. OSP_EPROTO: there is no complete one. effort, if not
 * NULL, is how many bytes may still be checksummed.
 */
static osp_status
record_at(osp_spool *spool, uint64_t pos, uint64_t upto, uint64_t *effort,
		  osp_str *json, osp_place *place)
{
	spool_record record;
	osp_status status;
	const char *bytes;

	if (upto - pos < sizeof(record) + 2)
		return OSP_EPROTO;
	status = look(spool, pos, sizeof(record) + 1, upto, &bytes);
	if (status != OSP_OK)
		return status;
	memcpy(&record, bytes, sizeof(record));
	if (record.len < 2 || record.len > OSP_NOTIFICATION_MAX ||
		record.len > upto - pos - sizeof(record) ||
		bytes[sizeof(record)] != '{')
		return OSP_EPROTO;
	if (effort != NULL)
	{
		if (*effort < record.len)
			return OSP_EPROTO;
		*effort -= record.len;
	}
	status = look(spool, pos, sizeof(record) + record.len, upto, &bytes);
	if (status != OSP_OK)
		return status;
	bytes += sizeof(record);
	if (osp__spool_crc(&record, bytes) != record.crc)
		return OSP_EPROTO;
	*place = record.place;
	*json = osp_str_n(bytes, record.len);
	return OSP_OK;
}

/* Counts invalid bytes, but no byte twice. */
static void
count_corrupt(osp_spool *spool, uint64_t from, uint64_t to)
{
	if (from < spool->corrupt_to)
		from = spool->corrupt_to;
	if (from >= to)
		return;
	spool->corrupt += to - from;
	spool->corrupt_to = to;
}

osp_status
osp__spool_find(osp_spool *spool, uint64_t *pos, uint64_t upto, osp_str *json,
				osp_place *place)
{
	uint64_t start = *pos;
	uint64_t effort = SEARCH_EFFORT * (upto - start);
	osp_status status = OSP_EPROTO;

	*json = OSP_STR("");
	if (start >= upto)
		return OSP_ENOENT;
	for (; start < upto && status == OSP_EPROTO; start++)
		status = record_at(
			spool, start, upto, start == *pos ? NULL : &effort, json, place);
	if (status == OSP_ENOMEM)
		return status;
	if (status == OSP_OK)
	{
		start--;
		count_corrupt(spool, *pos, start);
		*pos = start + sizeof(spool_record) + json->len;
		return OSP_OK;
	}

	/* Only invalid bytes are left, or the disk cannot be read: the search ends. */
	count_corrupt(spool, *pos, upto);
	*pos = upto;
	return OSP_ENOENT;
}

bool
osp_spool_next(osp_spool *spool, uint64_t *pos, osp_str *json, osp_place *place)
{
	return osp__spool_find(spool, pos, spool->end, json, place) == OSP_OK;
}
