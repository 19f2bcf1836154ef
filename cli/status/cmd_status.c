/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_status.c
 *	  osprofiler status: says in words whether points arrive, and prints the
 *	  counters of a run directory.
 *
 * The command only reads. The counters are read one by one while other
 * processes increase them, so they need not add up exactly.
 */
#include "cli.h"
#include "control_text.h"
#include "out.h"
#include "server/shipper_state.h"
#include "status/status_view.h"
#include "status/status_words.h"
#include "time_argument.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "osprofiler/json.h"
#include "osprofiler/notification.h"
#include "profiler/config.h"
#include "record/ring.h"
#include "record/runstat.h"

static const char help[] =
	"Usage: osprofiler status [OPTIONS]\n"
	"\n"
	"Shows whether points arrive: what waits without being delivered and what was\n"
	"lost, in words, also what former runs of 'osprofiler run' and this user's\n"
	"PostgreSQL servers left, for root those of all users;\n"
	"then the counters of a run directory: points written, shipped,\n"
	"waiting, lost; contexts accepted and refused; the collector's last error.\n"
	"\n"
	"  --run-directory D         else OSPROFILER_RUN_DIR, else\n"
	"                            $XDG_RUNTIME_DIR/osprofiler, else\n"
	"                            /dev/shm/osprofiler-<uid>\n"
	"  --server CONNINFO         the counters of this PostgreSQL server, as psql "
	"takes\n"
	"                            it, for members of pg_read_all_stats\n"
	"  --since WHEN              what was lost before is no trouble: a time, or "
	"a\n"
	"                            duration before now, such as 10m or 1h\n"
	"  --json                    as JSON\n"
	"  --metrics                 in Prometheus' text format\n"
	"  -h, --help                this text\n"
	"\n"
	"Exit status: 0; 3 if points wait that nobody delivers, or were lost (with "
	"--since:\n"
	"since then); 1 after an error; 2 after a wrong call.\n";

/*
 * The longest output. There is a line for each former run, of which there may
 * be many.
 */
#define TEXT_LIMIT ((size_t) 64 * 1024 * 1024)

enum
{
	OPT_RUN_DIRECTORY = 256,
	OPT_SERVER,
	OPT_SINCE,
	OPT_JSON,
	OPT_METRICS
};

