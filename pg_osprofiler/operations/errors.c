/* SPDX-License-Identifier: Apache-2.0
 *
 * errors.c
 *	  Reads errors: what the stop of a failed operation reports of its error.
 *
 * An error that passes a hook is read there, whether somebody catches it later or
 * not. Errors that end a transaction or the session are kept until their
 * operations are closed.
 */
#include "pgosp.h"

#include "tcop/tcopprot.h"
#include "utils/memutils.h"

/* This much memory must be free when an error is copied, so that copying cannot run out
 * of memory. */
#define RESERVE (1024 * 1024)

/* The last error that was reported while a commit was open. */
static pgospError reported = {false};
static char reported_texts[PGOSP_ERROR_MAX];

static pgospError fatal = {false};
static char fatal_texts[PGOSP_ERROR_MAX];

static void
set_error(pgospError *error, int sqlerrcode, osp_str message)
{
	error->known = true;
	memcpy(error->sqlstate, unpack_sql_state(sqlerrcode), 5);
	error->message = message;
	error->detail = error->hint = error->places = OSP_STR("");
}

/* Does the client's statement run what an earlier one with a secret has left: a cursor,
 * deferred triggers? */
static bool
runs_masked(void)
{
	osp_str text;

	if (debug_query_string == NULL || !pgosp_transaction_is_masked())
		return false;
	text = osp_str_of(debug_query_string);
	return osp_sql_reads_rows(text, OSP_SQL_POSTGRES_ANY) ||
		   osp_sql_runs_deferred(text, OSP_SQL_POSTGRES_ANY);
}

/*
 * May the message show a secret? It may if the text of the failed statement may hold
 * one, whether it is the client's or was made by a function. A text that could not be
 * parsed may hold anything, if it has quotes and is not a single query. The quotes of a
 * signed comment do not count.
 */
static bool
is_masked(const ErrorData *edata)
{
	const char *string = edata->internalquery != NULL ? edata->internalquery
													  : debug_query_string;
	osp_str text;
	bool inside;

	if ((pgosp_current != NULL && pgosp_current->masked) || runs_masked())
		return true;
	if (string == NULL)
		return false;
	text = osp_sql_comment_trim(osp_str_of(string),
								OSP_SQL_POSTGRES_ANY,
								pgosp_accept_traceparent,
								&inside);
	if (edata->sqlerrcode == ERRCODE_SYNTAX_ERROR &&
		strcspn(text.ptr, "'\"$") < text.len &&
		!osp_sql_is_query(text, OSP_SQL_POSTGRES_ANY))
		return true;
	return pgosp_text_is_secret(text);
}

/* Where texts are recorded without constants: does the message have one of them? Such a
 * message is hidden, as one that a function has made. */
static bool
quotes_string(const ErrorData *edata)
{
	const char *text = edata->internalquery != NULL ? edata->internalquery
													: debug_query_string;

	return pgosp_statement_text != OSP_STATEMENT_FULL && text != NULL &&
		   edata->message != NULL &&
		   osp_sql_quotes_string(osp_str_of(edata->message),
								 osp_str_of(text),
								 OSP_SQL_POSTGRES_ANY);
}

/* Moves a text to its part of an error's space. */
static osp_str
place_text(osp_str text, char *space, size_t size)
{
	text.len = osp_utf8_prefix(text, size);
	memmove(space, text.ptr, text.len);
	return osp_str_n(space, text.len);
}

/* Reads DETAIL, HINT and CONTEXT into space, behind the message. */
static void
read_details(pgospError *error, const ErrorData *edata, osp_sql_origin origin,
			 bool masked, char *space)
{
	const char *sqlstate = unpack_sql_state(edata->sqlerrcode);
	char *detail = space + PGOSP_MESSAGE_MAX;
	char *hint = detail + PGOSP_DETAIL_MAX;
	char *places = hint + PGOSP_DETAIL_MAX;

	if (edata->detail != NULL)
		error->detail = place_text(pgosp_text_detail(edata->detail,
													 sqlstate,
													 origin,
													 masked,
													 detail,
													 PGOSP_DETAIL_MAX),
								   detail,
								   PGOSP_DETAIL_MAX);
	if (edata->hint != NULL)
		error->hint = place_text(
			pgosp_text_detail(
				edata->hint, sqlstate, origin, masked, hint, PGOSP_DETAIL_MAX),
			hint,
			PGOSP_DETAIL_MAX);
	if (edata->context != NULL && !masked)
		error->places = osp_sql_places(
			pgosp_text_utf8(osp_str_of(edata->context), PGOSP_ERROR_MAX),
			places,
			PGOSP_DETAIL_MAX);
}

void
pgosp_error_read(pgospError *error, const ErrorData *edata, char *space)
{
	osp_str message = OSP_STR("");
	osp_sql_origin origin;
	bool masked;

	if (edata->sqlerrcode == ERRCODE_OUT_OF_MEMORY)
	{
		set_error(error, edata->sqlerrcode, message);
		return;
	}
	origin = osp_sql_error_origin(unpack_sql_state(edata->sqlerrcode),
								  edata->funcname,
								  edata->cursorpos > 0,
								  edata->internalpos > 0);
	masked = is_masked(edata);
	if (quotes_string(edata))
		origin = OSP_SQL_FROM_PROGRAM;
	message = pgosp_text_message(
		osp_str_of(edata->message), origin, masked, space, PGOSP_MESSAGE_MAX);
	message.len = Min(message.len, PGOSP_MESSAGE_MAX);
	memmove(space, message.ptr, message.len);
	set_error(error, edata->sqlerrcode, osp_str_n(space, message.len));
	read_details(error, edata, origin, masked, space);
}

/* Is there enough memory to copy any error? */
static bool
have_reserve(MemoryContext memory)
{
	void *probe =
		MemoryContextAllocExtended(memory, RESERVE, MCXT_ALLOC_NO_OOM);

	if (probe == NULL)
		return false;
	pfree(probe);
	return true;
}

void
pgosp_error_copy(pgosp_error_reader read, void *arg)
{
	MemoryContext memory = pgosp_error_memory();
	MemoryContext old;

	if (memory == NULL || !have_reserve(memory))
		return;
	old = MemoryContextSwitchTo(memory);
	read(CopyErrorData(), arg);
	MemoryContextSwitchTo(old);
	MemoryContextReset(memory);
}

static char captured_texts[PGOSP_ERROR_MAX];

static void
read_captured(const ErrorData *edata, void *arg)
{
	pgosp_error_read((pgospError *) arg, edata, captured_texts);
}

void
pgosp_error_capture(pgospError *error)
{
	int code = geterrcode();

	set_error(error, code, OSP_STR(""));
	if (code != ERRCODE_OUT_OF_MEMORY)
		pgosp_error_copy(read_captured, error);
}

void
pgosp_error_keep_reported(const ErrorData *edata)
{
	pgosp_error_read(&reported, edata, reported_texts);
}

const pgospError *
pgosp_error_reported(void)
{
	static pgospError taken;

	taken = reported;
	reported.known = false;
	return taken.known ? &taken : NULL;
}

const pgospError *
pgosp_error_fatal(void)
{
	return fatal.known ? &fatal : NULL;
}

void
pgosp_error_keep_fatal(const ErrorData *edata)
{
	pgosp_error_read(&fatal, edata, fatal_texts);
}
