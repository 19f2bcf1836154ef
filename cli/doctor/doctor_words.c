/* SPDX-License-Identifier: Apache-2.0
 *
 * doctor_words.c
 *	  Filling the result of a check.
 */
#include "doctor/doctor.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "shell_text.h"

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

bool
doctor_own_path(char path[PATH_MAX])
{
	ssize_t len = readlink("/proc/self/exe", path, PATH_MAX - 1);

	path[len > 0 ? len : 0] = '\0';
	return len > 0;
}

/* The user as whom a server on this machine runs, if neither this process nor its
 * connection may do everything there. */
static bool
find_owner(const doctor *d, char *owner, size_t size)
{
	uid_t uid;

	return !cli_server_is_superuser(d->server) &&
		   cli_server_owner(d->server, &uid, owner, size) && uid != geteuid();
}

void
doctor_mend_role(const doctor *d, doctor_result *r, const char *load,
				 const char *alter)
{
	char owner[256];

	doctor_advise(r, "as a superuser:");
	if (find_owner(d, owner, sizeof(owner)))
	{
		doctor_mend(r, "sudo -u ");
		doctor_mend_word(r, owner);
		doctor_mend(r, " ");
	}
	cli_server_add_psql(d->server, &r->mend);
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

/* Appends what prints the keys of a file, one a line, or of OSPROFILER_CONF. */
static void
mend_keys(const doctor *d, doctor_result *r)
{
	const char *conf = secure_getenv("OSPROFILER_CONF");

	if (d->config.hmac_keys[0] == '\0')
	{
		doctor_mend(r, "grep -v '^[[:space:]]*#' ");
		doctor_mend_word(r, d->config.hmac_keys_file);
		return;
	}
	doctor_mend(r, "sed -n 's/^hmac_keys[[:space:]]*[=:][[:space:]]*//p' ");
	doctor_mend_word(r, conf != NULL ? conf : "");
}

void
doctor_mend_keys(const doctor *d, doctor_result *r)
{
	if (doctor_keys_in_variable())
		doctor_mend(r, "printenv OSPROFILER_HMAC_KEYS");
	else
		mend_keys(d, r);
}

/* Keys travel in the environment, for others see the words of a command. Without
 * d->keys there are none, and perhaps no settings that could be read. */
bool
doctor_mend_as_owner(const doctor *d, doctor_result *r)
{
	char owner[256];
	char own[PATH_MAX];

	if (!find_owner(d, owner, sizeof(owner)) || !doctor_own_path(own))
		return false;
	doctor_advise(r, "as the server's user, who is a superuser there:");
	if (d->keys != NULL && !doctor_keys_in_variable())
	{
		doctor_mend(r, "OSPROFILER_HMAC_KEYS=$(");
		mend_keys(d, r);
		doctor_mend(r, " | paste -sd, -) ");
	}
	doctor_mend(r,
				"sudo %s-u ",
				d->unfix ? "" : "--preserve-env=OSPROFILER_HMAC_KEYS ");
	doctor_mend_word(r, owner);
	doctor_mend(r, " ");
	doctor_mend_word(r, own);
	doctor_mend(r, " doctor %s ", d->unfix ? "--unfix" : "--fix");
	if (!d->unfix && d->connection_string != NULL &&
		strcmp(d->connection_string, d->collector_shown) == 0)
	{
		doctor_mend(r, "--connection-string ");
		doctor_mend_word(r, d->connection_string);
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
	cli_server_add_psql(d->server, &r->mend);
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
