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
 * memory, dad_dma_supported() and the setting of masks, take EAL's memory read lock if memory of
 * rte_extmem_register() exists: not in memory callbacks.) Allocation of coherent
 * memory that has to grow, and creation of domains and devices, take a mutex: control path only;
 * with DAD_DMA_ALLOC_NEVER_GROW it does not grow. Setting masks,
 * limits and rungs of a device must not race with its mappings.
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

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rte_atomic.h>
#include <rte_branch_prediction.h>

#include "dad_dma_table.h"

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
	DAD_DMA_NONE = 3,	   /**< no transfer: to map it is EINVAL; for no other call */
};

/** A way to bring a buffer to the device, from the cheapest to the dearest. */
enum dad_dma_rung {
	DAD_DMA_RUNG_NONE = 0,	 /**< none */
	DAD_DMA_RUNG_DIRECT = 1, /**< at the IOVA it has anyway */
	DAD_DMA_RUNG_WINDOW = 2, /**< at a second IOVA that stays */
	DAD_DMA_RUNG_STRICT = 3, /**< at an IOVA of its own, for this transfer */
	DAD_DMA_RUNG_BOUNCE = 4, /**< through a slot that the device can reach */
};

#define DAD_DMA_RUNG_BIT(rung) (1u << (rung)) /**< a rung in a set of rungs */
#define DAD_DMA_RUNGS_ALL      0x1eu	      /**< all of them */

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

struct dad_dma_domain;

/** Some addresses of a device, roughly. As much nobody else's as what is in the device. */
struct dad_dma_reach {
	uint64_t low;	/**< those from here on ... */
	uint64_t size;	/**< ... so many, 0: none; ... */
	uint64_t units; /**< ... in units of 2 MiB of whose number, mod 64, the bit is set */
};

/**
 * A device, as far as the inline functions below look into it. Nobody else reads or writes these
 * fields; dad_dma_dev_create() makes it, with more behind them.
 */
struct dad_dma_dev {
	/** what can be mapped directly; an empty table where each mapping needs a closer look */
	const struct dad_dma_table *direct;
	uint64_t mask;		    /**< highest streaming address */
	struct dad_dma_reach unmap; /**< what may have something to be undone */
	struct dad_dma_reach sync;  /**< what a sync may have to do with */
} __attribute__((aligned(64)));

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
 * @return 0, or -EBUSY while coherent memory of it is allocated, or a mapping that is not direct
 *         is alive (nothing is freed then)
 */
int dad_dma_dev_destroy(struct dad_dma_dev *dev);

/**
 * Let others find this device by its name. This is for drivers whose device lives in a domain of
 * its own: whoever uses the driver has to map buffers for this device and no other.
 *
 * @return 0, or -EEXIST if another one of that name is published
 */
int dad_dma_dev_publish(struct dad_dma_dev *dev);

/**
 * The published device of this name: with dmadev drivers, the dmadev's name. Mappings are the
 * caller's, masks and limits the driver's. It lives until the driver destroys it.
 *
 * @return the device, or NULL with rte_errno ENOENT: then the dmadev takes EAL's IOVAs, and a
 * device of the caller's in dad_dma_domain_identity() is what to map with
 */
struct dad_dma_dev *dad_dma_dev_lookup(const char *name);

/** The domain that the device is attached to; no reference is taken. */
struct dad_dma_domain *dad_dma_dev_domain(const struct dad_dma_dev *dev);

/**
 * Say which addresses the device can put on the bus in streaming transfers.
 *
 * @param mask  DAD_DMA_BIT_MASK(bits)
 * What dad_dma_supported() said then is not looked at again.
 *
 * @return 0, or -EIO if dad_dma_supported() says no (the mask stays as it was)
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

/** How a device with some mask can be served; 0 is no, everything else yes. */
enum dad_dma_support {
	DAD_DMA_SUPPORT_NO = 0,
	DAD_DMA_SUPPORT_DIRECT = DAD_DMA_RUNG_DIRECT, /**< it reaches all memory there is now */
	DAD_DMA_SUPPORT_WINDOW = DAD_DMA_RUNG_WINDOW, /**< what it cannot reach gets a window */
	DAD_DMA_SUPPORT_STRICT = DAD_DMA_RUNG_STRICT, /**< ... gets an IOVA a transfer */
	DAD_DMA_SUPPORT_BOUNCE = DAD_DMA_RUNG_BOUNCE, /**< ... is copied */
	DAD_DMA_SUPPORT_PARTLY = 5, /**< ... fails with ERANGE; there is memory that it reaches */
};

