/* SPDX-License-Identifier: Apache-2.0
 *
 * guc.c
 *	  The settings, osprofiler.*, and the gates that depend on them.
 *
 * What decides where traces go is read from the configuration files and can be
 * changed by a reload; what decides how much of a statement is told is a
 * superuser's; the context and the kinds of points are the user's own.
 *
 * The keys and the connection string may hold secrets: they are shown to nobody
 * (SHOW gives a mask, pg_settings does not have them). As long as the module is
 * not loaded PostgreSQL shows a setting like any other, so the right place for
 * keys is the keys file.
 */
#include "pgosp.h"

#include <limits.h>

#include "access/parallel.h"
#include "osprofiler/driver.h"
#include "utils/guc.h"
#include "utils/varlena.h"

#define PREFIX "osprofiler"

bool pgosp_enabled = true;
bool pgosp_read_comments = true;
bool pgosp_hide_params = true;
bool pgosp_accept_traceparent = false;
int pgosp_max_statement_length = 65536;
pgosp_hot_data int pgosp_max_points = 10000;
int pgosp_ring_size_kb = OSP_RING_DEFAULT / 1024;
int pgosp_spool_limit_mb = 256;
int pgosp_on_full = OSP_ON_FULL_DROP;
char *pgosp_hmac_keys = NULL;
char *pgosp_hmac_keys_file = NULL;
char *pgosp_connection_string = NULL;
char *pgosp_run_directory = NULL;
pgosp_hot_data osp_str pgosp_project = {"", 0};
pgosp_hot_data osp_str pgosp_service = {"", 0};
char *pgosp_agent = NULL;
char *pgosp_trace_info = NULL;
char *pgosp_trace_hmac = NULL;
pgosp_hot_data int pgosp_points = 0;
pgosp_hot_data uint64 pgosp_text_epoch = 1;

pgosp_hot_data bool pgosp_setting_gate = false;
pgosp_hot_data bool pgosp_comment_gate = false;

static char *points_text = NULL;
static char *project_text = NULL;
static char *service_text = NULL;

static const struct config_enum_entry on_full_options[] = {
	{"drop", OSP_ON_FULL_DROP, false},
	{"wait", OSP_ON_FULL_WAIT, false},
	{NULL, 0, false},
};

static const struct
{
	const char *name;
	int point;
} point_names[] = {
	{"statement", PGOSP_POINTS_STATEMENT},
	{"nested", PGOSP_POINTS_NESTED},
	{"plan", PGOSP_POINTS_PLAN},
	{"commit", PGOSP_POINTS_COMMIT},
	{"trigger", PGOSP_POINTS_TRIGGER},
	{"worker", PGOSP_POINTS_WORKER},
	{"function", PGOSP_POINTS_FUNCTION},
	{"node", PGOSP_POINTS_NODE},
	{"wait", PGOSP_POINTS_WAIT},
};

#define POINT_NAMES \
	"statement, nested, plan, commit, trigger, worker, function, node, wait"
#define POINTS_DEFAULT "statement, nested, plan, commit, trigger, worker"

static void
update_gates(bool enabled, bool comments, double sample_rate)
{
	bool here = enabled && !IsParallelWorker();

	pgosp_setting_gate =
		here && (sample_rate > 0 || pgosp_has_trace_info ||
				 pgosp_has_trace_hmac || pgosp_has_next_context);
	pgosp_setting_gate |= enabled && pgosp_is_traced_worker;
	pgosp_comment_gate = here && comments;
	pgosp_disarm();
}

void
pgosp_gates_update(void)
{
	update_gates(pgosp_enabled, pgosp_read_comments, pgosp_sample_rate);
}

static void
assign_enabled(bool newval, void *extra)
{
	update_gates(newval, pgosp_read_comments, pgosp_sample_rate);
}

static void
assign_read_comments(bool newval, void *extra)
{
	update_gates(pgosp_enabled, newval, pgosp_sample_rate);
}

static void
assign_sample_rate(double newval, void *extra)
{
	update_gates(pgosp_enabled, pgosp_read_comments, newval);
}

