/* SPDX-License-Identifier: Apache-2.0
 *
 * watched_slots.c
 *	  The slots of all backends (pgosp_slot.h), as the background worker maps them.
 *
 * If the file with the slots is removed, because somebody has removed the run directory,
 * the worker makes and maps a new one a moment later. The kernel reports the removal
 * (inotify) to a worker that sleeps; one that is awake checks the file anyway. Backends
 * see in the old file that they have to move to the new one.
 */
#include "wait_watch.h"

#include <errno.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "record/newfile.h"

#define CHECK_MS 100
#define CHECK_NS (CHECK_MS * PGOSP_NS_PER_MS)

static char directory[OSP_RUNDIR_PATH_MAX];
static pgospSlots *slots = NULL;
static pgospWatched *watched = NULL; /* an element for each PGPROC */
static ino_t file;                   /* inode of the file with the slots */
static int64 checked_ns;             /* when file was last checked */
static bool gone;                    /* file was missing at the last check */
static int removal_fd = -1; /* inotify: readable when file is removed */

/* The inode of the file with the slots that is at the path. 0: there is none. */
static ino_t
file_there_is(void)
{
	char path[OSP_RUNDIR_PATH_MAX + 16];
	struct stat st;

	snprintf(path, sizeof(path), "%s/" PGOSP_SLOTS_FILE, directory);
	if (lstat(path, &st) == 0)
		return st.st_ino;

	/* After another error, the file is assumed to be there: it may be out of reach for
	 * a while. */
	return errno == ENOENT || errno == ENOTDIR ? 0 : file;
}

/* Has the kernel report when the file is removed. Without that, a worker that sleeps
 * notices it when it wakes. */
static void
watch_removal(void)
{
	char path[OSP_RUNDIR_PATH_MAX + 16];

	if (removal_fd >= 0)
		(void) close(removal_fd);
	removal_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (removal_fd < 0)
		return;
	snprintf(path, sizeof(path), "%s/" PGOSP_SLOTS_FILE, directory);

	/* While the file is mapped, its removal changes only its number of links. */
	(void) inotify_add_watch(
		removal_fd, path, IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF);
	(void) inotify_add_watch(removal_fd, directory, IN_MOVE_SELF);
}

static bool
map_part(size_t at, size_t size, void **map)
{
	int dir_fd;
	osp_status status;

	if (osp_rundir_open(directory, true, &dir_fd, NULL) != OSP_OK)
		return false;
	status = osp__mappart(dir_fd, PGOSP_SLOTS_FILE, at, size, map, NULL);
	(void) close(dir_fd);
	return status == OSP_OK;
}

/* Does another worker, which is at work, use these slots? Two of them would count each
 * wait twice. */
static bool
has_other_worker(const pgospSlots *there)
{
	uint32 number = (uint32) there->worker_number;
	int pid = there->worker_pid;

	return pid != 0 && pid != MyProcPid && number < ProcGlobal->allProcCount &&
		   ProcGlobal->allProcs[number].pid == pid;
}

static void
map_slots(void)
{
	void *map;

	checked_ns = osp_mono_now();
	if (watched == NULL)
		watched = MemoryContextAllocExtended(
			TopMemoryContext,
			pgosp_watched_count() * sizeof(*watched),
			MCXT_ALLOC_HUGE | MCXT_ALLOC_NO_OOM | MCXT_ALLOC_ZERO);
	if (watched == NULL || !map_part(0, sizeof(pgospSlots), &map))
		return;
	if (has_other_worker(map))
	{
		(void) munmap(map, sizeof(pgospSlots));
		return;
	}
	slots = map;
	watch_removal();
	file = file_there_is();
	slots->worker_number = (int) (MyProc - ProcGlobal->allProcs);
	slots->worker_pid = MyProcPid;
}

static void
unmap_all(void)
{
	uint32 i;

	if (slots == NULL)
		return;
	for (i = 0; i < pgosp_watched_count(); i++)
		if (watched[i].slot != NULL)
			(void) munmap(watched[i].slot, sizeof(pgospSlot));
	memset(watched, 0, pgosp_watched_count() * sizeof(*watched));
	(void) munmap(slots, sizeof(*slots));
	slots = NULL;
	if (removal_fd >= 0)
		(void) close(removal_fd);
	removal_fd = -1;
	gone = false;
}

/* Leaves a file that was removed. Each backend looks at worker_pid at its next
 * statement, because its slot says that the worker sleeps. */
static void
leave_removed(void)
{
	uint32 i;

	slots->worker_pid = PGOSP_SLOTS_MOVED;
	pg_write_barrier();
	for (i = 0; i < pgosp_watched_count(); i++)
		if (watched[i].slot != NULL)
			watched[i].slot->asleep = true;
	unmap_all();
}

void
pgosp_watched_open(const char *run_directory)
{
	pgosp_watched_close();
	strlcpy(directory, run_directory, sizeof(directory));
	map_slots();
}

void
pgosp_watched_close(void)
{
	if (slots != NULL && slots->worker_pid == MyProcPid)
		slots->worker_pid = 0;
	unmap_all();
}

/* Moves to a new file if this one was removed. A directory's files are removed before
 * the directory, so no new file is made in it before the next check. */
static void
follow_file(void)
{
	bool was_gone = gone;

	gone = file_there_is() != file;
	if (gone && was_gone)
		leave_removed();
}

bool
pgosp_watched_check(int64 now_ns)
{
	if (now_ns - checked_ns < CHECK_NS)
		return slots != NULL;
	checked_ns = now_ns;
	if (slots != NULL)
		follow_file();
	if (slots == NULL)
		map_slots();
	return slots != NULL;
}

long
pgosp_watched_due_ms(void)
{
	return gone ? CHECK_MS : LONG_MAX;
}

int
pgosp_watched_removal_fd(void)
{
	return removal_fd;
}

void
pgosp_watched_removed(void)
{
	char events[4096];

	while (read(removal_fd, events, sizeof(events)) > 0)
		;
	checked_ns = 0;
}

uint32
pgosp_watched_count(void)
{
	return Min(ProcGlobal->allProcCount, PGOSP_SLOTS_MAX);
}

pgospWatched *
pgosp_watched(uint32 number)
{
	void *map;

	if (slots == NULL || number >= pgosp_watched_count() ||
		!slots->allocated[number])
		return NULL;
	if (watched[number].slot == NULL)
	{
		if (!map_part(PGOSP_SLOT_AT(number), sizeof(pgospSlot), &map))
			return NULL;
		watched[number].slot = map;
	}
	return &watched[number];
}
