/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_context_new.c
 *	  osprofiler context new: makes a signed trace context.
 */
#include "cli.h"
#include "key_options.h"
#include "other_users.h"
#include "out.h"

#include <unistd.h>

static const char help[] =
	"Usage: osprofiler context new [OPTIONS]\n"
	"\n"
	"Makes a signed trace context. Who gets it may have its work traced.\n"
	"\n"
	"  --hmac-key K              the key that signs; else the first of\n"
	"                            OSPROFILER_HMAC_KEYS, which others cannot read "
	"in the\n"
	"                            list of processes, or of the file of keys\n"
	"  --base-id B               the trace; else a new one\n"
	"  --parent-id P             the point that calls; else the trace itself\n"
	"  --format headers          X-Trace-Info and X-Trace-HMAC (default)\n"
	"           sql              SET statements for PostgreSQL\n"
	"           comment          a comment to put before or behind a "
	"statement\n"
	"           env              lines for a shell, to be evaluated\n"
	"  -h, --help                this text\n";

enum
{
	OPT_HMAC_KEY = 256,
	OPT_BASE_ID,
	OPT_PARENT_ID,
	OPT_FORMAT
};

static const struct option longs[] = {
	{"hmac-key", required_argument, NULL, OPT_HMAC_KEY},
	{"base-id", required_argument, NULL, OPT_BASE_ID},
	{"parent-id", required_argument, NULL, OPT_PARENT_ID},
	{"format", required_argument, NULL, OPT_FORMAT},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

static void
print_headers(cli_out *out, const osp_headers *headers)
{
	cli_out_printf(out,
				   "X-Trace-Info: %s\nX-Trace-HMAC: %s\n",
				   headers->trace_info,
				   headers->trace_hmac);
}

/* Prints SET statements. Base64 and hex need no quoting in SQL or a shell. */
static void
print_sql(cli_out *out, const osp_headers *headers)
{
	cli_out_printf(out,
				   "SET osprofiler.trace_info = '%s';\n"
				   "SET osprofiler.trace_hmac = '%s';\n",
				   headers->trace_info,
				   headers->trace_hmac);
}

static void
print_comment(cli_out *out, const osp_headers *headers)
{
	/* Percent-encoding turns one byte into at most three. */
	char comment[3 * OSP_COMMENT_SPACE + 64];
	size_t len = osp_comment_write(headers, comment, sizeof(comment));

	(void) cli_out_write(out, osp_str_n(comment, len));
	(void) cli_out_write(out, OSP_STR("\n"));
}

static void
print_env(cli_out *out, const osp_headers *headers)
{
	cli_out_printf(out,
				   "export OSPROFILER_TRACE_INFO='%s'\n"
				   "export OSPROFILER_TRACE_HMAC='%s'\n",
				   headers->trace_info,
				   headers->trace_hmac);
}

static const struct format
{
	const char *name;
	void (*print)(cli_out *out, const osp_headers *headers);
} formats[] = {
	{"headers", print_headers},
	{"sql", print_sql},
	{"comment", print_comment},
	{"env", print_env},
};

static const struct format *
find_format(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (strcmp(formats[i].name, name) == 0)
			return &formats[i];
	return NULL;
}

typedef struct new_options
{
	const char *key;
	const char *base_id;
	const char *parent_id;
	const struct format *format;
	bool help;
} new_options;

static int
read_new_options(int argc, char **argv, new_options *options)
{
	int c;

	while ((c = cli_next_option(argc, argv, "h", longs)) != -1)
	{
		switch (c)
		{
			case OPT_HMAC_KEY:
				options->key = optarg;
				break;
			case OPT_BASE_ID:
				options->base_id = optarg;
				break;
			case OPT_PARENT_ID:
				options->parent_id = optarg;
				break;
			case OPT_FORMAT:
				options->format = find_format(optarg);
				if (options->format == NULL)
					return cli_usage(
						"--format must be headers, sql, comment or env, "
						"not '%s'",
						optarg);
				break;
			case 'h':
				options->help = true;
				return CLI_OK;
			default:
				return CLI_USAGE;
		}
	}
	if (!cli_operands(argc, argv, 0, ""))
		return CLI_USAGE;

	/* Readers split their keys at commas: such a key would match nothing. */
	if (options->key != NULL && strchr(options->key, ',') != NULL)
		return cli_usage("--hmac-key is one key, and a key has no comma");
	return CLI_OK;
}

/*
 * Reads the id of a trace. CLI_USAGE after a message. An id must not contain a
 * slash, since commands take such an argument for the file of a saved trace.
 */
static int
read_id(const char *option, const char *text, osp_id *id)
{
	size_t i;

	for (i = 0; text[i] != '\0'; i++)
		if ((unsigned char) text[i] < 0x20 || text[i] == 0x7f)
			break;
	if (strchr(text, '/') != NULL || strcmp(text, ".") == 0 ||
		strcmp(text, "..") == 0)
		return cli_usage(
			"%s must not be the path of a file: '%s'", option, text);
	if (text[i] == '\0' && osp_id_set(id, osp_str_of(text)))
		return CLI_OK;
	return cli_usage("%s must be 1 to %d bytes without control characters",
					 option,
					 OSP_ID_MAX);
}

static int
read_ids(const new_options *options, osp_id *base_id, osp_id *parent_id)
{
	if (options->base_id != NULL)
	{
		if (read_id("--base-id", options->base_id, base_id) != CLI_OK)
			return CLI_USAGE;
	}
	else
	{
		osp_uuid uuid;

		osp_uuid_new(&uuid);
		osp_id_set_uuid(base_id, &uuid);
	}
	*parent_id = *base_id;
	if (options->parent_id != NULL)
		return read_id("--parent-id", options->parent_id, parent_id);
	return CLI_OK;
}

/*
 * Prints the id of a new trace if stderr is a terminal: a person cannot read it
 * in the context.
 */
static void
tell_new_trace(const osp_id *base_id)
{
	char storage[OSP_ID_MAX + 1];
	osp_str text = osp_id_text(base_id, storage);

	if (isatty(STDERR_FILENO))
		cli_error("the new trace is %.*s", (int) text.len, text.ptr);
}

/* Reports that no key was given, or an empty one. */
static int
report_no_key(bool is_given)
{
	osp_buf rest;
	int result;

	osp_buf_init(&rest, &osp_allocator_default, 4096);
	if (!is_given)
		cli_other_users_describe_keys(&rest, "context new");
	result = cli_usage("no HMAC key: give --hmac-key or set "
					   "OSPROFILER_HMAC_KEYS%.*s",
					   (int) rest.len,
					   rest.len > 0 ? rest.ptr : "");
	osp_buf_term(&rest);
	return result;
}

int
cmd_context_new(int argc, char **argv)
{
	new_options options;
	osp_headers headers;
	osp_keyring *ring;
	osp_status status;
	size_t keys;
	osp_id parent_id;
	osp_id base_id;
	cli_out out;
	int result;

	memset(&options, 0, sizeof(options));
	options.format = &formats[0];
	result = read_new_options(argc, argv, &options);
	if (result != CLI_OK)
		return result;
	if (options.help)
		return cli_help(help);
	if (read_ids(&options, &base_id, &parent_id) != CLI_OK)
		return CLI_USAGE;
	ring = cli_keys_open(options.key);
	if (ring == NULL)
		return CLI_FAILED;
	keys = osp_keyring_count(ring);
	status = keys > 0
				 ? osp_context_sign(ring, 0, &base_id, &parent_id, &headers)
				 : OSP_ENOENT;
	osp_keyring_free(ring);
	if (keys == 0)
		return report_no_key(options.key != NULL);
	if (status != OSP_OK)
		return cli_error("cannot sign: %s", osp_status_text(status));

	if (cli_out_open(&out, NULL) != CLI_OK)
		return CLI_FAILED;
	options.format->print(&out, &headers);
	result = cli_out_close(&out);
	if (result == CLI_OK && options.base_id == NULL)
		tell_new_trace(&base_id);
	return result;
}
