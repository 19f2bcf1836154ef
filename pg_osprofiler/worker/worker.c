/* SPDX-License-Identifier: Apache-2.0
 *
 * worker.c
 *	  The background worker: it starts the shipper, `osprofiler agent`, as a
 *	  child process, and starts it again when it dies (agent_process.c).
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
 * When the server stops, and nothing is left in rings and spool, the run directory is
 * removed, too.
 */
#include "agent_process.h"
#include "wait_watch.h"

#include <errno.h>
#include <signal.h>
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

/* How often the worker checks whether a former run directory can be removed. */
#define LEAVING_MS 1000L

/* In a sleep of this length the worker also waits for the removal of the directory. */
#define LONG_SLEEP_MS 500L

/* An agent that finds the run directory served by another one is started so often: the
 * other one is that of an earlier worker, which is about to end. */
#define BUSY_TRIES 40

static volatile sig_atomic_t child_ended = false;

static void
handle_sigchld(SIGNAL_ARGS)
{
	int saved = errno;

	child_ended = true;
	SetLatch(MyLatch);
	errno = saved;
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
	pgosp_agent_stop(&leaving);
	osp_rundir_clear(leaving.settings.run_directory);
	memset(&leaving, 0, sizeof(leaving));
}

static void
begin_leaving(const pgospAgentSettings *settings)
{
	end_leaving();
	pgosp_agent_begin(&leaving, settings);
	snprintf(leaving.settings.spool,
			 sizeof(leaving.settings.spool),
			 "%s/spool",
			 settings->run_directory);
	if (settings->connection_string[0] != '\0' &&
		has_rings(settings->run_directory))
		pgosp_agent_start(&leaving);
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
	if (!pgosp_agent_read_settings(&settings))
		return false;
	if (memcmp(&settings, &agent->settings, sizeof(settings)) == 0)
	{
		pgosp_agent_tell_no_collector(&settings);

		/* A file that the agent did not find before may exist now. */
		agent->next_start_ms = 0;
		return true;
	}
	moved = strcmp(settings.run_directory, agent->settings.run_directory) != 0;
	pgosp_agent_stop(agent);
	if (moved)
	{
		pgosp_watch_end();
		begin_leaving(&agent->settings);
	}
	pgosp_agent_begin(agent, &settings);
	pgosp_agent_tell_no_collector(&settings);
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
		timeout_ms = Min(timeout_ms,
						 (long) Max(agent->next_start_ms - pgosp_now_ms(), 0));
	wait_for_event(timeout_ms);
}

/* At the shutdown of the server, backends end at the same time as this worker.
 * Waits a moment for them, so that the agent still delivers the points in their
 * rings. */
static void
await_backends(const pgospAgent *agent)
{
	int64 until = pgosp_now_ms() + GRACE_MS;

	while (agent->pid != 0 && pgosp_now_ms() < until &&
		   has_rings(agent->settings.run_directory))
		pg_usleep(10 * 1000);
}

static void
restart_agent(pgospAgent *agent)
{
	pgospAgentSettings settings = agent->settings;

	pgosp_log(errmsg("osprofiler: the agent was replaced, the new one is "
					 "started"));
	pgosp_agent_stop(agent);
	pgosp_agent_begin(agent, &settings);
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
			pgosp_agent_reap(agent);
		}
		check_leaving();
		if (may_start(agent) && pgosp_now_ms() >= agent->next_start_ms)
			pgosp_agent_start(agent);
		else
			wait_for_work(agent);
	}
	if (ShutdownRequestPending)
		await_backends(agent);
	was_at_work = agent->pid != 0;
	pgosp_agent_stop(agent);
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

	if (!pgosp_agent_read_settings(&settings))
		proc_exit(0);
	lock = take_lock(settings.run_directory);
	if (lock < 0)
		proc_exit(0);
	pgosp_agent_begin(&agent, &settings);
	pgosp_agent_tell_no_collector(&settings);
	pgosp_watch_begin(settings.run_directory);
	supervise(&agent, lock);
	proc_exit(0);
}
