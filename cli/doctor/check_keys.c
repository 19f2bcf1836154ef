/* SPDX-License-Identifier: Apache-2.0
 *
 * check_keys.c
 *	  Is there a key that signs contexts, in a file that only its owner can read?
 */
#include "doctor/doctor.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "service_file.h"
#include "writable_path.h"

/* A shell command that prints a new key. */
#define NEW_KEY "od -An -N16 -tx1 /dev/urandom | tr -d ' '"

static void
mend_mode_as_root(doctor_result *r, const char *path)
{
	doctor_mend(r, " && ");
	doctor_mend_as_root(r);
	doctor_mend(r, "chmod 600 ");
	doctor_mend_path(r, path);
}

static void
report_file(doctor_result *r, const char *path, const osp_error *err)
{
	struct stat st;
	bool is_right = err->code == OSP_EPERM;
	bool is_seen = stat(path, &st) == 0;

	doctor_wrong(r, "%s", err->msg);
	if (is_right && doctor_mend_foreign(r, path))
		mend_mode_as_root(r, path);
	else if (is_right && is_seen && st.st_uid != geteuid())
	{
		doctor_mend_owner(r, path);
		mend_mode_as_root(r, path);
	}
	else if (is_right && is_seen && (st.st_mode & 077) != 0)
	{
		doctor_mend(r, "chmod 600 ");
		doctor_mend_path(r, path);
	}
	else
		doctor_advise(r,
					  "correct OSPROFILER_HMAC_KEYS_FILE (hmac_keys_file), or "
					  "the file");
}

/* Proposes to make a file of keys where this command looks for one. */
static void
mend_none(doctor_result *r)
{
	char path[OSP_RUNDIR_PATH_MAX + 64];
	char directory[sizeof(path)];
	osp_error err;

	if (osp_config_default_keys_file(path, sizeof(path), &err) != OSP_OK)
	{
		doctor_advise(r, "%s", err.msg);
		return;
	}
	if (doctor_mend_home(r, path, "OSPROFILER_HMAC_KEYS_FILE", "hmac_keys"))
		return;
	if (!cli_writable_path(path))
	{
		doctor_advise(
			r,
			"no file can be made there: name one of your own (of a service, "
			"in its environment); a new one, for this shell alone:");
		doctor_mend(r,
					"export OSPROFILER_HMAC_KEYS_FILE=\"$(mktemp)\"; " NEW_KEY
					" >\"$OSPROFILER_HMAC_KEYS_FILE\"");
		return;
	}
	memcpy(directory, path, sizeof(path));
	*strrchr(directory, '/') = '\0';
	doctor_advise(r, "a new key, in a file that only you can read:");
	doctor_mend(r, "(umask 077; mkdir -p ");
	doctor_mend_word(r, directory);
	doctor_mend(r, "; " NEW_KEY " >");
	doctor_mend_word(r, path);
	doctor_mend(r, ")");
}

/*
 * Reports that there is no key. Without a server that is good: 'osprofiler run'
 * makes a key of its own.
 */
static void
report_none(doctor *d, doctor_result *r)
{
	if (d->config.hmac_keys_file[0] != '\0')
	{
		doctor_wrong(r, "there is no key in %s", d->config.hmac_keys_file);
		doctor_mend(r, NEW_KEY " >>");
		doctor_mend_path(r, d->config.hmac_keys_file);
		return;
	}
	if (d->conninfo == NULL && !d->fix)
	{
		doctor_good(r, "none; not needed without a server");
		return;
	}
	if (!d->fix && doctor_server_samples(d))
	{
		d->samples_only = true;
		doctor_good(r,
					"none; not needed for sampling (osprofiler.sample_rate), "
					"but for contexts that programs send");
		return;
	}
	doctor_wrong(r,
				 "there is no key, so nothing is traced but by "
				 "'osprofiler run', which makes one that no server knows");
	mend_none(r);
}

