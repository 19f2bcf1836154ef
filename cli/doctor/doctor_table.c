/* SPDX-License-Identifier: Apache-2.0
 *
 * doctor_table.c
 *	  The checks of `osprofiler doctor`, and the order in which they are made.
 *
 * A check is not tried unless all checks that it needs are good: its failure
 * would say nothing new.
 */
#include "doctor/doctor.h"

#include <unistd.h>

#include "shell_text.h"
#include "undo/undo.h"

#define NEEDS(step) (1U << STEP_##step)

static const doctor_check checks[STEP_COUNT] = {
	[STEP_CONFIGURATION] = {"configuration",
							"configuration",
							0,
							check_configuration},
	[STEP_NAMES] = {"names", "names of settings", 0, check_names},
	[STEP_RUN_DIRECTORY] = {"run_directory",
							"run directory",
							NEEDS(CONFIGURATION),
							check_run_directory},
	[STEP_KEYS] = {"keys", "keys", NEEDS(CONFIGURATION), check_keys},
	[STEP_HOOKS] = {"hooks", "hooks", 0, check_hooks},
	[STEP_AGENT] = {"agent", "agent", NEEDS(RUN_DIRECTORY), check_agent},
	[STEP_COLLECTOR] = {"collector",
						"collector",
						NEEDS(CONFIGURATION),
						check_collector},
	[STEP_STORE] = {"store", "store a trace", NEEDS(COLLECTOR), check_store},
	[STEP_READ_BACK] = {"read_back",
						"read it back",
						NEEDS(STORE),
						check_read_back},
	[STEP_SERVER] = {"server", "server", 0, check_server},
	[STEP_MODULE] = {"module", "module", NEEDS(SERVER), check_module},
	[STEP_EXTENSION] = {"extension",
						"extension",
						NEEDS(SERVER),
						check_extension},
	[STEP_SAMPLING] = {"sampling", "sampling", NEEDS(MODULE), check_sampling},
	[STEP_SERVER_KEY] = {"server_key",
						 "signed context",
						 NEEDS(KEYS) | NEEDS(MODULE) | NEEDS(EXTENSION),
						 check_server_key},
	[STEP_SHIPPER] = {"shipper", "shipper", NEEDS(SERVER_KEY), check_shipper},
	[STEP_ARRIVAL] = {"arrival",
					  "test statement",
					  NEEDS(READ_BACK) | NEEDS(SERVER_KEY) | NEEDS(SHIPPER),
					  check_arrival},
	[STEP_PROGRAM] = {"program", "program", NEEDS(HOOKS), check_program},
	[STEP_UNDO_PRELOAD] = {"undo_preload",
						   "preloading",
						   NEEDS(SERVER),
						   undo_preload},
	[STEP_UNDO_ELSEWHERE] = {"undo_elsewhere",
							 "other places",
							 NEEDS(UNDO_PRELOAD),
							 undo_elsewhere},
	[STEP_UNDO_NEW_SESSION] = {"undo_new_session",
							   "a new session",
							   NEEDS(UNDO_ELSEWHERE),
							   undo_new_session},
	[STEP_UNDO_EXTENSION] = {"undo_extension",
							 "extension",
							 NEEDS(UNDO_PRELOAD),
							 undo_extension},
	[STEP_UNDO_OTHER_DATABASES] = {"undo_other_databases",
								   "other databases",
								   NEEDS(UNDO_PRELOAD),
								   undo_other_databases},
	[STEP_UNDO_SETTINGS] = {"undo_settings",
							"settings",
							NEEDS(UNDO_PRELOAD),
							undo_settings},
	[STEP_UNDO_OPEN_SESSIONS] = {"undo_open_sessions",
								 "open sessions",
								 NEEDS(UNDO_NEW_SESSION),
								 undo_open_sessions},
	[STEP_UNDO_SHIPPER] = {"undo_shipper",
						   "shipper",
						   NEEDS(UNDO_OPEN_SESSIONS),
						   undo_shipper},
	[STEP_UNDO_REST] = {"undo_rest",
						"what stays",
						NEEDS(UNDO_PRELOAD),
						undo_rest},
};

const doctor_check *
doctor_check_of(doctor_step step)
{
	return &checks[step];
}

