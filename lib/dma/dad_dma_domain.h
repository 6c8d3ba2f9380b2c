/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DAD_DMA_DOMAIN_H
#define DAD_DMA_DOMAIN_H

/**
 * @file
 * Domains: making IOVA address spaces, and what memory and what bounce slots they have.
 *
 * **Model.** A domain is either the *identity* (the IOVAs that EAL has, dad_dma_domain_identity())
 * or one that *remaps*: it owns a range of IOVAs and a backend that puts memory there. Backends
 * are five functions (struct dad_dma_domain_ops). The library brings two: *soft*, an IOMMU in
 * software, for devices in software, that checks what a real one checks (dad_dma_soft.h), and a
 * real IOMMU by VFIO (dad_dma_vfio.h).
 *
 * What a remapping domain does with memory depends on the rungs it was given:
 *
 * - direct: all memory it knows is mapped once, at the IOVA that equals its virtual address, as
 *   EAL does it. Devices with wide masks never wait.
 * - window: what a narrow device maps is mapped a second time, below its mask, in chunks of up to
 *   2 MiB that stay. The first map of a chunk is slow, the following are look-ups.
 * - strict: each map gets an IOVA and rights (direction) of its own, and loses them at unmap.
 *   Any memory of the process can be mapped.
 * - bounce: slots, filled and emptied by memcpy.
 *
 * **Threads.** Everything here is control path: it takes locks and may be called from any thread,
 * but not in callbacks of EAL's memory events. dad_dma_domain_put() is not for the moment when
 * another thread still uses the domain.
 *
 * **Processes.** A domain belongs to the process that made it. A secondary process has an identity
 * domain of its own, which translates as the primary's does. A remapping domain cannot be shared:
 * with one made in a secondary process, only devices driven by that process work.
 *
 * **What it is not.** Unmapping by the soft backend does not wait for a device thread that is in
 * the middle of an access, as hardware would.
 */

#include "dad_dma.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

enum dad_dma_domain_type {
	DAD_DMA_DOMAIN_IDENTITY, /**< EAL's IOVAs; one a process, not to be created */
	DAD_DMA_DOMAIN_SOFT,	 /**< remapping, by software */
	DAD_DMA_DOMAIN_CUSTOM,	 /**< remapping, by somebody's ops */
};

/** A range of IOVAs, both ends included. */
struct dad_dma_range {
	dad_dma_addr_t first;
	dad_dma_addr_t last;
};

#define DAD_DMA_RANGES 16

/** What a backend can do. It is asked once, when the domain is made, with the defaults set. */
struct dad_dma_backend_info {
	unsigned int granule_shift; /**< smallest unit of mapping; 12 to 21, default 12 */
	unsigned int n_ranges;	    /**< of the following; default 1: 0 to 2^48 - 1 */
	struct dad_dma_range ranges[DAD_DMA_RANGES]; /**< usable IOVAs, ascending */
	/** how many ranges may be mapped at a time, however long; 0: no limit */
	uint64_t max_maps;
};

/**
 * A backend. Its functions are called by many threads at a time, for IOVAs that are not each
 * other's; map() and unmap() also in EAL's memory callbacks, where no EAL memory can be allocated.
 */
struct dad_dma_domain_ops {
	/**
	 * Let a device reach size bytes at va by the IOVAs from iova on. The range is exact: the
	 * backend rounds it to its granules, in which iova and va lie at equal offsets, and which
	 * no other mapping shares.
	 *
	 * @param dir  what the device may do: DAD_DMA_TO_DEVICE is read only, and so on
	 * @return 0 or -errno; EEXIST is an error like any other
	 */
	int (*map)(void *priv, dad_dma_addr_t iova, void *va, size_t size, enum dad_dma_dir dir);
	/**
	 * Undo all map() calls in the granules of this range. They lie in it whole; there may be
	 * gaps between them. What a device has cached may stay until sync().
	 *
	 * @return 0 or -errno; after an error the IOVAs are never used again
	 */
	int (*unmap)(void *priv, dad_dma_addr_t iova, size_t size);
	/** After this, devices see map() and unmap() in that range. NULL: they do so at once. */
	int (*sync)(void *priv, dad_dma_addr_t iova, size_t size);
	/** Tell what it can do; fields left alone keep their defaults. May be NULL. */
	int (*query)(void *priv, struct dad_dma_backend_info *info);
	/** The domain is gone; all is unmapped. May be NULL. */
	void (*close)(void *priv);
};

