/* SPDX-License-Identifier: Apache-2.0
 *
 * profiler.c
 *	  The profiler of a C program: OSProfiler's init, start and stop.
 *
 * This file has the stack of open points and writes their records.
 * profiler_thread.c manages the state of a thread, and hooks use
 * profiler_hook.c.
 */
#include "profiler/profiler_debug.h"
#include "profiler/profiler_state.h"

/* Room in a record for the members of info that this file adds. */
#define INFO_EXTRA 64

/* Makes the thread trace; its context must be set already. */
static osp_status
activate(osp__profiler *p)
{
	osp_status status = osp__profiler_open_ring(p);

	if (status != OSP_OK)
		return status;
	osp__profiler_restart(p);
	p->active = true;
	osp__profiler_count(p);
	return OSP_OK;
}

/* Sets an id from a person's text. Control characters are refused, because readers of a
 * context refuse such an id. */
static bool
set_id(osp_id *id, const char *text)
{
	const char *c;

	for (c = text; *c != '\0'; c++)
	{
		if ((unsigned char) *c < 0x20 || *c == 0x7f)
			return false;
	}
	return osp_id_set(id, osp_str_of(text));
}

/* Does the work of osp_init, without its debug message. */
static osp_status
init(const char *key, const char *base_id, const char *parent_id)
{
	osp__profiler *p;
	osp_status status;
	osp_uuid fresh;

	if (key == NULL || key[0] == '\0')
		return OSP_EINVAL;
	p = osp__profiler_get();
	if (p == NULL)
		return OSP_ENOMEM;
	if (p->active)
		return OSP_EBUSY;
	p->adopted = false;
	status = osp__profiler_use_keys(p, key);
	if (status != OSP_OK)
		return status;
	if (osp_keyring_count(p->ring) != 1)
		return OSP_EINVAL;
	p->key = 0;
	if (base_id != NULL && base_id[0] != '\0')
	{
		if (!set_id(&p->base_id, base_id))
			return OSP_EINVAL;
	}
	else
	{
		osp_uuid_new(&fresh);
		osp_id_set_uuid(&p->base_id, &fresh);
	}
	p->parent_id = p->base_id;
	if (parent_id != NULL && parent_id[0] != '\0' &&
		!set_id(&p->parent_id, parent_id))
		return OSP_EINVAL;
	return activate(p);
}

osp_status
osp_init(const char *key, const char *base_id, const char *parent_id)
{
	osp_status status = init(key, base_id, parent_id);

	if (status != OSP_OK && osp__profiler_config() != NULL)
		osp__debug("osp_init traces nothing: %s", osp_status_text(status));
	return status;
}

osp_verdict
osp_init_from_headers(const char *trace_info, const char *trace_hmac,
					  const char *keys)
{
	osp__profiler *p = osp__profiler_get();
	osp_context context;
	osp_verdict verdict;
	osp_status status;

	if (p == NULL || p->active)
		return OSP_CTX_NONE;
	p->adopted = false;
	status = keys != NULL ? osp__profiler_use_keys(p, keys)
						  : osp__profiler_use_configured_keys(p);
	if (status != OSP_OK)
	{
		osp__profiler_note(OSP_CTX_NO_KEYS);
		osp__debug("osp_init_from_headers traces nothing: %s",
				   osp_verdict_text(OSP_CTX_NO_KEYS));
		return OSP_CTX_NO_KEYS;
	}
	verdict = osp_context_verify(
		p->ring, osp_str_of(trace_info), osp_str_of(trace_hmac), &context);
	osp__profiler_note(verdict);
	if (verdict != OSP_CTX_ACCEPTED)
	{
		osp__debug("osp_init_from_headers traces nothing: %s",
				   osp_verdict_text(verdict));
		return verdict;
	}
	p->base_id = context.base_id;
	p->parent_id = context.parent_id;
	p->key = context.key;
	return activate(p) == OSP_OK ? verdict : OSP_CTX_NONE;
}

bool
osp_active(void)
{
	return osp__self != NULL && osp__self->active;
}

/* The info of a point; a member that is NULL or empty is not written. */
typedef struct point_info
{
	const char *json; /* a JSON object */
	const char *etype;
	const char *message;
	const char *function;
	const char *args; /* JSON */
} point_info;

static size_t
length_of(const char *text)
{
	return text != NULL ? strlen(text) : 0;
}

static size_t
info_size(const point_info *info)
{
	return INFO_EXTRA + length_of(info->json) + length_of(info->etype) +
		   length_of(info->message) + length_of(info->function) +
		   length_of(info->args);
}

static void
put_info(osp_writer *w, const point_info *info)
{
	if (info->json != NULL)
		osp_put_members(w, osp_str_of(info->json));
	if (info->etype != NULL)
		osp_put_str(w, OSP_STR("etype"), osp_str_of(info->etype));
	if (info->message != NULL)
		osp_put_str(w, OSP_STR("message"), osp_str_of(info->message));
	if (info->function != NULL)
	{
		osp_put_object(w, OSP_STR("function"));
		osp_put_str(w, OSP_STR("name"), osp_str_of(info->function));
		if (info->args != NULL)
			osp_put_json(w, OSP_STR("args"), osp_str_of(info->args));
		osp_put_end(w);
	}
}

