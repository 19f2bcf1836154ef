/* SPDX-License-Identifier: Apache-2.0
 *
 * run_hint.c
 *	  Hints for a command that cannot be executed.
 */
#include "run/run.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "program_path.h"
#include "shell_text.h"

/* Endings of file names, and the program that runs such files. */
static const struct
{
	const char *ending;
	const char *interpreter;
} interpreters[] = {{".js", "node"},
					{".mjs", "node"},
					{".php", "php"},
					{".pl", "perl"},
					{".py", "python3"},
					{".rb", "ruby"},
					{".sh", "sh"}};

/* Finds the program that runs the file; NULL: none is known. */
static const char *
find_interpreter(const char *file)
{
	const char *ending = strrchr(file, '.');
	size_t i;

	for (i = 0;
		 ending != NULL && i < sizeof(interpreters) / sizeof(interpreters[0]);
		 i++)
		if (strcmp(interpreters[i].ending, ending) == 0)
			return interpreters[i].interpreter;
	return NULL;
}

/* Was the command with its arguments put into one pair of quotes? Then says so. */
static bool
hint_at_quotes(osp_buf *out, const char *command)
{
	size_t len = strcspn(command, " ");
	char path[PATH_MAX];
	char first[PATH_MAX];

	if (command[len] == '\0' || len >= sizeof(first))
		return false;
	memcpy(first, command, len);
	first[len] = '\0';
	if (!cli_program_find(first, path))
		return false;
	osp_buf_addf(out, "; without the quotes: osprofiler run -- %s", command);
	return true;
}

/* Hints at a file in the current directory, where a shell would not search, either. */
static void
hint_at_directory(osp_buf *out, const char *file)
{
	const char *interpreter = find_interpreter(file);
	bool executable = access(file, X_OK) == 0;

	osp_buf_addf(out, "; did you mean ");
	if (executable || interpreter == NULL)
	{
		osp_buf_addf(out, "./");
		cli_add_quoted(out, osp_str_of(file));
	}
	if (interpreter != NULL)
	{
		osp_buf_addf(out, "%s%s ", executable ? ", or " : "", interpreter);
		cli_add_quoted(out, osp_str_of(file));
	}
	osp_buf_addf(out, "?");
}

static void
hint_at_mode(osp_buf *out, const char *file)
{
	const char *interpreter = find_interpreter(file);

	osp_buf_addf(out, "; it is not executable: chmod +x ");
	cli_add_quoted(out, osp_str_of(file));
	if (interpreter == NULL)
		return;
	osp_buf_addf(out, ", or osprofiler run -- %s ", interpreter);
	cli_add_quoted(out, osp_str_of(file));
}

void
run_hint_add(osp_buf *out, const char *command, int error)
{
	bool has_path = strchr(command, '/') != NULL;
	struct stat st;

	if (hint_at_quotes(out, command))
		return;
	if (stat(command, &st) != 0)
		return;
	if (S_ISDIR(st.st_mode))
	{
		if (has_path)
			osp_buf_addf(out, "; it is a directory");
	}
	else if (!has_path)
		hint_at_directory(out, command);
	else if (error == ENOENT)
		osp_buf_addf(out, "; the interpreter that it names is not there");
	else if (error == EACCES && access(command, X_OK) != 0)
		hint_at_mode(out, command);
}