enum {
	DAD_DMA_DOMAIN_LAZY = 1, /**< unmapped IOVAs stay mapped until a batch is flushed */
	/** soft only: devices see copies that only map, sync and unmap bring up to date, as with
	 * caches that are not coherent. A missing sync shows. Every map is strict then. */
	DAD_DMA_DOMAIN_NONCOHERENT = 2,
};

/** How to make a domain; zeroed fields mean the defaults. */
struct dad_dma_domain_conf {
	const char *name; /**< for logs and telemetry; copied; needed */
	enum dad_dma_domain_type type;
	const struct dad_dma_domain_ops *ops; /**< CUSTOM: the backend */
	void *priv;			      /**< ... and what it is called with */
	/** IOVAs to hand out, both ends included. Default, if both are 0: 4096 to 2^32 - 1. They
	 * are shrunk to what the backend has. IOVA 0 is handed out if it is in the range. */
	dad_dma_addr_t iova_first, iova_last;
	unsigned int rungs; /**< DAD_DMA_RUNG_BIT()s; default: all */
	unsigned int flags; /**< DAD_DMA_DOMAIN_* */
	/** granules that may be mapped at a time, as with the mapping registers of old: windows,
	 * strict and coherent mappings and bounce slots; not what is direct. Default: no limit */
	uint64_t mapping_registers;
	/** bytes that windows may take; default: half of the IOVAs */
	uint64_t window_max;
	int socket_id; /**< node for the tables, or SOCKET_ID_ANY */
};

/**
 * Create a domain that remaps. One reference is the caller's, to be given back with
 * dad_dma_domain_put().
 *
 * @return the domain, or NULL with rte_errno: EINVAL (no name, type IDENTITY, CUSTOM without map
 *         and unmap, IOVAs that end before they start, unknown flags or rungs), ENOMEM, ERANGE (the
 *         backend has none of the IOVAs), or what query() failed with
 */
struct dad_dma_domain *dad_dma_domain_create(const struct dad_dma_domain_conf *conf);

/** What a domain is, and how it is doing. */
struct dad_dma_domain_info {
	char name[32];
	enum dad_dma_domain_type type;
	unsigned int rungs; /**< the bounce rung only while there is a pool */
	unsigned int flags;
	unsigned int granule_shift;
	dad_dma_addr_t iova_first, iova_last; /**< handed out; 0 and ~0 for the identity */
	uint64_t registers_max;		      /**< UINT64_MAX: no limit */
	/** granules mapped, and waiting for a flush; ranges, if only the backend has a limit */
	uint64_t registers_used;
	/** the most there ever were; without a limit, also what lcores had kept at hand then */
	uint64_t registers_high;
	uint64_t window_bytes; /**< in windows */
	uint64_t strict_maps;  /**< alive */
	uint64_t waiting;      /**< ranges unmapped that wait for a flush */
	uint64_t flushes;      /**< of such ranges, together */
	uint64_t regions;      /**< registered */
	uint64_t devices;
	uint64_t lost;	 /**< granules whose unmap() failed, never used again */
	uint64_t faults; /**< accesses of software devices that were refused */
};

/** Read it; counts may be changing. */
void dad_dma_domain_info(const struct dad_dma_domain *domain, struct dad_dma_domain_info *info);

/** Unmap now what waits for a flush. Without DAD_DMA_DOMAIN_LAZY there is nothing to do. */
void dad_dma_domain_flush(struct dad_dma_domain *domain);

/* ---- memory ------------------------------------------------------------------------------ */

/**
 * Make memory known that EAL does not have. It may be any memory of the process that stays where it
 * is (hugepages, or pages that somebody pins) until it is unregistered. At most 65,535 regions.
 *
 * A mapping lies in one region, or in none: one that does with a part only is EFAULT. What is
 * mapped already, strictly or bounced, does not keep the region from being unregistered; but no
 * call may map or unmap memory while it is registered.
 *
 * @param va     start, a multiple of the domain's granule (4 KiB unless the backend's is larger)
 * @param len    bytes, a multiple of that, too
 * @param iovas  identity domain: where each page lies, as for rte_extmem_register(); NULL if
 *               IOVAs are virtual addresses (with physical ones: EINVAL). Other domains: NULL
 * @param n      how many iovas; 0 with NULL
 * @param page   bytes of a page: a power of two from 4 KiB on; len is n pages
 * @return 0, or -EINVAL, -EFAULT (va of 2^47 or more), -EEXIST (known already, or a part of it, or
 *         its IOVAs are in use), -ERANGE (an IOVA of 2^48 or more), -ENOSPC (too many regions),
 *         -ENOMEM, or what the backend said
 */
