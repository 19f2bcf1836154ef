/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_doctor.c
 *	  osprofiler doctor: follows an operation all the way to the collector, and
 *	  says for each step that it is good, or what is wrong and what to type.
 */
#include "cli.h"
#include "collector_options.h"
#include "doctor/doctor.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static const char help[] =
	"Usage: osprofiler doctor [OPTIONS] [CONNINFO]\n"
	"\n"
	"Tries all that tracing needs, and says of each step that it is good, or what\n"
	"is wrong and what to type. A small trace is stored in the collector, read back\n"
	"and, where the collector can do that, removed.\n"
	"\n"
	"CONNINFO is a PostgreSQL server that is to be traced, as psql takes it: a list\n"
	"of key=value, a URI, or \"\" for the default of libpq: PGHOST and PGPORT, else\n"
	"port 5432 of this machine (Debian's psql may take another one: pg_lsclusters).\n"
	"One statement is traced there.\n"
	"\n"
	"  --program COMMAND         say also which libpq and SQLite this program "
	"loads,\n"
	"                            and whether 'osprofiler run' can see "
	"them\n" CLI_COLLECTOR_HELP
	"  --run-directory D         else OSPROFILER_RUN_DIR, else\n"
	"                            $XDG_RUNTIME_DIR/osprofiler, else\n"
	"                            /dev/shm/osprofiler-<uid>\n"
	"  --fix                     execute the printed commands, one by one; "
	"commands that\n"
	"                            change the environment of your shell (export, "
	"unset)\n"
	"                            are left to you\n"
	"  --add-key                 with --fix: give the server the key that signs "
	"here,\n"
	"                            also if it knows another key of this user\n"
	"  --move-collector          with --fix: have the server deliver to the "
	"collector\n"
	"                            that is used here, also if it has another one, "
	"as\n"
	"                            with --connection-string, but also to one that "
	"a file\n"
	"                            or the environment names, with its password\n"
	"  --for-user USER           as root: check, and with --fix mend, for "
	"programs of\n"
	"                            this user, such as a service. The key is made "
	"in the\n"
	"                            user's home directory, and belongs to the "
	"user\n"
	"  --unfix                   take back what --fix did in the server of CONNINFO, "
	"and\n"
	"                            say what is left; then the library may be "
	"removed\n"
	"  --json                    as JSON\n"
	"  -h, --help                this text\n"
	"\n"
	"Exit status: 0 if all is good; 1 if something is wrong; 2 after a wrong call;\n"
	"3 from --unfix if nothing is wrong, but not every step could be tried.\n";

enum
{
	OPT_PROGRAM = CLI_OPT_FIRST_FREE,
	OPT_RUN_DIRECTORY,
	OPT_FIX,
	OPT_ADD_KEY,
	OPT_MOVE_COLLECTOR,
	OPT_FOR_USER,
	OPT_UNFIX,
	OPT_JSON
};

