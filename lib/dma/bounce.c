/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_bitops.h>
#include <rte_prefetch.h>

#include "bounce.h"

/* Bounce slots: the device is given a slot that it reaches; bytes are copied in and out. */

/* ---- mappings ------------------------------------------------------------------------------- */

uint64_t
bounce_max(const struct bounce *b)
{
	return b->max;
}

void
bounce_add_to(const struct bounce *b, struct span *span)
{
	for (unsigned int i = 0; i < b->n_chunks; i++)
		span_add(span, b->chunks[i].iova,
			b->chunks[i].iova + ((UINT64_C(1) << b->chunk_shift) - 1));
}

/* The first lines of what is long, while a slot is sought; the CPU fetches the rest by itself. */
#define PREFETCH      UINT64_C(1024)
#define PREFETCH_FROM UINT64_C(512)

static inline void
prefetch(uint64_t va, uint64_t size)
{
	for (uint64_t at = 0; at < RTE_MIN(size, PREFETCH); at += RTE_CACHE_LINE_SIZE)
		rte_prefetch0((const void *)(uintptr_t)(va + at));
}

int
bounce_map(struct dma_dev *dev, unsigned int lcore, uint64_t va, uint64_t size, bool copy,
	uint64_t *iova)
{
	struct bounce *b = dev_bounce(dev);
	const struct dad_dma_limits *l = &dev->limits;
	uint64_t pad = va & l->min_align_mask;

	if (unlikely(size > b->max - pad))
		return E2BIG;
	if (unlikely((pad & (l->alignment - 1)) != 0))
		return ERANGE;
	if (copy && size > PREFETCH_FROM)
		prefetch(va, size);
	uint32_t n = (uint32_t)((pad + size + SLOT_SIZE - 1) >> SLOT_SHIFT);
	uint32_t align = l->min_align_mask >= SLOT_SIZE || l->alignment > SLOT_SIZE ? 2 : 1;
	uint32_t slot = bounce_take(b, lcore, n, align);

	if (unlikely(slot == NO_SLOT))
		return ENOSPC;
	uint64_t at;
	char *to = slot_at(b, slot, &at) + pad;

	at += pad;
	if (unlikely(dev_check(dev, dev_to_bus(dev, at), size) != 0)) {
		bounce_give(b, lcore, slot, n);
		return ERANGE;
	}
	struct slot *s = &b->slots[slot];
	s->va = va;
	s->iova = at;
	__atomic_store_n(&s->size, (uint32_t)size, __ATOMIC_RELAXED);
	*iova = at;
	if (copy) {
		dev_count_on(dev, lcore, COUNT_IN, size);
		memcpy(to, (const void *)(uintptr_t)va, size);
	}
	return 0;
}

/* The slot at which the mapping around an IOVA starts, and where in the pool the IOVA leads. NULL
 * if it is none of this pool's. */
static inline struct slot *
mapping_at(const struct bounce *b, uint64_t iova, char **va)
{
	uint64_t contig;

	if (unlikely(b == NULL) || iova - b->lowest > b->highest - b->lowest)
		return NULL;
	uint64_t offset = dad_dma_table_find(b->where, iova, &contig);
	if (unlikely(offset == DAD_DMA_ABSENT))
		return NULL; /* in between: EAL's memory, or another pool's */
	struct slot *s = &b->slots[b->slots[offset >> SLOT_SHIFT].first];

	*va = b->chunks[offset >> b->chunk_shift].va + (offset & ((1u << b->chunk_shift) - 1));
	return iova - s->iova < __atomic_load_n(&s->size, __ATOMIC_RELAXED) ? s : NULL;
}

void
bounce_copy(struct dma_dev *dev, uint64_t iova, uint64_t size, bool to_device)
{
	char *in_slot;
	const struct slot *s = mapping_at(dev_bounce(dev), iova, &in_slot);

	if (s == NULL) {
		DMA_LOG(ERR, "%s: sync of IOVA %#" PRIx64 ": not mapped", dev->name, iova);
		return;
	}
	uint64_t offset = iova - s->iova;
	void *memory = (void *)(uintptr_t)(s->va + offset);

	/* not beyond the mapping, whatever the caller says */
	size = RTE_MIN(size, s->size - offset);
	if (to_device)
		memcpy(in_slot, memory, size);
	else
		memcpy(memory, in_slot, size);
	dev_count(dev, to_device ? COUNT_IN : COUNT_OUT, size);
}

uint64_t
bounce_unmap(struct dma_dev *dev, unsigned int lcore, uint64_t iova, uint64_t size, bool copy)
{
	struct bounce *b = dev_bounce(dev);
	char *in_slot;
	struct slot *s = mapping_at(b, iova, &in_slot);

	if (s == NULL || s->iova != iova)
		return DAD_DMA_ABSENT;
	uint64_t va = s->va;

	if (copy) {
		size = RTE_MIN(size, (uint64_t)s->size);
		dev_count_on(dev, lcore, COUNT_OUT, size);
		memcpy((void *)(uintptr_t)va, in_slot, size);
	}
	__atomic_store_n(&s->size, 0, __ATOMIC_RELAXED);
	bounce_give(b, lcore, s->first, s->slots);
	return va;
}

