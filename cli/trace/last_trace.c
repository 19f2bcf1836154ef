/* SPDX-License-Identifier: Apache-2.0
 *
 * last_trace.c
 *	  A trace that is called the last one, or the newest one.
 *
 * Others deliver to a shared collector, too: between a person's run and the
 * command that shows its trace, traces of services may arrive. So "last" is
 * looked up in the notes of this user's runs (noted/run_history.h), and in the
 * collector's list only if there is no such run.
 */
#include "trace/last_trace.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "noted/run_history.h"
#include "osprofiler/notification.h"
#include "other_users.h"
#include "trace/newest_traces.h"

/* The largest N in "last~N". */
#define BACK_MAX 99

/*
 * The parts of osp_timestamp_text() that are shown:
 * "2026-11-29T06:50:12.123456" up to the seconds.
 */
#define DATE_LEN  10
#define CLOCK_AT  11
#define CLOCK_LEN 8

/* The longest text about a run that delivered to another collector. */
#define ELSEWHERE_MAX 4096

/* A name such as "last~2", and what is known so far about its trace. */
typedef struct lookup
{
	const cli_places *where;
	const char *name;
	bool newest;   /* the name is not about runs */
	unsigned back; /* the N of the name */
	char *id;
	osp_status *listed;
	cli_run_history history;
	const cli_noted_run *first; /* the earliest run that delivered to a place */
	const cli_noted_run *gone;  /* of these runs the last whose trace is gone */
	size_t stored;              /* how many of these runs have a trace */
} lookup;

static bool
read_name(const char *name, bool *newest, unsigned *back)
{
	const char *at;

	*newest = strncmp(name, "newest", 6) == 0;
	if (!*newest && strncmp(name, "last", 4) != 0)
		return false;
	at = name + (*newest ? 6 : 4);
	*back = 0;
	if (*at == '\0')
		return true;
	if (*at++ != '~' || *at == '\0')
		return false;
	for (; isdigit((unsigned char) *at) && *back <= BACK_MAX; at++)
		*back = *back * 10 + (unsigned) (*at - '0');
	return *at == '\0' && *back <= BACK_MAX;
}

bool
cli_is_last(const char *name)
{
	unsigned back;
	bool newest;

	return read_name(name, &newest, &back);
}

/*
 * Finds the place to which a run delivered; NULL: it is none of these places. A
 * server is never found, since it has no connection string.
 */
static cli_collector *
place_of(const cli_places *where, const cli_noted_run *run)
{
	char name[CLI_RUN_COLLECTOR_MAX];
	size_t i;

	for (i = 0; i < where->count; i++)
	{
		const char *connection_string =
			where->places[i]->config.connection_string;

		if (connection_string == NULL)
			continue;
		cli_run_collector_name(connection_string, name);
		if (osp_str_eq(run->collector, osp_str_of(name)))
			return where->places[i];
	}
	return NULL;
}

static bool
is_of_a_run(const cli_run_history *history, const char *id)
{
	size_t i = 0;

	while (i < history->count &&
		   !osp_str_eq(history->runs[i].base_id, osp_str_of(id)))
		i++;
	return i < history->count;
}

/*
 * If the last run ended after since_ns and delivered to another collector,
 * appends where its trace is. Otherwise appends nothing.
 */
static void
describe_elsewhere(const lookup *l, int64_t since_ns, osp_buf *text)
{
	const cli_noted_run *run = &l->history.runs[0];

	if (l->newest || l->history.count == 0 || run->base_id.len == 0 ||
		run->ended_ns <= since_ns || place_of(l->where, run) != NULL)
		return;
	osp_buf_addf(text,
				 "; your last 'osprofiler run' delivered trace %.*s to %.*s "
				 "(--connection-string names a collector)",
				 (int) run->base_id.len,
				 run->base_id.ptr,
				 (int) run->collector.len,
				 run->collector.ptr);
}

/* --- the trace of a run --- */

