/* SPDX-License-Identifier: Apache-2.0
 *
 * sqlstate.c
 *	  PostgreSQL's condition names, found by SQLSTATE, and back.
 */
#include "notify/batch.h"

#define SQLSTATE_LEN 5

typedef struct condition
{
	const char *state;
	const char *name;
} condition;

static const condition conditions[] = {
#define SQLSTATE(state, name) {state, name},
#include "notify/sqlstate.def"
#undef SQLSTATE
};

const char *
osp_sqlstate_name(const char state[5])
{
	size_t low = 0;
	size_t high = sizeof(conditions) / sizeof(conditions[0]);

	while (low < high)
	{
		size_t middle = low + (high - low) / 2;
		int order = memcmp(state, conditions[middle].state, SQLSTATE_LEN);

		if (order == 0)
			return conditions[middle].name;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

const char *
osp_sqlstate_of(osp_str name)
{
	size_t i;

	for (i = 0; i < sizeof(conditions) / sizeof(conditions[0]); i++)
		if (osp_str_eq(name, osp_str_of(conditions[i].name)))
			return conditions[i].state;
	return NULL;
}