/* ---- life ----------------------------------------------------------------------------------- */

static int
make_slots(struct bounce *b)
{
	b->n_slots = b->n_chunks << (b->chunk_shift - SLOT_SHIFT);
	b->slots = calloc(b->n_slots, sizeof(*b->slots));
	b->free = calloc((b->n_slots + 63) / 64, sizeof(*b->free));
	b->where = table_create();
	if (b->slots == NULL || b->free == NULL || b->where == NULL)
		return ENOMEM;
	for (uint32_t slot = 0; slot < b->n_slots; slot++)
		b->free[slot / 64] |= UINT64_C(1) << (slot % 64);
	b->max = RTE_MIN(((uint64_t)b->n_slots << SLOT_SHIFT) / 2, (uint64_t)DAD_DMA_BOUNCE_MAX);
	b->batch = RTE_MIN(b->n_slots / 128, 64u);
	b->share = b->n_slots / 4;

	b->lowest = UINT64_MAX;
	for (unsigned int i = 0; i < b->n_chunks; i++) {
		uint64_t len = UINT64_C(1) << b->chunk_shift;
		uint64_t iova = b->chunks[i].iova;

		if (table_set(b->where, iova, i * len, len) != 0)
			return ENOMEM;
		b->lowest = RTE_MIN(b->lowest, iova);
		b->highest = RTE_MAX(b->highest, iova + len - 1);
	}
	return 0;
}

void
bounce_free(struct bounce *b)
{
	if (b == NULL)
		return;
	bounce_memory_put(b);
	table_free(b->where);
	free(b->slots);
	free(b->free);
	free(b->chunks);
	free(b);
}

/* 0 or errno */
static int
make(struct dad_dma_domain *domain, size_t size, uint64_t limit, bool own, struct bounce **made)
{
	struct bounce *b = aligned_alloc(RTE_CACHE_LINE_SIZE, sizeof(*b));

	if (b == NULL)
		return ENOMEM;
	memset(b, 0, sizeof(*b));
	b->domain = domain;
	b->own = own;
	size = rte_align64pow2(size);
	b->chunk_shift =
		RTE_MIN((unsigned int)__builtin_ctzll(size), (unsigned int)DAD_DMA_UNIT_SHIFT);
	b->n_chunks = (unsigned int)(size >> b->chunk_shift);
	b->chunks = calloc(b->n_chunks, sizeof(*b->chunks));
	int error = b->chunks == NULL ? ENOMEM : bounce_memory_get(b, limit);

	if (error == 0)
		error = make_slots(b);
	if (error != 0) {
		bounce_free(b);
		return error;
	}
	*made = b;
	return 0;
}

/* There is a rung more. */
static void
refresh_all(struct dad_dma_domain *domain)
{
	struct dma_dev *dev;

	TAILQ_FOREACH (dev, &domain->devs, next)
		dev_refresh(dev);
}

int
dad_dma_bounce_create(struct dad_dma_domain *domain, const struct dad_dma_bounce_conf *conf)
{
	size_t size = conf->size != 0 ? conf->size : 8u << 20;
	uint64_t limit = conf->limit != 0 ? conf->limit : UINT32_MAX;
	struct dma_dev *dev = conf->dev != NULL ? dev_of(conf->dev) : NULL;
	struct bounce **place = dev != NULL ? &dev->own_bounce : &domain->bounce;
	struct bounce *b;

	if (size < DAD_DMA_PAGE_SIZE || size > 1u << 30 || (dev != NULL && dev->domain != domain) ||
		!(domain->rungs & DAD_DMA_RUNG_BIT(DAD_DMA_RUNG_BOUNCE)))
		return -EINVAL;
	if (*place != NULL)
		return -EEXIST;
	/* EAL may be asked for memory: not under the lock */
	int error = make(domain, size, limit, dev != NULL, &b);
	if (error != 0)
		return -error;

	pthread_mutex_lock(&domain->lock);
	if (*place != NULL) {
		error = EEXIST;
	} else {
		*place = b;
		if (dev != NULL)
			dev_refresh(dev);
		else
			refresh_all(domain);
	}
	pthread_mutex_unlock(&domain->lock);
	if (error != 0)
		bounce_free(b);
	return -error;
}

int
dad_dma_bounce_stats(const struct dad_dma_domain *domain, const struct dad_dma_dev *dev,
	struct dad_dma_bounce_stats *stats)
{
	struct bounce *b = dev != NULL ? dev_of(dev)->own_bounce : domain->bounce;

	memset(stats, 0, sizeof(*stats));
	if (b == NULL)
		return -ENOENT;
	lock_take(&b->lock);
	stats->slots = b->n_slots;
	stats->used = b->used;
	stats->high = b->high;
	stats->full = b->full;
	lock_drop(&b->lock);
	for (unsigned int lcore = 0; lcore < RTE_MAX_LCORE; lcore++)
		for (unsigned int run = 1; run <= RUN_SIZES; run++)
			stats->cached += run *
				__atomic_load_n(&b->at_hand[lcore][run - 1].n, __ATOMIC_RELAXED);
	stats->lowest = b->lowest;
	stats->highest = b->highest;
	return 0;
}
