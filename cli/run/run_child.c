/* SPDX-License-Identifier: Apache-2.0
 *
 * run_child.c
 *	  The command that `osprofiler run` runs: its signals, its terminal, its
 *	  end.
 *
 * The command stays in our process group. So it can use the terminal as if the
 * caller had started it, and gets the terminal's signals without our help. We
 * only pass on signals that were sent to us alone, stop when the command stops,
 * and end as it ends.
 */
#include "run/run.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli.h"
#include "sql/sql_text.h"

void (*cli_original_sigpipe)(int) = SIG_DFL;
void (*cli_original_sigxfsz)(int) = SIG_DFL;

/* The handling of signals as this process found it. */
static sigset_t original_mask;
static struct sigaction original_actions[NSIG];

/* The signal that the caller wants at its own end (PR_SET_PDEATHSIG), or 0. */
static int original_pdeathsig;

/*
 * The timers as this process found them, by ITIMER_*. alarm() and setitimer()
 * outlive exec, so the caller may have set them for the command.
 */
static struct itimerval original_timers[3];

void
run_signals_save(void)
{
	const struct itimerval off = {{0, 0}, {0, 0}};
	int signo;
	int timer;

	for (timer = 0; timer < 3; timer++)
		(void) setitimer(timer, &off, &original_timers[timer]);

	for (signo = 1; signo < NSIG; signo++)
		(void) sigaction(signo, NULL, &original_actions[signo]);
	original_actions[SIGPIPE].sa_handler = cli_original_sigpipe;
	original_actions[SIGXFSZ].sa_handler = cli_original_sigxfsz;
	(void) sigprocmask(SIG_BLOCK, NULL, &original_mask);
	(void) prctl(PR_GET_PDEATHSIG, &original_pdeathsig);
}

osp_status
run_signals_block(run_child *child, osp_error *err)
{
	sigset_t all;

	(void) sigfillset(&all);
	(void) sigprocmask(SIG_BLOCK, &all, NULL);
	/*
	 * If the caller had SIGCHLD ignored, we would not be informed of the
	 * command's end.
	 */
	(void) signal(SIGCHLD, SIG_DFL);
	child->signal_fd = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
	if (child->signal_fd < 0)
		return osp_error_set(
			err, OSP_EIO, "cannot take signals: %s", strerror(errno));
	return OSP_OK;
}

/* Did this process cause the signal, by a write or by kill()? */
static bool
is_own_signal(const siginfo_t *info)
{
	return info->si_code > 0 || info->si_pid == getpid();
}

/*
 * Discards the pending signals that our own writes have caused. A blocked signal
 * stays pending, even through exec, and would end the command as soon as it is
 * unblocked. A signal that another process has sent is left to the command.
 */
static void
discard_own_signals(void)
{
	static const int signals[] = {SIGXFSZ, SIGPIPE};
	const struct timespec at_once = {0, 0};
	size_t i;

	for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
	{
		bool from_others = false;
		siginfo_t info;
		sigset_t only;

		(void) sigemptyset(&only);
		(void) sigaddset(&only, signals[i]);
		(void) sigprocmask(SIG_BLOCK, &only, NULL);
		while (sigtimedwait(&only, &info, &at_once) == signals[i])
			from_others |= !is_own_signal(&info);
		if (from_others)
			(void) raise(signals[i]);
	}
}

/* Executes the command with the original handling of signals; returns errno. */
static int
execute(char **argv)
{
	int signo;
	int timer;

	discard_own_signals();
	for (signo = 1; signo < NSIG; signo++)
		(void) sigaction(signo, &original_actions[signo], NULL);
	(void) sigprocmask(SIG_SETMASK, &original_mask, NULL);
	for (timer = 0; timer < 3; timer++)
		(void) setitimer(timer, &original_timers[timer], NULL);
	(void) execvp(argv[0], argv);
	return errno;
}

static int
report_exec_error(char **argv, int error)
{
	osp_buf hint;

	osp_buf_init(&hint, &osp_allocator_default, (size_t) 8 * PATH_MAX);
	run_hint_add(&hint, argv[0], error);
	(void) cli_error("cannot run '%s': %s%s",
					 argv[0],
					 strerror(error),
					 osp_buf_status(&hint) == OSP_OK && hint.len > 0 ? hint.ptr
																	 : "");
	osp_buf_term(&hint);
	return error == ENOENT ? RUN_NOT_FOUND : RUN_CANNOT_EXECUTE;
}

int
run_child_become(char **argv)
{
	return report_exec_error(argv, execute(argv));
}

/*
 * In the child process: becomes the command, or reports to the parent why it
 * cannot. A new process does not inherit the signal for the end of its parent. If
 * the caller has set one for itself, the command gets it when we end with the
 * caller.
 */
static void
execute_in_child(char **argv, int report_fd)
{
	int error;

	if (original_pdeathsig != 0)
		(void) prctl(PR_SET_PDEATHSIG, original_pdeathsig);
	error = execute(argv);
	if (write(report_fd, &error, sizeof(error)) < 0)
		_exit(RUN_CANNOT_EXECUTE);
	_exit(error == ENOENT ? RUN_NOT_FOUND : RUN_CANNOT_EXECUTE);
}

