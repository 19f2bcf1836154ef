/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_remove.c
 *	  osprofiler trace delete and osprofiler trace prune: removing traces from a
 *	  collector, by id or by age.
 */
#include "cli.h"
#include "collector_options.h"
#include "control_text.h"
#include "out.h"
#include "time_argument.h"
#include "trace/last_trace.h"
#include "trace/trace_prefix.h"

#include <stdlib.h>
#include <time.h>

#include "osprofiler/report.h"

/* How many forms a trace's name has at most (osp_trace_name_form). */
#define FORMS_MAX 3

#define AGE_MAX  3.2e9 /* seconds: a hundred years */
#define NS_PER_S 1000000000

/* The longest text that says which traces are meant. */
#define SAID_MAX ((size_t) 1024 * 1024)

static const char delete_help[] =
	"Usage: osprofiler trace delete [OPTIONS] TRACE...\n"
	"\n"
	"Removes traces from a collector, for good. Exit status 1 if one of them was\n"
	"not there. TRACE is an id, or at least its first 8 characters; 'last' for the\n"
	"trace of your last 'osprofiler run', 'last~1' for the one before it; or 'newest'\n"
	"for the one that ended last, whoever made it. A server's traces are removed from\n"
	"its collector, which --connection-string names.\n"
	"\n" CLI_COLLECTOR_HELP "  -h, --help                this text\n";

static const char prune_help[] =
	"Usage: osprofiler trace prune --older-than TIME [OPTIONS]\n"
	"\n"
	"Removes traces from a collector whose last operation is older than a time.\n"
	"\n"
	"  --older-than TIME         such as 36h, 7d or 4w\n" CLI_COLLECTOR_HELP
	"  -h, --help                this text\n";

enum
{
	OPT_OLDER_THAN = CLI_OPT_FIRST_FREE,
	OPT_SERVER
};

