/* SPDX-License-Identifier: Apache-2.0
 *
 * client_operation.c
 *	  The operations that are recorded: statements, connections, cancel
 *	  requests.
 *
 * A start record has the facts that are known before the statement runs, a stop
 * record has its result. Both are written as attributes directly into the ring;
 * nothing is allocated.
 */
#include "client_operation.h"

#include <pthread.h>
#include <stdio.h>
#include <strings.h>


#define CONNECT OSP_STR("db.connect")

/*
 * The space for the attributes of a start record without its texts, and for
 * those of a whole stop record.
 */
#define START_SIZE 192
#define STOP_SIZE  ((1 + OSPQ_FIELDS) * OSPQ_MESSAGE_MAX + OSPQ_TAG_MAX + 256)

/* Limits for parameters: how many of a statement, how many bytes of one, and of all. */
#define PARAMS_MAX      64
#define PARAM_MAX       1024
#define PARAMS_SUM      8192
#define PARAM_HEAD      16
#define PARAMS_SIZE     (PARAMS_SUM + PARAMS_MAX * PARAM_HEAD)
#define FORMAT_IS_TEXT  0
#define TO_SERVER       "connection to server"
#define CONNECT_FAILURE "08001" /* unable to establish the connection */
#define CONNECTION_LOST "08006"
#define LIBPQ_ERROR     "libpq_error" /* an error without a SQLSTATE */

/* A record that is being written, directly into the ring or by osp__hook_begin. */
typedef struct record
{
	osp_writer w;
	osp_producer *ring; /* NULL: written by osp__hook_begin */
} record;

/*
 * The beginning of every statement's stop record, already encoded: up to the
 * object "db", which is not ended yet.
 */
static osp_template stop_template;
static char stop_space[OSP_TEMPLATE_SIZE(sizeof("db") + 16 + 2 * OSP_LABEL_MAX)]
	__attribute__((aligned(OSP_RECORD_ALIGN)));

static void
make_stop_template(void)
{
	osp_str project;
	osp_str service;

	osp__profiler_labels(&project, &service);
	if (!osp_template_make(&stop_template,
						   stop_space,
						   sizeof(stop_space),
						   OSP_RECORD_STOP,
						   OSPQ_DB,
						   project,
						   service,
						   ospq_conn_opening(NULL)))
		stop_template.record = NULL;
}

/* Begins a record if there is no template for it, or no ring to write to directly. */
static __attribute__((noinline)) bool
begin_slowly(record *r, const osp__point *point, osp_record_kind kind,
			 osp_str opening, int64_t now_ns, size_t info_max)
{
	r->ring = NULL;
	if (!osp__hook_begin(
			point, kind, OSPQ_DB, now_ns, info_max + opening.len, &r->w))
		return false;
	osp_put_encoded(&r->w, opening);
	return true;
}

/*
 * Begins a record of a statement, and writes it up to the encoded opening. It
 * nearly always copies a template for that, which is faster. False: the record
 * is dropped.
 */
static inline __attribute__((always_inline)) bool
begin_record(record *r, const osp__point *point, const osp_template *t,
			 osp_record_kind kind, osp_str opening, int64_t now_ns,
			 size_t info_max)
{
	int64_t elapsed_ns = kind == OSP_RECORD_STOP ? now_ns - point->start_ns : 0;
	osp_point_ids ids;

	r->ring = osp__hook_templates(point, &ids);
	if (OSP_LIKELY(r->ring != NULL && t->record != NULL))
		return osp_template_begin(
			t, r->ring, &ids, now_ns, elapsed_ns, info_max, &r->w);
	return begin_slowly(r, point, kind, opening, now_ns, info_max);
}

static inline __attribute__((always_inline)) void
commit_record(record *r)
{
	if (OSP_LIKELY(r->ring != NULL))
		osp_point_commit(r->ring, &r->w);
	else
		osp__hook_commit(&r->w);
}

int ospq_wanted = -1;

