/* SPDX-License-Identifier: Apache-2.0
 *
 * preload.c
 *	  Traces an unmodified program: LD_PRELOAD=.../sqlite_preload.so PROGRAM
 *
 * sqlite3_auto_extension has SQLite tell us of every connection, however the
 * program came by SQLite: linked, by dlopen, past our wrappers (RTLD_DEEPBIND).
 * But it initialises SQLite, after which sqlite3_config refuses what programs
 * set at their start. So sqlite3_config is wrapped: as long as no connection was
 * opened SQLite is shut down for it, and armed again when one is to be opened.
 *
 * The same goes for sqlite3_shutdown and sqlite3_reset_auto_extension, after
 * which we have to be registered again.
 *
 * Of the error log, which only sqlite3_config can set, we need the codes: where
 * the wrappers are passed by it is the only way to learn of a failure. The
 * program's own log function is called by ours.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdarg.h>

#include "attach.h"
#include "hook.h"
#include "wrap.h"

/* SQLite's own functions. */
static struct
{
	int (*config)(int, ...);
	int (*open)(const char *, sqlite3 **);
	int (*open_v2)(const char *, sqlite3 **, int, const char *);
	int (*open16)(const void *, sqlite3 **);
	int (*initialize)(void);
	int (*shutdown)(void);
	void (*reset_auto_extension)(void);
	int (*auto_extension)(void (*)(void));
} real;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool wanted;
static bool armed;       /* SQLite will call us */
static bool opened;      /* a connection was opened: no way back */
static bool initialized; /* by the program: it may not configure any more */

/* Ours, with names of our own. */
int wrap_config(int op, ...);
int wrap_open(const char *file, sqlite3 **db);
int wrap_open_v2(const char *file, sqlite3 **db, int flags, const char *vfs);
int wrap_open16(const void *file, sqlite3 **db);
int wrap_initialize(void);
int wrap_shutdown(void);
void wrap_reset_auto_extension(void);
int wrap_auto_extension(void (*entry)(void));

typedef void (*log_fn)(void *, int, const char *);
static log_fn program_log;
static void *program_log_ctx;

/* This thread is in a wrapper of sqlite3_open: the program does not pass them
 * by. It is in ours: what SQLite calls meanwhile is not the program's. */
static __thread unsigned opening __attribute__((tls_model("initial-exec"))) = 0;
static __thread unsigned inside __attribute__((tls_model("initial-exec"))) = 0;

/* What the program may call sqlite3_config with: at most this many words. */
#define CONFIG_WORDS 4

static void
on_log(void *ctx, int rc, const char *text)
{
	int primary = rc & 0xff;

	(void) ctx;
	if (primary != SQLITE_NOTICE && primary != SQLITE_WARNING)
		osp_sqlite__logged = rc;
	if (program_log != NULL)
		program_log(program_log_ctx, rc, text);
}

/* SQLite calls this for every connection; the program must get it in any case. */
static int
on_open(sqlite3 *db, char **message, const void *api)
{
	osp_sqlite_options options;
	bool wrapped;

	(void) message;
	(void) api;
	__atomic_store_n(&opened, true, __ATOMIC_RELAXED);
	wrapped = opening > 0 && osp_sqlite__wrappers_work(db);
	osp_sqlite__options_from_environment(&options);
	(void) osp_sqlite__attach(db, &options, wrapped);
	return SQLITE_OK;
}

static void
arm(void)
{
	inside++;
	(void) real.config(SQLITE_CONFIG_LOG, on_log, NULL);
	armed = real.auto_extension((void (*)(void)) on_open) == SQLITE_OK;
	inside--;
}

static void
arm_if_wanted(void)
{
	if (wanted && !armed && inside == 0)
		arm();
}

/*
 * A connection may get a context from anywhere if keys are configured, and from
 * the program's own osp_init if none are.
 */
