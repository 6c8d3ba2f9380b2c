/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>

#include "dma_internal.h"

/* Windows: memory at a second, low IOVA, in chunks that stay mapped until the memory goes. */

/* The piece of memory around va that a window may cover: within 2 MiB, in one region or in none. */
static bool
chunk_around(struct dad_dma_domain *domain, uint64_t va, uint64_t *start, uint64_t *len)
{
	const struct region *region = region_of(domain, va);
	uint64_t first = va & ~(DAD_DMA_UNIT_SIZE - 1), end = first + DAD_DMA_UNIT_SIZE;
	uint64_t contig;

	if (region != NULL) {
		first = RTE_MAX(first, region->va);
		end = RTE_MIN(end, region->va + region->len);
	} else {
		uint64_t at = va & ~(DAD_DMA_PAGE_SIZE - 1), low = at, high = at;

		if (dad_dma_table_find(domain->known, at, &contig) == DAD_DMA_ABSENT)
			return false;
		while (high < end &&
			dad_dma_table_find(domain->known, high, &contig) != DAD_DMA_ABSENT)
			high += contig;
		while (low > first &&
			dad_dma_table_find(domain->known, low - DAD_DMA_PAGE_SIZE, &contig) !=
				DAD_DMA_ABSENT)
			low -= DAD_DMA_PAGE_SIZE;
		first = low;
		end = RTE_MIN(end, high);
	}
	/* what the backend cannot map exactly is not mapped with its neighbours */
	if (((first | end) & (domain->granule - 1)) != 0)
		return false;
	*start = first;
	*len = end - first;
	return true;
}

/* Of the domain's IOVAs, which the device could be given. */
static uint64_t
half_of_reach(const struct dma_dev *dev)
{
	struct dad_dma_range reach[DEV_RANGES];
	unsigned int n = remap_clip(dev->domain, reach, dev_reach(dev, dev->pub.mask, reach));
	uint64_t all = 0;

	for (unsigned int i = 0; i < n; i++)
		all += reach[i].last - reach[i].first + 1;
	return all / 2 + all % 2;
}

static int
window_open(struct dma_dev *dev, uint64_t va)
{
	struct dad_dma_domain *domain = dev->domain;
	uint64_t contig, start, len;
	int error = ENOMEM;

	pthread_mutex_lock(&domain->lock);
	uint64_t there = dad_dma_table_find(domain->window, va, &contig);
	if (there != DAD_DMA_ABSENT) {
		/* somebody was faster, or it is of a device with a wider mask */
		error = dev_check(dev, dev_to_bus(dev, there), 1);
		goto out;
	}
	error = EFAULT;
	if (!chunk_around(domain, va, &start, &len))
		goto out;
	/* strict mappings need room, too */
	error = ENOSPC;
	if (domain->window_bytes + len > RTE_MIN(domain->window_max, half_of_reach(dev)))
		goto out;
	struct window *w = calloc(1, sizeof(*w));
	error = ENOMEM;
	if (w == NULL)
		goto out;
	w->va = start;
	w->len = len;
	error = remap_alloc_dev(dev, dma_lcore_id(), len, domain->granule, &w->iova);
	if (error != 0)
		goto no_iova;
	int ret = domain->ops->map(
		domain->priv, w->iova, (void *)(uintptr_t)start, len, DAD_DMA_BIDIRECTIONAL);
	if (ret != 0) {
		error = remap_error(ret);
		remap_free(domain, dma_lcore_id(), w->iova, len);
		goto no_iova;
	}
	error = EIO;
	if (domain->ops->sync != NULL && domain->ops->sync(domain->priv, w->iova, len) != 0)
		goto no_table;
	error = ENOMEM;
	if (domain_set_reverse(domain, w->iova, start, len, KIND_WINDOW) != 0)
		goto no_table;
	lock_take(&domain->table_lock);
	ret = table_set(domain->windows_ever, w->iova, 0, len);
	if (ret == 0)
		ret = table_set(domain->window, start, w->iova, len);
	if (ret != 0)
		table_clear(domain->window, start, len);
	lock_drop(&domain->table_lock);
	if (ret != 0)
		goto no_table;

	struct region *region = region_of(domain, va);
	LIST_INSERT_HEAD(region != NULL ? &region->windows : &domain->windows, w, next);
	domain->window_bytes += len;
	pthread_mutex_unlock(&domain->lock);
	return 0;

no_table:
	remap_drop(domain, w->iova, len, false);
no_iova:
	free(w);
out:
	pthread_mutex_unlock(&domain->lock);
	return error;
}

int
window_map(struct dma_dev *dev, uint64_t va, uint64_t size, uint64_t *iova)
{
	struct dad_dma_domain *domain = dev->domain;
	uint64_t first = DAD_DMA_ABSENT;

	for (uint64_t done = 0; done < size;) {
		uint64_t contig;
		uint64_t at = dad_dma_table_find(domain->window, va + done, &contig);

		if (at == DAD_DMA_ABSENT) {
			int error = window_open(dev, va + done);

			if (error != 0)
				return error;
			at = dad_dma_table_find(domain->window, va + done, &contig);
			if (at == DAD_DMA_ABSENT)
				return EFAULT; /* gone again */
		}
		if (done == 0)
			first = at;
		else if (at != first + done)
			return E2BIG;
		done += contig;
	}
	int error = dev_check(dev, dev_to_bus(dev, first), size);

	if (error == 0)
		*iova = first;
	return error;
}

static void
window_close(struct dad_dma_domain *domain, struct window *w)
{
	lock_take(&domain->table_lock);
	table_clear(domain->window, w->va, w->len);
	lock_drop(&domain->table_lock);
	LIST_REMOVE(w, next);
	domain->window_bytes -= w->len;
	remap_drop(domain, w->iova, w->len, false);
	free(w);
}

void
window_drop(struct dad_dma_domain *domain, uint64_t va, uint64_t len)
{
	struct window *w = LIST_FIRST(&domain->windows);

	while (w != NULL) {
		struct window *following = LIST_NEXT(w, next);

		if (w->va < va + len && va < w->va + w->len) {
			window_close(domain, w);
			/* whoever mapped something there unmaps it later, or never */
			__atomic_fetch_add(&domain->windows_gone, 1, __ATOMIC_RELAXED);
		}
		w = following;
	}
}

void
window_drop_all(struct dad_dma_domain *domain, struct window_list *list)
{
	while (!LIST_EMPTY(list))
		window_close(domain, LIST_FIRST(list));
}
