/* SPDX-License-Identifier: Apache-2.0
 *
 * shipper_watch.c
 *	  Watches the run directory for producers that are gone, and for its own removal.
 *
 * The kernel reports when the last mapping of a ring by a process is gone, however it
 * ended, and when the status file is removed. Then the shipper continues in a new
 * directory of the same path: the rings that are mapped are delivered to their end, and
 * their producers see in the old status file that they must make new ones there.
 *
 * The kernel reports nothing if a directory above is renamed, or a file system is mounted
 * over it. Then another shipper is started at the path, and finds the spool in use. So
 * this shipper also looks for its directory whenever somebody opens its spool.
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

/* How often the directory is checked without a watch, and while it is missing and
 * cannot be made. It is checked more often in the first second of that. */
#define CHECK_INTERVAL_NS NS_PER_S
#define SOON_INTERVAL_NS  (10 * NS_PER_MS)

/* A directory's files are removed before the directory. For this time no new file is
 * made in it, so that its removal can succeed. */
#define REMOVAL_NS (100 * NS_PER_MS)

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
	{
		/* Removals before the watch began are not reported, so the directory is checked
		 * once. */
		s->check_directory = true;
		osp__watch_spool(s);
		return;
	}

	/* The user's limit of inotify watches is reached. Without a watch, the
	 * directory is checked every second while the shipper is awake. */
	if (s->watch_fd >= 0)
		(void) close(s->watch_fd);
	s->watch_fd = -1;
}

void
osp__watch_spool(osp_shipper *s)
{
	if (s->watch_fd >= 0 && s->spool != NULL)
		(void) inotify_add_watch(
			s->watch_fd, osp_spool_path(s->spool), IN_OPEN);
}

/* Handles the event that another process has opened the spool: probably a shipper that
 * wants to use it. That shipper has the lock of the directory while it tries, so this
 * one checks at short intervals again, to take the lock when it is released. */
static void
spool_opened(osp_shipper *s)
{
	s->check_directory = true;
	if (s->missing_ns != 0)
		s->missing_ns = osp_mono_now();
}

