/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_memzone.h>
#include <rte_vfio.h>

#include "bounce.h"

/* Where the memory of bounce pools comes from. */

static uint64_t
chunk_size(const struct bounce *b)
{
	return UINT64_C(1) << b->chunk_shift;
}

/* Anonymous memory, on hugepages if that can be had; at a fixed place, or anywhere with NULL. */
static void *
map_memory(void *where, size_t size)
{
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE |
		(where != NULL ? MAP_FIXED_NOREPLACE : 0);
	void *va = MAP_FAILED;

	if (size % DAD_DMA_UNIT_SIZE == 0 && (uintptr_t)where % DAD_DMA_UNIT_SIZE == 0)
		va = mmap(where, size, PROT_READ | PROT_WRITE, flags | MAP_HUGETLB, -1, 0);
	if (va == MAP_FAILED) {
		va = mmap(where, size, PROT_READ | PROT_WRITE, flags, -1, 0);
		/* as near to pinned as it gets without an IOMMU; who has one pins by itself */
		if (va != MAP_FAILED)
			(void)mlock(va, size);
	}
	/* kernels before 4.17 take the place for a hint */
	if (va != MAP_FAILED && where != NULL && va != where) {
		munmap(va, size);
		va = MAP_FAILED;
	}
	/* a child that writes would leave the device with the other copy */
	if (va != MAP_FAILED)
		madvise(va, size, MADV_DONTFORK);
	return va == MAP_FAILED ? NULL : va;
}

