/* SPDX-License-Identifier: Apache-2.0
 *
 * profiler_hook.c
 *	  The profiler's functions for hooks.
 *
 * When a hook enters a point, it becomes an entry without a name in the
 * thread's stack of points, so that points the application starts meanwhile
 * hang below it.
 */
#include "profiler/profiler_int.h"

#include "context/comment.h"
#include "profiler/profiler_debug.h"

__thread osp__hook_depth osp__depth = {NULL, 0};

/* A guard farther up than this is not read, and counts as in use: it may lie on the
 * stack of a coroutine that is gone, whose memory may be unmapped. */
#define GUARD_REACH (64 * 1024)

bool
osp__guard_holds(const osp__guard *guard)
{
	uintptr_t here = (uintptr_t) __builtin_frame_address(0);
	uintptr_t place = (uintptr_t) guard;

	if (place < here)
		return false;
	return place - here > GUARD_REACH ||
		   (guard->self == guard && guard->mark == OSP__GUARD_MARK);
}

bool osp__environment_open = true;

static bool
has_environment(const osp_config *config)
{
	if (config == NULL)
		return false;
	if (config->enabled && config->trace_sqlalchemy &&
		config->trace_info[0] != '\0')
		return true;
	osp__debug("statements are not traced by the environment: %s",
			   !config->enabled ? "enabled is false, or there is no key"
			   : !config->trace_sqlalchemy ? "trace_sqlalchemy is false"
										   : "OSPROFILER_TRACE_INFO is empty");
	return false;
}

static bool
verify_environment(osp__profiler *p, const osp_config *config,
				   osp_context *context)
{
	osp_verdict verdict = osp_context_verify(p->ring,
											 osp_str_of(config->trace_info),
											 osp_str_of(config->trace_hmac),
											 context);

	osp__profiler_note(verdict);
	if (verdict != OSP_CTX_ACCEPTED)
		osp__debug("statements are not traced by the environment: %s",
				   osp_verdict_text(verdict));
	return verdict == OSP_CTX_ACCEPTED;
}

bool
osp__hook_adopt(void)
{
	const osp_config *config = osp__profiler_config();
	osp__profiler *p;
	osp_context context;

	if (!has_environment(config))
	{
		__atomic_store_n(&osp__environment_open, false, __ATOMIC_RELAXED);
		return false;
	}
	p = osp__profiler_get();
	if (p == NULL || osp__profiler_use_configured_keys(p) != OSP_OK)
		return false;
	if (!verify_environment(p, config, &context))
	{
		__atomic_store_n(&osp__environment_open, false, __ATOMIC_RELAXED);
		return false;
	}
	p->base_id = context.base_id;
	p->parent_id = context.parent_id;
	p->key = context.key;
	osp__profiler_restart(p);
	p->adopted = true;
	osp__profiler_count(p);
	return true;
}

const osp_config *
osp__hook_config(void)
{
	return osp__profiler_config();
}

void
osp__hook_record(osp_str text, osp_sql_recording how, size_t max,
				 osp_sql_space *space, osp_sql_recorded *out)
{
	const osp_config *config = osp__profiler_config();

	if (config != NULL)
	{
		how.detail = config->statement_text;
		how.built = how.built && config->hide_params;
	}
	osp_sql_record(text, &how, max, space, out);
}

/* Adds what the settings forbid to record to the rules. */
static osp_sql_message_rules
with_settings(osp_sql_message_rules rules)
{
	const osp_config *config = osp__profiler_config();

	if (config != NULL)
	{
		rules.hide_values = config->hide_params;
		rules.hide_text = config->statement_text != OSP_STATEMENT_FULL;
	}
	return rules;
}

osp_str
osp__hook_message(osp_str message, osp_sql_origin origin,
				  osp_sql_message_rules rules, char *space, size_t size)
{
	rules = with_settings(rules);
	return osp_sql_message(message, origin, &rules, space, size);
}

osp_str
osp__hook_detail(osp_str detail, const char *sqlstate, osp_sql_origin origin,
				 osp_sql_message_rules rules, char *space, size_t size)
{
	rules = with_settings(rules);
	return osp_sql_detail(detail, sqlstate, origin, &rules, space, size);
}

osp_verdict
osp__hook_verify(osp_str trace_info, osp_str trace_hmac, osp_context *out)
{
	osp__profiler *p = osp__profiler_get();
	osp_verdict verdict;

	if (p == NULL)
		return OSP_CTX_NONE;
	if (p->ring == NULL && osp__profiler_use_configured_keys(p) != OSP_OK)
		verdict = OSP_CTX_NO_KEYS;
	else
		verdict = osp_context_verify(p->ring, trace_info, trace_hmac, out);
	osp__profiler_note(verdict);
	return verdict;
}

