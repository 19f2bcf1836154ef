/* SPDX-License-Identifier: Apache-2.0
 *
 * stranger.c
 *	  A stranger: a process that answers in place of a collector.
 */
#include "tap.h"

#include "stranger.h"

#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

int
listen_mute(int backlog, int *port)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t length = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *) &address, length), 0);
	assert_int_equal(listen(fd, backlog), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *) &address, &length), 0);
	*port = ntohs(address.sin_port);
	return fd;
}

static ssize_t
say(int peer, const char *text, size_t len)
{
	return write(peer, text, len > 0 ? len : strlen(text));
}

static void
serve(int fd, const stranger *who)
{
	for (;;)
	{
		int peer = accept(fd, NULL, NULL);
		char bytes[256];
		ssize_t sent;

		if (!who->unasked)
			(void) read(peer, bytes, sizeof(bytes));
		sent = say(peer, who->text, who->text_len);
		while (who->again != NULL && sent >= 0)
		{
			(void) usleep(who->pause_ms * 1000);
			sent = say(peer, who->again, who->again_len);
		}
		(void) close(peer);
	}
}

pid_t
start_stranger(const stranger *who, int *port)
{
	int fd = listen_mute(5, port);
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
	{
		(void) signal(SIGPIPE, SIG_IGN);
		(void) alarm(30);
		serve(fd, who);
	}
	(void) close(fd);
	return pid;
}

void
end_stranger(pid_t pid)
{
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}
