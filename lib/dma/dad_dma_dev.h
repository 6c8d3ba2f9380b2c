/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DAD_DMA_DEV_H
#define DAD_DMA_DEV_H

/**
 * @file
 * Devices: what addresses, directions and rungs are, a device's masks, limits and counters, and the
 * domain that it is attached to.
 *
 * **Model, threads, errors** as of dad_dma.h.
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

#endif /* DAD_DMA_DEV_H */
