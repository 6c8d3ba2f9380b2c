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
	uint64_t half = ((uint64_t)b->n_slots << SLOT_SHIFT) / 2;

	return RTE_MIN(half, (uint64_t)DAD_DMA_BOUNCE_MAX);
}

void
bounce_add_to(const struct bounce *b, struct span *span)
{
	for (unsigned int i = 0; i < b->n_chunks; i++)
		span_add(span, b->chunks[i].iova,
			b->chunks[i].iova + ((UINT64_C(1) << b->chunk_shift) - 1));
}

/* The first lines, while a slot is sought; the CPU fetches the rest by itself. */
#define PREFETCH UINT64_C(1024)

static inline void
prefetch(uint64_t va, uint64_t size)
{
	for (uint64_t at = 0; at < RTE_MIN(size, PREFETCH); at += RTE_CACHE_LINE_SIZE)
		rte_prefetch0((const void *)(uintptr_t)(va + at));
}

int
bounce_map(struct dma_dev *dev, unsigned int lcore, uint64_t va, uint64_t size,
	enum dad_dma_dir dir, unsigned int attrs, uint64_t *iova)
{
	struct bounce *b = dev_bounce(dev);
	const struct dad_dma_limits *l = &dev->limits;
	uint64_t pad = va & l->min_align_mask;

	if (unlikely(size > bounce_max(b) - pad))
		return E2BIG;
	if (unlikely((pad & (l->alignment - 1)) != 0))
		return ERANGE;
	/* in every direction: what the device leaves out comes back as it was */
	bool copy = !(attrs & DAD_DMA_ATTR_SKIP_CPU_SYNC) &&
		!((attrs & DAD_DMA_ATTR_FULL_OVERWRITE) && dir == DAD_DMA_FROM_DEVICE);
	if (copy)
		prefetch(va, size);
	uint32_t n = (uint32_t)((pad + size + SLOT_SIZE - 1) >> SLOT_SHIFT);
	uint32_t align = l->min_align_mask >= SLOT_SIZE || l->alignment > SLOT_SIZE ? 2 : 1;
	uint32_t slot = bounce_take(b, lcore, n, align);

	if (unlikely(slot == NO_SLOT))
		return ENOSPC;
	uint64_t at = slot_iova(b, slot) + pad;
	if (unlikely(dev_check(dev, dev_to_bus(dev, at), size) != 0)) {
		bounce_give(b, lcore, slot, n);
		return ERANGE;
	}
	struct slot *s = &b->slots[slot];
	s->va = va;
	s->iova = at;
	s->slots = n;
	for (uint32_t i = 0; i < n; i++)
		s[i].first = slot;
	__atomic_store_n(&s->size, (uint32_t)size, __ATOMIC_RELAXED);

	if (copy) {
		memcpy(slot_va(b, slot) + pad, (const void *)(uintptr_t)va, size);
		dev_count_on(dev, lcore, COUNT_IN, size);
	}
	*iova = at;
	return 0;
}

/* The slot at which the mapping around an IOVA starts, or NULL. va is where in the pool it leads.
 */
static struct slot *
slot_at(const struct bounce *b, uint64_t iova, uint64_t va)
{
	uint64_t offset = va - (uintptr_t)b->area, contig;

	if (b->area == NULL)
		offset = dad_dma_table_find(b->where, iova, &contig);
	if (offset >> SLOT_SHIFT >= b->n_slots)
		return NULL; /* another pool's */
	struct slot *s = &b->slots[b->slots[offset >> SLOT_SHIFT].first];

	return iova - s->iova < __atomic_load_n(&s->size, __ATOMIC_RELAXED) ? s : NULL;
}

/* Returns how much: not beyond the mapping, whatever the caller says. */
static uint64_t
copy(const struct slot *s, uint64_t iova, uint64_t slot_va, uint64_t size, bool to_device)
{
	uint64_t offset = iova - s->iova;
	void *memory = (void *)(uintptr_t)(s->va + offset), *slot = (void *)(uintptr_t)slot_va;

	size = RTE_MIN(size, s->size - offset);
	if (to_device)
		memcpy(slot, memory, size);
	else
		memcpy(memory, slot, size);
	return size;
}

void
bounce_copy(struct dma_dev *dev, uint64_t iova, uint64_t slot_va, uint64_t size, bool to_device)
{
	const struct bounce *b = dev_bounce(dev);
	const struct slot *s = b != NULL ? slot_at(b, iova, slot_va) : NULL;

	if (s == NULL) {
		DMA_LOG(ERR, "%s: sync of IOVA %#" PRIx64 ": not mapped", dev->name, iova);
		return;
	}
	dev_count(dev, to_device ? COUNT_IN : COUNT_OUT, copy(s, iova, slot_va, size, to_device));
}

bool
bounce_unmap(struct dma_dev *dev, unsigned int lcore, uint64_t iova, uint64_t slot_va,
	uint64_t size, enum dad_dma_dir dir, unsigned int attrs, uint64_t *va)
{
	struct bounce *b = dev_bounce(dev);
	struct slot *s = b != NULL ? slot_at(b, iova, slot_va) : NULL;

	if (unlikely(s == NULL || s->iova != iova)) {
		DMA_LOG(ERR, "%s: unmap of IOVA %#" PRIx64 ": not mapped", dev->name, iova);
		return false;
	}
	if (dir != DAD_DMA_TO_DEVICE && !(attrs & DAD_DMA_ATTR_SKIP_CPU_SYNC))
		dev_count_on(dev, lcore, COUNT_OUT, copy(s, iova, slot_va, size, false));
	*va = s->va;
	uint32_t n = s->slots;

	__atomic_store_n(&s->size, 0, __ATOMIC_RELAXED);
	bounce_give(b, lcore, s->first, n);
	return true;
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
	b->batch = RTE_MIN(b->n_slots / 128, AT_HAND / 4);
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
