/* SPDX-License-Identifier: Apache-2.0
 *
 * sql_function_text.c
 *	  Makes a substitute for the text of a statement in a function whose body is
 *	  BEGIN ATOMIC or RETURN.
 *
 * PostgreSQL keeps such bodies parsed and without their text, so their statements
 * have an empty one. While one is planned or executed, the innermost callback for
 * error context belongs to the function. It reports the function's name and the
 * number of the statement: SQL function "name" statement 1.
 */
#include "pgosp.h"

/* The message of the innermost callback for error context, to be freed with pfree;
 * NULL: it reports nothing. */
static char *
innermost_error_context(void)
{
	ErrorContextCallback *whole_stack = error_context_stack;
	ErrorContextCallback innermost = *whole_stack;
	char *line;

	innermost.previous = NULL;
	error_context_stack = &innermost;
	line = GetErrorContextStack();
	error_context_stack = whole_stack;
	return line;
}

/* Does the line begin with the message, up to the message's first argument? */
static bool
begins_like(const char *line, const char *message)
{
	return strncmp(line, message, strcspn(message, "%")) == 0;
}

/* Is it the line of a function in SQL? Lines of other callbacks may hold values of
 * rows. */
static bool
is_of_sql_function(const char *line)
{
	return begins_like(line, _("SQL function \"%s\" statement %d")) ||
		   begins_like(line, _("SQL function \"%s\" during startup"));
}

osp_str
pgosp_text_of_sql_function(void)
{
	static char space[256];
	char *line = NULL;

	space[0] = '\0';
	if (error_context_stack != NULL)
		line = innermost_error_context();
	if (line == NULL)
		return osp_str_of(space);
	if (is_of_sql_function(line))
		strlcpy(space, line, sizeof(space));
	pfree(line);
	return osp_str_of(space);
}
