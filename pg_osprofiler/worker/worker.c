/* SPDX-License-Identifier: Apache-2.0
 *
 * worker.c
 *	  The background worker: it starts the shipper, `osprofiler agent`, as a
 *	  child process, and starts it again when it dies.
 *
 * The shipper is a child because PostgreSQL restarts all backends when a background
 * worker dies by a signal. So collectors are served by a separate process, which may
 * crash or be killed, and this worker does next to nothing. There is one worker per
 * cluster, which holds a lock in the run directory. It is not connected to a database.
 *
 * The worker also samples what traced backends wait for (wait_watch.c), which needs
 * nothing but PostgreSQL's shared memory.
 *
 * After an upgrade, the worker starts the new agent, and makes room for a worker that
 * loads the new library (replaced_files.c).
 *
 * The connection string is passed to the child in its environment, because everybody
 * can read arguments. When the server stops, the child has STOP_MS to deliver or spool
 * the remaining points; others wait in rings and spool. If nothing is left, the run
 * directory is removed, too. If this process dies, the kernel sends the child a signal.
 */
#include "wait_watch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libpq/pqsignal.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/guc.h"

#include "record/rundir_clear.h"

#define GRACE_MS 1000 /* for backends that end together with the worker */
#define STOP_MS  2000

/* How often the worker checks whether a former run directory can be removed. */
#define LEAVING_MS 1000L

/* In a sleep of this length the worker also waits for the removal of the directory. */
#define LONG_SLEEP_MS 500L

#define BACKOFF_FIRST_MS 100
#define BACKOFF_LAST_MS  30000
#define STABLE_MS        60000 /* a child that has run so long was fine */

/* The child's exit status when another shipper serves the run directory: that of an
 * earlier worker, which is about to end. */
#define STATUS_BUSY   3
#define BUSY_RETRY_MS 500
#define BUSY_TRIES    40

/* The settings of the child; any change of them restarts it. */
typedef struct pgospAgentSettings
{
	char program[MAXPGPATH];
	char run_directory[OSP_RUNDIR_PATH_MAX];
	char connection_string[OSP_CONNECTION_STRING_MAX];
	bool filter_error_trace;
	char spool[MAXPGPATH];
	char spool_limit[32];
} pgospAgentSettings;

typedef struct pgospAgent
{
	pgospAgentSettings
		settings; /* without a connection string it cannot be started */
	pid_t pid;    /* 0: not running */
	int64 started_ms;
	int64 next_start_ms;
	int backoff_ms;
	int busy_count;
	int told_status; /* exit status that was logged last; -1: none */
	bool told_missing;
} pgospAgent;

static volatile sig_atomic_t child_ended = false;

static void
handle_sigchld(SIGNAL_ARGS)
{
	int saved = errno;

	child_ended = true;
	SetLatch(MyLatch);
	errno = saved;
}

static int64
now_ms(void)
{
	return osp_mono_now() / 1000000;
}

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

/* Says in the log and in the status file why there is no collector, if there is none. To
 * be called when no agent is at work, which could note another error later. */
static void
report_no_collector(const pgospAgentSettings *s)
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

/* False, after a line in the log, if the settings are not usable. Without a collector
 * the connection string is empty. */
static bool
read_settings(pgospAgentSettings *s)
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
	agent->next_start_ms = now_ms() + agent->backoff_ms;
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

static void
start_agent(pgospAgent *agent)
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
	agent->started_ms = now_ms();
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
		agent->next_start_ms = now_ms() + BUSY_RETRY_MS;
		return;
	}
	agent->busy_count = 0;
	if (now_ms() - agent->started_ms > STABLE_MS)
	{
		agent->backoff_ms = BACKOFF_FIRST_MS;
		agent->told_status = -1;
	}
	tell_end(agent, status);
	back_off(agent);
}

static void
reap_agent(pgospAgent *agent)
{
	int status;

	if (agent->pid > 0 && waitpid(agent->pid, &status, WNOHANG) == agent->pid)
		agent_ended(agent, status);
}

/* Waits for at most timeout_ms for the child to end. */
static bool
wait_for_end(pgospAgent *agent, int timeout_ms)
{
	int64 until = now_ms() + timeout_ms;
	int status;

	for (;;)
	{
		pid_t pid = waitpid(agent->pid, &status, WNOHANG);

		if (pid == agent->pid || (pid < 0 && errno == ECHILD))
			return true;
		if (now_ms() >= until)
			return false;
		pg_usleep(10 * 1000);
	}
}

static void
stop_agent(pgospAgent *agent)
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

/* Writes the data directory into the worker's file, so that `osprofiler status` can
 * name the server when it has stopped. */
static void
note_data_directory(int fd)
{
	size_t len = strlen(DataDir);

	if (ftruncate(fd, 0) != 0 || pwrite(fd, DataDir, len, 0) != (ssize_t) len)
		(void) !ftruncate(fd, 0);
}

