/* SPDX-License-Identifier: Apache-2.0
 *
 * wrap_connect.c
 *	  Connecting, connecting again, and finishing.
 *
 * A connection that is made in one call gets a start-up option that names its
 * parent in the trace. If the option makes a server or pooler refuse the
 * connection, it is made again without. A connection that is made step by step
 * gets no option, since the program would notice a second attempt.
 */
#include "client_operation.h"
#include "propagate.h"

#include <stdlib.h>
#include <sys/stat.h>

static const osp_allocator *const alc = &osp_allocator_default;

/* --- the parameters of a connection --------------------------------------- */

/* Keywords and values for PQconnectdbParams; the arrays are owned. */
typedef struct param_arrays
{
	const char **keywords;
	const char **values;
	int expand_dbname;
	char *option; /* owned */
} param_arrays;

static void
free_params(param_arrays *p)
{
	osp_free(alc, p->keywords);
	osp_free(alc, p->values);
	osp_free(alc, p->option);
}

/*
 * The settings that decide whether our option can be added, and the options
 * that follow it.
 */
typedef struct option_wish
{
	bool unwanted;
	const char *options;
} option_wish;

/* Notes a keyword that was given. In a connection string its value may be empty. */
static void
look_at(option_wish *wish, const char *keyword, const char *value)
{
	if (strcmp(keyword, "replication") == 0 || strcmp(keyword, "service") == 0)
		wish->unwanted = true;
	else if (strcmp(keyword, "options") == 0)
		wish->options = value;
}

/*
 * Starts with the environment. A service file may contain options, which ours
 * would hide.
 */
static void
begin_wish(option_wish *wish)
{
	wish->unwanted = getenv("PGSERVICE") != NULL;
	wish->options = getenv("PGOPTIONS");
	if (wish->options == NULL)
		wish->options = "";
}

/*
 * Copies the arrays and adds our option at the end; false: it cannot be added,
 * so the program's own parameters are used.
 */
static bool
add_option(param_arrays *p, const char *const *keywords,
		   const char *const *values, const option_wish *wish)
{
	size_t count = 0;

	memset(p, 0, sizeof(*p));
	if (wish->unwanted)
		return false;
	while (keywords[count] != NULL)
		count++;
	p->option = ospq_startup_option(wish->options);
	p->keywords = osp_calloc(alc, count + 2, sizeof(char *));
	p->values = osp_calloc(alc, count + 2, sizeof(char *));
	if (p->option == NULL || p->keywords == NULL || p->values == NULL)
	{
		free_params(p);
		return false;
	}
	memcpy(p->keywords, keywords, count * sizeof(char *));
	memcpy(p->values, values, count * sizeof(char *));
	p->keywords[count] = "options";
	p->values[count] = p->option;
	return true;
}

/* Notes the keywords of a connection string. */
static void
look_at_string(option_wish *wish, const PQconninfoOption *options)
{
	for (; options->keyword != NULL; options++)
		if (options->val != NULL)
			look_at(wish, options->keyword, options->val);
}

/* --- connecting ----------------------------------------------------------- */

/* Hides our option from the program, and notes that the server has its context. */
static void
hide_option(PGconn *conn)
{
	ospq_conn *c = NULL;

	if (ospq_hide_option(conn) && REAL(PQstatus)(conn) == CONNECTION_OK)
		c = ospq_conn_get(conn);
	if (c != NULL)
		c->told_by_startup = true;
}

static PGconn *
connect_with_option(const char *const *keywords, const char *const *values,
					int expand_dbname, const option_wish *wish)
{
	PGconn *conn;
	param_arrays p;

	if (!add_option(&p, keywords, values, wish))
		return NULL;
	conn = REAL(PQconnectdbParams)(p.keywords, p.values, expand_dbname);
	free_params(&p);
	if (ospq_option_refused(conn))
	{
		REAL(PQfinish)(conn);
		return NULL;
	}
	hide_option(conn);
	return conn;
}

/*
 * Connects with a connection string and our option. The string is passed as
 * dbname, so that libpq parses it as it would without us: a value that is given
 * but empty differs from a missing one. Errors in the string are left to the
 * real function.
 */
static PGconn *
connect_string_with_option(const char *conninfo)
{
	PQconninfoOption *options = REAL(PQconninfoParse)(conninfo, NULL);
	bool blank = conninfo[strspn(conninfo, " \f\n\r\t\v")] == '\0';
	const char *keywords[2] = {blank ? NULL : "dbname", NULL};
	const char *values[2] = {conninfo, NULL};
	option_wish wish;
	PGconn *conn;

	if (options == NULL)
		return NULL;
	begin_wish(&wish);
	look_at_string(&wish, options);
	conn = connect_with_option(keywords, values, 1, &wish);
	REAL(PQconninfoFree)(options);
	return conn;
}

