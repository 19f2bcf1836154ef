/* SPDX-License-Identifier: Apache-2.0
 *
 * pgosp_base.h
 *	  What all headers of the extension begin with.
 *
 * Calls and variables of our own are reached without the linker's tables: what
 * they declare is hidden.
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
 * On the way of nearly every statement: these functions lie side by side, and so
 * do these variables. More than instructions, a traced statement costs what has
 * to be fetched for it.
 */
#define pgosp_hot      __attribute__((hot))
#define pgosp_hot_data __attribute__((section("pgosp_hot_data")))

/*
 * Writes a line into the server's log: pgosp_log(errmsg(...), errhint(...)). It stands
 * there without the statement in which it was written, and without what called that,
 * for these may hold secrets, and it is not sent to the client.
 */
#define pgosp_log(...) \
	ereport(           \
		LOG_SERVER_ONLY, errhidestmt(true), errhidecontext(true), __VA_ARGS__)

#endif /* PGOSP_BASE_H */
