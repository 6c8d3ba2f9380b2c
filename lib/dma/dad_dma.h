/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DAD_DMA_H
#define DAD_DMA_H

/**
 * @file
 * dad_dma: the Linux DMA API on the DPDK EAL.
 *
 * **Model.** A *domain* is one IOVA address space: it knows which memory a device can reach, and
 * at which address. A *device* is a DMA master with its limits (masks), attached to one domain.
 * A driver gives a device nothing but addresses that came from here:
 *
 * - *coherent* memory is shared by CPU and device for the life of the driver (rings, mailboxes).
 *   It is carved from hugepage memzones: zeroed, IOVA-contiguous, naturally aligned.
 * - a *streaming* mapping lends one buffer to the device, in one direction. From map to unmap the
 *   buffer belongs to the device; dad_dma_sync_single_for_cpu() and ..._for_device() move the
 *   ownership back and forth in between. CPU and device never own a buffer together.
 *
 * **Addresses.** A dad_dma_addr_t is never a pointer, though with EAL's IOVA-as-VA mode the bits
 * are equal. 0 is a valid address; DAD_DMA_MAPPING_ERROR is the only invalid one.
 *
 * **Which memory.** Everything EAL knows: its heap (which may grow and shrink while mapped),
 * memzones, mempools, and external memory with IOVAs (rte_extmem_register(),
 * rte_malloc_heap_memory_add()). Memory of the C library is not known to EAL and is refused.
 *
 * **Threads.** map, unmap, sync and the translations take no lock and may run on any thread,
 * together with everything else. (dad_dma_bus_to_virt() of an address that is not in EAL's own
 * memory takes EAL's memory read lock if memory of rte_extmem_register() exists: not in memory
 * callbacks.) Allocation of coherent memory, and creation of domains and devices, take a mutex:
 * control path only. Setting a mask must not race with mapping.
 *
 * **Errors.** Functions that return a pointer return NULL and set rte_errno; functions that
 * return int return 0 or -errno; dad_dma_map_single() returns DAD_DMA_MAPPING_ERROR and sets
 * rte_errno. Nothing here prints, exits or aborts: log type lib.dad.dma.
 *
 * **What it is not.** No IOMMU is programmed: addresses are those EAL has (physical, or virtual
 * behind EAL's own VFIO container), so a mask that excludes them is an error and not bounced.
 *
 * Semantics follow the kernel's Documentation/core-api/dma-api.rst and dma-api-howto.rst.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/** An address as the device sees it. */
typedef uint64_t dad_dma_addr_t;

/** What dad_dma_map_single() returns when it failed. */
#define DAD_DMA_MAPPING_ERROR (~(dad_dma_addr_t)0)

/** The mask of a device with n address bits (1 to 64). */
#define DAD_DMA_BIT_MASK(n) ((n) >= 64 ? ~UINT64_C(0) : (UINT64_C(1) << (n)) - 1)

/** Direction of a streaming mapping, with the kernel's values. */
enum dad_dma_dir {
	DAD_DMA_BIDIRECTIONAL = 0, /**< the device reads and writes the buffer */
	DAD_DMA_TO_DEVICE = 1,	   /**< the device reads it */
	DAD_DMA_FROM_DEVICE = 2,   /**< the device writes it */
	DAD_DMA_NONE = 3,	   /**< no transfer: an error in every call */
};

struct dad_dma_domain;
struct dad_dma_dev;

/* ---- domains ---------------------------------------------------------------------------- */

/**
 * The domain of EAL's own IOVAs (identity). There is one in a process; each call takes a
 * reference to it, to be given back with dad_dma_domain_put(). EAL must be initialised.
 *
 * @return the domain, or NULL with rte_errno ENOMEM, or what EAL's memory events failed with
 */
struct dad_dma_domain *dad_dma_domain_identity(void);

/** Give a reference back; the last one frees the domain. NULL is allowed. */
void dad_dma_domain_put(struct dad_dma_domain *domain);

/**
 * Translate one address: where does the device find this byte?
 *
 * @param domain  domain
 * @param va      any address of this process
 * @param contig  if not NULL: bytes from va on for which the translation is contiguous (at
 *                least 1; a lower bound, at most up to the end of one 2 MiB unit)
 * @return the IOVA, or DAD_DMA_MAPPING_ERROR if the memory is not known to the domain
 */
dad_dma_addr_t dad_dma_virt_to_bus(
	const struct dad_dma_domain *domain, const void *va, size_t *contig);

/**
 * The other way round, for the device side of a software device.
 *
 * @return the virtual address, or NULL if no memory is at that IOVA
 */
void *dad_dma_bus_to_virt(const struct dad_dma_domain *domain, dad_dma_addr_t addr, size_t *contig);

/* ---- devices ---------------------------------------------------------------------------- */

/**
 * Create a device in a domain. Both its masks are 32 bits until they are set, as in the kernel.
 *
 * @param name       for logs; copied
 * @param domain     the device takes its own reference
 * @param socket_id  NUMA node for coherent memory, or SOCKET_ID_ANY
 * @return the device, or NULL with rte_errno EINVAL (no name, no domain) or ENOMEM
 */