static void
read_setting(void)
{
	const osp_config *config = osp__hook_config();
	int wanted = config != NULL && config->trace_sqlalchemy ? 1 : 0;

	if (wanted == 1)
		make_stop_template();
	__atomic_store_n(&ospq_wanted, wanted, __ATOMIC_RELEASE);
}

bool
ospq_ask_if_wanted(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	(void) pthread_once(&once, read_setting);
	return ospq_wanted == 1;
}

static osp_str
cut(osp_str text, size_t max)
{
	if (text.len > max)
		text.len = osp_utf8_prefix(text, max);
	return text;
}

static void
put_param(osp_writer *w, const ospq_facts *facts, int i)
{
	char digits[16];
	osp_str key = osp_str_n(
		digits, (size_t) snprintf(digits, sizeof(digits), "%d", i + 1));
	const char *value = facts->params[i];
	osp_str text;

	if (value == NULL)
		osp_put_null(w, key);
	else if (facts->param_formats == NULL ||
			 facts->param_formats[i] == FORMAT_IS_TEXT)
	{
		text = osp_str_n(value, strnlen(value, PARAM_MAX + 1));
		osp_put_str(w, key, cut(text, PARAM_MAX));
	}
	else
	{
		char binary[48];
		int len = snprintf(
			binary,
			sizeof(binary),
			"(binary, %d bytes)",
			facts->param_lengths != NULL ? facts->param_lengths[i] : 0);

		osp_put_str(w, key, osp_str_n(binary, (size_t) len));
	}
}

static void
put_params(osp_writer *w, const ospq_facts *facts)
{
	const char *begin = w->pos;
	int i;

	osp_put_object(w, OSP_STR("params"));
	for (i = 0; i < facts->param_count && i < PARAMS_MAX &&
				w->pos - begin < PARAMS_SUM - PARAM_MAX;
		 i++)
		put_param(w, facts, i);
	osp_put_end(w);
}

/*
 * Are there parameters that should be recorded? If the text of the statement is
 * not known, as after a PREPARE in SQL, they are not, since nobody knows what
 * they contain.
 */
static bool
shows_params(const ospq_facts *facts)
{
	const osp_config *config;

	if (OSP_LIKELY(facts->param_count <= 0 || facts->params == NULL))
		return false;
	config = osp__hook_config();
	return config != NULL && !config->hide_params;
}

/* Encodes the attributes of the connection for start records, unless that is done. */
static inline void
need_opening(ospq_conn *c)
{
	if (OSP_UNLIKELY(!c->described))
		ospq_conn_describe(c);
}

/* The text of the statement, cut to its limit, and its full length. */
static osp_sql_recorded
text_of(ospq_conn *c, const ospq_facts *facts)
{
	if (facts->text != NULL && facts->is_name)
		return (osp_sql_recorded){.text = osp_str_of(facts->text)};
	if (facts->text != NULL)
		return ospq_conn_record(c, facts->text);
	if (facts->name != NULL)
		return ospq_prepared_find(&c->prepared, facts->name);
	return (osp_sql_recorded){.text = OSP_STR("")};
}

/*
 * May error messages quote values of parameters: those of the statement, or of
 * a statement that it runs?
 */
static inline bool
may_have_values(const ospq_facts *facts, const osp_sql_recorded *recorded)
{
	return facts->param_count > 0 || facts->is_name ||
		   recorded->secrecy == OSP_SQL_VALUES ||
		   (OSP_UNLIKELY(osp_sql_may_run_earlier(recorded->text)) &&
			(osp_sql_runs_deferred(recorded->text, OSP_SQL_POSTGRES_ANY) ||
			 osp_sql_reads_rows(recorded->text, OSP_SQL_POSTGRES_ANY)));
}

/*
 * Are strings of a perhaps mistyped statement left out of its text? The message of a
 * syntax error may quote one: at or near "'secret'".
 */
static inline bool
hides_strings(const osp_sql_recorded *recorded)
{
	return OSP_UNLIKELY(recorded->secrecy == OSP_SQL_UNKNOWN) &&
		   (recorded->full_len > recorded->text.len ||
			memchr(recorded->text.ptr, '\'', recorded->text.len) != NULL);
}

