/* SPDX-License-Identifier: Apache-2.0
 *
 * guc.c
 *	  Defines the settings of settings.def and applies the effects of new values.
 *
 * Settings that decide where traces go are read from the configuration files,
 * and a reload can change them. Settings that decide how much of a statement is
 * recorded are for superusers only. Each user may set the context and the kinds
 * of operations.
 *
 * The keys and the connection string may hold secrets, so they are shown to nobody
 * (SHOW masks them, pg_settings does not list them). But a process that has not loaded
 * the module shows them like any placeholder, and PostgreSQL logs their changes, so
 * secrets belong into files; settings_warning.c says so in the log.
 */
#include "pgosp.h"

#include <limits.h>

#include "osprofiler/driver.h"
#include "utils/guc.h"
#include "utils/varlena.h"

#define PREFIX "osprofiler"

/* PostgreSQL keeps texts in variables of its own and frees the old text when a setting
 * changes. */
#define SETTING_TEXT(name, ...)   static char *text_of_##name = NULL;
#define SETTING_LABEL(name, ...)  static char *text_of_##name = NULL;
#define SETTING_POINTS(name, ...) static char *text_of_##name = NULL;
#include "state/settings.def"

static const struct config_enum_entry on_full_options[] = {
	{"drop", OSP_ON_FULL_DROP, false},
	{"wait", OSP_ON_FULL_WAIT, false},
	{NULL, 0, false},
};

static const struct config_enum_entry statement_text_options[] = {
	{"full", OSP_STATEMENT_FULL, false},
	{"normalized", OSP_STATEMENT_NORMALIZED, false},
	{"none", OSP_STATEMENT_NONE, false},
	{NULL, 0, false},
};

static const struct
{
	const char *name;
	int point;
} point_names[] = {
	{"statement", PGOSP_POINTS_STATEMENT},
	{"nested", PGOSP_POINTS_NESTED},
	{"parse", PGOSP_POINTS_PARSE},
	{"plan", PGOSP_POINTS_PLAN},
	{"commit", PGOSP_POINTS_COMMIT},
	{"trigger", PGOSP_POINTS_TRIGGER},
	{"worker", PGOSP_POINTS_WORKER},
	{"function", PGOSP_POINTS_FUNCTION},
	{"node", PGOSP_POINTS_NODE},
	{"wait", PGOSP_POINTS_WAIT},
};

#define POINT_NAMES \
	"statement, nested, parse, plan, commit, trigger, worker, function, node, wait"
#define POINTS_DEFAULT \
	"statement, nested, parse, plan, commit, trigger, worker, wait"

/* ---- effects ---- */

enum
{
	NOTHING = 0,
	GATES = 1,
	CONTEXT = 2,
	KEYS = 4,
	TEXTS = 8,
	REARM = 16,
	SECRET = 32
};

/* Called when a setting has a new value, or its old one again, and all variables are
 * set. */
static void
apply_effects(const char *name, int effects)
{
	if ((effects & CONTEXT) != 0)
		pgosp_context_setting_changed(pgosp_trace_info[0] != '\0',
									  pgosp_trace_hmac[0] != '\0');
	if ((effects & KEYS) != 0)
		pgosp_keys_changed();
	if ((effects & TEXTS) != 0)
		pgosp_text_epoch++;
	if ((effects & GATES) != 0)
		pgosp_gates_update();
	if ((effects & REARM) != 0)
		pgosp_disarm();
	if ((effects & SECRET) != 0)
		pgosp_secret_assigned(name);
}

/* ---- checks ---- */

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

