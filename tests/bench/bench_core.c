/* SPDX-License-Identifier: Apache-2.0
 *
 * bench_core.c
 *	  How long the operations on the core's hot paths take.
 *
 *	  bench_core                  a table: ns per operation, the least of several
 *	                              runs, taken in turn
 *	  bench_core OPERATION COUNT  runs one operation COUNT times and nothing else,
 *	                              for callgrind: two counts subtracted give the
 *	                              instructions of one
 */
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "osprofiler/context.h"
#include "osprofiler/profiler.h"
#include "record/producer.h"

#define ROUNDS 15

static osp_producer producer;
static osp_id base;
static osp_keyring *ring;
static osp_headers headers;
static osp_clock timepiece;
static char statement_1k[1024];
static volatile unsigned sink;

/* Does the work of a shipper: empties the ring. */
static void
drain(osp_producer *p)
{
	osp_ring_set_tail(&p->ring, osp_ring_head(&p->ring));
}

static void
write_pair(osp_str statement)
{
	osp_point_ids ids;
	int64_t begin;
	int64_t end;
	osp_writer w;

	ids.base_id = &base;
	ids.parent_id = &base;
	osp_uuid_new(&ids.trace_id);
	begin = osp_clock_now(&timepiece);
	if (osp_point_begin(&producer,
						&w,
						OSP_RECORD_START,
						&ids,
						OSP_STR("pg"),
						OSP_STR(""),
						OSP_STR(""),
						begin,
						0,
						statement.len + 64))
	{
		osp_put_object(&w, OSP_STR("db"));
		osp_put_str(&w, OSP_STR("statement"), statement);
		osp_put_end(&w);
		osp_point_commit(&producer, &w);
	}
	end = osp_clock_now(&timepiece);
	if (osp_point_begin(&producer,
						&w,
						OSP_RECORD_STOP,
						&ids,
						OSP_STR("pg"),
						OSP_STR(""),
						OSP_STR(""),
						end,
						end - begin,
						32))
	{
		osp_put_u64(&w, OSP_STR("rows"), 1);
		osp_point_commit(&producer, &w);
	}
	drain(&producer);
}

static void
run_id(void)
{
	osp_uuid id;

	osp_uuid_new(&id);
	sink += id.bytes[0];
}

static void
run_clock(void)
{
	sink += (unsigned) osp_clock_now(&timepiece);
}

static void
run_clock_gettime(void)
{
	sink += (unsigned) osp_mono_now();
}

static void
run_pair(void)
{
	write_pair(OSP_STR("SELECT abalance FROM pgbench_accounts WHERE aid = 1"));
}

static void
run_pair_1k(void)
{
	write_pair(osp_str_n(statement_1k, sizeof(statement_1k)));
}

static void
run_start_stop(void)
{
	osp_start("call", NULL);
	osp_stop(NULL);
}

static void
run_verify(void)
{
	osp_context context;

	sink += osp_context_verify(ring,
							   osp_str_n(headers.trace_info, headers.info_len),
							   osp_str_of(headers.trace_hmac),
							   &context);
}

