/* SPDX-License-Identifier: Apache-2.0
 *
 * server_name.c
 *	  Checks the connection string of a server, and shows it without secrets.
 */
#include "server/conninfo_text.h"
#include "server/server_state.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/uri.h"

/*
 * Does the connection string have settings, or is it a URI? libpq takes any
 * other text as the name of a database.
 */
static bool
has_settings(const char *conninfo)
{
	return strchr(conninfo, '=') != NULL ||
		   osp__uri_scheme(osp_str_of(conninfo)).len > 0;
}

static const char *
find_setting(const PQconninfoOption *options, const char *keyword)
{
	for (; options->keyword != NULL; options++)
		if (strcmp(options->keyword, keyword) == 0 && options->val != NULL)
			return options->val;
	return "";
}

/*
 * Parses a connection string that has settings; the result is owned. NULL:
 * libpq does not understand it, or misunderstands it, so that a part of the
 * password becomes the name of a host or a port. libpq's own message is not
 * used, since it may quote the password.
 */
static PQconninfoOption *
parse_settings(const char *conninfo)
{
	PQconninfoOption *options;
	const char *port;

	if (!osp__uri_has_one_login(osp_str_of(conninfo)))
		return NULL;
	options = cli_pq.PQconninfoParse(conninfo, NULL);
	if (options == NULL)
		return NULL;
	port = find_setting(options, "port");
	if (port[strspn(port, "0123456789, ")] == '\0')
		return options;
	cli_pq.PQconninfoFree(options);
	return NULL;
}

osp_status
cli_check_conninfo(const char *conninfo, osp_error *err)
{
	PQconninfoOption *options;

	if (!has_settings(conninfo))
		return OSP_OK;
	options = parse_settings(conninfo);
	if (options == NULL)
		return osp_error_set(
			err,
			OSP_EINVAL,
			"libpq does not understand this connection string; expected "
			"'host=... port=... user=...' with quotes around spaces, or "
			"postgresql://user@host:port/database (in a password write "
			"@ : / %% as %%40 %%3A %%2F %%25)");
	cli_pq.PQconninfoFree(options);
	return OSP_OK;
}

static const char *
variable(const char *name)
{
	const char *value = getenv(name);

	return value != NULL ? value : "";
}

bool
cli_conninfo_has_socket(const char *conninfo)
{
	PQconninfoOption *options =
		has_settings(conninfo) ? parse_settings(conninfo) : NULL;
	const PQconninfoOption none = {.keyword = NULL};
	const PQconninfoOption *given = options != NULL ? options : &none;
	const char *host = find_setting(given, "host");
	bool has_address = find_setting(given, "hostaddr")[0] != '\0' ||
					   variable("PGHOSTADDR")[0] != '\0';
	bool has_service = find_setting(given, "service")[0] != '\0' ||
					   variable("PGSERVICE")[0] != '\0';
	bool has_socket;

	if (host[0] == '\0')
		host = variable("PGHOST");
	has_socket = !has_address && !has_service &&
				 (host[0] == '\0' || host[0] == '/') &&
				 strchr(host, ',') == NULL;
	if (options != NULL)
		cli_pq.PQconninfoFree(options);
	return has_socket;
}

/* The value that is shown for a setting; NULL: the setting is not shown. */
static const char *
show_setting(const PQconninfoOption *option)
{
	static const char *const places[] = {
		"host", "hostaddr", "port", "dbname", "user", "service"};
	size_t i;

	if (option->val == NULL)
		return NULL;
	if (strchr(option->dispchar, '*') != NULL)
		return "***";
	for (i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (strcmp(option->keyword, places[i]) == 0)
			return has_settings(option->val) ? "***" : option->val;
	return NULL;
}

void
cli_server_name(const char *conninfo, char *out, size_t size)
{
	PQconninfoOption *options = NULL;
	const PQconninfoOption *option;
	osp_buf text;

	osp_buf_init(&text, &osp_allocator_default, 16 * 1024);
	if (!has_settings(conninfo))
		cli_conninfo_add(&text, "dbname", conninfo);
	else if (cli_load_libpq(NULL) == OSP_OK)
		options = parse_settings(conninfo);
	for (option = options; option != NULL && option->keyword != NULL; option++)
		cli_conninfo_add(&text, option->keyword, show_setting(option));
	if (text.len == 0 || osp_buf_status(&text) != OSP_OK)
		(void) snprintf(out, size, "the server");
	else
		(void) snprintf(out, size, "%.*s", (int) text.len, text.ptr);
	if (options != NULL)
		cli_pq.PQconninfoFree(options);
	osp_buf_term(&text);
}
