/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_run.c
 *	  osprofiler run: traces an unmodified program.
 *
 * Makes a trace and a run directory, runs the command with hooks in libpq and
 * SQLite, and ships its points while it runs. The rings outlive the command, so
 * everything that it committed is shipped, however it ended.
 *
 * A wrong call, configuration or connection string is refused before the
 * command starts. After that the command starts in any case: if tracing fails,
 * this process prints a line that says why, and becomes the command.
 */
#include "cli.h"
#include "collector_options.h"
#include "doctor/unknown_settings.h"
#include "key_options.h"
#include "noted/run_history.h"
#include "run/run.h"

#include <errno.h>
#include <stdio.h>
#include <sys/random.h>

static const char help[] =
	"Usage: osprofiler run [OPTIONS] [--] COMMAND [ARGUMENT]...\n"
	"\n"
	"Runs COMMAND and traces what it does with PostgreSQL (by libpq) and "
	"SQLite,\n"
	"as a new trace. Ends as COMMAND ends.\n"
	"\n"
	"  --hmac-key K              the key that signs, which the servers must "
	"know;\n"
	"                            else the first of OSPROFILER_HMAC_KEYS, which "
	"others\n"
	"                            cannot read in the list of processes, or of\n"
	"                            OSPROFILER_HMAC_KEYS_FILE, else a random "
	"one\n" CLI_COLLECTOR_HELP
	"  --propagate-prepared      tell the server also before prepared "
	"statements\n"
	"                            (a call of osprofiler.set_context in one "
	"pipeline)\n"
	"  --follow                  print points as they happen, on stderr\n"
	"  -q, --quiet               say nothing at the end but what went wrong\n"
	"  -h, --help                this text\n";

enum
{
	OPT_HMAC_KEY = CLI_OPT_FIRST_FREE,
	OPT_PROPAGATE_PREPARED,
	OPT_FOLLOW
};

static const struct option longs[] = {
	{"hmac-key", required_argument, NULL, OPT_HMAC_KEY},
	CLI_COLLECTOR_OPTIONS,
	{"propagate-prepared", no_argument, NULL, OPT_PROPAGATE_PREPARED},
	{"follow", no_argument, NULL, OPT_FOLLOW},
	{"quiet", no_argument, NULL, 'q'},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

/*
 * Finds the first argument of the command that looks like an option of ours;
 * NULL: none.
 */
static const char *
find_own_option(char *const *arguments)
{
	size_t i;

	for (; *arguments != NULL; arguments++)
		for (i = 0; longs[i].name != NULL; i++)
			if (longs[i].val != 'h' && strncmp(*arguments, "--", 2) == 0 &&
				strcmp(*arguments + 2, longs[i].name) == 0)
				return *arguments;
	return NULL;
}

static int
read_args(int argc, char **argv, run_args *args)
{
	int c;

	/*
	 * The first word that is not an option is the command. The words behind it
	 * belong to the command.
	 */
	while ((c = cli_next_option(argc, argv, "+hq", longs)) != -1)
	{
		switch (c)
		{
			case OPT_HMAC_KEY:
				args->key = optarg;
				break;
			case CLI_OPT_CONNECTION_STRING:
				args->connection_string = optarg;
				break;
			case CLI_OPT_TRANSPORT_URL:
				args->transport_url = optarg;
				break;
			case OPT_PROPAGATE_PREPARED:
				args->propagate_prepared = true;
				break;
			case OPT_FOLLOW:
				args->follow = true;
				break;
			case 'q':
				args->quiet = true;
				break;
			case 'h':
				args->help = true;
				return CLI_OK;
			default:
				return CLI_USAGE;
		}
	}
	if (optind >= argc)
		return cli_usage("a command to run is missing");
	args->command = argv + optind;
	args->misplaced = find_own_option(args->command + 1);
	if (args->key != NULL &&
		(args->key[0] == '\0' || strchr(args->key, ',') != NULL))
		return cli_usage("--hmac-key is one key, not empty and without comma");
	return CLI_OK;
}

/* Makes a key that nobody else knows. With it only the client's side is traced. */
static int
make_random_key(char *key, size_t size)
{
	unsigned char bytes[16];
	size_t i;

	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t) sizeof(bytes))
		return cli_error("the system has no random numbers: %s",
						 strerror(errno));
	for (i = 0; i < sizeof(bytes) && 2 * i + 2 < size; i++)
		(void) snprintf(key + 2 * i, size - 2 * i, "%02x", bytes[i]);
	return CLI_OK;
}

