/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_ring.c
 *	  The file of a ring with arbitrary bytes.
 *
 * The input overwrites the file from its beginning: first the header, then records.
 * Properties: reading ends, at head. Each record that is read is inside the ring. No
 * loss that is read has an id that is too long.
 */
#include "fuzz.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "record/ring.h"

/* The largest number of steps to read a ring: a record has at least OSP_RECORD_ALIGN
 * bytes, and all damaged bytes are skipped in one step. */
#define STEPS_MAX (OSP_RING_MIN / OSP_RECORD_ALIGN + 1)

static char path[] = "/tmp/osprofiler-fuzz-XXXXXX";
static int dir_fd = -1;
static osp_ring writer;

static void
clean_up(void)
{
	(void) unlinkat(dir_fd, "ring.0", 0);
	(void) rmdir(path);
}

static void
set_up(void)
{
	REQUIRE(mkdtemp(path) != NULL);
	(void) atexit(clean_up);
	dir_fd = open(path, O_RDONLY | O_DIRECTORY);
	REQUIRE(dir_fd >= 0);
	REQUIRE(osp_ring_create(&writer, dir_fd, "ring.0", OSP_RING_MIN, NULL) ==
			OSP_OK);
}

static void
read_all(osp_ring *ring)
{
	uint64_t pos = osp_ring_tail(ring);
	uint64_t steps = 0;
	osp_record record;
	osp_ring_loss loss;
	osp_buf buf;
	int i;

	osp_buf_init(&buf, &osp_allocator_default, OSP_RING_MIN);
	while (osp_ring_next(ring, &pos, &buf, &record))
	{
		REQUIRE(++steps < STEPS_MAX);
		REQUIRE(record.base_id.len <= OSP_ID_MAX && record.name.len > 0);
		REQUIRE(record.info.len <= OSP_RING_MIN);
	}
	REQUIRE(pos == osp_ring_head(ring));
	for (i = 0; i < OSP_RING_LOSSES; i++)
		if (osp_ring_read_loss(ring, i, &loss))
			REQUIRE(loss.base_id.len <= OSP_ID_MAX && loss.base_id.len > 0);
	osp_buf_term(&buf);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static osp_ring_header sane;
	osp_ring ring;
	size_t head_size;

	if (dir_fd < 0)
	{
		set_up();
		sane = *writer.header;
	}
	head_size = size < sizeof(sane) ? size : sizeof(sane);
	memcpy(writer.header, data, head_size);
	if (size > head_size)
		memcpy(writer.data,
			   data + head_size,
			   size - head_size < OSP_RING_MIN ? size - head_size
											   : OSP_RING_MIN);
	if (osp_ring_map(&ring, dir_fd, "ring.0", NULL) == OSP_OK)
	{
		read_all(&ring);
		osp_ring_unmap(&ring);
	}

	/* The same with a header that passes the check of osp_ring_map(). */
	writer.header->magic = sane.magic;
	writer.header->version = sane.version;
	writer.header->header_size = sane.header_size;
	writer.header->capacity = sane.capacity;
	if (osp_ring_map(&ring, dir_fd, "ring.0", NULL) == OSP_OK)
	{
		read_all(&ring);
		osp_ring_unmap(&ring);
	}
	*writer.header = sane;
	return 0;
}
