/* SPDX-License-Identifier: Apache-2.0
 *
 * plugin.c
 *	  Driver plug-ins for test_driver: one is valid, each of the others has one fault.
 *	  The Makefile selects the plug-in by PLUGIN, the scheme, and by a macro for the
 *	  fault.
 */
#include "osprofiler/driver.h"

#ifndef PLUGIN_ABI
#define PLUGIN_ABI OSP_DRIVER_ABI
#endif
#ifndef PLUGIN_SCHEME
#define PLUGIN_SCHEME PLUGIN_NAME
#endif
#ifndef PLUGIN_CLOSE
#define PLUGIN_CLOSE tiny_close
#endif

#define JOIN2(a, b) a##b
#define JOIN(a, b)  JOIN2(a, b)
#define SYMBOL      JOIN(osp_driver_, PLUGIN)

static osp_status
tiny_open(const osp_driver_options *options, osp_driver_conn **conn,
		  osp_error *err)
{
	(void) options;
	(void) conn;
	return osp_error_set(err, OSP_EUNSUPPORTED, "only to be found");
}

static osp_status
tiny_notify(osp_driver_conn *conn, const osp_notification *items, size_t count,
			size_t *accepted, osp_error *err)
{
	(void) conn;
	(void) items;
	(void) count;
	*accepted = 0;
	return osp_error_set(err, OSP_EUNSUPPORTED, "only to be found");
}

static osp_status
tiny_get_points(osp_driver_conn *conn, osp_str base_id, osp_point_fn fn,
				void *ctx, osp_error *err)
{
	(void) conn;
	(void) base_id;
	(void) fn;
	(void) ctx;
	return osp_error_set(err, OSP_EUNSUPPORTED, "only to be found");
}

static osp_status
tiny_list_traces(osp_driver_conn *conn, const osp_trace_filter *filter,
				 osp_trace_fn fn, void *ctx, osp_str *next, osp_error *err)
{
	(void) conn;
	(void) filter;
	(void) fn;
	(void) ctx;
	(void) next;
	return osp_error_set(err, OSP_EUNSUPPORTED, "only to be found");
}

static osp_status
tiny_remove_traces(osp_driver_conn *conn, const osp_removal *what,
				   uint64_t *removed, osp_error *err)
{
	(void) conn;
	(void) what;
	*removed = 0;
	return osp_error_set(err, OSP_EUNSUPPORTED, "only to be found");
}

__attribute__((unused)) static void
tiny_close(osp_driver_conn *conn)
{
	(void) conn;
}

static const char *const schemes[] = {"another", PLUGIN_SCHEME, NULL};

extern OSP_API const osp_driver SYMBOL;
const osp_driver SYMBOL = {PLUGIN_ABI,
						   0,
						   PLUGIN_NAME,
						   schemes,
						   tiny_open,
						   tiny_notify,
						   tiny_get_points,
						   tiny_list_traces,
						   tiny_remove_traces,
						   PLUGIN_CLOSE};
