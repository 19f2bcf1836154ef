/* SPDX-License-Identifier: Apache-2.0
 *
 * program_file.c
 *	  What a program's file says about how the program will be loaded.
 */
#include "program/program_file.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "osprofiler/buf.h"
#include "program_path.h"
#include "run/hook_path.h"
#include "shell_text.h"

/* The directory where Debian has the programs of each PostgreSQL version. */
#define POSTGRESQL "/usr/lib/postgresql/"

#define FIRST_LINE_MAX 256
#define SCRIPTS_MAX    4 /* scripts that interpret each other */
#define COMMAND_MAX    (4 * PATH_MAX)

/* Texts that the code of the libraries contains in every build. */
static const char libpq_text[] = "server closed the connection unexpectedly";
static const char sqlite_text[] = "SQLite format 3";

/* The name of a function of libosprofiler_sqlite that programs call. */
static const char enable_text[] = "osp_sqlite_enable";

/*
 * Finds the path of a command, in PATH if it has no slash. called gets this
 * path, and out the path of the file after all symbolic links.
 */
static bool
find_command(const char *command, char called[PATH_MAX], char out[PATH_MAX])
{
	if (strchr(command, '/') == NULL)
		return cli_program_find(command, called) &&
			   realpath(called, out) != NULL;
	return snprintf(called, PATH_MAX, "%s", command) < PATH_MAX &&
		   realpath(called, out) != NULL;
}

/*
 * Finds the program behind Debian's psql, pg_dump and so on, which are links to
 * a script that calls the program of a PostgreSQL version: the newest one here.
 * False: wrapper is something else.
 */
static bool
find_wrapped(const program_file *wrapper, char out[FIRST_LINE_MAX])
{
	const char *script = strrchr(wrapper->path, '/');
	const char *name = strrchr(wrapper->called, '/');
	char pattern[PATH_MAX];
	glob_t found;
	long newest = -1;
	size_t i;

	if (script == NULL || name == NULL || strcmp(script, "/pg_wrapper") != 0 ||
		snprintf(pattern, sizeof(pattern), POSTGRESQL "*/bin%s", name) >=
			(int) sizeof(pattern) ||
		glob(pattern, GLOB_NOESCAPE, NULL, &found) != 0)
		return false;
	for (i = 0; i < found.gl_pathc; i++)
	{
		long version = strtol(found.gl_pathv[i] + strlen(POSTGRESQL), NULL, 10);

		if (version > newest &&
			snprintf(out, FIRST_LINE_MAX, "%s", found.gl_pathv[i]) <
				FIRST_LINE_MAX)
			newest = version;
	}
	globfree(&found);
	return newest >= 0;
}

/*
 * Finds the interpreter that the first line of a script names; false: it is not
 * a script. For `env NAME` the interpreter is NAME.
 */
static bool
read_first_line(const char *bytes, size_t len, char out[FIRST_LINE_MAX])
{
	char line[FIRST_LINE_MAX];
	const char *word;
	char *rest;

	if (len < 3 || bytes[0] != '#' || bytes[1] != '!')
		return false;
	(void) snprintf(line,
					sizeof(line),
					"%.*s",
					(int) (len < sizeof(line) ? len : sizeof(line)),
					bytes + 2);
	line[strcspn(line, "\n")] = '\0';
	word = strtok_r(line, " \t", &rest);
	if (word != NULL && strlen(word) >= 4 &&
		strcmp(word + strlen(word) - 4, "/env") == 0)
		word = strtok_r(NULL, " \t", &rest);
	(void) snprintf(out, FIRST_LINE_MAX, "%s", word != NULL ? word : "");
	return word != NULL;
}

static bool
is_privileged(int fd, const struct stat *st)
{
	return (st->st_mode & (S_ISUID | S_ISGID)) != 0 ||
		   fgetxattr(fd, "security.capability", NULL, 0) > 0;
}

/* Finds the dynamic loader, if the file is an ELF file of this machine's kind. */
static void
read_elf(const char *bytes, size_t len, program_file *out)
{
	const ElfW(Ehdr) *header = (const void *) bytes;
	size_t i;

	out->foreign = len < sizeof(*header) ||
				   memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 ||
				   header->e_ident[EI_CLASS] !=
					   (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32) ||
				   header->e_phentsize != sizeof(ElfW(Phdr));
	for (i = 0; !out->foreign && i < header->e_phnum; i++)
	{
		size_t at = header->e_phoff + i * sizeof(ElfW(Phdr));
		ElfW(Phdr) part;

		if (at > len || len - at < sizeof(part))
			return;
		memcpy(&part, bytes + at, sizeof(part));
		if (part.p_type == PT_INTERP && part.p_offset < len &&
			part.p_filesz <= len - part.p_offset)
			(void) snprintf(out->loader,
							sizeof(out->loader),
							"%.*s",
							(int) part.p_filesz,
							bytes + part.p_offset);
	}
}