static void
run_hmac_one_shot(void)
{
	unsigned char mac[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	sink += HMAC(EVP_sha1(),
				 "SECRET_KEY",
				 10,
				 (const unsigned char *) headers.trace_info,
				 headers.info_len,
				 mac,
				 &len) != NULL;
}

static void
run_sign(void)
{
	osp_headers out;

	sink += osp_context_sign(ring, 0, &base, &base, &out);
}

static void
run_no_comment(void)
{
	char space[OSP_COMMENT_SPACE];
	osp_str info;
	osp_str hmac;

	sink += osp_comment_context(
		OSP_STR("SELECT abalance FROM pgbench_accounts WHERE aid = $1"),
		space,
		&info,
		&hmac);
}

static void
set_up(void)
{
	static char path[] = "/dev/shm/osprofiler-bench-XXXXXX";
	osp_error err;

	memset(statement_1k, 'x', sizeof(statement_1k));
	if (mkdtemp(path) == NULL || setenv("OSPROFILER_RUN_DIR", path, 1) != 0 ||
		!osp_id_set(&base, OSP_STR("5f6b6c1e-8a35-4b1e-9e0d-0c7a3b6f1d20")) ||
		osp_producer_open(&producer,
						  path,
						  &(osp_producer_options){.ring_size = OSP_RING_DEFAULT,
												  .on_full = OSP_ON_FULL_DROP},
						  &err) != OSP_OK ||
		osp_keyring_new(
			&osp_allocator_default, OSP_STR("SECRET_KEY"), &ring, &err) !=
			OSP_OK ||
		osp_context_sign(ring, 0, &base, &base, &headers) != OSP_OK)
	{
		(void) fprintf(stderr, "bench_core: cannot set up\n");
		exit(1);
	}
}

static void
tear_down(void)
{
	char command[OSP_RUNDIR_PATH_MAX + 16];

	(void) snprintf(command, sizeof(command), "rm -rf '%s'", producer.path);
	osp_clean();
	osp_producer_close(&producer);
	osp_keyring_free(ring);
	if (system(command) != 0)
		(void) fprintf(stderr, "bench_core: cannot remove the directory\n");
}

/* Makes this thread trace. Its ring is the second one here, and is emptied. */
static void
begin_thread_trace(void)
{
	static osp_producer view;
	osp_error err;
	int dir_fd;

	osp_clean();
	if (osp_init("SECRET_KEY", NULL, NULL) != OSP_OK)
		(void) fprintf(stderr, "bench_core: osp_init failed\n");
	if (view.ring.header == NULL &&
		osp_rundir_open(producer.path, false, &dir_fd, &err) == OSP_OK)
	{
		if (osp_ring_map(&view.ring, dir_fd, "ring.1", &err) != OSP_OK)
			(void) fprintf(stderr, "bench_core: %s\n", err.msg);
		(void) close(dir_fd);
	}
	if (view.ring.header != NULL)
		drain(&view);
}

static const struct operation
{
	const char *name;
	void (*run)(void);
	void (*before)(void);
	long count; /* of one timed run */
	const char *what;
} operations[] = {
	{"start_stop_off",
	 run_start_stop,
	 osp_clean,
	 1000000,
	 "osp_start + osp_stop, nothing traced"},
	{"start_stop",
	 run_start_stop,
	 begin_thread_trace,
	 1000,
	 "osp_start + osp_stop, into a ring"},
	{"pair", run_pair, NULL, 100000, "start and stop record, 50 B statement"},
	{"pair_1k",
	 run_pair_1k,
	 NULL,
	 100000,
	 "start and stop record, 1 KB statement"},
	{"id", run_id, NULL, 100000, "a UUID from the pool"},
	{"clock", run_clock, NULL, 100000, "the time, by an osp_clock"},
	{"clock_gettime",
	 run_clock_gettime,
	 NULL,
	 100000,
	 "the time, by clock_gettime, for comparison"},
	{"no_comment",
	 run_no_comment,
	 NULL,
	 100000,
	 "look for a context in a statement without one"},
	{"verify", run_verify, NULL, 20000, "verify a signed context"},
	{"sign", run_sign, NULL, 20000, "sign a context"},
	{"hmac_one_shot",
	 run_hmac_one_shot,
	 NULL,
	 20000,
	 "HMAC() of OpenSSL, for comparison"},
};

#define OPERATIONS (sizeof(operations) / sizeof(operations[0]))

static double
time_once(const struct operation *op)
{
	int64_t begin;
	long i;

	if (op->before != NULL)
		op->before();
	begin = osp_mono_now();
	for (i = 0; i < op->count; i++)
		op->run();
	return (double) (osp_mono_now() - begin) / (double) op->count;
}

static void
print_table(void)
{
	double least[OPERATIONS];
	size_t i;
	int round;

	for (round = 0; round < ROUNDS; round++)
	{
		for (i = 0; i < OPERATIONS; i++)
		{
			double ns = time_once(&operations[i]);

			if (round == 0 || ns < least[i])
				least[i] = ns;
		}
	}
	for (i = 0; i < OPERATIONS; i++)
		(void) printf("%-16s %9.1f ns  %s\n",
					  operations[i].name,
					  least[i],
					  operations[i].what);
}

int
main(int argc, char **argv)
{
	size_t i;

	set_up();
	if (argc == 1)
		print_table();
	for (i = 0; argc == 3 && i < OPERATIONS; i++)
	{
		if (strcmp(argv[1], operations[i].name) == 0)
		{
			long count = strtol(argv[2], NULL, 10);

			if (operations[i].before != NULL)
				operations[i].before();
			while (count-- > 0)
				operations[i].run();
		}
	}
	tear_down();
	return 0;
}
