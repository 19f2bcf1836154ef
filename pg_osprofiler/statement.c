/* SPDX-License-Identifier: Apache-2.0
 *
 * statement.c
 *	  Which statement becomes a point, and what is told of it.
 *
 * A statement is *nested* when it comes while another one runs that is a point;
 * it then hangs under that one, and a context of its own is not looked for. Any
 * other statement needs a context, see context.c. Points of users are put in
 * between when they were opened later.
 */
#include "pgosp.h"

#include "portability/instr_time.h"
#include "storage/bufmgr.h"
#include "utils/guc.h"

/* Keys and values beside the text and the parameters. */
#define START_SIZE 2048
#define STOP_SIZE  1024

static void
put_counter(osp_writer *w, osp_str key, int64 value)
{
	if (value != 0)
		osp_put_i64(w, key, value);
}

static void
put_time(osp_writer *w, osp_str key, const instr_time *now,
		 const instr_time *then)
{
	instr_time diff;

	if (now == NULL)
		return;
	diff = *now;
	INSTR_TIME_SUBTRACT(diff, *then);
	if (!INSTR_TIME_IS_ZERO(diff))
		osp_put_f64(w, key, INSTR_TIME_GET_MILLISEC(diff));
}

static void
put_buffers(osp_writer *w, const BufferUsage *then)
{
	const BufferUsage *now = &pgBufferUsage;

#define PUT(field) \
	put_counter(w, OSP_STR(#field), (int64) (now->field - then->field))
	osp_put_object(w, OSP_STR("buffers"));
	PUT(shared_blks_hit);
	PUT(shared_blks_read);
	PUT(shared_blks_dirtied);
	PUT(shared_blks_written);
	PUT(local_blks_hit);
	PUT(local_blks_read);
	PUT(local_blks_dirtied);
	PUT(local_blks_written);
	PUT(temp_blks_read);
	PUT(temp_blks_written);
	osp_put_end(w);
#undef PUT
}

static void
put_io_times(osp_writer *w, const BufferUsage *usage)
{
	pgospIoTimes now = pgosp_io_times(&pgBufferUsage);
	pgospIoTimes then = pgosp_io_times(usage);

	put_time(w, OSP_STR("io_read_ms"), now.read, then.read);
	put_time(w, OSP_STR("io_write_ms"), now.write, then.write);
	put_time(w, OSP_STR("temp_read_ms"), now.temp_read, then.temp_read);
	put_time(w, OSP_STR("temp_write_ms"), now.temp_write, then.temp_write);
}

void
pgosp_put_wal(osp_writer *w, const WalUsage *then)
{
	int64 records = pgWalUsage.wal_records - then->wal_records;

	if (records == 0)
		return;
	osp_put_object(w, OSP_STR("wal"));
	osp_put_i64(w, OSP_STR("records"), records);
	put_counter(w, OSP_STR("fpi"), pgWalUsage.wal_fpi - then->wal_fpi);
	osp_put_i64(
		w, OSP_STR("bytes"), (int64) (pgWalUsage.wal_bytes - then->wal_bytes));
	osp_put_end(w);
}

void
pgosp_usage_begin(pgospUsage *usage)
{
	usage->rows = 0;
	usage->command = NULL;
	usage->buffers = pgBufferUsage;
	usage->wal = pgWalUsage;
}

void
pgosp_put_statement_stop(osp_writer *w, const pgospPoint *point)
{
	const pgospUsage *usage = &((const pgospStatementPoint *) point)->usage;

	osp_put_object(w, OSP_STR("db"));
	osp_put_u64(w, OSP_STR("rows"), usage->rows);
	if (usage->command != NULL)
		osp_put_str(w, OSP_STR("command"), osp_str_of(usage->command));
	put_buffers(w, &usage->buffers);
	if (track_io_timing)
		put_io_times(w, &usage->buffers);
	pgosp_put_wal(w, &usage->wal);
	osp_put_end(w);
}

/* The text as it is recorded: this statement's, without secrets, in UTF-8. */
static osp_str
recorded_text(const pgospStatementFacts *facts, size_t *full_len)
{
	osp_str text = pgosp_text_without_context(
		pgosp_text_of_statement(facts->string, facts->location, facts->length));

	*full_len = text.len;
	if (facts->utility != NULL || facts->failed)
		pgosp_redact(facts->utility, &text);
	return pgosp_text_utf8(text, pgosp_text_limit());
}

typedef struct pgospStart
{
	const pgospStatementFacts *facts;
	osp_str text;
	size_t full_len;
} pgospStart;

static void
put_start(osp_writer *w, const void *what)
{
	const pgospStart *start = (const pgospStart *) what;
	const pgospStatementFacts *facts = start->facts;

	osp_put_object(w, OSP_STR("db"));
	osp_put_str(w, OSP_STR("statement"), start->text);
	if (start->full_len > pgosp_text_limit())
		osp_put_u64(w, OSP_STR("statement_length"), start->full_len);
	if (facts->params != NULL && !pgosp_hide_params)
		pgosp_put_params(w, facts->params);
	osp_put_encoded(w, pgosp_session_attributes());
	if (facts->query_id != 0)
	{
		char digits[24];
		int len = snprintf(
			digits, sizeof(digits), INT64_FORMAT, (int64) facts->query_id);

		osp_put_str(w, OSP_STR("query_id"), osp_str_n(digits, (size_t) len));
	}
	osp_put_end(w);
}

void
pgosp_statement_open(pgospStatementPoint *statement, const pgospPointKind *kind,
					 const pgospParent *parent,
					 const pgospStatementFacts *facts)
{
	pgospStart start;
	size_t size;

	start.facts = facts;
	start.text = recorded_text(facts, &start.full_len);
	size = START_SIZE + start.text.len;
	if (facts->params != NULL && !pgosp_hide_params)
		size += PGOSP_PARAMS_SIZE;
	statement->point.kind = kind;
	statement->point.name = OSP_STR("pg");
	statement->point.stop_size = STOP_SIZE;
	pgosp_point_open(&statement->point, parent, put_start, &start, size);
	pgosp_usage_begin(&statement->usage);
}

/* Under the running statement, or under a user's point opened in it. */
void
pgosp_nested_parent(pgospParent *parent)
{
	pgospPoint *user = pgosp_user_point();

	parent->context = NULL;
	parent->point = pgosp_current;
	if (user != NULL && user->serial > pgosp_current->serial)
		parent->point = user;
}

void
pgosp_parent_of_context(const osp_context *context, pgospParent *parent)
{
	pgospPoint *user = pgosp_user_point();

	parent->context = context;
	parent->point = NULL;
	if (user != NULL && osp_id_eq(&user->base_id, &context->base_id))
		parent->point = user;
}

bool
pgosp_statement_wanted(const pgospStatementFacts *facts, pgospParent *parent)
{
	const pgospContext *context;
	const osp_producer *producer;

	pgosp_commit_look();
	if (pgosp_current != NULL)
	{
		if ((pgosp_points & PGOSP_POINTS_NESTED) == 0)
			return false;
		pgosp_nested_parent(parent);
		return pgosp_point_may_open(parent);
	}
	if (pgosp_planning)
		return false;
	context = pgosp_context_of_statement(
		facts->string, facts->location, facts->length);
	pgosp_context_use_up(facts->string);
	if (context == NULL || (pgosp_points & PGOSP_POINTS_STATEMENT) == 0)
		return false;
	producer = pgosp_producer();
	if (producer == NULL)
		return false;
	pgosp_worker_want(producer);
	pgosp_errors_statement_begin();
	pgosp_commit_remember(&context->ids);
	pgosp_parent_of_context(&context->ids, parent);
	return true;
}
