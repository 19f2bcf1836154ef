/* SPDX-License-Identifier: Apache-2.0
 *
 * render_dot.c
 *	  A picture of a trace, drawn by Graphviz.
 *
 * The program `dot` reads the graph from a pipe and writes to the file, which it gets as
 * its standard output. Its stderr is dropped, because it is mostly warnings about fonts;
 * only its exit status is reported.
 */
#include "trace/render_dot.h"
#include "cli.h"
#include "trace/trace_output.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

/* Starts dot with these files as its standard input and output. Returns an errno. */
static int
start_dot(int in, int out, pid_t *pid)
{
	static char name[] = "dot";
	static char format[] = "-Tpdf";
	char *args[] = {name, format, NULL};
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	sigset_t signals;
	int error;

	(void) sigemptyset(&signals);
	(void) sigaddset(&signals, SIGPIPE);
	error = posix_spawn_file_actions_init(&files);
	if (error != 0)
		return error;
	error = posix_spawnattr_init(&attributes);
	if (error == 0)
	{
		(void) posix_spawnattr_setsigdefault(&attributes, &signals);
		(void) posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
		error = posix_spawn_file_actions_adddup2(&files, in, STDIN_FILENO);
		if (error == 0)
			error =
				posix_spawn_file_actions_adddup2(&files, out, STDOUT_FILENO);
		if (error == 0)
			error = posix_spawn_file_actions_addopen(
				&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
		if (error == 0)
			error = posix_spawnp(pid, name, &files, &attributes, args, environ);
		(void) posix_spawnattr_destroy(&attributes);
	}
	(void) posix_spawn_file_actions_destroy(&files);
	return error;
}

/* Writes to the descriptor ctx; an osp_write_fn. */
static osp_status
write_pipe(void *ctx, osp_str piece)
{
	while (piece.len > 0)
	{
		ssize_t n = write(*(const int *) ctx, piece.ptr, piece.len);

		if (n < 0 && errno != EINTR)
			return OSP_EIO;
		if (n > 0)
			piece = osp_str_n(piece.ptr + n, piece.len - (size_t) n);
	}
	return OSP_OK;
}

/* Waits until dot has ended. False after a message. */
static bool
has_drawn(pid_t pid, osp_status written)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFSIGNALED(status))
		cli_error("dot was ended by signal %d before it had drawn the trace",
				  WTERMSIG(status));
	else if (WEXITSTATUS(status) != 0)
		cli_error("dot could not draw the trace (its exit status is %d)",
				  WEXITSTATUS(status));
	else if (written != OSP_OK)
		cli_error("cannot make the graph: %s", osp_status_text(written));
	else
		return true;
	return false;
}

/* Lets dot draw into the descriptor. False after a message. */
static bool
draw(osp_report *report, int out)
{
	osp_status written;
	int ends[2];
	int error;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) != 0)
	{
		cli_error("cannot start dot: %s", strerror(errno));
		return false;
	}
	error = start_dot(ends[0], out, &pid);
	(void) close(ends[0]);
	if (error != 0)
	{
		(void) close(ends[1]);
		if (error == ENOENT)
			cli_error("--render-dot needs the program 'dot', which is not "
					  "installed: it is in the package graphviz");
		else
			cli_error("cannot start dot: %s", strerror(error));
		return false;
	}
	written = osp_report_dot_write(report, write_pipe, &ends[1]);
	(void) close(ends[1]);
	return has_drawn(pid, written);
}

int
cli_render_dot(const cli_source *source, osp_report *report, const char *file)
{
	char path[PATH_MAX];
	cli_out out;
	int result;
	int n = snprintf(path, sizeof(path), "%s.pdf", file);

	if (n < 0 || (size_t) n >= sizeof(path))
		return cli_error("the name of --render-dot is too long");
	result = cli_trace_output_open(source, "--render-dot", path, &out);
	if (result != CLI_OK)
		return result;
	if (!draw(report, out.fd))
	{
		cli_out_abandon(&out);
		return CLI_FAILED;
	}
	return cli_out_close(&out);
}
