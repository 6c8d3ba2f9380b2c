/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>

#include <rte_errno.h>

#include "dad_dma_sg.h"
#include "stream.h"

/* Mapping in two steps: a range of IOVAs first, then memory into it, piece by piece. */

/* In state->size: some of the range could not be unmapped, and must never be used again. */
#define LOST (UINT64_C(1) << 63)

/* The granules around a part of a range. */
static uint64_t
granules_of(const struct dma_dev *dev, uint64_t iova, uint64_t size, uint64_t *start)
{
	uint64_t granule = dev->domain->granule;

	*start = iova & ~(granule - 1);
	return RTE_ALIGN_CEIL(iova - *start + size, granule);
}

bool
dad_dma_iova_try_alloc(
	struct dad_dma_dev *pub, struct dad_dma_iova_state *state, const void *first, size_t size)
{
	struct dma_dev *dev = dev_of(pub);
	struct dad_dma_domain *domain = dev->domain;
	uint64_t offset = (uintptr_t)first & (domain->granule - 1);
	uint64_t start;

	*state = (struct dad_dma_iova_state){.addr = DAD_DMA_MAPPING_ERROR};
	unsigned int lcore = dma_lcore_id();
	int error = size == 0 || size >= DMA_VA_END ? EINVAL : 0;

	if (error == 0 &&
		(!(dev->rungs & DAD_DMA_RUNG_BIT(DAD_DMA_RUNG_STRICT)) ||
			(offset & (dev->limits.alignment - 1)) != 0))
		error = EOPNOTSUPP;
	if (error == 0)
		error = remap_alloc_dev(dev, lcore, RTE_ALIGN_CEIL(offset + size, domain->granule),
			domain->granule, &start);
	if (error != 0) {
		rte_errno = error;
		return false;
	}
	dev_count_on(dev, lcore, COUNT_LIVE, 1);
	domain_count_strict(domain, lcore, 1);
	state->addr = dev_to_bus(dev, start + offset);
	state->size = size;
	return true;
}

static bool
is_inside(const struct dad_dma_iova_state *state, size_t offset, size_t size)
{
	uint64_t all = state->size & ~LOST;

	return size > 0 && offset < all && size <= all - offset;
}

static int
mark_start(struct dad_dma_domain *domain, uint64_t iova, uint64_t va)
{
	const uint64_t page = ~(DAD_DMA_PAGE_SIZE - 1);

	lock_take(&domain->table_lock);
	int ret = table_set(domain->reverse, iova & page, (va & page) | KIND_STRICT | WORD_COUNTED,
		DAD_DMA_PAGE_SIZE);
	lock_drop(&domain->table_lock);
	return -ret;
}

/* A piece of which nothing is counted. */
static void
take_out(struct dma_dev *dev, struct dad_dma_iova_state *state, uint64_t iova, uint64_t size)
{
	uint64_t start, len = granules_of(dev, iova, size, &start);

	if (!remap_unmap(dev->domain, start, len))
		state->size |= LOST;
}

int
dad_dma_iova_link(struct dad_dma_dev *pub, struct dad_dma_iova_state *state, void *va,
	size_t offset, size_t size, enum dad_dma_dir dir, unsigned int attrs)
{
	struct dma_dev *dev = dev_of(pub);
	uint64_t iova = dev_to_iova(dev, state->addr) + offset;
	int error = stream_check((uintptr_t)va, size, dir);

	if (error == 0 && !is_inside(state, offset, size))
		error = EINVAL;
	/* only the first piece starts inside a granule */
	if (error == 0 && (((uintptr_t)va ^ iova) & (dev->domain->granule - 1)) != 0)
		error = EIO;
	if (error == 0 && offset != 0 && (iova & (dev->domain->granule - 1)) != 0)
		error = EIO;
	if (error != 0)
		return -error;
	bool counted;

	error = region_get(dev->domain, (uintptr_t)va, size, &counted);
	if (error != 0)
		return -error;
	error = strict_put(dev, iova, (uintptr_t)va, size, dir, attrs, false);
	/* who takes a part out later finds by this where pieces begin */
	if (error == 0 && counted) {
		error = mark_start(dev->domain, iova, (uintptr_t)va);
		if (error != 0)
			take_out(dev, state, iova, size);
	}
	if (error != 0) {
		if (counted)
			region_put(dev->domain, (uintptr_t)va);
		return -error;
	}
	dev_count(dev, COUNT_STRICT, 1);
	return 0;
}