osp_verdict
osp__hook_comment(osp_str text, osp_sql_dialect dialect, osp_context *out)
{
	char space[OSP_COMMENT_SPACE];
	osp_str info;
	osp_str hmac;
	osp_verdict found =
		osp__comment_read(text, dialect, space, &info, &hmac, NULL);

	if (found == OSP_CTX_ACCEPTED)
		return osp__hook_verify(info, hmac, out);
	if (found != OSP_CTX_NONE && osp__profiler_get() != NULL)
		osp__profiler_note(found);
	return found;
}

bool
osp__hook_open_in(osp__point *point, const osp_context *context)
{
	if (osp__profiler_get() == NULL)
		return false;
	osp_id_copy(&point->base_id, &context->base_id);
	osp_id_copy(&point->parent_id, &context->parent_id);
	point->generation = osp__generation();
	osp_uuid_new(&point->trace_id);
	point->masked = false;
	point->start_ns = osp_clock_now(&osp__self->clock);
	return true;
}

bool
osp__hook_begin(const osp__point *point, osp_record_kind kind, osp_str name,
				int64_t now_ns, size_t info_max, osp_writer *w)
{
	osp__profiler *p = osp__self;
	osp_point_ids ids;

	/* A point may be stopped in a thread that has traced nothing so far. */
	if (OSP_UNLIKELY(p == NULL))
		p = osp__profiler_get();
	if (OSP_UNLIKELY(p == NULL || point->generation != osp__generation()))
		return false;
	ids.base_id = &point->base_id;
	ids.parent_id = &point->parent_id;
	ids.trace_id = point->trace_id;
	return osp__profiler_begin(
		p,
		w,
		kind,
		&ids,
		name,
		now_ns,
		kind == OSP_RECORD_STOP ? now_ns - point->start_ns : 0,
		info_max);
}

void
osp__hook_drop_stop(const osp__point *point)
{
	osp__profiler *p = osp__self;

	if (p != NULL && p->has_producer && point->generation == osp__generation())
		osp_producer_drop_stop(&p->producer, &point->base_id);
}

void
osp__hook_commit(osp_writer *w)
{
	osp__profiler_commit(osp__self, w);
}

void
osp__hook_leave_outer(const osp__point *point)
{
	osp__profiler *p = osp__self;
	uint32_t at = p->depth;

	while (at > 0 && !osp__hook_is_entry(&p->points[at - 1], point))
		at--;
	if (at == 0)
		return;
	while (p->depth >= at)
	{
		const osp__open_point *entry = &p->points[--p->depth];

		p->hooked -= entry->name_len == 0 ? 1 : 0;
		p->names_len = entry->name_at;
	}
}

static const osp__listener *listeners[OSP__LISTENERS_MAX];
static unsigned listeners_count = 0;

void
osp__hook_listen(const osp__listener *listener)
{
	unsigned at = __atomic_fetch_add(&listeners_count, 1, __ATOMIC_RELAXED);

	if (at < OSP__LISTENERS_MAX)
		__atomic_store_n(&listeners[at], listener, __ATOMIC_RELEASE);
}

void
osp__profiler_tell(const osp_uuid *trace_id)
{
	unsigned i;

	for (i = 0; i < OSP__LISTENERS_MAX; i++)
	{
		const osp__listener *listener =
			__atomic_load_n(&listeners[i], __ATOMIC_ACQUIRE);

		if (listener != NULL)
			listener->stops(trace_id);
	}
}

unsigned osp__tracers = 0;

void
osp__profiler_count(osp__profiler *p)
{
	bool traces = p->active || p->adopted;
	unsigned i;

	if (p->counted == traces)
		return;
	p->counted = traces;
	(void) __atomic_add_fetch(&osp__tracers, traces ? 1 : -1, __ATOMIC_SEQ_CST);
	for (i = 0; i < OSP__LISTENERS_MAX && traces; i++)
	{
		const osp__listener *listener =
			__atomic_load_n(&listeners[i], __ATOMIC_ACQUIRE);

		if (listener != NULL && listener->begins != NULL)
			listener->begins();
	}
}

bool
osp__hook_sign(const osp__point *point, osp_headers *out)
{
	osp__profiler *p = osp__self;
	osp_id id;

	if (p == NULL || p->ring == NULL)
		return false;
	osp_id_set_uuid(&id, &point->trace_id);
	return osp_context_sign(p->ring, p->key, &point->base_id, &id, out) ==
		   OSP_OK;
}

bool
osp__hook_ours(const osp__point *point)
{
	return point->generation == osp__generation();
}

bool
osp__hook_adopted(void)
{
	return osp__self != NULL && osp__self->adopted && !osp__self->active;
}
