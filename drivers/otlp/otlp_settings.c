/* SPDX-License-Identifier: Apache-2.0
 *
 * otlp_settings.c
 *	  Reads the connection string of the otlp driver.
 */
#include "otlp_settings.h"

#include "base/parse.h"
#include "otlp/otlp_proto.h"
#include "otlp/otlp_resource.h"

#define RESOURCE_MAX     ((size_t) 128 * 1024)
#define UNFINISHED_S     (15 * 60)
#define UNFINISHED_S_MAX (365 * UINT64_C(86400))
#define NS_PER_S         INT64_C(1000000000)

const char *const otlp_schemes[] = {"otlp", "otlp+https", NULL};

static osp_status
read_statement_text(otlp_settings *settings, osp_str value, osp_error *err)
{
	if (osp_str_eq(value, OSP_STR("full")))
		settings->statement_text = OSP_STATEMENT_FULL;
	else if (osp_str_eq(value, OSP_STR("none")))
		settings->statement_text = OSP_STATEMENT_NONE;
	else if (!osp_str_eq(value, OSP_STR("normalized")))
		return osp__http_bad_string(
			&settings->target,
			"statement_text is full, normalized or none",
			err);
	return OSP_OK;
}

/* Adds an attribute of the resource. Two attributes must not have the same name. */
static osp_status
add_resource(otlp_settings *settings, osp_str value, osp_error *err)
{
	osp_str key;

	if (!osp__http_divide(value, &key, &value))
		return osp__http_bad_string(
			&settings->target, "a resource attribute is name:value", err);
	if (osp_str_eq(key, OSP_STR("service.name")) ||
		osp_str_eq(key, OSP_STR("host.name")) ||
		osp_str_eq(key, OSP_STR("osprofiler.project")))
		return osp__http_bad_string(&settings->target,
									"service.name, host.name and "
									"osprofiler.project come from the points",
									err);
	if (!otlp_keys_add(&settings->keys, key))
		return settings->keys.status != OSP_OK
				   ? osp__http_no_memory(&settings->target, err)
				   : osp__http_bad_string(&settings->target,
										  "a resource attribute is given twice",
										  err);
	otlp_put_string(&settings->resource, OTLP_RESOURCE_ATTRIBUTES, key, value);
	return OSP_OK;
}

static osp_status
read_option(void *ctx, osp_http_target *target, osp_str name, osp_str value,
			osp_error *err)
{
	otlp_settings *settings = ctx;
	uint64_t seconds;

	if (osp_str_eq(name, OSP_STR("resource")))
		return add_resource(settings, value, err);
	if (osp_str_eq(name, OSP_STR("unfinished")))
	{
		if (!osp_parse_duration(value, &seconds) || seconds == 0 ||
			seconds > UNFINISHED_S_MAX)
			return osp__http_bad_string(
				target, "unfinished is a number with s, m, h or d", err);
		settings->unfinished_ns = (int64_t) seconds * NS_PER_S;
		return OSP_OK;
	}
	if (osp_str_eq(name, OSP_STR("statement_text")))
		return read_statement_text(settings, value, err);
	return osp__http_bad_string(target, "unknown option", err);
}

static const osp_http_kind otlp_kind = {
	.name = "otlp",
	.schemes = otlp_schemes,
	.usage =
		"otlp://[user:password@]host[:port][/path] or otlp+https://..., perhaps "
		"with ?header=Name:value&headers_file=FILE&ca=FILE&compression=gzip"
		"&statement_text=normalized&...",
	.port = 4318,
	.content_type = "application/x-protobuf",
	.option = read_option,
};

osp_status
otlp_settings_read(otlp_settings *settings, const osp_allocator *alc,
				   osp_str connection_string, osp_error *err)
{
	osp_status status;

	memset(settings, 0, sizeof(*settings));
	settings->target.gzip = true;
	settings->statement_text = OSP_STATEMENT_NORMALIZED;
	settings->unfinished_ns = UNFINISHED_S * NS_PER_S;
	osp_buf_init(&settings->resource, alc, RESOURCE_MAX);
	otlp_keys_init(&settings->keys, alc);
	status = osp__http_target_read(
		&settings->target, &otlp_kind, alc, connection_string, settings, err);
	if (status == OSP_OK && osp_buf_status(&settings->resource) != OSP_OK)
		status = osp__http_no_memory(&settings->target, err);
	return status;
}

void
otlp_settings_term(otlp_settings *settings)
{
	osp__http_target_term(&settings->target);
	osp_buf_term(&settings->resource);
	otlp_keys_term(&settings->keys);
}
