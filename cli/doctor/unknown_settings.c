/* SPDX-License-Identifier: Apache-2.0
 *
 * unknown_settings.c
 *	  Unknown names in the configuration, which are most likely typing errors.
 *
 * As OSProfiler does, a program silently ignores settings that it does not
 * know, for other versions share the file. The commands that set up tracing
 * report them.
 */
#include "doctor/unknown_settings.h"
#include "cli.h"
#include "line/similar_text.h"

#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

#include "base/ini.h"
#include "base/read_file.h"
#include "profiler/config.h"

#define SECTION  "profiler"
#define PREFIX   "OSPROFILER_"
#define FILE_MAX (4 * 1024 * 1024)

/* Settings that OSProfiler knows and this project ignores. */
static const char *const upstream_keys[] = {"es_doc_type",
											"es_scroll_size",
											"es_scroll_time",
											"sentinel_service_name",
											"socket_timeout",
											"trace_management_store",
											"trace_requests",
											"trace_wsgi_services"};

/* Variables that begin like a setting's, but are none. */
static const char *const other_variables[] = {"OSPROFILER_CONF",
											  "OSPROFILER_DRIVER_PATH",
											  "OSPROFILER_DEBUG",
											  "OSPROFILER_HOOK_PATH",
											  "OSPROFILER_LIBPQ",
											  "OSPROFILER_TEST_AGENT"};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static bool
is_listed(osp_str name, const char *const *list, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (osp_str_eq(name, osp_str_of(list[i])))
			return true;
	return false;
}

/* Is this the name of a setting? If not, *similar is the most similar one, or NULL. */
static bool
is_setting(osp_str name, bool variable, const char **similar)
{
	size_t best = CLI_SIMILAR_MAX + 1;
	osp_config_name known;
	size_t i;

	*similar = NULL;
	for (i = 0; osp_config_name_get(i, &known); i++)
	{
		const char *text = variable ? known.variable : known.key;
		size_t changes;

		if (text == NULL)
			continue;
		changes = cli_text_distance(name, osp_str_of(text));
		if (changes == 0)
			return true;
		if (changes < best)
		{
			best = changes;
			*similar = text;
		}
	}
	return false;
}

typedef struct search
{
	const char *file;
	cli_unknown_fn fn;
	void *ctx;
} search;

/* Checks the name of a setting in the file; an osp__ini_fn. */
static osp_status
examine_key(void *ctx, const osp__ini_setting *found, osp_error *err)
{
	const search *s = (const search *) ctx;
	cli_unknown unknown = {
		.file = s->file, .line = found->line, .name = found->key};

	(void) err;
	if (found->section.len == strlen(SECTION) &&
		strncasecmp(found->section.ptr, SECTION, strlen(SECTION)) == 0 &&
		!is_listed(found->key, upstream_keys, COUNT(upstream_keys)) &&
		!is_setting(found->key, false, &unknown.similar))
		s->fn(s->ctx, &unknown);
	return OSP_OK;
}

static void
examine_file(search *s)
{
	osp__file file;

	if (s->file == NULL || s->file[0] == '\0' ||
		osp__file_read(
			&file, &osp_allocator_default, s->file, FILE_MAX, false, NULL) !=
			OSP_OK)
		return;
	if (osp__ini_read(file.ptr, file.len, s->file, examine_key, s, NULL) !=
		OSP_OK)
		s->file = NULL;
	osp__file_term(&file);
}

static void
examine_environment(const search *s)
{
	size_t i;

	for (i = 0; environ[i] != NULL; i++)
	{
		cli_unknown unknown = {.file = NULL};

		if (strncmp(environ[i], PREFIX, strlen(PREFIX)) != 0)
			continue;
		unknown.name = osp_str_n(environ[i], strcspn(environ[i], "="));
		if (!is_listed(unknown.name, other_variables, COUNT(other_variables)) &&
			!is_setting(unknown.name, true, &unknown.similar))
			s->fn(s->ctx, &unknown);
	}
}

void
cli_unknown_settings(const char *file, cli_unknown_fn fn, void *ctx)
{
	search s = {.file = file != NULL ? file : getenv("OSPROFILER_CONF"),
				.fn = fn,
				.ctx = ctx};

	examine_file(&s);
	examine_environment(&s);
}

static void
report_unknown(void *ctx, const cli_unknown *unknown)
{
	const char *similar = unknown->similar;

	(void) ctx;
	if (unknown->file != NULL)
		(void) cli_error("%s, line %u: there is no setting '%.*s'%s%s%s",
						 unknown->file,
						 unknown->line,
						 (int) unknown->name.len,
						 unknown->name.ptr,
						 similar != NULL ? "; did you mean '" : "",
						 similar != NULL ? similar : "",
						 similar != NULL ? "'?" : "");
	else
		(void) cli_error("the variable %.*s means nothing%s%s%s",
						 (int) unknown->name.len,
						 unknown->name.ptr,
						 similar != NULL ? "; did you mean " : "",
						 similar != NULL ? similar : "",
						 similar != NULL ? "?" : "");
}

void
cli_report_unknown_settings(const char *file)
{
	cli_unknown_settings(file, report_unknown, NULL);
}