int dad_dma_mem_register(struct dad_dma_domain *domain, void *va, size_t len,
	const dad_dma_addr_t iovas[], unsigned int n, size_t page);

/**
 * Forget a region, as it was registered. A mapping call must not run for it at the same time.
 *
 * @return 0, -ENOENT (no such region) or -EBUSY (some of it is mapped)
 */
int dad_dma_mem_unregister(struct dad_dma_domain *domain, void *va, size_t len);

/**
 * Make a BAR known, so that other devices can reach it by dad_dma_map_resource(). It is a region:
 * dad_dma_mem_unregister() forgets it.
 *
 * @param va    where it is mapped (rte_pci_device.mem_resource[].addr)
 * @param len   bytes; va, phys and len are multiples of the domain's granule
 * @param phys  its physical address. With physical IOVAs that is where devices find it; with
 *              virtual ones, at va; in a remapping domain, where a map call says.
 * @return as dad_dma_mem_register(); -EEXIST also for a physical range that is known
 */
int dad_dma_bar_register(struct dad_dma_domain *domain, void *va, size_t len, uint64_t phys);

/**
 * What is called when memory has left a domain, and is about to go: EAL frees it, or
 * dad_dma_mem_unregister() forgets it. It is in no table any more, and stays until this returns; so
 * who takes addresses from dad_dma_domain_reverse() can wait here until nobody uses them. It is
 * called in the thread that frees, with EAL's memory locked if that is EAL's: nothing of EAL's
 * memory and nothing of this library may be called, in either case.
 *
 * @param arg  as given to dad_dma_domain_watch()
 * @param va   start of the memory
 * @param len  bytes
 */
typedef void (*dad_dma_left_t)(void *arg, const void *va, size_t len);

/**
 * Have a function called when memory leaves. Asked for several times with the same argument, it is
 * called once, and until it was given up as often.
 *
 * @return 0 or -ENOMEM
 */
int dad_dma_domain_watch(struct dad_dma_domain *domain, dad_dma_left_t left, void *arg);

/** Give it up; when this returns it is not being called, unless others have asked for it. */
void dad_dma_domain_unwatch(struct dad_dma_domain *domain, dad_dma_left_t left, void *arg);

/* ---- bounce slots ------------------------------------------------------------------------ */

/** Slots are of 2 KiB; the longest buffer is 256 KiB, or half the pool if that is less. */
#define DAD_DMA_BOUNCE_MAX (256u << 10)

struct dad_dma_bounce_conf {
	size_t size;	/**< bytes, rounded up to a power of two; default 8 MiB, at least 4 KiB */
	uint64_t limit; /**< highest address a device may see of it; default 2^32 - 1 */
	/** only this device uses it, and reaches nothing else: all its mappings are bounced, and
	 * its coherent memory comes from the pool, in blocks of 2 MiB or the pool's size at most.
	 * NULL: all devices that have no pool of their own use it when no other rung works */
	struct dad_dma_dev *dev;
};

/**
 * Give a domain, or one device, a pool of slots. There is one for the domain at most, and one for
 * each device; they go with it. Not while the device (the domain's devices) have mappings.
 *
 * The memory comes from where it can be had below the limit: in a remapping domain anywhere, at an
 * IOVA below; with physical IOVAs from hugepages that happen to lie there; with virtual ones from
 * anonymous memory at a low address.
 *
 * @return 0, -EINVAL, -EEXIST (there is one), -ENOMEM, -ERANGE (no memory below the limit),
 *         -ENOSPC (no IOVAs or mapping registers)
 */
int dad_dma_bounce_create(struct dad_dma_domain *domain, const struct dad_dma_bounce_conf *conf);

struct dad_dma_bounce_stats {
	uint64_t slots;			/**< in the pool */
	uint64_t used;			/**< now, with those that lcores keep at hand */
	uint64_t cached;		/**< kept at hand by lcores */
	uint64_t high;			/**< the most that were used */
	uint64_t full;			/**< mappings that found no room */
	dad_dma_addr_t lowest, highest; /**< addresses of slots, of the first and the last byte */
};

/**
 * Read a pool's numbers.
 *
 * @param dev  a device's own pool, or NULL: the domain's
 * @return 0, or -ENOENT if there is none
 */
int dad_dma_bounce_stats(const struct dad_dma_domain *domain, const struct dad_dma_dev *dev,
	struct dad_dma_bounce_stats *stats);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif /* DAD_DMA_DOMAIN_H */
