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

/* What a slot is used for, a quarter of a cache line: many are mapped before the first of them is
 * unmapped, and by then the CPU has it no longer. All slots of a run know its first, from when it
 * is taken out of the bitmap; that alone knows the rest. */
struct slot {
	/* of the buffer; with SLOT_COUNTED if a region counts the mapping. Or SLOT_COHERENT, and
	 * how many slots there are in the block */
	uint64_t va;
	uint32_t size;	/* of the buffer; 0: free */
	uint32_t first; /* slot of the run */
};

#define SLOT_COUNTED  (UINT64_C(1) << 63)
#define SLOT_COHERENT (UINT64_C(1) << 62)

/* Runs of one slot, or of two, that an lcore keeps at hand. Only the lcore touches them. What it
 * gave last it takes first: that is still in its cache. 2 KiB, and none at all for a thread that is
 * no lcore. */
#define AT_HAND 510u
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
	struct at_hand at_hand[RTE_MAX_LCORE + 1][RUN_SIZES];
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

/* At addresses up to a limit that a device reaches, whatever its mask; or anybody, with NULL. */
int bounce_memory_get(struct bounce *b, const struct dma_dev *dev, uint64_t limit);
void bounce_memory_put(struct bounce *b);

/* Can a device be given size bytes in a run of n slots? What fits into a block of its boundary, at
 * the place in a page that it keeps, lies in one; runs of one and two always do, as two are a page.
 */
static inline bool
bounce_suits(const struct dma_dev *dev, uint64_t iova, uint64_t size, uint32_t n)
{
	const uint64_t addr = dev_to_bus(dev, iova), boundary = dev->limits.seg_boundary;

	if (unlikely(dev_check(dev, addr, size) != 0))
		return false;
	return likely(n <= RUN_SIZES) || size - 1 <= boundary - (addr & boundary) ||
		(addr & dev->limits.min_align_mask) + (size - 1) > boundary;
}

/* ---- bounce_slots.c: which are free */

#define NO_SLOT UINT32_MAX
/* The parts that are not for every call. */
uint32_t bounce_take_more(struct bounce *b, unsigned int lcore, uint32_t n);
/* A run of n slots whose bytes from pad on, size of them, suit the device, in exchange for one that
 * does not, which is given back in any case. 0, ENOSPC, or ERANGE: no run would suit. */
int bounce_exchange(struct bounce *b, const struct dma_dev *dev, unsigned int lcore, uint32_t *slot,
	uint32_t n, uint64_t pad, uint64_t size);
void bounce_give_back(struct bounce *b, unsigned int lcore, uint32_t slot, uint32_t n);

/* A block of n slots, a power of two, for coherent memory, which lies at a multiple of its size for
 * both sides. 0, ENOMEM, or ERANGE: the device reaches no such block. */
int bounce_take_block(struct bounce *b, const struct dma_dev *dev, unsigned int lcore, uint32_t n,
	uint32_t *slot);
void bounce_give_block(struct bounce *b, uint32_t slot, uint32_t n);

static inline void
at_hand_set(struct at_hand *h, uint32_t n)
{
	/* statistics look at it from other threads */
	__atomic_store_n(&h->n, n, __ATOMIC_RELAXED);
}

/* A run of n slots; two and more begin at an even one. NO_SLOT if there is none. */
static inline uint32_t
bounce_take(struct bounce *b, unsigned int lcore, uint32_t n)
{
	if (likely(n <= RUN_SIZES)) {
		struct at_hand *h = &b->at_hand[lcore][n - 1];
		uint32_t left = h->n - 1;

		if (likely(h->n > 0)) {
			at_hand_set(h, left);
			return h->slot[left];
		}
	}
	return bounce_take_more(b, lcore, n);
}

/* True: the lcore keeps it at hand. */
static inline bool
bounce_keep(struct bounce *b, unsigned int lcore, uint32_t slot, uint32_t n)
{
	if (unlikely(n > RUN_SIZES))
		return false;
	struct at_hand *h = &b->at_hand[lcore][n - 1];
	uint32_t have = h->n;

	if (unlikely(have >= h->max || __atomic_load_n(&b->scarce, __ATOMIC_RELAXED)))
		return false;
	h->slot[have] = slot;
	at_hand_set(h, have + 1);
	return true;
}

static inline void
bounce_give(struct bounce *b, unsigned int lcore, uint32_t slot, uint32_t n)
{
	if (!bounce_keep(b, lcore, slot, n))
		bounce_give_back(b, lcore, slot, n);
}

#endif /* BOUNCE_H */
