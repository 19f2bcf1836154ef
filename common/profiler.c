/* SPDX-License-Identifier: Apache-2.0
 *
 * profiler.c
 *	  The profiler of a C program: OSProfiler's init, start and stop.
 *
 * All state hangs off one thread-local pointer; NULL, or not active, is the
 * no-op. It is made by the first osp_init of a thread and kept, ring included,
 * until the thread ends, so a service that calls osp_init for every request
 * pays for a ring once in a thread. After fork the child goes on with the trace
 * of its parent, in a ring of its own.
 */
#include "osprofiler/profiler.h"

#include <pthread.h>
#include <unistd.h>

#include "fork.h"
#include "osprofiler/config.h"
#include "osprofiler/notification.h"
#include "osprofiler/rundir.h"

/* Bytes for the names of all points that are open in a thread. */
#define NAMES_MAX (32 * 1024)

/* Room in a record for what this file itself adds to info. */
#define INFO_EXTRA 64

typedef struct open_point
{
	osp_uuid trace_id;
	int64_t start_ns;
	uint32_t name_at; /* in names */
	uint32_t name_len;
} open_point;

typedef struct profiler
{
	bool active;
	uint64_t generation; /* of the process, see fork.h */

	char *keys; /* the list that ring was made of */
	osp_keyring *ring;
	size_t key;

	osp_id base_id;
	osp_id parent_id; /* of the points at the bottom */
	uint32_t depth;   /* of points that are open */
	uint32_t beyond;  /* opened above OSP_STACK_MAX, not traced */
	uint32_t names_len;
	open_point points[OSP_STACK_MAX];
	char names[NAMES_MAX];

	bool has_producer;
	osp_producer producer;
	osp_buf scratch; /* records and notifications for the notifier */
	osp_buf json;
} profiler;

/* The notifier that replaces rings, and what it is told about its origin. */
static osp_notifier_fn notifier = NULL;
static void *notifier_ctx = NULL;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t at_thread_end;
static osp_config config;
static osp_status config_status;
static char run_directory[OSP_RUNDIR_PATH_MAX];
static char host_name[256];

static __thread profiler *self = NULL;

static const osp_allocator *const alc = &osp_allocator_default;

static void
free_profiler(void *ptr)
{
	profiler *p = ptr;

	if (p->has_producer && p->generation == osp__generation())
		osp_producer_close(&p->producer);
	osp_keyring_free(p->ring);
	osp_free(alc, p->keys);
	osp_buf_term(&p->scratch);
	osp_buf_term(&p->json);
	osp_free(alc, p);
	self = NULL;
}

static void
init_process(void)
{
	(void) pthread_key_create(&at_thread_end, free_profiler);
	if (gethostname(host_name, sizeof(host_name) - 1) != 0)
		host_name[0] = '\0';
	config_status = osp_config_load(&config, alc, NULL, NULL);
	if (config_status == OSP_OK)
		config_status = osp_rundir_path(
			osp_str_of(config.run_directory), OSP_STR(""), run_directory, NULL);
}

/* The state of this thread, made if there is none; NULL: no memory. */
static profiler *
get_profiler(void)
{
	profiler *p = self;

	if (p != NULL)
		return p;
	(void) pthread_once(&once, init_process);
	p = osp_calloc(alc, 1, sizeof(*p));
	if (p == NULL)
		return NULL;
	osp_buf_init(&p->scratch, alc, OSP_NOTIFICATION_MAX);
	osp_buf_init(&p->json, alc, OSP_NOTIFICATION_MAX);
	p->generation = osp__generation();
	(void) pthread_setspecific(at_thread_end, p);
	self = p;
	return p;
}

/* The thread's ring, opened if it is not, or was the parent's. */
static osp_status
open_producer(profiler *p)
{
	uint64_t generation = osp__generation();
	osp_status status;

	if (p->has_producer && p->generation == generation)
		return OSP_OK;
	if (p->has_producer)
		osp_producer_abandon(&p->producer);
	p->has_producer = false;
	p->generation = generation;
	if (config_status != OSP_OK)
		return config_status;
	status = osp_producer_open(
		&p->producer, run_directory, config.ring_size, config.on_full, NULL);
	p->has_producer = status == OSP_OK;
	return status;
}

/* Keys cost some microseconds to set up: those of the last time are kept. */
static osp_status
use_keys(profiler *p, const char *keys)
{
	osp_keyring *ring;
	osp_status status;
	char *copy;

	if (p->keys != NULL && strcmp(p->keys, keys) == 0)
		return OSP_OK;
	copy = osp_strdup(alc, osp_str_of(keys));
	if (copy == NULL)
		return OSP_ENOMEM;
	status = osp_keyring_new(alc, osp_str_of(keys), &ring, NULL);
	if (status != OSP_OK)
	{
		osp_free(alc, copy);
		return status;
	}
	osp_keyring_free(p->ring);
	osp_free(alc, p->keys);
	p->ring = ring;
	p->keys = copy;
	return OSP_OK;
}

/* From here on the thread traces; its context is set already. */
static osp_status
activate(profiler *p)
{
	osp_status status = notifier == NULL ? open_producer(p) : OSP_OK;

	if (status != OSP_OK)
		return status;
	p->depth = 0;
	p->beyond = 0;
	p->names_len = 0;
	p->active = true;
	return OSP_OK;
}

/* An id as people give it; control characters would not survive the way on. */
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

