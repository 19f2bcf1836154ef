/* SPDX-License-Identifier: Apache-2.0
 *
 * web_reader.h
 *	  A request's turn to read from the collectors.
 *
 * Each request opens its own connections. So several are served at the same
 * time, and a collector that was away, or was emptied, is seen in its present
 * state. Only a few requests have their turn at the same time. A turn ends
 * early if the browser closes the connection: a search in millions of traces is
 * given up when the next letter is typed.
 */
#ifndef OSPROFILER_CLI_WEB_READER_H
#define OSPROFILER_CLI_WEB_READER_H

#include "web/web_site.h"

typedef struct web_reader
{
	cli_source source;
	osp_buf messages; /* the failures, one a line */
	bool began;
} web_reader;

/*
 * Waits for a turn. False, with a message, if the other requests take too long.
 * web_reader_end() must be called in any case.
 */
bool web_reader_begin(web_reader *reader,
					  const web_request *request) OSP_MUST_CHECK;
void web_reader_end(web_reader *reader);

/*
 * Reads the trace that an argument of the request names into a fresh *report,
 * returned owned. After a failure returns false, with *report NULL, a message,
 * and the status of the answer.
 */
bool web_reader_load(web_reader *reader, const web_request *request,
					 const char *argument, osp_report **report,
					 unsigned *status) OSP_MUST_CHECK;

/* Makes all reading end at once from now on. */
void web_readers_stop(void);

#endif /* OSPROFILER_CLI_WEB_READER_H */
