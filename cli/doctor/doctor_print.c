/* SPDX-License-Identifier: Apache-2.0
 *
 * doctor_print.c
 *	  The report of `osprofiler doctor`: a line for each step, with what to do
 *	  below it.
 */
#include "doctor/doctor.h"

#include <errno.h>

#include "cli.h"
#include "control_text.h"
#include "osprofiler/json.h"
#include "out.h"

#define OUTPUT_MAX ((size_t) 1024 * 1024)
#define INDENT     "                              "

static const char *
verdict_word(doctor_verdict verdict)
{
	switch (verdict)
	{
		case DOCTOR_GOOD:
			return "good";
		case DOCTOR_WRONG:
			return "wrong";
		default:
			return "not tried";
	}
}

static void
add_action(osp_buf *out, const char *word, const osp_buf *text)
{
	if (text->len == 0)
		return;
	osp_buf_addf(out, INDENT "%s: ", word);
	cli_add_visible(out, osp_buf_str(text));
	osp_buf_add_char(out, '\n');
}

static void
add_line(osp_buf *out, const doctor_result *r)
{
	osp_buf_addf(out, "%-10s %-18s ", verdict_word(r->verdict), r->title);
	cli_add_visible(out, osp_buf_str(&r->found));
	osp_buf_add_char(out, '\n');
	add_action(out, "do", &r->advice);
	add_action(out, "type", &r->mend);
}

/* Adds that nothing in this server needs the library any more. */
static void
add_unneeded(osp_buf *out, const doctor *d)
{
	long ports[CLI_PORTS_MAX];
	size_t count =
		d->server != NULL ? cli_server_other_ports(d->server, ports) : 0;
	size_t i;

	if (count == 0)
	{
		osp_buf_add_str(out, OSP_STR(", the library may be removed"));
		return;
	}
	osp_buf_add_str(out, OSP_STR(", this server does not need the library"));
	for (i = 0; i < count; i++)
		osp_buf_addf(out,
					 "%sport=%ld",
					 i == 0 ? ". Others of this host may, and tell by "
							  "'osprofiler doctor --unfix': "
							: ", ",
					 ports[i]);
}

/*
 * Adds that nothing is wrong. That applies to sessions of this role in this
 * database.
 */
static void
add_good(osp_buf *out, const doctor *d)
{
	const char *before = " for sessions such as this one; others are traced "
						 "differently, or not at all: see ";
	unsigned i;

	for (i = 0; i < STEP_COUNT; i++)
		if (d->results[i].is_hidden)
		{
			osp_buf_addf(out,
						 "Nothing is wrong as far as this user may see, which "
						 "is not whether points are delivered: see %s.\n",
						 d->results[i].title);
			return;
		}
	osp_buf_add_str(out, OSP_STR("All is good"));
	if (d->unfix)
		add_unneeded(out, d);
	for (i = 0; i < STEP_COUNT; i++)
		if (d->results[i].concerns_others)
		{
			osp_buf_addf(out, "%s%s", before, d->results[i].title);
			before = ", ";
		}
	osp_buf_add_str(out, OSP_STR(".\n"));
}

static void
add_text_report(osp_buf *out, const doctor *d)
{
	unsigned tried = 0;
	unsigned wrong = 0;
	char name[CLI_USER_NAME_MAX];
	unsigned i;

	if (d->has_nested)
		osp_buf_addf(out, DOCTOR_HEADING, doctor_user_name(name), "");
	for (i = 0; i < STEP_COUNT; i++)
	{
		const doctor_result *r = &d->results[i];

		if (r->verdict == DOCTOR_NOT_ASKED)
			continue;
		tried++;
		wrong += r->verdict == DOCTOR_WRONG;
		add_line(out, r);
	}
	if (wrong == 0 && doctor_untried(d) > 0)
		osp_buf_addf(out,
					 "%u of %u steps were not tried: it is not known whether "
					 "the library may be removed.\n",
					 doctor_untried(d),
					 tried);
	else if (wrong == 0)
		add_good(out, d);
	else
		osp_buf_addf(out,
					 "%u of %u steps %s wrong.\n",
					 wrong,
					 tried,
					 wrong == 1 ? "is" : "are");
}

static void
add_member(osp_buf *out, const char *name, osp_str value)
{
	osp_buf_addf(out, ", \"%s\": ", name);
	if (value.len > 0)
		osp_json_string(out, value);
	else
		osp_buf_add_str(out, OSP_STR("null"));
}

static void
add_json_report(osp_buf *out, const doctor *d)
{
	const char *before = "\n";
	bool good = doctor_untried(d) == 0;
	unsigned i;

	for (i = 0; i < STEP_COUNT; i++)
		good = good && d->results[i].verdict != DOCTOR_WRONG;
	osp_buf_addf(
		out, "{\n  \"good\": %s,\n  \"steps\": [", good ? "true" : "false");
	for (i = 0; i < STEP_COUNT; i++)
	{
		const doctor_result *r = &d->results[i];

		if (r->verdict == DOCTOR_NOT_ASKED)
			continue;
		osp_buf_addf(out,
					 "%s    {\"name\": \"%s\", \"verdict\": \"%s\"",
					 before,
					 doctor_check_of((doctor_step) i)->name,
					 verdict_word(r->verdict));
		add_member(out, "found", osp_buf_str(&r->found));
		add_member(out, "do", osp_buf_str(&r->advice));
		add_member(out, "type", osp_buf_str(&r->mend));
		osp_buf_add_char(out, '}');
		before = ",\n";
	}
	osp_buf_add_str(out, OSP_STR("\n  ]\n}\n"));
}

int
doctor_print(const doctor *d, bool json)
{
	osp_buf text;
	cli_out out;
	int result = cli_out_open(&out, NULL);

	if (result != CLI_OK)
		return result;
	osp_buf_init(&text, &osp_allocator_default, OUTPUT_MAX);
	if (json)
		add_json_report(&text, d);
	else
		add_text_report(&text, d);
	if (osp_buf_status(&text) != OSP_OK)
		out.error = ENOMEM;
	(void) cli_out_write(&out, osp_buf_str(&text));
	osp_buf_term(&text);
	return cli_out_close(&out);
}
