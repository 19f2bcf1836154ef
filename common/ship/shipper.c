/* SPDX-License-Identifier: Apache-2.0
 *
 * shipper.c
 *	  Opening and closing a shipper.
 *
 * There is one shipper for a run directory: it holds the lock on the file "lock" there,
 * which the kernel releases however the shipper ends. Everything that it must know
 * after being killed is in the rings and in the spool.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "record/rundir_clear.h"
#include "ship/shipper_int.h"

#define DRIVER_TIMEOUT_MS 5000

/* How often to try to open a spool that another shipper has, with a pause between. */
#define SPOOL_TRIES    100
#define SPOOL_PAUSE_US 20000

static osp_status
no_memory(osp_error *err)
{
	return osp_error_set(err, OSP_ENOMEM, "shipper: out of memory");
}

static osp_status
cannot(osp_error *err, const char *what)
{
	char reason[128];

	return osp_error_set(err,
						 OSP_EIO,
						 "shipper: cannot %s: %s",
						 what,
						 strerror_r(errno, reason, sizeof(reason)));
}

static osp_status
open_descriptors(osp_shipper *s, osp_error *err)
{
	struct epoll_event event;

	memset(&event, 0, sizeof(event));
	event.events = EPOLLIN;
	s->bell_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	s->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	s->poll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (s->bell_fd < 0 || s->event_fd < 0 || s->poll_fd < 0 ||
		epoll_ctl(s->poll_fd, EPOLL_CTL_ADD, s->bell_fd, &event) != 0 ||
		epoll_ctl(s->poll_fd, EPOLL_CTL_ADD, s->event_fd, &event) != 0)
		return cannot(err, "make its descriptors");
	s->sender_heeded = true;
	osp__watch_begin(s);
	s->bell = osp__bell_new(s->alc, s->stat, s->bell_fd);
	return s->bell != NULL ? OSP_OK : no_memory(err);
}

/* Copies host name, project and service, which are for records that do not name their
 * own. */
static osp_status
copy_texts(osp_shipper *s, const osp_shipper_options *options, osp_error *err)
{
	char name[256];
	osp_str host = options->host;

	if (host.len == 0)
	{
		if (gethostname(name, sizeof(name)) != 0)
			name[0] = '\0';
		name[sizeof(name) - 1] = '\0';
		host = osp_str_of(name);
	}
	s->host = osp_strdup(s->alc, host);
	s->project = osp_strdup(s->alc, options->project);
	s->service = osp_strdup(s->alc, options->service);
	if (s->host == NULL || s->project == NULL || s->service == NULL)
		return no_memory(err);
	s->origin.host = osp_str_of(s->host);
	s->origin.project = osp_str_of(s->project);
	s->origin.service = osp_str_of(s->service);
	osp_connection_string_redact(
		options->connection_string, s->where, sizeof(s->where));
	return OSP_OK;
}

/* Opens the spool, as soon as the shipper before this one lets go of it: that may have
 * been stopped for a while, and ends when it sees that it was replaced. */
static osp_status
wait_for_spool(osp_shipper *s, const char *path, uint64_t limit, osp_error *err)
{
	osp_status status = osp_spool_open(s->alc, path, limit, &s->spool, err);
	int tries;

	for (tries = 0; status == OSP_EBUSY && tries < SPOOL_TRIES; tries++)
	{
		(void) usleep(SPOOL_PAUSE_US);
		status = osp_spool_open(s->alc, path, limit, &s->spool, err);
	}
	return status;
}

