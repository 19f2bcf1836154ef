/* SPDX-License-Identifier: Apache-2.0
 *
 * otlp_settings.h
 *	  Reads the connection string of the otlp driver.
 */
#ifndef OSP_OTLP_SETTINGS_H
#define OSP_OTLP_SETTINGS_H

#include "http/http_target.h"
#include "otlp/otlp_keys.h"
#include "profiler/config.h"

extern const char *const otlp_schemes[];

typedef struct otlp_settings
{
	osp_http_target target;
	osp_buf resource; /* encoded attributes of every resource */
	otlp_keys keys;   /* their names */
	osp_statement_text statement_text;
	int64_t unfinished_ns; /* how long a start waits for its stop */
} otlp_settings;

/*
 * Reads otlp://[user:password@]host[:port][/path] or otlp+https://..., with the
 * options of docs/drivers.md, and the file of headers. OSP_EINVAL: the string
 * is wrong; OSP_ENOENT, OSP_EPERM, OSP_EIO: about that file; OSP_ENOMEM.
 * otlp_settings_term() must be called in any case.
 */
osp_status otlp_settings_read(otlp_settings *settings, const osp_allocator *alc,
							  osp_str connection_string,
							  osp_error *err) OSP_MUST_CHECK;
void otlp_settings_term(otlp_settings *settings);

#endif /* OSP_OTLP_SETTINGS_H */
