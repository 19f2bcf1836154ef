/* SPDX-License-Identifier: Apache-2.0
 *
 * report.h
 *	  The report of a trace: makes a tree of a collector's points, draws it,
 *	  computes its statistics and checks its invariants.
 *
 * A report is filled point by point in any order; a point may come twice (same trace_id
 * and name); the copy that came last is used. Siblings come in true time order: by the
 * timestamps of their start and stop, then by elapsed_ns and trace_id. Points whose
 * parents form a ring, which upstream loses, hang below the root. Used by one thread at
 * a time.
 */
#ifndef OSPROFILER_REPORT_H
#define OSPROFILER_REPORT_H

#include "osprofiler/base.h"
#include "osprofiler/buf.h"
#include "osprofiler/ids.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct osp_report osp_report;

/* Makes an empty report, returned owned; NULL when there is no memory. */
OSP_API osp_report *osp_report_new(const osp_allocator *alc);
OSP_API void osp_report_free(osp_report *report);

/*
 * Adds a notification, as a collector gave it; json is borrowed. OSP_EPROTO:
 * json is not a notification; it is counted and the report continues without
 * it.
 */
OSP_API osp_status osp_report_add(osp_report *report, osp_str json,
								  osp_error *err) OSP_MUST_CHECK;

/* The state of a process that has begun an operation. */
typedef enum osp_process_state
{
	OSP_PROCESS_UNKNOWN, /* not known: it may be gone, or run elsewhere */
	OSP_PROCESS_LOSSY,   /* it is still tracing, and has lost points */
	OSP_PROCESS_WORKS    /* it is still tracing, and will say how its operations
						  * end */
} osp_process_state;

/*
 * Returns the state of the process pid on host, which began an operation at
 * since_ns (ns since 1970). host is the text of a notification, in UTF-8.
 */
typedef osp_process_state (*osp_process_fn)(void *ctx, osp_str host,
											int64_t pid, int64_t since_ns);

/* Makes the report call fn about operations that have no stop. */
OSP_API void osp_report_ask_process(osp_report *report, osp_process_fn works,
									void *ctx);

/*
 * Sets the command that draws another trace of the same collector, as its text before
 * and behind the trace's id. Both are borrowed as long as the report lives. Without
 * this call, the command is "osprofiler trace show ID".
 */
OSP_API void osp_report_set_show_command(osp_report *report, const char *before,
										 const char *behind);

/*
 * An osp_process_fn; ctx is the path of a run directory. A process is still tracing if
 * it runs on this host and owns a ring in that directory.
 */
OSP_API osp_process_state osp_run_process_state(void *path, osp_str host,
												int64_t pid, int64_t since_ns);

/* The id of the trace, as it stands inside a JSON string; borrowed. Empty if no point
 * has an id that is a string. */
OSP_API osp_str osp_report_base_id(const osp_report *report);

/* How many points the report has (an operation has two), how many operations have no
 * stop, and what was left out. */
OSP_API size_t osp_report_points(const osp_report *report);
OSP_API size_t osp_report_unfinished(const osp_report *report); /* no stop */
OSP_API size_t osp_report_duplicates(const osp_report *report);
OSP_API size_t osp_report_malformed(const osp_report *report);

/* The time of the latest point in ns since 1970, by the clock of its writer; 0: there
 * is no point. */
OSP_API int64_t osp_report_latest_ns(const osp_report *report);

/* Why the first malformed point cannot be read; borrowed, empty if there is no such
 * point. */
OSP_API const char *osp_report_malformed_why(const osp_report *report);

/*
 * How many points repeat the point of an operation with other contents: the tree shows
 * each operation once, with the points that arrived last.
 */
OSP_API size_t osp_report_repeated(const osp_report *report);

/*
 * Appends the JSON of upstream's `osprofiler trace show --json`: the same
 * members with the same values on the same points.
 */
OSP_API osp_status osp_report_json(osp_report *report,
								   osp_buf *out) OSP_MUST_CHECK;

