/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>
#include <string.h>

#include <rte_branch_prediction.h>
#include <rte_common.h>
#include <rte_lcore.h>
#include <rte_memory.h>

#include "arena.h"
#include "buddy.h"
#include "lock.h"

/* Small blocks that an lcore keeps at hand: the lock of the arenas is taken once in many. A kept
 * block is claimed, so that nobody can give it back twice. An lcore keeps blocks of one zone only:
 * it must not hold up many. */

#define CACHED_ORDERS 3u  /* 4, 8 and 16 KiB */
#define CACHE_BLOCKS  32u /* of each order */

struct block_cache {
	struct lock lock; /* its lcore's, and for a moment that of who finds nothing, or shrinks */
	uint32_t total;	  /* blocks; written under the lock */
	const struct zone *zone; /* of all of them */
	uint32_t n[CACHED_ORDERS];
	struct block block[CACHED_ORDERS][CACHE_BLOCKS];
} __rte_cache_aligned;

struct block_caches {
	struct block_cache
		cache[RTE_MAX_LCORE + 1]; /* the last for all threads that are no lcores */
};

struct block_caches *
block_caches_create(void)
{
	struct block_caches *caches = aligned_alloc(RTE_CACHE_LINE_SIZE, sizeof(*caches));

	if (caches != NULL)
		memset(caches, 0, sizeof(*caches));
	return caches;
}

void
block_caches_stop(struct block_caches *caches)
{
	for (unsigned int i = 0; i < RTE_DIM(caches->cache); i++)
		lock_take(&caches->cache[i].lock);
}

void
block_caches_resume(struct block_caches *caches)
{
	for (unsigned int i = RTE_DIM(caches->cache); i-- > 0;)
		lock_drop(&caches->cache[i].lock);
}

uint64_t
block_caches_bytes(const struct block_caches *caches)
{
	uint64_t bytes = 0;

	for (unsigned int i = 0; i < RTE_DIM(caches->cache); i++)
		for (unsigned int order = 0; order < CACHED_ORDERS; order++)
			bytes += (uint64_t)caches->cache[i].n[order]
				<< (order + DAD_DMA_PAGE_SHIFT);
	return bytes;
}

/* Holds its lock. */
static void
set_total(struct block_cache *c, uint32_t total)
{
	/* who looks for blocks passes by without the lock */
	__atomic_store_n(&c->total, total, __ATOMIC_RELAXED);
}

/* Holds its lock. */
static void
put(struct block_cache *c, const struct block *block)
{
	if (c->total == 0)
		c->zone = block->arena->zone;
	c->block[block->order][c->n[block->order]++] = *block;
	set_total(c, c->total + 1);
}

/* Holds its lock. The n that were kept longest go back. */
static void
spill(struct arenas *arenas, struct block_cache *c, unsigned int order, uint32_t n)
{
	struct block *block = c->block[order];

	arenas_give(arenas, block, n);
	c->n[order] -= n;
	set_total(c, c->total - n);
	memmove(block, block + n, c->n[order] * sizeof(*block));
}

/* Holds its lock. */
static void
flush(struct arenas *arenas, struct block_cache *c)
{
	for (unsigned int order = 0; c->total > 0 && order < CACHED_ORDERS; order++)
		spill(arenas, c, order, c->n[order]);
}

/* ---- taking ------------------------------------------------------------------------------- */

static inline bool
fits(const struct block *block, int socket_id, arena_suits_t suits, const void *arg)
{
	return (socket_id == SOCKET_ID_ANY || arena_node(block->arena) == socket_id) &&
		(suits == NULL || suits(block->arena, arg));
}

/* Holds its lock. One for the caller, and of the same arena some to keep. */
static bool
refill(struct arenas *arenas, struct block_cache *c, unsigned int order, int socket_id,
	arena_suits_t suits, const void *arg, struct block *block)
{
	struct block more[CACHE_BLOCKS / 2];
	unsigned int n = arenas_take(arenas, order, socket_id, suits, arg, more, RTE_DIM(more));

	if (n == 0)
		return false;
	*block = more[0];
	if (c->total > 0 && c->zone != block->arena->zone)
		flush(arenas, c);
	/* the lowest on top */
	for (unsigned int i = n; i-- > 1;) {
		buddy_claim(more[i].arena->buddy, more[i].page, order);
		put(c, &more[i]);
	}
	return true;
}