/* Reports if another trace ended later than that of the run. */
static void
report_newer(const lookup *l, const cli_noted_run *run, cli_collector *place)
{
	size_t later = (size_t) (run - l->history.runs);
	char time[OSP_TIMESTAMP_LEN + 1];
	osp_status listed;
	cli_newest newest;
	size_t i;

	/*
	 * Later runs may have made that many of the newest traces; one more is read
	 * to find a trace of no run.
	 */
	cli_newest_init(&newest, later + 1, INT64_MAX);
	if ((place->driver->flags & OSP_DRIVER_CAN_LIST) == 0 ||
		cli_newest_add(&newest, place, &listed) != CLI_OK)
		return;
	for (i = 0; i < newest.count; i++)
		if (newest.traces[i].last_ns > run->ended_ns &&
			!is_of_a_run(&l->history, newest.traces[i].id))
			break;
	if (i == newest.count)
		return;
	osp_timestamp_text(run->ended_ns, time);
	(void) cli_error("'%s' is the trace of your 'osprofiler run' that ended on "
					 "%.*s at %.*s UTC; 'newest', the trace that ended last in "
					 "%s, is %s",
					 l->name,
					 DATE_LEN,
					 time,
					 CLOCK_LEN,
					 time + CLOCK_AT,
					 place->shown,
					 newest.traces[0].id);
}

/*
 * Reports, about the run that the name means, where a later run delivered, or
 * that others have delivered later traces.
 */
static void
report_run(const lookup *l, const cli_noted_run *run, cli_collector *place)
{
	char time[OSP_TIMESTAMP_LEN + 1];
	osp_buf elsewhere;

	osp_buf_init(&elsewhere, &osp_allocator_default, ELSEWHERE_MAX);
	describe_elsewhere(l, run->ended_ns, &elsewhere);
	if (elsewhere.len == 0)
		report_newer(l, run, place);
	else
	{
		osp_timestamp_text(run->ended_ns, time);
		(void) cli_error(
			"'%s' is %.*s, the trace of your 'osprofiler run' that "
			"ended on %.*s at %.*s UTC%s",
			l->name,
			(int) run->base_id.len,
			run->base_id.ptr,
			DATE_LEN,
			time,
			CLOCK_LEN,
			time + CLOCK_AT,
			elsewhere.ptr);
	}
	osp_buf_term(&elsewhere);
}

/*
 * Is any point of the run's trace stored? A collector that is read as a queue
 * is not asked: it would be read twice.
 */
static bool
is_stored(cli_collector *place, const cli_noted_run *run)
{
	return (place->driver->flags & OSP_DRIVER_CAN_LIST) == 0 ||
		   cli_trace_is_stored(place, run->base_id);
}

static int
report_no_trace(const lookup *l, const cli_noted_run *run, cli_collector *place)
{
	osp_status listed;
	cli_newest before;
	osp_buf elsewhere;
	char rest[64];
	int result;

	cli_newest_init(&before, 1, INT64_MAX);
	if (cli_newest_add(&before, place, &listed) != CLI_OK)
		return CLI_FAILED;
	(void) snprintf(
		rest, sizeof(rest), " ('last~%u' is the trace before)", l->back + 1);
	osp_buf_init(&elsewhere, &osp_allocator_default, ELSEWHERE_MAX);
	describe_elsewhere(l, run->ended_ns, &elsewhere);
	result = cli_error("there is no trace of the %srun%s: %.*s%s%s",
					   l->back == 0 ? "last " : "",
					   elsewhere.len > 0 ? " that delivered here" : "",
					   (int) run->why.len,
					   run->why.ptr,
					   before.count > 0 ? rest : CLI_NOTHING_YET,
					   elsewhere.len > 0 ? elsewhere.ptr : "");
	osp_buf_term(&elsewhere);
	return result;
}

/*
 * Finds the run that the name means. If there are not enough runs, *left is how
 * many traces are still to go back. CLI_FAILED after a message.
 */
static int
find_run(lookup *l, unsigned *left)
{
	size_t i;

	*left = l->back;
	for (i = 0; i < l->history.count; i++)
	{
		const cli_noted_run *run = &l->history.runs[i];
		cli_collector *place = place_of(l->where, run);
		bool stored =
			place != NULL && run->base_id.len > 0 && is_stored(place, run);

		if (place != NULL)
			l->first = run;
		l->stored += stored;

		/* A run whose trace was removed since does not count. */
		if (place == NULL || (!stored && run->why.len == 0))
		{
			if (place != NULL && run->base_id.len > 0 && l->gone == NULL)
				l->gone = run;
			continue;
		}
		if (*left > 0)
			(*left)--;
		else if (!stored)
			return report_no_trace(l, run, place);
		else
		{
			memcpy(l->id, run->base_id.ptr, run->base_id.len);
			l->id[run->base_id.len] = '\0';
			report_run(l, run, place);
			return CLI_OK;
		}
	}
	return CLI_OK;
}

/* --- the trace that ended last --- */

