/* SPDX-License-Identifier: Apache-2.0
 *
 * profiler_thread.c
 *	  What a thread needs to trace: its state, its ring, its keys.
 *
 * One thread-local pointer leads to all state; if it is NULL, or the state is
 * not active, nothing is traced. The state is made when a thread first traces
 * and kept, with its ring, until the thread ends, so a service that calls
 * osp_init for every request pays for a ring once in a thread. After fork, the
 * child continues its parent's trace in a ring of its own.
 */
#include "profiler/profiler_state.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <unistd.h>

#include "base/fork.h"
#include "notify/batch.h"
#include "profiler/profiler_debug.h"

/* Time until the next attempt to open a ring after one has failed. */
#define RETRY_NS INT64_C(1000000000)

/* The notifier that replaces rings, and its argument. */
static osp_notifier_fn notifier = NULL;
static void *notifier_ctx = NULL;
bool osp__profiler_has_notifier = false;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t at_thread_end;
static osp_config config;
static osp_status config_status;
static char run_directory[OSP_RUNDIR_PATH_MAX];
static char host_name[256];

__thread osp__profiler *osp__self = NULL;

static const osp_allocator *const alc = &osp_allocator_default;

static void
free_profiler(void *ptr)
{
	osp__profiler *p = ptr;

	/* This runs as a destructor of a pthread key, when thread-local variables still
	 * exist. */
	if (p->has_children && osp__self == p)
		osp__profiler_tell(NULL);
	p->active = false;
	p->adopted = false;
	osp__profiler_count(p);
	if (p->has_producer && p->generation == osp__generation())
		osp_producer_close(&p->producer);
	osp_keyring_free(p->ring);
	osp_free(alc, p->keys);
	osp_buf_term(&p->scratch);
	osp_buf_term(&p->json);
	osp_free(alc, p);
	osp__self = NULL;
}

/* Is this process the command osprofiler? Its own work in collectors and run
 * directories must not appear as operations of an application that runs it. */
static bool
is_own_command(void)
{
	return dlsym(RTLD_DEFAULT, "osprofiler_command") != NULL;
}

static void
init_process(void)
{
	osp_error err = {OSP_OK, ""};

	(void) pthread_key_create(&at_thread_end, free_profiler);
	osp__debug_init();
	if (gethostname(host_name, sizeof(host_name) - 1) != 0)
		host_name[0] = '\0';
	config_status = osp_config_load(&config, alc, NULL, &err);
	if (config_status == OSP_OK)
		config_status = osp_rundir_path(
			osp_str_of(config.run_directory), run_directory, &err);
	if (config_status != OSP_OK)
		osp__debug("nothing is traced: %s", err.msg);
	else if (is_own_command())
		config.trace_sqlalchemy = false;
}

const osp_config *
osp__profiler_config(void)
{
	(void) pthread_once(&once, init_process);
	return config_status == OSP_OK ? &config : NULL;
}

void
osp__profiler_labels(osp_str *project, osp_str *service)
{
	*project = osp_str_of(config.project);
	*service = osp_str_of(config.service);
}

osp__profiler *
osp__profiler_get(void)
{
	osp__profiler *p = osp__self;

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
	osp__self = p;
	return p;
}

/* The status file for a thread without a ring: counting a refused context must not cost
 * a ring. */
static pthread_once_t once_stat = PTHREAD_ONCE_INIT;
static osp_runstat *run_stat = NULL;

static void
map_stat(void)
{
	int dir_fd;

	if (osp__profiler_config() == NULL ||
		osp_rundir_open(run_directory, true, &dir_fd, NULL) != OSP_OK)
		return;
	(void) !osp_runstat_map(dir_fd, &run_stat, NULL);
	(void) close(dir_fd);
}

/* Counts a thread that is not traced, once for each time that it has no ring. */
static void
count_untraced(osp__profiler *p)
{
	int saved = errno;

	if (p->retry_ns != 0)
		return;
	(void) pthread_once(&once_stat, map_stat);
	errno = saved;
	if (run_stat == NULL)
		return;
	osp_runstat_add(&run_stat->untraced, 1);
	osp_runstat_note_loss(run_stat);
}

