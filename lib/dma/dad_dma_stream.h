/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DAD_DMA_STREAM_H
#define DAD_DMA_STREAM_H

/**
 * @file
 * Streaming mappings: one buffer, one direction, one transfer (or more, with a sync between them).
 *
 * **Model.** A buffer is mapped, belongs to the device, and is unmapped; the ladder that a mapping
 * climbs is told in dad_dma.h. What is direct is done here, inline: a look-up, the mask, a barrier.
 *
 * **Threads, errors** as of dad_dma.h; lists of buffers are for dad_dma_sg.h.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rte_atomic.h>
#include <rte_branch_prediction.h>

#include "dad_dma_dev.h"
#include "dad_dma_table.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/**
 * Attributes of a mapping, to be combined; the low half has the kernel's values. Those of the
 * kernel that are not here have nothing to change in user space.
 */
enum {
	DAD_DMA_ATTR_SKIP_CPU_SYNC = 1 << 5, /**< no copy, no cache maintenance: the caller syncs */
	DAD_DMA_ATTR_NO_WARN = 1 << 8,	     /**< a refusal by the backend is not logged */
	DAD_DMA_ATTR_MMIO = 1 << 10, /**< device memory (dad_dma_map_phys()): never bounced */
	DAD_DMA_ATTR_FORCE_BOUNCE = 1 << 24, /**< no other rung than bounce */
	/** the device writes every byte: a bounce slot need not be filled first */
	DAD_DMA_ATTR_FULL_OVERWRITE = 1 << 25,
};

/* The parts of the inline functions below that are not for every call. */
dad_dma_addr_t dad_dma_map_ladder(
	struct dad_dma_dev *dev, void *va, size_t size, enum dad_dma_dir dir, unsigned int attrs);
void dad_dma_unmap_ladder(struct dad_dma_dev *dev, dad_dma_addr_t addr, size_t size,
	enum dad_dma_dir dir, unsigned int attrs);
void dad_dma_sync_copy_to_cpu(
	struct dad_dma_dev *dev, dad_dma_addr_t addr, size_t size, enum dad_dma_dir dir);
void dad_dma_sync_copy_to_device(
	struct dad_dma_dev *dev, dad_dma_addr_t addr, size_t size, enum dad_dma_dir dir);

/* May it lie within? One branch in all: with physical addresses buffers and what is to be undone
 * lie mixed, and of two branches one would be mispredicted all the time. */
static inline bool
dad_dma_reach_has(const struct dad_dma_reach *r, dad_dma_addr_t addr)
{
	/* R1: pairs with S1, look_at(), dev.c, which widens a reach from the units to the low end:
	 * who reads a new low end has the size that goes with it, and an old one with a new size is
	 * only too wide. An address that needs it came to the caller by a map call after. */
	uint64_t low = __atomic_load_n(&r->low, __ATOMIC_ACQUIRE);
	uint64_t size = __atomic_load_n(&r->size, __ATOMIC_ACQUIRE);
	uint64_t units = __atomic_load_n(&r->units, __ATOMIC_RELAXED);

	return ((addr - low < size) & (units >> (addr >> DAD_DMA_UNIT_SHIFT & 63))) != 0;
}

/** Is there anything to do when this address is unmapped? */
static inline bool
dad_dma_need_unmap(const struct dad_dma_dev *dev, dad_dma_addr_t addr)
{
	return dad_dma_reach_has(&dev->unmap, addr);
}

/** Does a sync of this address move bytes? (It orders memory in any case.) */
static inline bool
dad_dma_need_sync(const struct dad_dma_dev *dev, dad_dma_addr_t addr)
{
	return dad_dma_reach_has(&dev->sync, addr);
}

/**
 * Lend a buffer to the device.
 *
 * @param va     buffer
 * @param size   bytes, more than 0
 * @param dir    not DAD_DMA_NONE
 * @param attrs  DAD_DMA_ATTR_*
 * @return its address for the device, or DAD_DMA_MAPPING_ERROR with rte_errno, that of the last
 *         rung that was tried:
 *         - EINVAL  size 0, wrapping size, or no direction
 *         - EFAULT  (part of) the buffer is not memory that the domain knows, and no rung can
 *                   bring it in; an address of 2^47 or more always
 *         - E2BIG   it is, but not contiguous for the device over the whole size; or longer than
 *                   what can be bounced
 *         - ERANGE  it reaches beyond the device's mask, or breaks another limit of it
 *         - ENOSPC  no IOVA, no mapping register or no bounce slot is free: unmap, try again
 *         - ENOMEM  no memory for the tables
 *         - EIO     the domain's backend refused; the log has its reason
 */
static inline dad_dma_addr_t
dad_dma_map_single_attrs(
	struct dad_dma_dev *dev, void *va, size_t size, enum dad_dma_dir dir, unsigned int attrs)
{
	uint64_t contig = 0; /* stays so for what the table does not have */
	uint64_t iova = dad_dma_table_find(dev->direct, (uintptr_t)va, &contig);

	/* a size of 0 becomes the largest number there is */
	if (unlikely(size - 1 >= contig || iova + (size - 1) > dev->mask ||
		    (unsigned int)dir >= DAD_DMA_NONE || (attrs & DAD_DMA_ATTR_FORCE_BOUNCE) != 0))
		return dad_dma_map_ladder(dev, va, size, dir, attrs);
	rte_io_wmb();
	return iova;
}

