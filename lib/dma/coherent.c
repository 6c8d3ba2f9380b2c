/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>

#include <rte_common.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_memory.h>

#include "arena.h"
#include "dma_internal.h"
#include "placement.h"

#define KNOWN_FLAGS (DAD_DMA_ALLOC_ZERO | DAD_DMA_ALLOC_NEVER_GROW)

static uint64_t
bytes_of(unsigned int order)
{
	return (uint64_t)DAD_DMA_PAGE_SIZE << order;
}

/* Blocks are whole granules of the backend. */
static unsigned int
order_of(const struct dma_dev *dev, size_t size)
{
	size_t least = dev->domain->ops == NULL ? DAD_DMA_PAGE_SIZE : dev->domain->granule;

	return (unsigned int)rte_log2_u64(
		(RTE_MAX(size, least) + DAD_DMA_PAGE_SIZE - 1) >> DAD_DMA_PAGE_SHIFT);
}

/* ---- addresses
 * ----------------------------------------------------------------------------------- */

/* Can the device be given all of that arena as it is? */
static bool
is_in_reach(const struct arena *arena, const void *arg)
{
	const struct dma_dev *dev = arg;

	return arena->iova != DAD_DMA_ABSENT &&
		dev_check_coherent(dev, dev_to_bus(dev, arena->iova), bytes_of(arena->order));
}

/* The same for streaming mappings. */
static bool
is_in_streaming_reach(const struct arena *arena, const void *arg)
{
	const struct dma_dev *dev = arg;

	return arena->iova != DAD_DMA_ABSENT &&
		dev_check(dev, dev_to_bus(dev, arena->iova), bytes_of(arena->order)) == 0;
}

/* IOVAs for this block alone. 0 or errno. */
static int
remap(const struct dma_dev *dev, const struct block *b, uint64_t *iova)
{
	struct dad_dma_range reach[DEV_RANGES];
	unsigned int n = dev_reach(dev, dev->coherent_mask, reach);
	uint64_t len = bytes_of(b->order);

	return remap_static(dev->domain, (void *)(uintptr_t)block_va(b), len, len, reach, n,
		KIND_COHERENT, iova);
}

static bool
is_remapped(const struct dma_dev *dev, const struct block *b, dad_dma_addr_t handle)
{
	uint64_t contig;
	unsigned int kind;

	return dev->domain->ops != NULL &&
		domain_reverse(dev->domain, dev_to_iova(dev, handle), &contig, &kind) ==
		block_va(b) &&
		kind == KIND_COHERENT;
}

static bool
is_direct(const struct dma_dev *dev, const struct block *b, dad_dma_addr_t handle)
{
	return b->arena->iova != DAD_DMA_ABSENT &&
		handle == dev_to_bus(dev, b->arena->iova + (block_va(b) - b->arena->va));
}

/* ---- blocks
 * -------------------------------------------------------------------------------------- */

/* Where it is luck whether memory is in reach, EAL is asked so often. Where virtual addresses are
 * IOVAs, and none is excluded, what lies too high is followed by what lies as high. */
#define TRIES 256u

static unsigned int
tries_for(const struct dma_dev *dev)
{
	return rte_eal_iova_mode() == RTE_IOVA_PA || limits_exclude(&dev->limits) ? TRIES : 0;
}

/* On a node: what there is first, then more. 0, ENOMEM or ERANGE. */
static int
take_on(const struct dma_dev *dev, unsigned int lcore, unsigned int order, int socket_id,
	bool may_grow, arena_suits_t suits, struct block *b)
{
	struct dad_dma_domain *domain = dev->domain;
	int ret = ENOMEM;

	/* where every block can be given an address, all do */
	if (domain->ops != NULL)
		suits = NULL;

	if (blocks_take(domain->arenas, lcore, order, socket_id, suits, dev, b))
		return 0;
	if (!may_grow)
		return ENOMEM;
	pthread_mutex_lock(&domain->arena_lock);
	/* somebody else may have been faster, and may take it all before we come */
	do {
		if (blocks_take(domain->arenas, lcore, order, socket_id, suits, dev, b)) {
			ret = 0;
			break;
		}
		ret = arenas_grow(domain, order, socket_id, suits, dev, tries_for(dev));
	} while (ret == 0);
	pthread_mutex_unlock(&domain->arena_lock);
	return ret;
}

/* 0 or errno. */
static int
check(size_t size, unsigned int flags)
{
	if (size == 0 || (flags & ~(unsigned int)KNOWN_FLAGS) != 0)
		return EINVAL;
	/* more than the largest arena EAL can be asked to align */
	return size > UINT32_C(1) << 31 ? ENOMEM : 0;
}

/* One whose arena suits the device; NULL: all do. Sets rte_errno. */
static bool
take(struct dma_dev *dev, unsigned int lcore, size_t size, unsigned int flags, arena_suits_t suits,
	struct block *b)
{
	bool may_grow = (flags & DAD_DMA_ALLOC_NEVER_GROW) == 0;