osp_status
osp__profiler_open_ring(osp__profiler *p)
{
	uint64_t generation = osp__generation();
	osp_producer_options options;
	osp_error err = {OSP_OK, ""};
	osp_status status;

	if (notifier != NULL)
		return OSP_OK;
	if (p->generation != generation)
	{
		if (p->has_producer)
			osp_producer_abandon(&p->producer);
		p->has_producer = false;
		p->generation = generation;
		p->retry_ns = 0;
	}
	if (p->has_producer)
		return OSP_OK;
	if (config_status != OSP_OK)
		return config_status;
	options.ring_size = config.ring_size;
	options.ring_total = config.ring_total;
	options.on_full = config.on_full;
	options.project = osp_str_of(config.project);
	options.service = osp_str_of(config.service);
	status = osp_producer_open(&p->producer, run_directory, &options, &err);
	p->has_producer = status == OSP_OK;

	/* Maps the status file now, so that a child that calls chroot() later has it. */
	if (status == OSP_OK)
	{
		(void) pthread_once(&once_stat, map_stat);
		osp__debug("a thread is traced, by way of %s", run_directory);
	}
	else
	{
		osp__debug("a thread is not traced: %s",
				   err.msg[0] != '\0' ? err.msg : osp_status_text(status));
		count_untraced(p);
	}
	p->retry_ns = status == OSP_OK ? 0 : osp_mono_now() + RETRY_NS;
	return status;
}

/* Replaces the thread's keys; takes ring and keys. */
static void
set_keys(osp__profiler *p, osp_keyring *ring, char *keys)
{
	osp_keyring_free(p->ring);
	osp_free(alc, p->keys);
	p->ring = ring;
	p->keys = keys;
}

osp_status
osp__profiler_use_keys(osp__profiler *p, const char *keys)
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
	set_keys(p, ring, copy);
	return OSP_OK;
}

osp_status
osp__profiler_use_configured_keys(osp__profiler *p)
{
	bool usable = config_status == OSP_OK && config.enabled;
	osp_error err = {OSP_OK, ""};
	osp_keyring *ring;
	osp_status status;

	if (config_status == OSP_OK && config.enabled_given && !config.enabled)
		osp__debug("nothing is traced: enabled is false");
	status = osp_keyring_new(
		alc, osp_str_of(usable ? config.hmac_keys : ""), &ring, NULL);
	if (status != OSP_OK)
		return status;
	if (usable && config.hmac_keys_file[0] != '\0')
		status = osp_keyring_add_file(ring, config.hmac_keys_file, &err);
	if (status != OSP_OK)
	{
		osp__debug("nothing is traced: %s", err.msg);
		osp_keyring_free(ring);
		return status;
	}
	set_keys(p, ring, NULL);
	return OSP_OK;
}

void
osp__profiler_restart(osp__profiler *p)
{
	p->depth = 0;
	p->beyond = 0;
	p->hooked = 0;
	p->names_len = 0;
}

void
osp__profiler_note(osp_verdict verdict)
{
	int saved = errno;

	if (verdict == OSP_CTX_NONE || osp__profiler_has_notifier)
		return;
	(void) pthread_once(&once_stat, map_stat);
	errno = saved;
	if (run_stat != NULL)
		osp_runstat_add(&run_stat->contexts[verdict], 1);
}

/* Hands the record in the scratch buffer to the notifier as JSON. */
static void
notify(osp__profiler *p, size_t size)
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

/* Does the thread have a ring of this process? If not, tries to open one, but not too
 * often. */
static bool
has_ring(osp__profiler *p)
{
	if (OSP_LIKELY(p->has_producer && p->generation == osp__generation()))
		return true;
	if (p->generation == osp__generation() && osp_mono_now() < p->retry_ns)
		return false;
	return osp__profiler_open_ring(p) == OSP_OK;
}

bool
osp__profiler_begin(osp__profiler *p, osp_writer *w, osp_record_kind kind,
					const osp_point_ids *ids, osp_str name, int64_t now_ns,
					int64_t elapsed_ns, size_t info_max)
{
	osp_str project;
	osp_str service;
	size_t size;

	osp__profiler_labels(&project, &service);
	if (OSP_LIKELY(notifier == NULL))
		return has_ring(p) && osp_point_begin(&p->producer,
											  w,
											  kind,
											  ids,
											  name,
											  project,
											  service,
											  now_ns,
											  elapsed_ns,
											  info_max);
	size = OSP_RECORD_OVERHEAD + info_max;
	osp_buf_reset(&p->scratch);
	if (!osp_buf_reserve(&p->scratch, size))
		return false;
	osp_record_begin(w,
					 p->scratch.ptr,
					 size,
					 kind,
					 ids,
					 name,
					 project,
					 service,
					 now_ns,
					 elapsed_ns);
	return true;
}

void
osp__profiler_commit(osp__profiler *p, osp_writer *w)
{
	if (OSP_LIKELY(notifier == NULL))
		osp_point_commit(&p->producer, w);
	else
		notify(p, osp_record_end(w));
}

void
osp_set_notifier(osp_notifier_fn fn, void *ctx)
{
	osp__profiler_has_notifier = fn != NULL;
	notifier = fn;
	notifier_ctx = ctx;
}
