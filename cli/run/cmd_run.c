/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_run.c
 *	  osprofiler run: traces an unmodified program.
 *
 * Makes a trace and a run directory, runs the command with hooks in libpq and
 * SQLite, and ships its points while it runs. What it committed is shipped
 * however it ended, for its rings outlive it.
 */
#include "cli.h"
#include "control_text.h"
#include "key_options.h"
#include "run/run.h"

#include <errno.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <unistd.h>

#include "osprofiler/driver.h"
#include "record/record.h"

/* How long delivering what is left may take, and how often to look up. */
#define END_TIMEOUT_MS 10000
#define END_SLICE_MS   100

/* Of a driver that connects when it is opened; none of ours does. */
#define CHECK_TIMEOUT_MS 1000

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
	"                            cannot read in the list of processes, else a "
	"random one\n"
	"  --connection-string URI   the collector; else "
	"OSPROFILER_CONNECTION_STRING,\n"
	"                            else connection_string of OSPROFILER_CONF, "
	"else\n"
	"                            $XDG_STATE_HOME/osprofiler/traces.db\n"
	"  --propagate-prepared      tell the server also before prepared "
	"statements\n"
	"                            (a call of osprofiler.set_context in one "
	"pipeline)\n"
	"  --follow                  print points as they happen, on stderr\n"
	"  -h, --help                this text\n";

enum
{
	OPT_HMAC_KEY = 256,
	OPT_CONNECTION_STRING,
	OPT_PROPAGATE_PREPARED,
	OPT_FOLLOW
};