	int error = check(size, flags);
	if (error != 0) {
		rte_errno = error;
		return false;
	}
	unsigned int order = order_of(dev, size);
	int ret = take_on(dev, lcore, order, dev->socket_id, may_grow, suits, b);
	if (dev->socket_id != SOCKET_ID_ANY &&
		(ret == ENOMEM || (ret == ERANGE && rte_socket_count() > 1))) {
		ret = take_on(dev, lcore, order, SOCKET_ID_ANY, may_grow, suits, b);
		if (ret == 0 && may_grow)
			DMA_LOG(NOTICE, "%s: no memory left on node %d: taken from another",
				dev->name, dev->socket_id);
	}
	if (ret == 0)
		blocks_own(b, dev);
	rte_errno = ret;
	return ret == 0;
}

static void
account(struct dma_dev *dev, unsigned int lcore, const struct block *b, bool more)
{
	uint64_t bytes = bytes_of(b->order);

	dev_count_on(dev, lcore, COUNT_COHERENT, more ? bytes : -bytes);
}

/* Of the device's own pool. */
static void *
alloc_restricted(struct dma_dev *dev, size_t size, unsigned int flags, dad_dma_addr_t *handle)
{
	unsigned int lcore = dma_lcore_id();
	int error = handle == NULL ? EINVAL : check(size, flags);
	uint64_t iova, len = bytes_of(order_of(dev, size));
	void *va = NULL;

	if (error == 0)
		error = bounce_alloc(dev, lcore, len, &va, &iova);
	if (error != 0) {
		rte_errno = error;
		return NULL;
	}
	*handle = dev_to_bus(dev, iova);
	dev_count_on(dev, lcore, COUNT_COHERENT, len);
	if (flags & DAD_DMA_ALLOC_ZERO)
		memset(va, 0, len);
	return va;
}

static void *
alloc(struct dma_dev *dev, size_t size, unsigned int flags, dad_dma_addr_t *handle)
{
	unsigned int lcore = dma_lcore_id();
	struct block b;
	uint64_t iova;

	if (handle == NULL) {
		rte_errno = EINVAL;
		return NULL;
	}
	if (!take(dev, lcore, size, flags, is_in_reach, &b))
		return NULL;
	if (is_in_reach(b.arena, dev)) {
		iova = b.arena->iova + (block_va(&b) - b.arena->va);
	} else {
		int error = remap(dev, &b, &iova);

		if (error != 0) {
			blocks_claim(dev->domain->arenas, lcore, (void *)(uintptr_t)block_va(&b),
				b.order, dev, &b);
			blocks_give(dev->domain->arenas, lcore, &b,
				(flags & DAD_DMA_ALLOC_NEVER_GROW) != 0);
			rte_errno = error;
			return NULL;
		}
	}
	*handle = dev_to_bus(dev, iova);
	account(dev, lcore, &b, true);
	void *va = (void *)(uintptr_t)block_va(&b);
	if (flags & DAD_DMA_ALLOC_ZERO)
		memset(va, 0, bytes_of(b.order));
	return va;
}

static void
refuse(const struct dma_dev *dev, size_t size, const void *va, dad_dma_addr_t handle)
{
	DMA_LOG(ERR, "%s: free of %zu bytes at %p, handle %#" PRIx64 ": not allocated so",
		dev->name, size, va, handle);
}

static void
release(struct dma_dev *dev, size_t size, void *va, dad_dma_addr_t handle, unsigned int flags)
{
	struct arenas *arenas = dev->domain->arenas;
	unsigned int lcore = dma_lcore_id();
	struct block b;

	if (va == NULL)
		return;
	if (dev->own_bounce != NULL && check(size, 0) == 0) {
		uint64_t len = bytes_of(order_of(dev, size));

		if (bounce_release(dev, len, va, dev_to_iova(dev, handle))) {
			dev_count_on(dev, lcore, COUNT_COHERENT, -len);
			return;
		}
	}
	if (size == 0 || size > UINT32_C(1) << 31 ||
		!blocks_claim(arenas, lcore, va, order_of(dev, size), dev, &b)) {
		refuse(dev, size, va, handle);
		return;
	}
	if (is_remapped(dev, &b, handle)) {
		remap_static_drop(dev->domain, dev_to_iova(dev, handle), bytes_of(b.order));
	} else if (!is_direct(dev, &b, handle)) {
		blocks_unclaim(&b);
		refuse(dev, size, va, handle);
		return;
	}
	account(dev, lcore, &b, false);
	blocks_give(arenas, lcore, &b, (flags & DAD_DMA_ALLOC_NEVER_GROW) != 0);
}

/* ---- the calls
 * ----------------------------------------------------------------------------------- */

