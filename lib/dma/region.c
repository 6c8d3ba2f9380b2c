/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_memory.h>

#include "dma_internal.h"

/* Memory that somebody made known. Mappings of it are counted, so that it cannot go while it is
 * used. */

#define MAX_REGIONS 65535u

/* Every page of a region has the same word in the table of owners: its address, shifted. */
#define OWNER_SHIFT DAD_DMA_PAGE_SHIFT

struct region *
region_of(const struct dad_dma_domain *domain, uint64_t va)
{
	uint64_t size;

	return (struct region *)(uintptr_t)(table_word(domain->owner, va, &size) >> OWNER_SHIFT);
}

static bool
is_empty(const struct dad_dma_table *table, uint64_t key, uint64_t len)
{
	uint64_t end = key + len;

	while (key < end) {
		uint64_t size;

		if (table_word(table, key, &size) != 0)
			return false;
		key = (key & ~(size - 1)) + size;
	}
	return true;
}

int
region_get(struct dad_dma_domain *domain, uint64_t va, uint64_t size, bool *counted)
{
	struct region *region = region_of(domain, va);

	*counted = region != NULL;
	if (region == NULL)
		return is_empty(domain->owner, va, size) ? 0 : EFAULT;
	if (size > region->va + region->len - va)
		return EFAULT;
	__atomic_fetch_add(&region->mapped, 1, __ATOMIC_RELAXED);
	return 0;
}

void
region_get_late(struct dad_dma_domain *domain, uint64_t va)
{
	struct region *region = region_of(domain, va);

	if (region != NULL)
		__atomic_fetch_add(&region->mapped, 1, __ATOMIC_RELAXED);
}

bool
region_put(struct dad_dma_domain *domain, uint64_t va)
{
	struct region *region = region_of(domain, va);

	if (region == NULL)
		return true;
	uint64_t mapped = __atomic_load_n(&region->mapped, __ATOMIC_RELAXED);

	/* G1: pairs with the acquire in dad_dma_mem_unregister(): the mapping's use of the memory
	 * is over before the region goes */
	while (mapped != 0)
		if (__atomic_compare_exchange_n(&region->mapped, &mapped, mapped - 1, true,
			    __ATOMIC_RELEASE, __ATOMIC_RELAXED))
			return true;
	DMA_LOG(ERR, "%s: unmap in the region at %#" PRIx64 ", of which nothing is mapped",
		domain->name, region->va);
	return false;
}

/* ---- coming -------------------------------------------------------------------------------- */

static bool
is_known(const struct dad_dma_domain *domain, uint64_t va, uint64_t len)
{
	return !is_empty(domain->owner, va, len) || !is_empty(domain->forward, va, len) ||
		(domain->known != NULL && !is_empty(domain->known, va, len)) ||
		eal_external_by_va(va) != NULL;
}

/* Direct mappings of [va, va + len) get these IOVAs. */
static int
set_direct(struct dad_dma_domain *domain, uint64_t va, uint64_t iova, uint64_t len)
{
	if (!is_empty(domain->reverse, iova, len))
		return -EEXIST;
	/* devices look closer at these addresses, before anybody can have one */
	domain_widen(domain, iova, iova + len - 1);
	int ret = domain_set_reverse(domain, iova, va, len, KIND_REGION);
	if (ret != 0)
		return ret;
	lock_take(&domain->table_lock);
	ret = table_set(domain->counted, va, iova, len);
	lock_drop(&domain->table_lock);
	if (ret != 0)
		domain_clear_reverse(domain, iova, len);
	return ret;
}

static void
clear_direct(struct dad_dma_domain *domain, uint64_t va, uint64_t len)
{
	for (uint64_t done = 0; done < len;) {
		uint64_t contig;
		uint64_t iova = dad_dma_table_find(domain->counted, va + done, &contig);

		if (iova == DAD_DMA_ABSENT) {
			done += DAD_DMA_PAGE_SIZE;
			continue;
		}
		contig = RTE_MIN(contig, len - done);
		domain_clear_reverse(domain, iova, contig);
		done += contig;
	}
	lock_take(&domain->table_lock);
	table_clear(domain->counted, va, len);
	lock_drop(&domain->table_lock);
}

