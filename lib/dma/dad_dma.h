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
 * **The ladder.** A mapping call tries rung after rung and takes the first that works:
 * *direct* (the IOVA is known, contiguous, under the mask), *window* (the same page at a second,
 * low IOVA, in a domain that programs an IOMMU), *strict* (an IOVA allocated and mapped for this
 * transfer alone), *bounce* (a slot that the device can reach, copied in and out). Which rungs
 * there are is the domain's affair (dad_dma_domain.h); the identity domain has direct, and bounce
 * once it was given a pool.
 *
 * **Addresses.** A dad_dma_addr_t is never a pointer, though with EAL's IOVA-as-VA mode the bits
 * are equal. 0 is a valid address; DAD_DMA_MAPPING_ERROR is the only invalid one.
 *
 * **Which memory.** Everything EAL knows: its heap (which may grow and shrink while mapped),
 * memzones, mempools, and external memory with IOVAs (rte_extmem_register(),
 * rte_malloc_heap_memory_add()); what dad_dma_mem_register() made known; and any memory of the
 * process where a rung can bring it to the device (strict, bounce). The rest is refused.
 *
 * **Threads.** map, unmap, sync and the translations may run on any thread, together with
 * everything else. The direct rung takes no lock, makes no system call and allocates nothing.
 * (dad_dma_bus_to_virt() of an address that is not in EAL's own memory, and what looks at all
 * memory, dad_dma_supported(), dad_dma_get_required_mask() and the setting of masks, take EAL's
 * memory read lock if memory of rte_extmem_register() exists: not in memory callbacks.) Allocation
 * of coherent memory that has to grow, and creation of domains and devices, take a mutex: control
 * path only; with DAD_DMA_ALLOC_NEVER_GROW it does not grow. Setting masks, limits and rungs of a
 * device must not race with its mappings.
 *
 * **Errors.** Functions that return a pointer return NULL and set rte_errno; functions that
 * return int return 0 or -errno; dad_dma_map_single() returns DAD_DMA_MAPPING_ERROR and sets
 * rte_errno. Nothing here prints, exits or aborts: log type lib.dad.dma.
 *
 * **What it is not.** A mapping in the identity domain protects nothing: no IOMMU is programmed.
 * Wrong use (a double unmap, a wrong size) is not looked for here.
 *
 * Semantics follow the kernel's Documentation/core-api/dma-api.rst and dma-api-howto.rst.
 */

/* Lists, pools, more of domains, and devices in software have headers of their own. */
#include "dad_dma_coherent.h"
#include "dad_dma_dev.h"
#include "dad_dma_stream.h"
#include "dad_dma_table.h"

#endif /* DAD_DMA_H */