/* Does the work of osp_report_json(), but hands the JSON over in pieces, so that a
 * large report is never whole in memory. */
typedef osp_status (*osp_write_fn)(void *ctx, osp_str piece);
OSP_API osp_status osp_report_json_write(osp_report *report, osp_write_fn write,
										 void *ctx) OSP_MUST_CHECK;

/*
 * Hands over the tree in the language of Graphviz, with the nodes and labels of
 * upstream's `osprofiler trace show --dot`. Names from outside are escaped and at most
 * 200 columns long; failed operations are red.
 */
OSP_API osp_status osp_report_dot_write(osp_report *report, osp_write_fn write,
										void *ctx) OSP_MUST_CHECK;

/*
 * Hands over the trace in the Trace Event Format of Perfetto and chrome://tracing: a
 * complete event for each operation, with its points in args. A service on a host is a
 * process. Events of one thread nest.
 */
OSP_API osp_status osp_report_chrome_write(osp_report *report,
										   osp_write_fn write,
										   void *ctx) OSP_MUST_CHECK;

/*
 * Hands over the trace as one request to an OTLP receiver (an ExportTraceServiceRequest
 * in protobuf), with the spans that the driver for otlp:// sends.
 */
OSP_API osp_status osp_report_otlp_write(osp_report *report, osp_write_fn write,
										 void *ctx) OSP_MUST_CHECK;

/* How many operations osp_report_otlp_write() left out because their ids are
 * not texts. */
OSP_API size_t osp_report_unexported(const osp_report *report);

/*
 * Hands over the operations as CSV (RFC 4180, UTF-8), with a line of headings. Texts
 * that a spreadsheet would take for a formula have an apostrophe in front.
 */
OSP_API osp_status osp_report_csv_write(osp_report *report, osp_write_fn write,
										void *ctx) OSP_MUST_CHECK;

/* How a tree is drawn. */
typedef struct osp_draw_options
{
	size_t struct_size;
	bool color;     /* use ANSI colours */
	bool unicode;   /* else |- and `-, and escapes beyond ASCII */
	unsigned width; /* columns to cut statements at; 0: do not cut */
	bool times;     /* show durations, bars and hosts; tests leave them out */
	bool ids;       /* show trace ids behind the names */
	bool all;       /* give each operation a line; else 20 or more siblings of
					 * one shape share a line */
} osp_draw_options;

/* Appends the tree, one line for each operation: name, duration, what it did, error. If
 * osp_report_explain() was called for the present points, the head says how the time
 * divides between server, client and the way between them. */
OSP_API osp_status osp_report_draw(osp_report *report,
								   const osp_draw_options *options,
								   osp_buf *out) OSP_MUST_CHECK;

/*
 * Appends a line for each operation that has ended and was not in an earlier call, in
 * the order in which they ended. The lines look like those of the tree, but without
 * branches. This is for a caller that adds points as they arrive. The option all has no
 * effect.
 */
OSP_API osp_status osp_report_draw_ended(osp_report *report,
										 const osp_draw_options *options,
										 osp_buf *out) OSP_MUST_CHECK;

/*
 * Appends why the trace took as long as it did: at most four causes, those with the
 * largest shares of its time first, each with its evidence and what to do next; and how
 * much is not explained. If more than 30 % is not explained, the up to three statements
 * with most of that time follow. *findings is the number of causes; without a cause or
 * such a statement, nothing is appended. If the trace is not finished, the text begins
 * with the operation that lacks its end, also without a cause. No time is counted for
 * two causes, so the shares never exceed the whole, and no cause took less than 5 % of
 * it or 10 ms.
 * Options about single operations have no effect. OSP_ENOMEM.
 */
OSP_API osp_status osp_report_explain(osp_report *report,
									  const osp_draw_options *options,
									  osp_buf *out,
									  size_t *findings) OSP_MUST_CHECK;