/* Writes attributes that few statements have. */
static __attribute__((noinline)) void
put_facts(osp_writer *w, const ospq_conn *c, const ospq_facts *facts,
		  size_t name_len, bool params)
{
	if (facts->operation != NULL)
		osp_put_str(w, OSP_STR("operation"), osp_str_of(facts->operation));
	if (name_len > 0)
		osp_put_str(w, OSP_STR("name"), osp_str_n(facts->name, name_len));
	if (c->pipeline_position > 0)
		osp_put_u64(w, OSP_STR("pipeline"), c->pipeline_position);
	if (params)
		put_params(w, facts);
}

/*
 * A cursor, and deferred triggers at COMMIT, run with what an earlier statement of the
 * transaction had, so their messages may quote its secrets.
 */
static __attribute__((noinline)) void
keep_secret(ospq_conn *c, osp_str text)
{
	bool before =
		c->secret_before && REAL(PQtransactionStatus)(c->conn) != PQTRANS_IDLE;

	c->secret_before = before || c->secret;
	c->secret |= before && (osp_sql_runs_deferred(text, OSP_SQL_POSTGRES_ANY) ||
							osp_sql_reads_rows(text, OSP_SQL_POSTGRES_ANY));
}

bool
ospq_start(ospq_conn *c, osp__point *point, const ospq_facts *facts)
{
	size_t name_len = 0;
	osp_sql_recorded recorded;
	bool params;
	osp_str text;
	record r;

	if (OSP_UNLIKELY(ospq_cancels_pending != 0))
		ospq_record_cancels();
	need_opening(c);
	recorded = text_of(c, facts);
	text = recorded.text;
	c->secret = recorded.secrecy >= OSP_SQL_SECRET || hides_strings(&recorded);
	if (OSP_UNLIKELY(c->secret || c->secret_before))
		keep_secret(c, text);
	c->values = may_have_values(facts, &recorded);
	if (!osp__hook_open(point))
		return false;
	if (facts->name != NULL)
		name_len = strnlen(facts->name, OSP_LABEL_MAX);
	params = shows_params(facts) && !c->secret && text.len > 0;
	if (OSP_UNLIKELY(!begin_record(&r,
								   point,
								   &c->start,
								   OSP_RECORD_START,
								   ospq_conn_opening(c),
								   point->start_ns,
								   START_SIZE + text.len + name_len +
									   (params ? PARAMS_SIZE : 0))))
		return true;
	if (OSP_LIKELY(text.len > 0))
		osp_put_str(&r.w, OSP_STR("statement"), text);
	if (OSP_UNLIKELY(recorded.full_len > OSPQ_TEXT_MAX))
		osp_put_u64(&r.w, OSP_STR("statement_length"), recorded.full_len);
	if (OSP_UNLIKELY(facts->operation != NULL || name_len > 0 ||
					 c->pipeline_position > 0 || params))
		put_facts(&r.w, c, facts, name_len, params);
	osp_put_end(&r.w);
	commit_record(&r);
	return true;
}

/* Why a statement has no answer although it did not fail. */
static const char *
fate_text(ospq_fate fate)
{
	switch (fate)
	{
		case OSPQ_DISCARDED:
			return "discarded";
		case OSPQ_NOT_EXECUTED:
			return "not executed";
		case OSPQ_INTERRUPTED:
			return "interrupted";
		case OSPQ_DONE:
		case OSPQ_FAILED:
			break;
	}
	return NULL;
}

