/* SPDX-License-Identifier: Apache-2.0
 *
 * stop_templates.c
 *	  Writes the stops of nearly all statements, by templates.
 *
 * Nearly all statements end well, and their stops have the command, the number of rows
 * if the command has any, the number of blocks that were hit, and what was written to
 * the WAL. Each command has a template for each combination of these (a form), and one
 * that ends after the command, behind which the use of other blocks is encoded. All
 * other stops are written by pgosp_put_statement_stop.
 */
#include "pgosp_known.h"

/* The largest number of bytes of buffers and WAL behind a template that ends
 * after the command. */
#define MORE_SIZE 1024

/* Forms of stops: what a template has besides the command. */
enum
{
	STOP_HITS = 1,
	STOP_WAL = 2,
	STOP_MORE = 4, /* no values: they are encoded behind the template */
	STOP_ROWS = 8
};

/* The values that vary in a stop. */
enum
{
	ROWS,
	HITS,
	WAL_RECORDS,
	WAL_BYTES
};

/* Identifies a stop by its form and by the address of the command's name. */
typedef struct StopKey
{
	const char *command;
	int form;
} StopKey;

/*
 * The templates for stops. They are made when they are first needed, one after
 * another, so that those of a session's few statements are next to each other.
 * The first element is not used.
 */
pgospStop pgosp_stops[1 + PGOSP_STOPS_MAX]
	__attribute__((aligned(PG_CACHE_LINE_SIZE)));
static pgosp_hot_data StopKey keys[1 + PGOSP_STOPS_MAX];
static int stop_count = 0;

bool
pgosp_stop_make(pgospStop *stop, osp_str name, osp_writer *w)
{
	osp_str attributes = osp_attrs_end(w);
	int i;

	if (w->full || !pgosp_template_make(
					   &stop->template, OSP_RECORD_STOP, name, attributes))
		return false;
	for (i = 0; i < PGOSP_STOP_VALUES; i++)
		stop->at[i] += stop->template.of.len - (uint32) attributes.len;
	return true;
}

static void
put_hits(osp_writer *w, pgospStop *stop)
{
	osp_put_object(w, OSP_STR("buffers"));
	osp_put_i64(w, OSP_STR("shared_blks_hit"), 0);
	pgosp_stop_mark(stop, HITS, w);
	osp_put_end(w);
}

static void
put_wal(osp_writer *w, pgospStop *stop)
{
	osp_put_object(w, OSP_STR("wal"));
	osp_put_i64(w, OSP_STR("records"), 0);
	pgosp_stop_mark(stop, WAL_RECORDS, w);
	osp_put_i64(w, OSP_STR("bytes"), 0);
	pgosp_stop_mark(stop, WAL_BYTES, w);
	osp_put_end(w);
}

static bool
make_stop(pgospStop *stop, const char *command, int form)
{
	char space[PGOSP_STOP_SIZE];
	osp_writer w;

	osp_attrs_begin(&w, space, sizeof(space));
	osp_put_object(&w, OSP_STR("db"));
	if ((form & STOP_ROWS) != 0)
	{
		osp_put_u64(&w, OSP_STR("rows"), 0);
		pgosp_stop_mark(stop, ROWS, &w);
	}
	osp_put_str(&w, OSP_STR("command"), osp_str_of(command));
	if ((form & STOP_HITS) != 0)
		put_hits(&w, stop);
	if ((form & STOP_WAL) != 0)
		put_wal(&w, stop);
	if ((form & STOP_MORE) == 0)
		osp_put_end(&w);
	return pgosp_stop_make(stop, OSP_STR("pg"), &w);
}

static inline bool
is_key_of(const StopKey *key, const char *command, int form)
{
	return key->command == command && key->form == form;
}

/* The number of the stop with this command and form; 0: there is none, and no place
 * left for it. */
static pg_noinline uint32
find_stop(const char *command, int form)
{
	int i;

	if (command == NULL)
		return 0;
	for (i = 1; i <= stop_count; i++)
		if (is_key_of(&keys[i], command, form))
			break;
	if (i > PGOSP_STOPS_MAX)
		return 0;
	if (i > stop_count)
	{
		stop_count = i;
		keys[i].command = command;
		keys[i].form = form;
	}
	return pgosp_template_is_made(&pgosp_stops[i].template) ||
				   make_stop(&pgosp_stops[i], command, form)
			   ? (uint32) i
			   : 0;
}

/* Finds a stop. It is nearly always the one that the plan's last statement had. */
static inline const pgospStop *
stop_of(pgospKnown *known, const char *command, int form)
{
	uint32 number = known != NULL ? known->stop : 0;

	if (unlikely(!is_key_of(&keys[number], command, form) || number == 0 ||
				 !pgosp_template_is_made(&pgosp_stops[number].template)))
	{
		number = find_stop(command, form);
		if (known != NULL)
			known->stop = (uint16) number;
	}
	return number != 0 ? &pgosp_stops[number] : NULL;
}