/**
 * How would this device be served with that mask?
 */
enum dad_dma_support dad_dma_supported(const struct dad_dma_dev *dev, uint64_t mask);

/**
 * The mask with which all memory there is now would be direct (as dma_get_required_mask()).
 */
uint64_t dad_dma_get_required_mask(const struct dad_dma_dev *dev);

/** What else a device cannot do. Zeroed fields mean no limit, or the default that is told. */
struct dad_dma_limits {
	uint64_t max_seg_size; /**< bytes in a segment of a scatter list; default 64 KiB */
	/** a segment lies within one block of this many bytes + 1; 2^n - 1, default ~0 */
	uint64_t seg_boundary;
	uint64_t alignment;	 /**< of each address; a power of two */
	uint64_t min_align_mask; /**< these low bits of an address survive bouncing; 2^n - 1 */
	uint64_t excl_low;	 /**< addresses from here ... */
	/** ... to here are not for it, nor is any IOVA in a page (granule) with them that is handed
	 * out; both 0: no such window */
	uint64_t excl_high;
	int64_t bus_offset; /**< what the bus between adds to an IOVA; whole pages of 4 KiB */
};

/**
 * Set a device's limits; not while it has mappings.
 *
 * @return 0, or -EINVAL (not a power of two, a window that ends before it starts; a boundary below
 *         4095 or an alignment above 4096; an offset that is not of whole pages of 4 KiB)
 */
int dad_dma_set_limits(struct dad_dma_dev *dev, const struct dad_dma_limits *limits);

/** What was set, with the defaults filled in. */
void dad_dma_get_limits(const struct dad_dma_dev *dev, struct dad_dma_limits *limits);

/**
 * Confine a device to some rungs of its domain's ladder: to force one (tests, benchmarks), or to
 * forbid one. Not while it has mappings.
 *
 * @param rungs  DAD_DMA_RUNG_BIT()s, or DAD_DMA_RUNGS_ALL
 * @return 0, or -EINVAL if the domain has none of them
 */
int dad_dma_dev_set_rungs(struct dad_dma_dev *dev, unsigned int rungs);

/**
 * Count direct mappings too (off at first). They are then made out of line: this is for tests and
 * for a look at a running program. Counts start from the moment it is switched on.
 */
void dad_dma_dev_count_direct(struct dad_dma_dev *dev, bool on);

/**
 * The largest buffer that fits into slots wherever it begins, and into a block of seg_boundary (0:
 * a pool that is too small for min_align_mask); SIZE_MAX where nothing has to be bounced. A longer
 * one crosses boundaries: in a list it is cut, if there is room. Other limits are not in it: a
 * device that has but windows, or few IOVAs below its mask, cannot map as much.
 */
size_t dad_dma_max_mapping_size(const struct dad_dma_dev *dev);

/* ---- coherent memory -------------------------------------------------------------------- */

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

/* ---- streaming mappings ----------------------------------------------------------------- */

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

/** What happened to a device's calls, since it was created. */
struct dad_dma_dev_stats {
	uint64_t coherent_bytes; /**< coherent memory allocated now, rounded up as it is */
	uint64_t direct; /**< mappings: of regions; of all memory if dad_dma_dev_count_direct() */
	uint64_t window; /**< mappings by the other rungs: always */
	uint64_t strict;
	uint64_t bounce;
	uint64_t unmapped;   /**< how many of all these were unmapped */
	uint64_t copied_in;  /**< bytes copied for the device, by bounce or emulated caches */
	uint64_t copied_out; /**< ... and for the CPU */
	uint64_t map_error_invalid;    /**< mappings refused with EINVAL */
	uint64_t map_error_unknown;    /**< ... EFAULT */
	uint64_t map_error_contiguity; /**< ... E2BIG */
	uint64_t map_error_mask;       /**< ... ERANGE */
	uint64_t map_error_space;      /**< ... ENOSPC */
	uint64_t map_error_memory;     /**< ... ENOMEM */
	uint64_t map_error_backend;    /**< ... EIO */
};

/** Read a device's counters; they may be changing. */
void dad_dma_dev_stats(const struct dad_dma_dev *dev, struct dad_dma_dev_stats *stats);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif /* DAD_DMA_H */