static void
assign_trace_info(const char *newval, void *extra)
{
	pgosp_context_setting_changed(newval != NULL && newval[0] != '\0',
								  pgosp_has_trace_hmac);
	pgosp_gates_update();
}

static void
assign_trace_hmac(const char *newval, void *extra)
{
	pgosp_context_setting_changed(pgosp_has_trace_info,
								  newval != NULL && newval[0] != '\0');
	pgosp_gates_update();
}

static void
assign_keys(const char *newval, void *extra)
{
	pgosp_keys_changed();
}

static void
assign_size(int newval, void *extra)
{
	pgosp_text_epoch++;
}

static void
assign_hide_params(bool newval, void *extra)
{
	pgosp_text_epoch++;
}

/* They go into every record, in UTF-8: they are made ready for that once. */
static osp_str
label_of(const char *value, char space[OSP_LABEL_MAX])
{
	osp_str label = pgosp_text_utf8(osp_str_of(value), OSP_LABEL_MAX);

	memcpy(space, label.ptr, label.len);
	return osp_str_n(space, label.len);
}

static void
assign_project(const char *newval, void *extra)
{
	static char space[OSP_LABEL_MAX];

	pgosp_project = label_of(newval, space);
	pgosp_text_epoch++;
}

static void
assign_service(const char *newval, void *extra)
{
	static char space[OSP_LABEL_MAX];

	pgosp_service = label_of(newval, space);
	pgosp_text_epoch++;
}

static bool
check_points(char **newval, void **extra, GucSource source)
{
	char *copy = pstrdup(*newval);
	List *names = NIL;
	ListCell *cell;
	int points = 0;
	bool ok = SplitIdentifierString(copy, ',', &names);

	if (!ok)
		GUC_check_errdetail("The list of points is not well-formed.");
	foreach (cell, names)
	{
		const char *name = (const char *) lfirst(cell);
		size_t i;

		for (i = 0; i < lengthof(point_names); i++)
			if (strcmp(name, point_names[i].name) == 0)
				break;
		if (i == lengthof(point_names))
		{
			GUC_check_errdetail("There are no points named \"%s\".", name);
			ok = false;
			break;
		}
		points |= point_names[i].point;
	}
	if (!ok)
		GUC_check_errhint("A list of these is allowed: %s.", POINT_NAMES);
	list_free(names);
	pfree(copy);
	if (!ok)
		return false;
	*extra = pgosp_guc_alloc(sizeof(int));
	if (*extra == NULL)
		return false;
	*(int *) *extra = points;
	return true;
}

static void
assign_points(const char *newval, void *extra)
{
	pgosp_points = *(const int *) extra;
	pgosp_disarm();
}

static void
assign_min_duration(int newval, void *extra)
{
	pgosp_disarm();
}

/* SCHEME://..., where the scheme is one of names of plug-ins. */
static bool
check_connection_string(char **newval, void **extra, GucSource source)
{
	const char *text = *newval;
	size_t scheme;

	if (text == NULL || text[0] == '\0')
		return true;
	scheme = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789+");
	if (scheme > 0 && strncmp(text + scheme, "://", 3) == 0)
		return true;
	GUC_check_errdetail("A connection string begins with a scheme.");
	GUC_check_errhint("Examples: sqlite:///path, file:///path, "
					  "redis://[:password@]host[:port][/db].");
	return false;
}

static bool
check_run_directory(char **newval, void **extra, GucSource source)
{
	const char *path = *newval;

	if (path == NULL || path[0] == '\0')
		return true;
	if (path[0] != '/')
	{
		GUC_check_errdetail("The path of the run directory must be absolute.");
		return false;
	}
	if (strlen(path) + 64 > OSP_RUNDIR_PATH_MAX)
	{
		GUC_check_errdetail("The path of the run directory is %zu bytes long, "
							"at most %d are allowed.",
							strlen(path),
							OSP_RUNDIR_PATH_MAX - 64);
		return false;
	}
	return true;
}