/*
 * Does a service read a configuration file that names no key? Then the service
 * does not use the key that this command finds in the user's own file of keys.
 */
static bool
lacks_key(const doctor *d, const cli_service_file *service)
{
	return service->path[0] != '\0' && service->is_enabled &&
		   !service->has_keys && !service->has_keys_file &&
		   d->config.hmac_keys[0] == '\0' &&
		   getenv("OSPROFILER_HMAC_KEYS_FILE") == NULL;
}

/*
 * Proposes to write the key, the first one of the user's file, into the
 * service's file. It travels in a pipe, since others can see it in the list of
 * processes otherwise.
 */
static void
report_lacking(doctor *d, doctor_result *r, const cli_service_file *service)
{
	struct stat st;
	bool is_open = stat(service->path, &st) == 0 && (st.st_mode & 07) != 0;

	doctor_wrong(r,
				 "%s has enabled = true and no hmac_keys: a Python service "
				 "does not read %s, but takes the public key SECRET_KEY, and "
				 "traces nothing that another key signed",
				 service->path,
				 d->config.hmac_keys_file);
	r->is_roots = true;
	r->is_left = true;
	doctor_advise(r,
				  "%swrite the key into the section [profiler] of that file, "
				  "then restart the service (a program of this project may "
				  "have hmac_keys_file = %s there instead):",
				  is_open ? "close it to others, so that the service's user "
							"has to own it or be in its group, and "
						  : "",
				  d->config.hmac_keys_file);
	if (is_open)
	{
		doctor_mend(r, "chmod o= ");
		doctor_mend_word(r, service->path);
		doctor_mend(r, " && ");
	}
	doctor_mend(r, "{ printf 'hmac_keys = '; ");
	if (d->for_user != NULL)
		doctor_mend_as(d, r, geteuid());
	doctor_mend(r, "grep -m 1 '^[[:space:]]*[^#[:space:]]' ");
	doctor_mend_path(r, d->config.hmac_keys_file);
	doctor_mend(r, "; } | sed -i '/^\\[profiler\\]/r /dev/stdin' ");
	doctor_mend_word(r, service->path);
}

static void
report_keys(const doctor *d, doctor_result *r)
{
	const char *file = d->config.hmac_keys_file;

	doctor_good(r,
				"%zu%s%s",
				osp_keyring_count(d->keys),
				file[0] != '\0' ? "; the file of keys is " : "",
				file);
}

void
check_keys(doctor *d, doctor_result *r)
{
	cli_service_file service;
	const char *file;
	osp_error err = {OSP_OK, ""};
	osp_status status = osp_config_need_keys(&d->config, &err);

	cli_service_file_read(&service);
	osp_keyring_free(d->keys);
	d->keys = NULL;
	file = d->config.hmac_keys_file;
	if (status == OSP_OK)
		status = osp_keyring_new(&osp_allocator_default,
								 osp_str_of(d->config.hmac_keys),
								 &d->keys,
								 &err);
	if (status == OSP_OK && file[0] != '\0')
		status = osp_keyring_add_file(d->keys, file, &err);
	if (status != OSP_OK)
	{
		err.code = status;
		report_file(r, file, &err);
	}
	else if (osp_keyring_count(d->keys) == 0)
		report_none(d, r);
	else if (!d->config.enabled)
	{
		doctor_wrong(r, "tracing is switched off: enabled is false");
		doctor_mend(r, "export OSPROFILER_ENABLED=true");
	}
	else if (lacks_key(d, &service))
		report_lacking(d, r, &service);
	else
		report_keys(d, r);
	if (d->ignores_key)
		doctor_add_found(r,
						 "; OSPROFILER_HMAC_KEYS of this environment is not "
						 "used with --for-user: the user's key is that of the "
						 "file in OSPROFILER_CONF or "
						 "OSPROFILER_HMAC_KEYS_FILE, else of the home "
						 "directory");
}
