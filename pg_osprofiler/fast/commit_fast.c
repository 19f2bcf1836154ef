/* SPDX-License-Identifier: Apache-2.0
 *
 * commit_fast.c
 *	  The points of commits, by templates.
 *
 * The start of a COMMIT is always the same. What it tells at its end are the
 * transaction, synchronous_commit, and what was written to the WAL.
 */
#include "pgosp_commit.h"
#include "pgosp_known.h"

/* The values of the stop. */
enum
{
	TRANSACTION_ID,
	WAL_RECORDS,
	WAL_BYTES
};

static pgospTemplate start;
static pgospStop stop;
static const char *stop_name = NULL; /* of synchronous_commit in it */

static pg_noinline bool
make_start(void)
{
	char space[64];
	osp_writer w;

	osp_attrs_begin(&w, space, sizeof(space));
	pgosp_put_commit_start(&w, "COMMIT");
	return pgosp_template_make(
		&start, OSP_RECORD_START, OSP_STR("pg.commit"), osp_attrs_end(&w));
}

bool
pgosp_commit_open_known(pgospCommit *commit, const pgospParent *parent)
{
	if (strcmp(commit->command, "COMMIT") != 0 ||
		(!pgosp_template_is_made(&start) && !make_start()))
		return false;
	if (parent->point == NULL)
		return pgosp_current == NULL && pgosp_point_open_known(&commit->point,
															   parent->context,
															   &start.of);
	return parent->point == pgosp_current && parent->context == NULL &&
		   pgosp_point_open_known_at(
			   &commit->point, parent->point, &start.of, pgosp_now());
}

static pg_noinline bool
make_stop(const char *name)
{
	char space[PGOSP_STOP_SIZE];
	osp_writer w;

	osp_attrs_begin(&w, space, sizeof(space));
	osp_put_object(&w, OSP_STR("db"));
	osp_put_u64(&w, OSP_STR("transaction_id"), 0);
	pgosp_stop_mark(&stop, TRANSACTION_ID, &w);
	osp_put_str(&w, OSP_STR("synchronous_commit"), osp_str_of(name));
	osp_put_object(&w, OSP_STR("wal"));
	osp_put_i64(&w, OSP_STR("records"), 0);
	pgosp_stop_mark(&stop, WAL_RECORDS, &w);
	osp_put_i64(&w, OSP_STR("bytes"), 0);
	pgosp_stop_mark(&stop, WAL_BYTES, &w);
	osp_put_end(&w);
	osp_put_end(&w);
	stop_name = name;
	return pgosp_stop_make(&stop, OSP_STR("pg.commit"), &w);
}

/* Do the transaction and the WAL say it all? */
static bool
is_plain(const pgospCommit *commit)
{
	const pgospPoint *parent = commit->point.parent;
	pgospWalTimes times;

	if (!TransactionIdIsValid(commit->xid) || commit->waits.count >= 0 ||
		(parent != NULL && parent->kind->child_closed != NULL) ||
		pgWalUsage.wal_records == commit->wal.wal_records ||
		pgWalUsage.wal_fpi != commit->wal.wal_fpi)
		return false;
	pgosp_wal_times(&times);
	return times.write_ms <= commit->times.write_ms &&
		   times.sync_ms <= commit->times.sync_ms;
}

static void
set_values(char *record, const pgospCommit *commit)
{
	uint64 xid = commit->xid;
	int64 records = pgWalUsage.wal_records - commit->wal.wal_records;
	int64 bytes = (int64) (pgWalUsage.wal_bytes - commit->wal.wal_bytes);

	pgosp_stop_set(record, &stop, TRANSACTION_ID, &xid);
	pgosp_stop_set(record, &stop, WAL_RECORDS, &records);
	pgosp_stop_set(record, &stop, WAL_BYTES, &bytes);
}

bool
pgosp_commit_stop(pgospCommit *commit)
{
	pgospPoint *point = &commit->point;
	const char *name = pgosp_synchronous_commit_name();
	osp_producer *producer;
	osp_point_ids ids;
	int64 now_ns;
	char *record;

	producer = pgosp_point_stops_by_template(point, &ids);
	if (producer == NULL || !is_plain(commit) ||
		((!pgosp_template_is_made(&stop.template) || stop_name != name) &&
		 !make_stop(name)))
		return false;
	now_ns = pgosp_now();
	record = osp_template_put(
		&stop.template.of, producer, &ids, now_ns, now_ns - point->start_ns);
	if (likely(record != NULL))
	{
		set_values(record, commit);
		pgosp_template_commit(&stop.template.of, producer);
	}
	pgosp_point_leave(point);
	return true;
}
