/* SPDX-License-Identifier: Apache-2.0
 *
 * undo.h
 *	  The steps of `osprofiler doctor --unfix`: each step looks for something
 *	  that --fix has left in a server, and its command takes that back.
 *
 * The first steps stop sessions from loading the library; the others take back
 * the rest. So nobody is locked out, whichever step fails. Settings that --fix
 * did not make are left alone; the command that takes them back is printed.
 */
#ifndef OSPROFILER_CLI_UNDO_H
#define OSPROFILER_CLI_UNDO_H

#include "doctor/doctor.h"

/* --- undo_preload.c: settings that make sessions load the library --- */

void undo_preload(doctor *d, doctor_result *r);
void undo_elsewhere(doctor *d, doctor_result *r);
void undo_new_session(doctor *d, doctor_result *r);

/* --- undo_objects.c: the extension, the module's settings, and the rest --- */

void undo_extension(doctor *d, doctor_result *r);
void undo_other_databases(doctor *d, doctor_result *r);
void undo_settings(doctor *d, doctor_result *r);
void undo_rest(doctor *d, doctor_result *r);

/* --- undo_processes.c: processes that have the library --- */

void undo_open_sessions(doctor *d, doctor_result *r);
void undo_shipper(doctor *d, doctor_result *r);

/*
 * Executes a statement, and returns its answer, owned. After a failure returns
 * NULL, and the result has the reason.
 */
cli_answer *undo_ask(doctor *d, doctor_result *r,
					 const char *sql) OSP_MUST_CHECK;

/*
 * The settings of all files. If a setting is there more than once, the last one
 * counts.
 */
#define UNDO_FILE_SETTINGS                                           \
	"(SELECT DISTINCT ON (name) * FROM pg_catalog.pg_file_settings " \
	"ORDER BY name, seqno DESC)"
#define UNDO_IS_AUTO "sourcefile ~ '/postgresql[.]auto[.]conf$'"

#endif /* OSPROFILER_CLI_UNDO_H */
