/* SPDX-License-Identifier: Apache-2.0
 *
 * preload.c
 *	  Traces an unmodified program: LD_PRELOAD=.../sqlite_preload.so PROGRAM
 *
 * This library brings no SQLite along: the program has exactly the one that it
 * has without us (sqlite_home.h).
 *
 * sqlite3_auto_extension has SQLite call us for every connection, however the
 * program came by SQLite: linked, by dlopen, past our wrappers (RTLD_DEEPBIND).
 * It initialises SQLite, after which sqlite3_config refuses what programs set at
 * their start. So sqlite3_config is wrapped: as long as no connection was opened
 * SQLite is shut down for it, and armed again when one is to be opened.
 * sqlite3_shutdown and sqlite3_reset_auto_extension disarm.
 *
 * Of the error log, which only sqlite3_config can set, and only while SQLite is
 * not initialised, we need the codes: where the wrappers are passed by it is the
 * only way to learn of a failure. The program's own log function is called by
 * ours.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdarg.h>

#include "attach.h"
#include "hook.h"
#include "sqlite_home.h"
#include "wrappers.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool wanted;
static bool armed;       /* SQLite will call us */
static bool opened;      /* a connection was opened: no way back */
static bool initialized; /* by the program: it may not configure any more */
static bool running;     /* SQLite is initialised, by whomever */

/* Ours, with names of our own (wrappers.h). */
int osp_sqlite__config(int op, ...);
int osp_sqlite__open(const char *file, sqlite3 **db);
int osp_sqlite__open_v2(const char *file, sqlite3 **db, int flags,
						const char *vfs);
int osp_sqlite__open16(const void *file, sqlite3 **db);
int osp_sqlite__initialize(void);
int osp_sqlite__shutdown(void);
void osp_sqlite__reset_auto_extension(void);
int osp_sqlite__auto_extension(void (*entry)(void));
void *osp_sqlite__dlopen(const char *file, int flags);

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

/* With a SQLite at home. What SQLite calls of ours meanwhile is not the
 * program's. */
