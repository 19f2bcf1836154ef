/* SPDX-License-Identifier: Apache-2.0
 *
 * driver.c
 *	  Finding the driver of a connection string: plug-ins, loaded by scheme.
 *
 * A scheme becomes a file name, so only letters and digits get that far. A
 * plug-in stays loaded (RTLD_NODELETE); loading it again is cheap, so neither a
 * table of plug-ins nor a lock is needed.
 */
#include "osprofiler/driver.h"

#include <ctype.h>
#include <dirent.h>
#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/install_path.h"
#include "base/uri.h"

#define SCHEME_MAX 31
#define SUFFIX     ".so"
#define NAMES_MAX  32
#define NAMES_TEXT 128

typedef struct name
{
	char text[SCHEME_MAX + 1];
} name;

/* The names of the plug-ins that were found, in order. */
typedef struct name_list
{
	name names[NAMES_MAX];
	size_t count;
} name_list;

/* Called for each directory of plug-ins; true ends the search. */
typedef bool (*directory_fn)(void *ctx, osp_str directory);

static bool
for_each_directory(directory_fn fn, void *ctx)
{
	const char *p = secure_getenv("OSPROFILER_DRIVER_PATH");
	char installed[PATH_MAX];

	if (p == NULL || *p == '\0')
		return osp__install_path("drivers", installed, sizeof(installed)) &&
			   fn(ctx, osp_str_of(installed));
	while (*p != '\0')
	{
		size_t len = strcspn(p, ":");

		if (len > 0 && fn(ctx, osp_str_n(p, len)))
			return true;
		p += len + (p[len] == ':' ? 1 : 0);
	}
	return false;
}

/* Is text valid as a scheme or a plug-in's name: a lower-case letter, then letters and
 * digits? */
static bool
is_plain_name(osp_str text)
{
	size_t i;

	if (text.len == 0 || text.len > SCHEME_MAX)
		return false;
	for (i = 0; i < text.len; i++)
	{
		char c = text.ptr[i];

		if (!((c >= 'a' && c <= 'z') || (i > 0 && c >= '0' && c <= '9')))
			return false;
	}
	return true;
}

/* Reads the scheme up to a "+", in lower case; false if it cannot name a plug-in. */
static bool
read_scheme(osp_str connection_string, name *out)
{
	osp_str scheme = osp__uri_scheme(connection_string);
	const char *plus = memchr(scheme.ptr, '+', scheme.len);
	size_t i;

	if (plus != NULL)
		scheme.len = (size_t) (plus - scheme.ptr);
	if (scheme.len > SCHEME_MAX)
		return false;
	for (i = 0; i < scheme.len; i++)
	{
		char c = scheme.ptr[i];

		out->text[i] = c >= 'A' && c <= 'Z' ? (char) (c | 0x20) : c;
	}
	out->text[scheme.len] = '\0';
	return is_plain_name(osp_str_n(out->text, scheme.len));
}

static void
add_name(name_list *list, osp_str text)
{
	name added;
	size_t i;

	memcpy(added.text, text.ptr, text.len);
	added.text[text.len] = '\0';
	for (i = 0; i < list->count; i++)
	{
		int order = strcmp(list->names[i].text, added.text);

		if (order == 0)
			return;
		if (order > 0)
			break;
	}
	if (list->count == NAMES_MAX)
		return;
	memmove(&list->names[i + 1],
			&list->names[i],
			(list->count - i) * sizeof(list->names[0]));
	list->names[i] = added;
	list->count++;
}

/* A directory_fn: notes the plug-ins in a directory. */
static bool
list_directory(void *ctx, osp_str directory)
{
	const size_t suffix_len = sizeof(SUFFIX) - 1;
	char path[4096];
	struct dirent *entry;
	DIR *dir;

	if (directory.len >= sizeof(path))
		return false;
	memcpy(path, directory.ptr, directory.len);
	path[directory.len] = '\0';
	dir = opendir(path);
	if (dir == NULL)
		return false;
	/* Each call reads a stream of its own. */
	/* cppcheck-suppress readdirCalled */
	while ((entry = readdir(dir)) != NULL)
	{
		osp_str file = osp_str_of(entry->d_name);

		if (file.len <= suffix_len ||
			strcmp(file.ptr + file.len - suffix_len, SUFFIX) != 0)
			continue;
		file.len -= suffix_len;
		if (is_plain_name(file))
			add_name(ctx, file);
	}
	(void) closedir(dir);
	return false;
}

/* The schemes of our drivers, and the packages of Debian that have these. */
static const struct
{
	const char *scheme;
	const char *package;
} schemes[] = {
#define SCHEME(name, package) {name, package},
#include "notify/schemes.def"
};

