/* SPDX-License-Identifier: Apache-2.0
 *
 * otlp.h
 *	  The connection struct of the otlp driver.
 */
#ifndef OSP_OTLP_H
#define OSP_OTLP_H

#include "otlp/otlp_span.h"
#include "otlp_http.h"
#include "otlp_pairs.h"
#include "otlp_request.h"
#include "otlp_settings.h"
#include "otlp_state.h"

#define PATH_BYTES_MAX 4096

struct osp_driver_conn
{
	const osp_allocator *alc;
	osp_wait wait;
	otlp_settings settings;
	osp_http http;
	otlp_pairs pairs;
	otlp_span span;
	otlp_request request;
	osp_buf path; /* of the file with open operations, or empty */
	bool last;    /* nobody will end operations still open at close */
	bool read_only;
};

#endif /* OSP_OTLP_H */