static bool
check_label(char **newval, void **extra, GucSource source)
{
	size_t len = *newval != NULL ? strlen(*newval) : 0;

	/* A configuration file may hold anything. */
	if (len > 0 &&
		!pg_verify_mbstr(GetDatabaseEncoding(), *newval, (int) len, true))
	{
		GUC_check_errdetail("The value is not valid in the encoding of the "
							"database.");
		return false;
	}
	if (len <= OSP_LABEL_MAX)
		return true;
	GUC_check_errdetail("The value is %zu bytes long, at most %d are allowed.",
						len,
						OSP_LABEL_MAX);
	return false;
}

static const char *
show_keys(void)
{
	return pgosp_hmac_keys != NULL && pgosp_hmac_keys[0] != '\0' ? "********"
																 : "";
}

static const char *
show_connection_string(void)
{
	static char shown[512];

	osp_connection_string_redact(
		osp_str_of(pgosp_connection_string), shown, sizeof(shown));
	return shown;
}

#define SECRET (GUC_SUPERUSER_ONLY | GUC_NO_SHOW_ALL | GUC_NOT_IN_SAMPLE)

static void
define_keys(void)
{
	DefineCustomStringVariable(
		PREFIX ".hmac_keys",
		"Keys with which trace contexts may be signed, separated by commas.",
		"A file, osprofiler.hmac_keys_file, is the better place for them.",
		&pgosp_hmac_keys,
		"",
		PGC_SIGHUP,
		SECRET,
		NULL,
		assign_keys,
		show_keys);
	DefineCustomStringVariable(
		PREFIX ".hmac_keys_file",
		"File of the keys with which trace contexts may be signed.",
		"A relative path begins in the data directory. The file must be closed "
		"to others.",
		&pgosp_hmac_keys_file,
		"",
		PGC_SIGHUP,
		GUC_SUPERUSER_ONLY,
		NULL,
		assign_keys,
		NULL);
}

static void
define_collector(void)
{
	DefineCustomStringVariable(
		PREFIX ".connection_string",
		"Where traces go to.",
		"If empty: osprofiler/traces.db in the data directory.",
		&pgosp_connection_string,
		"",
		PGC_SIGHUP,
		SECRET,
		check_connection_string,
		NULL,
		show_connection_string);
	DefineCustomStringVariable(
		PREFIX ".run_directory",
		"Directory of the rings through which points reach the shipper.",
		"Every cluster has a directory of its own in it. If empty: one in "
		"shared memory.",
		&pgosp_run_directory,
		"",
		PGC_SIGHUP,
		0,
		check_run_directory,
		NULL,
		NULL);
	DefineCustomStringVariable(PREFIX ".agent",
							   "Program that ships the points.",
							   NULL,
							   &pgosp_agent,
							   PGOSP_AGENT_PATH,
							   PGC_SIGHUP,
							   GUC_SUPERUSER_ONLY,
							   NULL,
							   NULL,
							   NULL);
	DefineCustomIntVariable(PREFIX ".ring_size",
							"Size of the ring that a traced session has.",
							NULL,
							&pgosp_ring_size_kb,
							OSP_RING_DEFAULT / 1024,
							OSP_RING_MIN / 1024,
							OSP_RING_MAX / 1024,
							PGC_SIGHUP,
							GUC_UNIT_KB,
							NULL,
							assign_size,
							NULL);
	DefineCustomEnumVariable(
		PREFIX ".on_full",
		"What happens to a point that finds the ring full.",
		"drop: it is dropped and counted. wait: the statement waits a little.",
		&pgosp_on_full,
		OSP_ON_FULL_DROP,
		on_full_options,
		PGC_SIGHUP,
		0,
		NULL,
		NULL,
		NULL);
	DefineCustomIntVariable(
		PREFIX ".spool_limit",
		"How much is kept on disk while the collector is down.",
		NULL,
		&pgosp_spool_limit_mb,
		256,
		1,
		INT_MAX / 2,
		PGC_SIGHUP,
		GUC_UNIT_MB,
		NULL,
		NULL,
		NULL);
}