/* Returns NULL if the driver is unknown, or is in the package of the command. */
static const char *
find_package(const char *scheme)
{
	size_t i;

	for (i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
		if (strcmp(schemes[i].scheme, scheme) == 0)
			return schemes[i].package;
	return NULL;
}

static osp_status
set_unknown_scheme(const char *scheme, osp_error *err)
{
	const char *package = find_package(scheme);
	name_list list;
	char text[NAMES_TEXT] = "none";
	size_t used = 0;
	size_t i;

	list.count = 0;
	(void) for_each_directory(list_directory, &list);
	for (i = 0; i < list.count; i++)
	{
		int len = snprintf(text + used,
						   sizeof(text) - used,
						   "%s%s",
						   i > 0 ? ", " : "",
						   list.names[i].text);

		if (len < 0 || (size_t) len >= sizeof(text) - used)
			break;
		used += (size_t) len;
	}
	return osp_error_set(err,
						 OSP_ENOENT,
						 "there is no driver for %s:// (%s%s%sthere are: %s; "
						 "OSPROFILER_DRIVER_PATH says where to look)",
						 scheme,
						 package != NULL ? "its package is "
										   "osprofiler-driver-"
										 : "",
						 package != NULL ? package : "",
						 package != NULL ? "; " : "",
						 text);
}

typedef struct search
{
	const char *scheme;
	char path[4096];
} search;

/* A directory_fn: is the plug-in there? */
static bool
find_plugin(void *ctx, osp_str directory)
{
	search *wanted = ctx;
	int len = snprintf(wanted->path,
					   sizeof(wanted->path),
					   "%.*s/%s" SUFFIX,
					   (int) directory.len,
					   directory.ptr,
					   wanted->scheme);

	return len > 0 && (size_t) len < sizeof(wanted->path) &&
		   access(wanted->path, F_OK) == 0;
}

static bool
serves(const osp_driver *driver, const char *scheme)
{
	const char *const *served = driver->schemes;

	while (*served != NULL)
	{
		size_t len = strcspn(*served, "+");

		if (strlen(scheme) == len && strncmp(*served, scheme, len) == 0)
			return true;
		served++;
	}
	return false;
}

static osp_status
check_driver(const osp_driver *driver, const search *found, osp_error *err)
{
	if (driver == NULL)
		return osp_error_set(err,
							 OSP_EPROTO,
							 "%s is no driver of osprofiler: it has no "
							 "osp_driver_%s",
							 found->path,
							 found->scheme);
	if (driver->abi != OSP_DRIVER_ABI)
		return osp_error_set(err,
							 OSP_EPROTO,
							 "%s is for interface version %u, this "
							 "is version %u: install the driver of this "
							 "osprofiler",
							 found->path,
							 (unsigned) driver->abi,
							 (unsigned) OSP_DRIVER_ABI);
	if (driver->name == NULL || driver->schemes == NULL ||
		driver->open == NULL || driver->notify == NULL ||
		driver->get_points == NULL || driver->list_traces == NULL ||
		driver->remove_traces == NULL || driver->close == NULL)
		return osp_error_set(
			err, OSP_EPROTO, "the driver %s is incomplete", found->path);
	if (!serves(driver, found->scheme))
		return osp_error_set(err,
							 OSP_EPROTO,
							 "the driver %s does not serve %s://",
							 found->path,
							 found->scheme);
	return OSP_OK;
}

/*
 * Reads from dlopen's error "libpq.so.5: cannot open ..." the name of the missing
 * library and its package by Debian's rules: libpq5, or libsqlite3-0 with a dash after
 * a digit. False: it is another error.
 */
static bool
name_missing(const char *why, name *library, char package[NAMES_TEXT])
{
	const char *suffix = strstr(why, SUFFIX ".");
	const char *end = strchr(why, ':');
	const char *version;
	size_t i;

	if (suffix == NULL || end == NULL || end < suffix || *why == '/' ||
		(size_t) (end - why) >= sizeof(library->text) ||
		strstr(end, "cannot open shared object file") == NULL)
		return false;
	version = suffix + sizeof(SUFFIX);
	(void) snprintf(
		library->text, sizeof(library->text), "%.*s", (int) (end - why), why);
	(void) snprintf(package,
					NAMES_TEXT,
					"%.*s%s%.*s",
					(int) (suffix - why),
					why,
					isdigit((unsigned char) suffix[-1]) ? "-" : "",
					(int) (end - version),
					version);
	for (i = 0; package[i] != '\0'; i++)
		package[i] = package[i] == '_'
						 ? '-'
						 : (char) tolower((unsigned char) package[i]);
	return true;
}

static osp_status
cannot_load(const search *found, osp_error *err)
{
	const char *why = dlerror();
	char package[NAMES_TEXT];
	name library;

	if (why != NULL && name_missing(why, &library, package))
		return osp_error_set(err,
							 OSP_ENOENT,
							 "the driver of %s:// needs %s, which is not "
							 "installed (Debian's package %s)",
							 found->scheme,
							 library.text,
							 package);
	return osp_error_set(err,
						 OSP_ENOENT,
						 "cannot load the driver of %s://: %s",
						 found->scheme,
						 why != NULL ? why : found->path);
}

static osp_status
load(const search *found, const osp_driver **out, osp_error *err)
{
	char symbol[sizeof("osp_driver_") + SCHEME_MAX];
	const osp_driver *driver;
	osp_status status;
	void *handle;

	handle = dlopen(found->path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	if (handle == NULL)
		return cannot_load(found, err);
	(void) snprintf(symbol, sizeof(symbol), "osp_driver_%s", found->scheme);
	driver = dlsym(handle, symbol);
	status = check_driver(driver, found, err);
	if (status == OSP_OK)
		*out = driver;

	/* Only drops the handle: RTLD_NODELETE keeps the plug-in in memory. */
	(void) dlclose(handle);
	return status;
}

osp_status
osp_driver_find(osp_str connection_string, const osp_driver **out,
				osp_error *err)
{
	search wanted;
	name scheme;

	*out = NULL;
	if (!read_scheme(connection_string, &scheme))
		return osp_error_set(
			err,
			OSP_EINVAL,
			"a connection string must begin with SCHEME:// (letters and digits)");
	if (!osp__uri_has_one_login(connection_string))
		return osp_error_set(
			err,
			OSP_EINVAL,
			"%s: more than one @ before the path; in a user or "
			"a password write it as %%40",
			scheme.text);
	wanted.scheme = scheme.text;
	if (!for_each_directory(find_plugin, &wanted))
		return set_unknown_scheme(scheme.text, err);
	return load(&wanted, out, err);
}