static bool
is_connection_string(const char *dbname)
{
	return strchr(dbname, '=') != NULL || strstr(dbname, "://") != NULL;
}

/*
 * Connects with the parameters and our option. As in libpq, later keywords
 * replace earlier ones, and the first dbname may be a connection string, which
 * takes effect at its place.
 */
static PGconn *
connect_params_with_option(const char *const *keywords,
						   const char *const *values, int expand_dbname)
{
	PQconninfoOption *inner = NULL;
	bool may_expand = expand_dbname != 0;
	PGconn *conn = NULL;
	option_wish wish;
	int i;

	if (keywords == NULL || values == NULL)
		return NULL;
	begin_wish(&wish);
	for (i = 0; keywords[i] != NULL; i++)
	{
		if (values[i] == NULL || values[i][0] == '\0')
			continue;
		if (strcmp(keywords[i], "dbname") != 0)
			look_at(&wish, keywords[i], values[i]);
		else if (may_expand)
		{
			may_expand = false;
			if (!is_connection_string(values[i]))
				continue;
			inner = REAL(PQconninfoParse)(values[i], NULL);
			if (inner == NULL)
				return NULL;
			look_at_string(&wish, inner);
		}
	}
	conn = connect_with_option(keywords, values, expand_dbname, &wish);
	if (inner != NULL)
		REAL(PQconninfoFree)(inner);
	return conn;
}

/* --- the points of connections -------------------------------------------- */

/* A call that connects. */
typedef struct connect_call
{
	osp__guard guard;
	bool started;
} connect_call;

static bool
begin_connect(connect_call *call)
{
	if (!ospq_enter(&call->guard))
		return false;
	call->started = ospq_connect_start();
	return true;
}

/* Ends a call that has connected, or failed to connect. */
static PGconn *
finish_connect(const connect_call *call, PGconn *conn)
{
	int saved = errno;

	if (!ospq_call_is(&call->guard))
		return conn;
	if (call->started)
	{
		ospq_set_call(OSPQ_CALL_OTHER);
		ospq_connect_stop(ospq_call_point(), conn);
	}
	ospq_leave();
	errno = saved;
	return conn;
}

OSPQ_EXPORT PGconn *
PQconnectdb(const char *conninfo)
{
	connect_call call;
	PGconn *conn = NULL;

	if (!begin_connect(&call))
		return REAL(PQconnectdb)(conninfo);
	if (conninfo != NULL)
		conn = connect_string_with_option(conninfo);
	if (conn == NULL)
		conn = REAL(PQconnectdb)(conninfo);
	return finish_connect(&call, conn);
}

OSPQ_EXPORT PGconn *
PQconnectdbParams(const char *const *keywords, const char *const *values,
				  int expand_dbname)
{
	connect_call call;
	PGconn *conn;

	if (!begin_connect(&call))
		return REAL(PQconnectdbParams)(keywords, values, expand_dbname);
	conn = connect_params_with_option(keywords, values, expand_dbname);
	if (conn == NULL)
		conn = REAL(PQconnectdbParams)(keywords, values, expand_dbname);
	return finish_connect(&call, conn);
}

OSPQ_EXPORT PGconn *
PQsetdbLogin(const char *pghost, const char *pgport, const char *pgoptions,
			 const char *pgtty, const char *dbName, const char *login,
			 const char *pwd)
{
	connect_call call;
	char *option = NULL;
	PGconn *conn = NULL;
	option_wish wish;

	if (!begin_connect(&call))
		return REAL(PQsetdbLogin)(
			pghost, pgport, pgoptions, pgtty, dbName, login, pwd);
	begin_wish(&wish);
	if (pgoptions != NULL && pgoptions[0] != '\0')
		wish.options = pgoptions;

	/* dbName may be a whole connection string; then no option is added. */
	if (!wish.unwanted && (dbName == NULL || !is_connection_string(dbName)))
		option = ospq_startup_option(wish.options);
	if (option != NULL)
	{
		conn = REAL(PQsetdbLogin)(
			pghost, pgport, option, pgtty, dbName, login, pwd);
		osp_free(alc, option);
		if (ospq_option_refused(conn))
		{
			REAL(PQfinish)(conn);
			conn = NULL;
		}
		else
			hide_option(conn);
	}
	if (conn == NULL)
		conn = REAL(PQsetdbLogin)(
			pghost, pgport, pgoptions, pgtty, dbName, login, pwd);
	return finish_connect(&call, conn);
}

/*
 * Ends a call that has begun to connect. The point stays open while the program
 * polls.
 */
