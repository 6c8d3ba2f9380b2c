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

/* Windows are counted by the bits of their last IOVA: roughly, by which masks reach them. */
static unsigned int
bits_of(uint64_t iova)
{
	return iova == 0 ? 0 : 64 - (unsigned int)__builtin_clzll(iova);
}

static void
count(struct dad_dma_domain *domain, const struct window *w, uint64_t bytes)
{
	domain->window_bytes += bytes;
	domain->window_bytes_at[bits_of(w->iova + w->len - 1)] += bytes;
}

/* May the device have a window more? Half of the IOVAs that it reaches are left to strict mappings;
 * what lies elsewhere is nothing to it. */
static bool
may_open(const struct dma_dev *dev, uint64_t len)
{
	const struct dad_dma_domain *domain = dev->domain;
	struct dad_dma_range reach[DEV_RANGES];
	unsigned int n = remap_clip(domain, reach, dev_reach(dev, dev->pub.mask, reach));
	uint64_t all = 0, used = 0;

	if (n == 0 || domain->window_bytes + len > domain->window_max)
		return false;
	for (unsigned int i = 0; i < n; i++)
		all += reach[i].last - reach[i].first + 1;
	/* the highest comes first */
	for (unsigned int i = bits_of(reach[n - 1].first); i <= bits_of(reach[0].last); i++)
		used += domain->window_bytes_at[i];
	return used + len <= all / 2 + all % 2;
}

/* The window that covers va, and more of size bytes, as the device reaches it; of those there are,
 * which may be several of the same memory. NULL if there is none. */
static struct window *
window_find(const struct dma_dev *dev, uint64_t va, uint64_t size)
{
	struct dad_dma_domain *domain = dev->domain;
	struct region *region = region_of(domain, va);
	const struct window_list *list = region != NULL ? &region->windows : &domain->windows;

	for (struct window *w = LIST_FIRST(list); w != NULL; w = LIST_NEXT(w, next)) {
		uint64_t offset = va - w->va;

		if (offset < w->len &&
			dev_check(dev, dev_to_bus(dev, w->iova + offset),
				RTE_MIN(size, w->len - offset)) == 0)
			return w;
	}
	return NULL;
}

/* 0 or errno. */
static int
window_make(struct dma_dev *dev, uint64_t va, struct window **made)
{
	struct dad_dma_domain *domain = dev->domain;
	uint64_t start, len;

	if (!chunk_around(domain, va, &start, &len))
		return EFAULT;
	if (!may_open(dev, len))
		return ENOSPC;
	struct window *w = calloc(1, sizeof(*w));
	if (w == NULL)
		return ENOMEM;
	w->va = start;
	w->len = len;
	int error = remap_alloc_dev(dev, dma_lcore_id(), len, domain->granule, &w->iova);
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
	if (ret == 0) {
		ret = table_set(domain->window, start, w->iova, len);
		if (ret != 0)
			table_clear(domain->window, start, len);
	}
	lock_drop(&domain->table_lock);
	if (ret != 0)
		goto no_table;

	struct region *region = region_of(domain, va);
	LIST_INSERT_HEAD(region != NULL ? &region->windows : &domain->windows, w, next);
	count(domain, w, len);
	*made = w;
	return 0;

no_table:
	remap_drop(domain, w->iova, len, false);
no_iova:
	free(w);
	return error;
}

/* The table does not lead to a window in reach: an older one, or a new one. Where the first of size
 * bytes at va are in it, and how many. 0 or errno. */
static int
window_open(struct dma_dev *dev, uint64_t va, uint64_t size, uint64_t *iova, uint64_t *contig)
{
	struct dad_dma_domain *domain = dev->domain;
	struct window *w = NULL;
	int error = 0;

	pthread_mutex_lock(&domain->lock);
	if (dad_dma_table_find(domain->window, va, contig) != DAD_DMA_ABSENT)
		w = window_find(dev, va, size);
	if (w == NULL)
		error = window_make(dev, va, &w);
	if (error == 0) {
		*iova = w->iova + (va - w->va);
		*contig = w->va + w->len - va;
	}
	pthread_mutex_unlock(&domain->lock);
	return error;
}

/* The pages of a buffer are not neighbours: it lies in two chunks, or the table was just read while
 * another window of its chunk came. 0 or E2BIG. */
static int
look_again(struct dma_dev *dev, uint64_t va, uint64_t size, uint64_t *iova)
{
	struct dad_dma_domain *domain = dev->domain;
	int error = E2BIG;

	if ((va ^ (va + size - 1)) >= DAD_DMA_UNIT_SIZE)
		return E2BIG;
	pthread_mutex_lock(&domain->lock);
	const struct window *w = window_find(dev, va, size);
	if (w != NULL && size <= w->va + w->len - va) {
		*iova = w->iova + (va - w->va);
		error = 0;
	}
	pthread_mutex_unlock(&domain->lock);
	return error;
}

int
window_map(struct dma_dev *dev, uint64_t va, uint64_t size, uint64_t *iova)
{
	struct dad_dma_domain *domain = dev->domain;
	uint64_t first = DAD_DMA_ABSENT;

	/* an address keeps the offset of its buffer in the page */
	if ((va & (dev->limits.alignment - 1)) != 0)
		return ERANGE;
	for (uint64_t done = 0; done < size;) {
		uint64_t contig, left = size - done;
		uint64_t at = dad_dma_table_find(domain->window, va + done, &contig);

		/* the table knows the last one that was opened */
		if (at == DAD_DMA_ABSENT ||
			dev_check(dev, dev_to_bus(dev, at), RTE_MIN(contig, left)) != 0) {
			int error = window_open(dev, va + done, left, &at, &contig);

			if (error != 0)
				return error;
		}
		if (done == 0)
			first = at;
		else if (at != first + done)
			return look_again(dev, va, size, iova);
		done += contig;
	}
	*iova = first;
	return 0;
}

static void
window_close(struct dad_dma_domain *domain, struct window *w)
{
	lock_take(&domain->table_lock);
	table_clear(domain->window, w->va, w->len);
	lock_drop(&domain->table_lock);
	LIST_REMOVE(w, next);
	count(domain, w, -w->len);
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
