/* SPDX-License-Identifier: Apache-2.0
 *
 * check_program.c
 *	  Which libpq and SQLite will a program load, and can `osprofiler run` trace
 *	  them?
 */
#include "doctor/doctor.h"

#include <stdio.h>

#include "program/program_file.h"
#include "program/program_modules.h"
#include "run/hook_path.h"

#define LIBPQ  "libpq"
#define SQLITE "libsqlite3"

/*
 * Modules that cannot be traced through a shared library. For other modules the
 * libraries that they load decide.
 */
static const struct
{
	const char *module;
	const char *trouble; /* NULL: none */
	const char *advice;
} known_modules[] = {
	{"asyncpg",
	 "speaks PostgreSQL's protocol itself",
	 "the server's side is traced if its statements carry a context"},
	{"pg", "speaks PostgreSQL's protocol itself", "npm install pg-native"},
	{"postgres",
	 "speaks PostgreSQL's protocol itself",
	 "the server's side is traced if its statements carry a context"},
	{"better-sqlite3",
	 "brings a SQLite of its own",
	 "load osprofiler.so as an extension: db.loadExtension()"},
	{"sqlite3",
	 "brings a SQLite of its own",
	 "load osprofiler.so as an extension: db.loadExtension()"},
};

typedef struct examination
{
	const program_file *program;
	doctor_result *r;
	osp_buf seen;    /* "psycopg2: /usr/lib/.../libpq.so.5 (by the stand-in)" */
	char where[256]; /* the program or module that is examined */
	bool pg_native;  /* node's pg may use pg-native */
	bool python_pg;  /* a module of Python for PostgreSQL was found */
} examination;

static void
add_seen(examination *e, const char *what, const char *how)
{
	osp_buf_addf(&e->seen,
				 "%s%s%s%s %s",
				 e->seen.len > 0 ? "; " : "",
				 e->where,
				 e->where[0] != '\0' ? ": " : "",
				 what,
				 how);
}

static void
report_unseen(examination *e, const char *what, const char *advice)
{
	doctor_wrong(e->r,
				 "%s%s%s%s",
				 e->r->verdict == DOCTOR_WRONG ? "; " : "",
				 e->where,
				 e->where[0] != '\0' ? ": " : "",
				 what);
	if (e->r->advice.len == 0)
		doctor_advise(e->r, "%s", advice);
}

static bool
is_shadow(const char *path)
{
	char shadow[PATH_MAX];

	return run_hook_find(RUN_SHADOW_FILE, shadow) && strcmp(path, shadow) == 0;
}

static void
examine_libpq(examination *e, const char *name, const char *path)
{
	char text[PATH_MAX + 128];

	if (is_shadow(path))
	{
		add_seen(e, "libpq", "is seen by the library that stands in its place");
		return;
	}
	(void) snprintf(text,
					sizeof(text),
					"loads %s, which 'osprofiler run' does not see, for %s",
					path,
					strcmp(name, "libpq.so.5") == 0
						? "its path stands in the program (RPATH)"
						: "it is bundled under a name of its own");
	report_unseen(e,
				  text,
				  strncmp(e->where, "psycopg2", 8) == 0
					  ? "pip install --force-reinstall --no-binary psycopg2 "
						"psycopg2, in place of psycopg2-binary"
				  : strncmp(e->where, "psycopg_binary", 14) == 0
					  ? "pip uninstall psycopg-binary; psycopg takes the "
						"system's libpq then"
					  : "have it load the system's libpq.so.5, or link it with "
						"-losprofiler_pq before -lpq");
}

/* Examines a library that the program loads; a program_library_fn. */
static void
examine_library(void *ctx, const char *name, const char *path)
{
	examination *e = ctx;

	if (strncmp(name, LIBPQ, strlen(LIBPQ)) == 0 &&
		strchr(".-", name[strlen(LIBPQ)]) != NULL)
		examine_libpq(e, name, path);
	else if (strcmp(name, SQLITE ".so.0") == 0)
		add_seen(e, "SQLite", "is seen by the preloaded library");
	else if (strncmp(name, SQLITE, strlen(SQLITE)) == 0)
		report_unseen(e,
					  "brings a SQLite under a name of its own, which "
					  "'osprofiler run' does not see",
					  "have it load the system's libsqlite3.so.0");
}

