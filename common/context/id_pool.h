/* SPDX-License-Identifier: Apache-2.0
 *
 * id_pool.h
 *	  The fresh ids that a thread has in store.
 *
 * One call of RAND_bytes serves 1,024 ids: that is a few ns for an id, where
 * libuuid alone takes 1.8 us. The pool of a thread is allocated, not thread-local
 * itself: a library that is loaded by dlopen gets but a few hundred bytes of the
 * kind of thread-local memory that is found without a call.
 */
#ifndef OSP_ID_POOL_H
#define OSP_ID_POOL_H

#include "base/fork.h"
#include "base/shared.h"
#include "osprofiler/ids.h"

#define OSP__POOL_IDS 1024

typedef struct osp__id_pool
{
	uint64_t generation; /* of the process that filled it */
	unsigned left;       /* ids not handed out, at the front */
	osp_uuid ids[OSP__POOL_IDS];
} osp__id_pool;

/* Hooks look into it themselves: another layout gets another name. */
#define osp__ids osp__ids_1

OSP_SHARED extern __thread osp__id_pool *osp__ids
	__attribute__((tls_model("initial-exec")));

/*
 * A fresh id of the store, in the process of this generation. False: there is
 * none, and osp_uuid_new has to be asked.
 */
static inline bool
osp__uuid_take(osp_uuid *out, uint64_t generation)
{
	osp__id_pool *pool = osp__ids;
	osp_uuid *id;

	if (OSP_UNLIKELY(pool == NULL || pool->left == 0 ||
					 pool->generation != generation))
		return false;
	id = &pool->ids[--pool->left];
	*out = *id;

	/* The store is larger than what a processor keeps near, and its end is used
	 * first: what is in front of this is wanted soon. */
	__builtin_prefetch((const void *) ((uintptr_t) id - 128), 1);

	/* An id that was handed out is not to be found in memory again. */
	memset(id, 0, sizeof(*id));
	return true;
}

#endif /* OSP_ID_POOL_H */
