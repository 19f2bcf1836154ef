/* SPDX-License-Identifier: Apache-2.0
 *
 * stop.c
 *	  The stops of nearly all statements.
 *
 * Nearly all end well, and tell how many rows there were, which command it was,
 * and how many blocks were hit. There is a template for each command, with and
 * without blocks, and one that ends behind the command, for whatever else has
 * been used. Anything more is for pgosp_put_statement_stop.
 */
#include "pgosp_known.h"

#define COMMANDS_MAX 8

/* What follows the values of both kinds. */
#define ENDS (2 + 2)

/* Buffers and WAL, when there is more than blocks that were hit. */
#define MORE_SIZE 1024

typedef enum StopForm
{
	STOP_PLAIN,
	STOP_HITS,
	STOP_MORE,
	STOP_FORMS
} StopForm;

typedef struct pgospStop
{
	osp_template template;
	size_t rows_at;
	uint64
		space[OSP_TEMPLATE_SIZE(2 * OSP_LABEL_MAX + 128) / sizeof(uint64) + 1];
} pgospStop;

/* The stops of a command, by the address of its name. */
typedef struct pgospStops
{
	const char *command;
	uint64 epoch; /* what pgosp_text_epoch was when they were made */
	pgospStop forms[STOP_FORMS];
} pgospStops;

static pgospStops stops[COMMANDS_MAX];

static bool
make_stop(pgospStop *stop, const char *command, StopForm form)
{
	char space[128];
	osp_writer w;
	size_t behind_rows;
	osp_str attributes;

	osp_attrs_begin(&w, space, sizeof(space));
	osp_put_object(&w, OSP_STR("db"));
	osp_put_u64(&w, OSP_STR("rows"), 0);
	behind_rows = (size_t) (w.pos - w.start);
	osp_put_str(&w, OSP_STR("command"), osp_str_of(command));
	if (form == STOP_HITS)
	{
		osp_put_object(&w, OSP_STR("buffers"));
		osp_put_i64(&w, OSP_STR("shared_blks_hit"), 0);
		osp_put_end(&w);
	}
	if (form != STOP_MORE)
		osp_put_end(&w);
	attributes = osp_attrs_end(&w);
	if (!pgosp_template_make(&stop->template,
							 stop->space,
							 sizeof(stop->space),
							 OSP_RECORD_STOP,
							 OSP_STR("pg"),
							 attributes))
		return false;
	stop->rows_at =
		stop->template.len - attributes.len + behind_rows - sizeof(uint64);
	return true;
}

static pg_noinline const pgospStops *
make_stops(const char *command)
{
	int i;
	int form;

	for (i = 0; i < COMMANDS_MAX; i++)
		if (stops[i].command == NULL || stops[i].command == command)
			break;
	if (i == COMMANDS_MAX)
		return NULL;
	stops[i].command = command;
	stops[i].epoch = 0;
	for (form = 0; form < STOP_FORMS; form++)
		if (!make_stop(&stops[i].forms[form], command, (StopForm) form))
			return NULL;
	stops[i].epoch = pgosp_text_epoch;
	return &stops[i];
}

static inline const pgospStops *
stops_of(const char *command)
{
	int i;

	for (i = 0; i < COMMANDS_MAX; i++)
		if (stops[i].command == command)
			break;
	if (likely(i < COMMANDS_MAX && stops[i].epoch == pgosp_text_epoch))
		return &stops[i];
	return command != NULL ? make_stops(command) : NULL;
}

static inline StopForm
form_of(const pgospUsage *usage)
{
	if (unlikely(pgWalUsage.wal_records != usage->wal.wal_records))
		return STOP_MORE;
	return pgosp_only_hits(&pgBufferUsage, &usage->buffers)
			   ? pgBufferUsage.shared_blks_hit != usage->buffers.shared_blks_hit
					 ? STOP_HITS
					 : STOP_PLAIN
			   : STOP_MORE;
}

/* By the template, and then as usual. */
static pg_noinline bool
put_more(const pgospStop *stop, osp_producer *producer,
		 const osp_point_ids *ids, const pgospUsage *usage, int64 now_ns,
		 int64 elapsed_ns)
{
	osp_writer w;

	if (!osp_template_begin(
			&stop->template, producer, ids, now_ns, elapsed_ns, MORE_SIZE, &w))
		return false;
	memcpy(w.start + stop->rows_at, &usage->rows, sizeof(usage->rows));
	pgosp_put_buffers(&w, &pgBufferUsage, &usage->buffers);
	pgosp_put_wal(&w, &usage->wal);
	osp_put_end(&w);
	osp_point_commit(producer, &w);
	return true;
}

pgosp_hot bool
pgosp_statement_stop(pgospStatementPoint *statement)
{
	const pgospUsage *usage = &statement->usage;
	const pgospStops *of_command;
	const pgospStop *stop;
	osp_producer *producer;
	osp_point_ids ids;
	int64 now_ns;
	int64 elapsed_ns;
	char *record;
	StopForm form;

	producer = pgosp_point_stops_by_template(&statement->point, &ids);
	if (producer == NULL || statement->point.parent != NULL ||
		statement->point.name.len != sizeof("pg") - 1 ||
		usage->jit_functions != 0 || usage->nodes_left_out != 0 ||
		usage->waits.count >= 0)
		return false;
	of_command = stops_of(usage->command);
	if (of_command == NULL)
		return false;
	form = form_of(usage);
	stop = &of_command->forms[form];
	now_ns = osp_mono_now();
	elapsed_ns = now_ns - statement->point.start_ns;
	if (form == STOP_MORE)
		(void) put_more(stop, producer, &ids, usage, now_ns, elapsed_ns);
	else
	{
		record = osp_template_put(
			&stop->template, producer, &ids, now_ns, elapsed_ns);
		if (likely(record != NULL))
		{
			memcpy(record + stop->rows_at, &usage->rows, sizeof(usage->rows));
			if (form == STOP_HITS)
			{
				int64 hits = pgBufferUsage.shared_blks_hit -
							 usage->buffers.shared_blks_hit;

				memcpy(record + stop->template.len - ENDS - sizeof(hits),
					   &hits,
					   sizeof(hits));
			}
			pgosp_template_commit(&stop->template, producer);
		}
	}
	pgosp_point_leave(&statement->point);
	return true;
}