/* Examines a module of the program; a program_module_fn. */
static void
examine_module(void *ctx, const char *name, const char *file)
{
	examination *e = ctx;
	char text[256];
	size_t i;

	(void) snprintf(e->where, sizeof(e->where), "%s", name);
	if (strcmp(name, "pg-native") == 0 || strcmp(name, "libpq") == 0)
		e->pg_native = true;
	if (strncmp(name, "psycopg", 7) == 0 || strcmp(name, "asyncpg") == 0)
		e->python_pg = true;
	if (file[0] != '\0')
		(void) program_libraries(e->program, file, examine_library, e);
	for (i = 0; i < sizeof(known_modules) / sizeof(known_modules[0]); i++)
	{
		if (strcmp(name, known_modules[i].module) != 0)
			continue;
		if (strcmp(name, "pg") == 0 && e->pg_native)
			continue;
		(void) snprintf(text,
						sizeof(text),
						"%s, which 'osprofiler run' does not see",
						known_modules[i].trouble);
		report_unseen(e, text, known_modules[i].advice);
	}
	e->where[0] = '\0';
}

/* Why no hook can get into the program; NULL: it can. */
static const char *
find_barrier(const program_file *program)
{
	if (program->foreign)
		return "is no program of this machine's kind";
	if (program->loader[0] == '\0')
		return "is statically linked, so no hook can come before its "
			   "functions";
	if (program->privileged)
		return "is set-uid, set-gid or has capabilities, so the dynamic "
			   "loader takes no hooks";
	if (program_is_musl(program))
		return "is built with musl, whose dynamic loader takes no hooks";
	return NULL;
}

/* What to do about a program that no hook can get into. */
static const char *
barrier_advice(const program_file *program)
{
	if (program->loader[0] == '\0' && !program->foreign && program->has_sqlite)
		return "link it dynamically, without -static, with -lsqlite3: its "
			   "statements in SQLite can be seen then";
	return "the server's side is traced if its statements carry a context: "
		   "osprofiler context new --format comment";
}

static void
examine_program(examination *e)
{
	const program_file *program = e->program;
	size_t before;

	(void) program_libraries(program, program->path, examine_library, e);
	before = e->seen.len;
	(void) program_modules(program, examine_module, e);
	if (strncmp(strrchr(program->path, '/') + 1, "python", 6) == 0 &&
		!e->python_pg)
		add_seen(e,
				 "this Python has no psycopg2 or psycopg:",
				 "nothing of PostgreSQL to see");
	if (e->r->verdict == DOCTOR_WRONG || e->seen.len > before)
		return;
	if (program->has_libpq &&
		strstr(e->seen.ptr != NULL ? e->seen.ptr : "", LIBPQ) == NULL)
		report_unseen(e,
					  "holds a libpq of its own, which 'osprofiler run' does "
					  "not see",
					  "link it with -losprofiler_pq -lpq");
	if (program->has_sqlite && program->traces_sqlite)
		add_seen(e,
				 "a SQLite of its own",
				 "is seen by libosprofiler_sqlite, where osp_sqlite_enable "
				 "returns 0");
	else if (program->has_sqlite && e->seen.len == 0)
		report_unseen(e,
					  "holds a SQLite of its own, which 'osprofiler run' may "
					  "not see",
					  "link it with -lsqlite3 instead; or call "
					  "osp_sqlite_enable() for its connections and link it "
					  "with -losprofiler_sqlite; or load the extension "
					  "osprofiler.so in them");
}

void
check_program(doctor *d, doctor_result *r)
{
	examination e = {.r = r};
	osp_error err = {OSP_OK, ""};
	program_file program;
	const char *barrier;

	if (program_file_read(d->program, &program, &err) != OSP_OK)
	{
		doctor_wrong(r, "%s", err.msg);
		doctor_advise(r, "name the program as it is called in a shell");
		return;
	}
	barrier = find_barrier(&program);
	if (barrier != NULL)
	{
		doctor_wrong(r, "%s %s", program.path, barrier);
		doctor_advise(r, "%s", barrier_advice(&program));
		return;
	}
	e.program = &program;
	osp_buf_init(&e.seen, &osp_allocator_default, 16 * 1024);
	examine_program(&e);
	if (r->verdict != DOCTOR_WRONG && e.seen.len > 0)
		doctor_good(r, "%s: %.*s", program.path, (int) e.seen.len, e.seen.ptr);
	else if (r->verdict != DOCTOR_WRONG)
		doctor_good(r,
					"%s names neither libpq nor SQLite; what it loads later "
					"is seen, and 'osprofiler run' says at its end what that "
					"was",
					program.path);
	osp_buf_term(&e.seen);
}
