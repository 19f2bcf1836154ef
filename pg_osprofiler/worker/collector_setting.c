/* SPDX-License-Identifier: Apache-2.0
 *
 * collector_setting.c
 *	  Finds the collector to which the traces of this cluster go.
 *
 * The file of osprofiler.connection_string_file counts first, then
 * osprofiler.connection_string, then a database in the data directory. The file is read
 * each time the collector is asked for: when the shipper starts, at each reload, and
 * when a trace is read back.
 */
#include "pgosp.h"

#include "base/read_file.h"
#include "base/strip.h"
#include "miscadmin.h"

#define FILE_MAX 65536

static osp_status
set_relative(osp_error *err, const char *absolute, osp_str path)
{
	return osp_error_set(
		err,
		OSP_EINVAL,
		"The server takes no relative path; the absolute one is "
		"written %s%.*s.",
		absolute,
		(int) Min(path.len, 100),
		path.ptr);
}

/* Checks that a path is absolute. In sqlite:/// the third slash comes before the path,
 * as in SQLAlchemy. */
static osp_status
check_path(osp_str scheme, osp_str rest, osp_error *err)
{
	bool slash = rest.len > 0 && rest.ptr[0] == '/';

	if (osp_str_eq(scheme, OSP_STR("file")) && !slash)
		return set_relative(err, "file:///", rest);
	if (!osp_str_eq(scheme, OSP_STR("sqlite")) ||
		(slash && rest.len > 1 && rest.ptr[1] == '/'))
		return OSP_OK;
	return set_relative(
		err, "sqlite:////", osp_str_n(rest.ptr + slash, rest.len - slash));
}

osp_status
pgosp_collector_check(osp_str text, osp_error *err)
{
	const char *const letters = "abcdefghijklmnopqrstuvwxyz0123456789+";
	size_t len = 0;
	const char *plus;

	if (text.len >= OSP_CONNECTION_STRING_MAX)
		return osp_error_set(err,
							 OSP_EINVAL,
							 "A connection string has at most %d bytes.",
							 OSP_CONNECTION_STRING_MAX - 1);
	while (len < text.len && memchr(letters, text.ptr[len], strlen(letters)))
		len++;
	if (len == 0 || text.len - len < 3 || memcmp(text.ptr + len, "://", 3) != 0)
		return osp_error_set(
			err, OSP_EINVAL, "A connection string begins with a scheme.");
	plus = memchr(text.ptr, '+', len);
	return check_path(
		osp_str_n(text.ptr, plus != NULL ? (size_t) (plus - text.ptr) : len),
		osp_str_n(text.ptr + len + 3, text.len - len - 3),
		err);
}

/* The one line of the file that is neither empty nor a comment. */
static osp_status
find_line(osp_str text, const char *path, osp_str *found, osp_error *err)
{
	const char *p = text.ptr;
	const char *end = text.ptr + text.len;

	*found = OSP_STR("");
	while (p < end)
	{
		const char *newline = memchr(p, '\n', (size_t) (end - p));
		const char *stop = newline != NULL ? newline : end;
		osp_str line = osp__strip(osp_str_n(p, (size_t) (stop - p)));

		p = stop + 1;
		if (line.len == 0 || line.ptr[0] == '#')
			continue;
		if (found->len > 0)
			return osp_error_set(err,
								 OSP_EINVAL,
								 "file \"%s\" holds more than one connection "
								 "string",
								 path);
		*found = line;
	}
	if (found->len == 0)
		return osp_error_set(
			err, OSP_EINVAL, "file \"%s\" holds no connection string", path);
	return OSP_OK;
}

static osp_status
read_file(char out[OSP_CONNECTION_STRING_MAX], osp_error *err)
{
	char path[MAXPGPATH];
	osp__file file;
	osp_str line;
	osp_status status;

	pgosp_file_of_setting(pgosp_connection_string_file, path);
	status = osp__file_read(
		&file, &osp_allocator_default, path, FILE_MAX, true, err);
	if (status != OSP_OK)
		return status;
	status = find_line(osp_str_n(file.ptr, file.len), path, &line, err);
	if (status == OSP_OK)
		status = pgosp_collector_check(line, err);
	if (status == OSP_OK)
	{
		memcpy(out, line.ptr, line.len);
		out[line.len] = '\0';
	}
	osp__file_term(&file);
	return status;
}

osp_status
pgosp_collector_string(char out[OSP_CONNECTION_STRING_MAX], osp_error *err)
{
	out[0] = '\0';
	if (pgosp_connection_string_file[0] != '\0')
		return read_file(out, err);
	if (pgosp_connection_string[0] != '\0')
		strlcpy(out, pgosp_connection_string, OSP_CONNECTION_STRING_MAX);
	else
		snprintf(out,
				 OSP_CONNECTION_STRING_MAX,
				 "sqlite:///%s/" PGOSP_STORE_DIRECTORY "/traces.db",
				 DataDir);
	return OSP_OK;
}
