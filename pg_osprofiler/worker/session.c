/* SPDX-License-Identifier: Apache-2.0
 *
 * session.c
 *	  What a backend keeps from its first traced statement to its end.
 */
#include "pgosp.h"

/*
 * Only names are read from the struct Port here. Its layout is the same without
 * Kerberos, so the headers of Kerberos need not be installed.
 */
#undef ENABLE_GSS
#include "libpq/libpq-be.h"
#include "miscadmin.h"
#include "utils/guc.h"
#include "utils/memutils.h"

static bool begun = false;
static MemoryContext error_memory = NULL;
static MemoryContext record_memory = NULL;

/* Makes the memory contexts. If there is no memory, the error is dropped and they stay
 * NULL. */
static void
make_memory(void)
{
	MemoryContext old = CurrentMemoryContext;

	PG_TRY();
	{
		if (error_memory == NULL)
			error_memory = AllocSetContextCreate(
				TopMemoryContext, "osprofiler errors", ALLOCSET_DEFAULT_SIZES);
		if (record_memory == NULL)
			record_memory = AllocSetContextCreate(
				TopMemoryContext, "osprofiler records", ALLOCSET_DEFAULT_SIZES);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(old);
		FlushErrorState();
	}
	PG_END_TRY();
}

/* Makes the memory contexts, except while an error is reported, when there must be no
 * other error. Then they are made at the next request. */
static void
ensure_memory(void)
{
	if (unlikely(record_memory == NULL) && !pgosp_reporting)
		make_memory();
}

void
pgosp_session_begin(void)
{
	ensure_memory();
	if (begun)
		return;
	begun = true;
	if (pgosp_first_trace_hook != NULL)
		pgosp_first_trace_hook();
}

void *
pgosp_record_space(size_t size)
{
	ensure_memory();
	return record_memory != NULL ? MemoryContextAllocExtended(
									   record_memory, size, MCXT_ALLOC_NO_OOM)
								 : NULL;
}

MemoryContext
pgosp_error_memory(void)
{
	ensure_memory();
	return error_memory;
}

static void
put_text(osp_writer *w, osp_str key, const char *text)
{
	if (text != NULL && text[0] != '\0')
		osp_put_str(w, key, pgosp_text_utf8(osp_str_of(text), NAMEDATALEN * 4));
}

pgosp_hot_data char pgosp_application[NAMEDATALEN];
static osp_str attributes = {NULL, 0};

osp_str
pgosp_session_attributes(void)
{
	static char space[2048];
	const char *name = application_name != NULL ? application_name : "";
	osp_writer w;

	if (attributes.ptr != NULL && pgosp_session_is_told())
		return attributes;
	strlcpy(pgosp_application, name, sizeof(pgosp_application));
	osp_attrs_begin(&w, space, sizeof(space));
	osp_put_str(&w, OSP_STR("system"), OSP_STR("postgresql"));
	if (MyProcPort != NULL)
	{
		put_text(&w, OSP_STR("namespace"), MyProcPort->database_name);
		put_text(&w, OSP_STR("user"), MyProcPort->user_name);
	}
	osp_put_i64(&w, OSP_STR("pid"), MyProcPid);
	put_text(&w,
			 OSP_STR("application"),
			 osp_sql_is_secret_name(osp_str_of(name)) ? "***" : name);
	attributes = osp_attrs_end(&w);
	pgosp_text_epoch++;
	return attributes;
}

const char *
pgosp_session_login(void)
{
	return MyProcPort != NULL ? MyProcPort->user_name : NULL;
}
