/* SPDX-License-Identifier: Apache-2.0
 *
 * driver.h
 *	  A driver stores notifications in a collector and reads them back.
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

#define OSP_DRIVER_ABI 3

/* An open connection of a driver; each driver has its own struct for it. */
typedef struct osp_driver_conn osp_driver_conn;

/*
 * Every struct below begins with its size, which the side that fills it sets. The side
 * that reads it copies it with osp_struct_copy() (base.h): members that the other side
 * does not know are zero, which always means "nothing asked, nothing known".
 */
typedef struct osp_driver_options
{
	size_t struct_size;
	const osp_allocator *alc;  /* never NULL */
	osp_str connection_string; /* borrowed during open */
	bool filter_error_trace;   /* also list traces with an error apart */
	bool read_only;            /* notify and remove_traces will not be called */

	/* Milliseconds that the collector may be silent in one wait. 0: 5000. */
	unsigned timeout_ms;

	/* Milliseconds that one call may take in all, however many waits it needs, before
	 * it ends with OSP_EUNAVAIL. 0: no bound. */
	unsigned deadline_ms;

	/*
	 * Called at least every 100 ms while a driver's call waits for the
	 * collector, and between two notifications or traces that are passed on. If
	 * it returns true, that call ends with OSP_EINTR. May be NULL. Must neither
	 * leave by longjmp() nor use the connection.
	 */
	bool (*interrupted)(void *ctx);
	void *interrupted_ctx;

	/* Bytes of the collector's answers that a driver may hold at once, whatever memory
	 * its client library uses. A larger answer is refused with OSP_EFULL: a list before
	 * memory is taken for its announced number of elements, a text when its bytes reach
	 * the bound. 0: 256 MB. */
	size_t memory_max;

	/* A directory in which a driver may keep data that must outlive this
	 * process, in a file with the driver's name: points that it has confirmed
	 * and cannot pass on yet. One connection at a time uses it. NULL: nowhere.
	 * Borrowed during open. */
	const char *state_directory;

	/* This is the last connection for the data in state_directory: when it is
	 * closed, points that still wait there are passed on as they are. */
	bool last;
} osp_driver_options;

#define OSP_DRIVER_TIMEOUT_MS 5000
#define OSP_DRIVER_MEMORY_MAX ((size_t) 256 * 1024 * 1024)

/* A count that the collector cannot give without reading the whole trace. */
#define OSP_UNKNOWN UINT64_MAX

/* One trace of a list. Texts are borrowed during the call; empty: unknown. */
typedef struct osp_trace_entry
{
	size_t struct_size;
	osp_str base_id;
	int64_t first_ns;    /* times of the trace's first and last notification */
	int64_t last_ns;     /* so far, in ns since 1970; 0: unknown */
	uint64_t operations; /* OSP_UNKNOWN: unknown */
	uint64_t errors;     /* OSP_UNKNOWN: unknown */
	osp_str
		service; /* of the first operation, or the name of its application */

	/* From the first operation whose statement or request is known, or else from the
	 * first operation: its name without -start, and its statement or request, perhaps
	 * cut. */
	osp_str name;
	osp_str text;
} osp_trace_entry;

/* Which traces a list shall contain. All zero: every trace. */
typedef struct osp_trace_filter
{
	size_t struct_size;
	bool errors_only; /* only traces that hold an error */

	/* Only traces with a notification in this time, ns since 1970; 0: open. A collector
	 * that knows only one time of a trace uses that one. */
	int64_t since_ns;
	int64_t until_ns;

	/* List at most this many traces, 0: no limit. A driver with OSP_DRIVER_NEWEST_FIRST
	 * gives the newest. */
	size_t limit;

	/* Empty, or the text that the last call left in *next: the list continues there.
	 * Borrowed. OSP_EINVAL: this driver did not make the text. */
	osp_str page;

	/* Only drivers with OSP_DRIVER_FILTERS know the following members.
	 * osp_trace_filter_passes() defines their meaning. */
	int64_t min_duration_ns; /* between first and last notification */
	osp_str service;         /* of the first operation; empty: any. Borrowed. */
	osp_str text; /* in name or text of the entry; empty: any. Borrowed. */
} osp_trace_filter;

/*
 * Does a trace have the duration, the service and the text that a filter asks for? The
 * service must be the same. The text may stand anywhere in the entry's name or in the
 * known part of its text; a-z and A-Z are the same. A value that the collector does not
 * know never matches.
 */
OSP_API bool osp_trace_filter_passes(const osp_trace_filter *filter,
									 const osp_trace_entry *entry);

/* Which traces to remove: those with these ids, or, if count is 0, those that are old
 * enough. */
typedef struct osp_removal
{
	size_t struct_size;
	const osp_str *ids;
	size_t count;
	int64_t older_than_ns; /* the last notification is older, ns since 1970 */
} osp_removal;

/*
 * Called for each notification of a trace with its JSON, borrowed during the
 * call. A result other than OSP_OK ends the reading and is returned.
 */
typedef osp_status (*osp_point_fn)(void *ctx, osp_str json);
typedef osp_status (*osp_trace_fn)(void *ctx, const osp_trace_entry *entry);

