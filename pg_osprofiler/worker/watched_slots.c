/* SPDX-License-Identifier: Apache-2.0
 *
 * watched_slots.c
 *	  The slots of all backends (pgosp_slot.h), as the background worker maps them.
 */
#include "wait_watch.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "record/newfile.h"

#define RETRY_NS INT64CONST(10000000000)

static char directory[OSP_RUNDIR_PATH_MAX];
static pgospSlots *slots = NULL;
static pgospWatched *watched = NULL; /* an element for each PGPROC */
static ino_t file;                   /* inode of the file with the slots */
static int64 checked_ns;             /* when file was last checked */

static ino_t
file_there_is(void)
{
	char path[OSP_RUNDIR_PATH_MAX + 16];
	struct stat st;

	snprintf(path, sizeof(path), "%s/" PGOSP_SLOTS_FILE, directory);
	return lstat(path, &st) == 0 ? st.st_ino : 0;
}

static bool
map_part(size_t at, size_t size, void **map)
{
	int dir_fd;
	osp_status status;

	if (osp_rundir_open(directory, false, &dir_fd, NULL) != OSP_OK)
		return false;
	status = osp__mappart(dir_fd, PGOSP_SLOTS_FILE, at, size, map, NULL);
	(void) close(dir_fd);
	return status == OSP_OK;
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
	slots = map;
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

bool
pgosp_watched_check(int64 now_ns)
{
	if (now_ns - checked_ns >= RETRY_NS)
	{
		checked_ns = now_ns;
		if (slots != NULL && file_there_is() != file)
			unmap_all();
		if (slots == NULL)
			map_slots();
	}
	return slots != NULL;
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
