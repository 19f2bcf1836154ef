/* SPDX-License-Identifier: Apache-2.0
 *
 * web_reader.h
 *	  A request's turn at the collectors.
 *
 * Each request opens connections of its own: so several are served at once, and a
 * collector that was away, or was emptied, is seen as it is now. Only so many have their
 * turn at once. A turn ends early if the browser goes: a search of millions of traces is
 * given up with the next letter that is typed.
 */
#ifndef OSPROFILER_CLI_WEB_READER_H
#define OSPROFILER_CLI_WEB_READER_H

#include "web/web_site.h"

typedef struct web_reader
{
	cli_source source;
	osp_buf messages; /* what went wrong, a line each */
	bool began;
} web_reader;

/* False, with a message, if the others take too long. Ended by web_reader_end() in any
 * case. */
bool web_reader_begin(web_reader *reader,
					  const web_request *request) OSP_MUST_CHECK;
void web_reader_end(web_reader *reader);

/*
 * Reads the trace that an argument of the request names into a fresh *report, returned
 * owned. False, with *report NULL, a message, and the status of the answer.
 */
bool web_reader_load(web_reader *reader, const web_request *request,
					 const char *argument, osp_report **report,
					 unsigned *status) OSP_MUST_CHECK;

/* From now on reading ends at once. */
void web_readers_stop(void);

#endif /* OSPROFILER_CLI_WEB_READER_H */
