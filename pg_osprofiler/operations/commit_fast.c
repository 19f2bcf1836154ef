/* SPDX-License-Identifier: Apache-2.0
 *
 * commit_fast.c
 *	  Writes the points of commits by templates.
 *
 * A session commits with the same command and the same synchronous_commit nearly every
 * time, so there is one template for starts and one for stops. Nearly all stops have
 * the transaction's id and what was written to the WAL, without images of pages. All
 * others are written by commit.c, in the same bytes.
 */
#include "pgosp_commit.h"
#include "pgosp_known.h"

#define START_SIZE 128

/* The values that vary in a stop. */
enum
{
	TRANSACTION_ID,
	WAL_RECORDS,
	WAL_BYTES
};

static pgospTemplate start;
static const char *start_command; /* for which it was made */
static pgospStop stop;
static const char
	*stop_level; /* the synchronous_commit for which it was made */

/* ---- starts ---- */

static pg_noinline bool
make_start(const char *command)
{
	char space[START_SIZE];
	osp_writer w;

	osp_attrs_begin(&w, space, sizeof(space));
	pgosp_put_commit_start(&w, command);
	start_command = command;
	return pgosp_template_make(
		&start, OSP_RECORD_START, OSP_STR("pg.commit"), osp_attrs_end(&w));
}

pgosp_hot bool
pgosp_commit_open_known(pgospCommit *commit, pgospPoint *parent)
{
	bool made =
		pgosp_template_is_made(&start) && start_command == commit->command;

	return (likely(made) || make_start(commit->command)) &&
		   pgosp_point_open_known_at(
			   &commit->point, parent, &start.of, pgosp_now());
}

/* ---- stops ---- */

static pg_noinline bool
make_stop(const char *level)
{
	char space[PGOSP_STOP_SIZE];
	osp_writer w;

	osp_attrs_begin(&w, space, sizeof(space));
	osp_put_object(&w, OSP_STR("db"));
	osp_put_u64(&w, OSP_STR("transaction_id"), 0);
	pgosp_stop_mark(&stop, TRANSACTION_ID, &w);
	osp_put_str(&w, OSP_STR("synchronous_commit"), osp_str_of(level));
	osp_put_object(&w, OSP_STR("wal"));
	osp_put_i64(&w, OSP_STR("records"), 0);
	pgosp_stop_mark(&stop, WAL_RECORDS, &w);
	osp_put_i64(&w, OSP_STR("bytes"), 0);
	pgosp_stop_mark(&stop, WAL_BYTES, &w);
	osp_put_end(&w);
	osp_put_end(&w);
	stop_level = level;
	return pgosp_stop_make(&stop, OSP_STR("pg.commit"), &w);
}

/* Do the transaction's id and the WAL say everything about the commit? */
static inline bool
is_plain(const pgospCommit *commit)
{
	const pgospPoint *parent = commit->point.parent;
	pgospWalTimes now;

	pgosp_wal_times(&now);
	return parent != NULL && parent->kind->child_closed == NULL &&
		   TransactionIdIsValid(commit->xid) &&
		   pgWalUsage.wal_records != commit->wal.wal_records &&
		   pgWalUsage.wal_fpi == commit->wal.wal_fpi &&
		   now.write_ms <= commit->times.write_ms &&
		   now.sync_ms <= commit->times.sync_ms &&
		   pgosp_waits_are_none(&commit->waits);
}

static inline void
put_values(char *record, const pgospCommit *commit)
{
	uint64 xid = commit->xid;
	int64 records = pgWalUsage.wal_records - commit->wal.wal_records;
	int64 bytes = (int64) (pgWalUsage.wal_bytes - commit->wal.wal_bytes);

	pgosp_stop_set(record, &stop, TRANSACTION_ID, &xid);
	pgosp_stop_set(record, &stop, WAL_RECORDS, &records);
	pgosp_stop_set(record, &stop, WAL_BYTES, &bytes);
}

pgosp_hot bool
pgosp_commit_stop(pgospCommit *commit)
{
	const char *level = pgosp_synchronous_commit();
	pgospPoint *point = &commit->point;
	osp_producer *producer;
	osp_point_ids ids;
	char *record;
	int64 now_ns;

	producer = pgosp_point_stops_by_template(point, &ids);
	if (producer == NULL || !is_plain(commit))
		return false;
	if (unlikely(!pgosp_template_is_made(&stop.template) ||
				 stop_level != level) &&
		!make_stop(level))
		return false;
	now_ns = pgosp_now();
	record = osp_template_put(
		&stop.template.of, producer, &ids, now_ns, now_ns - point->start_ns);
	if (likely(record != NULL))
	{
		put_values(record, commit);
		pgosp_template_commit(&stop.template.of, producer);
	}
	pgosp_point_leave(point);
	return true;
}
