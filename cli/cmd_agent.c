/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_agent.c
 *	  osprofiler agent: ships the points of a run directory, in the foreground,
 *	  until it is told to end.
 *
 * All signals that mean something are taken from a descriptor that is polled
 * together with the shipper's, so nothing happens in a signal handler. Messages
 * of the shipper go to stderr, a line at a time.
 */
#include "cli.h"
#include "collector_options.h"
#include "control_text.h"
#include "doctor/unknown_settings.h"
#include "relative_path.h"
#include "run/deliver_former.h"
#include "run/run.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "base/parse.h"
#include "profiler/config.h"
#include "record/rundir.h"
#include "ship/shipper.h"

#define AGENT_NICE 5

/* The exit status if another shipper already works in the run directory. */
#define AGENT_BUSY 3

/*
 * How long the end of the agent may take, and how long one delivery (--once)
 * may take.
 */
#define END_TIMEOUT_MS  1800
#define ONCE_TIMEOUT_MS 60000

static const char help[] =
	"Usage: osprofiler agent [OPTIONS]\n"
	"\n"
	"Takes the points that traced programs have written to a run directory to "
	"the\n"
	"collector, until SIGTERM or SIGINT. SIGHUP reads the configuration "
	"again.\n"
	"\n"
	"  --run-directory D         else OSPROFILER_RUN_DIR, else\n"
	"                            $XDG_RUNTIME_DIR/osprofiler, else\n"
	"                            /dev/shm/osprofiler-<uid>\n" CLI_COLLECTOR_HELP
	"  --spool FILE              keeps points while the collector is away;\n"
	"                            default: spool, in the run directory\n"
	"  --spool-limit SIZE        its greatest size, as 64MB or 1GB\n"
	"  --project P, --service S  of points that name none\n"
	"  --host H                  default: the name of this machine\n"
	"  --conf FILE               configuration, else OSPROFILER_CONF\n"
	"  --once                    deliver what is there, and end; without\n"
	"                            --run-directory also what former runs of\n"
	"                            'osprofiler run' left\n"
	"  --log-times               begin each line on stderr with the time (UTC) and "
	"the\n"
	"                            process, as in PostgreSQL's log\n"
	"  -h, --help                this text\n"
	"\n"
	"Exit status: 0, 1 after an error (with --once also if points are left), 2 "
	"after\n"
	"a wrong call, 3 if the run directory has a shipper already.\n";

enum
{
	OPT_RUN_DIRECTORY = CLI_OPT_FIRST_FREE,
	OPT_SPOOL,
	OPT_SPOOL_LIMIT,
	OPT_PROJECT,
	OPT_SERVICE,
	OPT_HOST,
	OPT_CONF,
	OPT_ONCE,
	OPT_LOG_TIMES
};

