/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BOUNCE_MAP_H
#define BOUNCE_MAP_H

/* A mapping through slots, and its end. Inline: what surrounds the copies shall be short. */

#include <errno.h>
#include <string.h>

#include "bounce.h"

/* In every direction: what the device leaves out comes back as it was. */
static inline bool
bounce_copies_in(enum dad_dma_dir dir, unsigned int attrs)
{
	return !(attrs & DAD_DMA_ATTR_SKIP_CPU_SYNC) &&
		!((attrs & DAD_DMA_ATTR_FULL_OVERWRITE) && dir == DAD_DMA_FROM_DEVICE);
}

static inline bool
bounce_copies_out(enum dad_dma_dir dir, unsigned int attrs)
{
	return dir != DAD_DMA_TO_DEVICE && !(attrs & DAD_DMA_ATTR_SKIP_CPU_SYNC);
}

/* A buffer begins so far behind the start of its slot, */
static inline uint64_t
bounce_pad(const struct dma_dev *dev, uint64_t va)
{
	return va & dev->limits.min_align_mask;
}

/* and takes so many slots: two at least if the device looks at more bits of an address than one
 * slot has, as runs of two are aligned to that. */
static inline uint32_t
bounce_slots_for(const struct dma_dev *dev, uint64_t pad, uint64_t size)
{
	const struct dad_dma_limits *l = &dev->limits;
	uint32_t n = (uint32_t)((pad + size + SLOT_SIZE - 1) >> SLOT_SHIFT);

	return unlikely(n == 1 && (l->min_align_mask | (l->alignment - 1)) >= SLOT_SIZE) ? 2 : n;
}

/* A mapping but for its copy, which goes to *to. The device has a pool. counted: by a region. 0 or
 * errno. */
static __rte_always_inline int
bounce_place(struct dma_dev *dev, unsigned int lcore, uint64_t va, uint64_t size, bool counted,
	uint64_t *iova, char **to)
{
	struct bounce *b = dev_bounce(dev);
	uint64_t pad = bounce_pad(dev, va);

	if (unlikely(pad + size > b->max))
		return E2BIG;
	if (unlikely((pad & (dev->limits.alignment - 1)) != 0))
		return ERANGE;
	uint32_t n = bounce_slots_for(dev, pad, size);
	uint32_t slot = bounce_take(b, lcore, n);

	if (unlikely(slot == NO_SLOT))
		return ENOSPC;
	*to = slot_at(b, slot, iova) + pad;
	*iova += pad;
	if (unlikely(!bounce_suits(dev, *iova, size, n))) {
		int error = bounce_exchange(b, dev, lcore, &slot, n, pad, size);

		if (error != 0)
			return error;
		*to = slot_at(b, slot, iova) + pad;
		*iova += pad;
	}
	struct slot *s = &b->slots[slot];
	s->va = va | (counted ? SLOT_COUNTED : 0);
	__atomic_store_n(&s->size, (uint32_t)size, __ATOMIC_RELAXED);
	return 0;
}

static inline void
bounce_fill(struct dma_dev *dev, unsigned int lcore, char *to, uint64_t va, uint64_t size)
{
	dev_count_on(dev, lcore, COUNT_IN, size);
	memcpy(to, (const void *)(uintptr_t)va, size);
}

/* The slot at which the mapping around an IOVA starts, how far into that it leads, and where in
 * the pool. NULL if it is none of this pool's. */
static inline struct slot *
bounce_find(
	const struct dma_dev *dev, const struct bounce *b, uint64_t iova, uint64_t *into, char **va)
{
	uint64_t contig;

	if (unlikely(b == NULL) || iova - b->lowest > b->highest - b->lowest)
		return NULL;
	uint64_t offset = dad_dma_table_find(b->where, iova, &contig);
	if (unlikely(offset == DAD_DMA_ABSENT))
		return NULL; /* in between: EAL's memory, or another pool's */
	uint32_t first = b->slots[offset >> SLOT_SHIFT].first;
	struct slot *s = &b->slots[first];

	/* before the buffer it becomes a very large number */
	*into = offset - ((uint64_t)first << SLOT_SHIFT) - bounce_pad(dev, s->va);
	*va = b->chunks[offset >> b->chunk_shift].va + (offset & ((1u << b->chunk_shift) - 1));
	return *into < __atomic_load_n(&s->size, __ATOMIC_RELAXED) ? s : NULL;
}

/* What an unmap has to do yet. */
struct bounce_end {
	uint64_t va; /* of the buffer; DAD_DMA_ABSENT if the device's pool has no such mapping */
	const char *from; /* in the slots */
	uint32_t size;	  /* mapped */
	uint32_t slot, n; /* the run */
	bool counted;	  /* by a region */
};

static __rte_always_inline struct bounce_end
bounce_end(const struct dma_dev *dev, const struct bounce *b, uint64_t iova)
{
	char *from;
	uint64_t into;
	struct slot *s = bounce_find(dev, b, iova, &into, &from);

	if (unlikely(s == NULL || into != 0))
		return (struct bounce_end){.va = DAD_DMA_ABSENT};
	const struct bounce_end e = {.va = s->va & ~SLOT_COUNTED,
		.counted = (s->va & SLOT_COUNTED) != 0,
		.from = from,
		.size = s->size,
		.slot = s->first,
		.n = bounce_slots_for(dev, bounce_pad(dev, s->va), s->size)};

	/* nobody finds it any more, and nobody gets its slots yet */
	__atomic_store_n(&s->size, 0, __ATOMIC_RELAXED);
	return e;
}

static inline void
bounce_empty(struct dma_dev *dev, unsigned int lcore, struct bounce_end e, uint64_t size)
{
	size = RTE_MIN(size, e.size);
	dev_count_on(dev, lcore, COUNT_OUT, size);
	memcpy((void *)(uintptr_t)e.va, e.from, size);
}

#endif /* BOUNCE_MAP_H */
