/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdio.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_memory.h>

#include "dma_internal.h"

/* ---- what comes ---------------------------------------------------------------------------- */

/* EAL's IOVAs are the domain's. */
static int
learn_identity(struct dad_dma_domain *domain, uint64_t va, uint64_t iova, uint64_t len)
{
	lock_take(&domain->table_lock);
	int ret = table_set(domain->reverse, iova, va | KIND_DIRECT, len);
	if (ret == 0)
		ret = table_set(domain->forward, va, iova, len);
	if (ret != 0) {
		table_clear(domain->forward, va, len);
		table_clear(domain->reverse, iova, len);
	}
	lock_drop(&domain->table_lock);
	return ret;
}

/* The part of [va, end) that is mapped, and later unmapped, by one call of the backend: what EAL
 * frees comes in pages, but 4 KiB ones never come and go. */
static uint64_t
chunk_at(uint64_t va, uint64_t end, uint64_t page)
{
	uint64_t chunk = RTE_MAX(page, DAD_DMA_UNIT_SIZE);

	return RTE_MIN(chunk - (va & (chunk - 1)), end - va);
}

/* IOVAs become virtual addresses, if that can be. */
static int
learn_remapped_chunk(struct dad_dma_domain *domain, uint64_t va, uint64_t len)
{
	lock_take(&domain->table_lock);
	int ret = table_set(domain->known, va, va, len);
	lock_drop(&domain->table_lock);
	if (ret != 0)
		return ret;
	if (!remap_has_direct(domain, va, len))
		return 0;
	ret = domain->ops->map(domain->priv, va, (void *)(uintptr_t)va, len, DAD_DMA_BIDIRECTIONAL);
	if (ret != 0)
		return ret;
	if (domain->ops->sync != NULL)
		ret = domain->ops->sync(domain->priv, va, len);
	if (ret == 0)
		ret = learn_identity(domain, va, va, len);
	if (ret != 0)
		domain->ops->unmap(domain->priv, va, len);
	return ret;
}

static void
learn_remapped(struct dad_dma_domain *domain, uint64_t va, uint64_t len, uint64_t page)
{
	uint64_t end = va + len, part, contig;

	pthread_mutex_lock(&domain->lock);
	for (; va < end; va += part) {
		part = chunk_at(va, end, page);
		/* what came between the first event and the first walk comes twice */
		if (dad_dma_table_find(domain->known, va, &contig) != DAD_DMA_ABSENT)
			continue;
		int ret = learn_remapped_chunk(domain, va, part);
		if (ret != 0)
			DMA_LOG(ERR, "%s: memory at %#" PRIx64 " is not direct: %s", domain->name,
				va, rte_strerror(-ret));
	}
	pthread_mutex_unlock(&domain->lock);
}

static void
learn_run(struct dad_dma_domain *domain, uint64_t va, uint64_t iova, uint64_t len)
{
	if (((va | iova | len) & (DAD_DMA_PAGE_SIZE - 1)) != 0) {
		DMA_LOG(WARNING, "memory at %#" PRIx64 " ignored: not in pages of 4 KiB", va);
		return;
	}
	int ret = learn_identity(domain, va, iova, len);
	if (ret != 0)
		DMA_LOG(ERR, "memory at %#" PRIx64 " cannot be mapped: IOVA %#" PRIx64 ": %s", va,
			iova, rte_strerror(-ret));
}

/* A virtually contiguous range of memsegs: each run that is contiguous in IOVAs at once. */
static void
learn(struct dad_dma_domain *domain, const struct rte_memseg_list *msl, uint64_t va, uint64_t len)
{
	uint64_t end = va + len;
	uint64_t run_va = va, run_iova = RTE_BAD_IOVA, run_len = 0;

	if (domain->ops != NULL) {
		learn_remapped(domain, va, len, msl->page_sz);
		return;
	}
	for (; va < end; va += msl->page_sz) {
		const struct rte_memseg *seg = rte_mem_virt2memseg((void *)(uintptr_t)va, msl);
		uint64_t iova = seg != NULL ? seg->iova : RTE_BAD_IOVA;

		if (run_len > 0 && iova == run_iova + run_len) {
			run_len += msl->page_sz;
			continue;
		}
		if (run_len > 0)
			learn_run(domain, run_va, run_iova, run_len);
		run_va = va;
		run_iova = iova;
		run_len = iova == RTE_BAD_IOVA ? 0 : msl->page_sz;
	}
	if (run_len > 0)
		learn_run(domain, run_va, run_iova, run_len);
}

