/* SPDX-License-Identifier: Apache-2.0
 *
 * errors.c
 *	  Reads errors: what the stop of a failed operation reports of one.
 *
 * An error that passes a hook is read there, whether somebody catches it later or
 * not. Errors that end a transaction or the session are kept until their
 * operations are closed.
 */
#include "pgosp.h"

#include "tcop/tcopprot.h"
#include "utils/memutils.h"

/* Must be free when an error is copied, so that this cannot run out of it. */
#define RESERVE (1024 * 1024)

/* The last error that was reported while a commit was open. */
static pgospError reported = {false};
static char reported_message[PGOSP_MESSAGE_MAX];

static pgospError fatal = {false};
static char fatal_message[PGOSP_MESSAGE_MAX];

static void
set_error(pgospError *error, int sqlerrcode, osp_str message)
{
	error->known = true;
	memcpy(error->sqlstate, unpack_sql_state(sqlerrcode), 5);
	error->message = message;
}

/*
 * May the message show a secret? It does if the text may that has the error, be
 * it the client's or one that a function made. One that was not understood may be
 * anything, if it has quotes and is no single query.
 */
static bool
is_masked(const ErrorData *edata)
{
	const char *text = edata->internalquery != NULL ? edata->internalquery
													: debug_query_string;

	if (pgosp_current != NULL && pgosp_current->masked)
		return true;
	if (text == NULL)
		return false;
	if (edata->sqlerrcode == ERRCODE_SYNTAX_ERROR &&
		strpbrk(text, "'\"$") != NULL &&
		!osp_sql_is_query(osp_str_of(text), OSP_SQL_POSTGRES_ANY))
		return true;
	return pgosp_text_is_secret(osp_str_of(text));
}

void
pgosp_error_read(pgospError *error, const ErrorData *edata, char *space)
{
	osp_str message = OSP_STR("");

	if (edata->sqlerrcode != ERRCODE_OUT_OF_MEMORY)
		message = pgosp_text_message(
			osp_str_of(edata->message),
			osp_sql_error_origin(unpack_sql_state(edata->sqlerrcode),
								 edata->funcname,
								 edata->cursorpos > 0,
								 edata->internalpos > 0),
			is_masked(edata),
			space,
			PGOSP_MESSAGE_MAX);
	message.len = Min(message.len, PGOSP_MESSAGE_MAX);
	memmove(space, message.ptr, message.len);
	set_error(error, edata->sqlerrcode, osp_str_n(space, message.len));
}

/* Is there memory enough to copy any error? */
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

static char captured_message[PGOSP_MESSAGE_MAX];

static void
read_captured(const ErrorData *edata, void *arg)
{
	pgosp_error_read((pgospError *) arg, edata, captured_message);
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
	pgosp_error_read(&reported, edata, reported_message);
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
	pgosp_error_read(&fatal, edata, fatal_message);
}
