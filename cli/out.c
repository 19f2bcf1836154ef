/* SPDX-License-Identifier: Apache-2.0
 *
 * out.c
 *	  The output of a command: stdout, or a file that appears when it is
 *	  complete.
 *
 * stdio is not used: it reports errors late and without their errno.
 */
#include "out.h"
#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define OUT_BUFFER ((size_t) 256 * 1024)

/* How many symbolic links Linux follows in a path. */
#define LINKS_MAX 40

/* A command has one output at a time. */
static char buffer[OUT_BUFFER];

/* The temporary file that the signal handler removes, or an empty string. */
static char pending_temp[PATH_MAX];

static void
remove_pending(int sig)
{
	if (pending_temp[0] != '\0')
		(void) unlink(pending_temp);
	(void) signal(sig, SIG_DFL);
	(void) raise(sig);
}

/* Has signals remove the temporary file; a signal that is ignored stays ignored. */
static void
catch_signals(void)
{
	static const int signals[] = {SIGHUP, SIGINT, SIGTERM};
	struct sigaction action;
	struct sigaction old;
	size_t i;

	memset(&action, 0, sizeof(action));
	(void) sigemptyset(&action.sa_mask);
	action.sa_handler = remove_pending;
	for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		if (sigaction(signals[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
			(void) sigaction(signals[i], &action, NULL);
}

/* Returns the mode that the file has, or would get from open(). */
static mode_t
mode_for(const char *path)
{
	struct stat st;
	mode_t mask;

	if (stat(path, &st) == 0)
		return st.st_mode & 07777;
	mask = umask(0);
	(void) umask(mask);
	return 0666 & ~mask;
}

/*
 * Makes the temporary file beside out->path. False, with errno. Its name does
 * not contain that of the file, which may have the greatest length already.
 */
static bool
open_temp(cli_out *out)
{
	const char *slash = strrchr(out->path, '/');
	int directory_len = slash != NULL ? (int) (slash + 1 - out->path) : 0;
	int n = snprintf(pending_temp,
					 sizeof(pending_temp),
					 "%.*s.osprofiler-XXXXXX",
					 directory_len,
					 out->path);

	if (n < 0 || (size_t) n >= sizeof(pending_temp))
	{
		pending_temp[0] = '\0';
		errno = ENAMETOOLONG;
		return false;
	}
	catch_signals();
	out->fd = mkostemp(pending_temp, O_CLOEXEC);
	if (out->fd < 0)
	{
		pending_temp[0] = '\0';
		return false;
	}
	out->temp = pending_temp;
	return fchmod(out->fd, mode_for(out->path)) == 0;
}

/*
 * Replaces a path that is a symbolic link by its target. False, with errno: it
 * is not a link, or the target's path is too long.
 */
static bool
follow_link(char path[PATH_MAX])
{
	char target[PATH_MAX];
	char *slash = strrchr(path, '/');
	ssize_t len = readlink(path, target, sizeof(target));
	char *name = path;

	if (len < 0)
		return false;
	if (target[0] != '/' && slash != NULL)
		name = slash + 1;
	if (len >= PATH_MAX - (name - path))
	{
		errno = ENAMETOOLONG;
		return false;
	}
	memcpy(name, target, (size_t) len);
	name[len] = '\0';
	return true;
}

/*
 * Returns, owned, the path of the file to replace or make: if path is a
 * symbolic link, its target, so that the link stays. NULL, with errno. The
 * kernel may forbid to follow a link (fs.protected_symlinks); stat() finds out.
 */
static char *
resolve(const char *path)
{
	char target[PATH_MAX];
	struct stat st;
	char *real;
	int links;

	if (stat(path, &st) == 0)
	{
		real = realpath(path, NULL);
		return real == NULL && errno == ENOENT ? strdup(path) : real;
	}
	if (errno != ENOENT)
		return NULL;
	if (strlen(path) >= sizeof(target))
	{
		errno = ENAMETOOLONG;
		return NULL;
	}
	memcpy(target, path, strlen(path) + 1);
	for (links = 0; links < LINKS_MAX; links++)
		if (!follow_link(target))
			return errno == ENOENT || errno == EINVAL ? strdup(target) : NULL;
	errno = ELOOP;
	return NULL;
}

static bool
open_file(cli_out *out, const char *path)
{
	struct stat st;

	out->path = resolve(path);
	if (out->path == NULL)
		return false;
	if (stat(out->path, &st) == 0 && !S_ISREG(st.st_mode))
	{
		if (S_ISDIR(st.st_mode))
		{
			errno = EISDIR;
			return false;
		}
		out->fd = open(out->path, O_WRONLY | O_NOCTTY | O_CLOEXEC);
		return out->fd >= 0;
	}
	return open_temp(out);
}

int
cli_out_open(cli_out *out, const char *path)
{
	memset(out, 0, sizeof(*out));
	out->fd = STDOUT_FILENO;
	if (path == NULL || strcmp(path, "-") == 0)
		return CLI_OK;
	out->fd = -1;
	if (!open_file(out, path))
	{
		int error = errno;

		cli_out_abandon(out);
		return cli_error("cannot write '%s': %s", path, strerror(error));
	}
	return CLI_OK;
}

static void
write_out(cli_out *out, const char *bytes, size_t len)
{
	while (len > 0 && out->error == 0)
	{
		ssize_t n = write(out->fd, bytes, len);

		if (n < 0 && errno != EINTR)
			out->error = errno;
		if (n > 0)
		{
			bytes += n;
			len -= (size_t) n;
		}
	}
}

void
cli_out_flush(cli_out *out)
{
	write_out(out, buffer, out->len);
	out->len = 0;
}

osp_status
cli_out_write(void *ctx, osp_str piece)
{
	cli_out *out = ctx;

	if (piece.len > OUT_BUFFER - out->len)
		cli_out_flush(out);
	if (piece.len > OUT_BUFFER)
		write_out(out, piece.ptr, piece.len);
	else if (piece.len > 0)
	{
		memcpy(buffer + out->len, piece.ptr, piece.len);
		out->len += piece.len;
	}
	return out->error == 0 ? OSP_OK : OSP_EIO;
}

void
cli_out_printf(cli_out *out, const char *fmt, ...)
{
	char text[4096];
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (n < 0 || (size_t) n >= sizeof(text))
		out->error = out->error != 0 ? out->error : EOVERFLOW;
	else
		(void) cli_out_write(out, osp_str_n(text, (size_t) n));
}

static void
release(cli_out *out)
{
	if (out->temp != NULL)
		(void) unlink(out->temp);
	pending_temp[0] = '\0';
	free(out->path);
	memset(out, 0, sizeof(*out));
	out->fd = -1;
}

void
cli_out_abandon(cli_out *out)
{
	if (out->path != NULL && out->fd >= 0)
		(void) close(out->fd);
	release(out);
}

int
cli_stdout_failed(int error)
{
	/* A reader that closed the pipe, such as head, has read all it wants. */
	if (error == EPIPE && cli_original_sigpipe != SIG_IGN)
	{
		(void) signal(SIGPIPE, SIG_DFL);
		(void) raise(SIGPIPE);
	}
	return cli_error("cannot write to standard output: %s", strerror(error));
}

int
cli_out_close(cli_out *out)
{
	int result = CLI_OK;

	cli_out_flush(out);

	/* Network file systems and quotas may report an error only now. */
	if (out->fd >= 0 && close(out->fd) != 0 && out->error == 0)
		out->error = errno;
	if (out->error == 0 && out->temp != NULL)
	{
		if (rename(out->temp, out->path) == 0)
			out->temp = NULL;
		else
			out->error = errno;
	}
	if (out->error != 0)
		result = out->path != NULL ? cli_error("cannot write '%s': %s",
											   out->path,
											   strerror(out->error))
								   : cli_stdout_failed(out->error);
	release(out);
	return result;
}

int
cli_help(const char *text)
{
	cli_out out;

	if (cli_out_open(&out, NULL) != CLI_OK)
		return CLI_FAILED;
	(void) cli_out_write(&out, osp_str_of(text));
	return cli_out_close(&out);
}