static const struct option longs[] = {
	{"hmac-key", required_argument, NULL, OPT_HMAC_KEY},
	{"connection-string", required_argument, NULL, OPT_CONNECTION_STRING},
	{"propagate-prepared", no_argument, NULL, OPT_PROPAGATE_PREPARED},
	{"follow", no_argument, NULL, OPT_FOLLOW},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

typedef struct run_args
{
	const char *key;               /* NULL: not given */
	const char *connection_string; /* NULL: not given */
	bool propagate_prepared;
	bool follow;
	bool help;
	char **command;
} run_args;

/* All that a run has to do with. */
typedef struct run_state
{
	const run_args *args;
	osp_config config;
	const char *collector; /* connection string, borrowed */
	char address[1024];    /* the same without its password */
	char key[512];
	osp_headers headers;
	char base_id[OSP_UUID_TEXT_LEN + 1];
	char run_directory[OSP_RUNDIR_PATH_MAX];
	osp_shipper *shipper;
	run_child child;
	run_follow follow;
} run_state;

static int
read_args(int argc, char **argv, run_args *args)
{
	int c;

	/* The first word that is no option is the command; what follows is its. */
	while ((c = cli_next_option(argc, argv, "+h", longs)) != -1)
	{
		switch (c)
		{
			case OPT_HMAC_KEY:
				args->key = optarg;
				break;
			case OPT_CONNECTION_STRING:
				args->connection_string = optarg;
				break;
			case OPT_PROPAGATE_PREPARED:
				args->propagate_prepared = true;
				break;
			case OPT_FOLLOW:
				args->follow = true;
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
	if (args->key != NULL &&
		(args->key[0] == '\0' || strchr(args->key, ',') != NULL))
		return cli_usage("--hmac-key is one key, not empty and without comma");
	return CLI_OK;
}

/* A key that nobody else knows: only the client's side is traced then. */
static int
make_random_key(char *key, size_t size)
{
	unsigned char bytes[16];
	size_t i;

	if (RAND_bytes(bytes, (int) sizeof(bytes)) != 1)
		return cli_error("OpenSSL has no random numbers");
	for (i = 0; i < sizeof(bytes) && 2 * i + 2 < size; i++)
		(void) snprintf(key + 2 * i, size - 2 * i, "%02x", bytes[i]);
	return CLI_OK;
}

/* The key as given, or the first of the configured list. */
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
	if (len == 0)
		return make_random_key(run->key, sizeof(run->key));
	if (len >= sizeof(run->key))
		return cli_error("the HMAC key is longer than %zu bytes",
						 sizeof(run->key) - 1);
	memcpy(run->key, list, len);
	run->key[len] = '\0';
	return CLI_OK;
}

/* A new trace, whose context the command gets. */
static int
make_context(run_state *run)
{
	osp_keyring *ring = cli_keys_open(run->key);
	osp_uuid uuid;
	osp_id base;
	osp_status status;

	if (ring == NULL)
		return CLI_FAILED;
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

/* The collector's connection string: the option, the setting, or the default. */
static int
choose_collector(run_state *run)
{
	osp_error err;

	run->collector = run->args->connection_string;
	if (run->collector != NULL && run->collector[0] != '\0')
		return CLI_OK;
	if (osp_config_need_connection(&run->config, &err) != OSP_OK)
		return cli_error("%s", err.msg);
	run->collector = run->config.connection_string;
	return CLI_OK;
}

/* A connection string that no driver understands is refused before the command
 * starts. Whether the collector answers is another question. */
static int
check_collector(const run_state *run)
{
	osp_driver_options options;
	osp_driver_conn *conn = NULL;
	const osp_driver *driver;
	osp_status status;
	osp_error err;

	if (osp_driver_find(osp_str_of(run->collector), &driver, &err) != OSP_OK)
	{
		(void) cli_error("%s", err.msg);
		return CLI_USAGE;
	}
	memset(&options, 0, sizeof(options));
	options.struct_size = sizeof(options);
	options.alc = &osp_allocator_default;
	options.connection_string = osp_str_of(run->collector);
	options.timeout_ms = CHECK_TIMEOUT_MS;
	status = driver->open(&options, &conn, &err);
	if (status == OSP_OK)
		driver->close(conn);
	if (status != OSP_EINVAL)
		return CLI_OK;
	(void) cli_error("%s", err.msg);
	return CLI_USAGE;
}

static int
open_shipper(run_state *run)
{
	osp_shipper_options options;
	osp_error err;

	memset(&options, 0, sizeof(options));
	options.run_directory = run->run_directory;
	options.connection_string = osp_str_of(run->collector);
	options.project = osp_str_of(run->config.project);
	options.service = osp_str_of(run->config.service);
	options.spool_limit = run->config.spool_limit;
	options.filter_error_trace = run->config.filter_error_trace;
	options.log = log_line;
	if (run->args->follow)
	{
		run->follow.start_ns = osp_mono_now();
		options.tap = run_follow_record;
		options.tap_ctx = &run->follow;
	}
	if (osp_shipper_open(&options, &run->shipper, &err) != OSP_OK)
		return cli_error("%s", err.msg);
	run_collector_note(&options);
	return CLI_OK;
}

/* Delivers what is left, unless the collector or the user will not wait. */
static bool
deliver_rest(run_state *run)
{
	int slices;

	for (slices = END_TIMEOUT_MS / END_SLICE_MS; slices > 0; slices--)
	{
		(void) osp_shipper_flush(run->shipper, END_SLICE_MS);
		if (osp_shipper_is_empty(run->shipper))
			return true;
		if (run_interrupted(&run->child))
			return false;
	}
	return false;
}

/* Did the command, or a program that it started, record anything? */
static bool
saw_operation(const run_state *run)
{
	osp_run_totals totals;
	bool seen = true;
	int fd;

	if (osp_rundir_open(run->run_directory, false, &fd, NULL) != OSP_OK)
		return true;
	if (osp_run_totals_read(fd, &totals, NULL) == OSP_OK)
		seen = totals.written > 0 || totals.dropped > 0;
	(void) close(fd);
	return seen;
}

/* Says how to see the trace; a password in the address is not shown. */
static void
print_trace_id(const run_state *run)
{
	osp_buf text;

	osp_buf_init(&text, &osp_allocator_default, 16 * 1024);
	osp_buf_addf(&text,
				 "Trace ID: %s\n"
				 "Display trace with command: osprofiler trace show ",
				 run->base_id);
	if (run->args->connection_string != NULL)
		osp_buf_addf(&text, "--connection-string '%s' ", run->address);
	osp_buf_addf(&text, "%s\n", run->base_id);
	if (osp_buf_status(&text) == OSP_OK &&
		write(STDERR_FILENO, text.ptr, text.len) < 0)
		errno = 0;
	osp_buf_term(&text);
}

/* Ships to the end, and removes the run directory if nothing is left in it. */
static void
finish(run_state *run)
{
	bool delivered = deliver_rest(run);
	bool seen = saw_operation(run);

	osp_shipper_close(run->shipper);
	if (delivered)
		run_dir_remove(run->run_directory);
	else
		(void) cli_error("not everything was delivered to %s; when it is "
						 "there again, run: osprofiler agent --run-directory "
						 "%s --once",
						 run->address,
						 run->run_directory);
	if (seen)
		print_trace_id(run);
	else
		(void) cli_error("no operation was seen, so there is no trace. "
						 "Programs that are statically linked, set-uid, bring "
						 "their own libpq or SQLite, or use another driver "
						 "cannot be traced this way");
	if (delivered)
		run_orphans_deliver(run->run_directory);
}

/* With a shipper at work: the environment, the command, its end. */
static int
run_command(run_state *run)
{
	run_env env = {.key = run->key,
				   .headers = &run->headers,
				   .run_directory = run->run_directory,
				   .propagate = run->config.propagate,
				   .propagate_prepared = run->args->propagate_prepared,
				   .on_full_given = run->config.on_full != OSP_ON_FULL_DROP};
	int result;

	result = run_env_set(&env);
	if (result == CLI_OK)
		result = run_child_start(&run->child, run->args->command);
	if (result != CLI_OK)
	{
		osp_shipper_close(run->shipper);
		run_dir_remove(run->run_directory);
		return result;
	}
	run_child_wait(&run->child, run->shipper);
	finish(run);
	return run_end_as(&run->child);
}

static int
run_in_directory(run_state *run)
{
	osp_error err;

	if (run_dir_make(&run->config, run->run_directory, &err) != OSP_OK)
		return cli_error("%s", err.msg);
	if (open_shipper(run) != CLI_OK)
	{
		run_dir_remove(run->run_directory);
		return CLI_FAILED;
	}
	return run_command(run);
}

int
cmd_run(int argc, char **argv)
{
	run_args args = {.key = NULL};
	run_state run = {.args = &args};
	osp_error err;
	int result;

	result = read_args(argc, argv, &args);
	if (result != CLI_OK || args.help)
		return args.help ? cli_help(help) : result;
	if (osp_config_load(&run.config, &osp_allocator_default, NULL, &err) !=
		OSP_OK)
		return cli_error("%s", err.msg);
	result = choose_collector(&run);
	if (result == CLI_OK)
		result = check_collector(&run);
	if (result == CLI_OK)
	{
		osp_connection_string_redact(
			osp_str_of(run.collector), run.address, sizeof(run.address));
		result = choose_key(&run);
	}
	if (result == CLI_OK)
		result = make_context(&run);
	if (result == CLI_OK)
		result = run_signals_block(&run.child);
	if (result == CLI_OK)
		result = run_in_directory(&run);
	osp_config_term(&run.config);
	return result;
}
