/* SPDX-License-Identifier: Apache-2.0
 *
 * check_collector.c
 *	  Is the collector one that a driver understands?
 */
#include "doctor/doctor.h"

#include <stdlib.h>

#include "collector_advice.h"

#define TIMEOUT_MS 5000

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

static osp_status
open_collector(doctor *d, osp_error *err)
{
	osp_driver_options options;
	osp_status status;

	memset(&options, 0, sizeof(options));
	options.struct_size = sizeof(options);
	options.alc = &osp_allocator_default;
	options.connection_string = osp_str_of(d->config.connection_string);
	options.timeout_ms = TIMEOUT_MS;
	options.deadline_ms = 2 * TIMEOUT_MS;
	status = d->driver->open(&options, &d->collector, err);
	if (status != OSP_OK)
		d->collector = NULL;
	return status;
}

void
check_collector(doctor *d, doctor_result *r)
{
	osp_error err = {OSP_OK, ""};
	char advice[CLI_ADVICE_MAX];
	osp_status status = find_collector(d, &err);

	if (status == OSP_OK)
		status = open_collector(d, &err);
	if (status == OSP_OK)
	{
		doctor_good(r, "%s", d->collector_shown);
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
	doctor_advise(r,
				  "%s%s",
				  strstr(err.msg, "its package is ") != NULL
					  ? "install that package, or "
					  : "",
				  examples);
	if (d->connection_string == NULL &&
		getenv("OSPROFILER_CONNECTION_STRING") != NULL)
		doctor_mend(r, "unset OSPROFILER_CONNECTION_STRING");
}