static const struct option longs[] = {
	{"program", required_argument, NULL, OPT_PROGRAM},
	CLI_COLLECTOR_OPTIONS,
	{"run-directory", required_argument, NULL, OPT_RUN_DIRECTORY},
	{"fix", no_argument, NULL, OPT_FIX},
	{"add-key", no_argument, NULL, OPT_ADD_KEY},
	{"move-collector", no_argument, NULL, OPT_MOVE_COLLECTOR},
	{"for-user", required_argument, NULL, OPT_FOR_USER},
	{"unfix", no_argument, NULL, OPT_UNFIX},
	{"json", no_argument, NULL, OPT_JSON},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

typedef struct doctor_args
{
	bool json;
	bool help;
} doctor_args;

/* Checks the arguments for --unfix. CLI_OK, or CLI_USAGE after a message. */
static int
check_unfix(doctor *d)
{
	if (d->conninfo == NULL)
		return cli_usage("--unfix needs a CONNINFO (\"\" is the default of "
						 "libpq: PGHOST and PGPORT, else port 5432)");
	if (d->fix || d->program != NULL || d->for_user != NULL)
		return cli_usage("--unfix excludes --fix, --program and --for-user");
	d->fix = true;
	return CLI_OK;
}

/* Variables of root that would lead to root's files, or contain root's key. */
static const char *const own_variables[] = {"XDG_CONFIG_HOME",
											"XDG_RUNTIME_DIR",
											"XDG_STATE_HOME",
											"OSPROFILER_HMAC_KEYS"};

/*
 * From now on acts as the user of --for-user in everything but questions to the
 * server. CLI_OK, or a failure after a message.
 */
static int
act_for_user(doctor *d)
{
	cli_user user;
	size_t i;

	if (!cli_user_named(d->for_user, &user))
		return cli_usage("there is no user '%s' on this host", d->for_user);
	if (user.uid == geteuid())
	{
		d->for_user = NULL;
		return CLI_OK;
	}
	if (geteuid() != 0)
		return cli_usage("--for-user is for root; without it, the user %s "
						 "calls 'osprofiler doctor'",
						 d->for_user);
	d->ignores_key = doctor_keys_in_variable();
	for (i = 0; i < sizeof(own_variables) / sizeof(own_variables[0]); i++)
		(void) unsetenv(own_variables[i]);
	if (setenv("HOME", user.home, 1) != 0 || !cli_act_as(&user))
		return cli_error("cannot act as %s: %s", d->for_user, strerror(errno));
	return CLI_OK;
}

/*
 * Leaves a working directory that this user must not enter: psql would complain
 * of it. CLI_OK, or CLI_FAILED after a message.
 */
static int
leave_closed_directory(void)
{
	if (access(".", X_OK) != 0 && chdir("/") != 0)
		return cli_error("cannot change to /: %s", strerror(errno));
	return CLI_OK;
}

/* Reads the command line. CLI_OK, or CLI_USAGE after a message. */
static int
read_args(int argc, char **argv, doctor *d, doctor_args *args)
{
	int c;

	while ((c = cli_next_option(argc, argv, "h", longs)) != -1)
	{
		switch (c)
		{
			case OPT_PROGRAM:
				d->program = optarg;
				break;
			case CLI_OPT_CONNECTION_STRING:
				d->connection_string = optarg;
				break;
			case CLI_OPT_TRANSPORT_URL:
				d->transport_url = optarg;
				break;
			case OPT_RUN_DIRECTORY:
				d->run_directory_given = optarg;
				break;
			case OPT_FIX:
				d->fix = true;
				break;
			case OPT_ADD_KEY:
				d->add_key = true;
				break;
			case OPT_MOVE_COLLECTOR:
				d->move_collector = true;
				break;
			case OPT_FOR_USER:
				d->for_user = optarg;
				break;
			case OPT_UNFIX:
				d->unfix = true;
				break;
			case OPT_JSON:
				args->json = true;
				break;
			case 'h':
				args->help = true;
				return CLI_OK;
			default:
				return CLI_USAGE;
		}
	}
	if (argc - optind > 1)
		return cli_usage("unexpected argument '%s' (a CONNINFO of several "
						 "words stands in quotes)",
						 argv[optind + 1]);
	if (optind < argc)
		d->conninfo = argv[optind];
	if (d->add_key && !d->fix)
		return cli_usage("--add-key needs --fix");
	if (d->move_collector && (!d->fix || d->conninfo == NULL))
		return cli_usage("--move-collector needs --fix and a CONNINFO");
	if (d->unfix)
		return check_unfix(d);
	return d->for_user != NULL ? act_for_user(d) : CLI_OK;
}

static void
begin(doctor *d)
{
	unsigned i;

	memset(d, 0, sizeof(*d));
	for (i = 0; i < STEP_COUNT; i++)
	{
		d->results[i].title = doctor_check_of((doctor_step) i)->title;
		osp_buf_init(&d->results[i].found, &osp_allocator_default, 16 * 1024);
		osp_buf_init(&d->results[i].advice, &osp_allocator_default, 16 * 1024);
		osp_buf_init(&d->results[i].mend, &osp_allocator_default, 16 * 1024);
	}
	doctor_new_ids(d);
}

static void
end(doctor *d)
{
	unsigned i;

	cli_server_close(d->server);
	if (d->collector != NULL)
		d->driver->close(d->collector);
	doctor_remove_own_store(d);
	osp_keyring_free(d->keys);
	if (d->config.alc != NULL)
		osp_config_term(&d->config);
	for (i = 0; i < STEP_COUNT; i++)
	{
		osp_buf_term(&d->results[i].found);
		osp_buf_term(&d->results[i].advice);
		osp_buf_term(&d->results[i].mend);
	}
}

int
cmd_doctor(int argc, char **argv)
{
	doctor_args args = {.json = false};
	doctor d;
	int result;

	begin(&d);
	result = read_args(argc, argv, &d, &args);
	if (result == CLI_OK && args.help)
		result = cli_help(help);
	else if (result == CLI_OK)
		result = leave_closed_directory();
	if (result == CLI_OK && !args.help)
	{
		bool good = doctor_run(&d);

		doctor_remove_traces(&d);
		result = doctor_print(&d, args.json);
		if (result == CLI_OK && !good)
			result = CLI_FAILED;
		else if (result == CLI_OK && doctor_untried(&d) > 0)
			result = CLI_ATTENTION;
	}
	end(&d);
	return result;
}
