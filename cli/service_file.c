/* SPDX-License-Identifier: Apache-2.0
 *
 * service_file.c
 *	  What the section [profiler] of the file OSPROFILER_CONF sets by itself.
 */
#include "service_file.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/ini.h"
#include "base/parse.h"
#include "base/read_file.h"

#define SECTION  "profiler"
#define FILE_MAX (4 * 1024 * 1024)

/* Notes a setting of the section; an osp__ini_fn. */
static osp_status
note_setting(void *ctx, const osp__ini_setting *found, osp_error *err)
{
	cli_service_file *out = ctx;
	bool has_value = found->value.len > 0;

	(void) err;
	if (found->section.len != strlen(SECTION) ||
		strncasecmp(found->section.ptr, SECTION, strlen(SECTION)) != 0)
		return OSP_OK;
	if (osp_str_eq(found->key, OSP_STR("enabled")))
		(void) !osp_parse_bool(found->value, &out->is_enabled);
	else if (osp_str_eq(found->key, OSP_STR("hmac_keys")))
		out->has_keys = has_value;
	else if (osp_str_eq(found->key, OSP_STR("hmac_keys_file")))
		out->has_keys_file = has_value;
	else if (osp_str_eq(found->key, OSP_STR("connection_string")))
		out->has_collector = has_value;
	return OSP_OK;
}

void
cli_service_file_read(cli_service_file *out)
{
	const char *name = secure_getenv("OSPROFILER_CONF");
	osp__file file;

	memset(out, 0, sizeof(*out));
	if (name == NULL || name[0] == '\0' || realpath(name, out->path) == NULL)
	{
		out->path[0] = '\0';
		return;
	}
	if (osp__file_read(
			&file, &osp_allocator_default, out->path, FILE_MAX, false, NULL) !=
		OSP_OK)
		return;
	(void) !osp__ini_read(
		file.ptr, file.len, out->path, note_setting, out, NULL);
	osp__file_term(&file);
}