static void
arm(void)
{
	if (armed || inside > 0 || !wanted)
		return;
	inside++;
	if (!running)
		(void) osp_sqlite__home.config(SQLITE_CONFIG_LOG, on_log, NULL);
	armed =
		osp_sqlite__home.auto_extension((void (*)(void)) on_open) == SQLITE_OK;
	running = running || armed;
	inside--;
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

static void
prepare_process(void)
{
	wanted = is_wanted();
}

/* Does this call concern us: is it the program's, and for the SQLite at home? */
static bool
is_ours(const osp_sqlite_real *real)
{
	(void) pthread_once(&once, prepare_process);
	return inside == 0 && wanted && real == &osp_sqlite__home;
}

/* SQLite's own shutdown; what it calls of ours is not the program's. */
static int
shut_down(const osp_sqlite_real *real)
{
	int rc;

	inside++;
	rc = real->shutdown();
	inside--;
	return rc;
}

int
osp_sqlite__config(int op, ...)
{
	const osp_sqlite_real *real = OSP_SQLITE_REAL();
	void *words[CONFIG_WORDS];
	va_list args;
	int i;

	/* Whatever the program gave is in these, and SQLite takes what it wants. */
	va_start(args, op);
	for (i = 0; i < CONFIG_WORDS; i++)
		words[i] = va_arg(args, void *);
	va_end(args);

	if (is_ours(real) && !opened && !initialized)
	{
		if (running)
			(void) shut_down(real);
		armed = false;
		running = false;
		if (op == SQLITE_CONFIG_LOG)
		{
			memcpy(&program_log, &words[0], sizeof(program_log));
			program_log_ctx = words[1];
			return SQLITE_OK;
		}
	}
	return real->config(op, words[0], words[1], words[2], words[3]);
}

int
osp_sqlite__initialize(void)
{
	const osp_sqlite_real *real = OSP_SQLITE_REAL();
	int rc;

	if (!is_ours(real))
		return real->initialize();
	arm();
	inside++;
	rc = real->initialize();
	inside--;
	initialized = rc == SQLITE_OK;
	running = running || initialized;
	return rc;
}

int
osp_sqlite__shutdown(void)
{
	const osp_sqlite_real *real = OSP_SQLITE_REAL();
	bool ours = is_ours(real);
	int rc = shut_down(real);

	if (ours)
	{
		armed = false;
		opened = false;
		initialized = false;
		running = false;
	}
	return rc;
}

void
osp_sqlite__reset_auto_extension(void)
{
	const osp_sqlite_real *real = OSP_SQLITE_REAL();
	bool ours = is_ours(real);

	real->reset_auto_extension();
	if (!ours)
		return;
	armed = false;
	if (running)
		arm();
}

int
osp_sqlite__auto_extension(void (*entry)(void))
{
	const osp_sqlite_real *real = OSP_SQLITE_REAL();
	int rc;

	if (!is_ours(real))
		return real->auto_extension(entry);
	arm();
	rc = real->auto_extension(entry);
	initialized = true;
	running = true;
	return rc;
}

/* Everything is armed, and what SQLite calls for a connection now is counted. */
static void
begin_open(const osp_sqlite_real *real)
{
	if (is_ours(real))
	{
		arm();
		running = true;
	}
	opening++;
}

int
osp_sqlite__open(const char *file, sqlite3 **db)
{
	const osp_sqlite_real *real = OSP_SQLITE_REAL();
	int rc;

	begin_open(real);
	rc = real->open(file, db);
	opening--;
	return rc;
}

int
osp_sqlite__open_v2(const char *file, sqlite3 **db, int flags, const char *vfs)
{
	const osp_sqlite_real *real = OSP_SQLITE_REAL();
	int rc;

	begin_open(real);
	rc = real->open_v2(file, db, flags, vfs);
	opening--;
	return rc;
}

int
osp_sqlite__open16(const void *file, sqlite3 **db)
{
	const osp_sqlite_real *real = OSP_SQLITE_REAL();
	int rc;

	begin_open(real);
	rc = real->open16(file, db);
	opening--;
	return rc;
}

/* A SQLite that came with what was loaded, past our wrappers (RTLD_DEEPBIND). */
static void
arm_what_was_loaded(void)
{
	(void) pthread_once(&once, prepare_process);
	if (wanted && !armed && !osp_sqlite__home_known() &&
		osp_sqlite__home_search())
		arm();
	(void) dlerror();
}

/*
 * dlopen looks at its caller only where the name of the file needs it: to search
 * for a name without a slash, and for $ORIGIN. Such a call is handed on by a jump
 * that leaves the caller's address where it is, so nothing can be done behind it.
 */
__attribute__((noinline, optimize("optimize-sibling-calls"))) void *
osp_sqlite__dlopen(const char *file, int flags)
{
	static void *(*real)(const char *, int) = NULL;
	void *handle;

	if (OSP_UNLIKELY(real == NULL))
	{
		void *found = dlsym(RTLD_NEXT, "dlopen");

		memcpy(&real, &found, sizeof(real));
	}
	if (file == NULL || strchr(file, '/') == NULL || strchr(file, '$') != NULL)
		return real(file, flags);
	handle = real(file, flags);
	if (handle != NULL && (flags & RTLD_NOLOAD) == 0)
		arm_what_was_loaded();
	return handle;
}

__attribute__((constructor)) static void
start(void)
{
	(void) pthread_once(&once, prepare_process);
	if (wanted && osp_sqlite__home_search())
		arm();
}

OSP_SQLITE_EXPORT(config);
OSP_SQLITE_EXPORT(open);
OSP_SQLITE_EXPORT(open_v2);
OSP_SQLITE_EXPORT(open16);
OSP_SQLITE_EXPORT(initialize);
OSP_SQLITE_EXPORT(shutdown);
OSP_SQLITE_EXPORT(reset_auto_extension);
OSP_SQLITE_EXPORT(auto_extension);

extern __typeof__(osp_sqlite__dlopen)
	osp_sqlite__export_dlopen __asm__("dlopen")
		__attribute__((alias("osp_sqlite__dlopen"), visibility("default")));
