/* SPDX-License-Identifier: Apache-2.0
 *
 * sampling.c
 *	  osprofiler.sample_rate: some of the statements without a context begin a
 *	  trace of their own.
 *
 * The statements are those that the client sends, one by one: what a function
 * runs belongs to the statement that called it, sampled or not. No key has
 * signed such a trace, so it ends here: osprofiler.headers() gives none out.
 */
#include "pgosp.h"

#include "access/xact.h"
#include "utils/timestamp.h"

static pgospContext sampled = {PGOSP_SOURCE_SAMPLING, OSP_CTX_ACCEPTED};

/* When the last statement was drawn. */
static TimestampTz drawn_at = 0;
static TimestampTz drawn_in = 0; /* start of that transaction */

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

/*
 * A statement that failed has been drawn when it started, if it ever did. Which
 * of them came that far is not known, so one in a transaction in which others
 * were drawn is taken for one that was.
 */
static bool
was_drawn(void)
{
	return drawn_at == GetCurrentStatementStartTimestamp() ||
		   drawn_in == GetCurrentTransactionStartTimestamp();
}

const pgospContext *
pgosp_sampling_draw(bool failed)
{
	osp_uuid id;

	if (failed && was_drawn())
		return NULL;
	drawn_at = GetCurrentStatementStartTimestamp();
	drawn_in = GetCurrentTransactionStartTimestamp();

	/* The upper 53 bits are a number from 0 to 1 that a double holds. */
	if ((double) (next_random() >> 11) / (double) (UINT64CONST(1) << 53) >=
		pgosp_sample_rate)
		return NULL;
	osp_uuid_new(&id);
	osp_id_set_uuid(&sampled.ids.base_id, &id);
	sampled.ids.parent_id = sampled.ids.base_id;
	sampled.ids.key = PGOSP_NO_KEY;
	return &sampled;
}
