/* SPDX-License-Identifier: Apache-2.0
 *
 * pager.c
 *	  The program that shows standard output page by page.
 */
#include "view/pager.h"
#include "cli.h"
#include "program_path.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEFAULT_PAGER "less"

/* Exit statuses of a shell for a command that it cannot run. */
#define NOT_EXECUTABLE 126
#define NOT_FOUND      127

/*
 * The options of less if LESS is not set: it ends at once if the text fits the
 * screen (F), passes colours on (R), and leaves the text on the screen (X).
 */
#define LESS_OPTIONS "FRX"

/* The command to show pages with; NULL: none. */
static const char *
pager_command(void)
{
	const char *command = getenv("PAGER");
	char path[PATH_MAX];

	if (command == NULL)
		return cli_program_find(DEFAULT_PAGER, path) ? DEFAULT_PAGER : NULL;
	return command[0] == '\0' || strcmp(command, "cat") == 0 ? NULL : command;
}

static void
run_pager(const char *command, int in)
{
	(void) dup2(in, STDIN_FILENO);
	(void) signal(SIGPIPE, cli_original_sigpipe);
	(void) setenv("LESS", LESS_OPTIONS, 0);
	(void) execl("/bin/sh", "sh", "-c", command, (char *) NULL);
	_exit(NOT_FOUND);
}

pid_t
cli_pager_start(void)
{
	const char *command = pager_command();
	int ends[2];
	pid_t pid;

	if (command == NULL || pipe2(ends, O_CLOEXEC) != 0)
		return 0;
	pid = fork();
	if (pid == 0)
		run_pager(command, ends[0]);
	(void) close(ends[0]);
	if (pid > 0 && dup2(ends[1], STDOUT_FILENO) >= 0)
		/* The pager, not this process, handles the keys of the terminal. */
		(void) signal(SIGINT, SIG_IGN);
	(void) close(ends[1]);
	return pid > 0 ? pid : 0;
}

int
cli_pager_finish(pid_t *pager)
{
	int status = 0;

	if (*pager == 0)
		return CLI_OK;
	(void) close(STDOUT_FILENO);
	while (waitpid(*pager, &status, 0) < 0 && errno == EINTR)
		;
	*pager = 0;
	if (!WIFEXITED(status) || (WEXITSTATUS(status) != NOT_FOUND &&
							   WEXITSTATUS(status) != NOT_EXECUTABLE))
		return CLI_OK;
	return cli_error("the pager '%s' (PAGER) cannot be run; --no-pager shows "
					 "the text without one",
					 pager_command());
}