/* Opens the spool; if it cannot be used, the shipper runs without one. */
static osp_status
open_spool(osp_shipper *s, const osp_shipper_options *options, osp_error *err)
{
	char path[OSP_RUNDIR_PATH_MAX + 16];
	osp_status status;
	uint64_t damaged;
	osp_error why;

	(void) snprintf(path, sizeof(path), "%s/spool", options->run_directory);
	status =
		wait_for_spool(s,
					   options->spool_path != NULL ? options->spool_path : path,
					   options->spool_limit != 0 ? options->spool_limit
												 : OSP_SPOOL_LIMIT_DEFAULT,
					   &why);
	if (status == OSP_EBUSY)
		osp__shipper_note_error(s, why.msg);
	if (status == OSP_EBUSY || status == OSP_ENOMEM)
		return osp_error_set(err, status, "%s", why.msg);
	if (status != OSP_OK)
	{
		osp__shipper_log(s,
						 OSP_LOG_WARNING,
						 "%s; there is no spool until the next start",
						 why.msg);
		osp__shipper_note_error(s, why.msg);
		return OSP_OK;
	}
	damaged = osp_spool_corrupt(s->spool) - osp_spool_unfinished(s->spool);
	if (damaged > 0)
		osp__shipper_log(s,
						 OSP_LOG_WARNING,
						 "%llu damaged bytes of the spool were skipped",
						 (unsigned long long) damaged);
	s->spool_pos = osp_spool_begin(s->spool);
	osp__watch_spool(s);
	osp__spool_publish(s);
	s->spooled_before = osp_spool_points(s->spool);
	return OSP_OK;
}

static osp_status
make_slots(osp_shipper *s, osp_error *err)
{
	int i;

	osp_buf_init(&s->record, s->alc, OSP_RING_MAX / 4);
	if (!osp__losses_open(s))
		return no_memory(err);
	for (i = 0; i < 2; i++)
	{
		shipper_slot *slot = &s->slots[i];

		slot->batch = osp_batch_new(s->alc, OSP_NOTIFICATION_MAX);
		slot->runs = osp_calloc(s->alc, BATCH_POINTS, sizeof(*slot->runs));
		slot->born_ns =
			osp_calloc(s->alc, BATCH_POINTS, sizeof(*slot->born_ns));
		if (slot->batch == NULL || slot->runs == NULL || slot->born_ns == NULL)
			return no_memory(err);
	}
	return OSP_OK;
}

/* Starts the sender. Its first job is to open the driver, so that errors in the
 * connection string show at once. */
static osp_status
start_sender(osp_shipper *s, const osp_shipper_options *options, osp_error *err)
{
	osp_driver_options driver;
	osp_status status;

	memset(&driver, 0, sizeof(driver));
	driver.struct_size = sizeof(driver);
	driver.alc = s->alc;
	driver.connection_string = options->connection_string;
	driver.filter_error_trace = options->filter_error_trace;
	driver.state_directory = s->run_directory;
	driver.last = options->last;
	driver.timeout_ms =
		options->timeout_ms != 0 ? options->timeout_ms : DRIVER_TIMEOUT_MS;
	status = osp__sender_start(&driver, s->event_fd, &s->sender, err);
	if (status != OSP_OK)
		return status;
	s->busy = true;
	s->sent_ns = osp_mono_now();
	osp__sender_send(s->sender, NULL, 0);
	return OSP_OK;
}

static osp_status
open_all(osp_shipper *s, const osp_shipper_options *options, osp_error *err)
{
	osp_status status = osp__directory_open(s, -1, err);

	if (status == OSP_OK)
		status = copy_texts(s, options, err);
	if (status == OSP_OK)
		status = open_descriptors(s, err);
	if (status == OSP_OK)
		status = make_slots(s, err);
	if (status == OSP_OK)
		status = open_spool(s, options, err);
	if (status != OSP_OK)
		return status;

	osp__directory_announce(s);
	s->sleep_number = (uint32_t) osp_mono_now();
	s->active_ns = osp_mono_now();
	s->nap_ms = 1;
	osp__rings_begin(s);
	return start_sender(s, options, err);
}