enum
{
	OSP_DRIVER_CAN_READ = 1,      /* get_points works */
	OSP_DRIVER_CAN_LIST = 2,      /* list_traces works */
	OSP_DRIVER_CAN_REMOVE = 4,    /* remove_traces works */
	OSP_DRIVER_NEWEST_FIRST = 8,  /* list_traces begins with the newest trace */
	OSP_DRIVER_DROPS_COPIES = 16, /* the collector keeps one copy of a
								   * notification that is stored twice */
	OSP_DRIVER_FILTERS = 32       /* list_traces gives only traces that
								   * osp_trace_filter_passes(). For a driver
								   * without this flag, the caller leaves out
								   * the others. */
};

/*
 * Every function pointer is set; a function that is not supported answers
 * OSP_EUNSUPPORTED with a message. A connection is used by one thread at a
 * time. Every call ends within the bounds of the options: OSP_EUNAVAIL (too
 * slow), OSP_EINTR (interrupted), OSP_EFULL or OSP_ENOMEM (too much memory).
 * After any failure the next call connects anew by itself.
 */
typedef struct osp_driver
{
	uint32_t abi; /* OSP_DRIVER_ABI */
	uint32_t flags;
	const char *name;
	const char *const *schemes; /* ends with NULL */

	/*
	 * Reads the connection string and makes *conn, returned owned. Whether it
	 * connects now or at first use is the driver's choice; a collector that is
	 * down is no reason to fail. OSP_EINVAL: the string is wrong (and err says
	 * what is expected).
	 */
	osp_status (*open)(const osp_driver_options *options,
					   osp_driver_conn **conn, osp_error *err);

	/*
	 * Stores count notifications, in order, in as few round trips as it can. OSP_OK
	 * only when the collector has confirmed all of them. After OSP_EUNAVAIL, OSP_EIO or
	 * OSP_EINTR any part may have arrived. OSP_EREFUSED: the collector will never
	 * accept some of them and has confirmed all others, *accepted in number; no
	 * notification of this batch is to be sent again. (So a driver need not stop at the
	 * first one that is refused, which a pipeline or a bulk request cannot do.)
	 *
	 * Delivery is at least once: notifications that were not confirmed come again, also
	 * after a crash, perhaps in other batches. An operation's start or stop is
	 * identified by (base_id, trace_id, name); a collector that can enforce that key
	 * keeps one copy. A collector that stores batches uses source and sequence of
	 * osp_notification (notification.h): with the batch it keeps the highest sequence
	 * of each source, and leaves out notifications that are not above it. In all other
	 * cases readers drop the copies.
	 */
	osp_status (*notify)(osp_driver_conn *conn, const osp_notification *items,
						 size_t count, size_t *accepted, osp_error *err);

	/*
	 * Reads all notifications of a trace, in the order in which the collector
	 * gives them, copies included. If there is no such trace, the result is
	 * OSP_OK and fn is never called.
	 */
	osp_status (*get_points)(osp_driver_conn *conn, osp_str base_id,
							 osp_point_fn fn, void *ctx, osp_error *err);

	/*
	 * Lists every trace that passes the filter (NULL: none) once, in any order
	 * unless OSP_DRIVER_NEWEST_FIRST says otherwise. *next gets the next page,
	 * borrowed until the next call; empty: this was the last page. next may be
	 * NULL.
	 */
	osp_status (*list_traces)(osp_driver_conn *conn,
							  const osp_trace_filter *filter, osp_trace_fn fn,
							  void *ctx, osp_str *next, osp_error *err);

	/*
	 * Removes traces, in steps that let writers go on. *removed counts the
	 * traces that were there, also when the call fails on the way.
	 */
	osp_status (*remove_traces)(osp_driver_conn *conn, const osp_removal *what,
								uint64_t *removed, osp_error *err);

	/* Closes the connection; NULL is fine. Waits no longer than timeout_ms. */
	void (*close)(osp_driver_conn *conn);
} osp_driver;

/*
 * Finds the driver of a connection string: the plug-in SCHEME.so, exporting
 * osp_driver_SCHEME, in the directories of OSPROFILER_DRIVER_PATH (separated by
 * colons; ignored in set-uid programs), else where `make install` puts them. A
 * scheme is what stands before "://", up to a "+" (postgresql+psycopg2 is
 * postgresql). Plug-ins stay loaded. Thread-safe. OSP_EINVAL: no scheme;
 * OSP_ENOENT: no such plug-in, and err lists the available ones; OSP_EPROTO:
 * the plug-in is of another version.
 */
OSP_API osp_status osp_driver_find(osp_str connection_string,
								   const osp_driver **out,
								   osp_error *err) OSP_MUST_CHECK;

/* Writes a connection string without possible secrets, for messages and logs,
 * terminated and cut to size: it lacks the password and all values of options that are
 * not known to be harmless, even if the string is malformed. */
OSP_API void osp_connection_string_redact(osp_str connection_string, char *out,
										  size_t size);

/*
 * The parts of scheme://[user[:password]@]host[:port][/path][?query],
 * percent-decoded except for path and query. [::1] loses its brackets; unix
 * paths come as an empty host and the path. Texts are borrowed from storage,
 * whose size must be at least the string's length + 16. port is 0 if there is
 * none. OSP_EINVAL, with the reason.
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
