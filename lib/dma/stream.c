/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_memory.h>

#include "bounce_map.h"
#include "stream.h"

/* Streaming mappings: the ladder, and the way back. */

/* ---- direct --------------------------------------------------------------------------------- */

/* Beyond the first unit: is the rest where it must be? 0, EFAULT (unknown) or E2BIG (elsewhere). */
static int
check_rest(const struct dad_dma_domain *domain, uint64_t va, uint64_t iova, uint64_t size)
{
	while (size > 0) {
		uint64_t contig;
		uint64_t here = domain_virt_to_bus(domain, va, &contig);

		if (here == DAD_DMA_ABSENT)
			return EFAULT;
		if (here != iova)
			return E2BIG;
		if (contig >= size)
			return 0;
		va += contig;
		iova += contig;
		size -= contig;
	}
	return 0;
}

static int
direct_map(const struct dma_dev *dev, uint64_t va, uint64_t size, uint64_t *iova)
{
	const struct dad_dma_domain *domain = dev->domain;
	uint64_t contig;
	uint64_t at = domain_virt_to_bus(domain, va, &contig);

	if (at == DAD_DMA_ABSENT)
		return EFAULT;
	if (contig < size) {
		int error = check_rest(domain, va + contig, at + contig, size - contig);

		if (error != 0)
			return error;
	}
	*iova = at;
	return dev_check(dev, dev_to_bus(dev, at), size);
}

/* ---- the ladder ----------------------------------------------------------------------------- */

void
stream_refuse(struct dma_dev *dev, int error)
{
	struct dad_dma_dev_stats *s = &dev->stats;
	uint64_t *counter = &s->map_error_invalid;

	switch (error) {
	case EFAULT:
		counter = &s->map_error_unknown;
		break;
	case E2BIG:
		counter = &s->map_error_contiguity;
		break;
	case ERANGE:
		counter = &s->map_error_mask;
		break;
	case ENOSPC:
		counter = &s->map_error_space;
		break;
	case ENOMEM:
		counter = &s->map_error_memory;
		break;
	case EIO:
		counter = &s->map_error_backend;
		break;
	default:
		break;
	}
	__atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
	rte_errno = error;
}

unsigned int
stream_rungs(const struct dma_dev *dev, unsigned int attrs)
{
	unsigned int rungs = dev->rungs;

	if (attrs & DAD_DMA_ATTR_FORCE_BOUNCE)
		rungs &= DAD_DMA_RUNG_BIT(DAD_DMA_RUNG_BOUNCE);
	if (attrs & DAD_DMA_ATTR_MMIO)
		rungs &= ~DAD_DMA_RUNG_BIT(DAD_DMA_RUNG_BOUNCE);
	return rungs;
}

/* Out of line: what the rungs before it need shall not be saved for this one. */
static __rte_noinline int
bounce_map(struct dma_dev *dev, unsigned int lcore, uint64_t va, uint64_t size, bool copy,
	bool counted, uint64_t *iova)
{
	char *to;
	int error = bounce_place(dev, lcore, va, size, counted, iova, &to);

	if (error == 0 && copy)
		bounce_fill(dev, lcore, to, va, size);
	return error;
}

static __rte_always_inline int
climb(struct dma_dev *dev, unsigned int lcore, uint64_t va, uint64_t size, enum dad_dma_dir dir,
	unsigned int attrs, unsigned int rungs, bool counted, uint64_t *iova,
	enum dad_dma_rung *rung)
{
	int error = EFAULT;

	for (*rung = DAD_DMA_RUNG_DIRECT; *rung <= DAD_DMA_RUNG_BOUNCE; (*rung)++) {
		if (!(rungs & DAD_DMA_RUNG_BIT(*rung)))
			continue;
		switch (*rung) {
		case DAD_DMA_RUNG_DIRECT:
			error = direct_map(dev, va, size, iova);
			break;
		case DAD_DMA_RUNG_WINDOW:
			error = window_map(dev, va, size, iova);
			break;
		case DAD_DMA_RUNG_STRICT:
			error = strict_map(dev, lcore, va, size, dir, attrs, counted, iova);
			break;
		default:
			error = bounce_map(
				dev, lcore, va, size, bounce_copies_in(dir, attrs), counted, iova);
			break;
		}
		if (error == 0)
			return 0;
	}
	return error;
}

static inline bool
has_regions(const struct dad_dma_domain *domain)
{
	return __atomic_load_n(&domain->n_regions, __ATOMIC_RELAXED) != 0;
}

