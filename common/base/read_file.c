/* SPDX-License-Identifier: Apache-2.0
 *
 * read_file.c
 *	  Reading a small file that may hold secrets.
 *
 * The memory is allocated once, so that no copy of a secret is left behind in
 * freed memory.
 */
#include "base/read_file.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <sys/stat.h>
#include <unistd.h>

static osp_status
set_errno(osp_error *err, const char *path)
{
	osp_status status = OSP_EIO;

	if (errno == ENOENT || errno == ENOTDIR)
		status = OSP_ENOENT;
	else if (errno == EACCES || errno == EPERM)
		status = OSP_EPERM;
	return osp_error_set(
		err, status, "cannot read file \"%s\": %s", path, strerror(errno));
}

static osp_status
check_kind(const struct stat *st, const char *path, size_t max, bool secret,
		   osp_error *err)
{
	if (!S_ISREG(st->st_mode))
		return osp_error_set(
			err, OSP_EINVAL, "\"%s\" is not a regular file", path);
	if (secret && (st->st_mode & (S_IROTH | S_IWOTH)) != 0)
		return osp_error_set(err,
							 OSP_EPERM,
							 "file \"%s\" has mode %04o, but others must "
							 "neither read nor write it (chmod o-rw)",
							 path,
							 (unsigned) st->st_mode & 07777u);
	if ((uint64_t) st->st_size > max)
		return osp_error_set(
			err, OSP_EINVAL, "file \"%s\" is longer than %zu bytes", path, max);
	return OSP_OK;
}

/* Reads up to the end of the file. The memory has room for one byte more. */
static osp_status
read_all(osp__file *file, int fd, const char *path, osp_error *err)
{
	while (file->len < file->size)
	{
		ssize_t got = read(fd, file->ptr + file->len, file->size - file->len);

		if (got == 0)
		{
			file->ptr[file->len] = '\0';
			return OSP_OK;
		}
		if (got > 0)
			file->len += (size_t) got;
		else if (errno != EINTR)
			return set_errno(err, path);
	}
	return osp_error_set(
		err, OSP_EIO, "file \"%s\" grew while it was read", path);
}

osp_status
osp__file_read(osp__file *file, const osp_allocator *alc, const char *path,
			   size_t max, bool secret, osp_error *err)
{
	struct stat st;
	osp_status status;
	int fd;

	memset(file, 0, sizeof(*file));
	file->alc = alc;

	/* Opens without hanging on a FIFO and without taking over a terminal. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return set_errno(err, path);
	if (fstat(fd, &st) != 0)
	{
		status = set_errno(err, path);
		goto fail;
	}
	status = check_kind(&st, path, max, secret, err);
	if (status != OSP_OK)
		goto fail;
	file->ptr = osp_alloc(alc, (size_t) st.st_size + 1);
	if (file->ptr == NULL)
	{
		status = osp_error_set(
			err, OSP_ENOMEM, "out of memory for file \"%s\"", path);
		goto fail;
	}
	file->size = (size_t) st.st_size + 1;
	status = read_all(file, fd, path, err);
	if (status != OSP_OK)
		osp__file_term(file);
fail:
	(void) close(fd);
	return status;
}

void
osp__file_term(osp__file *file)
{
	if (file->ptr == NULL)
		return;
	OPENSSL_cleanse(file->ptr, file->size);
	osp_free(file->alc, file->ptr);
	file->ptr = NULL;
	file->len = 0;
	file->size = 0;
}
