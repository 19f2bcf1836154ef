/* SPDX-License-Identifier: Apache-2.0
 *
 * profiler_debug.c
 *	  Says on stderr why a program is traced or not, if OSPROFILER_DEBUG asks for it.
 */
#include "profiler/profiler_debug.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_BYTES 512

static bool is_on = false;

void
osp__debug_init(void)
{
	const char *value = secure_getenv("OSPROFILER_DEBUG");

	is_on = value != NULL && value[0] != '\0' && strcmp(value, "0") != 0 &&
			strcmp(value, "false") != 0;
}

/* Makes one write, so that lines of several threads do not mix. stdio is not used,
 * because it belongs to the program. */
void
osp__debug(const char *fmt, ...)
{
	char line[LINE_MAX_BYTES];
	int saved = errno;
	va_list args;
	size_t len;

	if (!is_on)
		return;
	(void) snprintf(line, sizeof(line), "osprofiler[%ld]: ", (long) getpid());
	len = strlen(line);
	va_start(args, fmt);
	(void) vsnprintf(line + len, sizeof(line) - len - 1, fmt, args);
	va_end(args);
	len = strlen(line);
	line[len] = '\n';
	(void) !write(STDERR_FILENO, line, len + 1);
	errno = saved;
}
