/* SPDX-License-Identifier: Apache-2.0
 *
 * server_place.c
 *	  Where a server is, who owns it, and how a shell connects to it.
 */
#include "server/conninfo_text.h"
#include "server/server_state.h"
#include "shell_text.h"

#include <pwd.h>
#include <stdio.h>
#include <sys/stat.h>

bool
cli_find_socket(const cli_server *server, char path[PATH_MAX])
{
	const char *directory = cli_pq.PQhost(server->conn);

	return directory != NULL && directory[0] == '/' &&
		   snprintf(path,
					PATH_MAX,
					"%s/.s.PGSQL.%s",
					directory,
					cli_pq.PQport(server->conn)) < PATH_MAX;
}

bool
cli_host_is_local(const char *host)
{
	return host[0] == '/' || host[0] == '@' || strcmp(host, "localhost") == 0 ||
		   strcmp(host, "::1") == 0 || strncmp(host, "127.", 4) == 0;
}

bool
cli_server_is_local(const cli_server *server)
{
	const char *host = cli_pq.PQhost(server->conn);

	return host == NULL || host[0] == '\0' || cli_host_is_local(host);
}

bool
cli_server_is_superuser(const cli_server *server)
{
	const char *is = cli_pq.PQparameterStatus(server->conn, "is_superuser");

	return is != NULL && strcmp(is, "on") == 0;
}

size_t
cli_server_other_ports(const cli_server *server, long ports[CLI_PORTS_MAX])
{
	char path[PATH_MAX];

	return cli_find_socket(server, path) ? cli_other_ports(path, ports) : 0;
}

bool
cli_server_owner(const cli_server *server, uid_t *uid, char *name, size_t size)
{
	struct passwd entry;
	struct passwd *owner = NULL;
	char space[1024];
	char path[PATH_MAX];
	struct stat st;

	if (!cli_find_socket(server, path) || stat(path, &st) != 0)
		return false;
	*uid = st.st_uid;
	return getpwuid_r(st.st_uid, &entry, space, sizeof(space), &owner) == 0 &&
		   owner != NULL &&
		   snprintf(name, size, "%s", owner->pw_name) < (int) size;
}

/*
 * The superuser that initdb made. The name lies in *answer, which is owned.
 * NULL: unknown.
 */
static const char *
first_superuser(cli_server *server, cli_answer **answer)
{
	if (cli_server_ask(server,
					   "SELECT rolname FROM pg_catalog.pg_roles WHERE oid = 10",
					   0,
					   NULL,
					   answer,
					   NULL) != OSP_OK ||
		cli_answer_rows(*answer) == 0)
		return NULL;
	return cli_answer_value(*answer, 0, 0);
}

void
cli_server_add_psql(cli_server *server, osp_buf *out)
{
	cli_answer *answer = NULL;
	const struct
	{
		const char *option;
		const char *value;
	} parts[] = {
		{" -h ", cli_pq.PQhost(server->conn)},
		{" -p ", cli_pq.PQport(server->conn)},
		{" -U ",
		 cli_server_is_superuser(server) ? cli_pq.PQuser(server->conn)
										 : first_superuser(server, &answer)},
		{" -d ", cli_pq.PQdb(server->conn)},
	};
	size_t i;

	if (server->is_bare)
		osp_buf_add_str(out, OSP_STR("env PGOPTIONS='" BARE_OPTIONS "' "));
	osp_buf_add_str(out, OSP_STR("psql -X -v ON_ERROR_STOP=1"));
	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
	{
		if (parts[i].value == NULL || parts[i].value[0] == '\0')
			continue;
		osp_buf_add_str(out, osp_str_of(parts[i].option));
		cli_add_quoted(out, osp_str_of(parts[i].value));
	}
	osp_buf_add_str(out,
					OSP_STR(" -c 'SET search_path = pg_catalog, pg_temp'"));
	cli_answer_free(answer);
}

/*
 * Appends the CONNINFO of the connection's database as a word for a shell, with
 * this user unless it is NULL.
 */
static void
add_place(const cli_server *server, const char *user, osp_buf *out)
{
	osp_buf text;

	osp_buf_init(&text, &osp_allocator_default, 16 * 1024);
	cli_conninfo_add(&text, "host", cli_pq.PQhost(server->conn));
	cli_conninfo_add(&text, "port", cli_pq.PQport(server->conn));
	cli_conninfo_add(&text, "dbname", cli_pq.PQdb(server->conn));
	cli_conninfo_add(&text, "user", user);
	cli_add_quoted(out, osp_buf_str(&text));
	osp_buf_term(&text);
}

void
cli_server_add_place(const cli_server *server, osp_buf *out)
{
	add_place(server, NULL, out);
}

void
cli_server_add_superuser_place(cli_server *server, osp_buf *out)
{
	cli_answer *answer = NULL;

	add_place(server, first_superuser(server, &answer), out);
	cli_answer_free(answer);
}