static int
set_pages(struct dad_dma_domain *domain, uint64_t va, const dad_dma_addr_t iovas[], unsigned int n,
	uint64_t page)
{
	for (unsigned int i = 0; i < n; i++) {
		int ret = (iovas[i] & (page - 1)) != 0
			? -EINVAL
			: set_direct(domain, va + i * page, iovas[i], page);

		if (ret != 0) {
			clear_direct(domain, va, i * page);
			return ret;
		}
	}
	return 0;
}

/* The IOVAs that equal the virtual addresses, in a domain that remaps. */
static int
set_remapped(struct dad_dma_domain *domain, uint64_t va, uint64_t len)
{
	if (!remap_has_direct(domain, va, len))
		return 0;
	int ret = domain->ops->map(
		domain->priv, va, (void *)(uintptr_t)va, len, DAD_DMA_BIDIRECTIONAL);
	if (ret != 0)
		return ret;
	if (domain->ops->sync != NULL)
		ret = domain->ops->sync(domain->priv, va, len);
	if (ret == 0)
		ret = set_direct(domain, va, va, len);
	if (ret != 0)
		domain->ops->unmap(domain->priv, va, len);
	return ret;
}

static int
set_iovas(struct dad_dma_domain *domain, const struct region *r, const dad_dma_addr_t iovas[],
	unsigned int n, uint64_t page)
{
	bool bar = r->phys != DAD_DMA_ABSENT;

	if (domain->ops != NULL)
		return bar ? 0 : set_remapped(domain, r->va, r->len);
	if (iovas != NULL)
		return set_pages(domain, r->va, iovas, n, page);
	if (rte_eal_iova_mode() == RTE_IOVA_VA)
		return set_direct(domain, r->va, r->va, r->len);
	return bar ? set_direct(domain, r->va, r->phys, r->len) : -EINVAL;
}

static void
clear_iovas(struct dad_dma_domain *domain, const struct region *r)
{
	uint64_t contig;
	bool direct = dad_dma_table_find(domain->counted, r->va, &contig) != DAD_DMA_ABSENT;

	clear_direct(domain, r->va, r->len);
	if (domain->ops == NULL || !direct)
		return;
	if (domain->ops->unmap(domain->priv, r->va, r->len) != 0)
		DMA_LOG(ERR, "%s: IOVA %#" PRIx64 " stays mapped, its memory is gone", domain->name,
			r->va);
	else if (domain->ops->sync != NULL)
		domain->ops->sync(domain->priv, r->va, r->len);
}

static int
add_locked(struct dad_dma_domain *domain, struct region *r, const dad_dma_addr_t iovas[],
	unsigned int n, uint64_t page)
{
	if (domain->n_regions == MAX_REGIONS)
		return -ENOSPC;
	if (is_known(domain, r->va, r->len) ||
		(r->phys != DAD_DMA_ABSENT && !is_empty(domain->phys, r->phys, r->len)))
		return -EEXIST;
	/* the owner first: who finds an IOVA finds the region too */
	uint64_t word = (uint64_t)(uintptr_t)r << OWNER_SHIFT | DAD_DMA_WORD_PRESENT;

	lock_take(&domain->table_lock);
	int ret = table_fill(domain->owner, r->va, word, 0, r->len);
	if (ret == 0 && r->phys != DAD_DMA_ABSENT)
		ret = table_set(domain->phys, r->phys, r->va, r->len);
	lock_drop(&domain->table_lock);
	/* G2: pairs with nothing: a thread that maps this memory knows of it by the caller */
	__atomic_fetch_add(&domain->n_regions, 1, __ATOMIC_RELAXED);
	if (ret == 0)
		ret = set_iovas(domain, r, iovas, n, page);
	if (ret == 0) {
		TAILQ_INSERT_TAIL(&domain->regions, r, next);
		return 0;
	}
	__atomic_fetch_sub(&domain->n_regions, 1, __ATOMIC_RELAXED);
	lock_take(&domain->table_lock);
	table_clear_step(domain->owner, r->va, 0, r->len);
	if (r->phys != DAD_DMA_ABSENT)
		table_clear(domain->phys, r->phys, r->len);
	lock_drop(&domain->table_lock);
	return ret;
}