/*
 * Appends the result of osp_report_explain() as a JSON object, even if it is empty:
 * base_id, duration_ms, unfinished and ended (if it applies), findings, not_explained (a
 * share), not_explained_parts, longest, lost_points. A finding has rule, share, time_ms,
 * cause, evidence, next_step, count and operations (trace ids of some), figures; each
 * part share, time_ms, part, what; each of the longest statements share, time_ms,
 * statement, why, operation.
 */
OSP_API osp_status osp_report_explain_json(osp_report *report,
										   osp_buf *out) OSP_MUST_CHECK;

/*
 * Appends how the second of two traces differs from the first: their durations, and for
 * each shape of operations (the same name and statement, apart from constants) how
 * often and how long it ran in both, the largest change first; different plans, errors
 * that only one of them has, and what was lost. An operation's own time is the time in
 * which no other operation ran inside it; the changes of the own times add up to the
 * difference of the durations. The time of a plan's node is a part of its statement's
 * time. The option all also shows shapes that hardly changed. The reports must have the
 * same allocator.
 */
OSP_API osp_status osp_report_diff(osp_report *before, osp_report *after,
								   const osp_draw_options *options,
								   osp_buf *out) OSP_MUST_CHECK;

/* Appends the result of osp_report_diff() as a JSON object; docs/cli.md describes
 * it. */
OSP_API osp_status osp_report_diff_json(osp_report *before, osp_report *after,
										osp_buf *out) OSP_MUST_CHECK;

/*
 * Hands over the whole trace as one JSON object, in pieces, in the form that the page
 * of `osprofiler trace show --html` reads (common/report/page/page_data.c describes
 * it): ASCII without "<". If write returns anything but OSP_OK, the writing ends and
 * that is returned.
 */
OSP_API osp_status osp_report_page_write(osp_report *report, osp_write_fn write,
										 void *ctx) OSP_MUST_CHECK;

/*
 * *lacks becomes true if a client has sent the context of this trace to a
 * server, but the trace holds no operation of a server. The name of that
 * server, as the client calls it, is appended to server.
 */
OSP_API osp_status osp_report_lacks_server(osp_report *report, osp_buf *server,
										   bool *lacks) OSP_MUST_CHECK;

/* Did OSProfiler in Python record statements of the trace, while no database recorded
 * an operation? */
OSP_API bool osp_report_is_python_alone(osp_report *report) OSP_MUST_CHECK;

/* One node of the tree: the start and the stop of an operation. All is borrowed. */
typedef struct osp_report_node
{
	int depth;
	osp_str start; /* the notification, in ASCII; empty: there is none */
	osp_str stop;
	int64_t start_ns; /* since 1970 */
	int64_t stop_ns;
	int64_t elapsed_ns; /* -1: not known */
} osp_report_node;

/*
 * Calls fn for each node, in the order in which they are drawn. If fn returns
 * anything but OSP_OK, the walk ends and that is returned.
 */
typedef osp_status (*osp_node_fn)(void *ctx, const osp_report_node *node);
OSP_API osp_status osp_report_walk(osp_report *report, osp_node_fn fn,
								   void *ctx) OSP_MUST_CHECK;

/*
 * Checks that every operation has its start and its stop, that its parent is in the
 * trace, is the trace itself or came with a traceparent, that it lies within its parent
 * in time, and that no point was lost, is malformed, or came again with different
 * contents. Calls fn with one line for each breach, and returns how many there are
 * through *breaches.
 */
typedef void (*osp_line_fn)(void *ctx, const char *line);
OSP_API osp_status osp_report_check(osp_report *report, osp_line_fn fn,
									void *ctx, size_t *breaches) OSP_MUST_CHECK;

/*
 * Gives the base_ids under which a collector may store a trace that a person has named;
 * n counts from 0. They are the name as it is, then the trace id of a traceparent or 32
 * hex digits as a UUID, then a UUID as 32 digits. False: there is no form number n.
 */
OSP_API bool osp_trace_name_form(osp_str name, unsigned n,
								 osp_id *out) OSP_MUST_CHECK;

#ifdef __cplusplus
}
#endif

#endif /* OSPROFILER_REPORT_H */
