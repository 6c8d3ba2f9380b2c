/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IOVA_H
#define IOVA_H

/* Allocator of IOVAs: ranges of addresses without memory behind them, in granules.
 *
 * A range of few granules that is freed goes to a magazine of the lcore (of 510 ranges of the same
 * size), and the next allocation there takes it from that: no lock is shared, no search is made.
 * Full magazines go through a depot to the other lcores. Behind that are a bitmap, for what lies
 * below 4 GiB, and a tree above.
 *
 * Any thread may call everything except create and destroy at any time. Threads that are no lcores
 * share one set of magazines. A call that finds no room stops all others while it empties all
 * magazines and looks again: there is ENOSPC only if no gap would have done at that moment. It
 * costs microseconds, so does the first use of a size on an lcore (memory for its magazines).
 *
 * Not for memory callbacks that a signal handler runs: a thread must not be interrupted by itself.
 */

#include <stdint.h>

#include "dad_dma_domain.h"
#include "lcore.h"

struct dad_iova;

struct dad_iova_stats {
	uint64_t granules;   /* in the whole range, reserved ones too */
	uint64_t reserved;   /* of them: by dad_iova_reserve() */
	uint64_t used;	     /* by callers now */
	uint64_t cached;     /* free, in magazines */
	uint64_t high_water; /* the most that callers and magazines held together */
	uint64_t allocs;     /* successful calls */
	uint64_t frees;
	uint64_t magazine_hits; /* allocations served from a magazine */
	uint64_t no_space;	/* calls that failed with ENOSPC */
	uint64_t flushes;	/* times that all magazines were emptied */
	uint64_t bad_frees;	/* refused: outside of the range, or not taken */
};

/* [base, base + size) in granules of 2^granule_shift bytes (8 to 30); base and size are multiples
 * of it, and the range may end at 2^64. The node (or SOCKET_ID_ANY) is a hint for its own memory.
 * NULL with rte_errno EINVAL or ENOMEM. */
struct dad_iova *dad_iova_create(
	uint64_t base, uint64_t size, unsigned int granule_shift, int socket_id);

/* Whatever is allocated is forgotten. NULL is allowed. */
void dad_iova_destroy(struct dad_iova *a);

/* Never hand out what [start, start + size) touches; parts outside of the range are no matter.
 * 0, -EINVAL (no size, or it wraps), -EBUSY (something of it is taken or reserved: nothing is
 * changed then) or -ENOMEM. */
int dad_iova_reserve(struct dad_iova *a, uint64_t start, uint64_t size);

/* The calls ..._on() are for who knows its dma_lcore_id() already. */
dad_dma_addr_t dad_iova_alloc_on(
	struct dad_iova *a, unsigned int lcore, uint64_t size, uint64_t align, uint64_t limit);
/* In one of these ranges, of which there are IOVA_RANGES at most; who comes first is preferred. */
#define IOVA_RANGES 3u
dad_dma_addr_t dad_iova_alloc_in(struct dad_iova *a, unsigned int lcore, uint64_t size,
	uint64_t align, const struct dad_dma_range in[], unsigned int n_in);
void dad_iova_free_on(struct dad_iova *a, unsigned int lcore, dad_dma_addr_t addr, uint64_t size);

/* size bytes, rounded up to granules, at a multiple of align (a power of two in bytes; what is less
 * than a granule, 0 too, means a granule), the last of the bytes at most at limit.
 * DAD_DMA_MAPPING_ERROR with rte_errno EINVAL, ENOSPC (there is no such gap) or ENOMEM. */
static inline dad_dma_addr_t
dad_iova_alloc(struct dad_iova *a, uint64_t size, uint64_t align, uint64_t limit)
{
	return dad_iova_alloc_on(a, dma_lcore_id(), size, align, limit);
}

/* With the size of the allocation. What cannot have been allocated so is logged, counted and
 * left alone. */
static inline void
dad_iova_free(struct dad_iova *a, dad_dma_addr_t addr, uint64_t size)
{
	dad_iova_free_on(a, dma_lcore_id(), addr, size);
}

/* Stops the others for a moment. */
void dad_iova_stats(struct dad_iova *a, struct dad_iova_stats *stats);

#endif /* IOVA_H */
