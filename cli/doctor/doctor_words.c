/* SPDX-License-Identifier: Apache-2.0
 *
 * doctor_words.c
 *	  Fills in the result of a check.
 */
#include "doctor/doctor.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "home_directory.h"
#include "shell_text.h"
#include "writable_path.h"

#define TEXT_MAX 4096

static void
add_text(osp_buf *out, const char *fmt, va_list args)
{
	char text[TEXT_MAX];

	(void) vsnprintf(text, sizeof(text), fmt, args);
	osp_buf_add_str(out, osp_str_of(text));
}

#define FILL(buffer)                   \
	do                                 \
	{                                  \
		va_list args;                  \
                                       \
		va_start(args, fmt);           \
		add_text((buffer), fmt, args); \
		va_end(args);                  \
	}                                  \
	while (0)

void
doctor_good(doctor_result *r, const char *fmt, ...)
{
	r->verdict = DOCTOR_GOOD;
	FILL(&r->found);
}

void
doctor_wrong(doctor_result *r, const char *fmt, ...)
{
	r->verdict = DOCTOR_WRONG;
	FILL(&r->found);
}

void
doctor_skip(doctor_result *r, const char *fmt, ...)
{
	r->verdict = DOCTOR_NOT_TRIED;
	FILL(&r->found);
}

/* Appends to the sentence on what was found; the verdict stays the same. */
void
doctor_add_found(doctor_result *r, const char *fmt, ...)
{
	FILL(&r->found);
}

void
doctor_advise(doctor_result *r, const char *fmt, ...)
{
	FILL(&r->advice);
}

void
doctor_mend(doctor_result *r, const char *fmt, ...)
{
	FILL(&r->mend);
}

void
doctor_mend_word(doctor_result *r, const char *word)
{
	cli_add_quoted(&r->mend, osp_str_of(word));
}

void
doctor_mend_path(doctor_result *r, const char *path)
{
	char absolute[PATH_MAX];

	doctor_mend_word(r, realpath(path, absolute) != NULL ? absolute : path);
}

bool
doctor_own_path(char path[PATH_MAX])
{
	ssize_t len = readlink("/proc/self/exe", path, PATH_MAX - 1);

	path[len > 0 ? len : 0] = '\0';
	return len > 0;
}

/*
 * Finds the system user of a server on this machine, if neither this process
 * nor the role of its connection has all rights there.
 */
static bool
find_owner(const doctor *d, uid_t *uid, char *owner, size_t size)
{
	return !cli_server_is_superuser(d->server) &&
		   cli_server_owner(d->server, uid, owner, size) && *uid != geteuid();
}

const char *
doctor_user_name(char name[CLI_USER_NAME_MAX])
{
	cli_user user;

	if (cli_user_numbered(geteuid(), &user))
		memcpy(name, user.name, sizeof(user.name));
	else
		(void) snprintf(
			name, CLI_USER_NAME_MAX, "%lu", (unsigned long) geteuid());
	return name;
}

/* Will this process execute the command line itself? */
static bool
is_executed(const doctor *d, const doctor_result *r)
{
	return d->fix && !r->is_left;
}

/*
 * If there is no sudo, so that only root can become another user, the command
 * line is for root.
 */
void
doctor_mend_as(const doctor *d, doctor_result *r, uid_t uid)
{
	uid_t typist = is_executed(d, r) ? geteuid() : cli_typist();
	char words[CLI_AS_USER_MAX];

	if (cli_may_act_as_others() && is_executed(d, r))
		typist = 0;
	if (typist != 0 && typist != uid && !cli_has_sudo())
	{
		r->is_left = true;
		doctor_advise(r, "%sas root:", r->advice.len > 0 ? " " : "");
		typist = 0;
	}
	cli_as_user_words(typist, uid, words);
	doctor_mend(r, "%s", words);
}

void
doctor_mend_as_root(doctor_result *r)
{
	char words[CLI_AS_USER_MAX];

	cli_as_user_words(cli_has_sudo() ? cli_typist() : 0, 0, words);
	doctor_mend(r, "%s", words);
}

void
doctor_mend_as_root_or(const doctor *d, doctor_result *r, uid_t uid)
{
	if ((is_executed(d, r) ? geteuid() : cli_typist()) != uid)
		doctor_mend_as(d, r, 0);
}

void
doctor_add_psql(const doctor *d, doctor_result *r)
{
	const cli_user *login = cli_server_login(d->server);

	if (login != NULL)
		doctor_mend_as(d, r, login->uid);
	else if (d->unfix && r->is_left)
		doctor_mend_as(d, r, geteuid());
	cli_server_add_psql(d->server, &r->mend);
}

void
doctor_add_superuser_psql(const doctor *d, doctor_result *r)
{
	char owner[256];
	uid_t uid;

	if (find_owner(d, &uid, owner, sizeof(owner)))
	{
		doctor_mend_as(d, r, uid);
		cli_server_add_psql(d->server, &r->mend);
	}
	else
		doctor_add_psql(d, r);
}

bool
doctor_mend_home(doctor_result *r, const char *path, const char *variable,
				 const char *other)
{
	char home[PATH_MAX];
	char name[CLI_USER_NAME_MAX];

	if (!cli_home_is_missing(path, home))
		return false;
	r->is_roots = true;
	r->is_left = !cli_may_act_as_others();
	doctor_user_name(name);
	doctor_advise(r,
				  "%s, the home directory of the user %s, does not exist: ",
				  home,
				  name);
	if (r->is_left && cli_has_sudo())
		doctor_mend(r, "sudo ");
	if (cli_home_add_command(&r->mend, home))
		doctor_advise(r, "make it, as root; or ");
	else
		osp_buf_reset(&r->mend);
	doctor_advise(r,
				  "name a place that this user may write to, in the "
				  "environment of the service and of this command, such as "
				  "%s=%s/var/lib/%s/%s",
				  variable,
				  other[0] == 't' ? "sqlite:///" : "",
				  name,
				  other);
	return true;
}

