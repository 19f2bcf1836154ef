/* SPDX-License-Identifier: Apache-2.0
 *
 * other_key.c
 *	  Advice for two sides that have different keys: where each key comes from,
 *	  and which one to use.
 *
 * A key that was typed into a variable or a settings file may be mistyped. So a
 * file whose key the server knows is preferred; without one a person has to
 * choose.
 */
#include "doctor/doctor.h"

#include <stdlib.h>

#include "service_file.h"

#define VARIABLE "OSPROFILER_HMAC_KEYS"

static const char question_place[] =
	"SELECT CASE WHEN f = '' THEN 'osprofiler.hmac_keys' WHEN f ~ '^/' THEN f "
	"ELSE pg_catalog.current_setting('data_directory') || '/' || f END FROM "
	"pg_catalog.current_setting('osprofiler.hmac_keys_file') f";

static const char *
own_place(const doctor *d)
{
	if (doctor_keys_in_variable())
		return VARIABLE;
	return d->config.hmac_keys[0] != '\0' ? "hmac_keys of OSPROFILER_CONF"
										  : d->config.hmac_keys_file;
}

/* Does the server accept a context that the first key of this file signs? */
static bool
is_known(doctor *d, const char *path)
{
	cli_answer *answer = NULL;
	osp_keyring *keys = NULL;
	bool known = false;

	if (osp_keyring_new(&osp_allocator_default, OSP_STR(""), &keys, NULL) ==
			OSP_OK &&
		osp_keyring_add_file(keys, path, NULL) == OSP_OK &&
		osp_keyring_count(keys) > 0 &&
		doctor_ask_context(d, keys, &answer, NULL) == OSP_OK)
		known = strcmp(cli_answer_value(answer, 0, 0), "accepted") == 0;
	cli_answer_free(answer);
	osp_keyring_free(keys);
	return known;
}

/* Finds the file whose key would be used if no key were set as text. */
static bool
find_file(doctor *d, char path[PATH_MAX])
{
	const char *given = d->config.hmac_keys_file;

	if (given[0] == '\0')
		return osp_config_default_keys_file(path, PATH_MAX, NULL) == OSP_OK;
	if (strlen(given) >= PATH_MAX)
		return false;
	memcpy(path, given, strlen(given) + 1);
	return true;
}

void
doctor_describe_keys(doctor *d, doctor_result *r)
{
	cli_answer *answer = NULL;
	const char *there = "a setting that this user may not see";

	if (cli_server_ask(d->server, question_place, 0, NULL, &answer, NULL) ==
		OSP_OK)
		there = cli_answer_value(answer, 0, 0);
	doctor_wrong(r,
				 "the two sides have different keys: here from %s, there "
				 "from %s; ",
				 own_place(d),
				 there);
	cli_answer_free(answer);
}

bool
doctor_choose_key(doctor *d, doctor_result *r)
{
	cli_service_file service;
	char path[PATH_MAX];

	/*
	 * sudo passes OSPROFILER_HMAC_KEYS on only if it was told to, so the user has
	 * chosen that key.
	 */
	if (d->config.hmac_keys[0] == '\0' || d->add_key ||
		secure_getenv("SUDO_UID") != NULL)
		return false;
	if (!find_file(d, path) || !is_known(d, path))
	{
		r->is_left = true;
		doctor_advise(r,
					  "which one is right? It may be mistyped. --fix --add-key "
					  "gives it to the server. ");
		return false;
	}
	cli_service_file_read(&service);
	doctor_advise(r, "the server knows the key in %s: take that, by ", path);
	if (doctor_keys_in_variable())
		doctor_advise(r, "leaving " VARIABLE " out");
	if (service.has_keys)
		doctor_advise(r,
					  "%swriting it into the line hmac_keys of %s (a Python "
					  "service reads no other file; without the line it takes "
					  "the public key SECRET_KEY) and restarting the service",
					  doctor_keys_in_variable() ? " and " : "",
					  service.path);
	doctor_advise(r, "; or give the server this key, too: --fix --add-key");
	if (doctor_keys_in_variable())
		doctor_mend(r, "unset " VARIABLE);
	return true;
}
