/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_bitops.h>

#include "bounce_map.h"

/* Bounce slots: the device is given a slot that it reaches; bytes are copied in and out. */

/* ---- mappings ------------------------------------------------------------------------------- */

uint64_t
bounce_max(const struct bounce *b)
{
	return b->max;
}

bool
bounce_is_in_reach(const struct dma_dev *dev, uint64_t mask)
{
	const struct bounce *b = dev_bounce(dev);

	if (dev_to_bus(dev, b->lowest) > mask || dev_to_bus(dev, b->highest) > mask)
		return false;
	for (uint32_t slot = 0; slot < b->n_slots; slot++) {
		uint64_t iova;

		slot_at(b, slot, &iova);
		if (dev_check_limits(dev, dev_to_bus(dev, iova), SLOT_SIZE) == 0)
			return true;
	}
	return false;
}

void
bounce_add_to(const struct bounce *b, struct span *span)
{
	for (unsigned int i = 0; i < b->n_chunks; i++)
		span_add(span, b->chunks[i].iova,
			b->chunks[i].iova + ((UINT64_C(1) << b->chunk_shift) - 1));
}

void
bounce_copy(struct dma_dev *dev, uint64_t iova, uint64_t size, bool to_device)
{
	char *in_slot;
	uint64_t into;
	const struct slot *s = bounce_find(dev, dev_bounce(dev), iova, &into, &in_slot);

	if (s == NULL) {
		DMA_LOG(ERR, "%s: sync of IOVA %#" PRIx64 ": not mapped", dev->name, iova);
		return;
	}
	void *memory = (void *)(uintptr_t)((s->va & ~SLOT_COUNTED) + into);

	/* not beyond the mapping, whatever the caller says */
	size = RTE_MIN(size, s->size - into);
	if (to_device)
		memcpy(in_slot, memory, size);
	else
		memcpy(memory, in_slot, size);
	dev_count(dev, to_device ? COUNT_IN : COUNT_OUT, size);
}

/* ---- coherent memory --------------------------------------------------------------------------
 */

int
bounce_alloc(struct dma_dev *dev, unsigned int lcore, uint64_t len, void **va, uint64_t *iova)
{
	struct bounce *b = dev->own_bounce;
	uint32_t n = (uint32_t)(len >> SLOT_SHIFT), slot;

	if (len > UINT64_C(1) << b->chunk_shift)
		return ENOMEM;
	int error = bounce_take_block(b, dev, lcore, n, &slot);
	if (error != 0)
		return error;
	*va = slot_at(b, slot, iova);
	__atomic_store_n(&b->slots[slot].va, SLOT_COHERENT | n, __ATOMIC_RELEASE);
	return 0;
}

/* The slot there, and its address. NO_SLOT if there is none. */
static uint32_t
slot_of(const struct bounce *b, uint64_t iova, char **va)
{
	uint64_t contig;
	uint64_t offset = dad_dma_table_find(b->where, iova, &contig);

	if (offset == DAD_DMA_ABSENT)
		return NO_SLOT;
	*va = b->chunks[offset >> b->chunk_shift].va +
		(offset & ((UINT64_C(1) << b->chunk_shift) - 1));
	return (uint32_t)(offset >> SLOT_SHIFT);
}

bool
bounce_release(struct dma_dev *dev, uint64_t len, void *va, uint64_t iova)
{
	struct bounce *b = dev->own_bounce;
	uint64_t n = len >> SLOT_SHIFT, word = SLOT_COHERENT | n;
	char *there;
	uint32_t slot = slot_of(b, iova, &there);

	/* of two calls for the same block one wins; pages begin at even slots */
	if (slot == NO_SLOT || there != va || ((uintptr_t)va & (DAD_DMA_PAGE_SIZE - 1)) != 0 ||
		!__atomic_compare_exchange_n(
			&b->slots[slot].va, &word, 0, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return false;
	bounce_give_block(b, slot, (uint32_t)n);
	return true;
}

bool
bounce_is_coherent(const struct dma_dev *dev, uint64_t iova)
{
	const struct bounce *b = dev->own_bounce;
	char *va;
	uint32_t slot = b != NULL ? slot_of(b, iova, &va) : NO_SLOT;

	if (slot == NO_SLOT)
		return false;
	uint32_t first = b->slots[slot].first;
	uint64_t word = __atomic_load_n(&b->slots[first].va, __ATOMIC_RELAXED);

	return (word & SLOT_COHERENT) && slot - first < (word & ~SLOT_COHERENT);
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
make(struct dad_dma_domain *domain, const struct dma_dev *dev, size_t size, uint64_t limit,
	struct bounce **made)
{
	struct bounce *b = aligned_alloc(RTE_CACHE_LINE_SIZE, sizeof(*b));

	if (b == NULL)
		return ENOMEM;
	memset(b, 0, sizeof(*b));
	b->domain = domain;
	b->own = dev != NULL;
	size = rte_align64pow2(size);
	b->chunk_shift =
		RTE_MIN((unsigned int)__builtin_ctzll(size), (unsigned int)DAD_DMA_UNIT_SHIFT);
	b->n_chunks = (unsigned int)(size >> b->chunk_shift);
	b->chunks = calloc(b->n_chunks, sizeof(*b->chunks));
	int error = b->chunks == NULL ? ENOMEM : bounce_memory_get(b, dev, limit);

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
	int error = make(domain, dev, size, limit, &b);
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
