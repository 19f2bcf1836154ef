/* SPDX-License-Identifier: Apache-2.0
 *
 * log_limit.h
 *	  Lines of a log of which one stands for many: of all processes that share the
 *	  memory it lies in, and of the minute behind it.
 *
 * Memory of zeros is one in which nothing was logged. It is changed by atomic operations
 * alone: processes that race log a line too many at worst, and each case is counted in
 * one line at most.
 */
#ifndef OSP_LOG_LIMIT_H
#define OSP_LOG_LIMIT_H

#include "osprofiler/base.h"

#define OSP_LOG_LIMIT_NS (INT64_C(60) * 1000000000)

/* Texts that are told apart. Of more, the one that was logged first is forgotten. */
#define OSP_LOG_LIMIT_TEXTS 8

typedef struct osp_log_limit
{
	struct
	{
		uint64_t text; /* a number for it; 0: none */
		int64_t logged_ns;
		uint64_t cases; /* since then */
	} of[OSP_LOG_LIMIT_TEXTS];
} osp_log_limit;

/*
 * There is another case of what the text says. Is it to be logged now? Then for how many
 * cases the line stands, this one included; else 0. Texts that differ in numbers alone
 * are the same.
 */
uint64_t osp_log_limit_add(osp_log_limit *limit, const char *text,
						   int64_t now_ns);

/* The cases, of all texts, for which a line may be logged now and none was. */
uint64_t osp_log_limit_rest(osp_log_limit *limit, int64_t now_ns);

#endif /* OSP_LOG_LIMIT_H */