static const struct option longs[] = {
	{"run-directory", required_argument, NULL, OPT_RUN_DIRECTORY},
	{"server", required_argument, NULL, OPT_SERVER},
	{"since", required_argument, NULL, OPT_SINCE},
	{"json", no_argument, NULL, OPT_JSON},
	{"metrics", no_argument, NULL, OPT_METRICS},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

static int
report_nothing(const status_view *view)
{
	if (view->runs_at_work == 0)
		return cli_error(
			"nothing was traced in '%s' yet%s",
			view->path,
			cli_server_directories(view->path) + view->others_servers > 0
				? "; --server CONNINFO shows what a PostgreSQL "
				  "server has"
				: "");
	return cli_error("nothing was traced in '%s' yet; 'osprofiler run' is at "
					 "work in a directory of its own: osprofiler status "
					 "--run-directory %s",
					 view->path,
					 view->run_at_work);
}

/* Reads the totals of the run directory. CLI_FAILED after a message. */
static int
read_directory(status_view *view, int dir_fd)
{
	osp_error err = {OSP_OK, ""};
	struct stat st;

	/*
	 * Reading the totals would make the status file. It does not exist if only
	 * `osprofiler run` was used.
	 */
	if (fstatat(dir_fd, "status", &st, AT_SYMLINK_NOFOLLOW) != 0 &&
		view->former.count + view->servers.count > 0)
		return CLI_OK;
	if (fstatat(dir_fd, "status", &st, AT_SYMLINK_NOFOLLOW) != 0)
		return report_nothing(view);
	if (osp_run_totals_read(dir_fd, &view->totals, &err) != OSP_OK)
		return cli_error("%s: %s", view->path, err.msg);
	return CLI_OK;
}

/* Adds a line for each former run with points that wait. */
static void
add_former(status_view *view)
{
	size_t i;

	for (i = 0; i < view->former.count; i++)
	{
		former_run_add_words(&view->troubles, &view->former.runs[i]);
		osp_buf_add_str(&view->troubles, OSP_STR("; "));
		former_run_add_advice(&view->troubles, &view->former.runs[i]);
		osp_buf_add_char(&view->troubles, '\n');
	}
	view->trouble_count += view->former.count;
}

/* Adds a line for each PostgreSQL server of this user with points that wait. */
static void
add_servers(status_view *view)
{
	size_t i;

	for (i = 0; i < view->servers.count; i++)
	{
		left_server_add_words(&view->troubles, &view->servers.servers[i]);
		osp_buf_add_char(&view->troubles, '\n');
	}
	view->trouble_count += view->servers.count;
}

/* Adds what the totals mean in words. CLI_FAILED after a message. */
static int
complete_view(status_view *view)
{
	const osp_runstat *s = &view->totals.stat;

	if (view->totals.shipper_alive && view->shipper_pid == 0)
		view->shipper_pid = osp_owner_pid(s->shipper);
	if (s->last_error_wall_ns != 0)
		osp_timestamp_text(s->last_error_wall_ns, view->error_time);
	if (view->totals.last_loss_wall_ns != 0)
		osp_timestamp_text(view->totals.last_loss_wall_ns, view->loss_time);
	if (!view->of_server && view->shipper_pid > 0)
		view->shipper_state = cli_shipper_state(view->shipper_pid);
	if (view->shipper_pid > 0 && view->shipper_state == CLI_STATE_STOPPED)
	{
		osp_buf_addf(&view->troubles,
					 "the shipper, process %ld, is stopped (state T), and "
					 "delivers nothing: kill -CONT %ld\n",
					 view->shipper_pid,
					 view->shipper_pid);
		view->trouble_count++;
	}
	view->trouble_count += cli_status_troubles(&view->troubles,
											   view->path,
											   &view->totals,
											   view->error_time,
											   view->since_ns);
	add_former(view);
	add_servers(view);
	if (osp_buf_status(&view->troubles) != OSP_OK)
		return cli_error("%s",
						 osp_status_text(osp_buf_status(&view->troubles)));
	return CLI_OK;
}

/*
 * Finds what PostgreSQL servers of this user have left. They do not know this user's
 * environment, so their directories are in the default place; a setting names
 * another one. For root the servers of other users count, too.
 */
static void
find_servers(status_view *view, bool is_named)
{
	char shared[OSP_RUNDIR_PATH_MAX];

	left_servers_find(&view->servers, view->path);
	(void) snprintf(shared,
					sizeof(shared),
					"/dev/shm/osprofiler-%lu",
					(unsigned long) geteuid());
	if (!is_named && strcmp(shared, view->path) != 0)
		left_servers_find(&view->servers, shared);
	if (!is_named)
		view->others_servers = left_servers_find_of_others(&view->servers);
}

/*
 * Finds the run directory that the option or else the settings name. Without
 * the option it also finds the directories of runs below it, and those of servers.
 */
static osp_status
find_directories(status_view *view, const char *option, osp_error *err)
{
	osp_config config;
	osp_status status =
		osp_config_load(&config, &osp_allocator_default, NULL, err);

	if (status != OSP_OK)
		return status;
	status = osp_rundir_path(
		osp_str_of(option != NULL ? option : config.run_directory),
		view->path,
		err);
	if (status == OSP_OK && option == NULL)
		status = osp_config_set_collector(&config, NULL, NULL, err);
	if (status == OSP_OK && option == NULL)
	{
		(void) !osp_config_need_connection(&config, NULL);
		former_runs_find(
			&view->former, view->path, osp_str_of(config.connection_string));
		view->runs_at_work = runs_at_work_find(view->path, view->run_at_work);
		find_servers(view, config.run_directory[0] != '\0');
	}
	osp_config_term(&config);
	return status;
}

static int
read_status(status_view *view, const char *option)
{
	osp_error err = {OSP_OK, ""};
	osp_status status = find_directories(view, option, &err);
	int dir_fd = -1;
	int result;

	if (status == OSP_OK)
		status = osp_rundir_open(view->path, false, &dir_fd, &err);
	if (status == OSP_ENOENT && view->servers.count > 0)
		return CLI_OK;
	if (status == OSP_ENOENT)
		return cli_error("%sthere is no run directory '%s' (another one is "
						 "named by --run-directory)%s",
						 option == NULL ? "nothing was traced by this user "
										  "since the host was started, or "
										  "its run directory was removed: "
										: "",
						 view->path,
						 option == NULL ? "; --server CONNINFO shows what a "
										  "PostgreSQL server has"
										: "");
	if (status != OSP_OK)
		return cli_error("%s", err.msg);
	result = read_directory(view, dir_fd);
	(void) close(dir_fd);
	return result;
}

static void
print_text(cli_out *out, const status_view *view)
{
	status_counter counters[STATUS_COUNTERS_MAX];
	size_t count = status_counters(view, counters);
	size_t servers = cli_server_directories(view->path) + view->others_servers;
	osp_buf error;
	size_t i;

	(void) cli_out_write(out, osp_buf_str(&view->troubles));
	cli_out_printf(out, "%-24s %s\n", "run directory", view->path);
	if (view->runs_at_work > 0)
		cli_out_printf(out,
					   "%-24s %zu, with a directory of its own: osprofiler "
					   "status --run-directory %s\n",
					   "runs at work",
					   view->runs_at_work,
					   view->run_at_work);
	if (servers > 0)
		cli_out_printf(
			out,
			"%-24s %zu, each with a directory of its own: osprofiler "
			"status --server CONNINFO\n",
			"PostgreSQL servers",
			servers);
	if (view->shipper_pid > 0)
		cli_out_printf(out,
					   "%-24s %ld%s\n",
					   "shipper pid",
					   view->shipper_pid,
					   view->totals.stat.sleeping ? " (asleep)" : "");
	else
		cli_out_printf(out, "%-24s none\n", "shipper");
	for (i = 0; i < count; i++)
		cli_out_printf(out,
					   "%-24s %llu\n",
					   counters[i].label,
					   (unsigned long long) counters[i].value);
	for (i = 0; i < OSP_VERDICT_COUNT; i++)
		if (view->totals.stat.contexts[i] > 0)
			cli_out_printf(out,
						   "contexts %-15s %llu\n",
						   osp_verdict_name((osp_verdict) i),
						   (unsigned long long) view->totals.stat.contexts[i]);
	if (view->loss_time[0] != '\0')
		cli_out_printf(out, "%-24s %s\n", "last loss", view->loss_time);
	if (view->error_time[0] == '\0')
		return;
	osp_buf_init(&error, &osp_allocator_default, 4096);
	cli_add_visible(&error, osp_str_of(view->totals.stat.last_error));
	cli_out_printf(out, "%-24s %s ", "last error", view->error_time);
	(void) cli_out_write(out, osp_buf_str(&error));
	(void) cli_out_write(out, OSP_STR("\n"));
	osp_buf_term(&error);
}

/* Adds a member that is a string, or null if the value is empty. */
static void
add_text(osp_buf *json, const char *name, const char *value)
{
	osp_buf_addf(json, "  \"%s\": ", name);
	if (value[0] != '\0')
		osp_json_string(json, osp_str_of(value));
	else
		osp_buf_add_str(json, OSP_STR("null"));
}

/* Adds to the JSON how much of each former run is not delivered yet. */
static void
add_former_runs(osp_buf *json, const former_runs *former)
{
	size_t i;

	osp_buf_add_str(json, OSP_STR(",\n  \"former_runs\": ["));
	for (i = 0; i < former->count; i++)
	{
		const former_run *run = &former->runs[i];

		osp_buf_addf(json, "%s{\"run_directory\": ", i > 0 ? ", " : "");
		osp_json_string(json, osp_str_of(run->path));
		osp_buf_addf(json,
					 ", \"spool_points\": %llu, \"waiting_bytes\": %llu}",
					 (unsigned long long) run->totals.stat.spool_points,
					 (unsigned long long) run->totals.waiting_bytes);
	}
	osp_buf_add_char(json, ']');
}

/* Adds to the JSON how much of each server is not delivered. */
static void
add_left_servers(osp_buf *json, const left_servers *left)
{
	size_t i;

	osp_buf_add_str(json, OSP_STR(",\n  \"servers\": ["));
	for (i = 0; i < left->count; i++)
	{
		const left_server *server = &left->servers[i];

		osp_buf_addf(json, "%s{\"run_directory\": ", i > 0 ? ", " : "");
		osp_json_string(json, osp_str_of(server->path));
		osp_buf_addf(json,
					 ", \"spool_points\": %llu, \"waiting_bytes\": %llu}",
					 (unsigned long long) server->totals.stat.spool_points,
					 (unsigned long long) server->totals.waiting_bytes);
	}
	osp_buf_add_char(json, ']');
}

/* Adds the lines to the JSON, as a list of strings. */
static void
add_troubles(osp_buf *json, osp_str lines)
{
	const char *line = lines.ptr;
	const char *end = lines.ptr + lines.len;
	const char *before = "";

	osp_buf_add_str(json, OSP_STR(",\n  \"troubles\": ["));
	for (; line < end; before = ", ")
	{
		const char *stop = memchr(line, '\n', (size_t) (end - line));

		osp_buf_add_str(json, osp_str_of(before));
		osp_json_string(json, osp_str_n(line, (size_t) (stop - line)));
		line = stop + 1;
	}
	osp_buf_add_char(json, ']');
}

static void
print_json(cli_out *out, const status_view *view)
{
	status_counter counters[STATUS_COUNTERS_MAX];
	size_t count = status_counters(view, counters);
	osp_buf json;
	size_t i;

	osp_buf_init(&json, &osp_allocator_default, TEXT_LIMIT);
	osp_buf_add_str(&json, OSP_STR("{\n"));
	add_text(&json, "run_directory", view->path);
	osp_buf_addf(&json, ",\n  \"shipper_pid\": ");
	if (view->shipper_pid > 0)
		osp_buf_add_i64(&json, view->shipper_pid);
	else
		osp_buf_add_str(&json, OSP_STR("null"));
	add_troubles(&json, osp_buf_str(&view->troubles));
	if (!view->of_server)
	{
		add_former_runs(&json, &view->former);
		add_left_servers(&json, &view->servers);
	}
	for (i = 0; i < count; i++)
		osp_buf_addf(&json,
					 ",\n  \"%s\": %llu",
					 counters[i].name,
					 (unsigned long long) counters[i].value);
	osp_buf_add_str(&json, OSP_STR(",\n  \"contexts\": {"));
	for (i = 0; i < OSP_VERDICT_COUNT; i++)
		osp_buf_addf(&json,
					 "%s\"%s\": %llu",
					 i > 0 ? ", " : "",
					 osp_verdict_name((osp_verdict) i),
					 (unsigned long long) view->totals.stat.contexts[i]);
	osp_buf_add_str(&json, OSP_STR("},\n"));
	add_text(&json,
			 "last_error",
			 view->error_time[0] != '\0' ? view->totals.stat.last_error : "");
	osp_buf_add_str(&json, OSP_STR(",\n"));
	add_text(&json, "last_error_time", view->error_time);
	osp_buf_add_str(&json, OSP_STR(",\n"));
	add_text(&json, "last_loss_time", view->loss_time);
	osp_buf_add_str(&json, OSP_STR("\n}\n"));
	if (osp_buf_status(&json) != OSP_OK)
		out->error = ENOMEM;
	(void) cli_out_write(out, osp_buf_str(&json));
	osp_buf_term(&json);
}

typedef struct status_args
{
	const char *directory;
	const char *server;
	int64_t since_ns; /* 0: everything counts */
	bool json;
	bool metrics;
	bool help;
} status_args;

/* Reads the command line. CLI_OK, or CLI_USAGE after a message. */
static int
read_args(int argc, char **argv, status_args *args)
{
	int c;

	while ((c = cli_next_option(argc, argv, "h", longs)) != -1)
	{
		if (c == OPT_RUN_DIRECTORY)
			args->directory = optarg;
		else if (c == OPT_SERVER)
			args->server = optarg;
		else if (c == OPT_SINCE)
		{
			if (!cli_moment("--since", optarg, &args->since_ns))
				return CLI_USAGE;
		}
		else if (c == OPT_JSON)
			args->json = true;
		else if (c == OPT_METRICS)
			args->metrics = true;
		else
		{
			args->help = c == 'h';
			return args->help ? CLI_OK : CLI_USAGE;
		}
	}
	if (!cli_operands(argc, argv, 0, ""))
		return CLI_USAGE;
	if (args->json && args->metrics)
		return cli_usage("--json and --metrics exclude each other");
	if (args->directory != NULL && args->server != NULL)
		return cli_usage("--run-directory and --server exclude each other");
	return CLI_OK;
}

static int
print_view(const status_view *view, const status_args *args)
{
	cli_out out;
	int result = cli_out_open(&out, NULL);

	if (result != CLI_OK)
		return result;
	if (args->json)
		print_json(&out, view);
	else if (args->metrics)
		status_print_metrics(&out, view);
	else
		print_text(&out, view);
	return cli_out_close(&out);
}

int
cmd_status(int argc, char **argv)
{
	status_args args = {.directory = NULL};
	status_view view;
	int result = read_args(argc, argv, &args);

	if (result != CLI_OK || args.help)
		return args.help ? cli_help(help) : result;
	memset(&view, 0, sizeof(view));
	view.since_ns = args.since_ns;
	osp_buf_init(&view.troubles, &osp_allocator_default, TEXT_LIMIT);
	result = args.server != NULL ? status_read_server(&view, args.server)
								 : read_status(&view, args.directory);
	if (result == CLI_OK)
		result = complete_view(&view);
	if (result == CLI_OK)
		result = print_view(&view, &args);
	osp_buf_term(&view.troubles);
	former_runs_term(&view.former);
	left_servers_term(&view.servers);

	/* With --metrics the reader of the numbers decides whether they are good. */
	if (result == CLI_OK && view.trouble_count > 0 && !args.metrics)
		result = CLI_ATTENTION;
	return result;
}