/* Takes the lock of the run directory, which is made if needed; -1 if another worker
 * has it. Backends hold the lock for a moment when they check whether there is a
 * worker. */
static int
take_lock(const char *run_directory)
{
	osp_error err;
	int dir_fd;
	int tries;

	if (osp_rundir_open(run_directory, true, &dir_fd, &err) != OSP_OK)
	{
		pgosp_log(errmsg("osprofiler: %s", err.msg));
		return -1;
	}
	(void) close(dir_fd);
	for (tries = 0; tries < 10; tries++)
	{
		int fd = pgosp_worker_lock(run_directory, true);

		if (fd >= 0)
		{
			note_data_directory(fd);
			return fd;
		}
		pg_usleep(20 * 1000);
	}
	return -1;
}

static void
begin_agent(pgospAgent *agent, const pgospAgentSettings *settings)
{
	agent->settings = *settings;
	agent->pid = 0;
	agent->next_start_ms = 0;
	agent->backoff_ms = BACKOFF_FIRST_MS;
	agent->busy_count = 0;
	agent->told_status = -1;
	agent->told_missing = false;
}

/* Is there a ring that the shipper has not removed, because a backend still uses it? */
static bool
has_rings(const char *run_directory)
{
	osp_run_totals totals;
	int dir_fd;
	bool found;

	if (osp_rundir_open(run_directory, false, &dir_fd, NULL) != OSP_OK)
		return false;
	found = osp_run_totals_read(dir_fd, &totals, NULL) == OSP_OK &&
			totals.rings > 0;
	(void) close(dir_fd);
	return found;
}

/* ---- a former run directory ---- */

/* The agent of a run directory that is no longer set. Sessions keep their rings there
 * until their next statement, or their end. Until then the directory has this agent,
 * with a spool of its own. It is not started again. */
static pgospAgent leaving;

static void
end_leaving(void)
{
	if (leaving.settings.run_directory[0] == '\0')
		return;
	stop_agent(&leaving);
	osp_rundir_clear(leaving.settings.run_directory);
	memset(&leaving, 0, sizeof(leaving));
}

static void
begin_leaving(const pgospAgentSettings *settings)
{
	end_leaving();
	begin_agent(&leaving, settings);
	snprintf(leaving.settings.spool,
			 sizeof(leaving.settings.spool),
			 "%s/spool",
			 settings->run_directory);
	if (settings->connection_string[0] != '\0' &&
		has_rings(settings->run_directory))
		start_agent(&leaving);
}

static void
check_leaving(void)
{
	if (leaving.settings.run_directory[0] == '\0')
		return;
	if (leaving.pid > 0 && waitpid(leaving.pid, NULL, WNOHANG) == leaving.pid)
		leaving.pid = 0;
	if (leaving.pid == 0 || !has_rings(leaving.settings.run_directory))
		end_leaving();
}

/* Applies the settings after a reload; false if this worker has nothing left to do. */
static bool
reload(pgospAgent *agent, int *lock)
{
	pgospAgentSettings settings;
	bool moved;

	ProcessConfigFile(PGC_SIGHUP);
	pgosp_warn_of_secrets();
	if (!read_settings(&settings))
		return false;
	if (memcmp(&settings, &agent->settings, sizeof(settings)) == 0)
	{
		report_no_collector(&settings);

		/* A file that the agent did not find before may exist now. */
		agent->next_start_ms = 0;
		return true;
	}
	moved = strcmp(settings.run_directory, agent->settings.run_directory) != 0;
	stop_agent(agent);
	if (moved)
	{
		pgosp_watch_end();
		begin_leaving(&agent->settings);
	}
	begin_agent(agent, &settings);
	report_no_collector(&settings);
	if (!moved)
		return true;
	(void) close(*lock);
	*lock = take_lock(settings.run_directory);
	pgosp_watch_begin(settings.run_directory);
	return *lock >= 0;
}

/* May the agent be started? Without a connection string only a reload can help. */
static bool
may_start(const pgospAgent *agent)
{
	return agent->pid == 0 && agent->settings.connection_string[0] != '\0';
}

/* Waits for the latch and, in a long sleep, for the removal of the run directory. While
 * the worker samples backends it sleeps shortly and checks the directory itself,
 * because waiting for a descriptor takes more system calls. */
static void
wait_for_event(long timeout_ms)
{
	int events = WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH;
	int fd = pgosp_watched_removal_fd();

	if (fd < 0 || timeout_ms < LONG_SLEEP_MS)
		(void) WaitLatch(MyLatch, events, timeout_ms, PG_WAIT_EXTENSION);
	else if ((WaitLatchOrSocket(MyLatch,
								events | WL_SOCKET_READABLE,
								fd,
								timeout_ms,
								PG_WAIT_EXTENSION) &
			  WL_SOCKET_READABLE) != 0)
		pgosp_watched_removed();
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}