static void
take_event(osp_shipper *s, const struct inotify_event *event)
{
	const char *name = event->len > 0 ? event->name : "";
	uint64_t number;
	shipper_ring *r;

	/* If the kernel reports that a ring was closed, it uses the name that the
	 * ring's file had while it was made. */
	if (strncmp(name, NEW_PREFIX, strlen(NEW_PREFIX)) == 0)
		name += strlen(NEW_PREFIX);
	if ((event->mask & IN_OPEN) != 0)
		spool_opened(s);
	else if ((event->mask & (IN_MOVE_SELF | IN_IGNORED | IN_UNMOUNT)) != 0 ||
			 ((event->mask & (IN_DELETE | IN_MOVED_FROM)) != 0 &&
			  (strcmp(name, STATUS_NAME) == 0 || s->missing_ns != 0)))
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
			s->check_all = true; /* the next scan will find it */
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

/* Is the mapped status file still the one of the run directory? */
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

/* Takes the lock of the directory. held_fd is the lock that the shipper held
 * before files of the directory were removed; -1: none. If it still is the lock
 * of this directory, it is duplicated. */
static osp_status
take_lock(osp_shipper *s, int held_fd, osp_error *err)
{
	if (held_fd >= 0 && osp_rundir_is_lock(s->dir_fd, held_fd))
		s->lock_fd = fcntl(held_fd, F_DUPFD_CLOEXEC, 0);
	return s->lock_fd >= 0
			   ? OSP_OK
			   : osp_rundir_lock(s->dir_fd, s->run_directory, &s->lock_fd, err);
}

osp_status
osp__directory_open(osp_shipper *s, int held_fd, osp_error *err)
{
	struct stat st;
	osp_status status =
		osp_rundir_open(s->run_directory, true, &s->dir_fd, err);
	osp_error why;

	if (status == OSP_OK)
		status = take_lock(s, held_fd, err);
	if (status != OSP_OK)
		return status;
	status = osp_runstat_map(s->dir_fd, &s->stat, &why);

	/* OSP_EBUSY would mean another shipper, but here another process is stuck while it
	 * makes the status file. */
	if (status != OSP_OK)
		return osp_error_set(
			err, status == OSP_EBUSY ? OSP_EIO : status, "%s", why.msg);
	osp__rings_finish_removal(s);
	s->stat_dev = 0;
	s->stat_ino = 0;
	if (fstatat(s->dir_fd, STATUS_NAME, &st, AT_SYMLINK_NOFOLLOW) == 0)
	{
		s->stat_dev = st.st_dev;
		s->stat_ino = st.st_ino;
	}
	return OSP_OK;
}

static void
close_opened(osp_runstat *stat, int lock_fd, int dir_fd)
{
	osp_runstat_unmap(stat);
	if (lock_fd >= 0)
		(void) close(lock_fd);
	if (dir_fd >= 0)
		(void) close(dir_fd);
}

void
osp__directory_close(osp_shipper *s)
{
	close_opened(s->stat, s->lock_fd, s->dir_fd);
	s->stat = NULL;
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

/* Does the ring's file still exist, when other files of the directory were removed? */
static bool
is_here(const osp_shipper *s, const shipper_ring *r)
{
	char name[OSP_RING_NAME_MAX];
	struct stat st;

	osp_ring_name(name, r->number);
	return fstatat(s->dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		   st.st_dev == r->dev && st.st_ino == r->ino;
}

/* Marks the rings whose files are gone as moved away: they have no names, and take no
 * bytes of the new directory. */
static void
leave_rings(osp_shipper *s)
{
	size_t i;

	for (i = 0; i < SHIPPER_BUCKETS; i++)
	{
		shipper_ring **link = &s->by_number[i];

		while (*link != NULL)
		{
			shipper_ring *r = *link;

			if (is_here(s, r))
			{
				link = &r->next_in_bucket;
				continue;
			}
			*link = r->next_in_bucket;
			r->next_in_bucket = NULL;
			osp__ring_moves_away(s, r);
		}
	}
}

/* Adds the rings whose files are left to the sum of a new status file, which lacks
 * them. */
static void
count_ring_bytes(osp_shipper *s)
{
	uint64_t counted = __atomic_load_n(&s->stat->ring_bytes, __ATOMIC_RELAXED);
	uint64_t bytes = 0;
	size_t i;

	for (i = 0; i < s->ring_count; i++)
		if (!s->rings[i]->foreign && !s->rings[i]->moved_away)
			bytes += OSP_RING_HEADER_SIZE + s->rings[i]->ring.capacity;
	if (bytes > counted)
		osp_runstat_add(&s->stat->ring_bytes, bytes - counted);
}

/* Moves to the new directory, if it can be made now. */
static void
follow(osp_shipper *s)
{
	osp_runstat *old_stat = s->stat;
	dev_t old_dev = s->stat_dev;
	ino_t old_ino = s->stat_ino;
	int old_dir_fd = s->dir_fd;
	int old_lock_fd = s->lock_fd;
	osp_status status;
	osp_error err;

	/* The old directory stays open until the new one is. */
	s->stat = NULL;
	s->dir_fd = s->lock_fd = -1;
	status = osp__directory_open(s, old_lock_fd, &err);
	if (status != OSP_OK)
	{
		osp__directory_close(s);
		s->dir_fd = old_dir_fd;
		s->lock_fd = old_lock_fd;
		s->stat = old_stat;
		s->stat_dev = old_dev;
		s->stat_ino = old_ino;

		/* OSP_EBUSY: another shipper has made the directory again, and has
		 * logged that. */
		if (!s->follow_logged && status != OSP_EBUSY)
			osp__shipper_log(s,
							 OSP_LOG_WARNING,
							 "run directory %s was removed, and cannot be made "
							 "anew: %s",
							 s->run_directory,
							 err.msg);
		s->follow_logged |= status != OSP_EBUSY;
		return;
	}
	osp__bell_free(s->bell);
	s->bell = osp__bell_new(s->alc, s->stat, s->bell_fd);
	osp_runstat_take_over(s->stat, old_stat);
	osp__shipper_keep_error(s, old_stat);
	leave_rings(s);
	osp__losses_move(s);
	if (s->spool != NULL)
		osp__spool_publish(s);
	if (s->spool != NULL && osp_spool_follow(s->spool, &err) != OSP_OK)
		osp__shipper_log(s, OSP_LOG_WARNING, "%s", err.msg);
	osp__watch_begin(s);
	osp__directory_announce(s);

	/* Makes producers of the old directory move to the new one. */
	__atomic_store_n(&old_stat->shipper, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&old_stat->sleeping, OSP_RUNSTAT_MOVED, __ATOMIC_SEQ_CST);
	close_opened(old_stat, old_lock_fd, old_dir_fd);
	osp__rings_begin(s);
	count_ring_bytes(s);
	osp__shipper_log(s,
					 OSP_LOG_WARNING,
					 "run directory %s was removed; it is made anew",
					 s->run_directory);
	s->follow_logged = false;
	s->missing_ns = 0;
}

/*
 * Is somebody perhaps about to remove the directory, after its files? If the lock's
 * file is gone, so that another shipper could take the new lock, do not wait for that.
 */
static bool
is_being_removed(const osp_shipper *s, int64_t now)
{
	struct stat ours;
	struct stat there;

	return now - s->missing_ns < REMOVAL_NS &&
		   (s->last || osp_rundir_is_lock(s->dir_fd, s->lock_fd)) &&
		   fstat(s->dir_fd, &ours) == 0 &&
		   stat(s->run_directory, &there) == 0 && ours.st_dev == there.st_dev &&
		   ours.st_ino == there.st_ino;
}

static int64_t
check_interval(const osp_shipper *s, int64_t now)
{
	return s->missing_ns != 0 && now - s->missing_ns < CHECK_INTERVAL_NS
			   ? SOON_INTERVAL_NS
			   : CHECK_INTERVAL_NS;
}

/* Checks that the shipper is where producers look for it, and moves it if not. */
static void
check_directory(osp_shipper *s, int64_t now, bool at_once)
{
	s->directory_checked_ns = now;
	s->check_directory = false;
	if (is_in_place(s))
	{
		s->missing_ns = 0;
		s->follow_logged = false;
		return;
	}
	if (s->missing_ns == 0)
		s->missing_ns = now;
	if (at_once || !is_being_removed(s, now))
		follow(s);
}

void
osp__watch_read(osp_shipper *s, int64_t now)
{
	read_events(s);
	if (s->check_directory ||
		now - s->directory_checked_ns >= check_interval(s, now))
		check_directory(s, now, false);
}

void
osp__watch_hurry(osp_shipper *s)
{
	read_events(s);
	check_directory(s, osp_mono_now(), true);
}

int
osp__watch_timeout(const osp_shipper *s, int64_t now, int timeout_ms)
{
	int interval_ms;

	if (s->check_directory)
		return 0;

	/* Without a watch, or while the directory is missing, no event would end the
	 * sleep. */
	if (s->watch_fd >= 0 && s->missing_ns == 0)
		return timeout_ms;
	interval_ms = (int) (check_interval(s, now) / NS_PER_MS);
	return timeout_ms < 0 || timeout_ms > interval_ms ? interval_ms
													  : timeout_ms;
}
