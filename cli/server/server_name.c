/* SPDX-License-Identifier: Apache-2.0
 *
 * server_name.c
 *	  Checks the connection string of a server, and shows it without secrets.
 */
#include "server/conninfo_text.h"
#include "server/server_state.h"

#include <stdio.h>

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
