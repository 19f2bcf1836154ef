/* SPDX-License-Identifier: Apache-2.0
 *
 * session_ring.c
 *	  The backend's ring, made when its first statement is traced.
 *
 * Every cluster has a directory of its own in the run directory, named by its
 * system identifier and its data directory: copies of a cluster differ in the
 * second. Should the directory be unusable, or full, that is logged once;
 * nothing is traced then, and it is tried again now and then.
 */
#include "pgosp.h"

#include <fcntl.h>
#include <unistd.h>

#include "access/xlog.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "utils/timestamp.h"

#define RETRY_NS (INT64CONST(10) * 1000000000)

static pgosp_hot_data osp_producer producer;
pgosp_hot_data osp_producer *pgosp_ring = NULL;
pgosp_hot_data TimestampTz pgosp_ring_at = 0;

static bool failed = false;
static int64 retry_ns = 0;
static osp_error trouble = {OSP_OK, ""};
static char trouble_told[sizeof(trouble.msg)];

osp_status
pgosp_rundir(char out[OSP_RUNDIR_PATH_MAX], osp_error *err)
{
	char sub[64];
	uint32 hash =
		hash_bytes((const unsigned char *) DataDir, (int) strlen(DataDir));

	snprintf(sub,
			 sizeof(sub),
			 "pg-" UINT64_FORMAT "-%08x",
			 GetSystemIdentifier(),
			 hash);
	return osp_rundir_server_path(
		osp_str_of(pgosp_run_directory), osp_str_of(sub), out, err);
}

static void
fail(void)
{
	failed = true;
	retry_ns = osp_mono_now() + RETRY_NS;
	if (pgosp_reporting || strcmp(trouble_told, trouble.msg) == 0)
		return;
	strlcpy(trouble_told, trouble.msg, sizeof(trouble_told));
	ereport(LOG,
			errmsg("osprofiler: nothing is traced in this session: %s",
				   trouble.msg));
}

/* Once for each time that a session is without a ring. */
static void
count_untraced(void)
{
	osp_runstat *stat = pgosp_runstat();

	if (stat != NULL)
		osp_runstat_add(&stat->untraced, 1);
}

static void
open_producer(void)
{
	char path[OSP_RUNDIR_PATH_MAX];
	osp_producer_options options;
	osp_status status = pgosp_rundir(path, &trouble);

	memset(&options, 0, sizeof(options));
	options.ring_size = (size_t) pgosp_ring_size_kb * 1024;
	options.ring_total = (uint64) pgosp_ring_total_kb * 1024;
	options.on_full = (osp_on_full) pgosp_on_full;
	options.project = OSP_STR("");
	options.service = OSP_STR("");
	if (status == OSP_OK)
		status = osp_producer_open(&producer, path, &options, &trouble);
	pgosp_ring_at = PgReloadTime;
	if (status != OSP_OK)
	{
		if (status == OSP_EFULL && !failed)
			count_untraced();
		fail();
		return;
	}
	failed = false;
	trouble_told[0] = '\0';
	pgosp_ring = &producer;
}

/* After a reload: the directory or the way when full may be another. */
static void
look_at_settings(void)
{
	char path[OSP_RUNDIR_PATH_MAX];

	pgosp_ring_at = PgReloadTime;
	producer.ring.on_full = (osp_on_full) pgosp_on_full;
	if (pgosp_rundir(path, NULL) != OSP_OK || strcmp(path, producer.path) == 0)
		return;
	osp_producer_close(&producer);
	pgosp_ring = NULL;
	pgosp_disarm();
}

osp_producer *
pgosp_producer_look(void)
{
	/* Points that are open belong into the ring that has their start. */
	if (pgosp_ring_at != PgReloadTime && pgosp_busy == 0)
	{
		failed = false;
		if (pgosp_ring != NULL)
			look_at_settings();
	}
	if (pgosp_ring != NULL || (failed && osp_mono_now() < retry_ns))
		return pgosp_ring;
	pgosp_session_begin();
	open_producer();
	return pgosp_ring;
}

const char *
pgosp_producer_trouble(void)
{
	return failed ? trouble.msg : NULL;
}

/*
 * A session whose contexts are all refused has no ring, but it counts them: the
 * status file is mapped alone.
 */
osp_runstat *
pgosp_runstat(void)
{
	static osp_runstat *alone = NULL;
	static bool tried = false;
	char path[OSP_RUNDIR_PATH_MAX];
	int dir_fd;

	if (pgosp_ring != NULL)
		return producer.stat;
	if (tried)
		return alone;
	tried = true;
	if (pgosp_rundir(path, NULL) != OSP_OK ||
		osp_rundir_open(path, true, &dir_fd, NULL) != OSP_OK)
		return NULL;
	if (osp_runstat_map(dir_fd, &alone, NULL) != OSP_OK)
		alone = NULL;
	(void) close(dir_fd);
	return alone;
}

void
pgosp_producer_close(void)
{
	if (pgosp_ring != NULL)
		osp_producer_close(&producer);
	pgosp_ring = NULL;
	pgosp_disarm();
	/* The session is at its end: no other ring for it. */
	failed = true;
	retry_ns = PG_INT64_MAX;
}
