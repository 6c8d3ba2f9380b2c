/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DAD_DMA_COHERENT_H
#define DAD_DMA_COHERENT_H

/**
 * @file
 * Coherent memory: shared by CPU and device for the life of the driver (rings, mailboxes).
 *
 * **Model.** It is carved from hugepage memzones, in a buddy system: zeroed, IOVA-contiguous,
 * naturally aligned. Here is also what lends such memory in turns, or to another process. A device
 * with a bounce pool of its own (dad_dma_bounce_create()) has its coherent memory in that pool: not
 * more than 2 MiB in one piece, on any node, and not to be exported.
 *
 * **Threads, errors** as of dad_dma.h; small objects in it are for dad_dma_pool.h.
 */

#include <stddef.h>
#include <stdint.h>

#include "dad_dma_dev.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/** How to allocate and free, to be combined. */
enum {
	/**
	 * Only with what the library has at hand: no memory from EAL, and no waiting for somebody
	 * who asks for it; for polling loops. It makes no system call, unless a lock that is held
	 * for some instructions is found taken. What is freed so stays at hand.
	 * (In a remapping domain, for memory that is not direct, the backend's map() and unmap()
	 * are still called, tables may grow by calloc(), and with DAD_DMA_DOMAIN_LAZY the queue of
	 * unmaps is locked, and flushed when IOVAs run out.)
	 */
	DAD_DMA_ALLOC_NEVER_GROW = 1 << 0,
	DAD_DMA_ALLOC_ZERO = 1 << 1, /**< clear it */
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
 *         contiguous memory left), ERANGE (there is memory, but none under the coherent mask; with
 *         physical addresses EAL is asked for much until that is said, which takes long); in a
 *         remapping domain also ENOSPC (IOVAs or mapping registers) or EIO (the backend)
 */
void *dad_dma_alloc_coherent(struct dad_dma_dev *dev, size_t size, dad_dma_addr_t *handle);

/**
 * Free it. All arguments must be those of the allocation: anything else is logged and not freed,
 * but for another size that is rounded up to the same.
 * A NULL va is allowed. Memory of which nothing is used any more may go back to EAL.
 */
void dad_dma_free_coherent(struct dad_dma_dev *dev, size_t size, void *va, dad_dma_addr_t handle);

/**
 * dad_dma_alloc_coherent() with flags: without DAD_DMA_ALLOC_ZERO contents are whatever they were.
 * May be called in a polling loop with DAD_DMA_ALLOC_NEVER_GROW; ENOMEM then means: nothing at
 * hand.
 */
void *dad_dma_alloc_flags(
	struct dad_dma_dev *dev, size_t size, unsigned int flags, dad_dma_addr_t *handle);

/** dad_dma_free_coherent() with flags: DAD_DMA_ALLOC_NEVER_GROW for a polling loop, or 0. */
void dad_dma_free_flags(
	struct dad_dma_dev *dev, size_t size, unsigned int flags, void *va, dad_dma_addr_t handle);

/** 2^order pages of 4 KiB, as dad_dma_alloc_flags(). */
static inline void *
dad_dma_alloc_pages(
	struct dad_dma_dev *dev, unsigned int order, unsigned int flags, dad_dma_addr_t *handle)
{
	/* what is too large to be a size is refused as 0 is not: with ENOMEM */
	return dad_dma_alloc_flags(
		dev, order < 40 ? (size_t)4096 << order : SIZE_MAX, flags, handle);
}

/** Free them. */
static inline void
dad_dma_free_pages(struct dad_dma_dev *dev, unsigned int order, void *va, dad_dma_addr_t handle)
{
	dad_dma_free_coherent(dev, order < 40 ? (size_t)4096 << order : SIZE_MAX, va, handle);
}

/**
 * Memory that would like to be written combined (frame buffers). A wish: how RAM is cached cannot
 * be changed from user space, so this is coherent, cached memory. dad_dma_effective_attrs() tells.
 */
static inline void *
dad_dma_alloc_wc(struct dad_dma_dev *dev, size_t size, dad_dma_addr_t *handle)
{
	return dad_dma_alloc_coherent(dev, size, handle);
}

/** Free it. */
static inline void
dad_dma_free_wc(struct dad_dma_dev *dev, size_t size, void *va, dad_dma_addr_t handle)
{
	dad_dma_free_coherent(dev, size, va, handle);
}

/**
 * Memory that the CPU and the device own in turns: it comes mapped for the device, as by
 * dad_dma_map_single() under the streaming mask, and is synced as such. Zeroed, aligned as coherent
 * memory is.
 *
 * @return the CPU's address, or NULL with rte_errno as dad_dma_alloc_coherent() or
 *         dad_dma_map_single() have it
 */
void *dad_dma_alloc_noncoherent(struct dad_dma_dev *dev, size_t size, unsigned int flags,
	enum dad_dma_dir dir, dad_dma_addr_t *handle);

/** Free it, with the arguments of the allocation. */
void dad_dma_free_noncoherent(struct dad_dma_dev *dev, size_t size, enum dad_dma_dir dir, void *va,
	dad_dma_addr_t handle);

/** What memory is really like, whatever was asked for. */
enum {
	DAD_DMA_EFFECTIVE_CACHED = 1 << 0,	  /**< the CPU caches it */
	DAD_DMA_EFFECTIVE_COHERENT = 1 << 1,	  /**< no sync is needed, only barriers */
	DAD_DMA_EFFECTIVE_WRITE_COMBINE = 1 << 2, /**< writes are combined; not with RAM */
};

/**
 * What the memory at a device's address is like: DAD_DMA_EFFECTIVE_*, or 0 where it is not known
 * (no memory, or a BAR, which is as its driver mapped it).
 */
unsigned int dad_dma_effective_attrs(const struct dad_dma_dev *dev, dad_dma_addr_t handle);

/** The NUMA node on which a page really lies now, asked of the kernel; or -errno. */
int dad_dma_node_of(const void *va);

/** Memory as another process can map it. */
struct dad_dma_export {
	int fd;		  /**< a descriptor of its own: the caller closes it */
	size_t page_size; /**< mmap() offsets in that file are multiples of it */
	size_t offset;	  /**< of the first byte, in the file */
};

/**
 * Let another process map memory of EAL (coherent memory, or any other): by a file descriptor that
 * is inherited, or sent over a socket. The memory must not be freed before nobody uses it; the
 * other process has no part in that.
 *
 * @param va    first byte
 * @param size  bytes, more than 0
 * @return 0, or -EINVAL, -ENOENT (not EAL's memory), -ENOTSUP (EAL has no file: external memory,
 *         --no-huge, --legacy-mem), -E2BIG (it reaches into another file: EAL has one a hugepage
 *         without --single-file-segments), or what fcntl() failed with (EMFILE)
 */
int dad_dma_export_fd(const void *va, size_t size, struct dad_dma_export *out);

/** Where a domain's coherent memory comes from. */
struct dad_dma_coherent_info {
	unsigned int memzones; /**< of EAL, which has room for 2560 in all */
	unsigned int arenas;   /**< blocks in them that are contiguous for devices */
	uint64_t bytes;	       /**< in them */
	uint64_t free_bytes;   /**< not allocated */
};

/** Read it. */
void dad_dma_coherent_info(struct dad_dma_domain *domain, struct dad_dma_coherent_info *info);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif /* DAD_DMA_COHERENT_H */
