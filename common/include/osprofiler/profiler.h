/* SPDX-License-Identifier: Apache-2.0
 *
 * profiler.h
 *	  The profiler of a C program: OSProfiler's init, start and stop.
 *
 *	  osp_init("SECRET_KEY", NULL, NULL);
 *	  osp_start("lookup", "{\"user\": 7}");
 *	  ...
 *	  osp_stop(NULL);
 *	  osp_clean();
 *
 * State is per thread, like upstream's. Until a thread calls osp_init, every
 * call is a no-op of a few ns. A point is one record in the thread's ring
 * (record/ring.h), or one call of the notifier. None of these functions fails
 * its caller: a point that cannot be recorded is counted as lost.
 */
#ifndef OSPROFILER_PROFILER_H
#define OSPROFILER_PROFILER_H

#include "osprofiler/base.h"
#include "osprofiler/context.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Points open at a time in one thread; deeper ones are counted, not traced. */
#define OSP_STACK_MAX 1024

/*
 * Makes this thread trace. key signs the contexts that osp_get_trace_headers()
 * makes and must not be empty. base_id names the trace (NULL or "": a new one),
 * parent_id the point that calls us (NULL or "": the trace itself). Borrows
 * all. OSP_EINVAL: a bad key or id; OSP_EBUSY: initialised already (osp_clean
 * first).
 */
OSP_API osp_status osp_init(const char *key, const char *base_id,
							const char *parent_id);

/*
 * Does the work of osp_init with the ids of a signed context. keys is a
 * comma-separated list; the key that matches the signature also signs the
 * contexts that this thread sends on. If the verdict is not OSP_CTX_ACCEPTED,
 * the thread's state does not change.
 */
OSP_API osp_verdict osp_init_from_headers(const char *trace_info,
										  const char *trace_hmac,
										  const char *keys);

/* Is this thread tracing? */
OSP_API bool osp_active(void);

/*
 * Starts a point, child of the one open in this thread. name is cut to
 * OSP_NAME_MAX bytes; info is a JSON object or NULL, borrowed.
 */
OSP_API void osp_start(const char *name, const char *info);

/* Stops the point that was opened last; does nothing if none is open. */
OSP_API void osp_stop(const char *info);

/* Stops the last point as failed: etype is the kind of error, message its text. */
OSP_API void osp_stop_error(const char *etype, const char *message);

/* Copies the trace's base id and the id of the open point (or of the parent, if none is
 * open), for logs. Terminated; false (and empty) when the thread does not trace. */
OSP_API bool osp_current(char base_id[OSP_ID_MAX + 1],
						 char point_id[OSP_ID_MAX + 1]);

/*
 * Makes the signed context to send along with a call: its parent_id is the open
 * point. False when the thread does not trace.
 */
OSP_API bool osp_get_trace_headers(osp_headers *out);

/* Ends tracing in this thread. Points that are still open get no stop, as in
 * upstream. */
OSP_API void osp_clean(void);

/*
 * Makes all threads give every notification to fn instead of a ring: JSON in
 * upstream's bytes, borrowed during the call, in the thread of the point. NULL
 * goes back to rings. Set it before threads trace.
 */
typedef void (*osp_notifier_fn)(void *ctx, const char *json, size_t len);
OSP_API void osp_set_notifier(osp_notifier_fn fn, void *ctx);

/* Helpers of the macros below. */
OSP_API bool osp__scope_begin(const char *name, const char *info);
OSP_API void osp__scope_end(const bool *begun);

#define OSP__JOIN2(a, b) a##b
#define OSP__JOIN(a, b)  OSP__JOIN2(a, b)

/* Traces the code from here to the end of the block as one point, like Python's with
 * statement. */
#define OSP_TRACE(name, info)                                              \
	__attribute__((cleanup(osp__scope_end), unused)) const bool OSP__JOIN( \
		osp_scope_, __LINE__) = osp__scope_begin((name), (info))

/*
 * Traces the rest of this function as one point with the given name; the
 * info.function.name of the point is the function's name. args is JSON for
 * info.function.args, or NULL to hide the arguments (like upstream's decorator
 * and its hide_args).
 */
OSP_API bool osp__function_begin(const char *name, const char *function,
								 const char *args);
#define OSP_TRACE_FUNCTION(name, args)                                     \
	__attribute__((cleanup(osp__scope_end), unused)) const bool OSP__JOIN( \
		osp_scope_, __LINE__) = osp__function_begin((name), __func__, (args))

#ifdef __cplusplus
}
#endif

#endif /* OSPROFILER_PROFILER_H */
