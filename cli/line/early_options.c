/* SPDX-License-Identifier: Apache-2.0
 *
 * early_options.c
 *	  Options that stand before the command: osprofiler --json trace list.
 */
#include "line/early_options.h"
#include "cli.h"
#include "line/similar_text.h"

#include <stdlib.h>

/* Options that several commands have. */
static const struct
{
	const char *name;
	bool has_value;
} early_options[] = {
	{"--connection-string", true},
	{"--transport-url", true},
	{"--run-directory", true},
	{"--json", false},
	{"--no-wait", false},
	{"--no-pager", false},
	{"--color", false}, /* its value follows after "=" */
};

/*
 * How many words the early option that begins with this word occupies: 1, or 2
 * if its value is the next word. 0: word is not an early option.
 */
static int
count_option_words(const char *word)
{
	size_t len = strcspn(word, "=");
	size_t i;

	for (i = 0; i < sizeof(early_options) / sizeof(early_options[0]); i++)
		if (strlen(early_options[i].name) == len &&
			strncmp(early_options[i].name, word, len) == 0)
			return early_options[i].has_value && word[len] == '\0' ? 2 : 1;
	return 0;
}

/* Reports an unknown option, and names the one that resembles it. */
static void
report_unknown(const char *word)
{
	static const char *const others[] = {"--help", "--version"};
	size_t best = CLI_SIMILAR_MAX;
	const char *similar = NULL;
	size_t i;

	for (i = 0; i < sizeof(early_options) / sizeof(early_options[0]); i++)
		if (cli_text_is_nearer(word, early_options[i].name, &best))
			similar = early_options[i].name;
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (cli_text_is_nearer(word, others[i], &best))
			similar = others[i];
	cli_usage("unknown option '%s'%s%s%s",
			  word,
			  similar != NULL ? "; did you mean '" : "",
			  similar != NULL ? similar : "",
			  similar != NULL ? "'?" : "");
}

bool
cli_move_early_options(int argc, char **argv,
					   bool (*is_group)(const char *word))
{
	int first = 1;
	int words;
	char **copy;

	while (first < argc && argv[first][0] == '-')
	{
		int count = count_option_words(argv[first]);

		if (count == 0)
		{
			report_unknown(argv[first]);
			return false;
		}
		first += count;
	}
	if (first == 1)
		return true;
	if (first >= argc)
	{
		cli_usage("a command is missing");
		return false;
	}
	words = is_group(argv[first]) && first + 1 < argc ? 2 : 1;
	copy = malloc((size_t) argc * sizeof(*copy));
	if (copy == NULL)
		return true;
	memcpy(copy, argv, (size_t) argc * sizeof(*copy));
	memcpy(argv + 1, copy + first, (size_t) words * sizeof(*copy));
	memcpy(argv + 1 + words, copy + 1, (size_t) (first - 1) * sizeof(*copy));
	free(copy);
	return true;
}