/* At a multiple of align, wherever that is. */
static void *
map_aligned(size_t size, uint64_t align)
{
	size_t all = size + align;
	char *place =
		mmap(NULL, all, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (place == MAP_FAILED)
		return NULL;
	char *va = RTE_PTR_ALIGN(place, align);
	/* somebody else may be given the place in between: then anywhere will do */
	munmap(place, all);
	void *memory = map_memory(va, size);
	return memory != NULL ? memory : map_memory(NULL, size);
}

/* ---- domains that remap: any memory, at low IOVAs
 * ------------------------------------------------ */

static int
get_remapped(struct bounce *b, const struct dad_dma_range in[], unsigned int n)
{
	b->area_size = (size_t)b->n_chunks << b->chunk_shift;
	/* so that coherent memory can be as aligned for the CPU as for the device */
	b->area = map_aligned(b->area_size, chunk_size(b));
	if (b->area == NULL)
		return ENOMEM;
	for (unsigned int i = 0; i < b->n_chunks; i++) {
		struct chunk *c = &b->chunks[i];
		char *va = (char *)b->area + i * chunk_size(b);
		int error = remap_static(
			b->domain, va, chunk_size(b), chunk_size(b), in, n, KIND_BOUNCE, &c->iova);

		if (error == ENOSPC) /* an alignment to pages is enough */
			error = remap_static(b->domain, va, chunk_size(b), DAD_DMA_PAGE_SIZE, in, n,
				KIND_BOUNCE, &c->iova);
		if (error != 0)
			return error;
		c->va = va;
	}
	return 0;
}

/* ---- IOVAs are virtual addresses: memory at a low address
 * ------------------------------------------ */

/* EAL maps its own memory for the devices it drives by VFIO; this is none of it. Without such a
 * device, or without VFIO, there is nothing to do. 0 or errno */
static int
map_for_eal(struct bounce *b)
{
	uint64_t va = (uintptr_t)b->area;

	if (!rte_vfio_is_enabled("vfio"))
		return 0;
	rte_errno = 0;
	if (rte_vfio_container_dma_map(RTE_VFIO_DEFAULT_CONTAINER_FD, va, va, b->area_size) == 0) {
		b->in_eals_iommu = true;
		return 0;
	}
	if (rte_errno == ENODEV || rte_errno == ENOTSUP)
		return 0;
	DMA_LOG(ERR, "bounce pool at %#" PRIx64 ": EAL's VFIO container: %s", va,
		rte_strerror(rte_errno));
	return EIO;
}

#define LOW_TRIES 4096u

/* Memory between two addresses, the highest first: low memory is scarce. */
static void *
map_between(uint64_t first, uint64_t last, uint64_t size)
{
	void *va = NULL;

	last = RTE_MIN(last, DMA_VA_END - 1);
	if (last < first || last - first < size - 1)
		return NULL;
	/* so that the tries reach down to the bottom */
	uint64_t step =
		RTE_ALIGN_CEIL(RTE_MAX(size / 4, (last - first) / LOW_TRIES), DAD_DMA_PAGE_SIZE);
	uint64_t at = RTE_ALIGN_FLOOR(last + 1 - size, RTE_MIN(size, DAD_DMA_UNIT_SIZE));
	if (at < first)
		at = RTE_ALIGN_FLOOR(last + 1 - size, DAD_DMA_PAGE_SIZE);

	for (unsigned int tries = 0; va == NULL && tries < LOW_TRIES; tries++) {
		if (at < first)
			break;
		if (at != 0)
			va = map_memory((void *)(uintptr_t)at, size);
		if (at < step)
			break;
		at -= step;
	}
	return va;
}

static int
get_low_virtual(struct bounce *b, const struct dad_dma_range in[], unsigned int n)
{
	uint64_t size = (uint64_t)b->n_chunks << b->chunk_shift;

	for (unsigned int i = 0; i < n && b->area == NULL; i++)
		b->area = map_between(in[i].first, in[i].last, size);
	if (b->area == NULL)
		return ERANGE;
	b->area_size = size;
	for (unsigned int i = 0; i < b->n_chunks; i++) {
		struct chunk *c = &b->chunks[i];
		char *va = (char *)b->area + i * chunk_size(b);

		if (domain_set_reverse(b->domain, (uintptr_t)va, (uintptr_t)va, chunk_size(b),
			    KIND_BOUNCE) != 0)
			return ENOMEM;
		c->va = va;
		c->iova = (uintptr_t)va;
	}
	return map_for_eal(b);
}

/* ---- IOVAs are physical addresses: hugepages that happen to lie low
 * -------------------------------- */

/* Pages that lie too high are held until the search is over, so that EAL gives others. */
#define MAX_HELD 256u

static const struct rte_memzone *
reserve(size_t size)
{
	static unsigned int count;
	char name[RTE_MEMZONE_NAMESIZE];

	/* no lock is held: two devices may get their pools at a time */
	snprintf(name, sizeof(name), "dad_bounce_%d_%u", getpid(),
		__atomic_fetch_add(&count, 1, __ATOMIC_RELAXED));
	return rte_memzone_reserve_aligned(name, size, SOCKET_ID_ANY, 0, (unsigned int)size);
}

static bool
is_within(const struct rte_memzone *mz, const struct dad_dma_range in[], unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		if (mz->iova >= in[i].first && mz->iova + (mz->len - 1) <= in[i].last)
			return true;
	return false;
}

static int
get_low_physical(struct bounce *b, const struct dad_dma_range in[], unsigned int n)
{
	const struct rte_memzone *held[MAX_HELD];
	unsigned int n_held = 0, i = 0;
	int error = 0;

	while (i < b->n_chunks && error == 0) {
		const struct rte_memzone *mz = reserve(chunk_size(b));

		if (mz == NULL) {
			error = n_held > 0 ? ERANGE : ENOMEM;
		} else if (is_within(mz, in, n)) {
			b->chunks[i++] = (struct chunk){.va = mz->addr, .iova = mz->iova, .mz = mz};
			if (domain_set_reverse(b->domain, mz->iova, mz->addr_64, chunk_size(b),
				    KIND_BOUNCE) != 0)
				error = ENOMEM;
		} else {
			held[n_held++] = mz;
			if (n_held == MAX_HELD)
				error = ERANGE;
		}
	}
	while (n_held > 0)
		rte_memzone_free(held[--n_held]);
	return error;
}

int
bounce_memory_get(struct bounce *b, const struct dma_dev *dev, uint64_t limit)
{
	struct dad_dma_range in[DEV_RANGES] = {{.last = limit}};
	unsigned int n = dev != NULL ? dev_reach(dev, limit, in) : 1;

	if (b->domain->ops != NULL)
		return get_remapped(b, in, n);
	return rte_eal_iova_mode() == RTE_IOVA_PA ? get_low_physical(b, in, n)
						  : get_low_virtual(b, in, n);
}

void
bounce_memory_put(struct bounce *b)
{
	for (unsigned int i = 0; b->chunks != NULL && i < b->n_chunks; i++) {
		struct chunk *c = &b->chunks[i];

		if (c->va == NULL)
			continue;
		if (c->mz != NULL) {
			/* it is EAL's memory again */
			domain_set_reverse(
				b->domain, c->iova, (uintptr_t)c->va, chunk_size(b), KIND_DIRECT);
			rte_memzone_free(c->mz);
		} else if (b->domain->ops != NULL) {
			remap_static_drop(b->domain, c->iova, chunk_size(b));
		} else {
			domain_clear_reverse(b->domain, c->iova, chunk_size(b));
		}
	}
	if (b->in_eals_iommu)
		rte_vfio_container_dma_unmap(RTE_VFIO_DEFAULT_CONTAINER_FD, (uintptr_t)b->area,
			(uintptr_t)b->area, b->area_size);
	if (b->area != NULL)
		munmap(b->area, b->area_size);
}
