/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BOUNCE_H
#define BOUNCE_H

/* The parts of a bounce pool: the memory, and the slots in it. */

#include "dma_internal.h"

#define SLOT_SHIFT 11
#define SLOT_SIZE  (UINT64_C(1) << SLOT_SHIFT)

/* A piece of a pool that is contiguous for the device. */
struct chunk {
	char *va;
	uint64_t iova;
	const struct rte_memzone *mz; /* where it is one */
};

/* What a slot is used for. A run's first and length are known from when it is taken out of the
 * bitmap; all slots of a run know its first, which alone knows the rest. */
struct slot {
	uint64_t va;	/* of the buffer */
	uint64_t iova;	/* of its first byte in the slot */
	uint32_t size;	/* of the buffer; 0: free */
	uint32_t first; /* slot of the run */
	uint32_t slots; /* of the run */
};

/* Runs of one slot, or of two, that an lcore keeps at hand. Only the lcore touches them. What it
 * gave last it takes first: that is still in its cache. */
#define AT_HAND 512u
struct at_hand {
	uint32_t n;
	uint32_t max; /* it may have; grows with what it needs, while the pool's share lasts */
	uint32_t slot[AT_HAND];
} __rte_cache_aligned;
#define RUN_SIZES 2u

struct bounce {
	struct dad_dma_domain *domain;
	bool own; /* of one device */

	uint64_t max; /* bytes of a mapping */
	unsigned int chunk_shift;
	unsigned int n_chunks;
	struct chunk *chunks;
	void *area; /* anonymous memory under the chunks, or NULL */
	size_t area_size;
	bool in_eals_iommu;	     /* the area is mapped in EAL's VFIO container */
	struct dad_dma_table *where; /* IOVA → offset in the pool */
	uint64_t lowest, highest;    /* IOVAs */

	uint32_t n_slots;
	struct slot *slots;
	uint32_t batch; /* runs that an lcore takes at once; 0: none are kept at hand */
	uint32_t share; /* slots that may still be promised to lcores, under the lock */
	bool scarce;	/* lcores shall keep nothing; relaxed atomics */
	struct lock lock;
	uint64_t *free; /* a bit a slot */
	uint32_t hint;	/* word of it from which on to search: low slots first, they are warm */
	uint32_t used;
	uint32_t high;
	uint64_t full;
	struct at_hand at_hand[RTE_MAX_LCORE][RUN_SIZES];
};

/* Where a slot begins, for the CPU and for the device. */
static inline char *
slot_at(const struct bounce *b, uint32_t slot, uint64_t *iova)
{
	uint64_t offset = (uint64_t)slot << SLOT_SHIFT;
	const struct chunk *c = &b->chunks[offset >> b->chunk_shift];

	offset &= (1u << b->chunk_shift) - 1;
	*iova = c->iova + offset;
	return c->va + offset;
}

/* ---- bounce_memory.c: the chunks. 0 or errno */

int bounce_memory_get(struct bounce *b, uint64_t limit);
void bounce_memory_put(struct bounce *b);

/* ---- bounce_slots.c: which are free */

#define NO_SLOT UINT32_MAX
/* The parts that are not for every call. */
uint32_t bounce_take_more(struct bounce *b, struct at_hand *h, uint32_t n, uint32_t align);
void bounce_give_back(struct bounce *b, unsigned int lcore, uint32_t slot, uint32_t n);

static inline struct at_hand *
at_hand_of(struct bounce *b, unsigned int lcore, uint32_t n, uint32_t align)
{
	if (n > RUN_SIZES || (n == 1 && align > 1) || b->batch == 0 || lcore >= RTE_MAX_LCORE)
		return NULL;
	return &b->at_hand[lcore][n - 1];
}

static inline void
at_hand_set(struct at_hand *h, uint32_t n)
{
	/* statistics look at it from other threads */
	__atomic_store_n(&h->n, n, __ATOMIC_RELAXED);
}

/* A run of n slots, the first a multiple of align slots; NO_SLOT if there is none. */
static inline uint32_t
bounce_take(struct bounce *b, unsigned int lcore, uint32_t n, uint32_t align)
{
	struct at_hand *h = at_hand_of(b, lcore, n, align);

	if (unlikely(h == NULL || h->n == 0))
		return bounce_take_more(b, h, n, align);
	at_hand_set(h, h->n - 1);
	return h->slot[h->n];
}

static inline void
bounce_give(struct bounce *b, unsigned int lcore, uint32_t slot, uint32_t n)
{
	struct at_hand *h = at_hand_of(b, lcore, n, 1);

	if (unlikely(
		    h == NULL || h->n == h->max || __atomic_load_n(&b->scarce, __ATOMIC_RELAXED))) {
		bounce_give_back(b, lcore, slot, n);
		return;
	}
	h->slot[h->n] = slot;
	at_hand_set(h, h->n + 1);
}

#endif /* BOUNCE_H */
