/* SPDX-License-Identifier: Apache-2.0
 *
 * agent_process.c
 *	  Starts the agent as a child process of the background worker, and ends it.
 *
 * The connection string is passed to the child in its environment, because everybody
 * can read arguments. When the server stops, the child has STOP_MS to deliver or spool
 * the remaining points. If this process dies, the kernel sends the child a signal.
 */
#include "agent_process.h"
#include "wait_watch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "miscadmin.h"

#define STOP_MS 2000

#define BACKOFF_FIRST_MS 100
#define BACKOFF_LAST_MS  30000
#define STABLE_MS        60000 /* a child that has run so long was fine */

/* The child's exit status when another shipper serves the run directory: that of an
 * earlier worker, which is about to end. */
#define STATUS_BUSY   3
#define BUSY_RETRY_MS 500

/* Says in the status file why nobody delivers the operations in the rings. */
static void
note_trouble(const char *run_directory, const char *why)
{
	osp_runstat *stat;
	int dir_fd;

	if (osp_rundir_open(run_directory, true, &dir_fd, NULL) != OSP_OK)
		return;
	if (osp_runstat_map(dir_fd, &stat, NULL) == OSP_OK)
	{
		osp_runstat_note_error(
			stat, why, osp_mono_now() + osp_wall_offset_now());
		osp_runstat_unmap(stat);
	}
	(void) close(dir_fd);
}

/* Like note_trouble, if the agent has noted nothing since it was started. */
static void
note_end(const pgospAgent *agent, const char *why)
{
	int64 started_ns =
		agent->started_ms * INT64CONST(1000000) + osp_wall_offset_now();
	osp_run_totals totals;
	bool told = false;
	int dir_fd;

	if (osp_rundir_open(agent->settings.run_directory, false, &dir_fd, NULL) !=
		OSP_OK)
		return;
	told = osp_run_totals_read(dir_fd, &totals, NULL) == OSP_OK &&
		   totals.stat.last_error_wall_ns >= started_ns;
	(void) close(dir_fd);
	if (!told)
		note_trouble(agent->settings.run_directory, why);
}

void
pgosp_agent_tell_no_collector(const pgospAgentSettings *s)
{
	char unused[OSP_CONNECTION_STRING_MAX];
	osp_error err;

	if (s->connection_string[0] != '\0' ||
		pgosp_collector_string(unused, &err) == OSP_OK)
		return;
	pgosp_log(errmsg("osprofiler: no collector, operations wait in the rings: "
					 "%s",
					 err.msg),
			  errhint("After correcting it, reload the configuration."));
	note_trouble(s->run_directory, err.msg);
}

bool
pgosp_agent_read_settings(pgospAgentSettings *s)
{
	osp_error err;

	memset(s, 0, sizeof(*s));
	if (pgosp_rundir(s->run_directory, &err) != OSP_OK)
	{
		pgosp_log(errmsg("osprofiler: %s", err.msg));
		return false;
	}
	strlcpy(s->program, pgosp_agent, sizeof(s->program));
	snprintf(s->spool,
			 sizeof(s->spool),
			 "%s/" PGOSP_STORE_DIRECTORY "/spool",
			 DataDir);
	snprintf(
		s->spool_limit, sizeof(s->spool_limit), "%dMB", pgosp_spool_limit_mb);
	s->filter_error_trace = pgosp_filter_error_trace;
	(void) pgosp_collector_string(s->connection_string, &err);
	return true;
}

/* Closes all descriptors in the child except standard output and standard error. */
static void
leave_descriptors(void)
{
	int null = open("/dev/null", O_RDONLY);
	int fd;

	if (null > 0)
		(void) dup2(null, 0);
#ifdef SYS_close_range
	if (syscall(SYS_close_range, 3U, ~0U, 0U) == 0)
		return;
#endif
	for (fd = 3; fd < 65536; fd++)
		(void) close(fd);
}

static void
reset_signals(void)
{
	sigset_t none;
	int signo;

	for (signo = 1; signo < 32; signo++)
		if (signo != SIGKILL && signo != SIGSTOP)
			(void) signal(signo, SIG_DFL);
	(void) sigemptyset(&none);
	(void) sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Removes variables of the server's own environment that would change how the agent
 * works. */
static void
set_environment(const pgospAgentSettings *s)
{
	static const char *const names[] = {
		"OSPROFILER_CONF",
		"OSPROFILER_ENABLED",
		"OSPROFILER_HMAC_KEYS",
		"OSPROFILER_HMAC_KEYS_FILE",
		"OSPROFILER_TRACE_INFO",
		"OSPROFILER_TRACE_HMAC",
		"OSPROFILER_PROJECT",
		"OSPROFILER_SERVICE",
		"OSPROFILER_RUN_DIR",
		"OSPROFILER_SPOOL_LIMIT",
		"OSPROFILER_FILTER_ERROR_TRACE",
	};
	size_t i;

	for (i = 0; i < lengthof(names); i++)
		(void) unsetenv(names[i]);
	(void) setenv("OSPROFILER_CONNECTION_STRING", s->connection_string, 1);
	if (s->filter_error_trace)
		(void) setenv("OSPROFILER_FILTER_ERROR_TRACE", "true", 1);
}

static void
become_agent(pgospAgentSettings *s, pid_t worker)
{
	char *args[] = {s->program,
					"agent",
					"--run-directory",
					s->run_directory,
					"--spool",
					s->spool,
					"--spool-limit",
					s->spool_limit,
					"--log-times",
					NULL};

	/* The postmaster signals its whole process group; the child must not get these
	 * signals. */
	(void) setpgid(0, 0);
	(void) prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != worker)
		_exit(0);
	leave_descriptors();
	reset_signals();
	set_environment(s);
	(void) execv(s->program, args);
	_exit(127);
}

