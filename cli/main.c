/* SPDX-License-Identifier: Apache-2.0
 *
 * main.c
 *	  The osprofiler command: finds the command that was called and runs it.
 */
#include "cli.h"
#include "line/early_options.h"
#include "line/help_topics.h"
#include "line/similar_text.h"
#include "program_path.h"
#include "shell_text.h"

#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct command
{
	const char *group; /* the first word; NULL: there is only one */
	const char *name;
	const char *summary;
	int (*run)(int argc, char **argv);
} command;

static const command commands[] = {
	{"trace", "show", "draw a trace as a tree, or print it as JSON", cmd_show},
	{"trace", "explain", "say why a trace took so long", cmd_explain},
	{"trace", "diff", "say what took longer than in another trace", cmd_diff},
	{"trace", "export", "write a trace for another program", cmd_export},
	{"trace", "list", "list the newest traces of a collector", cmd_list},
	{"trace", "check", "check that traces are whole", cmd_check},
	{"trace", "delete", "remove traces from a collector", cmd_delete},
	{"trace", "prune", "remove old traces from a collector", cmd_prune},
	{"context", "new", "make a signed trace context", cmd_context_new},
	{"context", "show", "verify a trace context", cmd_context_show},
	{NULL,
	 "status",
	 "show whether points arrive, and their counters",
	 cmd_status},
	{NULL,
	 "doctor",
	 "try all that tracing needs, and say what to mend",
	 cmd_doctor},
	{NULL, "agent", "ship the points of a run directory", cmd_agent},
	{NULL, "run", "run a program and trace it", cmd_run},
	{NULL, "web", "show the traces of a collector in a browser", cmd_web},
};

#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

/*
 * The hooks find this symbol in our process, and so trace nothing in it.
 * Programs that the command runs do not have it.
 */
extern const char osprofiler_command;
__attribute__((visibility("default"))) const char osprofiler_command = 1;

static int
print_help(void)
{
	osp_buf text;
	int result;
	size_t i;

	osp_buf_init(&text, &osp_allocator_default, 16 * 1024);
	osp_buf_addf(
		&text,
		"Usage: osprofiler COMMAND [OPTIONS]\n"
		"       osprofiler -h | -v\n"
		"\n"
		"Shows, lists, checks, removes and makes OSProfiler's traces of databases.\n"
		"\n"
		"Commands:\n");
	for (i = 0; i < COMMAND_COUNT; i++)
	{
		const command *c = &commands[i];

		osp_buf_addf(&text,
					 "  %s%s%-*s %s\n",
					 c->group != NULL ? c->group : "",
					 c->group != NULL ? " " : "",
					 (int) (15 - (c->group != NULL ? strlen(c->group) + 1 : 0)),
					 c->name,
					 c->summary);
	}
	osp_buf_addf(
		&text,
		"\n"
		"Options:\n"
		"  -h, --help       this text; after a command, its options\n"
		"  -v, --version    the version\n"
		"\n"
		"'osprofiler help COMMAND' is the help of a command, 'osprofiler help settings'\n"
		"and 'osprofiler help collectors' say what can be configured. Options of a\n"
		"command may stand before it.\n"
		"\n"
		"Exit status: 0; 1 after an error; 2 after a wrong call; 3 from status if\n"
		"somebody should look, from doctor --unfix if not every step was tried, and\n"
		"from agent if the run directory has a shipper already. run ends as its command.\n");
	result = osp_buf_status(&text) == OSP_OK
				 ? cli_help(text.ptr)
				 : cli_error("%s", osp_status_text(osp_buf_status(&text)));
	osp_buf_term(&text);
	return result;
}

static bool
is_group(const char *word)
{
	size_t i;

	for (i = 0; i < COMMAND_COUNT; i++)
		if (commands[i].group != NULL && strcmp(commands[i].group, word) == 0)
			return true;
	return false;
}

/* Lists the words that may follow a group: "show, list or check". */
static void
list_names(const char *group, char *out, size_t size)
{
	size_t used = 0;
	size_t i;

	out[0] = '\0';
	for (i = 0; i < COMMAND_COUNT && used < size; i++)
	{
		int n;

		if (commands[i].group == NULL || strcmp(commands[i].group, group) != 0)
			continue;
		n = snprintf(out + used,
					 size - used,
					 "%s%s",
					 used > 0 ? ", " : "",
					 commands[i].name);
		used += n > 0 ? (size_t) n : 0;
	}
}

/*
 * Finds the command, or the group of commands, that was probably meant; empty:
 * none resembles what was typed.
 */
static void
find_similar(int argc, char **argv, char out[64])
{
	size_t best = CLI_SIMILAR_MAX;
	bool in_group = is_group(argv[1]);
	size_t i;

	out[0] = '\0';
	for (i = 0; i < COMMAND_COUNT; i++)
	{
		const command *c = &commands[i];
		const char *group = c->group != NULL ? c->group : "";
		const char *gap = c->group != NULL ? " " : "";
		char name[64];
		char typed[64];

		(void) snprintf(name, sizeof(name), "%s%s%s", group, gap, c->name);
		(void) snprintf(
			typed, sizeof(typed), "%s %s", argv[1], argc > 2 ? argv[2] : "");
		if (!in_group && cli_text_is_nearer(argv[1], c->name, &best))
			(void) snprintf(out, 64, "%s", name);
		if (argc == 2 && c->group != NULL &&
			cli_text_is_nearer(argv[1], group, &best))
			(void) snprintf(out, 64, "%s", group);
		if (c->group != NULL && argc > 2 &&
			cli_text_is_nearer(typed, name, &best))
			(void) snprintf(out, 64, "%s", name);
	}
}