/* ---- what goes ----------------------------------------------------------------------------- */

static void
clear_direct(struct dad_dma_domain *domain, uint64_t va, uint64_t iova, uint64_t len)
{
	lock_take(&domain->table_lock);
	if (table_clear(domain->reverse, iova, len) != 0 ||
		table_clear(domain->forward, va, len) != 0)
		DMA_LOG(ERR, "%s: %#" PRIx64 " stays known, its memory is gone", domain->name, va);
	lock_drop(&domain->table_lock);
}

static void
forget_identity(struct dad_dma_domain *domain, uint64_t va, uint64_t len)
{
	uint64_t end = va + len;

	while (va < end) {
		uint64_t contig;
		uint64_t iova = dad_dma_table_find(domain->forward, va, &contig);

		if (iova == DAD_DMA_ABSENT) {
			va += DAD_DMA_PAGE_SIZE;
			continue;
		}
		contig = RTE_MIN(contig, end - va);
		clear_direct(domain, va, iova, contig);
		va += contig;
	}
}

static void
forget_remapped(struct dad_dma_domain *domain, uint64_t va, uint64_t len, uint64_t page)
{
	uint64_t end = va + len, part, contig;

	/* transfers that are over may still be mapped */
	dad_dma_domain_flush(domain);
	pthread_mutex_lock(&domain->lock);
	window_drop(domain, va, len);
	lock_take(&domain->table_lock);
	table_clear(domain->known, va, len);
	lock_drop(&domain->table_lock);
	for (; va < end; va += part) {
		part = chunk_at(va, end, page);
		if (dad_dma_table_find(domain->forward, va, &contig) == DAD_DMA_ABSENT)
			continue;
		clear_direct(domain, va, va, part);
		if (domain->ops->unmap(domain->priv, va, part) != 0)
			DMA_LOG(ERR, "%s: IOVA %#" PRIx64 " stays mapped, its memory is gone",
				domain->name, va);
		else if (domain->ops->sync != NULL)
			domain->ops->sync(domain->priv, va, part);
	}
	pthread_mutex_unlock(&domain->lock);
}

static void
forget(struct dad_dma_domain *domain, const struct rte_memseg_list *msl, uint64_t va, uint64_t len)
{
	if (domain->ops != NULL)
		forget_remapped(domain, va, len, msl != NULL ? msl->page_sz : 0);
	else
		forget_identity(domain, va, len);
}

/* ---- EAL's side ---------------------------------------------------------------------------- */

static void
on_mem_event(enum rte_mem_event event, const void *addr, size_t len, void *arg)
{
	struct dad_dma_domain *domain = arg;
	const struct rte_memseg_list *msl = rte_mem_virt2memseg_list(addr);

	if (event == RTE_MEM_EVENT_FREE) {
		forget(domain, msl, (uintptr_t)addr, len);
		watch_tell(domain, (uintptr_t)addr, len);
	} else if (msl != NULL) {
		learn(domain, msl, (uintptr_t)addr, len);
	}
}

/* Memory of rte_extmem_register(): no event tells when it comes or goes. */
static bool
is_unannounced(const struct rte_memseg_list *msl)
{
	return msl->external && !msl->heap;
}

static int
on_walk(const struct rte_memseg_list *msl, const struct rte_memseg *seg, size_t len, void *arg)
{
	if (!is_unannounced(msl))
		learn(arg, msl, (uintptr_t)seg->addr, len);
	return 0;
}

