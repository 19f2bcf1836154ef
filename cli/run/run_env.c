/* SPDX-License-Identifier: Apache-2.0
 *
 * run_env.c
 *	  What a traced command finds in its environment.
 *
 * The hooks of libpq come by LD_LIBRARY_PATH, as a libpq.so.5 that is found
 * before the real one, whose path is told: asking the dynamic loader now gives
 * what the command would get without us. Those of SQLite come by LD_PRELOAD.
 * Both are inherited, so what the command forks or executes is traced as well.
 */
#include "run/run.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli.h"

#define SHADOW_DIR  "shadow"
#define SHADOW_FILE SHADOW_DIR "/libpq.so.5"
#define SQLITE_FILE "sqlite_preload.so"

/* The first directory of OSPROFILER_HOOK_PATH, else the installed one, that has
 * the file; false: there is none. */
static bool
find_hook(const char *file, char out[PATH_MAX])
{
	const char *dirs = getenv("OSPROFILER_HOOK_PATH");

	if (dirs == NULL || dirs[0] == '\0')
		dirs = OSP_HOOK_DIR;
	while (*dirs != '\0')
	{
		size_t len = strcspn(dirs, ":");
		int n = snprintf(out, PATH_MAX, "%.*s/%s", (int) len, dirs, file);

		if (len > 0 && n > 0 && n < PATH_MAX && access(out, R_OK) == 0)
			return true;
		dirs += len;
		dirs += *dirs == ':' ? 1 : 0;
	}
	return false;
}

static int
set(const char *name, const char *value)
{
	return setenv(name, value, 1) == 0
			   ? CLI_OK
			   : cli_error("cannot set %s: %s", name, strerror(errno));
}

/* Puts a path before what a variable holds. */
static int
prepend(const char *name, const char *path)
{
	const char *old = getenv(name);
	osp_buf value;
	int result = CLI_OK;

	if (old == NULL || old[0] == '\0')
		return set(name, path);
	osp_buf_init(&value, &osp_allocator_default, 1024 * 1024);
	osp_buf_addf(&value, "%s:%s", path, old);
	if (osp_buf_status(&value) != OSP_OK)
		result = cli_error("%s is too long", name);
	else
		result = set(name, value.ptr);
	osp_buf_term(&value);
	return result;
}

/*
 * The libpq that programs get now. When we run below another `osprofiler run`
 * that is a shadow, and the real one is named already.
 */
static int
name_real_libpq(const char *shadow)
{
	void *libpq = dlopen("libpq.so.5", RTLD_LAZY | RTLD_LOCAL);
	char real[PATH_MAX];
	struct link_map *map;
	int result = CLI_OK;

	if (libpq == NULL)
		return CLI_OK;
	if (dlsym(libpq, "osprofiler_shadow") == NULL &&
		dlinfo(libpq, RTLD_DI_LINKMAP, &map) == 0 &&
		realpath(map->l_name, real) != NULL && strcmp(real, shadow) != 0)
		result = set("OSPROFILER_LIBPQ", real);
	(void) dlclose(libpq);
	return result;
}

static int
add_libpq_hooks(void)
{
	char path[PATH_MAX];
	char shadow[PATH_MAX];
	char *slash;

	if (!find_hook(SHADOW_FILE, path) || realpath(path, shadow) == NULL)
		return cli_error("the hooks of libpq (%s) are not in %s; set "
						 "OSPROFILER_HOOK_PATH to where they are",
						 SHADOW_FILE,
						 OSP_HOOK_DIR);
	if (name_real_libpq(shadow) != CLI_OK)
		return CLI_FAILED;
	slash = strrchr(shadow, '/');
	*slash = '\0';
	return prepend("LD_LIBRARY_PATH", shadow);
}

/* Without SQLite there are no hooks of it. */
static int
add_sqlite_hooks(void)
{
	char path[PATH_MAX];

	return find_hook(SQLITE_FILE, path) ? prepend("LD_PRELOAD", path) : CLI_OK;
}

/* One more way to tell the servers, besides those there are. */
static int
add_prepared(const char *propagate)
{
	char value[1024];
	int n = snprintf(value,
					 sizeof(value),
					 "%s,prepared",
					 propagate[0] != '\0' ? propagate : "comment,startup");

	if (n < 0 || n >= (int) sizeof(value))
		return cli_error("OSPROFILER_PROPAGATE is too long");
	return set("OSPROFILER_PROPAGATE", value);
}

int
run_env_set(const run_env *env)
{
	if (add_libpq_hooks() != CLI_OK || add_sqlite_hooks() != CLI_OK)
		return CLI_FAILED;
	if (set("OSPROFILER_ENABLED", "true") != CLI_OK ||
		set("OSPROFILER_HMAC_KEYS", env->key) != CLI_OK ||
		set("OSPROFILER_TRACE_INFO", env->headers->trace_info) != CLI_OK ||
		set("OSPROFILER_TRACE_HMAC", env->headers->trace_hmac) != CLI_OK ||
		set("OSPROFILER_RUN_DIR", env->run_directory) != CLI_OK)
		return CLI_FAILED;

	if (env->propagate_prepared && add_prepared(env->propagate) != CLI_OK)
		return CLI_FAILED;

	/* One program's trace is wanted whole: it rather waits a moment. */
	if (!env->on_full_given)
		return set("OSPROFILER_ON_FULL", "wait");
	return CLI_OK;
}