/** dad_dma_map_single_attrs() without attributes. */
static inline dad_dma_addr_t
dad_dma_map_single(struct dad_dma_dev *dev, void *va, size_t size, enum dad_dma_dir dir)
{
	return dad_dma_map_single_attrs(dev, va, size, dir, 0);
}

/** The same for a part of a page: any memory will do as a page, and the offset may exceed it. */
static inline dad_dma_addr_t
dad_dma_map_page(
	struct dad_dma_dev *dev, void *page, size_t offset, size_t size, enum dad_dma_dir dir)
{
	return dad_dma_map_single_attrs(dev, (char *)page + offset, size, dir, 0);
}

/** Take it back, with the arguments and the result of the mapping call. */
static inline void
dad_dma_unmap_single_attrs(struct dad_dma_dev *dev, dad_dma_addr_t addr, size_t size,
	enum dad_dma_dir dir, unsigned int attrs)
{
	rte_io_rmb();
	if (unlikely(dad_dma_need_unmap(dev, addr)))
		dad_dma_unmap_ladder(dev, addr, size, dir, attrs);
}

/** dad_dma_unmap_single_attrs() without attributes. */
static inline void
dad_dma_unmap_single(
	struct dad_dma_dev *dev, dad_dma_addr_t addr, size_t size, enum dad_dma_dir dir)
{
	dad_dma_unmap_single_attrs(dev, addr, size, dir, 0);
}

/** Did a mapping call fail? @return 0, or -ENOMEM as in the kernel */
static inline int
dad_dma_mapping_error(const struct dad_dma_dev *dev, dad_dma_addr_t addr)
{
	(void)dev;
	return addr == DAD_DMA_MAPPING_ERROR ? -12 /* ENOMEM */ : 0;
}

/**
 * The CPU will look at a mapped buffer (or a part of it: any addr and size inside): what the
 * device wrote before is visible after this call. The buffer belongs to the CPU until
 * dad_dma_sync_single_for_device().
 */
static inline void
dad_dma_sync_single_for_cpu(
	struct dad_dma_dev *dev, dad_dma_addr_t addr, size_t size, enum dad_dma_dir dir)
{
	rte_io_rmb();
	if (unlikely(dad_dma_need_sync(dev, addr)))
		dad_dma_sync_copy_to_cpu(dev, addr, size, dir);
}

/** The device gets it back: what the CPU wrote before is visible to the device. */
static inline void
dad_dma_sync_single_for_device(
	struct dad_dma_dev *dev, dad_dma_addr_t addr, size_t size, enum dad_dma_dir dir)
{
	if (unlikely(dad_dma_need_sync(dev, addr)))
		dad_dma_sync_copy_to_device(dev, addr, size, dir);
	rte_io_wmb();
}

/**
 * Lend many buffers at once.
 *
 * @param va    buffers
 * @param size  bytes of each
 * @param n     how many
 * @param addr  gets their addresses
 * @return how many were mapped, from the first on; less than n with rte_errno as of
 *         dad_dma_map_single() for the one that was not. Those before it stay mapped.
 */
unsigned int dad_dma_map_burst(struct dad_dma_dev *dev, void *const va[], const uint32_t size[],
	unsigned int n, enum dad_dma_dir dir, dad_dma_addr_t addr[]);

/** Take them back. */
void dad_dma_unmap_burst(struct dad_dma_dev *dev, const dad_dma_addr_t addr[],
	const uint32_t size[], unsigned int n, enum dad_dma_dir dir);

/**
 * Map by physical address: memory of EAL where its IOVAs are physical, or, with
 * DAD_DMA_ATTR_MMIO, a device's memory that dad_dma_bar_register() made known (never bounced).
 *
 * @return as dad_dma_map_single(); EFAULT where the address is not known
 */
dad_dma_addr_t dad_dma_map_phys(struct dad_dma_dev *dev, uint64_t phys, size_t size,
	enum dad_dma_dir dir, unsigned int attrs);

/** Take it back. */
void dad_dma_unmap_phys(struct dad_dma_dev *dev, dad_dma_addr_t addr, size_t size,
	enum dad_dma_dir dir, unsigned int attrs);

/** Map a part of another device's BAR, by its physical address (dad_dma_bar_register()). */
static inline dad_dma_addr_t
dad_dma_map_resource(struct dad_dma_dev *dev, uint64_t phys, size_t size, enum dad_dma_dir dir)
{
	return dad_dma_map_phys(dev, phys, size, dir, DAD_DMA_ATTR_MMIO);
}

/** Take it back. */
static inline void
dad_dma_unmap_resource(
	struct dad_dma_dev *dev, dad_dma_addr_t addr, size_t size, enum dad_dma_dir dir)
{
	dad_dma_unmap_phys(dev, addr, size, dir, DAD_DMA_ATTR_MMIO);
}

/** Is this address of a live mapping one in a bounce pool? */
bool dad_dma_is_bounced(const struct dad_dma_dev *dev, dad_dma_addr_t addr);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif /* DAD_DMA_STREAM_H */
