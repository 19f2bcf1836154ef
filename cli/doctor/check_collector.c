/* SPDX-License-Identifier: Apache-2.0
 *
 * check_collector.c
 *	  Does a driver understand the connection string of the collector?
 */
#include "doctor/doctor.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "collector_advice.h"
#include "program_path.h"
#include "service_file.h"

#define TIMEOUT_MS 5000

/* How the names of Debian's packages of drivers begin. */
#define PACKAGE_PREFIX "osprofiler-driver-"

static const char examples[] =
	"name one in OSPROFILER_CONNECTION_STRING (connection_string), such as "
	"redis://localhost, sqlite:////path/of/traces.db, "
	"postgresql://user@host/database, or none: then it is a database in your "
	"home directory";

static osp_status
find_collector(doctor *d, osp_error *err)
{
	osp_status status = osp_config_set_collector(
		&d->config, d->connection_string, d->transport_url, err);

	if (status == OSP_OK)
		status = osp_config_need_connection(&d->config, err);
	if (status != OSP_OK)
		return status;
	osp_connection_string_redact(osp_str_of(d->config.connection_string),
								 d->collector_shown,
								 sizeof(d->collector_shown));
	return osp_driver_find(
		osp_str_of(d->config.connection_string), &d->driver, err);
}

/*
 * Appends the connection string for the test. With RabbitMQ the test uses
 * temporary queues: a queue stays durable or not as it was declared first, even
 * if the connection string changes later.
 */
static void
add_connection_string(doctor *d, osp_buf *text)
{
	const char *uri = d->config.connection_string;

	if (doctor_needs_own_store(d))
	{
		osp_buf_addf(text, "sqlite:///%s", d->own_store);
		return;
	}
	osp_buf_addf(text, "%s", uri);
	if (strncmp(uri, "messaging", 9) == 0)
		osp_buf_addf(
			text, "%ctemporary=1", strchr(uri, '?') != NULL ? '&' : '?');
}

static osp_status
open_collector(doctor *d, osp_error *err)
{
	osp_driver_options options;
	osp_status status;
	osp_buf uri;

	osp_buf_init(
		&uri, &osp_allocator_default, strlen(d->config.connection_string) + 64);
	add_connection_string(d, &uri);
	if (osp_buf_status(&uri) != OSP_OK)
		return osp_error_set(err, OSP_ENOMEM, "out of memory");
	memset(&options, 0, sizeof(options));
	options.struct_size = sizeof(options);
	options.alc = &osp_allocator_default;
	options.connection_string = osp_buf_str(&uri);
	options.timeout_ms = TIMEOUT_MS;
	options.deadline_ms = 2 * TIMEOUT_MS;
	status = d->driver->open(&options, &d->collector, err);
	osp_buf_term(&uri);
	if (status != OSP_OK)
		d->collector = NULL;
	return status;
}

/* Finds the package of a driver that a message names; empty: it names none. */
static osp_str
package_in(const char *message)
{
	const char *name = strstr(message, PACKAGE_PREFIX);

	return name != NULL ? osp_str_n(name, strcspn(name, "; ")) : OSP_STR("");
}

/*
 * Is the package in an archive of this host? Yes, if apt cannot be asked.
 * `apt-cache show` would also succeed for a name that another package only
 * suggests; `madison` lists only packages that archives have.
 */
static bool
is_in_archive(osp_str package)
{
	char command[128];
	char path[PATH_MAX];

	if (!cli_program_find("apt-cache", path) || package.len > 60 ||
		package.len !=
			strspn(package.ptr, "abcdefghijklmnopqrstuvwxyz0123456789-"))
		return true;
	(void) snprintf(command,
					sizeof(command),
					"apt-cache madison %.*s 2>/dev/null | grep -q .",
					(int) package.len,
					package.ptr);
	return system(command) == 0;
}

/* Proposes to install the package. The user does that, never this process. */
static void
mend_by_package(doctor_result *r, osp_str package)
{
	bool archived = is_in_archive(package);

	r->is_roots = true;
	r->is_left = true;
	if (!archived)
		doctor_advise(r,
					  "; no archive of this host has the package, which is "
					  "built with the others: in their directory");
	doctor_mend(r,
				"%s%s%.*s%s",
				!cli_may_act_as_others() && cli_has_sudo() ? "sudo " : "",
				archived ? "apt install " : "apt-get install ./",
				(int) package.len,
				package.ptr,
				archived ? "" : "_*.deb");
}

/*
 * Notes that OSProfiler in Python has another default collector, and would
 * write elsewhere.
 */
static void
note_default(const doctor *d, doctor_result *r)
{
	const char *variable = getenv("OSPROFILER_CONNECTION_STRING");
	cli_service_file service;

	cli_service_file_read(&service);
	if (service.is_enabled && !service.has_collector &&
		!service.has_keys_file && d->connection_string == NULL &&
		(variable == NULL || variable[0] == '\0'))
		doctor_advise(r,
					  "note that %s has enabled = true and no "
					  "connection_string: a Python service takes messaging:// "
					  "then, and not this collector",
					  service.path);
}

void
check_collector(doctor *d, doctor_result *r)
{
	osp_error err = {OSP_OK, ""};
	char advice[CLI_ADVICE_MAX];
	osp_str package;
	osp_status status = find_collector(d, &err);

	if (status == OSP_OK)
		status = open_collector(d, &err);
	if (status == OSP_OK)
	{
		doctor_good(r, "%s", d->collector_shown);
		note_default(d, r);
		return;
	}
	doctor_wrong(r,
				 "%s%s%s%s",
				 d->collector_shown,
				 d->collector_shown[0] != '\0' ? ": " : "",
				 err.msg,
				 status == OSP_ENOENT && d->driver == NULL
					 ? cli_scheme_advice(d->config.connection_string, advice)
					 : "");
	package = package_in(err.msg);
	doctor_advise(r,
				  "%s%s",
				  package.len > 0 ? "install that package, or " : "",
				  examples);
	if (package.len > 0)
		mend_by_package(r, package);
	else if (d->connection_string == NULL &&
			 getenv("OSPROFILER_CONNECTION_STRING") != NULL)
		doctor_mend(r, "unset OSPROFILER_CONNECTION_STRING");
}