/* Counters, and the liveness of what an unmap will find again. */
static inline void
count_map(struct dma_dev *dev, unsigned int lcore, enum dad_dma_rung rung, bool in_region)
{
	static const enum dev_counter counters[] = {
		[DAD_DMA_RUNG_DIRECT] = COUNT_DIRECT,
		[DAD_DMA_RUNG_WINDOW] = COUNT_WINDOW,
		[DAD_DMA_RUNG_STRICT] = COUNT_STRICT,
		[DAD_DMA_RUNG_BOUNCE] = COUNT_BOUNCE,
	};

	if (rung != DAD_DMA_RUNG_DIRECT || in_region)
		dev_count_on(dev, lcore, COUNT_LIVE, 1);
	else if (!dev->count_direct)
		return;
	dev_count_on(dev, lcore, counters[rung], 1);
}

static __rte_always_inline int
map_on(struct dma_dev *dev, uint64_t va, uint64_t size, enum dad_dma_dir dir, unsigned int attrs,
	unsigned int rungs, dad_dma_addr_t *addr, enum dad_dma_rung *rung)
{
	struct dad_dma_domain *domain = dev->domain;
	unsigned int lcore = dma_lcore_id();
	bool in_region = false;
	uint64_t iova;
	int error = 0;

	/* a mapping is counted in one region, which it must not leave */
	if (unlikely(has_regions(domain)))
		error = region_get(domain, va, size, &in_region);
	if (unlikely(error != 0))
		return error;
	error = climb(dev, lcore, va, size, dir, attrs, rungs, in_region, &iova, rung);
	if (unlikely(error != 0)) {
		if (in_region)
			region_put(domain, va);
		return error;
	}
	count_map(dev, lcore, *rung, in_region);
	*addr = dev_to_bus(dev, iova);
	return 0;
}

int
stream_map(struct dma_dev *dev, uint64_t va, uint64_t size, enum dad_dma_dir dir,
	unsigned int attrs, unsigned int rungs, dad_dma_addr_t *addr, enum dad_dma_rung *rung)
{
	return map_on(dev, va, size, dir, attrs, rungs, addr, rung);
}

static __rte_noinline __rte_cold dad_dma_addr_t
refuse(struct dma_dev *dev, int error)
{
	stream_refuse(dev, error);
	return DAD_DMA_MAPPING_ERROR;
}

static __rte_noinline dad_dma_addr_t
map_any(struct dma_dev *dev, uint64_t va, uint64_t size, enum dad_dma_dir dir, unsigned int attrs)
{
	dad_dma_addr_t addr;
	enum dad_dma_rung rung;
	int error = stream_check(va, size, dir);

	if (likely(error == 0))
		error = map_on(dev, va, size, dir, attrs, stream_rungs(dev, attrs), &addr, &rung);
	if (unlikely(error != 0))
		return refuse(dev, error);
	rte_io_wmb();
	return addr;
}

/* What only bounces takes the short way, with the copy at its end. A CPU begins with a copy while
 * it still waits for the bytes of the one before, if what lies between is no more than some hundred
 * instructions, and few of them stores; what a function saves are stores, too. */
static __rte_noinline dad_dma_addr_t
map_bounced(
	struct dma_dev *dev, uint64_t va, uint64_t size, enum dad_dma_dir dir, unsigned int attrs)
{
	if (unlikely(stream_check(va, size, dir) != 0 || has_regions(dev->domain)))
		return map_any(dev, va, size, dir, attrs);

	bool copy = bounce_copies_in(dir, attrs);
	unsigned int lcore = dma_lcore_id();
	uint64_t iova;
	char *to;
	int error = bounce_place(dev, lcore, va, size, false, &iova, &to);
	if (unlikely(error != 0))
		return refuse(dev, error);
	count_map(dev, lcore, DAD_DMA_RUNG_BOUNCE, false);
	if (copy)
		bounce_fill(dev, lcore, to, va, size);
	rte_io_wmb();
	return dev_to_bus(dev, iova);
}

dad_dma_addr_t
dad_dma_map_ladder(struct dad_dma_dev *pub, void *buffer, size_t size, enum dad_dma_dir dir,
	unsigned int attrs)
{
	struct dma_dev *dev = dev_of(pub);
	uint64_t va = (uintptr_t)buffer;

	return stream_rungs(dev, attrs) == DAD_DMA_RUNG_BIT(DAD_DMA_RUNG_BOUNCE)
		? map_bounced(dev, va, size, dir, attrs)
		: map_any(dev, va, size, dir, attrs);
}

/* A mapping is no more: with none of them the device may go, and its slots with it. */
static inline void
count_dead(struct dma_dev *dev, unsigned int lcore)
{
	dev_count_on(dev, lcore, COUNT_LIVE, -UINT64_C(1));
}

/* An unmap that had something to undo. */
static inline void
count_unmap(struct dma_dev *dev, unsigned int lcore)
{
	dev_count_on(dev, lcore, COUNT_UNMAPPED, 1);
	count_dead(dev, lcore);
}