/* Reports that the trace of the last run has been removed from its collector. */
static int
report_gone(const lookup *l, const char *elsewhere)
{
	const char *uri = l->where->places[0]->config.connection_string;

	return cli_error(
		"nothing is left of the trace of your last 'osprofiler run', %.*s, in "
		"%s: it was removed%s; to make another one, type: osprofiler run "
		"COMMAND%s",
		(int) l->gone->base_id.len,
		l->gone->base_id.ptr,
		place_of(l->where, l->gone)->shown,
		strncmp(uri, "messaging", 9) == 0
			? ", another consumer took it, or RabbitMQ restarted (without "
			  "durable=1)"
			: "",
		elsewhere);
}

static int
report_none(const lookup *l, size_t count, const char *elsewhere)
{
	const cli_collector *main = l->where->places[0];
	const char *also = l->where->count > 1 ? " and what else is read" : "";

	if (count == 0 && l->gone != NULL)
		return report_gone(l, elsewhere);
	if (count == 0)
		return cli_error("there is no trace in %s%s" CLI_NOTHING_YET "%s",
						 main->shown,
						 also,
						 elsewhere);
	return cli_error("'%s' goes back too far: there %s %zu trace%s%s in %s%s",
					 l->name,
					 count == 1 ? "is" : "are",
					 count,
					 count == 1 ? "" : "s",
					 l->first != NULL ? " of your runs and before them" : "",
					 main->shown,
					 also);
}

/*
 * Finds the trace that is left places behind the newest one, not counting those
 * of runs; NULL: there are not so many. *count is how many there are at least.
 */
static const cli_ended *
find_other(const lookup *l, const cli_newest *newest, unsigned left,
		   size_t *count)
{
	size_t i;

	*count = 0;
	for (i = 0; i < newest->count; i++)
		if ((l->first == NULL ||
			 !is_of_a_run(&l->history, newest->traces[i].id)) &&
			(*count)++ == left)
			return &newest->traces[i];
	return NULL;
}

/*
 * Reads the lists of all places. CLI_FAILED after a message: one of them could
 * not be read.
 */
static int
read_lists(const lookup *l, cli_newest *newest)
{
	int result = CLI_OK;
	size_t i;

	for (i = 0; i < l->where->count; i++)
	{
		osp_status listed;

		if (cli_newest_add(newest, l->where->places[i], &listed) != CLI_OK)
			result = CLI_FAILED;
		if (i == 0)
			*l->listed = listed;
	}
	return result;
}

/*
 * Finds the trace that ended last in all places, or the one that is left traces
 * older. If the name counted runs first, only traces count that ended before
 * the earliest of those runs, whose own trace is in the list, too.
 */
static int
find_newest(lookup *l, unsigned left)
{
	bool runs = l->first != NULL;
	const cli_ended *found;
	cli_newest newest;
	osp_buf elsewhere;
	size_t count;
	int result;

	cli_newest_init(
		&newest, left + (runs ? 2 : 1), runs ? l->first->ended_ns : INT64_MAX);
	result = read_lists(l, &newest);
	found = find_other(l, &newest, left, &count);

	/* A place that failed was reported; the others may have the wanted trace. */
	if (result != CLI_OK && found == NULL)
		return result;
	osp_buf_init(&elsewhere, &osp_allocator_default, ELSEWHERE_MAX);
	describe_elsewhere(l, found != NULL ? found->last_ns : 0, &elsewhere);
	if (found == NULL && elsewhere.len == 0 && l->where->others)
		cli_other_users_describe(&elsewhere, l->name);
	if (found == NULL)
		result = report_none(
			l, l->stored + count, elsewhere.len > 0 ? elsewhere.ptr : "");
	else
	{
		result = CLI_OK;
		memcpy(l->id, found->id, sizeof(found->id));
		if (found->place != l->where->places[0] || elsewhere.len > 0)
			(void) cli_error("'%s' is %s, the trace that ended last in %s%s",
							 l->name,
							 found->id,
							 found->place->shown,
							 elsewhere.len > 0 ? elsewhere.ptr : "");
	}
	osp_buf_term(&elsewhere);
	return result;
}

int
cli_last_find(const cli_places *where, const char *name,
			  char id[OSP_ID_MAX + 1], osp_status *listed)
{
	lookup l = {.where = where, .name = name, .id = id, .listed = listed};
	int result = CLI_OK;
	unsigned left;

	id[0] = '\0';
	*listed = OSP_OK;
	if (!read_name(name, &l.newest, &l.back))
		return CLI_OK;
	left = l.back;
	cli_run_history_read(&where->places[0]->config, &l.history);
	if (!l.newest)
		result = find_run(&l, &left);
	if (result == CLI_OK && id[0] == '\0')
		result = find_newest(&l, left);
	cli_run_history_term(&l.history);
	return result;
}
