/* SPDX-License-Identifier: Apache-2.0
 *
 * bench_producer.c
 *	  Fills rings for a shipper: bench_producer RUN_DIRECTORY POINTS [LENGTH]
 *	  writes that many points, statements of web requests with LENGTH points each
 *	  (100), as fast as the shipper takes them, and ends when all of them have
 *	  left the ring.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "record/producer.h"

#define TIMEOUT_NS (INT64_C(120) * 1000000000)

static void
put_statement(osp_writer *w, long number)
{
	char text[96];
	int len = snprintf(text,
					   sizeof(text),
					   "SELECT id, name FROM items WHERE id = $1 AND n = %ld",
					   number);

	osp_put_object(w, OSP_STR("db"));
	osp_put_str(w, OSP_STR("statement"), osp_str_n(text, (size_t) len));
	osp_put_end(w);
	osp_put_str(w, OSP_STR("database"), OSP_STR("bench"));
	osp_put_str(w, OSP_STR("user"), OSP_STR("api"));
}

/* Writes one point. Once the ring has grown to its default size, waits until it has
 * room. Before that it does not wait, because a full ring is what makes the ring grow. */
static void
write_point(osp_producer *p, osp_record_kind kind, const osp_point_ids *ids,
			long number)
{
	const size_t size = OSP_RECORD_OVERHEAD + 256;
	int64_t now = osp_mono_now();
	osp_writer w;

	while (p->ring.capacity >= OSP_RING_DEFAULT &&
		   p->ring.head + size -
				   __atomic_load_n(&p->ring.header->tail, __ATOMIC_ACQUIRE) >
			   p->ring.capacity / 2)
		(void) usleep(50);
	if (!osp_point_begin(p,
						 &w,
						 kind,
						 ids,
						 OSP_STR("pg"),
						 OSP_STR(""),
						 OSP_STR(""),
						 now,
						 kind == OSP_RECORD_STOP ? 1000 : 0,
						 256))
		return;
	if (kind == OSP_RECORD_START)
		put_statement(&w, number);
	else
		osp_put_u64(&w, OSP_STR("rows"), 1);
	osp_point_commit(p, &w);
}

int
main(int argc, char **argv)
{
	osp_producer producer;
	osp_point_ids ids;
	osp_uuid base_uuid;
	osp_id base;
	osp_error err;
	int64_t begin;
	long points;
	long length;
	long i;

	if (argc < 3 || argc > 4)
	{
		(void) fprintf(stderr,
					   "usage: bench_producer RUN_DIRECTORY POINTS [LENGTH]\n");
		return 2;
	}
	points = strtol(argv[2], NULL, 10);
	length = argc == 4 ? strtol(argv[3], NULL, 10) : 100;
	if (osp_producer_open(&producer,
						  argv[1],
						  &(osp_producer_options){.ring_size = OSP_RING_DEFAULT,
												  .on_full = OSP_ON_FULL_DROP},
						  &err) != OSP_OK)
	{
		(void) fprintf(stderr, "bench_producer: %s\n", err.msg);
		return 1;
	}
	begin = osp_mono_now();
	for (i = 0; i < points / 2; i++)
	{
		if (i % (length / 2) == 0)
		{
			osp_uuid_new(&base_uuid);
			osp_id_set_uuid(&base, &base_uuid);
		}
		ids.base_id = &base;
		ids.parent_id = &base;
		osp_uuid_new(&ids.trace_id);
		write_point(&producer, OSP_RECORD_START, &ids, i);
		write_point(&producer, OSP_RECORD_STOP, &ids, i);
	}
	while (osp_ring_tail(&producer.ring) != osp_ring_head(&producer.ring) &&
		   osp_mono_now() - begin < TIMEOUT_NS)
		(void) usleep(100);
	(void) printf("%.0f points/s, %lu dropped\n",
				  (double) points * 1e9 / (double) (osp_mono_now() - begin),
				  (unsigned long) producer.ring.header->dropped);
	osp_producer_close(&producer);
	return 0;
}
