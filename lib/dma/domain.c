/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <stdlib.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_memory.h>

#include "dma_internal.h"

RTE_LOG_REGISTER(dma_logtype, lib.dad.dma, NOTICE)

/* The identity domain exists once; identity_lock guards the pointer and all reference counts. */
static struct dad_dma_domain *identity;
static pthread_mutex_t identity_lock = PTHREAD_MUTEX_INITIALIZER;

/* ---- following EAL's memory --------------------------------------------------------------- */

static void
learn_run(struct dad_dma_domain *domain, uint64_t va, uint64_t iova, uint64_t len)
{
	if (((va | iova | len) & (DAD_DMA_PAGE_SIZE - 1)) != 0) {
		DMA_LOG(WARNING, "memory at %#" PRIx64 " ignored: not in pages of 4 KiB", va);
		return;
	}

	rte_spinlock_lock(&domain->table_lock);
	int ret = table_set(domain->forward, va, iova, len);
	if (ret == 0)
		ret = table_set(domain->reverse, iova, va, len);
	if (ret != 0)
		table_clear(domain->forward, va, len);
	rte_spinlock_unlock(&domain->table_lock);

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

static void
forget(struct dad_dma_domain *domain, uint64_t va, uint64_t len)
{
	rte_spinlock_lock(&domain->table_lock);
	for (uint64_t at = va; at < va + len;) {
		uint64_t contig;
		uint64_t iova = dad_dma_table_find(domain->forward, at, &contig);

		if (iova == DAD_DMA_ABSENT) {
			at += DAD_DMA_PAGE_SIZE;
			continue;
		}
		if (contig > va + len - at)
			contig = va + len - at;
		if (table_clear(domain->reverse, iova, contig) != 0)
			DMA_LOG(ERR, "IOVA %#" PRIx64 " stays known, its memory is gone", iova);
		at += contig;
	}
	if (table_clear(domain->forward, va, len) != 0)
		DMA_LOG(ERR, "%#" PRIx64 " stays known, its memory is gone", va);
	rte_spinlock_unlock(&domain->table_lock);
}

static void
on_mem_event(enum rte_mem_event event, const void *addr, size_t len, void *arg)
{
	struct dad_dma_domain *domain = arg;
	const struct rte_memseg_list *msl = rte_mem_virt2memseg_list(addr);

	if (event == RTE_MEM_EVENT_FREE)
		forget(domain, (uintptr_t)addr, len);
	else if (msl != NULL)
		learn(domain, msl, (uintptr_t)addr, len);
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

/* ---- life --------------------------------------------------------------------------------- */

/* With more than one copy of this library in a process, each has its own callback. */
static const char *
callback_name(const struct dad_dma_domain *domain)
{
	static char name[RTE_MEM_EVENT_CALLBACK_NAME_LEN];

	snprintf(name, sizeof(name), "dad_dma_%p", (const void *)domain);
	return name;
}

static void
domain_free(struct dad_dma_domain *domain)
{
	coherent_release(domain);
	rte_mem_event_callback_unregister(callback_name(domain), domain);
	table_free(domain->forward);
	table_free(domain->reverse);
	pthread_mutex_destroy(&domain->arena_lock);
	free(domain);
}

static struct dad_dma_domain *
domain_create(void)
{
	struct dad_dma_domain *domain = calloc(1, sizeof(*domain));

	if (domain == NULL)
		goto no_memory;
	domain->forward = table_create();
	domain->reverse = table_create();
	if (domain->forward == NULL || domain->reverse == NULL)
		goto no_tables;
	rte_spinlock_init(&domain->table_lock);
	pthread_mutex_init(&domain->arena_lock, NULL);
	TAILQ_INIT(&domain->arenas);

	/* Events first: what comes between them and the walk is learnt twice, not missed. Where
	 * memory is fixed for the life of the process (--legacy-mem, --no-huge) there are none. */
	if (rte_mem_event_callback_register(callback_name(domain), on_mem_event, domain) != 0 &&
		rte_errno != ENOTSUP) {
		DMA_LOG(ERR, "EAL's memory events: %s", rte_strerror(rte_errno));
		goto no_events;
	}
	rte_memseg_contig_walk(on_walk, domain);
	return domain;

no_events:
	pthread_mutex_destroy(&domain->arena_lock);
	table_free(domain->forward);
	table_free(domain->reverse);
	free(domain);
	return NULL;
no_tables:
	table_free(domain->forward);
	table_free(domain->reverse);
	free(domain);
no_memory:
	rte_errno = ENOMEM;
	return NULL;
}

struct dad_dma_domain *
dad_dma_domain_identity(void)
{
	pthread_mutex_lock(&identity_lock);
	if (identity == NULL)
		identity = domain_create();
	if (identity != NULL)
		identity->references++;
	struct dad_dma_domain *domain = identity;
	pthread_mutex_unlock(&identity_lock);
	return domain;
}

void
domain_ref(struct dad_dma_domain *domain)
{
	pthread_mutex_lock(&identity_lock);
	domain->references++;
	pthread_mutex_unlock(&identity_lock);
}

void
dad_dma_domain_put(struct dad_dma_domain *domain)
{
	if (domain == NULL)
		return;
	pthread_mutex_lock(&identity_lock);
	if (--domain->references == 0) {
		identity = NULL;
		domain_free(domain);
	}
	pthread_mutex_unlock(&identity_lock);
}

/* ---- translation --------------------------------------------------------------------------- */

/* What the tables do not know, EAL may: unannounced memory. Such answers are not kept, as nothing
 * would take them back. */

static const struct rte_memseg *
external_by_va(uint64_t va)
{
	const struct rte_memseg *seg = rte_mem_virt2memseg((void *)(uintptr_t)va, NULL);

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

		/* where virtual addresses are IOVAs, external_by_iova() has looked already */
		if (i == 0 && seg->iova == seg->addr_64)
			return 0;
		if (seg->iova != RTE_BAD_IOVA && wanted->iova - seg->iova < seg->len) {
			wanted->found = seg;
			return 1;
		}
	}
	return 0;
}

static const struct rte_memseg *
external_by_iova(uint64_t iova)
{
	struct by_iova wanted = {.iova = iova};
	const struct rte_memseg *seg = external_by_va(iova);

	if (seg != NULL && seg->iova == seg->addr_64)
		return seg;
	/* page by page, and under EAL's lock: not without need */
	if (rte_memseg_list_walk_thread_unsafe(is_there_any, NULL) == 1)
		rte_memseg_list_walk(search_list, &wanted);
	return wanted.found;
}

uint64_t
domain_virt_to_bus(const struct dad_dma_domain *domain, uint64_t va, uint64_t *contig)
{
	uint64_t iova = dad_dma_table_find(domain->forward, va, contig);

	if (iova != DAD_DMA_ABSENT)
		return iova;
	const struct rte_memseg *seg = external_by_va(va);
	if (seg == NULL)
		return DAD_DMA_ABSENT;
	*contig = seg->addr_64 + seg->len - va;
	return seg->iova + (va - seg->addr_64);
}

dad_dma_addr_t
dad_dma_virt_to_bus(const struct dad_dma_domain *domain, const void *va, size_t *contig)
{
	uint64_t len = 0;
	uint64_t iova = domain_virt_to_bus(domain, (uintptr_t)va, &len);

	if (iova == DAD_DMA_ABSENT)
		return DAD_DMA_MAPPING_ERROR;
	if (contig != NULL)
		*contig = len;
	return iova;
}

void *
dad_dma_bus_to_virt(const struct dad_dma_domain *domain, dad_dma_addr_t addr, size_t *contig)
{
	uint64_t len = 0;
	uint64_t va = dad_dma_table_find(domain->reverse, addr, &len);

	if (va == DAD_DMA_ABSENT) {
		const struct rte_memseg *seg = external_by_iova(addr);

		if (seg == NULL)
			return NULL;
		va = seg->addr_64 + (addr - seg->iova);
		len = seg->iova + seg->len - addr;
	}
	if (contig != NULL)
		*contig = len;
	return (void *)(uintptr_t)va;
}

const struct dad_dma_table *
dad_dma_domain_reverse(const struct dad_dma_domain *domain)
{
	return domain->reverse;
}
