/* SPDX-License-Identifier: Apache-2.0
 *
 * session_ring.c
 *	  The backend's ring, made when its first statement is traced.
 *
 * If the run directory is unusable or full, nothing is traced. That is logged once a
 * minute for all sessions, and the session tries again from time to time.
 */
#include "pgosp.h"

#include "utils/timestamp.h"

#define RETRY_NS (INT64CONST(10) * 1000000000)

static pgosp_hot_data osp_producer producer;
pgosp_hot_data TimestampTz pgosp_ring_at = 0;

static bool failed = false;
static int64 retry_ns = 0;
static osp_error trouble = {OSP_OK, ""};
static char trouble_told[sizeof(trouble.msg)];

/* Logs why there is no ring, unless that was logged before. Not while an error is being
 * reported: the line would stand in the middle of it. */
static void
tell_trouble(void)
{
	uint64 sessions;

	if (pgosp_reporting || strcmp(trouble_told, trouble.msg) == 0)
		return;
	strlcpy(trouble_told, trouble.msg, sizeof(trouble_told));
	sessions = pgosp_line_add(PGOSP_LINE_NO_RING, trouble.msg);
	if (sessions > 0)
		pgosp_log(errmsg("osprofiler: nothing is traced in this session: %s",
						 trouble.msg),
				  pgosp_line_detail(sessions),
				  pgosp_runstat() != NULL
					  ? errhint("Such sessions are counted in "
								"osprofiler.stat, and logged once a minute.")
					  : errhint("Such sessions are logged once a minute."));
}

static void
fail(void)
{
	failed = true;
	retry_ns = osp_mono_now() + RETRY_NS;
	tell_trouble();
}

/* Logs how many sessions without a ring were not mentioned in a line yet. */
static void
log_rest(const osp_runstat *stat)
{
	uint64 sessions;

	if (pgosp_reporting || stat->untraced == 0)
		return;
	sessions = pgosp_line_rest(PGOSP_LINE_NO_RING);
	if (sessions > 0)
		pgosp_log(errmsg("osprofiler: sessions are traced again"),
				  errdetail("Nothing was traced in " UINT64_FORMAT
							" sessions since the last such line.",
							sessions));
}

/* Counts a session that has no ring, once for each time that it loses its ring. */
static void
count_untraced(void)
{
	osp_runstat *stat = pgosp_runstat();

	if (stat == NULL)
		return;
	osp_runstat_add(&stat->untraced, 1);
	osp_runstat_note_loss(stat);
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
		if (!failed)
			count_untraced();
		fail();
		return;
	}
	failed = false;
	trouble_told[0] = '\0';
	pgosp_ring = &producer;
	log_rest(producer.stat);
	pgosp_slot_open(path);
}

/* After a reload, adopts a new setting for full rings, and closes the ring if the run
 * directory is another one. */
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
	/* Open points belong into the ring that has their start. */
	if (pgosp_ring_at != PgReloadTime && pgosp_busy == 0)
	{
		failed = false;
		if (pgosp_ring != NULL)
			look_at_settings();
	}
	if (failed && pgosp_ring == NULL)
		tell_trouble();
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

void
pgosp_producer_close(void)
{
	if (pgosp_ring != NULL)
		osp_producer_close(&producer);
	else if (failed)
		tell_trouble();
	pgosp_ring = NULL;
	pgosp_slot_close();
	pgosp_disarm();
	/* The session ends: it must not get another ring. */
	failed = true;
	retry_ns = PG_INT64_MAX;
}
