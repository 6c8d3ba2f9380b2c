/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_common.h>
#include <rte_errno.h>
#include <rte_memzone.h>

#include "buddy.h"
#include "dma_internal.h"

/* An arena is one memzone, carved by a buddy. Few and large: EAL has room for 2560 memzones in
 * all, and looks a name up in linear time. */
#define ARENA_ORDER 9u /* 2 MiB in pages of 4 KiB */

struct arena {
	TAILQ_ENTRY(arena) next;
	const struct rte_memzone *mz;
	struct buddy *buddy;
	unsigned int order; /* of pages in the whole */
	int socket_id;	    /* asked for; the memory may lie elsewhere */
};

static unsigned int
order_of(size_t size)
{
	size_t pages = (size + DAD_DMA_PAGE_SIZE - 1) >> DAD_DMA_PAGE_SHIFT;

	return (unsigned int)rte_log2_u64(pages);
}

static size_t
bytes_of(unsigned int order)
{
	return (size_t)DAD_DMA_PAGE_SIZE << order;
}

static bool
under_mask(const struct arena *arena, uint64_t mask)
{
	return arena->mz->iova + arena->mz->len - 1 <= mask;
}

/* Contiguous and naturally aligned in IOVAs over all of the memzone? */
static bool
is_block(const struct dad_dma_domain *domain, const struct rte_memzone *mz)
{
	uint64_t va = mz->addr_64, contig;

	if ((mz->iova & (mz->len - 1)) != 0)
		return false;
	for (uint64_t at = 0; at < mz->len; at += contig)
		if (domain_virt_to_bus(domain, va + at, &contig) != mz->iova + at)
			return false;
	return true;
}

static const struct rte_memzone *
reserve(const struct dad_dma_domain *domain, unsigned int order, int socket_id)
{
	static unsigned int count; /* guarded by the domain's arena_lock, of which there is one */
	/* EAL wants twice the size contiguous before it grants RTE_MEMZONE_IOVA_CONTIG. One
	 * hugepage is a block without that; what is larger, with physical addresses, is by luck. */
	const unsigned int ways[] = {0, RTE_MEMZONE_IOVA_CONTIG};
	size_t size = bytes_of(order);

	for (unsigned int i = 0; i < RTE_DIM(ways); i++) {
		char name[RTE_MEMZONE_NAMESIZE];

		/* secondary processes share the names */
		snprintf(name, sizeof(name), "dad_dma_%d_%u", getpid(), count++);
		const struct rte_memzone *mz = rte_memzone_reserve_aligned(
			name, size, socket_id, ways[i], (unsigned int)size);

		if (mz != NULL && is_block(domain, mz))
			return mz;
		rte_memzone_free(mz);
	}
	return NULL;
}

static struct arena *
arena_create(struct dad_dma_domain *domain, unsigned int order, int socket_id)
{
	struct arena *arena = calloc(1, sizeof(*arena));

	if (arena == NULL)
		return NULL;
	arena->order = order > ARENA_ORDER ? order : ARENA_ORDER;
	arena->socket_id = socket_id;
	arena->mz = reserve(domain, arena->order, socket_id);
	if (arena->mz == NULL && arena->order > order) {
		/* memory is scarce: no more than what is asked for */
		arena->order = order;
		arena->mz = reserve(domain, order, socket_id);
	}
	if (arena->mz == NULL)
		goto no_memzone;
	arena->buddy = buddy_create(arena->order);
	if (arena->buddy == NULL)
		goto no_buddy;
	TAILQ_INSERT_TAIL(&domain->arenas, arena, next);
	return arena;

no_buddy:
	rte_memzone_free(arena->mz);
no_memzone:
	free(arena);
	return NULL;
}

static void
arena_destroy(struct dad_dma_domain *domain, struct arena *arena)
{
	TAILQ_REMOVE(&domain->arenas, arena, next);
	buddy_destroy(arena->buddy);
	rte_memzone_free(arena->mz);
	free(arena);
}

void
coherent_release(struct dad_dma_domain *domain)
{
	while (!TAILQ_EMPTY(&domain->arenas))
		arena_destroy(domain, TAILQ_FIRST(&domain->arenas));
}

static void *
arena_take(struct arena *arena, unsigned int order, dad_dma_addr_t *handle)
{
	uint32_t page = buddy_take(arena->buddy, order);

	if (page == BUDDY_NONE)
		return NULL;
	size_t offset = (size_t)page << DAD_DMA_PAGE_SHIFT;
	*handle = arena->mz->iova + offset;
	return RTE_PTR_ADD(arena->mz->addr, offset);
}

