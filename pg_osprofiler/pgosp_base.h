/* SPDX-License-Identifier: Apache-2.0
 *
 * pgosp_base.h
 *	  The header that all other headers of the extension include.
 *
 * Everything that the headers declare is hidden, so that our functions and
 * variables are reached without the linker's tables.
 */
#ifndef PGOSP_BASE_H
#define PGOSP_BASE_H

#include "postgres.h"

#include "executor/executor.h"
#include "fmgr.h"
#include "lib/ilist.h"
#include "nodes/plannodes.h"
#include "utils/timestamp.h"

#include "context/comment.h"
#include "record/producer.h"
#include "record/record.h"

#include "compat.h"

/*
 * Mark functions and variables that nearly every statement uses, so that they lie next
 * to each other. The cost of tracing a statement is less its instructions than the code
 * and data that have to be fetched into the cache.
 */
#define pgosp_hot      __attribute__((hot))
#define pgosp_hot_data __attribute__((section("pgosp_hot_data")))

/*
 * Writes a line into the server's log: pgosp_log(errmsg(...), errhint(...)). The line
 * has no statement and no error context, because these may hold secrets, and it is not
 * sent to the client.
 */
#define pgosp_log(...) \
	ereport(           \
		LOG_SERVER_ONLY, errhidestmt(true), errhidecontext(true), __VA_ARGS__)

#endif /* PGOSP_BASE_H */