static PGconn *
finish_start(const connect_call *call, PGconn *conn)
{
	int saved = errno;
	ospq_conn *c = call->started ? ospq_conn_get(conn) : NULL;

	if (c == NULL || REAL(PQstatus)(conn) == CONNECTION_BAD ||
		!ospq_call_is(&call->guard))
		return finish_connect(call, conn);
	ospq_set_call(OSPQ_CALL_OTHER);
	c->connecting = true;
	c->connect = *ospq_call_point();
	ospq_leave();
	errno = saved;
	return conn;
}

OSPQ_EXPORT PGconn *
PQconnectStart(const char *conninfo)
{
	connect_call call;

	if (!begin_connect(&call))
		return REAL(PQconnectStart)(conninfo);
	return finish_start(&call, REAL(PQconnectStart)(conninfo));
}

OSPQ_EXPORT PGconn *
PQconnectStartParams(const char *const *keywords, const char *const *values,
					 int expand_dbname)
{
	connect_call call;

	if (!begin_connect(&call))
		return REAL(PQconnectStartParams)(keywords, values, expand_dbname);
	return finish_start(
		&call, REAL(PQconnectStartParams)(keywords, values, expand_dbname));
}

/* Stops the point if the connection is made, or has failed. */
static PostgresPollingStatusType
finish_poll(ospq_conn *c, PostgresPollingStatusType status)
{
	int saved = errno;

	if (c == NULL)
		return status;
	if (c->connecting &&
		(status == PGRES_POLLING_OK || status == PGRES_POLLING_FAILED))
	{
		c->connecting = false;
		ospq_connect_stop(&c->connect, c->conn);
	}
	ospq_leave();
	errno = saved;
	return status;
}

OSPQ_EXPORT PostgresPollingStatusType
PQconnectPoll(PGconn *conn)
{
	osp__guard guard;
	ospq_conn *c = ospq_enter_known(&guard, conn);

	return finish_poll(c, REAL(PQconnectPoll)(conn));
}

OSPQ_EXPORT PostgresPollingStatusType
PQresetPoll(PGconn *conn)
{
	osp__guard guard;
	ospq_conn *c = ospq_enter_known(&guard, conn);

	return finish_poll(c, REAL(PQresetPoll)(conn));
}

/* Stops all points of a connection before it is closed. */
static void
end_connection(ospq_conn *c)
{
	ospq_stop_all(c, OSPQ_INTERRUPTED);
	if (c->connecting)
	{
		c->connecting = false;
		ospq_connect_stop(&c->connect, c->conn);
	}
}

static void
end_known_connection(const PGconn *conn)
{
	ospq_conn *c = ospq_conn_find(conn);

	if (c == NULL)
		return;
	end_connection(c);
	ospq_conn_reconnected(c);
}

OSPQ_EXPORT void
PQreset(PGconn *conn)
{
	connect_call call;

	if (!ospq_enter(&call.guard))
	{
		REAL(PQreset)(conn);
		return;
	}
	end_known_connection(conn);
	call.started = ospq_connect_start();
	REAL(PQreset)(conn);
	(void) finish_connect(&call, conn);
}

OSPQ_EXPORT int
PQresetStart(PGconn *conn)
{
	connect_call call;
	int result;

	if (!ospq_enter(&call.guard))
		return REAL(PQresetStart)(conn);
	end_known_connection(conn);
	call.started = ospq_connect_start();
	result = REAL(PQresetStart)(conn);
	(void) finish_start(&call, conn);
	return result;
}

OSPQ_EXPORT void
PQfinish(PGconn *conn)
{
	osp__guard guard;
	ospq_conn *c = ospq_enter_known(&guard, conn);
	int saved = errno;

	if (c == NULL)
	{
		REAL(PQfinish)(conn);
		return;
	}
	end_connection(c);

	/*
	 * The state is removed first: another connection may get the same address
	 * right after PQfinish.
	 */
	ospq_conn_remove(conn);
	errno = saved;
	REAL(PQfinish)(conn);
	ospq_leave();
}

/*
 * Is this the only thread? The directory has two links of its own, and one for
 * each thread.
 */
static bool
is_only_thread(void)
{
	struct stat tasks;

	return stat("/proc/self/task", &tasks) == 0 && tasks.st_nlink == 3;
}

/*
 * Stops the open points when the program ends without closing its connections.
 * If other threads still run, their connections are left alone, and their open
 * points show as interrupted.
 */
__attribute__((destructor)) static void
end_all(void)
{
	int saved = errno;
	osp__guard guard;

	if (__atomic_load_n(&ospq_loaded, __ATOMIC_ACQUIRE) == 0 ||
		!is_only_thread())
		return;
	/* The program may end within a call, or may have left one by a longjmp. */
	if (osp__depth.libpq != NULL)
		ospq_interrupt_call();
	ospq_set_inside(&guard);
	if (ospq_cancels_pending != 0)
		ospq_record_cancels();
	ospq_conn_each(end_connection);
	ospq_leave();
	errno = saved;
}
