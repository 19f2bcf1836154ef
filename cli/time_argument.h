/* SPDX-License-Identifier: Apache-2.0
 *
 * time_argument.h
 *	  Durations and times in arguments.
 */
#ifndef OSPROFILER_CLI_TIME_ARGUMENT_H
#define OSPROFILER_CLI_TIME_ARGUMENT_H

#include "osprofiler/base.h"

/*
 * Reads a duration of 0..max seconds, a number with a unit: ms, s (may be left
 * out), m, h, d, w. False after a usage message.
 */
bool cli_duration(const char *option, const char *text, double max,
				  double *seconds) OSP_MUST_CHECK;

/*
 * Reads a moment, in ns since 1970: a date, a date and a time (UTC unless an
 * offset is given), or a duration before now. False after a usage message.
 */
bool cli_moment(const char *option, const char *text,
				int64_t *ns) OSP_MUST_CHECK;

#endif /* OSPROFILER_CLI_TIME_ARGUMENT_H */
