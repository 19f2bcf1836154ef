/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_context_show.c
 *	  osprofiler context show: verifies a trace context and prints its ids.
 */
#include "cli.h"
#include "key_options.h"
#include "out.h"

#include "profiler/config.h"

static const char help[] =
	"Usage: osprofiler context show --trace-info I --trace-hmac H [OPTIONS]\n"
	"\n"
	"Verifies a trace context and prints its ids.\n"
	"\n"
	"  --trace-info I            the value of X-Trace-Info; else "
	"OSPROFILER_TRACE_INFO\n"
	"  --trace-hmac H            the value of X-Trace-HMAC; else "
	"OSPROFILER_TRACE_HMAC\n"
	"  --hmac-keys K1,K2         keys that are accepted; else "
	"OSPROFILER_HMAC_KEYS,\n"
	"                            or the file of keys\n"
	"  -h, --help                this text\n";

enum
{
	OPT_TRACE_INFO = 256,
	OPT_TRACE_HMAC,
	OPT_HMAC_KEYS
};

static const struct option longs[] = {
	{"trace-info", required_argument, NULL, OPT_TRACE_INFO},
	{"trace-hmac", required_argument, NULL, OPT_TRACE_HMAC},
	{"hmac-keys", required_argument, NULL, OPT_HMAC_KEYS},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

static int
print_context(const osp_context *context, size_t keys)
{
	char base[OSP_ID_MAX + 1];
	char parent[OSP_ID_MAX + 1];
	osp_str base_id = osp_id_text(&context->base_id, base);
	osp_str parent_id = osp_id_text(&context->parent_id, parent);
	cli_out out;

	if (cli_out_open(&out, NULL) != CLI_OK)
		return CLI_FAILED;
	cli_out_printf(&out,
				   "base_id: %.*s\nparent_id: %.*s\nkey: %zu of %zu\n",
				   (int) base_id.len,
				   base_id.ptr,
				   (int) parent_id.len,
				   parent_id.ptr,
				   context->key + 1,
				   keys);
	return cli_out_close(&out);
}

/*
 * Verifies the context given on the command line or else the one in the
 * environment, never half of each. CLI_FAILED after a message.
 */
static int
verify(const char *info, const char *hmac, const char *keys)
{
	osp_error err = {OSP_OK, ""};
	osp_keyring *ring;
	osp_config config;
	osp_context context;
	osp_verdict verdict;
	bool given = info != NULL || hmac != NULL;
	int result = CLI_FAILED;

	if (osp_config_load(&config, &osp_allocator_default, NULL, &err) != OSP_OK)
		return cli_error("%s", err.msg);
	ring = cli_keys_open(keys);
	if (ring != NULL)
	{
		verdict =
			osp_context_verify(ring,
							   osp_str_of(given ? info : config.trace_info),
							   osp_str_of(given ? hmac : config.trace_hmac),
							   &context);
		result = verdict == OSP_CTX_ACCEPTED
					 ? print_context(&context, osp_keyring_count(ring))
					 : cli_error("%s", osp_verdict_text(verdict));
		osp_keyring_free(ring);
	}
	osp_config_term(&config);
	return result;
}

int
cmd_context_show(int argc, char **argv)
{
	const char *info = NULL;
	const char *hmac = NULL;
	const char *keys = NULL;
	int c;

	while ((c = cli_next_option(argc, argv, "h", longs)) != -1)
	{
		if (c == OPT_TRACE_INFO)
			info = optarg;
		else if (c == OPT_TRACE_HMAC)
			hmac = optarg;
		else if (c == OPT_HMAC_KEYS)
			keys = optarg;
		else
			return c == 'h' ? cli_help(help) : CLI_USAGE;
	}
	if (!cli_operands(argc, argv, 0, ""))
		return CLI_USAGE;
	return verify(info, hmac, keys);
}
