/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DAD_DMA_POOL_H
#define DAD_DMA_POOL_H

/**
 * @file
 * dad_dma_pool: small objects of one size in coherent memory (descriptors, status words, headers).
 *
 * **Model.** A pool belongs to a device. It carves objects out of slabs of coherent memory, so
 * each has an address for the CPU and one for the device. No object crosses the boundary, and all
 * are aligned, in both address spaces. A pool grows by a slab when it has nothing left, and gives
 * slabs back when it is destroyed.
 *
 * **Threads.** Everything but create and destroy may be called by any thread at any time. Each
 * lcore keeps up to 32 objects at hand and meets others only when those run out or overflow;
 * threads that are no lcores share one such cache. Growing may take memory from EAL, with all that
 * this means: system calls, locks. With DAD_DMA_ALLOC_NEVER_GROW a call does none of that, and
 * waits for nobody who does.
 *
 * **Wrong frees.** What the pool did not hand out, has back already, or handed out with another
 * handle is refused: logged, counted, -EINVAL; nothing changes. What is kept about an object lies
 * apart from it, where the device cannot write.
 *
 * **What it is not.** Not for buffers: objects of up to 1 MiB are possible, but slabs are at most
 * 2 MiB. Contents are not cleared between uses unless asked for.
 *
 * Semantics follow the kernel's dma_pool (Documentation/core-api/dma-api.rst, part Ib).
 */

#include <stddef.h>
#include <stdint.h>

#include "dad_dma.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

struct dad_dma_pool;

/** Largest object, and largest alignment. */
#define DAD_DMA_POOL_MAX_SIZE (1u << 20)

/**
 * Create a pool. It takes no memory for objects yet.
 *
 * @param name      for logs; copied
 * @param dev       its device, which must live longer
 * @param size      bytes of an object, 1 to DAD_DMA_POOL_MAX_SIZE
 * @param align     of its addresses: a power of two up to DAD_DMA_POOL_MAX_SIZE, or 0: none
 * @param boundary  no object crosses a multiple of it: a power of two of at least size, or 0: none
 * @return the pool, or NULL with rte_errno EINVAL or ENOMEM
 */
struct dad_dma_pool *dad_dma_pool_create(
	const char *name, struct dad_dma_dev *dev, size_t size, size_t align, size_t boundary);

/**
 * Destroy a pool. NULL is allowed.
 *
 * @return 0, or -EBUSY while objects are not freed (nothing is changed then)
 */
int dad_dma_pool_destroy(struct dad_dma_pool *pool);

/**
 * Allocate one object.
 *
 * @param flags   DAD_DMA_ALLOC_ZERO: clear it; DAD_DMA_ALLOC_NEVER_GROW: only what the pool has.
 *                Then other lcores' caches are searched, too.
 * @param handle  the device's address of it
 * @return the CPU's address, or NULL with rte_errno EINVAL (unknown flags, no handle), ENOMEM, or
 *         what dad_dma_alloc_coherent() says when the pool has to grow
 */
void *dad_dma_pool_alloc(struct dad_dma_pool *pool, unsigned int flags, dad_dma_addr_t *handle);

/**
 * Allocate n objects, or none.
 *
 * @return 0, or -errno as dad_dma_pool_alloc() has it
 */
int dad_dma_pool_alloc_bulk(struct dad_dma_pool *pool, unsigned int flags, void *va[],
	dad_dma_addr_t handle[], unsigned int n);

/**
 * Free an object, on any thread. A NULL va is allowed.
 *
 * @return 0, or -EINVAL if this is not an object of the pool that is in use
 */
int dad_dma_pool_free(struct dad_dma_pool *pool, void *va, dad_dma_addr_t handle);

/**
 * Free n objects.
 *
 * @return 0, or -EINVAL if some were refused; the others are freed
 */
int dad_dma_pool_free_bulk(
	struct dad_dma_pool *pool, void *const va[], const dad_dma_addr_t handle[], unsigned int n);

/** What happened to a pool since it was created. */
struct dad_dma_pool_stats {
	uint64_t size;	    /**< bytes that an object takes */
	uint64_t objects;   /**< in all slabs */
	uint64_t used;	    /**< handed out now */
	uint64_t cached;    /**< free, and at hand for some lcore */
	uint64_t slabs;	    /**< of coherent memory */
	uint64_t slab_size; /**< bytes of each */
	uint64_t empty;	    /**< calls that failed for want of objects */
	uint64_t bad_frees; /**< objects refused */
};

/** Read a pool's counters. Stops the others for a moment. */
void dad_dma_pool_stats(struct dad_dma_pool *pool, struct dad_dma_pool_stats *stats);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif /* DAD_DMA_POOL_H */