osp_status
osp_init(const char *key, const char *base_id, const char *parent_id)
{
	profiler *p;
	osp_status status;
	osp_uuid fresh;

	if (key == NULL || key[0] == '\0')
		return OSP_EINVAL;
	p = get_profiler();
	if (p == NULL)
		return OSP_ENOMEM;
	if (p->active)
		return OSP_EBUSY;
	status = use_keys(p, key);
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

osp_verdict
osp_init_from_headers(const char *trace_info, const char *trace_hmac,
					  const char *keys)
{
	profiler *p = get_profiler();
	osp_context context;
	osp_verdict verdict;

	if (p == NULL || p->active)
		return OSP_CTX_NONE;
	if (keys == NULL)
		keys =
			config_status == OSP_OK && config.enabled ? config.hmac_keys : "";
	if (use_keys(p, keys) != OSP_OK)
		return OSP_CTX_NO_KEYS;
	verdict = osp_context_verify(
		p->ring, osp_str_of(trace_info), osp_str_of(trace_hmac), &context);
	if (verdict != OSP_CTX_ACCEPTED)
		return verdict;
	p->base_id = context.base_id;
	p->parent_id = context.parent_id;
	p->key = context.key;
	return activate(p) == OSP_OK ? verdict : OSP_CTX_NONE;
}

bool
osp_active(void)
{
	return self != NULL && self->active;
}

/* Hands the record in the scratch buffer to the notifier as JSON. */
static void
notify(profiler *p, size_t size)
{
	osp_origin origin;
	osp_record record;

	if (size == 0 || osp_record_read(p->scratch.ptr, size, &record) == 0)
		return;
	origin.host = osp_str_of(host_name);
	origin.project = osp_str_of(config.project);
	origin.service = osp_str_of(config.service);
	origin.wall_offset_ns = osp_wall_offset_now();
	osp_buf_reset(&p->json);
	if (osp_notification_write(&p->json, &record, &origin) == OSP_OK)
		notifier(notifier_ctx, p->json.ptr, p->json.len);
}

/* What a point has to say besides who it is; NULL or empty: nothing. */
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

/* One record of the point at index depth - 1, to the ring or the notifier. */
static void
write_point(profiler *p, osp_record_kind kind, int64_t now,
			const point_info *info)
{
	const open_point *point = &p->points[p->depth - 1];
	osp_str name = osp_str_n(p->names + point->name_at, point->name_len);
	int64_t elapsed = kind == OSP_RECORD_STOP ? now - point->start_ns : 0;
	const osp_str none = OSP_STR("");
	osp_point_ids ids;
	osp_id parent;
	osp_writer w;

	ids.base_id = &p->base_id;
	ids.parent_id = &p->parent_id;
	ids.trace_id = point->trace_id;
	if (p->depth > 1)
	{
		osp_id_set_uuid(&parent, &p->points[p->depth - 2].trace_id);
		ids.parent_id = &parent;
	}

	if (notifier != NULL)
	{
		size_t size = OSP_RECORD_OVERHEAD + info_size(info);

		osp_buf_reset(&p->scratch);
		if (!osp_buf_reserve(&p->scratch, size))
			return;
		osp_record_begin(&w,
						 p->scratch.ptr,
						 size,
						 kind,
						 &ids,
						 name,
						 none,
						 none,
						 now,
						 elapsed);
		put_info(&w, info);
		notify(p, osp_record_end(&w));
		return;
	}
	if (OSP_UNLIKELY(p->generation != osp__generation()) &&
		open_producer(p) != OSP_OK)
		return;
	if (!p->has_producer || !osp_point_begin(&p->producer,
											 &w,
											 kind,
											 &ids,
											 name,
											 none,
											 none,
											 now,
											 elapsed,
											 info_size(info)))
		return;
	put_info(&w, info);
	osp_point_commit(&p->producer, &w);
}

static void
start_point(const char *name, const point_info *info)
{
	profiler *p = self;
	open_point *point;
	size_t len;

	len = length_of(name);
	if (len > OSP_NAME_MAX)
		len = osp_utf8_prefix(osp_str_of(name), OSP_NAME_MAX);
	if (p->beyond > 0 || p->depth == OSP_STACK_MAX ||
		p->names_len + len > NAMES_MAX || len == 0)
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
	point->start_ns = osp_mono_now();
	write_point(p, OSP_RECORD_START, point->start_ns, info);
}

static void
stop_point(const point_info *info)
{
	profiler *p = self;

	if (p->beyond > 0)
	{
		p->beyond--;
		return;
	}
	if (p->depth == 0)
		return;
	write_point(p, OSP_RECORD_STOP, osp_mono_now(), info);
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

/* The id that children of this thread's open point get as parent. */
static void
current_id(const profiler *p, osp_id *id)
{
	if (p->depth > 0)
		osp_id_set_uuid(id, &p->points[p->depth - 1].trace_id);
	else
		*id = p->parent_id;
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
	current_id(self, &point);
	copy_text(&self->base_id, base_id);
	copy_text(&point, point_id);
	return true;
}

bool
osp_get_trace_headers(osp_headers *out)
{
	osp_id point;

	if (!osp_active())
		return false;
	current_id(self, &point);
	return osp_context_sign(
			   self->ring, self->key, &self->base_id, &point, out) == OSP_OK;
}

void
osp_clean(void)
{
	if (self != NULL)
		self->active = false;
}

void
osp_set_notifier(osp_notifier_fn fn, void *ctx)
{
	notifier = fn;
	notifier_ctx = ctx;
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
