/* SPDX-License-Identifier: Apache-2.0
 *
 * comment.c
 *	  Decodes the signed contexts and traceparents of SQL comments, and writes the
 *	  comment that carries a signed context. sql/sql_comment.c finds these comments.
 */
#include "context/comment.h"

#include "base/hex.h"

#define OPEN_INFO  "/*trace_hmac='"
#define INFO_VALUE "',trace_info='"
#define CLOSE_INFO "'*/"

/*
 * Decodes a value into space, which has max + 1 bytes, so that a value longer
 * than the limit max is noticed.
 */
static osp_str
decode_value(osp_str value, char *space, size_t max)
{
	const char *p = value.ptr;
	const char *end = p + value.len;
	size_t len = 0;

	if (memchr(p, '%', value.len) == NULL && memchr(p, '\\', value.len) == NULL)
	{
		len = value.len <= max ? value.len : max + 1;
		memcpy(space, p, len);
		return osp_str_n(space, len);
	}
	while (p < end && len <= max)
	{
		int byte = osp__percent_byte(p, end);

		if (byte >= 0)
		{
			space[len++] = (char) byte;
			p += 3;
			continue;
		}
		if (*p == '\\' && end - p > 1)
			p++;
		space[len++] = *p++;
	}
	return osp_str_n(space, len);
}

static void
decode_values(const osp_sql_context *context, char *out, osp_str *trace_info,
			  osp_str *trace_hmac)
{
	*trace_info = decode_value(context->info, out, OSP_TRACE_INFO_MAX);
	*trace_hmac = decode_value(
		context->hmac, out + OSP_TRACE_INFO_MAX + 1, OSP_TRACE_HMAC_MAX);
}

static osp_verdict
found_signed(const osp_sql_context *context, char *out, osp_str *trace_info,
			 osp_str *trace_hmac)
{
	if (context->info.len == 0 && context->hmac.len == 0)
		return context->malformed ? OSP_CTX_MALFORMED : OSP_CTX_NONE;
	decode_values(context, out, trace_info, trace_hmac);
	return OSP_CTX_ACCEPTED;
}

osp_verdict
osp__comment_read(osp_str text, osp_sql_dialect dialect,
				  char out[OSP_COMMENT_SPACE], osp_str *trace_info,
				  osp_str *trace_hmac, osp__loose_traceparent *loose)
{
	osp_sql_context context;

	*trace_info = OSP_STR("");
	*trace_hmac = OSP_STR("");
	if (loose != NULL)
		loose->value = OSP_STR("");
	if (!osp_sql_may_have_context(text) ||
		!osp_sql_comment_find(text, dialect, &context))
		return OSP_CTX_NONE;
	if (loose != NULL && context.traceparent.len > 0)
		loose->value = decode_value(
			context.traceparent, loose->space, OSP_TRACEPARENT_MAX);
	return found_signed(&context, out, trace_info, trace_hmac);
}

bool
osp_comment_context(osp_str statement, char out[OSP_COMMENT_SPACE],
					osp_str *trace_info, osp_str *trace_hmac)
{
	return osp__comment_read(statement,
							 OSP_SQL_POSTGRES,
							 out,
							 trace_info,
							 trace_hmac,
							 NULL) == OSP_CTX_ACCEPTED;
}

osp_verdict
osp__comment_read_whole(osp_str text, char out[OSP_COMMENT_SPACE],
						osp_str *trace_info, osp_str *trace_hmac)
{
	osp_sql_context context;

	*trace_info = OSP_STR("");
	*trace_hmac = OSP_STR("");
	if (!osp_sql_comment_whole(text, &context))
		return OSP_CTX_NONE;
	return found_signed(&context, out, trace_info, trace_hmac);
}

bool
osp_comment_pairs(osp_str text, char out[OSP_COMMENT_SPACE],
				  osp_str *trace_info, osp_str *trace_hmac)
{
	return osp__comment_read_whole(text, out, trace_info, trace_hmac) ==
		   OSP_CTX_ACCEPTED;
}

bool
osp_comment_traceparent(osp_str text, bool whole,
						char out[OSP_TRACEPARENT_SPACE], osp_str *traceparent)
{
	osp_sql_context context;

	*traceparent = OSP_STR("");
	if (whole ? !osp_sql_comment_whole(text, &context)
			  : !osp_sql_may_have_context(text) ||
					!osp_sql_comment_find(text, OSP_SQL_POSTGRES, &context))
		return false;
	if (context.traceparent.len == 0)
		return false;
	*traceparent = decode_value(context.traceparent, out, OSP_TRACEPARENT_MAX);
	return true;
}

/*
 * Neither value needs percent-encoding: "=" is allowed in a value, and a percent sign
 * would be taken for a placeholder by clients that format statements.
 */
size_t
osp_comment_write(const osp_headers *headers, char *out, size_t size)
{
	size_t len = sizeof(OPEN_INFO INFO_VALUE CLOSE_INFO) - 1 +
				 OSP_HMAC_HEX_LEN + headers->info_len;
	char *p = out;

	if (size <= len)
		return 0;
	p = mempcpy(p, OPEN_INFO, sizeof(OPEN_INFO) - 1);
	p = mempcpy(p, headers->trace_hmac, OSP_HMAC_HEX_LEN);
	p = mempcpy(p, INFO_VALUE, sizeof(INFO_VALUE) - 1);
	p = mempcpy(p, headers->trace_info, headers->info_len);
	p = mempcpy(p, CLOSE_INFO, sizeof(CLOSE_INFO) - 1);
	*p = '\0';
	return len;
}