/* Writes DETAIL, HINT and the places in CONTEXT, as far as they may be recorded. */
static void
put_fields(osp_writer *w, const ospq_outcome *outcome,
		   osp_sql_message_rules rules)
{
	static const char *const names[OSPQ_FIELDS] = {
		[OSPQ_DETAIL] = "detail",
		[OSPQ_HINT] = "hint",
		[OSPQ_CONTEXT] = "context",
	};
	char space[OSPQ_MESSAGE_MAX];
	int i;

	for (i = 0; i < OSPQ_FIELDS; i++)
	{
		osp_str text;

		if (outcome->fields[i] == NULL)
			continue;
		text = osp_str_of(outcome->fields[i]);
		if (i != OSPQ_CONTEXT)
			text = osp__hook_detail(text,
									outcome->sqlstate,
									outcome->origin,
									rules,
									space,
									sizeof(space));
		else if (outcome->secret)
			continue;
		else
			text = osp_sql_places(text, space, sizeof(space));
		if (text.len > 0)
			osp_put_str(w, osp_str_of(names[i]), cut(text, sizeof(space)));
	}
}

static void
put_failure(osp_writer *w, const ospq_outcome *outcome)
{
	osp_sql_message_rules rules = {.dialect = OSP_SQL_POSTGRES_ANY,
								   .masked = outcome->secret,
								   .values = outcome->values,
								   .unchecked = true};
	osp_str message = osp_str_of(outcome->message);
	char space[OSPQ_MESSAGE_MAX];

	if (outcome->sqlstate != NULL && strlen(outcome->sqlstate) == 5)
		osp_put_sqlstate(w, OSP_STR("etype"), outcome->sqlstate);
	else
		osp_put_str(w, OSP_STR("etype"), OSP_STR(LIBPQ_ERROR));
	while (message.len > 0 && message.ptr[message.len - 1] == '\n')
		message.len--;
	message = osp__hook_message(cut(message, OSPQ_MESSAGE_MAX),
								outcome->origin,
								rules,
								space,
								sizeof(space));
	osp_put_str(w, OSP_STR("message"), message);
	put_fields(w, outcome, rules);
}

/* Ends the object "db", and writes how the operation ended. */
static inline void
put_outcome(osp_writer *w, const ospq_outcome *outcome)
{
	const char *fate;

	if (OSP_LIKELY(outcome->fate == OSPQ_DONE))
	{
		osp_put_end(w);
		return;
	}
	fate = fate_text(outcome->fate);
	if (fate != NULL)
		osp_put_str(w, OSP_STR("outcome"), osp_str_of(fate));
	osp_put_end(w);
	if (outcome->fate == OSPQ_FAILED)
		put_failure(w, outcome);
}

void
ospq_stop(const osp__point *point, const ospq_outcome *outcome)
{
	record r;

	if (OSP_UNLIKELY(!begin_record(&r,
								   point,
								   &stop_template,
								   OSP_RECORD_STOP,
								   ospq_conn_opening(NULL),
								   osp__hook_now(),
								   STOP_SIZE)))
		return;
	if (outcome->has_rows)
		osp_put_u64(&r.w, OSP_STR("rows"), outcome->rows);
	if (outcome->has_bytes)
		osp_put_u64(&r.w, OSP_STR("bytes"), outcome->bytes);
	if (outcome->tag != NULL && outcome->tag[0] != '\0')
		osp_put_str(
			&r.w,
			OSP_STR("command"),
			osp_str_n(outcome->tag, strnlen(outcome->tag, OSPQ_TAG_MAX)));
	put_outcome(&r.w, outcome);
	commit_record(&r);
}

/* Reads the number at the end of a command tag, "INSERT 0 5". */
static bool
rows_of_tag(const char *tag, uint64_t *rows)
{
	const char *end = tag + strlen(tag);
	uint64_t scale = 1;

	*rows = 0;
	if (end == tag || end[-1] < '0' || end[-1] > '9')
		return false;
	while (end > tag && end[-1] >= '0' && end[-1] <= '9')
	{
		*rows += (uint64_t) (*--end - '0') * scale;
		scale *= 10;
	}
	return end > tag && end[-1] == ' ';
}

static bool
has_field(const PGresult *result, int field)
{
	return REAL(PQresultErrorField)(result, field) != NULL;
}

