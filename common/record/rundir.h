/* SPDX-License-Identifier: Apache-2.0
 *
 * rundir.h
 *	  The run directory, in which the producers and the shipper of one user (or
 *	  of one PostgreSQL cluster) meet.
 *
 *	  status     counters, the clock and the bell, a mapped file (runstat.h)
 *	  lock       held by the one shipper
 *	  ring.N     rings, N counting from 0 (ring.h)
 *	  spool      what could not be delivered yet, unless kept elsewhere
 *	  otlp       what that driver keeps; another one's file has its name
 *	  losses     what the shipper had to drop and has not reported yet
 *	  waits.N    of a PostgreSQL cluster: what its backends wait for
 *	  worker     of a PostgreSQL cluster: held by its background worker
 *	  warned     of a PostgreSQL cluster: when it last warned of its settings
 *
 * The directory is used only if it is a real directory (no symbolic link),
 * belongs to the effective user, and is closed to everybody else. It may be
 * removed at any time: producers and shipper go on in a new one.
 */
#ifndef OSP_RUNDIR_H
#define OSP_RUNDIR_H

#include "osprofiler/base.h"

#define OSP_RUNDIR_PATH_MAX 1024

/* Bytes that the spool in the run directory may take, unless configured. */
#define OSP_SPOOL_LIMIT_DEFAULT (UINT64_C(256) * 1024 * 1024)

/*
 * The path of a user's run directory: configured if not empty, else
 * $XDG_RUNTIME_DIR/osprofiler (not for set-uid programs), else
 * /dev/shm/osprofiler-<uid>.
 */
osp_status osp_rundir_path(osp_str configured, char out[OSP_RUNDIR_PATH_MAX],
						   osp_error *err) OSP_MUST_CHECK;

/*
 * The path of a server's run directory: configured/sub, or
 * /dev/shm/osprofiler-<uid>/sub if configured is empty. The environment does
 * not matter, because it is that of the user who started the server.
 */
osp_status osp_rundir_server_path(osp_str configured, osp_str sub,
								  char out[OSP_RUNDIR_PATH_MAX],
								  osp_error *err) OSP_MUST_CHECK;

/* Writes a name, as a template of mkdtemp, for the directory of an `osprofiler run` in
 * this process. It identifies the process, so that others can tell whether the run has
 * ended. */
#define OSP_RUNDIR_OF_RUN_MAX 32
void osp_rundir_of_run(char out[OSP_RUNDIR_OF_RUN_MAX]);

/* Is this, by its name, the directory of an `osprofiler run` whose process has ended,
 * or whose process is alive? */
bool osp_rundir_run_ended(const char *path);
bool osp_rundir_run_works(const char *path);

/* A number that identifies the root directory of this process; chroot() changes it. */
uint64_t osp_root_directory(void);

/*
 * Opens the directory, making it (and missing parents, mode 0700) if create is set,
 * unless the process has called chroot() or the directory is that of an ended run
 * (osp_rundir_run_ended). The caller must close the descriptor. OSP_EPERM: it belongs
 * to another user, is not a directory, or is open to others; OSP_ENOENT; OSP_EIO.
 */
osp_status osp_rundir_open(const char *path, bool create, int *dir_fd,
						   osp_error *err) OSP_MUST_CHECK;

/*
 * Takes the lock of the shipper, for as long as *lock_fd stays open. OSP_EBUSY:
 * another shipper has it; path is for the message.
 */
osp_status osp_rundir_lock(int dir_fd, const char *path, int *lock_fd,
						   osp_error *err) OSP_MUST_CHECK;

/* Is lock_fd, which osp_rundir_lock gave, still the lock of the directory? Not if the
 * lock's file was removed since. */
bool osp_rundir_is_lock(int dir_fd, int lock_fd);

/* Has there ever been a shipper in this directory? */
bool osp_rundir_had_shipper(int dir_fd);

/* Is a shipper running in this run directory, in any namespace? */
bool osp_shipper_alive(int dir_fd);

#endif /* OSP_RUNDIR_H */
