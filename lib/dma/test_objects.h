/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TEST_OBJECTS_H
#define TEST_OBJECTS_H

/* Pools of objects of the identity's one device. */

#include "dad_dma_pool.h"
#include "test_identity.h"

static inline uint64_t
used_of(struct dad_dma_pool *pool)
{
	struct dad_dma_pool_stats stats;

	dad_dma_pool_stats(pool, &stats);
	return stats.used;
}

#endif /* TEST_OBJECTS_H */
