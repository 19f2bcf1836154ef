/* SPDX-License-Identifier: Apache-2.0
 *
 * shipper_watch.c
 *	  Watches the run directory: for producers that are gone, and for its own end.
 *
 * The kernel reports when the last mapping of a ring by a process is gone, however
 * it ended, and when the status file is removed. Then all goes on in a new
 * directory of the same path: the rings that are mapped are delivered to their end,
 * and their producers, told by the old status file, make new ones there.
 */
#include "ship/shipper_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define NEW_PREFIX  ".new."
#define STATUS_NAME "status"

/* Without a watch, and while the new directory cannot be had. */
#define CHECK_INTERVAL_NS NS_PER_S

void
osp__watch_begin(osp_shipper *s)
{
	const uint32_t events =
		IN_CLOSE_WRITE | IN_DELETE | IN_MOVED_FROM | IN_MOVE_SELF;
	struct epoll_event event;
	char path[64];

	if (s->watch_fd >= 0)
		(void) close(s->watch_fd);
	s->watch_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	memset(&event, 0, sizeof(event));
	event.events = EPOLLIN;
	(void) snprintf(path, sizeof(path), "/proc/self/fd/%d", s->dir_fd);
	if (s->watch_fd >= 0 &&
		(inotify_add_watch(s->watch_fd, path, events) >= 0 ||
		 inotify_add_watch(s->watch_fd, s->run_directory, events) >= 0) &&
		epoll_ctl(s->poll_fd, EPOLL_CTL_ADD, s->watch_fd, &event) == 0)
		return;

	/* The limit of such watches is reached: then the directory is checked now and
	 * then while the shipper is awake. */
	if (s->watch_fd >= 0)
		(void) close(s->watch_fd);
	s->watch_fd = -1;
}

static void
take_event(osp_shipper *s, const struct inotify_event *event)
{
	const char *name = event->len > 0 ? event->name : "";
	uint64_t number;
	shipper_ring *r;

	/* A producer opened its ring by the name that it had while it was made. */
	if (strncmp(name, NEW_PREFIX, strlen(NEW_PREFIX)) == 0)
		name += strlen(NEW_PREFIX);
	if ((event->mask & (IN_MOVE_SELF | IN_IGNORED | IN_UNMOUNT)) != 0 ||
		((event->mask & (IN_DELETE | IN_MOVED_FROM)) != 0 &&
		 strcmp(name, STATUS_NAME) == 0))
		s->check_directory = true;
	else if ((event->mask & IN_Q_OVERFLOW) != 0)
		s->check_directory = s->check_all = true;
	else if ((event->mask & IN_CLOSE_WRITE) != 0 &&
			 osp__ring_number(name, &number))
	{
		r = osp__ring_by_number(s, number);
		if (r != NULL)
			r->check = true;
		else
			s->check_all = true; /* it is found only now */
	}
}

static void
read_events(osp_shipper *s)
{
	char bytes[4096]
		__attribute__((aligned(__alignof__(struct inotify_event))));
	ssize_t len;

	while (s->watch_fd >= 0 &&
		   (len = read(s->watch_fd, bytes, sizeof(bytes))) > 0)
	{
		const char *p = bytes;

		while (p < bytes + len)
		{
			const struct inotify_event *event = (const void *) p;

			take_event(s, event);
			p += sizeof(*event) + event->len;
		}
	}
}

/* Is the status file that we have mapped still the one of the run directory? */
static bool
is_in_place(const osp_shipper *s)
{
	char path[OSP_RUNDIR_PATH_MAX + 16];
	struct stat st;

	(void) snprintf(path, sizeof(path), "%s/" STATUS_NAME, s->run_directory);
	return stat(path, &st) == 0
			   ? st.st_dev == s->stat_dev && st.st_ino == s->stat_ino
			   : errno != ENOENT;
}