/*
 * Chooses the key: the one given, or else the first of the configured list. It
 * stays empty, and is not passed to the command, if the keys are in a file: the
 * command reads that file itself.
 */
static int
choose_key(run_state *run)
{
	const char *list =
		run->args->key != NULL ? run->args->key : run->config.hmac_keys;
	size_t len;

	list += strspn(list, " \t,");
	len = strcspn(list, ",");
	while (len > 0 && (list[len - 1] == ' ' || list[len - 1] == '\t'))
		len--;
	if (len >= sizeof(run->key))
		return cli_error("the HMAC key is longer than %zu bytes",
						 sizeof(run->key) - 1);
	memcpy(run->key, list, len);
	run->key[len] = '\0';
	if (len > 0)
		return CLI_OK;
	if (osp_config_need_keys(&run->config, NULL) != OSP_OK)
		return cli_error("out of memory");
	if (run->config.hmac_keys_file[0] != '\0')
		return CLI_OK;
	run->random_key = true;
	return make_random_key(run->key, sizeof(run->key));
}

/* Makes a new trace, whose context the command gets. */
static int
make_context(run_state *run)
{
	osp_keyring *ring = cli_keys_open(run->key[0] != '\0' ? run->key : NULL);
	osp_uuid uuid;
	osp_id base;
	osp_status status;

	if (ring == NULL)
		return CLI_FAILED;
	if (osp_keyring_count(ring) == 0)
	{
		osp_keyring_free(ring);
		return cli_error("there is no key in %s", run->config.hmac_keys_file);
	}
	osp_uuid_new(&uuid);
	osp_uuid_text(&uuid, run->base_id);
	osp_id_set_uuid(&base, &uuid);
	status = osp_context_sign(ring, 0, &base, &base, &run->headers);
	osp_keyring_free(ring);
	return status == OSP_OK
			   ? CLI_OK
			   : cli_error("cannot sign: %s", osp_status_text(status));
}

static void
log_line(void *ctx, osp_log_level level, const char *line)
{
	(void) ctx;
	if (level == OSP_LOG_WARNING)
		(void) cli_error("%s", line);
}

/*
 * Chooses the collector's connection string: the option, the setting, or the
 * default.
 */
static int
choose_collector(run_state *run)
{
	osp_error err;

	if (osp_config_set_collector(&run->config,
								 run->args->connection_string,
								 run->args->transport_url,
								 &err) != OSP_OK ||
		osp_config_need_connection(&run->config, &err) != OSP_OK)
		return cli_error("%s", err.msg);
	run->collector = run->config.connection_string;
	osp_connection_string_redact(
		osp_str_of(run->collector), run->address, sizeof(run->address));
	return CLI_OK;
}

static osp_status
open_shipper(run_state *run, osp_error *err)
{
	osp_shipper_options options;
	osp_status status;

	memset(&options, 0, sizeof(options));
	options.run_directory = run->run_directory;
	options.connection_string = osp_str_of(run->collector);
	options.project = osp_str_of(run->config.project);
	options.service = osp_str_of(run->config.service);
	options.spool_limit = run->config.spool_limit;
	options.filter_error_trace = run->config.filter_error_trace;
	options.last = true;
	options.log = log_line;
	options.tap = run_follow_record;
	options.tap_ctx = &run->follow;
	run->follow.start_ns = osp_mono_now();
	run->follow.prints = run->args->follow;
	status = osp_shipper_open(&options, &run->shipper, err);
	if (status == OSP_OK)
		run_collector_note(&options);
	return status;
}

