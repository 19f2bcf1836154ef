/* SPDX-License-Identifier: Apache-2.0
 *
 * undo.h
 *	  The steps of `osprofiler doctor --unfix`: each looks for a trace of --fix in a
 *	  server, and its command takes that back.
 *
 * First nothing may load the library any more, then the rest is taken back, so that
 * nobody is locked out wherever this ends. What --fix did not set is left, and the
 * command that takes it back is printed.
 */
#ifndef OSPROFILER_CLI_UNDO_H
#define OSPROFILER_CLI_UNDO_H

#include "doctor/doctor.h"

/* --- undo_preload.c: what makes sessions load the library --- */

void undo_preload(doctor *d, doctor_result *r);
void undo_elsewhere(doctor *d, doctor_result *r);
void undo_new_session(doctor *d, doctor_result *r);

/* --- undo_objects.c: the extension, the module's settings, and what stays --- */

void undo_extension(doctor *d, doctor_result *r);
void undo_other_databases(doctor *d, doctor_result *r);
void undo_settings(doctor *d, doctor_result *r);
void undo_rest(doctor *d, doctor_result *r);

/* --- undo_processes.c: processes that have the library --- */

void undo_open_sessions(doctor *d, doctor_result *r);
void undo_shipper(doctor *d, doctor_result *r);

/* The answer to a statement, owned; NULL after the result says why. */
cli_answer *undo_ask(doctor *d, doctor_result *r,
					 const char *sql) OSP_MUST_CHECK;

/* Of settings that a file has more than once, the last one counts. */
#define UNDO_FILE_SETTINGS                                           \
	"(SELECT DISTINCT ON (name) * FROM pg_catalog.pg_file_settings " \
	"ORDER BY name, seqno DESC)"
#define UNDO_IS_AUTO "sourcefile ~ '/postgresql[.]auto[.]conf$'"

#endif /* OSPROFILER_CLI_UNDO_H */