osp_status
osp_shipper_open(const osp_shipper_options *options, osp_shipper **out,
				 osp_error *err)
{
	const osp_allocator *alc =
		options->alc != NULL ? options->alc : &osp_allocator_default;
	osp_shipper *s;
	osp_status status;

	*out = NULL;
	if (options->run_directory == NULL)
		return osp_error_set(err, OSP_EINVAL, "shipper: no run directory");
	s = osp_calloc(alc, 1, sizeof(*s));
	if (s == NULL)
		return no_memory(err);
	s->alc = alc;
	s->log = options->log;
	s->log_ctx = options->log_ctx;
	s->last = options->last;
	s->tap = options->tap;
	s->tap_ctx = options->tap_ctx;
	s->dir_fd = s->lock_fd = s->poll_fd = -1;
	s->bell_fd = s->event_fd = s->watch_fd = -1;
	s->run_directory = osp_strdup(alc, osp_str_of(options->run_directory));
	if (s->run_directory == NULL)
	{
		osp_free(alc, s);
		return no_memory(err);
	}
	status = open_all(s, options, err);
	if (status != OSP_OK)
	{
		osp_shipper_close(s);
		return status;
	}
	*out = s;
	return OSP_OK;
}

int
osp_shipper_fd(const osp_shipper *s)
{
	return s->poll_fd;
}

bool
osp_shipper_busy(const osp_shipper *s)
{
	return s->busy;
}

/* Counts the points that are lost because they are only in this slot, for the next
 * shipper to report. If a lost point is itself a report, its losses are counted
 * again. */
static void
count_lost(osp_shipper *s, shipper_slot *slot)
{
	size_t count = slot->detached ? osp_batch_count(slot->batch) : 0;
	const osp_notification *items = osp_batch_items(slot->batch);
	uint64_t points = 0;
	osp_id base_id;
	size_t i;

	if (count == 0 || osp__slot_spill(s, slot))
		return;
	for (i = 0; i < count; i++)
	{
		uint64_t lost;

		if (!osp__losses_is_report(&items[i], &lost))
		{
			lost = 1;
			points++;
		}
		if (lost > 0 && osp_id_set(&base_id, items[i].base_id))
			osp__losses_count(s, &base_id, lost);
	}
	osp_runstat_add(&s->stat->spool_dropped, points);
	if (points > 0)
		osp_runstat_note_loss(s->stat);
	osp__shipper_log(s,
					 OSP_LOG_WARNING,
					 "%llu points are lost: neither the collector nor the "
					 "spool took them",
					 (unsigned long long) points);
}

/* Writes the spool's file again if that file alone was removed. */
static void
save_spool(osp_shipper *s)
{
	osp_error err;

	if (s->spool != NULL && osp_spool_bytes(s->spool) > 0 &&
		osp_spool_follow(s->spool, &err) != OSP_OK)
		osp__shipper_log(s, OSP_LOG_WARNING, "%s", err.msg);
}

static void
close_fd(int fd)
{
	if (fd >= 0)
		(void) close(fd);
}

void
osp_shipper_close(osp_shipper *s)
{
	int i;

	if (s == NULL)
		return;
	osp__sender_stop(s->sender);
	if (s->busy)
		(void) osp__shipper_take_result(s, osp_mono_now());
	osp__sender_free(s->sender);
	for (i = 0; i < 2; i++)
	{
		if (s->slots[i].batch != NULL)
			count_lost(s, &s->slots[i]);
		osp_batch_free(s->slots[i].batch);
		osp_free(s->alc, s->slots[i].runs);
		osp_free(s->alc, s->slots[i].born_ns);
	}
	osp__rings_term(s);
	osp__losses_close(s);
	save_spool(s);
	osp_spool_close(s->spool);
	if (s->record.alc != NULL)
		osp_buf_term(&s->record);
	if (s->stat != NULL &&
		__atomic_load_n(&s->stat->shipper, __ATOMIC_RELAXED) ==
			osp_owner_self())
	{
		__atomic_store_n(&s->stat->sleeping, 0, __ATOMIC_RELAXED);
		__atomic_store_n(&s->stat->shipper, 0, __ATOMIC_RELEASE);
	}
	osp__bell_free(s->bell);
	if (s->dir_fd >= 0)
		osp_rundir_clear_waits(s->dir_fd);
	osp__directory_close(s);
	close_fd(s->poll_fd);
	close_fd(s->event_fd);
	close_fd(s->bell_fd);
	close_fd(s->watch_fd);
	osp_free(s->alc, s->run_directory);
	osp_free(s->alc, s->host);
	osp_free(s->alc, s->project);
	osp_free(s->alc, s->service);
	osp_free(s->alc, s);
}
