/* SPDX-License-Identifier: Apache-2.0
 *
 * driver.h
 *	  Drivers: what stores notifications in a collector and reads them back.
 *
 * A driver is one const table, in a plug-in of its own that is loaded by the
 * scheme of the connection string. Names, connection strings and stored forms
 * are those of upstream OSProfiler.
 */
#ifndef OSPROFILER_DRIVER_H
#define OSPROFILER_DRIVER_H

#include "osprofiler/base.h"
#include "osprofiler/notification.h"

#ifdef __cplusplus
extern "C" {
#endif

#define OSP_DRIVER_ABI 1

/* A driver's connection; each driver has a struct of its own behind it. */
typedef struct osp_driver_conn osp_driver_conn;

typedef struct osp_driver_options
{
	size_t struct_size;        /* sizeof(osp_driver_options) */
	const osp_allocator *alc;  /* never NULL */
	osp_str connection_string; /* borrowed during open */
	osp_str transport_url;     /* of messaging://; may be empty */
	bool filter_error_trace;   /* note traces that hold an error apart */
	bool read_only;            /* only get_points and list_traces will come */
	unsigned timeout_ms;       /* bound of every wait for the collector */
	unsigned idle_timeout_ms;  /* of messaging://: end of get_points */
	osp_str instance; /* of a writer: one text for all writers that follow one
					   * another, of which a driver may take it that all but the
					   * last are dead; printable, no space; may be empty */
} osp_driver_options;

/* One trace of a list. Borrowed during the call. */
typedef struct osp_trace_entry
{
	osp_str base_id;
	osp_str timestamp; /* of the first point that the collector has */
} osp_trace_entry;

typedef struct osp_trace_filter
{
	bool errors_only; /* only traces that hold an error */
} osp_trace_filter;

/*
 * Called for each notification of a trace with its JSON, borrowed during the
 * call. What is not OSP_OK ends the reading and is handed on.
 */
typedef osp_status (*osp_point_fn)(void *ctx, osp_str json);
typedef osp_status (*osp_trace_fn)(void *ctx, const osp_trace_entry *entry);

enum
{
	OSP_DRIVER_CAN_READ = 1, /* get_points works */
	OSP_DRIVER_CAN_LIST = 2  /* list_traces works */
};

/*
 * Every slot is set; one that is not supported answers OSP_EUNSUPPORTED with a
 * message. A connection is used by one thread at a time.
 */
typedef struct osp_driver
{
	uint32_t abi; /* OSP_DRIVER_ABI */
	uint32_t flags;
	const char *name;
	const char *const *schemes; /* NULL at the end */

	/*
	 * Reads the connection string and makes *conn, returned owned. Whether it
	 * connects now or at first use is the driver's choice; a collector that is
	 * down is no reason to fail. OSP_EINVAL: the string is wrong (and err says
	 * what is expected).
	 */
	osp_status (*open)(const osp_driver_options *options,
					   osp_driver_conn **conn, osp_error *err);

	/*
	 * Stores count notifications, in order, in as few round trips as it can.
	 * OSP_OK only when the collector has confirmed all of them. After
	 * OSP_EUNAVAIL or OSP_EIO any part may have arrived, and the next call
	 * connects again by itself. OSP_EREFUSED: the collector will never take
	 * some of them and has confirmed all others, *accepted of the count; nothing
	 * of this batch is to be sent again. (So a driver need not stop at the first
	 * that is refused, which a pipeline or a bulk request cannot do.)
	 */
	osp_status (*notify)(osp_driver_conn *conn, const osp_notification *items,
						 size_t count, size_t *accepted, osp_error *err);

	/*
	 * All notifications of a trace, in the order in which the collector gives
	 * them. No such trace: OSP_OK, and fn is never called. For a writer with an
	 * instance the answer is final: what an earlier connection of it, of this
	 * process or of a dead one, has sent and the collector has not taken in yet
	 * must not arrive later. (A driver sees to that by closing that connection
	 * at the collector's end, or by waiting for its end.)
	 */
	osp_status (*get_points)(osp_driver_conn *conn, osp_str base_id,
							 osp_point_fn fn, void *ctx, osp_error *err);

	/* Every trace once, in any order. */
	osp_status (*list_traces)(osp_driver_conn *conn,
							  const osp_trace_filter *filter, osp_trace_fn fn,
							  void *ctx, osp_error *err);

	/* NULL is fine. Waits no longer than timeout_ms. */
	void (*close)(osp_driver_conn *conn);
} osp_driver;

/*
 * Finds the driver of a connection string: the plug-in SCHEME.so, exporting
 * osp_driver_SCHEME, in the directories of OSPROFILER_DRIVER_PATH (separated by
 * colons; ignored in set-uid programs), else where `make install` puts them. A
 * scheme is what stands before "://", up to a "+" (postgresql+psycopg2 is
 * postgresql). Plug-ins stay loaded. Thread-safe. OSP_EINVAL: no scheme;
 * OSP_ENOENT: no such plug-in, with the list of those there are; OSP_EPROTO: it
 * is of another version.
 */
OSP_API osp_status osp_driver_find(osp_str connection_string,
								   const osp_driver **out,
								   osp_error *err) OSP_MUST_CHECK;

/* A connection string without its password, for messages and logs, terminated
 * and cut to size. */
OSP_API void osp_connection_string_redact(osp_str connection_string, char *out,
										  size_t size);

/*
 * The parts of scheme://[user[:password]@]host[:port][/path][?query], percent-
 * decoded but for path and query. [::1] loses its brackets; unix paths come as
 * an empty host and the path. Texts are borrowed from storage, whose size must
 * be at least the string's length + 16. port is 0 if there is none.
 * OSP_EINVAL, with the reason.
 */
typedef struct osp_uri
{
	osp_str scheme;
	osp_str user;
	osp_str password;
	bool has_password;
	osp_str host;
	unsigned port;
	osp_str path; /* with its leading slash, or empty */
	osp_str query;
} osp_uri;

OSP_API osp_status osp_uri_parse(osp_str text, char *storage, size_t size,
								 osp_uri *out, osp_error *err) OSP_MUST_CHECK;

#ifdef __cplusplus
}
#endif

#endif /* OSPROFILER_DRIVER_H */