static void
report_no_command(int argc, char **argv)
{
	bool in_group = is_group(argv[1]);
	bool two = in_group && argc > 2;
	char similar[64];
	char path[PATH_MAX];
	char names[128];
	osp_buf word;

	find_similar(argc, argv, similar);
	list_names(argv[1], names, sizeof(names));
	if (in_group && !two)
		cli_usage("after '%s' comes one of: %s", argv[1], names);
	else if (!in_group && similar[0] == '\0' && cli_program_find(argv[1], path))
	{
		cli_usage("no command '%s'; to trace the program of this name: "
				  "osprofiler run -- %s",
				  argv[1],
				  cli_quoted(&word, argv[1]));
		osp_buf_term(&word);
	}
	else if (similar[0] != '\0')
		cli_usage("no command '%s%s%s'; did you mean '%s'?%s%s",
				  argv[1],
				  two ? " " : "",
				  two ? argv[2] : "",
				  similar,
				  two ? " There are: " : "",
				  names);
	else if (two)
		cli_usage("no command '%s %s'; after '%s' comes one of: %s",
				  argv[1],
				  argv[2],
				  argv[1],
				  names);
	else
		cli_usage("no command '%s'", argv[1]);
}

/*
 * Finds the command that argv[1] (and argv[2]) name; NULL: none. *words is how
 * many words its name has.
 */
static const command *
find_command(int argc, char **argv, int *words)
{
	size_t i;

	for (i = 0; i < COMMAND_COUNT; i++)
	{
		const command *c = &commands[i];

		*words = c->group != NULL ? 2 : 1;
		if (argc <= *words)
			continue;
		if (c->group != NULL && strcmp(c->group, argv[1]) != 0)
			continue;
		if (strcmp(c->name, argv[*words]) == 0)
			return c;
	}
	return NULL;
}

/* Runs a command whose name takes up the first words arguments. */
static int
run_command(const command *c, int words, int argc, char **argv)
{
	char name[64];

	(void) snprintf(name,
					sizeof(name),
					"%s%s%s",
					c->group != NULL ? c->group : "",
					c->group != NULL ? " " : "",
					c->name);
	cli_set_command(name);
	return c->run(argc - words, argv + words);
}

/* --- osprofiler help TOPIC --- */

static int
help_topic(int argc, char **argv)
{
	char option[] = "--help";
	char *args[] = {NULL, option, NULL};
	const command *found;
	int result;
	int words;

	if (argc < 2 || (argc == 2 && is_group(argv[1])))
		return print_help();
	if (argc == 2 && cli_help_topic(argv[1], &result))
		return result;
	found = find_command(argc, argv, &words);
	if (found == NULL)
	{
		report_no_command(argc, argv);
		return CLI_USAGE;
	}
	args[0] = argv[words];
	return run_command(found, 0, 2, args);
}

/*
 * Makes sure that no file that we open becomes descriptor 0, 1 or 2. A
 * place-holder is opened for the wrong direction, so that using it still fails.
 */
static void
reserve_standard_files(void)
{
	int fd;

	for (fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			/* cppcheck-suppress leakReturnValNotUsed */
			(void) open("/dev/null",
						(fd == 0 ? O_WRONLY : O_RDONLY) | O_CLOEXEC);
}

/* Is word one of these? c may be NULL. */
static bool
is_one_of(const char *word, const char *a, const char *b, const char *c)
{
	return strcmp(word, a) == 0 || strcmp(word, b) == 0 ||
		   (c != NULL && strcmp(word, c) == 0);
}

int
main(int argc, char **argv)
{
	const command *found;
	int words;

	reserve_standard_files();
	(void) setlocale(LC_CTYPE, "");

	/* A closed pipe and a file size limit become errors like others. */
	cli_original_sigpipe = signal(SIGPIPE, SIG_IGN);
	cli_original_sigxfsz = signal(SIGXFSZ, SIG_IGN);

	if (argc < 2)
		return cli_usage("a command is missing");
	if (is_one_of(argv[1], "-h", "--help", NULL))
		return print_help();
	if (is_one_of(argv[1], "-v", "--version", "version"))
		return argc == 2 ? cli_help("osprofiler " OSP_VERSION "\n")
						 : cli_usage("unexpected argument '%s'", argv[2]);
	if (strcmp(argv[1], "help") == 0)
		return help_topic(argc - 1, argv + 1);
	if (!cli_move_early_options(argc, argv, is_group))
		return CLI_USAGE;
	if (argc == 3 && is_group(argv[1]) &&
		is_one_of(argv[2], "-h", "--help", "help"))
		return print_help();

	found = find_command(argc, argv, &words);
	if (found != NULL)
		return run_command(found, words, argc, argv);
	report_no_command(argc, argv);
	return CLI_USAGE;
}