static const struct option longs[] = {
	{"run-directory", required_argument, NULL, OPT_RUN_DIRECTORY},
	CLI_COLLECTOR_OPTIONS,
	{"spool", required_argument, NULL, OPT_SPOOL},
	{"spool-limit", required_argument, NULL, OPT_SPOOL_LIMIT},
	{"project", required_argument, NULL, OPT_PROJECT},
	{"service", required_argument, NULL, OPT_SERVICE},
	{"host", required_argument, NULL, OPT_HOST},
	{"conf", required_argument, NULL, OPT_CONF},
	{"once", no_argument, NULL, OPT_ONCE},
	{"log-times", no_argument, NULL, OPT_LOG_TIMES},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

/* The arguments of the command line; NULL or 0: not given. */
typedef struct agent_args
{
	const char *run_directory;
	const char *connection_string;
	const char *transport_url;
	const char *spool;
	uint64_t spool_limit;
	const char *project;
	const char *service;
	const char *host;
	const char *conf;
	bool once;
	bool help;
} agent_args;

/* Do lines begin with the time? They share PostgreSQL's log with lines that do. */
static bool log_has_times = false;

/* Appends time and process, as PostgreSQL's log_line_prefix does by default. */
static void
add_time(osp_buf *text)
{
	struct timespec now;
	struct tm utc;
	char begin[32];

	(void) clock_gettime(CLOCK_REALTIME, &now);
	if (gmtime_r(&now.tv_sec, &utc) == NULL ||
		strftime(begin, sizeof(begin), "%Y-%m-%d %H:%M:%S", &utc) == 0)
		return;
	osp_buf_addf(text,
				 "%s.%03ld UTC [%ld] ",
				 begin,
				 now.tv_nsec / 1000000,
				 (long) getpid());
}

static void
log_line(void *ctx, osp_log_level level, const char *line)
{
	osp_buf text;

	(void) ctx;
	(void) level;
	osp_buf_init(&text, &osp_allocator_default, 64 * 1024);
	if (log_has_times)
		add_time(&text);
	osp_buf_add_str(&text, OSP_STR("osprofiler agent: "));
	cli_add_visible(&text, osp_str_of(line));
	osp_buf_add_char(&text, '\n');

	/* If stderr cannot be written to, nobody can be informed of that. */
	if (text.ptr != NULL && write(STDERR_FILENO, text.ptr, text.len) < 0)
		errno = 0;
	osp_buf_term(&text);
}

static int
failed(const osp_error *err)
{
	log_line(NULL, OSP_LOG_WARNING, err->msg);
	return err->code == OSP_EBUSY ? AGENT_BUSY : CLI_FAILED;
}

/* Reads the command line. CLI_OK, or the exit status to end with. */
static int
read_args(int argc, char **argv, agent_args *args)
{
	int c;

	memset(args, 0, sizeof(*args));
	while ((c = cli_next_option(argc, argv, "h", longs)) != -1)
	{
		switch (c)
		{
			case OPT_RUN_DIRECTORY:
				args->run_directory = optarg;
				break;
			case CLI_OPT_CONNECTION_STRING:
				args->connection_string = optarg;
				break;
			case CLI_OPT_TRANSPORT_URL:
				args->transport_url = optarg;
				break;
			case OPT_SPOOL:
				args->spool = optarg;
				break;
			case OPT_SPOOL_LIMIT:
				if (!osp_parse_size(osp_str_of(optarg), &args->spool_limit) ||
					args->spool_limit == 0)
					return cli_usage(
						"--spool-limit must be a size like 64MB, not '%s'",
						optarg);
				break;
			case OPT_PROJECT:
				args->project = optarg;
				break;
			case OPT_SERVICE:
				args->service = optarg;
				break;
			case OPT_HOST:
				args->host = optarg;
				break;
			case OPT_CONF:
				args->conf = optarg;
				break;
			case OPT_ONCE:
				args->once = true;
				break;
			case OPT_LOG_TIMES:
				log_has_times = true;
				break;
			case 'h':
				args->help = true;
				return CLI_OK;
			default:
				return CLI_USAGE;
		}
	}
	return cli_operands(argc, argv, 0, "") ? CLI_OK : CLI_USAGE;
}

static bool
is_given(const char *text)
{
	return text != NULL && text[0] != '\0';
}

/* Returns the argument if it is given, else the setting. */
static osp_str
choose(const char *arg, const char *setting)
{
	return osp_str_of(is_given(arg) ? arg : setting);
}

/*
 * Fills in collector, project and service of the shipper's options from the
 * arguments or else the settings. A run directory that `osprofiler run` left
 * behind names its own collector, which is used before that of the settings;
 * its texts are stored in bytes. Its password is taken from the settings, if
 * they name the same collector.
 */
static osp_status
choose_collector(const agent_args *args, osp_config *config,
				 char bytes[RUN_COLLECTOR_MAX], osp_shipper_options *options,
				 osp_error *err)
{
	run_collector left_by_run = RUN_COLLECTOR_NONE;
	osp_status status;
	int fd;

	status = osp_config_set_collector(
		config, args->connection_string, args->transport_url, err);
	if (status != OSP_OK)
		return status;
	options->connection_string = osp_str_of(config->connection_string);
	options->project = choose(args->project, config->project);
	options->service = choose(args->service, config->service);
	if (is_given(args->connection_string))
		return OSP_OK;
	if (osp_rundir_open(options->run_directory, false, &fd, NULL) == OSP_OK)
	{
		left_by_run = run_collector_read(
			fd, osp_str_of(config->connection_string), bytes, options);
		(void) close(fd);
	}
	if (left_by_run == RUN_COLLECTOR_KNOWN)
		return OSP_OK;
	if (left_by_run == RUN_COLLECTOR_LOCKED)
		return osp_error_set(
			err,
			OSP_EINVAL,
			"the points of %s belong to %.100s, whose password "
			"is not stored; name the collector with its "
			"password by OSPROFILER_CONNECTION_STRING",
			options->run_directory,
			options->connection_string.ptr);
	status = osp_config_need_connection(config, err);
	options->connection_string = osp_str_of(config->connection_string);
	return status;
}

/*
 * Refuses a relative path in the collector's connection string, since nobody
 * knows the working directory of a service. A path is absolute with SQLite's
 * four slashes.
 */
static osp_status
refuse_relative(const char *connection_string, osp_error *err)
{
	const char *path = cli_relative_path(connection_string);
	char shown[256];

	if (path == NULL)
		return OSP_OK;
	osp_connection_string_redact(
		osp_str_of(connection_string), shown, sizeof(shown));
	return osp_error_set(err,
						 OSP_EINVAL,
						 "the path in %.100s is relative to the directory that "
						 "one is in; with four slashes it is absolute: "
						 "sqlite:////%.80s",
						 shown,
						 strchr(shown, ':') + 4);
}

/*
 * Returns true, after a message, if there is no run directory from which --once
 * could deliver. Then no directory or file is made, either.
 */
static bool
has_nothing(const agent_args *args, const char *run_directory)
{
	char line[OSP_RUNDIR_PATH_MAX + 64];

	if (!args->once || is_given(args->spool) ||
		access(run_directory, F_OK) == 0 || errno != ENOENT)
		return false;
	(void) snprintf(line,
					sizeof(line),
					"nothing to deliver: there is no directory %s",
					run_directory);
	log_line(NULL, OSP_LOG_INFO, line);
	return true;
}

/*
 * Opens a shipper with the arguments and the configuration. *out is NULL if
 * there is nothing to deliver.
 */
static osp_status
open_shipper(const agent_args *args, osp_config *config, osp_shipper **out,
			 osp_error *err)
{
	char path[OSP_RUNDIR_PATH_MAX];
	char bytes[RUN_COLLECTOR_MAX];
	osp_shipper_options options;
	osp_status status;

	*out = NULL;
	memset(&options, 0, sizeof(options));
	status = osp_rundir_path(
		choose(args->run_directory, config->run_directory), path, err);
	if (status != OSP_OK)
		return status;
	options.run_directory = path;
	status = choose_collector(args, config, bytes, &options, err);
	if (status == OSP_OK)
		status = refuse_relative(options.connection_string.ptr, err);
	if (status != OSP_OK)
		return status;
	if (has_nothing(args, path))
		return OSP_OK;
	options.host = choose(args->host, "");
	options.spool_path = is_given(args->spool) ? args->spool : NULL;
	options.spool_limit =
		args->spool_limit != 0 ? args->spool_limit : config->spool_limit;
	options.filter_error_trace = config->filter_error_trace;
	options.log = log_line;
	return osp_shipper_open(&options, out, err);
}

/* Loads the configuration, then opens the shipper. */
static osp_status
start(const agent_args *args, osp_shipper **out, osp_error *err)
{
	osp_config config;
	osp_status status =
		osp_config_load(&config, &osp_allocator_default, args->conf, err);

	*out = NULL;
	if (status != OSP_OK)
		return status;
	cli_report_unknown_settings(args->conf);
	status = open_shipper(args, &config, out, err);
	osp_config_term(&config);
	return status;
}

/*
 * Opens a new shipper with a new configuration. A configuration that cannot be
 * read changes nothing. The rings keep the points that are written meanwhile.
 */
static osp_status
restart(const agent_args *args, osp_shipper **shipper, osp_error *err)
{
	osp_config config;
	osp_status status;

	if (osp_config_load(&config, &osp_allocator_default, args->conf, err) !=
		OSP_OK)
	{
		log_line(NULL, OSP_LOG_WARNING, err->msg);
		return OSP_OK;
	}
	cli_report_unknown_settings(args->conf);
	osp_shipper_close(*shipper);
	status = open_shipper(args, &config, shipper, err);
	osp_config_term(&config);
	if (status == OSP_OK)
		log_line(NULL, OSP_LOG_INFO, "configuration read again");
	return status;
}

static void
end(osp_shipper *shipper)
{
	(void) osp_shipper_flush(shipper, END_TIMEOUT_MS);

	/*
	 * The agent does not wait for a collector that hangs: nothing depends on
	 * its answer.
	 */
	if (osp_shipper_busy(shipper))
		_exit(CLI_OK);
	osp_shipper_close(shipper);
}

static int
run_once(osp_shipper *shipper)
{
	bool delivered;

	if (shipper == NULL)
		return CLI_OK;
	(void) osp_shipper_flush(shipper, ONCE_TIMEOUT_MS);
	delivered = osp_shipper_is_empty(shipper);
	if (!delivered)
		log_line(NULL,
				 OSP_LOG_WARNING,
				 "the collector did not take everything; the rest is kept for "
				 "the next time");
	osp_shipper_close(shipper);
	return delivered ? CLI_OK : CLI_FAILED;
}

/*
 * Reports why points may be left in the run directory of a former run: it names a
 * collector of its own.
 */
static void
report_left(const agent_args *args)
{
	osp_config config;

	if (osp_config_load(&config, &osp_allocator_default, args->conf, NULL) !=
		OSP_OK)
		return;
	if (osp_config_set_collector(&config, NULL, args->transport_url, NULL) ==
			OSP_OK &&
		osp_config_need_connection(&config, NULL) == OSP_OK)
		deliver_former_report(args->run_directory, &config, log_line);
	osp_config_term(&config);
}

/*
 * Delivers points that former runs left behind, as the next `osprofiler run`
 * would. result is the exit status for the user's own run directory. It is
 * returned unless only this delivery fails.
 */
static int
run_once_former(const agent_args *args, int result)
{
	osp_config config;
	bool delivered = true;
	osp_status status =
		osp_config_load(&config, &osp_allocator_default, args->conf, NULL);

	/* If the configuration cannot be loaded, start() has already reported why. */
	if (status != OSP_OK)
		return result;
	if (osp_config_set_collector(
			&config, args->connection_string, args->transport_url, NULL) ==
		OSP_OK)
	{
		(void) !osp_config_need_connection(&config, NULL);
		delivered = deliver_former(&config, ONCE_TIMEOUT_MS, log_line);
	}
	osp_config_term(&config);
	return result == CLI_OK && !delivered ? CLI_FAILED : result;
}

/* Returns the signal that arrived, or 0 for none. */
static int
next_signal(int signal_fd)
{
	struct signalfd_siginfo info;

	return read(signal_fd, &info, sizeof(info)) == (ssize_t) sizeof(info)
			   ? (int) info.ssi_signo
			   : 0;
}

static int
run(const agent_args *args, osp_shipper *shipper, int signal_fd)
{
	for (;;)
	{
		int wait_ms = osp_shipper_step(shipper);
		struct pollfd fds[2] = {{signal_fd, POLLIN, 0},
								{osp_shipper_fd(shipper), POLLIN, 0}};
		osp_error err;
		int signo;

		(void) poll(fds, 2, wait_ms);
		signo = fds[0].revents != 0 ? next_signal(signal_fd) : 0;
		if (signo == SIGHUP)
		{
			if (restart(args, &shipper, &err) != OSP_OK)
				return failed(&err);
		}
		else if (signo != 0)
		{
			end(shipper);
			return CLI_OK;
		}
	}
}

/*
 * Runs as a batch process, which preempts no other, with a third of the usual
 * share of a busy processor. That is little, but enough to keep up with the
 * traced programs. All threads that are started later inherit it.
 */
static void
lower_priority(void)
{
	const struct sched_param none = {0};

	(void) sched_setscheduler(0, SCHED_BATCH, &none);
	if (getpriority(PRIO_PROCESS, 0) < AGENT_NICE)
		(void) setpriority(PRIO_PROCESS, 0, AGENT_NICE);
}

int
cmd_agent(int argc, char **argv)
{
	osp_shipper *shipper;
	agent_args args;
	sigset_t signals;
	osp_error err;
	int signal_fd;
	int result;

	result = read_args(argc, argv, &args);
	if (result != CLI_OK)
		return result;
	if (args.help)
		return cli_help(help);

	lower_priority();

	/*
	 * A file that reaches the size limit is reported like a full disk; it does
	 * not end the agent.
	 */
	(void) signal(SIGXFSZ, SIG_IGN);
	(void) sigemptyset(&signals);
	(void) sigaddset(&signals, SIGTERM);
	(void) sigaddset(&signals, SIGINT);
	(void) sigaddset(&signals, SIGHUP);
	(void) sigprocmask(SIG_BLOCK, &signals, NULL);
	signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signal_fd < 0)
		return cli_error("cannot take signals: %s", strerror(errno));

	if (start(&args, &shipper, &err) != OSP_OK)
		result = failed(&err);
	else if (args.once)
		result = run_once(shipper);
	else
		result = run(&args, shipper, signal_fd);
	if (args.once && result != CLI_OK && is_given(args.run_directory) &&
		!is_given(args.connection_string))
		report_left(&args);
	if (args.once && !is_given(args.run_directory))
		result = run_once_former(&args, result);
	(void) close(signal_fd);
	return result;
}