static int
add(struct dad_dma_domain *domain, void *va, size_t len, uint64_t phys,
	const dad_dma_addr_t iovas[], unsigned int n, uint64_t page)
{
	uint64_t start = (uintptr_t)va;

	if (len == 0 || ((start | len) & (domain->granule - 1)) != 0)
		return -EINVAL;
	if (start >= DMA_VA_END || len > DMA_VA_END - start)
		return -EFAULT;
	struct region *r = calloc(1, sizeof(*r));
	if (r == NULL)
		return -ENOMEM;
	r->va = start;
	r->len = len;
	r->phys = phys;
	LIST_INIT(&r->windows);

	pthread_mutex_lock(&domain->lock);
	int ret = add_locked(domain, r, iovas, n, page);
	pthread_mutex_unlock(&domain->lock);
	if (ret != 0)
		free(r);
	return ret;
}

int
dad_dma_mem_register(struct dad_dma_domain *domain, void *va, size_t len,
	const dad_dma_addr_t iovas[], unsigned int n, size_t page)
{
	if (page < DAD_DMA_PAGE_SIZE || (page & (page - 1)) != 0 || len % page != 0)
		return -EINVAL;
	if (iovas != NULL ? domain->ops != NULL || len / page != n : n != 0)
		return -EINVAL;
	return add(domain, va, len, DAD_DMA_ABSENT, iovas, n, page);
}

int
dad_dma_bar_register(struct dad_dma_domain *domain, void *va, size_t len, uint64_t phys)
{
	if ((phys & (domain->granule - 1)) != 0 || (phys >> DAD_DMA_KEY_BITS) != 0)
		return -EINVAL;
	return add(domain, va, len, phys, NULL, 0, DAD_DMA_PAGE_SIZE);
}

/* ---- going --------------------------------------------------------------------------------- */

static void
remove_locked(struct dad_dma_domain *domain, struct region *r)
{
	window_drop_all(domain, &r->windows);
	clear_iovas(domain, r);
	lock_take(&domain->table_lock);
	if (table_clear_step(domain->owner, r->va, 0, r->len) != 0)
		DMA_LOG(ERR, "%s: region at %#" PRIx64 " stays known", domain->name, r->va);
	if (r->phys != DAD_DMA_ABSENT)
		table_clear(domain->phys, r->phys, r->len);
	lock_drop(&domain->table_lock);
	TAILQ_REMOVE(&domain->regions, r, next);
	__atomic_fetch_sub(&domain->n_regions, 1, __ATOMIC_RELAXED);
	free(r);
}

int
dad_dma_mem_unregister(struct dad_dma_domain *domain, void *va, size_t len)
{
	int ret = 0;

	pthread_mutex_lock(&domain->lock);
	struct region *r = region_of(domain, (uintptr_t)va);

	if (r == NULL || r->va != (uintptr_t)va || r->len != len) {
		ret = -ENOENT;
	} else if (__atomic_load_n(&r->mapped, __ATOMIC_ACQUIRE) != 0) {
		ret = -EBUSY;
	} else {
		/* what is unmapped may still be waiting for that; all of it is in the queue by now,
		 * as each mapping is counted until it is there */
		dad_dma_domain_flush(domain);
		remove_locked(domain, r);
	}
	pthread_mutex_unlock(&domain->lock);
	if (ret == 0)
		watch_tell(domain, (uintptr_t)va, len);
	return ret;
}

void
regions_release(struct dad_dma_domain *domain)
{
	pthread_mutex_lock(&domain->lock);
	while (!TAILQ_EMPTY(&domain->regions))
		remove_locked(domain, TAILQ_FIRST(&domain->regions));
	pthread_mutex_unlock(&domain->lock);
}
