/* SPDX-License-Identifier: Apache-2.0
 *
 * message.c
 *	  What the command prints on stderr, and how it reads its arguments.
 *
 * A message stays one line, although it may quote a file name, a collector's
 * answer or a trace id that contain anything.
 */
#include "cli.h"
#include "control_text.h"
#include "line/similar_text.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MESSAGE_MAX 2048

static char command_name[64];
static __thread osp_buf *collected; /* where messages go; NULL: to stderr */

void
cli_set_command(const char *name)
{
	(void) snprintf(command_name, sizeof(command_name), "%s", name);
}

void
cli_collect_messages(osp_buf *messages)
{
	collected = messages;
}

/* Writes the line by one call, so that output of other processes cannot split it. */
static void
write_line(const char *hint, const char *fmt, va_list args)
{
	char text[MESSAGE_MAX];
	osp_buf line;

	(void) vsnprintf(text, sizeof(text), fmt, args);
	if (collected != NULL)
	{
		cli_add_visible(collected, osp_str_of(text));
		osp_buf_add_char(collected, '\n');
		return;
	}
	osp_buf_init(&line, &osp_allocator_default, 8 * MESSAGE_MAX);
	osp_buf_add_str(&line, OSP_STR("osprofiler: "));
	if (command_name[0] != '\0')
		osp_buf_addf(&line, "%s: ", command_name);
	cli_add_visible(&line, osp_str_of(text));
	osp_buf_add_str(&line, osp_str_of(hint));
	osp_buf_add_char(&line, '\n');

	/* If stderr cannot be written to, nobody can be informed of that. */
	if (line.ptr != NULL && write(STDERR_FILENO, line.ptr, line.len) < 0)
		errno = 0;
	osp_buf_term(&line);
}

int
cli_error(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	write_line("", fmt, args);
	va_end(args);
	return CLI_FAILED;
}

int
cli_usage(const char *fmt, ...)
{
	char hint[128];
	va_list args;

	(void) snprintf(hint,
					sizeof(hint),
					" (see 'osprofiler %s%s--help')",
					command_name,
					command_name[0] != '\0' ? " " : "");
	va_start(args, fmt);
	write_line(hint, fmt, args);
	va_end(args);
	return CLI_USAGE;
}

/*
 * Finds the long option that was probably meant by a word with one dash or two;
 * NULL: none resembles it.
 */
static const char *
find_similar_option(const char *word, const struct option *longs)
{
	size_t best = CLI_SIMILAR_MAX;
	const char *found = NULL;
	char name[64];

	word += strspn(word, "-");
	(void) snprintf(name, sizeof(name), "%.*s", (int) strcspn(word, "="), word);
	for (; longs->name != NULL; longs++)
		if (cli_text_is_nearer(name, longs->name, &best))
			found = longs->name;
	return found;
}

/*
 * Is word a long option with only one dash, as "-html"? getopt reads that as
 * five options of one letter, of which the first may exist. So not all of its
 * letters may be options.
 */
static bool
is_long_with_one_dash(const char *word, const char *shorts)
{
	return word != NULL && word[0] == '-' && word[1] != '-' &&
		   word[1] != '\0' && word[2] != '\0' &&
		   word[1 + strspn(word + 1, shorts)] != '\0';
}

static void
report_unknown_option(const char *word, const char *shorts,
					  const struct option *longs)
{
	const char *similar = find_similar_option(word, longs);

	/*
	 * For a command whose options end at the first word that is not an option, the
	 * unknown option may be meant for the program that the command runs.
	 */
	cli_usage("unknown%s option '%s'%s%s%s%s",
			  word[1] == '-' ? " or ambiguous" : "",
			  word,
			  similar != NULL ? "; did you mean '--" : "",
			  similar != NULL ? similar : "",
			  similar != NULL ? "'?" : "",
			  shorts[0] == '+' ? " (options of the command stand behind it: "
								 "osprofiler run [OPTIONS] COMMAND [OPTIONS])"
							   : "");
}

/*
 * Reports what is wrong with the option that getopt_long returned as c. Returns
 * c, or '?' after a message.
 */
static int
check_option(int c, char **argv, const char *shorts, const struct option *longs)
{
	/*
	 * The word of the option is still at optind while letters of it are left to
	 * read.
	 */
	const char *last = argv[optind - 1];
	const char *word = is_long_with_one_dash(argv[optind], shorts) &&
							   argv[optind][1] == (c == '?' ? optopt : c)
						   ? argv[optind]
						   : last;
	char letter[3] = {'-', (char) optopt, '\0'};

	if (c == ':')
		cli_usage("option '%s' needs a value", last);
	else if (c <= UCHAR_MAX && is_long_with_one_dash(word, shorts))
		report_unknown_option(word, shorts, longs);
	else if (c != '?')
		return c;

	/*
	 * optopt is an existing option that takes no value, or an unknown letter,
	 * or 0 for an unknown long option.
	 */
	else if (optopt > UCHAR_MAX ||
			 (optopt != 0 && strchr(shorts, optopt) != NULL))
		cli_usage("option '%s' takes no value", last);
	else
		report_unknown_option(optopt != 0 ? letter : last, shorts, longs);
	return '?';
}

int
cli_next_option(int argc, char **argv, const char *shorts,
				const struct option *longs)
{
	char spec[64];
	int c;

	/*
	 * With a colon in front getopt_long tells a missing value from an unknown
	 * option.
	 */
	opterr = 0;
	(void) snprintf(spec,
					sizeof(spec),
					"%s:%s",
					shorts[0] == '+' ? "+" : "",
					shorts[0] == '+' ? shorts + 1 : shorts);
	c = getopt_long(argc, argv, spec, longs, NULL);
	return c == -1 ? c : check_option(c, argv, shorts, longs);
}

bool
cli_number(const char *option, const char *text, long min, long max, long *out)
{
	char *end;

	errno = 0;
	*out = strtol(text, &end, 10);
	if (errno == 0 && end != text && *end == '\0' && *out >= min && *out <= max)
		return true;
	cli_usage("%s must be a whole number from %ld to %ld, not '%s'",
			  option,
			  min,
			  max,
			  text);
	return false;
}

bool
cli_operands(int argc, char **argv, int count, const char *what)
{
	if (argc - optind > count)
	{
		cli_usage("unexpected argument '%s'", argv[optind + count]);
		return false;
	}
	if (argc - optind < count)
	{
		cli_usage("%s is missing", what);
		return false;
	}
	return true;
}