int
dad_dma_iova_sync(
	struct dad_dma_dev *pub, struct dad_dma_iova_state *state, size_t offset, size_t size)
{
	struct dma_dev *dev = dev_of(pub);
	struct dad_dma_domain *domain = dev->domain;

	rte_io_wmb();
	if (domain->ops->sync == NULL || size == 0)
		return 0;
	uint64_t start;
	uint64_t len = granules_of(dev, dev_to_iova(dev, state->addr) + offset, size, &start);

	return domain->ops->sync(domain->priv, start, len) == 0 ? 0 : -EIO;
}

/* Nothing leads there any more; then the region may go in which the piece began, if it was one. */
static void
forget(struct dad_dma_domain *domain, uint64_t iova, uint64_t len, uint64_t va)
{
	domain_clear_reverse(domain, iova, len);
	if (va != DAD_DMA_ABSENT)
		region_put(domain, va);
}

/* A part that the backend has let go, from one piece's begin to the next. */
static void
forget_pieces(struct dad_dma_domain *domain, uint64_t start, uint64_t len)
{
	uint64_t from = start, va = DAD_DMA_ABSENT, step;

	for (uint64_t at = start; at < start + len; at = (at & ~(step - 1)) + step) {
		uint64_t word = table_word(domain->reverse, at, &step);

		if (!(word & WORD_COUNTED))
			continue;
		if (at > from)
			forget(domain, from, at - from, va);
		from = at;
		va = word & ~DAD_DMA_WORD_FLAGS;
	}
	forget(domain, from, start + len - from, va);
}

void
dad_dma_iova_unlink(struct dad_dma_dev *pub, struct dad_dma_iova_state *state, size_t offset,
	size_t size, enum dad_dma_dir dir, unsigned int attrs)
{
	struct dma_dev *dev = dev_of(pub);
	struct dad_dma_domain *domain = dev->domain;
	uint64_t iova = dev_to_iova(dev, state->addr) + offset, start;

	if (!is_inside(state, offset, size))
		return;
	uint64_t len = granules_of(dev, iova, size, &start);

	rte_io_rmb();
	strict_take(dev, iova, size, dir, attrs);
	/* its memory may go when the backend no longer leads there: not before */
	if (!remap_withdraw(domain, start, len))
		state->size |= LOST;
	forget_pieces(domain, start, len);
	dev_count(dev, COUNT_UNMAPPED, 1);
}

void
dad_dma_iova_free(struct dad_dma_dev *pub, struct dad_dma_iova_state *state)
{
	struct dma_dev *dev = dev_of(pub);
	uint64_t start;

	if (state->size == 0)
		return;
	uint64_t len = granules_of(dev, dev_to_iova(dev, state->addr), state->size & ~LOST, &start);

	unsigned int lcore = dma_lcore_id();

	if (!(state->size & LOST))
		remap_free(dev->domain, lcore, start, len);
	dev_count_on(dev, lcore, COUNT_LIVE, -UINT64_C(1));
	domain_count_strict(dev->domain, lcore, -UINT64_C(1));
	*state = (struct dad_dma_iova_state){.addr = DAD_DMA_MAPPING_ERROR};
}

void
dad_dma_iova_destroy(struct dad_dma_dev *dev, struct dad_dma_iova_state *state, size_t linked,
	enum dad_dma_dir dir, unsigned int attrs)
{
	if (linked > 0)
		dad_dma_iova_unlink(dev, state, 0, linked, dir, attrs);
	dad_dma_iova_free(dev, state);
}