struct dad_dma_dev *dad_dma_dev_create(
	const char *name, struct dad_dma_domain *domain, int socket_id);

/**
 * Destroy a device. NULL is allowed.
 *
 * @return 0, or -EBUSY while coherent memory of it is allocated (nothing is freed then)
 */
int dad_dma_dev_destroy(struct dad_dma_dev *dev);

/** The domain that the device is attached to; no reference is taken. */
struct dad_dma_domain *dad_dma_dev_domain(const struct dad_dma_dev *dev);

/**
 * Say which addresses the device can put on the bus in streaming transfers.
 *
 * @param mask  DAD_DMA_BIT_MASK(bits)
 * @return 0, or -EIO if no memory of the domain lies under the mask (the mask stays as it was)
 */
int dad_dma_set_mask(struct dad_dma_dev *dev, uint64_t mask);

/** The same for coherent memory. */
int dad_dma_set_coherent_mask(struct dad_dma_dev *dev, uint64_t mask);

/** Both masks, or none. */
int dad_dma_set_mask_and_coherent(struct dad_dma_dev *dev, uint64_t mask);

/** The streaming mask. */
uint64_t dad_dma_get_mask(const struct dad_dma_dev *dev);

/** The coherent mask. */
uint64_t dad_dma_get_coherent_mask(const struct dad_dma_dev *dev);

/* ---- coherent memory -------------------------------------------------------------------- */

/** How to allocate, to be combined. */
enum {
	/** only what the library has at hand: no system call, and no waiting for one */
	DAD_DMA_ALLOC_NEVER_GROW = 1 << 0,
	DAD_DMA_ALLOC_ZERO = 1 << 1, /**< clear it; pools only, the rest is zeroed anyway */
};

/**
 * Allocate memory that CPU and device share.
 *
 * The memory is zeroed, contiguous in both address spaces, aligned in both to the smallest
 * power of two of pages (4 KiB) that holds it, under the coherent mask, and on the device's NUMA
 * node (on another one, with a notice in the log, if that has none left). CPU and device still
 * need barriers between them (rte_io_wmb(), or C11 release and acquire).
 *
 * @param size    bytes, more than 0
 * @param handle  the device's address of it
 * @return the CPU's address, or NULL with rte_errno: EINVAL (size 0, no handle), ENOMEM (no
 *         contiguous memory left), ERANGE (there is memory, but none under the coherent mask)
 */
void *dad_dma_alloc_coherent(struct dad_dma_dev *dev, size_t size, dad_dma_addr_t *handle);

/**
 * Free it. All arguments must be those of the allocation: anything else is logged and not freed.
 * A NULL va is allowed.
 */
void dad_dma_free_coherent(struct dad_dma_dev *dev, size_t size, void *va, dad_dma_addr_t handle);

/* ---- streaming mappings ----------------------------------------------------------------- */

/**
 * Lend a buffer to the device.
 *
 * @param va    buffer in memory that EAL knows
 * @param size  bytes, more than 0
 * @param dir   not DAD_DMA_NONE
 * @return its address for the device, or DAD_DMA_MAPPING_ERROR with rte_errno:
 *         - EINVAL  size 0, wrapping size, or no direction
 *         - EFAULT  (part of) the buffer is not memory that EAL knows
 *         - E2BIG   it is, but not contiguous for the device over the whole size
 *         - ERANGE  it reaches beyond the device's mask
 */
dad_dma_addr_t dad_dma_map_single(
	struct dad_dma_dev *dev, void *va, size_t size, enum dad_dma_dir dir);

/** Take it back, with the arguments and the result of the mapping call. */
void dad_dma_unmap_single(
	struct dad_dma_dev *dev, dad_dma_addr_t addr, size_t size, enum dad_dma_dir dir);

/** Did a mapping call fail? @return 0, or -ENOMEM as in the kernel */
int dad_dma_mapping_error(const struct dad_dma_dev *dev, dad_dma_addr_t addr);

/**
 * The CPU will look at a mapped buffer (or a part of it): what the device wrote before is visible
 * after this call. The buffer belongs to the CPU until dad_dma_sync_single_for_device().
 */
void dad_dma_sync_single_for_cpu(
	struct dad_dma_dev *dev, dad_dma_addr_t addr, size_t size, enum dad_dma_dir dir);

/** The device gets it back: what the CPU wrote before is visible to the device. */
void dad_dma_sync_single_for_device(
	struct dad_dma_dev *dev, dad_dma_addr_t addr, size_t size, enum dad_dma_dir dir);

/** What happened to a device's calls, since it was created. */
struct dad_dma_dev_stats {
	uint64_t coherent_bytes;       /**< coherent memory allocated now, rounded up as it is */
	uint64_t map_error_invalid;    /**< mappings refused with EINVAL */
	uint64_t map_error_unknown;    /**< ... EFAULT */
	uint64_t map_error_contiguity; /**< ... E2BIG */
	uint64_t map_error_mask;       /**< ... ERANGE */
};

/** Read a device's counters; they may be changing. */
void dad_dma_dev_stats(const struct dad_dma_dev *dev, struct dad_dma_dev_stats *stats);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif /* DAD_DMA_H */