/* The memory of a mapping was given back to EAL before the unmap, and its window with it: then the
 * owner's unmap, late as it is, still counts, or the device could never go. An unmap too many, of
 * what never was in a window, does not. */
static __rte_noinline bool
is_of_window_gone(const struct dma_dev *dev, uint64_t iova)
{
	const struct dad_dma_domain *domain = dev->domain;
	uint64_t size;

	return domain->ops != NULL &&
		__atomic_load_n(&domain->windows_gone, __ATOMIC_RELAXED) > 0 &&
		table_word(domain->windows_ever, iova, &size) != 0 && dev_live(dev) > 0;
}

static __rte_noinline void
unmap_other(struct dma_dev *dev, dad_dma_addr_t addr, uint64_t size, enum dad_dma_dir dir,
	unsigned int attrs)
{
	struct dad_dma_domain *domain = dev->domain;
	unsigned int lcore = dma_lcore_id();
	uint64_t iova = dev_to_iova(dev, addr);
	uint64_t contig;
	unsigned int kind;
	uint64_t va = domain_reverse(domain, iova, &contig, &kind);
	/* a region counts what is mapped in it, but for a strict mapping that was there first */
	bool counted =
		has_regions(domain) && (kind != KIND_STRICT || domain_is_counted(domain, iova));

	if (unlikely(va == DAD_DMA_ABSENT && size != 0 && is_of_window_gone(dev, iova))) {
		count_unmap(dev, lcore);
		return;
	}
	if (unlikely(va == DAD_DMA_ABSENT || size == 0)) {
		/* what EAL does not announce is not in the tables */
		if (domain->ops != NULL || size == 0)
			DMA_LOG(ERR, "%s: unmap of %" PRIu64 " bytes at %#" PRIx64 ": not mapped",
				dev->name, size, addr);
		return;
	}
	switch (kind) {
	case KIND_DIRECT:
		if (dev->count_direct)
			dev_count_on(dev, lcore, COUNT_UNMAPPED, 1);
		return;
	case KIND_BOUNCE:
		DMA_LOG(ERR, "%s: unmap of IOVA %#" PRIx64 ": not mapped", dev->name, iova);
		return;
	case KIND_STRICT:
		strict_unmap(dev, iova, size, dir, attrs);
		break;
	case KIND_COHERENT:
		DMA_LOG(ERR, "%s: unmap of coherent memory at %#" PRIx64, dev->name, addr);
		return;
	default:
		break;
	}
	/* its word tells of a region or a window that there is memory, not that it is mapped */
	if (unlikely(counted) && !region_put(domain, va) && kind != KIND_STRICT)
		return;
	count_unmap(dev, lcore);
}

/* Slots that others may get, or a region that may go, as soon as the bytes are out. */
static __rte_noinline void
end_bounce(struct dma_dev *dev, unsigned int lcore, struct bounce_end e, uint64_t size, bool copy,
	bool kept)
{
	if (copy)
		bounce_empty(dev, lcore, e, size);
	if (!kept)
		bounce_give_back(dev_bounce(dev), lcore, e.slot, e.n);
	if (e.counted)
		region_put(dev->domain, e.va);
	count_unmap(dev, lcore);
}

/* The short way back. */
static __rte_noinline void
unmap_bounced(struct dma_dev *dev, struct bounce *b, dad_dma_addr_t addr, uint64_t size,
	enum dad_dma_dir dir, unsigned int attrs)
{
	bool copy = bounce_copies_out(dir, attrs);
	unsigned int lcore = dma_lcore_id();
	const struct bounce_end e = bounce_end(dev, b, dev_to_iova(dev, addr));
	if (unlikely(e.va == DAD_DMA_ABSENT)) {
		unmap_other(dev, addr, size, dir, attrs);
		return;
	}
	/* what this lcore keeps only this thread can take again: after the copy, which comes last
	 * here, too */
	bool kept = bounce_keep(b, lcore, e.slot, e.n);
	if (unlikely(!kept || e.counted)) {
		end_bounce(dev, lcore, e, size, copy, kept);
		return;
	}
	dev_count_on(dev, lcore, COUNT_UNMAPPED, 1);
	if (copy)
		bounce_empty(dev, lcore, e, size);
	count_dead(dev, lcore);
}

void
stream_unmap(struct dma_dev *dev, dad_dma_addr_t addr, uint64_t size, enum dad_dma_dir dir,
	unsigned int attrs)
{
	struct bounce *b = dev_bounce(dev);

	/* a pool knows its addresses without the domain's tables */
	if (b != NULL && likely(size != 0))
		unmap_bounced(dev, b, addr, size, dir, attrs);
	else
		unmap_other(dev, addr, size, dir, attrs);
}

void
dad_dma_unmap_ladder(struct dad_dma_dev *dev, dad_dma_addr_t addr, size_t size,
	enum dad_dma_dir dir, unsigned int attrs)
{
	stream_unmap(dev_of(dev), addr, size, dir, attrs);
}