osp_status
run_child_start(run_child *child, char **argv, int *exec_error, osp_error *err)
{
	int error = 0;
	int fds[2];
	ssize_t n;

	*exec_error = 0;
	if (pipe2(fds, O_CLOEXEC) != 0)
		return osp_error_set(
			err, OSP_EIO, "cannot make a pipe: %s", strerror(errno));
	child->pid = fork();
	if (child->pid == 0)
		execute_in_child(argv, fds[1]);
	error = errno;
	(void) close(fds[1]);
	if (child->pid < 0)
	{
		(void) close(fds[0]);
		return osp_error_set(
			err, OSP_EIO, "cannot start a second process: %s", strerror(error));
	}

	/* A successful exec closes the pipe, so that nothing is read from it. */
	do
		n = read(fds[0], &error, sizeof(error));
	while (n < 0 && errno == EINTR);
	(void) close(fds[0]);
	if (n <= 0)
		return OSP_OK;
	(void) waitpid(child->pid, NULL, 0);
	if (error == E2BIG)
		return osp_error_set(err,
							 OSP_EIO,
							 "its arguments and its environment are so long "
							 "that there is no room for what tracing adds");
	*exec_error = report_exec_error(argv, error);

	/* A whole command line in quotes may have a password. The message is kept. */
	(void) osp_error_set(err,
						 OSP_EIO,
						 "it could not start '%s': %s",
						 osp_sql_is_secret_name(osp_str_of(argv[0])) ? "***"
																	 : argv[0],
						 strerror(error));
	return OSP_OK;
}

/* Is our parent a shell with job control, which has to notice when we stop? */
static bool
is_job(void)
{
	pid_t parent = getppid();

	return getsid(parent) == getsid(0) && getpgid(parent) != getpgrp();
}

/*
 * Stops this process since the command has stopped, so that the shell that
 * waits for us notices. When this process is continued, it continues the
 * command. Without a shell that would continue us we do not stop: somebody may
 * continue the command alone.
 */
static void
stop_with(const run_child *child, int signo)
{
	if (signo == SIGSTOP && !is_job())
		return;
	(void) raise(SIGSTOP);
	(void) kill(child->pid, SIGCONT);
}

/* Has the command ended? */
static bool
has_ended(run_child *child)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(child->pid, &status, WNOHANG | WUNTRACED)) ==
		   child->pid)
	{
		if (!WIFSTOPPED(status))
		{
			child->status = status;
			return true;
		}
		stop_with(child, WSTOPSIG(status));
	}
	if (pid == 0 || errno == EINTR)
		return false;

	/*
	 * Another part of this process, perhaps a preloaded library, has read the
	 * command's status.
	 */
	child->status = W_EXITCODE(CLI_FAILED, 0);
	return true;
}

/*
 * Passes a signal on to the command, unless the kernel sent it. The kernel
 * sends signals of the terminal to the command itself. Signals that our own
 * writes cause, such as SIGXFSZ for the spool, do not concern the command.
 */
static void
hand_on(const run_child *child, const struct signalfd_siginfo *info)
{
	union sigval value = {.sival_ptr = (void *) (uintptr_t) info->ssi_ptr};
	int signo = (int) info->ssi_signo;

	switch (signo)
	{
		case SIGCHLD:
		case SIGPIPE:
			return;
		default:
			if (info->ssi_code > 0 || (pid_t) info->ssi_pid == child->pid ||
				(pid_t) info->ssi_pid == getpid())
				return;
			if (info->ssi_code != SI_QUEUE ||
				sigqueue(child->pid, signo, value) != 0)
				(void) kill(child->pid, signo);
			return;
	}
}

static bool
next_signal(const run_child *child, struct signalfd_siginfo *info)
{
	return read(child->signal_fd, info, sizeof(*info)) ==
		   (ssize_t) sizeof(*info);
}

void
run_child_wait(run_child *child, osp_shipper *shipper)
{
	while (!has_ended(child))
	{
		int wait_ms = osp_shipper_step(shipper);
		struct pollfd fds[2] = {{child->signal_fd, POLLIN, 0},
								{osp_shipper_fd(shipper), POLLIN, 0}};
		struct signalfd_siginfo info;

		(void) poll(fds, 2, wait_ms);
		while (next_signal(child, &info))
			hand_on(child, &info);
	}
}

bool
run_interrupted(const run_child *child)
{
	struct signalfd_siginfo info;
	bool result = false;

	while (next_signal(child, &info))
		result |= info.ssi_signo == SIGINT || info.ssi_signo == SIGTERM ||
				  info.ssi_signo == SIGHUP || info.ssi_signo == SIGQUIT;
	return result;
}

int
run_end_as(const run_child *child)
{
	const struct rlimit no_core = {0, 0};
	sigset_t only;
	int signo;

	if (!WIFSIGNALED(child->status))
		return WEXITSTATUS(child->status);

	/* Only a core file of the command is of use, not one of this process. */
	signo = WTERMSIG(child->status);
	(void) setrlimit(RLIMIT_CORE, &no_core);
	(void) signal(signo, SIG_DFL);
	(void) sigemptyset(&only);
	(void) sigaddset(&only, signo);
	(void) kill(getpid(), signo);
	(void) sigprocmask(SIG_UNBLOCK, &only, NULL);
	return 128 + signo;
}
