/* SPDX-License-Identifier: Apache-2.0
 *
 * program_modules.c
 *	  The modules by which an interpreter reaches databases.
 *
 * Interpreters load their database modules when a program asks for them, so nothing
 * in the interpreter's own file names libpq or SQLite. The interpreter itself is
 * asked where it finds them, in the current directory and environment.
 */
#include "program/program_modules.h"

#include <stdio.h>
#include <stdlib.h>

#include "osprofiler/buf.h"
#include "shell_text.h"

#define COMMAND_MAX (64 * 1024)

/* Scripts that print "name<TAB>file" for each module that is installed. */
static const char python_script[] =
	"import importlib.util as u\n"
	"for n in ('psycopg2._psycopg', 'psycopg_binary._psycopg', "
	"'psycopg_c._psycopg', 'psycopg', 'asyncpg', '_sqlite3'):\n"
	"    try:\n"
	"        s = u.find_spec(n)\n"
	"    except Exception:\n"
	"        continue\n"
	"    if s is not None:\n"
	"        o = s.origin or ''\n"
	"        print(n, o if '.so' in o else '', sep='\\t')\n";

static const char node_script[] =
	"for (const n of ['better-sqlite3', 'sqlite3', 'pg-native', 'libpq', 'pg', "
	"'postgres'])\n"
	"  try { require.resolve(n, {paths: [process.cwd()]}); "
	"console.log(n + '\\t') } catch (e) {}\n";

static const struct
{
	const char *program; /* how the interpreter's name begins */
	const char *option;
	const char *script;
} interpreters[] = {
	{"python", " -c ", python_script},
	{"node", " -e ", node_script},
};

static const char *
file_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

static void
read_modules(const char *command, program_module_fn fn, void *ctx)
{
	FILE *list = popen(command, "r");
	char line[2 * PATH_MAX];

	if (list == NULL)
		return;
	while (fgets(line, sizeof(line), list) != NULL)
	{
		char *tab = strchr(line, '\t');

		if (tab == NULL)
			continue;
		*tab = '\0';
		tab[1 + strcspn(tab + 1, "\n")] = '\0';
		fn(ctx, line, tab + 1);
	}
	(void) pclose(list);
}

bool
program_modules(const program_file *program, program_module_fn fn, void *ctx)
{
	const char *name = file_name(program->path);
	osp_buf command;
	size_t i;

	for (i = 0; i < sizeof(interpreters) / sizeof(interpreters[0]); i++)
		if (strncmp(name,
					interpreters[i].program,
					strlen(interpreters[i].program)) == 0)
			break;
	if (i == sizeof(interpreters) / sizeof(interpreters[0]))
		return false;
	osp_buf_init(&command, &osp_allocator_default, COMMAND_MAX);
	/* Python finds the modules of a venv only if it is called by the venv's link. */
	cli_add_quoted(&command, osp_str_of(program->called));
	osp_buf_add_str(&command, osp_str_of(interpreters[i].option));
	cli_add_quoted(&command, osp_str_of(interpreters[i].script));
	osp_buf_add_str(&command, OSP_STR(" 2>/dev/null </dev/null"));
	if (osp_buf_status(&command) == OSP_OK)
		read_modules(command.ptr, fn, ctx);
	osp_buf_term(&command);
	return true;
}