/* Examines the file of out->path. True: it is a script, and next is its interpreter. */
static bool
read_mapped(int fd, size_t len, program_file *out, char next[FIRST_LINE_MAX])
{
	char *bytes = mmap(NULL, len, PROT_READ, MAP_PRIVATE, fd, 0);
	bool script;

	if (bytes == MAP_FAILED)
	{
		out->foreign = true;
		return false;
	}
	script = read_first_line(bytes, len, next);
	if (!script)
	{
		read_elf(bytes, len, out);
		out->has_libpq =
			memmem(bytes, len, libpq_text, strlen(libpq_text)) != NULL;
		out->has_sqlite =
			memmem(bytes, len, sqlite_text, strlen(sqlite_text)) != NULL;
		out->traces_sqlite =
			memmem(bytes, len, enable_text, strlen(enable_text)) != NULL;
	}
	(void) munmap(bytes, len);
	return script;
}

osp_status
program_file_read(const char *command, program_file *out, osp_error *err)
{
	char name[FIRST_LINE_MAX];
	unsigned i;

	memset(out, 0, sizeof(*out));
	(void) snprintf(name, sizeof(name), "%s", command);
	for (i = 0; i < SCRIPTS_MAX; i++)
	{
		struct stat st;
		bool script;
		int fd;

		if (!find_command(name, out->called, out->path))
			return osp_error_set(
				err, OSP_ENOENT, "there is no program '%s'", name);
		if (find_wrapped(out, name))
			continue;
		fd = open(out->path, O_RDONLY | O_CLOEXEC);
		if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		{
			const char *why = fd < 0 ? strerror(errno) : "it is not a file";

			if (fd >= 0)
				(void) close(fd);
			return osp_error_set(
				err, OSP_EIO, "cannot read %s: %s", out->path, why);
		}
		out->privileged = is_privileged(fd, &st);
		script = read_mapped(fd, (size_t) st.st_size, out, name);
		(void) close(fd);
		if (!script)
			return OSP_OK;
	}
	return osp_error_set(err, OSP_EIO, "%s: scripts name each other", command);
}

bool
program_is_musl(const program_file *program)
{
	return strstr(program->loader, "ld-musl") != NULL;
}

/* Appends "env LD_LIBRARY_PATH=... LD_PRELOAD=... LOADER --list FILE". */
static void
add_loader_command(osp_buf *out, const program_file *program, const char *file)
{
	const char *old = getenv("LD_LIBRARY_PATH");
	char hook[PATH_MAX];

	osp_buf_add_str(out, OSP_STR("env "));
	if (run_hook_find(RUN_SHADOW_FILE, hook))
	{
		*strrchr(hook, '/') = '\0';
		osp_buf_add_str(out, OSP_STR("LD_LIBRARY_PATH="));
		cli_add_quoted(out, osp_str_of(hook));
		if (old != NULL && old[0] != '\0')
		{
			osp_buf_add_char(out, ':');
			cli_add_quoted(out, osp_str_of(old));
		}
		osp_buf_add_char(out, ' ');
	}
	cli_add_quoted(out, osp_str_of(program->loader));
	osp_buf_add_str(out, OSP_STR(" --list "));
	cli_add_quoted(out, osp_str_of(file));
	osp_buf_add_str(out, OSP_STR(" 2>/dev/null"));
}

bool
program_libraries(const program_file *program, const char *file,
				  program_library_fn fn, void *ctx)
{
	char line[2 * PATH_MAX];
	osp_buf command;
	FILE *list;

	osp_buf_init(&command, &osp_allocator_default, COMMAND_MAX);
	add_loader_command(&command, program, file);
	list = osp_buf_status(&command) == OSP_OK ? popen(command.ptr, "r") : NULL;
	osp_buf_term(&command);
	if (list == NULL)
		return false;
	while (fgets(line, sizeof(line), list) != NULL)
	{
		char *rest;
		const char *name = strtok_r(line, " \t\n", &rest);
		const char *arrow = strtok_r(NULL, " \t\n", &rest);
		const char *path = strtok_r(NULL, " \t\n", &rest);

		if (name != NULL && arrow != NULL && path != NULL &&
			strcmp(arrow, "=>") == 0)
			fn(ctx, name, path);
	}
	return pclose(list) == 0;
}
