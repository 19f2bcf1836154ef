/* SPDX-License-Identifier: Apache-2.0
 *
 * run_env.c
 *	  The environment of a traced command.
 *
 * LD_LIBRARY_PATH brings in the hooks of libpq: a libpq.so.5 that is found
 * before the real one. OSPROFILER_LIBPQ names the real one, which is the
 * library that the dynamic loader finds now and the command would use untraced.
 * LD_PRELOAD brings in the hooks of SQLite. Both variables are inherited, so
 * programs that the command forks or executes are traced as well.
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
#include "run/hook_path.h"

/* The variables before run_env_set; NULL: it was not called yet. */
static char **original;

/*
 * Saves pointers to the variables. They stay valid, since setenv never frees a
 * text that it did not make.
 */
static osp_status
save_environment(osp_error *err)
{
	size_t count = 0;

	while (environ[count] != NULL)
		count++;
	original =
		osp_alloc(&osp_allocator_default, (count + 1) * sizeof(original[0]));
	if (original == NULL)
		return osp_error_set(err, OSP_ENOMEM, "out of memory");
	memcpy(original, environ, (count + 1) * sizeof(original[0]));
	return OSP_OK;
}

void
run_env_restore(void)
{
	if (original != NULL)
		environ = original;
}

/* Refuses a path with a character that the dynamic loader takes for its end. */
static osp_status
check_path(const char *path, osp_error *err)
{
	return !run_hook_has_space(path)
			   ? OSP_OK
			   : osp_error_set(err,
							   OSP_EINVAL,
							   "the dynamic loader cannot find hooks in a path "
							   "with a space, a colon or a semicolon: %s",
							   path);
}

static osp_status
set(const char *name, const char *value, osp_error *err)
{
	return setenv(name, value, 1) == 0 ? OSP_OK
									   : osp_error_set(err,
													   OSP_ENOMEM,
													   "cannot set %s: %s",
													   name,
													   strerror(errno));
}

/* Puts a path before the value of a variable. */
static osp_status
prepend(const char *name, const char *path, osp_error *err)
{
	const char *old = getenv(name);
	osp_buf value;
	osp_status status;

	if (old == NULL || old[0] == '\0')
		return set(name, path, err);
	osp_buf_init(&value, &osp_allocator_default, 1024 * 1024);
	osp_buf_addf(&value, "%s:%s", path, old);
	status = osp_buf_status(&value) == OSP_OK
				 ? set(name, value.ptr, err)
				 : osp_error_set(err, OSP_EFULL, "%s is too long", name);
	osp_buf_term(&value);
	return status;
}

/*
 * Sets OSPROFILER_LIBPQ to the libpq that programs load now. Below another
 * `osprofiler run` that is our stand-in, and the variable is set already.
 */
static osp_status
name_real_libpq(const char *shadow, osp_error *err)
{
	void *libpq = dlopen("libpq.so.5", RTLD_LAZY | RTLD_LOCAL);
	char real[PATH_MAX];
	struct link_map *map;
	osp_status status = OSP_OK;

	if (libpq == NULL)
		return OSP_OK;
	if (dlsym(libpq, "osprofiler_shadow") == NULL &&
		dlinfo(libpq, RTLD_DI_LINKMAP, &map) == 0 &&
		realpath(map->l_name, real) != NULL && strcmp(real, shadow) != 0)
		status = set("OSPROFILER_LIBPQ", real, err);
	(void) dlclose(libpq);
	return status;
}

/* Adds the hooks of libpq, which an installation without PostgreSQL does not have. */
static osp_status
add_libpq_hooks(osp_error *err)
{
	char path[PATH_MAX];
	char shadow[PATH_MAX];
	osp_status status;

	if (!run_hook_find(RUN_SHADOW_FILE, path) || realpath(path, shadow) == NULL)
		return run_hook_find(RUN_SQLITE_FILE, path)
				   ? OSP_OK
				   : osp_error_set(err,
								   OSP_ENOENT,
								   "the hooks of libpq and SQLite (%s, %s) are "
								   "not installed; OSPROFILER_HOOK_PATH says "
								   "where to look",
								   RUN_SHADOW_FILE,
								   RUN_SQLITE_FILE);
	status = check_path(shadow, err);
	if (status == OSP_OK)
		status = name_real_libpq(shadow, err);
	if (status != OSP_OK)
		return status;
	*strrchr(shadow, '/') = '\0';
	return prepend("LD_LIBRARY_PATH", shadow, err);
}

/* Adds the hooks of SQLite, which an installation without SQLite does not have. */
static osp_status
add_sqlite_hooks(osp_error *err)
{
	char path[PATH_MAX];
	osp_status status;

	if (!run_hook_find(RUN_SQLITE_FILE, path))
		return OSP_OK;
	status = check_path(path, err);
	return status == OSP_OK ? prepend("LD_PRELOAD", path, err) : status;
}

/* Adds prepared statements to the ways in which servers get the context. */
static osp_status
add_prepared(const char *propagate, osp_error *err)
{
	char value[1024];
	int n = snprintf(value,
					 sizeof(value),
					 "%s,prepared",
					 propagate[0] != '\0' ? propagate : "comment,startup");

	if (n < 0 || n >= (int) sizeof(value))
		return osp_error_set(
			err, OSP_EFULL, "OSPROFILER_PROPAGATE is too long");
	return set("OSPROFILER_PROPAGATE", value, err);
}

static osp_status
set_variables(const run_env *env, osp_error *err)
{
	const char *const variables[][2] = {
		{"OSPROFILER_ENABLED", "true"},
		{"OSPROFILER_HMAC_KEYS", env->key},
		{"OSPROFILER_HMAC_KEYS_FILE", env->key == NULL ? env->keys_file : NULL},
		{"OSPROFILER_TRACE_INFO", env->headers->trace_info},
		{"OSPROFILER_TRACE_HMAC", env->headers->trace_hmac},
		{"OSPROFILER_RUN_DIR", env->run_directory},

		/*
		 * A program that was started in order to be traced should rather wait a
		 * moment than lose a part of its trace.
		 */
		{"OSPROFILER_ON_FULL", env->on_full_given ? NULL : "wait"},
	};
	osp_status status = OSP_OK;
	size_t i;

	for (i = 0;
		 status == OSP_OK && i < sizeof(variables) / sizeof(variables[0]);
		 i++)
		if (variables[i][1] != NULL)
			status = set(variables[i][0], variables[i][1], err);
	return status;
}

osp_status
run_env_set(const run_env *env, osp_error *err)
{
	osp_status status = save_environment(err);

	if (status == OSP_OK)
		status = add_libpq_hooks(err);
	if (status == OSP_OK)
		status = add_sqlite_hooks(err);
	if (status == OSP_OK)
		status = set_variables(env, err);
	if (status == OSP_OK && env->propagate_prepared)
		status = add_prepared(env->propagate, err);
	return status;
}