static bool
is_wanted(void)
{
	const osp_config *config = osp__hook_config();

	return config != NULL && config->trace_sqlalchemy &&
		   (config->enabled || (config->hmac_keys[0] == '\0' &&
								config->hmac_keys_file[0] == '\0'));
}

#define FIND(name)                                                    \
	do                                                                \
	{                                                                 \
		void *found =                                                 \
			osp_sqlite__next("sqlite3_" #name, (void *) wrap_##name); \
		memcpy(&real.name, &found, sizeof(found));                    \
	}                                                                 \
	while (0)

static void prepare_process(void);

static void
get_ready(void)
{
	(void) pthread_once(&once, prepare_process);
}

/* Does SQLite itself call this, or do we? */
static bool
is_inner(void)
{
	get_ready();
	return inside > 0 || !wanted;
}

int
wrap_config(int op, ...)
{
	void *words[CONFIG_WORDS];
	va_list args;
	int i;

	/* Whatever the program gave is in these, and SQLite takes what it wants. */
	va_start(args, op);
	for (i = 0; i < CONFIG_WORDS; i++)
		words[i] = va_arg(args, void *);
	va_end(args);

	if (!is_inner() && !opened && !initialized)
	{
		if (armed)
		{
			inside++;
			(void) real.shutdown();
			inside--;
			armed = false;
		}
		if (op == SQLITE_CONFIG_LOG)
		{
			memcpy(&program_log, &words[0], sizeof(program_log));
			program_log_ctx = words[1];
			return SQLITE_OK;
		}
	}
	return real.config(op, words[0], words[1], words[2], words[3]);
}

int
wrap_initialize(void)
{
	bool inner = is_inner();
	int rc;

	inside++;
	rc = real.initialize();
	inside--;
	if (!inner)
	{
		initialized = rc == SQLITE_OK;
		arm_if_wanted();
	}
	return rc;
}

int
wrap_shutdown(void)
{
	if (!is_inner())
	{
		armed = false;
		opened = false;
		initialized = false;
	}
	return real.shutdown();
}

void
wrap_reset_auto_extension(void)
{
	bool inner = is_inner();

	real.reset_auto_extension();
	if (inner)
		return;
	armed = false;
	arm_if_wanted();
}

int
wrap_auto_extension(void (*entry)(void))
{
	if (!is_inner())
		initialized = true;
	return real.auto_extension(entry);
}

/* Everything is armed, and what SQLite calls for a connection now is counted. */
static void
begin_open(void)
{
	get_ready();
	arm_if_wanted();
	opening++;
}

int
wrap_open(const char *file, sqlite3 **db)
{
	int rc;

	begin_open();
	rc = real.open(file, db);
	opening--;
	return rc;
}

int
wrap_open_v2(const char *file, sqlite3 **db, int flags, const char *vfs)
{
	int rc;

	begin_open();
	rc = real.open_v2(file, db, flags, vfs);
	opening--;
	return rc;
}

int
wrap_open16(const void *file, sqlite3 **db)
{
	int rc;

	begin_open();
	rc = real.open16(file, db);
	opening--;
	return rc;
}

static void
prepare_process(void)
{
	FIND(config);
	FIND(open);
	FIND(open_v2);
	FIND(open16);
	FIND(initialize);
	FIND(shutdown);
	FIND(reset_auto_extension);
	FIND(auto_extension);
	wanted = is_wanted();
}

__attribute__((constructor)) static void
start(void)
{
	get_ready();
	arm_if_wanted();
}

#define EXPORT(name)                                 \
	extern __typeof__(sqlite3_##name) sqlite3_##name \
		__attribute__((alias("wrap_" #name), visibility("default")))

EXPORT(config);
EXPORT(open);
EXPORT(open_v2);
EXPORT(open16);
EXPORT(initialize);
EXPORT(shutdown);
EXPORT(reset_auto_extension);
EXPORT(auto_extension);