/* Do the arguments ask for this step? */
static bool
is_asked(const doctor *d, doctor_step step)
{
	if (d->unfix || step >= STEP_UNDO_PRELOAD)
		return d->unfix && (step == STEP_SERVER || step >= STEP_UNDO_PRELOAD);
	if (step >= STEP_SERVER && step <= STEP_ARRIVAL)
		return d->conninfo != NULL;
	return step != STEP_PROGRAM || d->program != NULL;
}

/*
 * Finds the first step that this one needs and that is wrong or was not tried
 * itself; STEP_COUNT: there is none.
 */
static doctor_step
find_obstacle(const doctor *d, doctor_step step)
{
	unsigned i;

	if (step > STEP_SERVER && step != STEP_PROGRAM && d->server == NULL)
		return STEP_SERVER;
	for (i = 0; i < STEP_COUNT; i++)
		if ((checks[step].needs & (1U << i)) != 0 &&
			d->results[i].verdict == DOCTOR_WRONG)
			return (doctor_step) i;
	for (i = 0; i < STEP_COUNT; i++)
		if ((checks[step].needs & (1U << i)) != 0 &&
			d->results[i].verdict == DOCTOR_NOT_TRIED && i != STEP_SHIPPER &&
			!(i == STEP_SERVER_KEY && d->samples_only))
			return (doctor_step) i;
	return STEP_COUNT;
}

/*
 * Wraps the command line so that it is executed as the other user, whose files
 * it changes.
 */
static void
wrap_for_user(const doctor *d, doctor_result *r)
{
	osp_buf line;

	osp_buf_init(&line, &osp_allocator_default, 64 * 1024);
	cli_add_quoted(&line, osp_buf_str(&r->mend));
	osp_buf_reset(&r->mend);
	doctor_mend_as(d, r, geteuid());
	doctor_mend(r, "sh -c ");
	osp_buf_add_str(&r->mend, osp_buf_str(&line));
	osp_buf_term(&line);
}

void
doctor_check_step(doctor *d, doctor_step step)
{
	doctor_result *r = &d->results[step];

	checks[step].run(d, r);
	if (d->for_user != NULL && step < STEP_SERVER && r->mend.len > 0 &&
		!r->is_roots && strncmp(r->mend.ptr, "export ", 7) != 0 &&
		strncmp(r->mend.ptr, "unset ", 6) != 0)
		wrap_for_user(d, r);
}

/*
 * May --fix correct this step? Nothing is made here for a server that cannot be
 * reached.
 */
static bool
may_fix(const doctor *d, doctor_step step)
{
	return d->fix && (d->conninfo == NULL || step >= STEP_SERVER ||
					  d->results[STEP_SERVER].verdict == DOCTOR_GOOD);
}

/*
 * The step that is tried as the nth. The agent's step, which is printed before those
 * of the collector, is tried after them: an agent delivers only what they can store.
 */
static doctor_step
nth_step(unsigned n)
{
	if (n < STEP_AGENT || n > STEP_READ_BACK)
		return (doctor_step) n;
	return n == STEP_READ_BACK ? STEP_AGENT : (doctor_step) (n + 1);
}

bool
doctor_run(doctor *d)
{
	bool good = true;
	unsigned i;

	if (d->conninfo != NULL)
		doctor_check_step(d, STEP_SERVER);
	for (i = 0; i < STEP_COUNT; i++)
	{
		const doctor_step step = nth_step(i);
		doctor_result *r = &d->results[step];
		doctor_step obstacle;

		if (!is_asked(d, step))
			continue;
		if (d->undone)
		{
			doctor_skip(r, "see the report of the server's user, above");
			continue;
		}
		obstacle = find_obstacle(d, step);
		if (obstacle != STEP_COUNT)
			doctor_skip(r, "it needs: %s", checks[obstacle].title);
		else if (r->verdict == DOCTOR_NOT_ASKED)
			doctor_check_step(d, step);
		if (r->verdict == DOCTOR_WRONG && may_fix(d, step))
			doctor_fix(d, step);
		good = good && r->verdict != DOCTOR_WRONG;
	}
	return good;
}

unsigned
doctor_untried(const doctor *d)
{
	unsigned untried = 0;
	unsigned i;

	for (i = STEP_UNDO_PRELOAD; d->unfix && !d->undone && i < STEP_COUNT; i++)
		untried += d->results[i].verdict == DOCTOR_NOT_TRIED;
	return untried;
}
