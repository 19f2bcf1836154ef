/* SPDX-License-Identifier: Apache-2.0
 *
 * libpq_table.c
 *	  Loads libpq.
 */
#include "server/libpq_table.h"

#include <dlfcn.h>
#include <pthread.h>

#define LIBRARY "libpq.so.5"

#define FUNCTION(name)                   \
	{                                    \
#name, offsetof(cli_libpq, name) \
	}

static const struct
{
	const char *name;
	size_t offset;
} functions[] = {
	FUNCTION(PQconninfoParse),
	FUNCTION(PQconninfoFree),
	FUNCTION(PQconnectdbParams),
	FUNCTION(PQconnectStartParams),
	FUNCTION(PQconnectPoll),
	FUNCTION(PQfinish),
	FUNCTION(PQstatus),
	FUNCTION(PQerrorMessage),
	FUNCTION(PQhost),
	FUNCTION(PQport),
	FUNCTION(PQuser),
	FUNCTION(PQdb),
	FUNCTION(PQparameterStatus),
	FUNCTION(PQsendQuery),
	FUNCTION(PQsendQueryParams),
	FUNCTION(PQsocket),
	FUNCTION(PQconsumeInput),
	FUNCTION(PQisBusy),
	FUNCTION(PQgetResult),
	FUNCTION(PQresultStatus),
	FUNCTION(PQresultErrorField),
	FUNCTION(PQntuples),
	FUNCTION(PQgetisnull),
	FUNCTION(PQgetvalue),
	FUNCTION(PQclear),
};

cli_libpq cli_pq;
static void *library; /* stays loaded; NULL: not loaded yet */
static pthread_mutex_t loading = PTHREAD_MUTEX_INITIALIZER;

static osp_status
load_functions(osp_error *err)
{
	size_t i;

	if (library == NULL)
		library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	if (library == NULL)
		return osp_error_set(err,
							 OSP_ENOENT,
							 "PostgreSQL's client library, " LIBRARY
							 ", is not installed (Debian's package libpq5)");
	for (i = 0; i < sizeof(functions) / sizeof(functions[0]); i++)
	{
		void *function = dlsym(library, functions[i].name);

		if (function == NULL)
			return osp_error_set(err,
								 OSP_ENOENT,
								 LIBRARY " has no function %s",
								 functions[i].name);
		memcpy((char *) &cli_pq + functions[i].offset,
			   &function,
			   sizeof(function));
	}
	return OSP_OK;
}

osp_status
cli_load_libpq(osp_error *err)
{
	osp_status status;

	(void) pthread_mutex_lock(&loading);
	status = load_functions(err);
	(void) pthread_mutex_unlock(&loading);
	return status;
}