/* From an arena that is there, else from a new one. Sets rte_errno. */
static void *
take(struct dma_dev *dev, unsigned int order, int socket_id, dad_dma_addr_t *handle)
{
	struct dad_dma_domain *domain = dev->domain;
	struct arena *arena;

	TAILQ_FOREACH (arena, &domain->arenas, next) {
		if (arena->socket_id != socket_id || !under_mask(arena, dev->coherent_mask))
			continue;
		void *va = arena_take(arena, order, handle);
		if (va != NULL)
			return va;
	}

	arena = arena_create(domain, order, socket_id);
	if (arena == NULL) {
		/* EAL has many words for it */
		rte_errno = ENOMEM;
		return NULL;
	}
	if (!under_mask(arena, dev->coherent_mask)) {
		arena_destroy(domain, arena);
		rte_errno = ERANGE;
		return NULL;
	}
	return arena_take(arena, order, handle);
}

void *
dad_dma_alloc_coherent(struct dad_dma_dev *pub, size_t size, dad_dma_addr_t *handle)
{
	struct dma_dev *dev = dev_of(pub);

	if (size == 0 || handle == NULL) {
		rte_errno = EINVAL;
		return NULL;
	}
	/* more than the largest arena EAL can be asked to align */
	if (size > UINT32_C(1) << 31) {
		rte_errno = ENOMEM;
		return NULL;
	}

	unsigned int order = order_of(size);
	pthread_mutex_lock(&dev->domain->arena_lock);
	void *va = take(dev, order, dev->socket_id, handle);
	if (va == NULL && rte_errno == ENOMEM && dev->socket_id != SOCKET_ID_ANY) {
		va = take(dev, order, SOCKET_ID_ANY, handle);
		if (va != NULL)
			DMA_LOG(NOTICE, "%s: no memory left on node %d: taken from another",
				dev->name, dev->socket_id);
	}
	pthread_mutex_unlock(&dev->domain->arena_lock);
	if (va == NULL)
		return NULL;

	memset(va, 0, bytes_of(order));
	__atomic_fetch_add(&dev->stats.coherent_bytes, bytes_of(order), __ATOMIC_RELAXED);
	return va;
}

static struct arena *
arena_of(struct dad_dma_domain *domain, const void *va)
{
	struct arena *arena;

	TAILQ_FOREACH (arena, &domain->arenas, next)
		if ((uintptr_t)va - (uintptr_t)arena->mz->addr < arena->mz->len)
			return arena;
	return NULL;
}

/* An empty arena stays for the next allocation, unless another does, or it is an outsize. */
static bool
arena_is_spare(struct dad_dma_domain *domain, const struct arena *arena)
{
	struct arena *other;

	if (!buddy_is_empty(arena->buddy))
		return false;
	if (arena->order != ARENA_ORDER)
		return true;
	TAILQ_FOREACH (other, &domain->arenas, next)
		if (other != arena && other->order == ARENA_ORDER &&
			other->socket_id == arena->socket_id && buddy_is_empty(other->buddy))
			return true;
	return false;
}

void
dad_dma_free_coherent(struct dad_dma_dev *pub, size_t size, void *va, dad_dma_addr_t handle)
{
	struct dma_dev *dev = dev_of(pub);
	struct dad_dma_domain *domain = dev->domain;
	bool freed = false;

	if (va == NULL)
		return;
	pthread_mutex_lock(&domain->arena_lock);
	struct arena *arena = arena_of(domain, va);
	if (arena != NULL && size != 0) {
		size_t offset = RTE_PTR_DIFF(va, arena->mz->addr);

		freed = handle == arena->mz->iova + offset &&
			(offset & (DAD_DMA_PAGE_SIZE - 1)) == 0 &&
			buddy_give(arena->buddy, (uint32_t)(offset >> DAD_DMA_PAGE_SHIFT),
				order_of(size));
		if (freed && arena_is_spare(domain, arena))
			arena_destroy(domain, arena);
	}
	pthread_mutex_unlock(&domain->arena_lock);

	if (freed)
		__atomic_fetch_sub(
			&dev->stats.coherent_bytes, bytes_of(order_of(size)), __ATOMIC_RELAXED);
	else
		DMA_LOG(ERR, "%s: free of %zu bytes at %p, handle %#" PRIx64 ": not allocated so",
			dev->name, size, va, handle);
}