static void
define_content(void)
{
	DefineCustomBoolVariable(PREFIX ".enabled",
							 "Trace statements that carry a signed context.",
							 NULL,
							 &pgosp_enabled,
							 true,
							 PGC_SIGHUP,
							 0,
							 NULL,
							 assign_enabled,
							 NULL);
	DefineCustomBoolVariable(PREFIX ".read_comments",
							 "Look for contexts in comments of statements.",
							 NULL,
							 &pgosp_read_comments,
							 true,
							 PGC_SUSET,
							 0,
							 NULL,
							 assign_read_comments,
							 NULL);
	DefineCustomBoolVariable(
		PREFIX ".accept_traceparent",
		"Accept W3C trace contexts, which nobody has signed.",
		"In comments and osprofiler.set_context, as traceparent='...'.",
		&pgosp_accept_traceparent,
		false,
		PGC_SUSET,
		0,
		NULL,
		NULL,
		NULL);
	DefineCustomRealVariable(
		PREFIX ".sample_rate",
		"Share of the statements without a context that begin a trace.",
		"0: none. 1: all.",
		&pgosp_sample_rate,
		0,
		0,
		1,
		PGC_SUSET,
		0,
		NULL,
		assign_sample_rate,
		NULL);
	DefineCustomBoolVariable(PREFIX ".hide_params",
							 "Do not record values of parameters.",
							 NULL,
							 &pgosp_hide_params,
							 true,
							 PGC_SUSET,
							 0,
							 NULL,
							 assign_hide_params,
							 NULL);
	DefineCustomIntVariable(PREFIX ".max_statement_length",
							"How much of a statement's text is recorded.",
							NULL,
							&pgosp_max_statement_length,
							65536,
							0,
							1024 * 1024,
							PGC_SUSET,
							GUC_UNIT_BYTE,
							NULL,
							assign_size,
							NULL);
	DefineCustomIntVariable(
		PREFIX ".max_points",
		"How many points a top-level statement may have, its own included.",
		"Of those beyond it only the number is recorded, as \"truncated\".",
		&pgosp_max_points,
		10000,
		1,
		INT_MAX,
		PGC_SUSET,
		0,
		NULL,
		NULL,
		NULL);
	DefineCustomIntVariable(
		PREFIX ".min_duration",
		"Record only top-level statements that take as long as this.",
		"With all that hangs under them. Those that fail are always recorded. "
		"-1 or 0 records all.",
		&pgosp_min_duration,
		-1,
		-1,
		INT_MAX,
		PGC_SUSET,
		GUC_UNIT_MS,
		NULL,
		assign_min_duration,
		NULL);
	DefineCustomStringVariable(PREFIX ".project",
							   "Project that points are recorded for.",
							   NULL,
							   &project_text,
							   "",
							   PGC_SUSET,
							   0,
							   check_label,
							   assign_project,
							   NULL);
	DefineCustomStringVariable(PREFIX ".service",
							   "Service that points are recorded for.",
							   NULL,
							   &service_text,
							   "",
							   PGC_SUSET,
							   0,
							   check_label,
							   assign_service,
							   NULL);
}

static void
define_session(void)
{
	DefineCustomStringVariable(PREFIX ".points",
							   "Kinds of points to record.",
							   "A list of: " POINT_NAMES ".",
							   &points_text,
							   POINTS_DEFAULT,
							   PGC_USERSET,
							   GUC_LIST_INPUT,
							   check_points,
							   assign_points,
							   NULL);
	DefineCustomStringVariable(
		PREFIX ".trace_info",
		"Trace context of this session, as in X-Trace-Info.",
		"It counts only together with osprofiler.trace_hmac.",
		&pgosp_trace_info,
		"",
		PGC_USERSET,
		GUC_NOT_IN_SAMPLE,
		NULL,
		assign_trace_info,
		NULL);
	DefineCustomStringVariable(
		PREFIX ".trace_hmac",
		"Signature of osprofiler.trace_info, as in X-Trace-HMAC.",
		NULL,
		&pgosp_trace_hmac,
		"",
		PGC_USERSET,
		GUC_NOT_IN_SAMPLE,
		NULL,
		assign_trace_hmac,
		NULL);
}

void
pgosp_guc_init(void)
{
	define_keys();
	define_collector();
	define_content();
	define_session();
	pgosp_reserve_prefix(PREFIX);
	pgosp_gates_update();
}
