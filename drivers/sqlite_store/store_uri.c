/* SPDX-License-Identifier: Apache-2.0
 *
 * store_uri.c
 *	  Reads the connection string of the sqlite driver: a path and options.
 *
 * As in SQLAlchemy, the path is what follows three slashes, and is used
 * unchanged: sqlite:////var/lib/traces.db is absolute, sqlite:///traces.db is
 * relative to the working directory. The path is made absolute when it is read,
 * so that messages name the file, and a later change of the directory has no
 * effect.
 */
#include "sqlite_store.h"

#include <errno.h>
#include <limits.h>
#include <unistd.h>

#include "base/parse.h"
#include "base/uri.h"
#include "localfile.h"

#define US_PER_SECOND INT64_C(1000000)

/*
 * How long and how much a store keeps by default, and the longest time that can
 * be given.
 */
#define KEEP_DEFAULT     (7 * 86400 * US_PER_SECOND)
#define MAX_SIZE_DEFAULT (INT64_C(1) << 30)
#define KEEP_MAX_SECONDS (INT64_C(36525) * 86400)

static const char usage[] = "expected sqlite:////absolute/path or "
							"sqlite:///relative/path, perhaps with "
							"?keep=7d&max_size=1GB";

/* Reads an age, such as "90s", "30m", "12h" or "7d"; "0" means no limit. */
static bool
parse_age(osp_str text, int64_t *us)
{
	static const struct
	{
		char unit;
		int64_t seconds;
	} units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
	int64_t number = 0;
	size_t digits = 0;
	size_t i;

	while (digits < text.len && text.ptr[digits] >= '0' &&
		   text.ptr[digits] <= '9' && number <= KEEP_MAX_SECONDS)
		number = number * 10 + (text.ptr[digits++] - '0');
	if (digits == 0 || (digits == text.len && number != 0) ||
		text.len > digits + 1)
		return false;
	*us = 0;
	for (i = 0; digits < text.len && i < sizeof(units) / sizeof(units[0]); i++)
		if (units[i].unit == text.ptr[digits] &&
			number <= KEEP_MAX_SECONDS / units[i].seconds)
		{
			*us = number * units[i].seconds * US_PER_SECOND;
			return true;
		}
	return digits == text.len;
}

/* Reads one NAME=VALUE of the query. */
static osp_status
read_option(osp_driver_conn *conn, osp_str name, osp_str value, osp_error *err)
{
	uint64_t size;

	if (osp_str_eq(name, OSP_STR("keep")))
	{
		if (!parse_age(value, &conn->keep_us))
			return osp_error_set(err,
								 OSP_EINVAL,
								 "sqlite: keep=%.*s: expected a number with s, "
								 "m, h or d, as in keep=7d, or 0 for ever",
								 (int) (value.len < 40 ? value.len : 40),
								 value.ptr);
		return OSP_OK;
	}
	if (osp_str_eq(name, OSP_STR("max_size")))
	{
		if (!osp_parse_size(value, &size) || size > INT64_MAX)
			return osp_error_set(err,
								 OSP_EINVAL,
								 "sqlite: max_size=%.*s: expected a size, as "
								 "in max_size=1GB, or 0 for no bound",
								 (int) (value.len < 40 ? value.len : 40),
								 value.ptr);
		conn->max_bytes = (int64_t) size;
		return OSP_OK;
	}
	return osp_error_set(
		err, OSP_EINVAL, "sqlite: unknown option; there are keep and max_size");
}

static osp_status
read_options(osp_driver_conn *conn, osp_str query, osp_error *err)
{
	osp_status status = OSP_OK;
	osp_str name;
	osp_str value;

	while (status == OSP_OK && osp__uri_option(&query, &name, &value))
		status = read_option(conn, name, value, err);
	return status;
}

/* Sets conn->path to the absolute path. */
static osp_status
read_path(osp_driver_conn *conn, osp_str path, osp_error *err)
{
	char directory[PATH_MAX];
	osp_status status;
	osp_buf full;

	if (path.ptr[0] == '/')
		return osp__path_copy(conn->alc, path, usage, &conn->path, err);
	if (getcwd(directory, sizeof(directory)) == NULL)
		return osp_error_set(err,
							 OSP_EIO,
							 "sqlite: the path is relative and the working "
							 "directory is unknown: %s",
							 strerror(errno));
	osp_buf_init(&full, conn->alc, 2 * (size_t) PATH_MAX);
	osp_buf_add_str(&full, osp_str_of(directory));
	osp_buf_add_char(&full, '/');
	osp_buf_add_str(&full, path);
	status = osp_buf_status(&full);
	if (status != OSP_OK)
		(void) osp_error_set(err, status, "sqlite: the path is too long");
	else
		status = osp__path_copy(
			conn->alc, osp_buf_str(&full), usage, &conn->path, err);
	osp_buf_term(&full);
	return status;
}

osp_status
store_read_uri(osp_driver_conn *conn, osp_str connection_string, osp_error *err)
{
	osp_str path = osp__after_scheme(connection_string);
	osp_str query = OSP_STR("");
	const char *mark;
	osp_status status;

	if (path.len < 2 || path.ptr[0] != '/')
		return osp_error_set(err, OSP_EINVAL, "sqlite: no path; %s", usage);
	path = osp_str_n(path.ptr + 1, path.len - 1);
	mark = memchr(path.ptr, '?', path.len);
	if (mark != NULL)
	{
		size_t len = (size_t) (mark - path.ptr);

		query = osp_str_n(mark + 1, path.len - len - 1);
		path.len = len;
	}
	if (path.len == 0 || path.ptr[0] == ':')
		return osp_error_set(err, OSP_EINVAL, "sqlite: no path; %s", usage);
	conn->keep_us = KEEP_DEFAULT;
	conn->max_bytes = MAX_SIZE_DEFAULT;
	status = read_options(conn, query, err);
	return status == OSP_OK ? read_path(conn, path, err) : status;
}