/* Reads an error. One that libpq itself reports has a message, but no fields. */
static void
read_error(ospq_outcome *outcome, const PGconn *conn, const PGresult *result)
{
	static const int fields[OSPQ_FIELDS] = {
		[OSPQ_DETAIL] = PG_DIAG_MESSAGE_DETAIL,
		[OSPQ_HINT] = PG_DIAG_MESSAGE_HINT,
		[OSPQ_CONTEXT] = PG_DIAG_CONTEXT,
	};
	int i;

	outcome->fate = OSPQ_FAILED;
	outcome->sqlstate = REAL(PQresultErrorField)(result, PG_DIAG_SQLSTATE);
	outcome->message =
		REAL(PQresultErrorField)(result, PG_DIAG_MESSAGE_PRIMARY);
	if (outcome->message == NULL)
		outcome->message = REAL(PQresultErrorMessage)(result);
	outcome->origin = osp_sql_error_origin(
		outcome->sqlstate,
		REAL(PQresultErrorField)(result, PG_DIAG_SOURCE_FUNCTION),
		has_field(result, PG_DIAG_STATEMENT_POSITION),
		has_field(result, PG_DIAG_INTERNAL_POSITION));
	if (outcome->sqlstate == NULL && REAL(PQstatus)(conn) == CONNECTION_BAD)
		outcome->sqlstate = CONNECTION_LOST;
	for (i = 0; i < OSPQ_FIELDS; i++)
		outcome->fields[i] = REAL(PQresultErrorField)(result, fields[i]);
}

void
ospq_read_result(ospq_outcome *outcome, const PGconn *conn, PGresult *result)
{
	int status = (int) REAL(PQresultStatus)(result);
	uint64_t rows;

	switch (status)
	{
		case PGRES_TUPLES_OK:
			outcome->tag = REAL(PQcmdStatus)(result);
			outcome->has_rows = true;
			rows = (uint64_t) REAL(PQntuples)(result);

			/*
			 * If rows were fetched one by one or in chunks, this last result
			 * has none, and the tag has their number.
			 */
			if (rows == 0)
				(void) rows_of_tag(outcome->tag, &rows);
			outcome->rows += rows;
			break;
		case PGRES_COMMAND_OK:
			outcome->tag = REAL(PQcmdStatus)(result);
			if (outcome->tag != NULL && rows_of_tag(outcome->tag, &rows))
			{
				outcome->has_rows = true;
				outcome->rows += rows;
			}
			break;
		case OSPQ_RES_PIPELINE_ABORTED:
			outcome->fate = OSPQ_NOT_EXECUTED;
			break;
		case PGRES_FATAL_ERROR:
		case PGRES_BAD_RESPONSE:
			read_error(outcome, conn, result);
			break;
		default:
			break;
	}
}

void
ospq_read_failure(ospq_outcome *outcome, const PGconn *conn)
{
	outcome->fate = OSPQ_FAILED;
	outcome->sqlstate =
		REAL(PQstatus)(conn) == CONNECTION_BAD ? CONNECTION_LOST : NULL;
	outcome->message = ospq_error_message(conn);
}

/* Copies a text of a result, cut to the size of out. */
static void
keep(char *out, size_t size, const char *text)
{
	if (text != NULL)
		(void) snprintf(out, size, "%s", text);
}

/*
 * Copies the fields of an error uncut: whether they have a secret can only be
 * decided about the whole text.
 */
static void
keep_fields(ospq_open *open, const ospq_outcome *outcome)
{
	int i;

	for (i = 0; i < OSPQ_FIELDS; i++)
		if (outcome->fields[i] != NULL)
			open->fields[i] = osp_strdup(&osp_allocator_default,
										 osp_str_of(outcome->fields[i]));
}

/* Copies the texts of the result, which is freed before the statement stops. */
void
ospq_open_read(ospq_open *open, const PGconn *conn, PGresult *result)
{
	ospq_outcome *outcome = &open->outcome;

	open->answered = true;
	ospq_read_result(outcome, conn, result);
	keep(open->tag, sizeof(open->tag), outcome->tag);
	if (outcome->message != NULL && open->message == NULL)
	{
		keep(open->sqlstate, sizeof(open->sqlstate), outcome->sqlstate);
		open->message =
			osp_strdup(&osp_allocator_default,
					   cut(osp_str_of(outcome->message), OSPQ_MESSAGE_MAX));
		keep_fields(open, outcome);
	}
	outcome->tag = outcome->sqlstate = outcome->message = NULL;
	memset(outcome->fields, 0, sizeof(outcome->fields));
}

