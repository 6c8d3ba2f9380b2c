/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef ARENA_H
#define ARENA_H

/* Where coherent memory comes from.
 *
 * A zone is a memzone: few and ever larger ones (2 MiB, and then as much as there is already, up
 * to 64 MiB), as EAL has room for 2560 in all and looks a name up in linear time. A zone is cut
 * into arenas: blocks of a power of two pages that are contiguous and naturally aligned for the
 * CPU and, in the identity domain, for devices. One buddy carves an arena. With virtual IOVAs a
 * zone is one arena; with physical ones, a hugepage mostly is.
 *
 * What there is is guarded by a lock for a few instructions. Growing is not done under it. Before
 * it, each lcore keeps some small blocks at hand (arena_cache.c), so that it takes it seldom. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "dad_dma.h"
#include "lock.h"

struct arenas;
struct buddy;
struct dad_dma_domain;
struct rte_memzone;
struct zone;

struct arena {
	TAILQ_ENTRY(arena) next;
	struct zone *zone;
	struct buddy *buddy;
	uint64_t va;
	uint64_t iova; /* of its first byte without further ado, or DAD_DMA_ABSENT */
	unsigned int order;
	bool listed; /* it has free pages */
} __attribute__((aligned(64)));

/* Pages of an arena. */
struct block {
	struct arena *arena;
	uint32_t page;
	unsigned int order;
};

/* Does it suit the caller? */
typedef bool (*arena_suits_t)(const struct arena *arena, const void *arg);

/* Of one domain; NULL when out of memory. */
struct arenas *arenas_create(void);
/* NULL is allowed. */
void arenas_destroy(struct arenas *arenas);
/* Nothing is used any more: give all memory back. */
void arenas_clear(struct arenas *arenas);

/* Room for 2^order pages more, on that node. If what EAL gives does not suit, it is asked so many
 * times more. The caller holds the domain's arena_lock. 0, ENOMEM, or ERANGE: there is memory, but
 * none that suits. */
int arenas_grow(struct dad_dma_domain *domain, unsigned int order, int socket_id,
	arena_suits_t suits, const void *arg, unsigned int tries);

/* ---- arena_cache.c: blocks, with lcores' own before those of all. lcore: dma_lcore_id() */

/* 2^order pages of what there is, of memory that was asked for on that node (SOCKET_ID_ANY: of
 * any). False if there are none. */
bool blocks_take(struct arenas *arenas, unsigned int lcore, unsigned int order, int socket_id,
	arena_suits_t suits, const void *arg, struct block *block);

/* A block that was taken is this owner's from now on. */
void blocks_own(const struct block *block, const void *owner);
/* The owner's block that was taken with this address and order: from now on it is nobody's, until
 * blocks_give(). False if there is none. */
bool blocks_claim(struct arenas *arenas, unsigned int lcore, const void *va, unsigned int order,
	const void *owner, struct block *block);
/* Put a claimed block back to the taken ones. */
void blocks_unclaim(const struct block *block);
/* Give a claimed block back. What becomes empty goes back to EAL, unless it is the largest empty
 * zone of its node, or keep is set. */
void blocks_give(struct arenas *arenas, unsigned int lcore, const struct block *block, bool keep);

/* ---- arena.c, for arena_cache.c */

/* What lcores keep; NULL when out of memory. */
struct block_caches;
struct block_caches *block_caches_create(void);
struct block_caches *arenas_caches(struct arenas *arenas);
/* Nobody moves. */
void block_caches_stop(struct block_caches *caches);
void block_caches_resume(struct block_caches *caches);
/* Bytes in them; they are stopped. */
uint64_t block_caches_bytes(const struct block_caches *caches);

/* As blocks_take(), up to n at once: all of them of one arena. Returns how many. */
unsigned int arenas_take(struct arenas *arenas, unsigned int order, int socket_id,
	arena_suits_t suits, const void *arg, struct block block[], unsigned int n);
/* Give claimed blocks back. */
void arenas_give(struct arenas *arenas, const struct block block[], unsigned int n);
/* Is there an empty zone too many? Would there be, if this zone had n blocks less? */
bool arenas_has_spare(const struct arenas *arenas);
bool arenas_would_spare(const struct arenas *arenas, const struct zone *zone, uint64_t n);
/* Give those back to EAL. The caches are stopped and empty; they are resumed. */
void arenas_shrink(struct arenas *arenas);
int arena_node(const struct arena *arena);
/* Where an address lies, or NULL. Zones do not go while the caller holds a cache's lock. */
struct arena *arenas_find(const struct arenas *arenas, const void *va);

static inline uint64_t
block_va(const struct block *b)
{
	return b->arena->va + ((uint64_t)b->page << DAD_DMA_PAGE_SHIFT);
}

struct arenas_info {
	unsigned int zones;
	unsigned int arenas;
	uint64_t bytes;
	uint64_t free_bytes;
};
void arenas_info(struct arenas *arenas, struct arenas_info *info);

struct arena_info {
	uint64_t va;
	uint64_t iova; /* or DAD_DMA_ABSENT */
	uint64_t bytes;
	uint64_t free_bytes; /* without what lcores keep */
	int socket_id;	     /* asked for */
};
/* Copies up to max of them, of the newest zones first. Returns how many. */
unsigned int arenas_list(struct arenas *arenas, struct arena_info info[], unsigned int max);

#endif /* ARENA_H */