static void
back_off(pgospAgent *agent)
{
	agent->next_start_ms = pgosp_now_ms() + agent->backoff_ms;
	agent->backoff_ms = Min(agent->backoff_ms * 2, BACKOFF_LAST_MS);
}

/* Called with errno of the attempt to find the program. */
static void
report_missing(const pgospAgentSettings *s)
{
	osp_error err;

	(void) osp_error_set(
		&err, OSP_EIO, "cannot run \"%s\": %s", s->program, strerror(errno));
	pgosp_log(errmsg("osprofiler: %s, points wait in the rings", err.msg),
			  errhint("Install it, or name it in osprofiler.agent."));
	note_trouble(s->run_directory, err.msg);
}

/* Is the program there? If not, the worker tries again, because it may be installed
 * later. */
static bool
program_is_there(pgospAgent *agent)
{
	if (access(agent->settings.program, X_OK) == 0)
	{
		agent->told_missing = false;
		return true;
	}
	if (!agent->told_missing)
		report_missing(&agent->settings);
	agent->told_missing = true;
	agent->backoff_ms = BACKOFF_LAST_MS;
	return false;
}

void
pgosp_agent_start(pgospAgent *agent)
{
	pid_t worker = getpid();
	pid_t pid;

	if (!program_is_there(agent))
	{
		back_off(agent);
		return;
	}
	if (!pgosp_store_prepare())
	{
		back_off(agent);
		return;
	}
	pgosp_replaced_note_program(agent->settings.program);
	fflush(NULL);
	pid = fork();
	if (pid == 0)
		become_agent(&agent->settings, worker);
	if (pid < 0)
	{
		pgosp_log(errmsg("osprofiler: cannot start a process: %m"));
		back_off(agent);
		return;
	}
	agent->pid = pid;
	agent->started_ms = pgosp_now_ms();
}

static void
tell_end(pgospAgent *agent, int status)
{
	char why[64];

	if (agent->told_status == status)
		return;
	agent->told_status = status;
	if (WIFSIGNALED(status))
		snprintf(why,
				 sizeof(why),
				 "the agent was terminated by signal %d",
				 WTERMSIG(status));
	else
		snprintf(why,
				 sizeof(why),
				 "the agent ended with status %d",
				 WEXITSTATUS(status));
	pgosp_log(errmsg("osprofiler: %s, it is started again", why));
	if (status != 0)
		note_end(agent, why);
}

/* Called when the child has ended: decides when to start the next one. */
static void
agent_ended(pgospAgent *agent, int status)
{
	agent->pid = 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == STATUS_BUSY)
	{
		agent->busy_count++;
		agent->next_start_ms = pgosp_now_ms() + BUSY_RETRY_MS;
		return;
	}
	agent->busy_count = 0;
	if (pgosp_now_ms() - agent->started_ms > STABLE_MS)
	{
		agent->backoff_ms = BACKOFF_FIRST_MS;
		agent->told_status = -1;
	}
	tell_end(agent, status);
	back_off(agent);
}

void
pgosp_agent_reap(pgospAgent *agent)
{
	int status;

	if (agent->pid > 0 && waitpid(agent->pid, &status, WNOHANG) == agent->pid)
		agent_ended(agent, status);
}

/* Waits for at most timeout_ms for the child to end. */
static bool
wait_for_end(pgospAgent *agent, int timeout_ms)
{
	int64 until = pgosp_now_ms() + timeout_ms;
	int status;

	for (;;)
	{
		pid_t pid = waitpid(agent->pid, &status, WNOHANG);

		if (pid == agent->pid || (pid < 0 && errno == ECHILD))
			return true;
		if (pgosp_now_ms() >= until)
			return false;
		pg_usleep(10 * 1000);
	}
}

void
pgosp_agent_stop(pgospAgent *agent)
{
	if (agent->pid == 0)
		return;
	(void) kill(agent->pid, SIGTERM);
	if (!wait_for_end(agent, STOP_MS))
	{
		(void) kill(agent->pid, SIGKILL);
		(void) wait_for_end(agent, STOP_MS);
	}
	agent->pid = 0;
}

void
pgosp_agent_begin(pgospAgent *agent, const pgospAgentSettings *settings)
{
	agent->settings = *settings;
	agent->pid = 0;
	agent->next_start_ms = 0;
	agent->backoff_ms = BACKOFF_FIRST_MS;
	agent->busy_count = 0;
	agent->told_status = -1;
	agent->told_missing = false;
}
