/* SPDX-License-Identifier: Apache-2.0
 *
 * wait_slot.c
 *	  The slot that a backend shares with the background worker; see pgosp_slot.h.
 */
#include "pgosp_state.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "miscadmin.h"
#include "storage/latch.h"
#include "storage/proc.h"

#include "record/newfile.h"

pgospSlot pgosp_slot;

static pgospSlots *slots = NULL;

/* Maps the backend's slot of the file over the variable pgosp_slot, after copying the
 * variable's contents into it. */
static bool
map_slot(int dir_fd, uint32 number)
{
	void *map;

	if (sizeof(pgospSlot) % (size_t) sysconf(_SC_PAGESIZE) != 0 ||
		(uintptr_t) &pgosp_slot % (size_t) sysconf(_SC_PAGESIZE) != 0 ||
		osp__mappart(dir_fd,
					 PGOSP_SLOTS_FILE,
					 PGOSP_SLOT_AT(number),
					 sizeof(pgospSlot),
					 &map,
					 NULL) != OSP_OK)
		return false;
	memcpy(map, &pgosp_slot, sizeof(pgospSlot));
	if (mremap(map,
			   sizeof(pgospSlot),
			   sizeof(pgospSlot),
			   MREMAP_MAYMOVE | MREMAP_FIXED,
			   &pgosp_slot) != MAP_FAILED)
		return true;
	(void) munmap(map, sizeof(pgospSlot));
	return false;
}

static bool
map_slots(int dir_fd)
{
	void *map;

	if (osp__mappart(
			dir_fd, PGOSP_SLOTS_FILE, 0, sizeof(pgospSlots), &map, NULL) !=
		OSP_OK)
		return false;
	if (slots != NULL)
		(void) munmap(slots, sizeof(pgospSlots));
	slots = map;
	return true;
}

/* Wakes the worker that uses these slots, if there is one. */
static void
wake_worker(void)
{
	uint32 number = (uint32) slots->worker_number;
	PGPROC *worker;

	if (slots->worker_pid == 0 || number >= ProcGlobal->allProcCount)
		return;
	worker = &ProcGlobal->allProcs[number];
	if (worker->pid == slots->worker_pid)
		SetLatch(&worker->procLatch);
}

void
pgosp_slot_open(const char *run_directory)
{
	int saved = errno;
	int dir_fd;
	uint32 number;

	if (!IsUnderPostmaster || MyProc == NULL)
		return;
	number = (uint32) (MyProc - ProcGlobal->allProcs);
	if (number >= PGOSP_SLOTS_MAX ||
		osp_rundir_open(run_directory, false, &dir_fd, NULL) != OSP_OK)
		return;
	if (map_slots(dir_fd) && map_slot(dir_fd, number))
	{
		pgosp_slot.status = pgosp_own_status();
		pgosp_slot.pid = MyProcPid;
		pgosp_slot.asleep = false;
		slots->allocated[number] = true;
		wake_worker();
	}
	(void) close(dir_fd);
	errno = saved;
}

void
pgosp_slot_close(void)
{
	pgosp_slot.pid = 0;
}

/* Moves the slot to the file that has replaced a removed one. If it is the same file,
 * which was out of reach for a while, the worker will come back to it. */
static void
follow_file(void)
{
	char run_directory[OSP_RUNDIR_PATH_MAX];

	if (pgosp_rundir(run_directory, NULL) == OSP_OK)
		pgosp_slot_open(run_directory);
}

void
pgosp_slot_wake(void)
{
	int saved = errno;

	pgosp_slot.asleep = false;
	if (slots == NULL)
		return;
	if (slots->worker_pid == PGOSP_SLOTS_MOVED)
		follow_file();
	else
		wake_worker();
	errno = saved;
}