static bool
check_connection_string(char **newval, void **extra, GucSource source)
{
	osp_error err;

	if (*newval == NULL || (*newval)[0] == '\0' ||
		pgosp_collector_check(osp_str_of(*newval), &err) == OSP_OK)
		return true;
	/* PostgreSQL's own message would show the value, which may have a password. */
	GUC_check_errmsg("invalid value for parameter \"" PREFIX
					 ".connection_string\"");
	GUC_check_errdetail("%s", err.msg);
	GUC_check_errhint("Examples: sqlite:////path, file:///path, "
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

	/* A value in a configuration file may be any bytes. */
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
	return pgosp_hmac_keys[0] != '\0' ? "********" : "";
}

static const char *
show_connection_string(void)
{
	static char shown[512];

	osp_connection_string_redact(
		osp_str_of(pgosp_connection_string), shown, sizeof(shown));
	return shown;
}

/* Converts a label to UTF-8, because it goes into every record. */
static osp_str
label_of(const char *value, char space[OSP_LABEL_MAX])
{
	osp_str label = pgosp_text_utf8(osp_str_of(value), OSP_LABEL_MAX);

	memcpy(space, label.ptr, label.len);
	return osp_str_n(space, label.len);
}

/* ---- definitions ---- */

/*
 * PostgreSQL calls an assign hook before it sets its own variable. These hooks set
 * ours first, so that the effects are computed from the new values.
 */
#define ASSIGN_HOOK(name, type, statement, effects)    \
	static void assign_##name(type value, void *extra) \
	{                                                  \
		statement;                                     \
		apply_effects(#name, effects);                 \
	}

#define SETTING_BOOL(name, variable, effects, ...) \
	ASSIGN_HOOK(name, bool, variable = value, effects)
#define SETTING_INT(name, variable, effects, ...) \
	ASSIGN_HOOK(name, int, variable = value, effects)
#define SETTING_REAL(name, variable, effects, ...) \
	ASSIGN_HOOK(name, double, variable = value, effects)
#define SETTING_ENUM(name, variable, effects, ...) \
	ASSIGN_HOOK(name, int, variable = value, effects)
#define SETTING_TEXT(name, variable, effects, ...) \
	ASSIGN_HOOK(name, const char *, variable = value ? value : "", effects)
#define SETTING_LABEL(name, variable, effects, ...)          \
	static char space_of_##name[OSP_LABEL_MAX];              \
	ASSIGN_HOOK(name,                                        \
				const char *,                                \
				variable = label_of(value, space_of_##name), \
				effects)
#define SETTING_POINTS(name, variable, effects, ...) \
	ASSIGN_HOOK(name, const char *, variable = *(const int *) extra, effects)
#include "state/settings.def"

#define HIDDEN (GUC_SUPERUSER_ONLY | GUC_NO_SHOW_ALL | GUC_NOT_IN_SAMPLE)

/* The columns after the two texts are in the order of the arguments of these
 * functions. */
#define DEFINE(type, name, check, show, ...) \
	DefineCustom##type##Variable(            \
		PREFIX "." #name, __VA_ARGS__, check, assign_##name, show);

static void
define_settings(void)
{
#define SETTING_BOOL(name, variable, effects, what, more, ...) \
	DEFINE(Bool, name, NULL, NULL, what, more, &variable, __VA_ARGS__)
#define SETTING_INT(name, variable, effects, what, more, ...) \
	DEFINE(Int, name, NULL, NULL, what, more, &variable, __VA_ARGS__)
#define SETTING_REAL(name, variable, effects, what, more, ...) \
	DEFINE(Real, name, NULL, NULL, what, more, &variable, __VA_ARGS__)
#define SETTING_ENUM(name, variable, effects, what, more, ...) \
	DEFINE(Enum, name, NULL, NULL, what, more, &variable, __VA_ARGS__)
#define SETTING_TEXT(name, variable, effects, check, show, what, more, ...) \
	DEFINE(String, name, check, show, what, more, &text_of_##name, __VA_ARGS__)
#define SETTING_LABEL(name, variable, effects, what, more, ...) \
	DEFINE(String,                                              \
		   name,                                                \
		   check_label,                                         \
		   NULL,                                                \
		   what,                                                \
		   more,                                                \
		   &text_of_##name,                                     \
		   __VA_ARGS__)
#define SETTING_POINTS(name, variable, effects, what, more, ...) \
	DEFINE(String,                                               \
		   name,                                                 \
		   check_points,                                         \
		   NULL,                                                 \
		   what,                                                 \
		   more,                                                 \
		   &text_of_##name,                                      \
		   __VA_ARGS__)
#include "state/settings.def"
}

void
pgosp_guc_init(void)
{
	define_settings();
	pgosp_reserve_prefix(PREFIX);
	pgosp_gates_update();
	pgosp_warn_of_secrets();
}
