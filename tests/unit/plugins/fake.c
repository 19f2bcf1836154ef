/* SPDX-License-Identifier: Apache-2.0
 *
 * fake.c
 *	  A driver for tests: see fake.h.
 */
#include "fake.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "osprofiler/driver.h"

struct osp_driver_conn
{
	const osp_allocator *alc;
	fake_control *control;
	int store;
};

/* Ends a line that a killed writer has left incomplete, so that it is not taken for a
 * point. */
static void
end_cut_line(int store)
{
	off_t size = lseek(store, 0, SEEK_END);
	char last = '\n';

	if (size > 0 && pread(store, &last, 1, size - 1) != 1)
		abort();
	if (last != '\n' &&
		write(store, FAKE_CUT "\n", sizeof(FAKE_CUT)) != sizeof(FAKE_CUT))
		abort();
}

static osp_status
fake_open(const osp_driver_options *options, osp_driver_conn **out,
		  osp_error *err)
{
	const char *path = strstr(options->connection_string.ptr, "://");
	osp_driver_conn *conn = osp_calloc(options->alc, 1, sizeof(*conn));
	char name[256];
	int fd;

	*out = NULL;
	if (conn == NULL)
		return osp_error_set(err, OSP_ENOMEM, "fake: out of memory");
	conn->alc = options->alc;
	(void) snprintf(name, sizeof(name), "%s/control", path + 3);
	fd = open(name, O_RDWR | O_CLOEXEC);
	conn->control = mmap(
		NULL, sizeof(fake_control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	(void) close(fd);
	(void) snprintf(name, sizeof(name), "%s/store", path + 3);
	conn->store = open(name, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (conn->control == MAP_FAILED || conn->store < 0)
		abort();
	end_cut_line(conn->store);
	(void) snprintf(conn->control->state_directory,
					sizeof(conn->control->state_directory),
					"%s",
					options->state_directory != NULL ? options->state_directory
													 : "");
	conn->control->last = options->last;
	*out = conn;
	return OSP_OK;
}

/* Decrements an order. Returns whether it was not zero. */
static bool
is_ordered(uint32_t *order)
{
	uint32_t left = __atomic_load_n(order, __ATOMIC_RELAXED);

	while (left > 0)
		if (__atomic_compare_exchange_n(order,
										&left,
										left - 1,
										false,
										__ATOMIC_RELAXED,
										__ATOMIC_RELAXED))
			return true;
	return false;
}

static void
store(const osp_driver_conn *conn, const osp_notification *item)
{
	char source[OSP_UUID_TEXT_LEN + 1];
	osp_buf line;

	osp_uuid_text(&item->source, source);
	osp_buf_init(&line, &osp_allocator_default, SIZE_MAX / 2);
	osp_buf_add_str(&line, osp_str_of(source));
	osp_buf_add_char(&line, ' ');
	osp_buf_add_i64(&line, (int64_t) item->sequence);
	osp_buf_add_char(&line, ' ');
	osp_buf_add_str(&line, item->json);
	osp_buf_add_char(&line, '\n');
	if (write(conn->store, line.ptr, line.len) != (ssize_t) line.len)
		abort();
	osp_buf_term(&line);
}

static osp_status
fake_notify(osp_driver_conn *conn, const osp_notification *items, size_t count,
			size_t *accepted, osp_error *err)
{
	fake_control *control = conn->control;
	bool refuse = __atomic_load_n(&control->refuse, __ATOMIC_RELAXED) != 0;
	uint32_t delay_ms = __atomic_load_n(&control->delay_ms, __ATOMIC_RELAXED);
	bool partial;
	size_t i;

	*accepted = 0;
	(void) __atomic_fetch_add(&control->notifies, 1, __ATOMIC_RELAXED);
	if (__atomic_load_n(&control->largest, __ATOMIC_RELAXED) < count)
		__atomic_store_n(&control->largest, (uint32_t) count, __ATOMIC_RELAXED);
	if (is_ordered(&control->fail))
		return osp_error_set(err, OSP_EUNAVAIL, "fake: told to fail");
	if (delay_ms > 0)
		(void) usleep(delay_ms * 1000);
	partial = is_ordered(&control->partial);
	for (i = 0; i < count; i++)
	{
		if (partial && i % 2 == 1)
			continue;
		if (refuse && memcmp(items[i].name.ptr, "bad", 3) == 0)
			continue;
		store(conn, &items[i]);
		(*accepted)++;
	}
	if (partial)
		return osp_error_set(err, OSP_EUNAVAIL, "fake: told to fail half-way");
	if (*accepted < count)
		return osp_error_set(err, OSP_EREFUSED, "fake: bad points");
	return OSP_OK;
}

static osp_status
fake_get_points(osp_driver_conn *conn, osp_str base_id, osp_point_fn fn,
				void *ctx, osp_error *err)
{
	(void) conn;
	(void) base_id;
	(void) fn;
	(void) ctx;
	return osp_error_set(err, OSP_EUNSUPPORTED, "fake: cannot read");
}

static osp_status
fake_list_traces(osp_driver_conn *conn, const osp_trace_filter *filter,
				 osp_trace_fn fn, void *ctx, osp_str *next, osp_error *err)
{
	(void) conn;
	(void) filter;
	(void) fn;
	(void) ctx;
	(void) next;
	return osp_error_set(err, OSP_EUNSUPPORTED, "fake: cannot list");
}

static osp_status
fake_remove_traces(osp_driver_conn *conn, const osp_removal *what,
				   uint64_t *removed, osp_error *err)
{
	(void) conn;
	(void) what;
	*removed = 0;
	return osp_error_set(err, OSP_EUNSUPPORTED, "fake: cannot remove");
}

static void
fake_close(osp_driver_conn *conn)
{
	if (conn == NULL)
		return;
	(void) munmap(conn->control, sizeof(fake_control));
	(void) close(conn->store);
	osp_free(conn->alc, conn);
}

static const char *const schemes[] = {"fake", NULL};

extern OSP_API const osp_driver osp_driver_fake;
const osp_driver osp_driver_fake = {
	.abi = OSP_DRIVER_ABI,
	.name = "fake",
	.schemes = schemes,
	.open = fake_open,
	.notify = fake_notify,
	.get_points = fake_get_points,
	.list_traces = fake_list_traces,
	.remove_traces = fake_remove_traces,
	.close = fake_close,
};