/* Writes one record of the point at index depth - 1, to the ring or the notifier. */
static void
write_point(osp__profiler *p, osp_record_kind kind, int64_t now,
			const point_info *info)
{
	const osp__open_point *point = &p->points[p->depth - 1];
	osp_str name = osp_str_n(p->names + point->name_at, point->name_len);
	int64_t elapsed = kind == OSP_RECORD_STOP ? now - point->start_ns : 0;
	osp_point_ids ids;
	osp_id parent;
	osp_writer w;

	ids.base_id = point->base_id != NULL ? point->base_id : &p->base_id;
	ids.parent_id = &p->parent_id;
	ids.trace_id = point->trace_id;
	if (p->depth > 1)
	{
		osp_id_set_uuid(&parent, &p->points[p->depth - 2].trace_id);
		ids.parent_id = &parent;
	}
	if (!osp__profiler_begin(
			p, &w, kind, &ids, name, now, elapsed, info_size(info)))
		return;
	put_info(&w, info);
	osp__profiler_commit(p, &w);
}

static void
start_point(const char *name, const point_info *info)
{
	osp__profiler *p = osp__self;
	osp__open_point *point;
	size_t len;

	len = length_of(name);
	if (len > OSP_NAME_MAX)
		len = osp_utf8_prefix(osp_str_of(name), OSP_NAME_MAX);
	if (p->beyond > 0 || p->depth == OSP_STACK_MAX ||
		p->names_len + len > OSP__NAMES_MAX || len == 0)
	{
		p->beyond++;
		return;
	}
	point = &p->points[p->depth++];
	osp_uuid_new(&point->trace_id);
	point->name_at = p->names_len;
	point->name_len = (uint32_t) len;
	memcpy(p->names + p->names_len, name, len);
	p->names_len += (uint32_t) len;
	point->has_children = false;
	point->base_id = p->depth > 1 ? p->points[p->depth - 2].base_id : NULL;
	point->start_ns = osp_clock_now(&p->clock);
	write_point(p, OSP_RECORD_START, point->start_ns, info);
}

static void
stop_point(const point_info *info)
{
	osp__profiler *p = osp__self;

	if (p->beyond > 0)
	{
		p->beyond--;
		return;
	}
	/* A point without a name belongs to a hook, which stops it itself. */
	if (p->depth == 0 || p->points[p->depth - 1].name_len == 0)
		return;
	if (OSP_UNLIKELY(p->points[p->depth - 1].has_children))
		osp__profiler_tell(&p->points[p->depth - 1].trace_id);
	write_point(p, OSP_RECORD_STOP, osp_clock_now(&p->clock), info);
	p->names_len = p->points[--p->depth].name_at;
}

void
osp_start(const char *name, const char *info)
{
	if (OSP_UNLIKELY(osp_active()))
		start_point(name, &(point_info){.json = info});
}

void
osp_stop(const char *info)
{
	if (OSP_UNLIKELY(osp_active()))
		stop_point(&(point_info){.json = info});
}

void
osp_stop_error(const char *etype, const char *message)
{
	if (OSP_UNLIKELY(osp_active()))
		stop_point(&(point_info){.etype = etype != NULL ? etype : "",
								 .message = message != NULL ? message : ""});
}

static void
copy_text(const osp_id *id, char out[OSP_ID_MAX + 1])
{
	char storage[OSP_ID_MAX + 1];
	osp_str text = osp_id_text(id, storage);

	memcpy(out, text.ptr, text.len);
	out[text.len] = '\0';
}

bool
osp_current(char base_id[OSP_ID_MAX + 1], char point_id[OSP_ID_MAX + 1])
{
	osp_id point;

	base_id[0] = '\0';
	point_id[0] = '\0';
	if (!osp_active())
		return false;
	osp__profiler_current(osp__self, &point);
	copy_text(osp__profiler_base(osp__self), base_id);
	copy_text(&point, point_id);
	return true;
}

bool
osp_get_trace_headers(osp_headers *out)
{
	osp_id point;

	if (!osp_active())
		return false;
	osp__profiler_current(osp__self, &point);
	return osp_context_sign(osp__self->ring,
							osp__self->key,
							osp__profiler_base(osp__self),
							&point,
							out) == OSP_OK;
}

void
osp_clean(void)
{
	osp__profiler *p = osp__self;

	if (p == NULL)
		return;
	if (p->active && p->has_children)
	{
		p->has_children = false;
		osp__profiler_tell(NULL);
	}
	p->active = false;
	osp__profiler_count(p);
}

bool
osp__scope_begin(const char *name, const char *info)
{
	osp_start(name, info);
	return osp_active();
}

bool
osp__function_begin(const char *name, const char *function, const char *args)
{
	if (OSP_UNLIKELY(osp_active()))
		start_point(name, &(point_info){.function = function, .args = args});
	return osp_active();
}

void
osp__scope_end(const bool *begun)
{
	if (*begun)
		osp_stop(NULL);
}