void *
dad_dma_alloc_coherent(struct dad_dma_dev *dev, size_t size, dad_dma_addr_t *handle)
{
	return dad_dma_alloc_flags(dev, size, DAD_DMA_ALLOC_ZERO, handle);
}

void
dad_dma_free_coherent(struct dad_dma_dev *dev, size_t size, void *va, dad_dma_addr_t handle)
{
	release(dev_of(dev), size, va, handle, 0);
}

void *
dad_dma_alloc_flags(
	struct dad_dma_dev *pub, size_t size, unsigned int flags, dad_dma_addr_t *handle)
{
	struct dma_dev *dev = dev_of(pub);

	return unlikely(dev->own_bounce != NULL) ? alloc_restricted(dev, size, flags, handle)
						 : alloc(dev, size, flags, handle);
}

void
dad_dma_free_flags(
	struct dad_dma_dev *dev, size_t size, unsigned int flags, void *va, dad_dma_addr_t handle)
{
	release(dev_of(dev), size, va, handle, flags);
}

void *
dad_dma_alloc_noncoherent(struct dad_dma_dev *pub, size_t size, unsigned int flags,
	enum dad_dma_dir dir, dad_dma_addr_t *handle)
{
	struct dma_dev *dev = dev_of(pub);
	unsigned int lcore = dma_lcore_id();
	struct block b;

	if (handle == NULL) {
		rte_errno = EINVAL;
		return NULL;
	}
	/* what is not in reach can be bounced */
	bool bounces = dev_bounce(dev) != NULL &&
		(dev->rungs & DAD_DMA_RUNG_BIT(DAD_DMA_RUNG_BOUNCE)) != 0;
	if (!take(dev, lcore, size, flags, bounces ? NULL : is_in_streaming_reach, &b))
		return NULL;
	void *va = (void *)(uintptr_t)block_va(&b);
	memset(va, 0, bytes_of(b.order));
	*handle = dad_dma_map_single(pub, va, size, dir);
	if (*handle == DAD_DMA_MAPPING_ERROR) {
		int error = rte_errno;

		blocks_claim(dev->domain->arenas, lcore, va, b.order, dev, &b);
		blocks_give(
			dev->domain->arenas, lcore, &b, (flags & DAD_DMA_ALLOC_NEVER_GROW) != 0);
		rte_errno = error;
		return NULL;
	}
	account(dev, lcore, &b, true);
	return va;
}

void
dad_dma_free_noncoherent(
	struct dad_dma_dev *pub, size_t size, enum dad_dma_dir dir, void *va, dad_dma_addr_t handle)
{
	struct dma_dev *dev = dev_of(pub);
	unsigned int lcore = dma_lcore_id();
	struct block b;

	if (va == NULL)
		return;
	if (size == 0 || size > UINT32_C(1) << 31 ||
		!blocks_claim(dev->domain->arenas, lcore, va, order_of(dev, size), dev, &b)) {
		refuse(dev, size, va, handle);
		return;
	}
	if (is_remapped(dev, &b, handle)) {
		blocks_unclaim(&b);
		refuse(dev, size, va, handle);
		return;
	}
	dad_dma_unmap_single(pub, handle, size, dir);
	account(dev, lcore, &b, false);
	blocks_give(dev->domain->arenas, lcore, &b, false);
}

unsigned int
dad_dma_effective_attrs(const struct dad_dma_dev *pub, dad_dma_addr_t handle)
{
	const struct dma_dev *dev = dev_of(pub);
	const struct dad_dma_domain *domain = dev->domain;
	uint64_t contig;
	unsigned int kind;
	uint64_t va = domain_reverse(domain, dev_to_iova(dev, handle), &contig, &kind);

	if (va == DAD_DMA_ABSENT)
		return 0;
	/* a BAR is as its driver mapped it, which nobody tells */
	const struct region *region = region_of(domain, va);
	if (region != NULL && region->phys != DAD_DMA_ABSENT)
		return 0;
	if (kind == KIND_BOUNCE && bounce_is_coherent(dev, dev_to_iova(dev, handle)))
		kind = KIND_COHERENT;
	if ((domain->flags & DAD_DMA_DOMAIN_NONCOHERENT) && kind != KIND_COHERENT)
		return DAD_DMA_EFFECTIVE_CACHED;
	return DAD_DMA_EFFECTIVE_CACHED |
		(kind == KIND_BOUNCE ? 0u : (unsigned int)DAD_DMA_EFFECTIVE_COHERENT);
}

int
dad_dma_node_of(const void *va)
{
	return placement_node(va);
}

void
dad_dma_coherent_info(struct dad_dma_domain *domain, struct dad_dma_coherent_info *info)
{
	struct arenas_info a;

	arenas_info(domain->arenas, &a);
	*info = (struct dad_dma_coherent_info){.memzones = a.zones,
		.arenas = a.arenas,
		.bytes = a.bytes,
		.free_bytes = a.free_bytes};
}
