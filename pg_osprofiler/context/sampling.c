/* SPDX-License-Identifier: Apache-2.0
 *
 * sampling.c
 *	  osprofiler.sample_rate: some of the transactions without a context begin a
 *	  trace of their own.
 *
 * For each transaction it is decided once, at random, whether the client's
 * statements without a context become one trace, or are not traced. Statements
 * that a function runs belong to the statement that called it. No key has
 * signed such a trace, so it ends in this server: osprofiler.headers() does not
 * pass it on.
 */
#include "pgosp.h"

#include "access/xact.h"
#include "utils/timestamp.h"

static pgospContext sampled = {PGOSP_SOURCE_SAMPLING, OSP_CTX_ACCEPTED};

/* The start time of the last transaction for which this was decided, and
 * whether that transaction is sampled. */
static TimestampTz drawn_in = 0;
static bool is_sampled = false;

/* Vigna's xorshift64*, seeded once in each process. */
static uint64
next_random(void)
{
	static uint64 state = 0;

	while (state == 0)
	{
		osp_uuid seed;

		osp_uuid_new(&seed);
		memcpy(&state, seed.bytes, sizeof(state));
	}
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return state * UINT64CONST(0x2545F4914F6CDD1D);
}

static bool
draw(void)
{
	/* The upper 53 bits make a number from 0 to 1 that a double represents exactly. */
	return (double) (next_random() >> 11) / (double) (UINT64CONST(1) << 53) <
		   pgosp_sample_rate;
}

const pgospContext *
pgosp_sampling_draw(void)
{
	TimestampTz transaction = GetCurrentTransactionStartTimestamp();
	osp_uuid id;

	if (drawn_in != transaction)
	{
		drawn_in = transaction;
		is_sampled = draw();
		if (is_sampled)
		{
			osp_uuid_new(&id);
			osp_id_set_uuid(&sampled.ids.base_id, &id);
			sampled.ids.parent_id = sampled.ids.base_id;
			sampled.ids.key = PGOSP_NO_KEY;
		}
	}
	return is_sampled ? &sampled : NULL;
}