void
doctor_mend_owner(doctor_result *r, const char *path)
{
	char name[CLI_USER_NAME_MAX];

	r->is_roots = true;
	r->is_left = true;
	doctor_user_name(name);
	doctor_advise(r, "%s has to belong to the user %s; as root:", path, name);
	doctor_mend_as_root(r);
	doctor_mend(r, "chown -hR %s: ", name);
	doctor_mend_word(r, path);
}

bool
doctor_mend_foreign(doctor_result *r, const char *path)
{
	char part[PATH_MAX];

	if (!cli_foreign_part(path, part))
		return false;
	doctor_mend_owner(r, part);
	return true;
}

void
doctor_mend_role(const doctor *d, doctor_result *r, const char *load,
				 const char *alter)
{
	doctor_advise(r, "as a superuser:");
	doctor_add_superuser_psql(d, r);
	doctor_mend(r, " -c ");
	doctor_mend_word(r, load);
	doctor_mend(r, " -c ");
	doctor_mend_word(r, alter);
}

bool
doctor_keys_in_variable(void)
{
	const char *value = secure_getenv("OSPROFILER_HMAC_KEYS");

	return value != NULL && value[0] != '\0';
}

/*
 * Appends a command that prints the keys of the user's file, one a line, or
 * those in OSPROFILER_CONF.
 */
static void
print_keys(const doctor *d, doctor_result *r)
{
	const char *conf = secure_getenv("OSPROFILER_CONF");

	if (d->config.hmac_keys[0] == '\0')
	{
		if (d->for_user != NULL)
			doctor_mend_as(d, r, geteuid());
		doctor_mend(r, "grep -v '^[[:space:]]*#' ");
		doctor_mend_path(r, d->config.hmac_keys_file);
		return;
	}
	doctor_mend(r, "sed -n 's/^hmac_keys[[:space:]]*[=:][[:space:]]*//p' ");
	doctor_mend_path(r, conf != NULL ? conf : "");
}

void
doctor_mend_keys(const doctor *d, doctor_result *r)
{
	if (doctor_keys_in_variable())
		doctor_mend(r, "printenv OSPROFILER_HMAC_KEYS");
	else
		print_keys(d, r);
}

/*
 * The keys are passed in the environment, since others can see the arguments of
 * a command. If d->keys is NULL, there are no keys, and perhaps not even
 * readable settings.
 */
bool
doctor_mend_as_owner(const doctor *d, doctor_result *r)
{
	bool by_sudo = !cli_may_act_as_others() && cli_has_sudo();
	char owner[256];
	char own[PATH_MAX];
	uid_t uid;

	if (!find_owner(d, &uid, owner, sizeof(owner)) || !doctor_own_path(own))
		return false;
	r->is_nested = true;
	if (!by_sudo && !cli_may_act_as_others())
	{
		r->is_left = true;
		doctor_advise(r, "as root, for ");
	}
	else
		doctor_advise(r, "as ");
	doctor_advise(r, "the server's user, who is a superuser there:");
	if (d->keys != NULL && !doctor_keys_in_variable())
	{
		doctor_mend(r, "OSPROFILER_HMAC_KEYS=$(");
		print_keys(d, r);
		doctor_mend(r, " | paste -sd, -) ");
	}
	if (by_sudo)
		doctor_mend(r,
					"sudo %s-u ",
					d->unfix ? "" : "--preserve-env=OSPROFILER_HMAC_KEYS ");
	else
		doctor_mend(r, "runuser -u ");
	doctor_mend_word(r, owner);
	doctor_mend(r, by_sudo ? " " : " -- ");
	doctor_mend_word(r, own);
	doctor_mend(r, " doctor %s ", d->unfix ? "--unfix" : "--fix");
	if (!d->unfix && d->keys != NULL)
		doctor_mend(r, "--add-key ");
	if (!d->unfix && doctor_moves_collector(d) &&
		d->config.connection_string != NULL &&
		strcmp(d->config.connection_string, d->collector_shown) == 0)
	{
		doctor_mend(r, "--connection-string ");
		doctor_mend_word(r, d->config.connection_string);
		doctor_mend(r, " ");
	}
	cli_server_add_place(d->server, &r->mend);
	return true;
}

void
doctor_mend_sql(const doctor *d, doctor_result *r, ...)
{
	const char *statement;
	va_list args;

	if (doctor_mend_as_owner(d, r))
		return;
	doctor_advise(r, "as a superuser:");
	doctor_add_psql(d, r);
	va_start(args, r);
	while ((statement = va_arg(args, const char *)) != NULL)
	{
		osp_buf_add_str(&r->mend, OSP_STR(" -c "));
		cli_add_quoted(&r->mend, osp_str_of(statement));
	}
	va_end(args);
}

void
doctor_advise_installing(const doctor *d, doctor_result *r)
{
	cli_answer *answer = NULL;
	const char *major = "NN";

	if (cli_server_ask(d->server,
					   "SELECT pg_catalog.current_setting("
					   "'server_version_num')::int / 10000",
					   0,
					   NULL,
					   &answer,
					   NULL) == OSP_OK)
		major = cli_answer_value(answer, 0, 0);
	doctor_advise(r,
				  "install it there: the package postgresql-%s-osprofiler, or "
				  "'make install' with PG_CONFIG=PATH of this server's "
				  "pg_config",
				  major);
	cli_answer_free(answer);
}
