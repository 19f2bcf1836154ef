/* SPDX-License-Identifier: Apache-2.0
 *
 * libpq_api.h
 *	  libpq as the wrappers see it: its types, and a pointer to each function
 *	  that they stand for or call.
 *
 * Compiles with the headers of libpq 13 to 18. Functions that only some of them
 * declare are declared here, so that one build serves all versions at run time.
 * If the loaded libpq lacks a function, a stand-in is called, which fails and
 * changes nothing.
 */
#ifndef OSPQ_LIBPQ_API_H
#define OSPQ_LIBPQ_API_H

#pragma GCC visibility push(default)

#include <libpq-events.h>
#include <libpq-fe.h>

/* since libpq 14 */
#ifndef LIBPQ_HAS_PIPELINING
extern int PQenterPipelineMode(PGconn *conn);
extern int PQexitPipelineMode(PGconn *conn);
extern int PQpipelineSync(PGconn *conn);
#endif

/* since libpq 17 */
#ifndef LIBPQ_HAS_CLOSE_PREPARED
extern PGresult *PQclosePrepared(PGconn *conn, const char *stmt);
extern PGresult *PQclosePortal(PGconn *conn, const char *portal);
extern int PQsendClosePrepared(PGconn *conn, const char *stmt);
extern int PQsendClosePortal(PGconn *conn, const char *portal);
#endif
#ifndef LIBPQ_HAS_SEND_PIPELINE_SYNC
extern int PQsendPipelineSync(PGconn *conn);
#endif
#ifndef LIBPQ_HAS_CHANGE_PASSWORD
extern PGresult *PQchangePassword(PGconn *conn, const char *user,
								  const char *passwd);
#endif
#ifndef LIBPQ_HAS_ASYNC_CANCEL
typedef struct pg_cancel_conn PGcancelConn;
extern int PQcancelBlocking(PGcancelConn *cancel_conn);
extern int PQcancelStart(PGcancelConn *cancel_conn);
#endif

#pragma GCC visibility pop

/* The numbers of result states and pipeline states, for older headers. */
enum
{
	OSPQ_RES_PIPELINE_SYNC = 10,
	OSPQ_RES_PIPELINE_ABORTED = 11,
	OSPQ_RES_TUPLES_CHUNK = 12,
	OSPQ_PIPELINE_OFF = 0
};

/* Pointers to the functions of libpq itself. */
#define WRAPPED(type, name, parameters, other) \
	extern type(*ospq_real_##name) parameters;
#define USED WRAPPED
#include "libpq_wrapped.def"
#undef USED
#undef WRAPPED

#define REAL(name) ospq_real_##name

/* Have the pointers to libpq's functions been set? */
extern int ospq_loaded;

/* Sets the pointers to libpq's functions, once; slow. */
extern void ospq_load(void);

static inline void
ospq_need(void)
{
	if (__builtin_expect(__atomic_load_n(&ospq_loaded, __ATOMIC_ACQUIRE) == 0,
						 0))
		ospq_load();
}

#define OSPQ_EXPORT __attribute__((visibility("default")))

#endif /* OSPQ_LIBPQ_API_H */