/* ---- syncs that move bytes ------------------------------------------------------------------- */

static void
copy(struct dma_dev *dev, dad_dma_addr_t addr, uint64_t size, bool to_device)
{
	uint64_t iova = dev_to_iova(dev, addr);
	uint64_t contig;
	unsigned int kind;

	uint64_t va = domain_reverse(dev->domain, iova, &contig, &kind);

	if (va == DAD_DMA_ABSENT)
		return;
	if (kind == KIND_BOUNCE)
		bounce_copy(dev, iova, size, to_device);
	else if (kind == KIND_STRICT)
		strict_copy(dev, iova, size, to_device);
}

void
dad_dma_sync_copy_to_cpu(
	struct dad_dma_dev *dev, dad_dma_addr_t addr, size_t size, enum dad_dma_dir dir)
{
	if (dir != DAD_DMA_TO_DEVICE)
		copy(dev_of(dev), addr, size, false);
}

void
dad_dma_sync_copy_to_device(
	struct dad_dma_dev *dev, dad_dma_addr_t addr, size_t size, enum dad_dma_dir dir)
{
	if (dir != DAD_DMA_FROM_DEVICE)
		copy(dev_of(dev), addr, size, true);
}

bool
dad_dma_is_bounced(const struct dad_dma_dev *pub, dad_dma_addr_t addr)
{
	const struct dma_dev *dev = dev_of(pub);
	uint64_t contig;
	unsigned int kind;

	return domain_reverse(dev->domain, dev_to_iova(dev, addr), &contig, &kind) !=
		DAD_DMA_ABSENT &&
		kind == KIND_BOUNCE;
}

/* ---- many at once -----------------------------------------------------------------------------
 */

unsigned int
dad_dma_map_burst(struct dad_dma_dev *dev, void *const va[], const uint32_t size[], unsigned int n,
	enum dad_dma_dir dir, dad_dma_addr_t addr[])
{
	const struct dad_dma_table *table = dev->direct;
	const uint64_t mask = dev->mask;
	const bool valid = (unsigned int)dir < DAD_DMA_NONE;

	for (unsigned int i = 0; i < n; i++) {
		uint64_t contig = 0;
		uint64_t iova = dad_dma_table_find(table, (uintptr_t)va[i], &contig);

		/* as in dad_dma_map_single_attrs() */
		if (unlikely((uint64_t)size[i] - 1 >= contig || iova + (size[i] - 1) > mask ||
			    !valid)) {
			iova = dad_dma_map_ladder(dev, va[i], size[i], dir, 0);
			if (iova == DAD_DMA_MAPPING_ERROR) {
				addr[i] = iova;
				return i;
			}
		}
		addr[i] = iova;
	}
	rte_io_wmb();
	return n;
}

void
dad_dma_unmap_burst(struct dad_dma_dev *dev, const dad_dma_addr_t addr[], const uint32_t size[],
	unsigned int n, enum dad_dma_dir dir)
{
	rte_io_rmb();
	/* nothing, as a rule */
	if (__atomic_load_n(&dev->unmap.size, __ATOMIC_RELAXED) == 0)
		return;
	for (unsigned int i = 0; i < n; i++)
		if (unlikely(dad_dma_need_unmap(dev, addr[i])))
			dad_dma_unmap_ladder(dev, addr[i], size[i], dir, 0);
}

/* ---- by physical address -----------------------------------------------------------------------
 */

dad_dma_addr_t
dad_dma_map_phys(struct dad_dma_dev *pub, uint64_t phys, size_t size, enum dad_dma_dir dir,
	unsigned int attrs)
{
	struct dma_dev *dev = dev_of(pub);
	void *va = NULL;

	if (attrs & DAD_DMA_ATTR_MMIO) {
		uint64_t contig;
		uint64_t bar = dad_dma_table_find(dev->domain->phys, phys, &contig);

		if (bar != DAD_DMA_ABSENT)
			va = (void *)(uintptr_t)bar;
	} else if (rte_eal_iova_mode() == RTE_IOVA_PA) {
		va = dev->domain->ops == NULL ? dad_dma_bus_to_virt(dev->domain, phys, NULL)
					      : rte_mem_iova2virt(phys);
	}
	if (va == NULL) {
		stream_refuse(dev, EFAULT);
		return DAD_DMA_MAPPING_ERROR;
	}
	return dad_dma_map_single_attrs(pub, va, size, dir, attrs);
}

void
dad_dma_unmap_phys(struct dad_dma_dev *dev, dad_dma_addr_t addr, size_t size, enum dad_dma_dir dir,
	unsigned int attrs)
{
	dad_dma_unmap_single_attrs(dev, addr, size, dir, attrs);
}