/* Makes everything that tracing needs, and starts the command. */
static osp_status
start(run_state *run, int *exec_error, osp_error *err)
{
	run_env env = {.key = run->key[0] != '\0' ? run->key : NULL,
				   .keys_file = run->config.hmac_keys_file,
				   .headers = &run->headers,
				   .run_directory = run->run_directory,
				   .propagate = run->config.propagate,
				   .propagate_prepared = run->args->propagate_prepared,
				   .on_full_given = run->config.on_full != OSP_ON_FULL_DROP};
	osp_status status = run_signals_block(&run->child, err);

	if (status == OSP_OK)
		status = run_dir_make(&run->config, run->run_directory, err);
	if (status == OSP_OK)
		status = open_shipper(run, err);
	if (status == OSP_OK)
		status = run_env_set(&env, err);
	if (status == OSP_OK)
		status =
			run_child_start(&run->child, run->args->command, exec_error, err);
	return status;
}

/* Removes what start() made. */
static void
undo_start(run_state *run)
{
	osp_shipper_close(run->shipper);
	if (run->run_directory[0] != '\0')
		run_dir_remove(run->run_directory);
	run_env_restore();
}

static int
run_untraced(const run_args *args, const osp_error *why)
{
	(void) cli_error("the command runs untraced: %s", why->msg);
	return run_child_become(args->command);
}

static int
run_traced(run_state *run)
{
	int exec_error = 0;
	osp_error err;

	if (start(run, &exec_error, &err) != OSP_OK)
	{
		undo_start(run);
		cli_run_history_add(&run->config, run->collector, NULL, err.msg);
		return run_untraced(run->args, &err);
	}
	if (exec_error != 0)
	{
		undo_start(run);
		cli_run_history_add(&run->config, run->collector, NULL, err.msg);
		return exec_error;
	}
	run_descriptors_release();
	run_child_wait(&run->child, run->shipper);
	run_finish(run);
	return run_end_as(&run->child);
}

/*
 * Makes the collector's path absolute, for programs in other directories that
 * will deliver to it and read from it.
 */
static void
use_absolute_path(run_state *run)
{
	if (!cli_make_absolute(run->collector, run->absolute))
		return;
	run->collector = run->absolute;
	osp_connection_string_redact(
		osp_str_of(run->collector), run->address, sizeof(run->address));
}

/*
 * Prepares what the run needs besides the arguments. CLI_OK, or the status to
 * end with after a message.
 */
static int
prepare(run_state *run)
{
	osp_error err;
	int result;

	if (osp_config_load(&run->config, &osp_allocator_default, NULL, &err) !=
		OSP_OK)
		return cli_error("%s", err.msg);
	cli_report_unknown_settings(NULL);
	result = choose_collector(run);
	if (result == CLI_OK)
		result = run_collector_check(run->collector, run->address);
	if (result == CLI_OK)
		use_absolute_path(run);
	if (result == CLI_OK)
		result = choose_key(run);
	if (result == CLI_OK)
		result = make_context(run);
	return result;
}

int
cmd_run(int argc, char **argv)
{
	static run_state run; /* too large for a small stack */
	run_args args = {.key = NULL};
	osp_error err;
	int result;

	result = read_args(argc, argv, &args);
	if (result != CLI_OK || args.help)
		return args.help ? cli_help(help) : result;
	run.args = &args;
	run_signals_save();
	run_descriptors_note();
	if (run_limits_check(&err) != OSP_OK)
		return run_untraced(&args, &err);
	result = prepare(&run);
	if (result == CLI_OK)
		result = run_traced(&run);
	else if (run.address[0] != '\0')
		cli_run_history_add(
			&run.config, run.collector, NULL, "it was not started");
	if (run.config.alc != NULL)
		osp_config_term(&run.config);
	return result;
}