int
eal_memory_follow(struct dad_dma_domain *domain)
{
	/* With more than one copy of this library in a process, each has its own callbacks. */
	snprintf(domain->callback, sizeof(domain->callback), "dad_dma_%p", (void *)domain);

	/* Events first: what comes between them and the walk is learnt twice, not missed. Where
	 * memory is fixed for the life of the process (--legacy-mem, --no-huge) there are none. */
	if (rte_mem_event_callback_register(domain->callback, on_mem_event, domain) != 0 &&
		rte_errno != ENOTSUP) {
		DMA_LOG(ERR, "EAL's memory events: %s", rte_strerror(rte_errno));
		return -rte_errno;
	}
	rte_memseg_contig_walk(on_walk, domain);
	return 0;
}

static int
on_last_walk(const struct rte_memseg_list *msl, const struct rte_memseg *seg, size_t len, void *arg)
{
	if (!is_unannounced(msl))
		forget(arg, msl, (uintptr_t)seg->addr, len);
	return 0;
}

void
eal_memory_leave(struct dad_dma_domain *domain)
{
	rte_mem_event_callback_unregister(domain->callback, domain);
	/* the backend is told; tables alone need no word */
	if (domain->ops != NULL)
		rte_memseg_contig_walk(on_last_walk, domain);
}

/* ---- external memory ------------------------------------------------------------------------ */

/* What the tables do not know, EAL may: unannounced memory. Such answers are not kept, as nothing
 * would take them back. */

const struct rte_memseg *
eal_external_by_va(uint64_t va)
{
	const struct rte_memseg_list *msl = rte_mem_virt2memseg_list((void *)(uintptr_t)va);

	/* what is announced is in the tables; if it is not, it is just going */
	if (msl == NULL || !is_unannounced(msl))
		return NULL;
	const struct rte_memseg *seg = rte_mem_virt2memseg((void *)(uintptr_t)va, msl);

	if (seg == NULL || seg->addr == NULL || seg->iova == RTE_BAD_IOVA)
		return NULL;
	return va - seg->addr_64 < seg->len ? seg : NULL;
}

struct by_iova {
	uint64_t iova;
	const struct rte_memseg *found;
};

static int
is_there_any(const struct rte_memseg_list *msl, void *arg)
{
	(void)arg;
	return is_unannounced(msl);
}

static int
search_list(const struct rte_memseg_list *msl, void *arg)
{
	struct by_iova *wanted = arg;

	if (!is_unannounced(msl))
		return 0;
	for (unsigned int i = 0; i < msl->memseg_arr.len; i++) {
		const struct rte_memseg *seg = rte_fbarray_get(&msl->memseg_arr, i);

		/* where virtual addresses are IOVAs, eal_external_by_iova() has looked already */
		if (i == 0 && seg->iova == seg->addr_64)
			return 0;
		if (seg->iova != RTE_BAD_IOVA && wanted->iova - seg->iova < seg->len) {
			wanted->found = seg;
			return 1;
		}
	}
	return 0;
}

struct segments {
	eal_segment_t call;
	void *arg;
};

static int
walk_list(const struct rte_memseg_list *msl, void *arg)
{
	const struct segments *to = arg;

	if (!is_unannounced(msl))
		return 0;
	for (unsigned int i = 0; i < msl->memseg_arr.len; i++) {
		const struct rte_memseg *seg = rte_fbarray_get(&msl->memseg_arr, i);

		if (seg->iova != RTE_BAD_IOVA)
			to->call(seg->iova, seg->iova + (seg->len - 1), to->arg);
	}
	return 0;
}

void
eal_external_walk(eal_segment_t call, void *arg)
{
	struct segments to = {.call = call, .arg = arg};

	if (rte_memseg_list_walk_thread_unsafe(is_there_any, NULL) == 1)
		rte_memseg_list_walk(walk_list, &to);
}

const struct rte_memseg *
eal_external_by_iova(uint64_t iova)
{
	struct by_iova wanted = {.iova = iova};
	const struct rte_memseg *seg = eal_external_by_va(iova);

	if (seg != NULL && seg->iova == seg->addr_64)
		return seg;
	/* page by page, and under EAL's lock: not without need */
	if (rte_memseg_list_walk_thread_unsafe(is_there_any, NULL) == 1)
		rte_memseg_list_walk(search_list, &wanted);
	return wanted.found;
}