/* What all lcores keep goes back. True: it was something. */
static bool
steal(struct arenas *arenas)
{
	struct block_caches *caches = arenas_caches(arenas);
	bool some = false;

	for (unsigned int i = 0; i < RTE_DIM(caches->cache); i++) {
		struct block_cache *c = &caches->cache[i];

		if (__atomic_load_n(&c->total, __ATOMIC_RELAXED) == 0)
			continue;
		lock_take(&c->lock);
		some |= c->total > 0;
		flush(arenas, c);
		lock_drop(&c->lock);
	}
	return some;
}

bool
blocks_take(struct arenas *arenas, unsigned int lcore, unsigned int order, int socket_id,
	arena_suits_t suits, const void *arg, struct block *block)
{
	if (order < CACHED_ORDERS) {
		struct block_cache *c = &arenas_caches(arenas)->cache[lcore];
		bool got = false;

		lock_take(&c->lock);
		if (likely(c->n[order] > 0)) {
			const struct block *top = &c->block[order][c->n[order] - 1];

			if (likely(fits(top, socket_id, suits, arg))) {
				*block = *top;
				c->n[order]--;
				set_total(c, c->total - 1);
				blocks_unclaim(block);
				got = true;
			}
		} else {
			got = refill(arenas, c, order, socket_id, suits, arg, block);
		}
		lock_drop(&c->lock);
		if (likely(got))
			return true;
	}
	if (arenas_take(arenas, order, socket_id, suits, arg, block, 1) == 1)
		return true;
	return steal(arenas) && arenas_take(arenas, order, socket_id, suits, arg, block, 1) == 1;
}

/* ---- giving ------------------------------------------------------------------------------- */

void
blocks_own(const struct block *block, const void *owner)
{
	buddy_set_owner(block->arena->buddy, block->page, owner);
}

bool
blocks_claim(struct arenas *arenas, unsigned int lcore, const void *va, unsigned int order,
	const void *owner, struct block *block)
{
	struct block_cache *c = &arenas_caches(arenas)->cache[lcore];
	bool ok = false;

	/* the block may be none: then its arena might go, but for the lock */
	lock_take(&c->lock);
	struct arena *arena = arenas_find(arenas, va);
	if (arena != NULL && ((uintptr_t)va & (DAD_DMA_PAGE_SIZE - 1)) == 0) {
		uint32_t page = (uint32_t)(((uintptr_t)va - arena->va) >> DAD_DMA_PAGE_SHIFT);

		*block = (struct block){.arena = arena, .page = page, .order = order};
		ok = buddy_claim(arena->buddy, page, order);
		if (unlikely(ok && buddy_owner(arena->buddy, page) != owner)) {
			buddy_unclaim(arena->buddy, page, order);
			ok = false;
		}
	}
	lock_drop(&c->lock);
	return ok;
}

void
blocks_unclaim(const struct block *block)
{
	buddy_unclaim(block->arena->buddy, block->page, block->order);
}

void
blocks_give(struct arenas *arenas, unsigned int lcore, const struct block *block, bool keep)
{
	struct block_caches *caches = arenas_caches(arenas);
	struct block_cache *c = &caches->cache[lcore];
	const unsigned int order = block->order;

	lock_take(&c->lock);
	if (likely(order < CACHED_ORDERS && (c->total == 0 || c->zone == block->arena->zone))) {
		if (unlikely(c->n[order] == CACHE_BLOCKS))
			spill(arenas, c, order, CACHE_BLOCKS / 2);
		put(c, block);
	} else {
		arenas_give(arenas, block, 1);
	}
	/* what is kept here shall not be all that holds a zone */
	bool spare = arenas_has_spare(arenas) ||
		(c->total > 0 && arenas_would_spare(arenas, c->zone, c->total));
	lock_drop(&c->lock);
	if (likely(keep || !spare))
		return;
	block_caches_stop(caches);
	for (unsigned int i = 0; i < RTE_DIM(caches->cache); i++)
		flush(arenas, &caches->cache[i]);
	arenas_shrink(arenas);
}
