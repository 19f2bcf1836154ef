/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_web.c
 *	  osprofiler web: shows the traces of a collector in a browser.
 */
#include "cli.h"
#include "trace/trace_argument.h"
#include "web/web_serve.h"

static const char help[] =
	"Usage: osprofiler web [OPTIONS]\n"
	"\n"
	"Shows the traces of a collector in a browser: a list to search, the page of a\n"
	"trace, two traces side by side. Prints the address to open, which has a token, and\n"
	"serves until Ctrl+C or until the terminal is closed. Only this host can connect,\n"
	"unless --listen says otherwise.\n"
	"\n"
	"  --listen ADDRESS:PORT     where to listen, as 127.0.0.1:8080 or [::1]:8080, or one\n"
	"                            of both (127.0.0.1 and a free port); at an address\n"
	"                            that other hosts reach, they need the "
	"token\n" CLI_CONNECTION_HELP
	"                            given more than once: the first one is listed, and a\n"
	"                            trace is read from all\n" CLI_TRANSPORT_HELP
	"  --server CONNINFO         read also what this PostgreSQL server has of a trace,\n"
	"                            as psql takes it; may be given more than once\n"
	"  --run-directory D         ask also the processes of this run directory what still\n"
	"                            runs; may be given more than once\n"
	"  -h, --help                this text\n";

enum
{
	OPT_LISTEN = CLI_OPT_SOURCE_FREE
};

static const struct option longs[] = {
	CLI_COLLECTOR_OPTIONS,
	{"listen", required_argument, NULL, OPT_LISTEN},
	{"server", required_argument, NULL, CLI_OPT_SERVER},
	{"run-directory", required_argument, NULL, CLI_OPT_RUN_DIRECTORY},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

/*
 * The web server needs only the options of the source: undelivered points are
 * seen later.
 */
static int
serve(const cli_source *source, const char *listen)
{
#ifdef OSP_WEB_LIBRARY
	return web_serve(source, listen);
#else
	(void) source;
	(void) listen;
	return cli_error("this command was built without Debian's package "
					 "libmicrohttpd-dev");
#endif
}

int
cmd_web(int argc, char **argv)
{
	const char *listen = "127.0.0.1";
	cli_source source;
	int result;
	int c;

	cli_source_init(&source);
	cli_server_stay_self();
	source.wait_s = 0;
	while ((c = cli_next_option(argc, argv, "h", longs)) != -1)
	{
		if (c == 'h')
			return cli_help(help);
		if (c == OPT_LISTEN)
			listen = optarg;
		else if (c == '?' || !cli_source_option(&source, c, optarg))
			return CLI_USAGE;
	}
	if (!cli_operands(argc, argv, 0, ""))
		return CLI_USAGE;
	result = serve(&source, listen);
	cli_source_term(&source);
	return result;
}
