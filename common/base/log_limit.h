/* SPDX-License-Identifier: Apache-2.0
 *
 * log_limit.h
 *	  Limits repeated log lines: one line a minute stands for the cases of all processes
 *	  that share the memory of the limit.
 *
 * Zeroed memory is a limit under which nothing was logged. It is changed by atomic
 * operations alone: at worst, racing processes log one line too many, and each case is
 * counted in at most one line.
 */
#ifndef OSP_LOG_LIMIT_H
#define OSP_LOG_LIMIT_H

#include "osprofiler/base.h"

#define OSP_LOG_LIMIT_NS (INT64_C(60) * 1000000000)

/* How many texts are told apart. Beyond that, the text that was logged first is
 * forgotten. */
#define OSP_LOG_LIMIT_TEXTS 8

typedef struct osp_log_limit
{
	struct
	{
		uint64_t text; /* hash of the text; 0: unused entry */
		int64_t logged_ns;
		uint64_t cases; /* cases since logged_ns */
	} of[OSP_LOG_LIMIT_TEXTS];
} osp_log_limit;

/*
 * Counts another case of the text. Returns 0 if no line is to be logged now, else for
 * how many cases the line stands, this one included. Texts that differ only in digits
 * are the same.
 */
uint64_t osp_log_limit_add(osp_log_limit *limit, const char *text,
						   int64_t now_ns);

/* The cases of all texts for which a line may be logged now and none was. */
uint64_t osp_log_limit_rest(osp_log_limit *limit, int64_t now_ns);

#endif /* OSP_LOG_LIMIT_H */