/* --server is accepted only to explain in a message why it cannot be used. */
static const struct option delete_longs[] = {
	CLI_COLLECTOR_OPTIONS,
	{"server", required_argument, NULL, OPT_SERVER},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

static const struct option prune_longs[] = {
	CLI_COLLECTOR_OPTIONS,
	{"server", required_argument, NULL, OPT_SERVER},
	{"older-than", required_argument, NULL, OPT_OLDER_THAN},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

/* Explains how to remove traces that a server has stored. A server's functions return
 * traces to its users, but remove none. */
static int
refuse_server(void)
{
	return cli_usage(
		"--server only reads. Name the collector that the server delivers to "
		"by --connection-string; the default one is in the data directory, and "
		"its user removes from it: --connection-string "
		"sqlite:///DATA_DIRECTORY/osprofiler/pgsql_tmp/traces.db");
}

/* Prints how many traces were removed, after the lines of said. */
static int
print_removed(osp_str said, uint64_t removed)
{
	cli_out out;

	if (cli_out_open(&out, NULL) != CLI_OK)
		return CLI_FAILED;
	cli_out_printf(&out,
				   "%.*s%llu %s removed\n",
				   (int) said.len,
				   said.ptr,
				   (unsigned long long) removed,
				   removed == 1 ? "trace" : "traces");
	return cli_out_close(&out);
}

/*
 * Removes these traces. Prints the lines of said, which are about the names
 * that were given, and then how many traces were removed. CLI_FAILED after a
 * message.
 */
static int
remove_traces(cli_collector *collector, osp_removal *what, osp_str said,
			  uint64_t *removed)
{
	osp_error err = {OSP_OK, ""};
	osp_status status;
	int result = CLI_OK;

	*removed = 0;
	collector->writes = true;
	if (cli_collector_open(collector) != CLI_OK)
		return CLI_FAILED;
	what->struct_size = sizeof(*what);
	status =
		collector->driver->remove_traces(collector->conn, what, removed, &err);
	if (status == OSP_OK || *removed > 0)
		result = print_removed(said, *removed);
	if (status != OSP_OK)
		return cli_collector_failed(
			collector, "remove traces from", status, &err);
	return result;
}

/* Lists all forms of the names; *count is how many. Returned owned; NULL: no memory. */
static osp_str *
all_forms(char **names, int name_count, size_t *count)
{
	size_t max = (size_t) name_count * FORMS_MAX;
	osp_str *forms = calloc(max + 1, sizeof(*forms) + OSP_ID_MAX + 1);
	char *text = (char *) (forms + max);
	unsigned form;
	osp_id id;
	int i;

	*count = 0;
	for (i = 0; forms != NULL && i < name_count; i++)
	{
		size_t first = *count;

		for (form = 0; osp_trace_name_form(osp_str_of(names[i]), form, &id);
			 form++)
		{
			osp_str here = osp_id_text(&id, text);

			/* The text may be a part of id, which the next name overwrites. */
			if (here.ptr != text)
			{
				memcpy(text, here.ptr, here.len);
				here.ptr = text;
			}

			/* For a UUID the name itself may equal a later form. */
			if (form > 0 && osp_str_eq(here, forms[first]))
				continue;
			forms[(*count)++] = here;
			text += OSP_ID_MAX + 1;
		}
	}
	return forms;
}

/* The id that was found for a name such as "last". */
typedef struct whole_id
{
	char text[OSP_ID_MAX + 1];
} whole_id;

/*
 * Finds the id for a name such as "last" or the beginning of an id; empty: the
 * name is an id itself. CLI_FAILED after a message.
 */
static int
find_id(cli_collector *collector, const char *name, char id[OSP_ID_MAX + 1])
{
	const cli_places where = {.places = {collector}, .count = 1};
	osp_status listed;

	return cli_is_last(name)
			   ? cli_last_find(&where, name, id, &listed)
			   : cli_trace_prefix_find(collector, name, id, &listed);
}

static bool
is_repeated(char **names, int at)
{
	int i = 0;

	while (i < at && strcmp(names[i], names[at]) != 0)
		i++;
	return i < at;
}

/*
 * Replaces names such as "last", and beginnings of ids, by the ids that they
 * stand for. For each of them appends a line to said. Removes names that occur
 * twice. CLI_FAILED after a message.
 */
static int
resolve_names(cli_collector *collector, char **names, whole_id *ids, int *count,
			  osp_buf *said)
{
	int kept = 0;
	int i;

	for (i = 0; i < *count; i++)
	{
		char *id = ids[i].text;

		if (find_id(collector, names[i], id) != CLI_OK)
			return CLI_FAILED;
		if (id[0] != '\0')
		{
			osp_buf_addf(said, "%s is ", names[i]);
			cli_add_visible(said, osp_str_of(id));
			osp_buf_add_char(said, '\n');
		}
		names[kept] = id[0] != '\0' ? id : names[i];
		if (!is_repeated(names, kept))
			kept++;
	}
	*count = kept;
	return CLI_OK;
}

static int
delete_named(cli_collector *collector, char **names, int name_count,
			 osp_str said)
{
	osp_removal what;
	uint64_t removed;
	osp_str *ids;
	int result;

	memset(&what, 0, sizeof(what));
	ids = all_forms(names, name_count, &what.count);
	if (ids == NULL)
		return cli_error("%s", osp_status_text(OSP_ENOMEM));
	what.ids = ids;
	result = remove_traces(collector, &what, said, &removed);
	free(ids);
	if (result == CLI_OK && removed < (uint64_t) name_count)
		return cli_error("%llu of %d traces were not in %s",
						 (unsigned long long) name_count - removed,
						 name_count,
						 collector->shown);
	return result;
}

static int
delete_traces(cli_collector *collector, char **names, int name_count)
{
	whole_id *ids = calloc((size_t) name_count, sizeof(*ids));
	osp_buf said;
	int result;

	if (ids == NULL)
		return cli_error("%s", osp_status_text(OSP_ENOMEM));
	osp_buf_init(&said, &osp_allocator_default, SAID_MAX);
	collector->writes = true;
	result = cli_collector_open(collector);
	if (result == CLI_OK)
		result = resolve_names(collector, names, ids, &name_count, &said);
	if (result == CLI_OK)
		result = delete_named(collector, names, name_count, osp_buf_str(&said));
	osp_buf_term(&said);
	free(ids);
	return result;
}

int
cmd_delete(int argc, char **argv)
{
	cli_collector collector;
	int result;
	int c;

	cli_collector_init(&collector);
	while ((c = cli_next_option(argc, argv, "h", delete_longs)) != -1)
	{
		if (c == 'h')
			return cli_help(delete_help);
		if (c == OPT_SERVER)
			return refuse_server();
		if (c == '?' || !cli_collector_option(&collector, c, optarg))
			return CLI_USAGE;
	}
	if (argc <= optind)
		return cli_operands(argc, argv, 1, "the trace") ? CLI_OK : CLI_USAGE;
	result = delete_traces(&collector, argv + optind, argc - optind);
	cli_collector_close(&collector);
	return result;
}

static int
prune(cli_collector *collector, double age_s)
{
	struct timespec now;
	osp_removal what;
	uint64_t removed;

	(void) clock_gettime(CLOCK_REALTIME, &now);
	memset(&what, 0, sizeof(what));
	what.older_than_ns = (int64_t) now.tv_sec * NS_PER_S + now.tv_nsec -
						 (int64_t) (age_s * NS_PER_S);
	return remove_traces(collector, &what, OSP_STR(""), &removed);
}

int
cmd_prune(int argc, char **argv)
{
	cli_collector collector;
	double age_s = -1;
	int result;
	int c;

	cli_collector_init(&collector);
	while ((c = cli_next_option(argc, argv, "h", prune_longs)) != -1)
	{
		if (c == 'h')
			return cli_help(prune_help);
		if (c == OPT_SERVER)
			return refuse_server();
		if (c == OPT_OLDER_THAN)
		{
			if (!cli_duration("--older-than", optarg, AGE_MAX, &age_s))
				return CLI_USAGE;

			/*
			 * A number without a unit is refused, since traces that are removed
			 * by mistake are lost.
			 */
			if (strspn(optarg, "0123456789.") == strlen(optarg))
				return cli_usage("--older-than needs a unit: for %s days "
								 "write %sd",
								 optarg,
								 optarg);
		}
		else if (c == '?' || !cli_collector_option(&collector, c, optarg))
			return CLI_USAGE;
	}
	if (!cli_operands(argc, argv, 0, ""))
		return CLI_USAGE;
	if (age_s < 0)
		return cli_usage("--older-than is missing");
	result = prune(&collector, age_s);
	cli_collector_close(&collector);
	return result;
}