void
ospq_stop_head(ospq_conn *c)
{
	ospq_open *head = ospq_conn_head(c);
	int i;

	head->outcome.tag = head->tag;
	head->outcome.sqlstate = head->sqlstate;
	head->outcome.message = head->message;
	for (i = 0; i < OSPQ_FIELDS; i++)
		head->outcome.fields[i] = head->fields[i];
	if (head->kind == OSPQ_STATEMENT)
		ospq_stop(&head->point, &head->outcome);
	if (head->prepare_text != NULL && head->outcome.fate == OSPQ_DONE)
		ospq_conn_remember(c, head->prepare_name, head->prepare_text);
	ospq_conn_pop(c);
}

void
ospq_stop_all(ospq_conn *c, ospq_fate fate)
{
	ospq_open *head;

	for (head = ospq_conn_head(c); head != NULL; head = ospq_conn_head(c))
	{
		if (!head->answered || fate == OSPQ_INTERRUPTED)
		{
			if (head->outcome.fate == OSPQ_DONE)
				head->outcome.fate = fate;
		}
		ospq_stop_head(c);
	}
}

bool
ospq_connect_start(void)
{
	osp__point *point = ospq_call_point();
	osp_writer w;

	if (!osp__hook_open(point))
		return false;
	if (osp__hook_begin(
			point, OSP_RECORD_START, CONNECT, point->start_ns, 0, &w))
		osp__hook_commit(&w);
	ospq_set_call(OSPQ_CALL_CONNECT);
	return true;
}

/* Records the end of connecting; conn is the connection, NULL: there is none. */
static void
stop_connect(const osp__point *point, PGconn *conn, const ospq_outcome *outcome)
{
	ospq_conn *c = ospq_conn_get(conn);
	osp_writer w;

	if (c != NULL)
		need_opening(c);
	if (!osp__hook_begin(point,
						 OSP_RECORD_STOP,
						 CONNECT,
						 osp__hook_now(),
						 STOP_SIZE + ospq_conn_opening(c).len,
						 &w))
		return;
	osp_put_encoded(&w, ospq_conn_opening(c));
	put_outcome(&w, outcome);
	osp__hook_commit(&w);
}

void
ospq_connect_stop(const osp__point *point, PGconn *conn)
{
	ospq_outcome outcome = {.fate = OSPQ_FAILED,
							.sqlstate = CONNECT_FAILURE,
							.message = "out of memory"};

	if (conn != NULL && REAL(PQstatus)(conn) == CONNECTION_OK)
		outcome.fate = OSPQ_DONE;
	else if (conn != NULL)
	{
		/*
		 * A message that names no server is about the connection string, and
		 * may quote it.
		 */
		outcome.message = REAL(PQerrorMessage)(conn);
		outcome.secret = strstr(outcome.message, TO_SERVER) == NULL;
	}
	stop_connect(point, conn, &outcome);
}

bool
ospq_still_inside(void)
{
	if (osp__guard_holds(osp__depth.libpq))
		return true;
	ospq_interrupt_call();
	return false;
}

void
ospq_interrupt_call(void)
{
	const ospq_outcome outcome = {.fate = OSPQ_INTERRUPTED};
	osp__profiler *p = osp__self;
	unsigned kind = p != NULL ? p->call_kind : OSPQ_CALL_OTHER;

	osp__depth.libpq = NULL;
	if (kind == OSPQ_CALL_OTHER)
		return;
	p->call_kind = OSPQ_CALL_OTHER;
	if (kind == OSPQ_CALL_STATEMENT)
		ospq_stop(&p->call, &outcome);
	else
		stop_connect(&p->call, NULL, &outcome);
}
