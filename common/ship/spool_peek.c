/* SPDX-License-Identifier: Apache-2.0
 *
 * spool_peek.c
 *	  Reads a spool of another process: its points are counted, not delivered.
 */
#include "ship/spool_int.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static osp_status
open_for_reading(osp_spool *spool, uint64_t *size, osp_error *err)
{
	const int flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
	char reason[128];
	struct stat st;

	spool->fd = open(spool->path, flags);
	if (spool->fd < 0)
		return osp_error_set(err,
							 errno == ENOENT ? OSP_ENOENT : OSP_EIO,
							 "cannot open spool %s: %s",
							 spool->path,
							 strerror_r(errno, reason, sizeof(reason)));
	if (fstat(spool->fd, &st) != 0 || !S_ISREG(st.st_mode) ||
		st.st_uid != geteuid())
		return osp_error_set(
			err, OSP_EPERM, "spool %s is no regular file of ours", spool->path);
	*size = (uint64_t) st.st_size;
	return OSP_OK;
}

osp_status
osp_spool_peek(const osp_allocator *alc, const char *path, osp_spool **out,
			   osp_error *err)
{
	osp_spool *spool = osp__spool_new(alc, path, 0);
	osp_status status;
	uint64_t size = 0;

	*out = NULL;
	if (spool == NULL)
		return osp_error_set(err, OSP_ENOMEM, "spool: out of memory");
	status = open_for_reading(spool, &size, err);
	if (status == OSP_OK)
		status = osp__spool_read_header(spool, size, err);
	if (status == OSP_EPROTO)
		(void) osp_error_set(err, status, "%s is no spool", path);
	if (status != OSP_OK)
	{
		osp_spool_close(spool);
		return status;
	}
	spool->broken = true; /* prevents writing */
	spool->end = size;
	*out = spool;
	return OSP_OK;
}
