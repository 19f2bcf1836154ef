/* SPDX-License-Identifier: Apache-2.0
 *
 * localfile.c
 *	  Common parts of the drivers that keep traces in a file of their own.
 */
#include "localfile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

osp_str
osp__after_scheme(osp_str text)
{
	const char *mark = memmem(text.ptr, text.len, "://", 3);

	if (mark == NULL)
		return OSP_STR("");
	mark += 3;
	return osp_str_n(mark, text.len - (size_t) (mark - text.ptr));
}

osp_status
osp__path_copy(const osp_allocator *alc, osp_str path, const char *usage,
			   char **out, osp_error *err)
{
	*out = NULL;
	if (path.len == 0 || memchr(path.ptr, '\0', path.len) != NULL)
		return osp_error_set(
			err, OSP_EINVAL, "no path in the connection string; %s", usage);
	if (path.len >= PATH_MAX)
		return osp_error_set(err,
							 OSP_EINVAL,
							 "the path in the connection string is longer "
							 "than %d bytes",
							 PATH_MAX - 1);
	*out = osp_strdup(alc, path);
	if (*out == NULL)
		return osp_error_set(err, OSP_ENOMEM, "out of memory");
	return OSP_OK;
}

/* Makes the missing directories above path. */
static bool
make_parents(const char *path)
{
	char parent[PATH_MAX];
	size_t i;

	for (i = 1; i < sizeof(parent) && path[i] != '\0'; i++)
	{
		if (path[i] != '/')
			continue;
		memcpy(parent, path, i);
		parent[i] = '\0';
		if (mkdir(parent, 0700) != 0 && errno != EEXIST)
			return false;
	}
	return true;
}

int
osp__file_create(const char *path, int flags)
{
	int fd;

	flags |= O_CREAT | O_NONBLOCK | O_CLOEXEC;
	fd = open(path, flags, 0600);
	if (fd < 0 && errno == ENOENT && make_parents(path))
		fd = open(path, flags, 0600);
	return fd;
}