static inline int
form_of(const pgospUsage *usage)
{
	int rows = usage->counts_rows * STOP_ROWS;

	if (unlikely(pgosp_other_blocks(&pgBufferUsage) != usage->other_blocks ||
				 pgWalUsage.wal_fpi != usage->wal.wal_fpi))
		return rows + STOP_MORE;
	return rows +
		   (pgBufferUsage.shared_blks_hit != usage->buffers.shared_blks_hit) *
			   STOP_HITS +
		   (pgWalUsage.wal_records != usage->wal.wal_records) * STOP_WAL;
}

static inline void
set_values(char *record, const pgospStop *stop, const pgospUsage *usage,
		   int form)
{
	int64 hits = pgBufferUsage.shared_blks_hit - usage->buffers.shared_blks_hit;
	int64 records = pgWalUsage.wal_records - usage->wal.wal_records;
	int64 bytes = (int64) (pgWalUsage.wal_bytes - usage->wal.wal_bytes);

	if ((form & STOP_ROWS) != 0)
		pgosp_stop_set(record, stop, ROWS, &usage->rows);
	if ((form & STOP_HITS) != 0)
		pgosp_stop_set(record, stop, HITS, &hits);
	if ((form & STOP_WAL) != 0)
	{
		pgosp_stop_set(record, stop, WAL_RECORDS, &records);
		pgosp_stop_set(record, stop, WAL_BYTES, &bytes);
	}
}

/* Writes a stop of which the template is only the beginning: buffers and WAL are
 * encoded behind it. */
static pg_noinline void
put_more(const pgospStop *stop, osp_producer *producer,
		 const pgospStatementPoint *statement, int form, int64 now_ns,
		 int64 elapsed_ns)
{
	const pgospUsage *usage = &statement->usage;
	osp_point_ids ids;
	osp_writer w;

	pgosp_point_ids(&statement->point, &ids);
	if (!osp_template_begin(&stop->template.of,
							producer,
							&ids,
							now_ns,
							elapsed_ns,
							MORE_SIZE,
							&w))
		return;
	if ((form & STOP_ROWS) != 0)
		pgosp_stop_set(w.start, stop, ROWS, &usage->rows);
	pgosp_put_buffers(&w, &pgBufferUsage, &usage->buffers);
	pgosp_put_wal(&w, &usage->wal);
	osp_put_end(&w);
	osp_point_commit(producer, &w);
}

/* Is the statement the only open point, and has it nothing to report but its command
 * and what it used? */
static inline bool
is_plain(const pgospStatementPoint *statement)
{
	return statement->plain && pgosp_point_ends_alone(&statement->point) &&
		   statement->point.paused_ns < PGOSP_PAUSE_MIN_NS &&
		   statement->point.idle_ns == 0 &&
		   pgosp_waits_are_none(&statement->usage.waits) && pgosp_ring != NULL;
}

/* Writes a stop that consists of its template and the values in it. */
static inline void
put(const pgospStop *stop, osp_producer *producer,
	const pgospStatementPoint *statement, int form, int64 now_ns,
	int64 elapsed_ns)
{
	osp_point_ids ids;
	char *record;

	pgosp_point_ids(&statement->point, &ids);
	record = osp_template_put(
		&stop->template.of, producer, &ids, now_ns, elapsed_ns);
	if (unlikely(record == NULL))
		return;
	set_values(record, stop, &statement->usage, form);
	pgosp_template_commit(&stop->template.of, producer);
}

/* Throws the records of a quick statement away. False: it was not quick. */
static bool
drop(pgospStatementPoint *statement, int64 now_ns)
{
	pgospPoint *point = &statement->point;

	if (unlikely(pgosp_stage_is_late(point, now_ns)))
		return false;
	if (unlikely(pgosp_nodes_are_slow(now_ns - point->start_ns)))
		pgosp_known_is_slow(statement);
	pgosp_stage_drop(point);
	pgosp_point_leave(point);
	return true;
}

pgosp_hot bool
pgosp_statement_stop(pgospStatementPoint *statement)
{
	const pgospStop *stop;
	int64 now_ns;
	int64 elapsed_ns;
	int form;

	if (unlikely(!is_plain(statement)))
		return false;
	now_ns = pgosp_now();
	if (unlikely(statement->point.staged))
		return drop(statement, now_ns);
	form = form_of(&statement->usage);
	stop = stop_of(statement->known, statement->usage.command, form);
	if (unlikely(stop == NULL))
		return false;
	elapsed_ns = now_ns - statement->point.start_ns;
	if (unlikely(pgosp_nodes_are_slow(elapsed_ns)))
		pgosp_known_is_slow(statement);
	if (unlikely((form & STOP_MORE) != 0))
		put_more(stop, pgosp_ring, statement, form, now_ns, elapsed_ns);
	else
		put(stop, pgosp_ring, statement, form, now_ns, elapsed_ns);
	pgosp_point_leave(&statement->point);
	return true;
}
