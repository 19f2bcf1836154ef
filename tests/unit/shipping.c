/* SPDX-License-Identifier: Apache-2.0
 *
 * shipping.c
 *	  Shared by the tests of the shipper.
 */
#include "tap.h"

#include "shipping.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tempdir.h"

#define POINTS_MAX 2000000

static osp_runstat *
map_stat(const shipping *ship)
{
	osp_runstat *stat;
	int dir_fd;

	assert_int_equal(osp_rundir_open(ship->run, true, &dir_fd, NULL), OSP_OK);
	assert_int_equal(osp_runstat_map(dir_fd, &stat, NULL), OSP_OK);
	(void) close(dir_fd);
	return stat;
}

int
shipping_setup(void **state)
{
	shipping *ship = calloc(1, sizeof(*ship));
	const char *dir = tempdir_make();
	char path[128];
	int fd;

	*state = ship;
	(void) setenv(
		"OSPROFILER_DRIVER_PATH", OSP_TEST_BUILD "/tests/unit/drivers", 1);
	(void) snprintf(ship->run, sizeof(ship->run), "%s/run", dir);
	(void) snprintf(ship->uri, sizeof(ship->uri), "fake://%s", dir);
	(void) snprintf(ship->store, sizeof(ship->store), "%s/store", dir);
	(void) snprintf(path, sizeof(path), "%s/control", dir);
	fd = open(path, O_RDWR | O_CREAT, 0600);
	if (fd < 0 || ftruncate(fd, sizeof(fake_control)) != 0)
		return -1;
	ship->control = mmap(
		NULL, sizeof(fake_control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	(void) close(fd);
	if (ship->control == MAP_FAILED)
		return -1;
	ship->stat = map_stat(ship);
	return 0;
}

int
shipping_teardown(void **state)
{
	shipping *ship = *state;

	shipping_close(ship);
	osp_runstat_unmap(ship->stat);
	(void) munmap(ship->control, sizeof(fake_control));
	free(ship);
	tempdir_remove();
	return 0;
}

static void
keep_line(void *ctx, osp_log_level level, const char *line)
{
	shipping_log *log = ctx;

	if (level == OSP_LOG_WARNING)
		log->warnings++;
	else
		log->infos++;
	(void) snprintf(log->last, sizeof(log->last), "%s", line);
}

osp_shipper_options
shipping_options(shipping *ship)
{
	osp_shipper_options options;

	memset(&options, 0, sizeof(options));
	options.run_directory = ship->run;
	options.connection_string = osp_str_of(ship->uri);
	options.project = OSP_STR("project");
	options.service = OSP_STR("");
	options.host = OSP_STR("host");
	options.log = keep_line;
	options.log_ctx = &ship->log;
	return options;
}

osp_shipper *
shipping_open_with(shipping *ship, const osp_shipper_options *options)
{
	osp_error err = {OSP_OK, ""};

	if (osp_shipper_open(options, &ship->shipper, &err) != OSP_OK)
		fail_msg("cannot open: %s", err.msg);
	return ship->shipper;
}

osp_shipper *
shipping_open(shipping *ship)
{
	osp_shipper_options options = shipping_options(ship);

	return shipping_open_with(ship, &options);
}

void
shipping_close(shipping *ship)
{
	osp_shipper_close(ship->shipper);
	ship->shipper = NULL;
}

bool
shipping_step_until(osp_shipper *s, unsigned timeout_ms,
					bool (*done)(void *arg), void *arg)
{
	int64_t end = osp_mono_now() + (int64_t) timeout_ms * 1000000;

	while (!done(arg))
	{
		struct pollfd fd = {osp_shipper_fd(s), POLLIN, 0};
		int wait_ms = osp_shipper_step(s);

		if (osp_mono_now() > end)
			return false;
		if (wait_ms < 0 || wait_ms > 20)
			wait_ms = 20;
		(void) poll(&fd, 1, wait_ms);
	}
	return true;
}

static bool
has_delivered(void *arg)
{
	return osp_shipper_is_empty(arg);
}

static bool
has_slept(void *arg)
{
	return ((const osp_runstat *) arg)->sleeping != 0;
}

void
shipping_step_until_asleep(osp_shipper *s, osp_runstat *stat)
{
	(void) osp_shipper_step(s);
	assert_true(shipping_step_until(s, SHIPPING_TIMEOUT_MS, has_delivered, s));
	assert_true(shipping_step_until(s, SHIPPING_TIMEOUT_MS, has_slept, stat));
}

int
shipping_count_steps(osp_shipper *s, int ms)
{
	int64_t end = osp_mono_now() + (int64_t) ms * 1000000;
	int steps = 0;

	for (;;)
	{
		struct pollfd fd = {osp_shipper_fd(s), POLLIN, 0};
		int64_t left_ms = (end - osp_mono_now()) / 1000000;
		int wait_ms;

		if (left_ms <= 0)
			return steps;
		wait_ms = osp_shipper_step(s);
		steps++;
		if (wait_ms < 0 || wait_ms > left_ms)
			wait_ms = (int) left_ms;
		(void) poll(&fd, 1, wait_ms);
	}
}

void
shipping_deliver(shipping *ship)
{
	assert_true(osp_shipper_flush(shipping_open(ship), 20000));
	shipping_close(ship);
}

void
shipping_produce_open(shipping *ship, osp_producer *producer, size_t ring_size)
{
	osp_error err = {OSP_OK, ""};

	if (osp_producer_open(producer,
						  ship->run,
						  &(osp_producer_options){.ring_size = ring_size,
												  .on_full = OSP_ON_FULL_DROP},
						  &err) != OSP_OK)
		fail_msg("cannot open a producer: %s", err.msg);
}

int
shipping_produce(osp_producer *producer, int n, int from, int to)
{
	static osp_uuid trace_id;
	osp_point_ids ids;
	osp_id base;
	char text[32];
	int committed = 0;
	int i;

	(void) snprintf(text, sizeof(text), "base of %d", n);
	if (!osp_id_set(&base, osp_str_of(text)))
		return 0;
	ids.base_id = ids.parent_id = &base;
	for (i = from; i < to; i++)
	{
		osp_writer w;

		if (i % 2 == 0)
			osp_uuid_new(&trace_id);
		ids.trace_id = trace_id;
		if (!osp_point_begin(producer,
							 &w,
							 i % 2 == 0 ? OSP_RECORD_START : OSP_RECORD_STOP,
							 &ids,
							 i == 13 ? OSP_STR("bad") : OSP_STR("good"),
							 OSP_STR(""),
							 OSP_STR(""),
							 osp_mono_now(),
							 0,
							 64))
			continue;
		osp_put_i64(&w, OSP_STR("point"), i);
		osp_point_commit(producer, &w);
		committed++;
	}
	return committed;
}

/* Returns the text of the file. The caller frees it. */
static char *
read_store(const shipping *ship)
{
	int fd = open(ship->store, O_RDONLY);
	struct stat st = {0};
	char *text;

	if (fd >= 0)
		assert_int_equal(fstat(fd, &st), 0);
	text = calloc(1, (size_t) st.st_size + 1);
	if (fd >= 0)
	{
		assert_int_equal(read(fd, text, (size_t) st.st_size), st.st_size);
		(void) close(fd);
	}
	return text;
}

/* A number made from the source and the sequence at the beginning of a line. */
static uint64_t
place_of(const char *line)
{
	size_t len = strcspn(line, "{");
	uint64_t hash = UINT64_C(0xcbf29ce484222325);
	size_t i;

	for (i = 0; i < len; i++)
		hash = (hash ^ (unsigned char) line[i]) * UINT64_C(0x100000001b3);
	return hash;
}

/* Counts point i, which arrived from this source with this sequence. */
static void
count_point(shipping_arrived *arrived, uint64_t *seen, long i, uint64_t place)
{
	if (seen[i] == place)
	{
		arrived->copies++;
		return;
	}
	if (seen[i] != 0)
		arrived->repeated++;
	else
		arrived->points++;
	seen[i] = place;
	if (i < arrived->highest)
		arrived->unordered++;
	else
		arrived->highest = (int) i;
}

bool
shipping_holds(const shipping *ship, const char *text)
{
	char *store = read_store(ship);
	bool holds = strstr(store, text) != NULL;

	free(store);
	return holds;
}

long
shipping_lost_points(const shipping *ship, const char *base)
{
	static const char member[] = "\"lost_points\": ";
	char *store = read_store(ship);
	char *rest = store;
	char *line;
	long sum = 0;

	while ((line = strsep(&rest, "\n")) != NULL)
	{
		const char *found = strstr(line, member);

		if (found != NULL && strstr(line, base) != NULL &&
			strstr(line, "-start\"") != NULL)
			sum += strtol(found + sizeof(member) - 1, NULL, 10);
	}
	free(store);
	return sum;
}

shipping_arrived
shipping_count(const shipping *ship, int n)
{
	shipping_arrived arrived = {0, 0, 0, 0, -1, -1};
	int line_number = -1;
	uint64_t *seen = calloc(POINTS_MAX, sizeof(*seen));
	char *text = read_store(ship);
	char mark[64];
	char *line;
	char *next;
	char *end;

	(void) snprintf(mark, sizeof(mark), "\"base_id\": \"base of %d\"", n);
	end = text + strlen(text);
	for (line = text; line < end; line = next)
	{
		const char *point;
		long i;

		next = memchr(line, '\n', (size_t) (end - line));
		if (next == NULL)
			break;
		*next++ = '\0';
		line_number++;
		if (strstr(line, "osprofiler.lost") != NULL)
			continue;
		if (strstr(line, mark) == NULL || strstr(line, FAKE_CUT) != NULL)
			continue;
		point = strstr(line, "\"point\": ");
		assert_non_null(point);
		i = strtol(point + 9, NULL, 10);
		assert_in_range(i, 0, POINTS_MAX - 1);
		count_point(&arrived, seen, i, place_of(line));
		arrived.last_line = line_number;
	}
	free(text);
	free(seen);
	return arrived;
}

void
shipping_expect(const shipping *ship, int n, int count)
{
	shipping_arrived arrived = shipping_count(ship, n);

	assert_int_equal(arrived.points, count);
	assert_int_equal(arrived.highest, count - 1);
	assert_int_equal(arrived.copies, 0);
	assert_int_equal(arrived.repeated, 0);
	assert_int_equal(arrived.unordered, 0);
}

int
shipping_rings(const shipping *ship)
{
	char path[128];
	int count = 0;
	int n;

	for (n = 0; n < SHIPPING_PRODUCERS; n++)
	{
		(void) snprintf(path, sizeof(path), "%s/ring.%d", ship->run, n);
		count += access(path, F_OK) == 0;
	}
	return count;
}

void
shipping_expect_sums(const shipping *ship)
{
	const osp_runstat *stat;
	osp_run_totals totals;
	int dir_fd;

	assert_int_equal(osp_rundir_open(ship->run, false, &dir_fd, NULL), OSP_OK);
	assert_int_equal(osp_run_totals_read(dir_fd, &totals, NULL), OSP_OK);
	(void) close(dir_fd);
	stat = &totals.stat;
	assert_int_equal(totals.waiting_bytes, 0);
	assert_int_equal(totals.written,
					 stat->shipped + stat->refused + stat->spool_dropped +
						 stat->spool_points);
}