static void
wait_for_work(const pgospAgent *agent)
{
	long timeout_ms = Min(pgosp_watch_look(), pgosp_replaced_due_ms());

	if (leaving.pid > 0)
		timeout_ms = Min(timeout_ms, LEAVING_MS);
	if (may_start(agent))
		timeout_ms =
			Min(timeout_ms, (long) Max(agent->next_start_ms - now_ms(), 0));
	wait_for_event(timeout_ms);
}

/* At the shutdown of the server, backends end at the same time as this worker.
 * Waits a moment for them, so that the agent still delivers the points in their
 * rings. */
static void
await_backends(const pgospAgent *agent)
{
	int64 until = now_ms() + GRACE_MS;

	while (agent->pid != 0 && now_ms() < until &&
		   has_rings(agent->settings.run_directory))
		pg_usleep(10 * 1000);
}

static void
restart_agent(pgospAgent *agent)
{
	pgospAgentSettings settings = agent->settings;

	pgosp_log(errmsg("osprofiler: the agent was replaced, the new one is "
					 "started"));
	stop_agent(agent);
	begin_agent(agent, &settings);
}

/* The process that has to be replaced after an upgrade. */
static pgospReplaced
check_replaced(const pgospAgent *agent, bool at_once)
{
	pgospReplaced replaced = pgosp_replaced_check(at_once);

	return replaced == PGOSP_REPLACED_PROGRAM && agent->pid == 0
			   ? PGOSP_REPLACED_NONE
			   : replaced;
}

/* Lets a worker with the new library take over: in a free slot if there is one, else
 * when the server starts this worker again. */
static void
hand_over(int lock)
{
	pgosp_log(errmsg("osprofiler: the library was replaced, a worker with the "
					 "new one takes over"));
	(void) close(lock);
	proc_exit(pgosp_worker_register() ? 0 : 1);
}

/*
 * Gives up the lock at the end of this worker. A session that began to trace since the
 * agent was told to end has found the lock taken, and relies on this worker: if its
 * points wait, another worker is started.
 */
static void
give_up_lock(const char *run_directory, int lock)
{
	osp_run_totals totals;
	int dir_fd;

	(void) close(lock);
	if (osp_rundir_open(run_directory, false, &dir_fd, NULL) != OSP_OK)
		return;
	if (osp_run_totals_read(dir_fd, &totals, NULL) == OSP_OK &&
		totals.waiting_bytes > 0)
		(void) pgosp_worker_register();
	(void) close(dir_fd);
}

/* Runs the agent until the server stops, or another worker takes this one's place. */
static void
supervise(pgospAgent *agent, int lock)
{
	pgospReplaced replaced = PGOSP_REPLACED_NONE;
	bool was_at_work;

	while (!ShutdownRequestPending && agent->busy_count < BUSY_TRIES)
	{
		bool reloads = ConfigReloadPending;

		if (reloads)
		{
			ConfigReloadPending = false;
			if (!reload(agent, &lock))
				break;
		}
		replaced = check_replaced(agent, reloads);
		if (replaced == PGOSP_REPLACED_LIBRARY)
			break;
		if (replaced == PGOSP_REPLACED_PROGRAM)
			restart_agent(agent);
		if (child_ended)
		{
			child_ended = false;
			reap_agent(agent);
		}
		check_leaving();
		if (may_start(agent) && now_ms() >= agent->next_start_ms)
			start_agent(agent);
		else
			wait_for_work(agent);
	}
	if (ShutdownRequestPending)
		await_backends(agent);
	was_at_work = agent->pid != 0;
	stop_agent(agent);
	end_leaving();
	if (replaced == PGOSP_REPLACED_LIBRARY && !ShutdownRequestPending)
		hand_over(lock);
	if (!ShutdownRequestPending)
		return;
	pgosp_watch_end();
	osp_rundir_clear(agent->settings.run_directory);
	if (was_at_work)
		give_up_lock(agent->settings.run_directory, lock);
}

/* Notes the library file that this worker has loaded. */
static void
note_library(void)
{
	char path[MAXPGPATH];

	pgosp_library_path(path, sizeof(path));
	pgosp_replaced_note_library(path);
}

void
pgosp_worker_main(Datum arg)
{
	static pgospAgent agent;
	pgospAgentSettings settings;
	int lock;

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
	pqsignal(SIGCHLD, handle_sigchld);
	BackgroundWorkerUnblockSignals();
	note_library();

	if (!read_settings(&settings))
		proc_exit(0);
	lock = take_lock(settings.run_directory);
	if (lock < 0)
		proc_exit(0);
	begin_agent(&agent, &settings);
	report_no_collector(&settings);
	pgosp_watch_begin(settings.run_directory);
	supervise(&agent, lock);
	proc_exit(0);
}