osp_status
osp__directory_open(osp_shipper *s, osp_error *err)
{
	struct stat st;
	osp_status status =
		osp_rundir_open(s->run_directory, true, &s->dir_fd, err);
	osp_error why;

	if (status == OSP_OK)
		status = osp_rundir_lock(s->dir_fd, s->run_directory, &s->lock_fd, err);
	if (status != OSP_OK)
		return status;
	status = osp_runstat_map(s->dir_fd, &s->stat, &why);

	/* Somebody cannot get it made; but that is no other shipper. */
	if (status != OSP_OK)
		return osp_error_set(
			err, status == OSP_EBUSY ? OSP_EIO : status, "%s", why.msg);
	/* The shipper before us was killed while it removed a ring. */
	if (__atomic_load_n(&s->stat->retiring, __ATOMIC_SEQ_CST) % 2 != 0)
		(void) __atomic_fetch_add(&s->stat->retiring, 1, __ATOMIC_SEQ_CST);
	s->stat_dev = 0;
	s->stat_ino = 0;
	if (fstatat(s->dir_fd, STATUS_NAME, &st, AT_SYMLINK_NOFOLLOW) == 0)
	{
		s->stat_dev = st.st_dev;
		s->stat_ino = st.st_ino;
	}
	return OSP_OK;
}

void
osp__directory_close(osp_shipper *s)
{
	osp_runstat_unmap(s->stat);
	s->stat = NULL;
	if (s->lock_fd >= 0)
		(void) close(s->lock_fd);
	if (s->dir_fd >= 0)
		(void) close(s->dir_fd);
	s->lock_fd = s->dir_fd = -1;
}

void
osp__directory_announce(osp_shipper *s)
{
	s->origin.wall_offset_ns =
		__atomic_load_n(&s->stat->wall_offset_ns, __ATOMIC_RELAXED);
	__atomic_store_n(&s->stat->sleeping, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&s->stat->shipper, osp_owner_self(), __ATOMIC_RELEASE);
}

/* The old rings have no names any more, and are counted in no sum. */
static void
leave_rings(osp_shipper *s)
{
	size_t i;

	memset(s->by_number, 0, sizeof(s->by_number));
	for (i = 0; i < s->ring_count; i++)
	{
		s->rings[i]->next_in_bucket = NULL;
		s->rings[i]->moved_away = true;
		s->rings[i]->predecessor = 0;
	}
}

/* Goes on in the new directory; false if that cannot be had now. */
static bool
follow(osp_shipper *s)
{
	osp_shipper old = *s;
	osp_error err;

	/* What is open stays so until the new one is. */
	s->stat = NULL;
	s->dir_fd = s->lock_fd = -1;
	if (osp__directory_open(s, &err) != OSP_OK)
	{
		osp__directory_close(s);
		s->dir_fd = old.dir_fd;
		s->lock_fd = old.lock_fd;
		s->stat = old.stat;
		s->stat_dev = old.stat_dev;
		s->stat_ino = old.stat_ino;
		if (!s->follow_logged)
			osp__shipper_log(s,
							 OSP_LOG_WARNING,
							 "run directory %s was removed, and cannot be made "
							 "anew: %s",
							 s->run_directory,
							 err.msg);
		s->follow_logged = true;
		return false;
	}
	osp__bell_free(s->bell);
	s->bell = osp__bell_new(s->alc, s->stat, s->bell_fd);
	leave_rings(s);
	osp__losses_move(s);
	osp__watch_begin(s);
	osp__directory_announce(s);

	/* From now on its producers look for the new one. */
	__atomic_store_n(&old.stat->shipper, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&old.stat->sleeping, OSP_RUNSTAT_MOVED, __ATOMIC_SEQ_CST);
	old.run_directory = NULL;
	osp__directory_close(&old);
	osp__rings_begin(s);
	osp__shipper_log(s,
					 OSP_LOG_WARNING,
					 "run directory %s was removed; it is made anew",
					 s->run_directory);
	s->follow_logged = false;
	return true;
}

void
osp__watch_read(osp_shipper *s, int64_t now)
{
	read_events(s);
	if (now - s->directory_checked_ns >= CHECK_INTERVAL_NS)
		s->check_directory = true;
	if (!s->check_directory)
		return;
	s->directory_checked_ns = now;
	s->check_directory = false;
	if (!is_in_place(s))
		(void) follow(s);
}

int
osp__watch_timeout(const osp_shipper *s, int timeout_ms)
{
	/* Without a watch, and while the directory is missing, nobody wakes us. */
	const int interval_ms = CHECK_INTERVAL_NS / NS_PER_MS;

	if (s->watch_fd >= 0 && !s->follow_logged)
		return timeout_ms;
	return timeout_ms < 0 || timeout_ms > interval_ms ? interval_ms
													  : timeout_ms;
}
