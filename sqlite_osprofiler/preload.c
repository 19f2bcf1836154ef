/* SPDX-License-Identifier: Apache-2.0
 *
 * preload.c
 *	  Traces an unmodified program: LD_PRELOAD=.../sqlite_preload.so PROGRAM
 *
 * This library does not contain a SQLite: the program uses the same SQLite as
 * without us (sqlite_home.h).
 *
 * sqlite3_auto_extension makes SQLite call us for every connection, no matter how
 * the program reaches SQLite: by linking, by dlopen, or without our wrappers
 * (RTLD_DEEPBIND). It initialises SQLite, and after that sqlite3_config refuses
 * settings that programs make at their start. So sqlite3_config is wrapped: while
 * no connection has been opened, the wrapper shuts SQLite down first, and SQLite
 * is armed again when a connection is about to be opened. sqlite3_shutdown and
 * sqlite3_reset_auto_extension disarm it.
 *
 * We also need the codes of SQLite's error log: without the wrappers they are the
 * only way to notice a failure. Only sqlite3_config can set the log function, and
 * only while SQLite is not initialised. Our log function calls the program's own.
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
static bool armed;       /* SQLite will call on_open() */
static bool opened;      /* a connection was opened: too late */
static bool initialized; /* by the program, which can configure no more */
static bool running;     /* SQLite is initialised, by us or the program */

/* Our wrappers, under names of our own (wrappers.h). */
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

/*
 * opening: this thread is in a wrapper of sqlite3_open, so the program uses the
 * wrappers. inside: it is in our code, so calls that SQLite makes meanwhile are
 * not the program's.
 */
static __thread unsigned opening __attribute__((tls_model("initial-exec"))) = 0;
static __thread unsigned inside __attribute__((tls_model("initial-exec"))) = 0;

/* How many arguments, as words, the program may give to sqlite3_config at most. */
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

/*
 * SQLite calls this for every connection. It always succeeds, so that the
 * program gets its connection.
 */
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

/*
 * Has SQLite call us for every connection, and log errors to us. The traced
 * SQLite must be known. Calls of our wrappers that SQLite makes meanwhile are
 * not the program's.
 */
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
 * Should SQLite be traced in this process? If keys are configured, a connection
 * may get a context from anywhere; if none are, from the program's own
 * osp_init.
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

/* Does this call concern us: does the program make it, and for the traced SQLite? */
static bool
is_ours(const osp_sqlite_real *real)
{
	(void) pthread_once(&once, prepare_process);
	return inside == 0 && wanted && real == &osp_sqlite__home;
}

/*
 * Calls SQLite's own shutdown. Calls of our wrappers that it makes are not the
 * program's.
 */
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

	/*
	 * These words hold all arguments of the program; SQLite reads the ones that
	 * it needs.
	 */
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

/*
 * Prepares a call that opens a connection: everything is armed, and the call is
 * counted, so that on_open() knows that the wrappers are used.
 */
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

/*
 * Arms a SQLite that was loaded together with another library, and that our
 * wrappers do not reach (RTLD_DEEPBIND).
 */
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
 * Wraps dlopen, which depends on its caller only for a name without a slash,
 * which it searches for, and for $ORIGIN. Such a call is passed on by a jump
 * that keeps the caller's address, so nothing can be done after it.
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
