/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DMA_INTERNAL_H
#define DMA_INTERNAL_H

/* What the parts of lib/dma know of each other.
 *
 * Locks, in the order in which they are taken:
 *   publish_lock   who publishes a device
 *   domains_lock   the list of domains, and their reference counts
 *   arena_lock     growth of coherent memory (a short lock within guards what there is)
 *   (EAL's memory lock)
 *   lock           regions, windows, devices, pools: whatever is not done by a map of known memory
 *   queue_lock     the queue of lazy unmaps
 *   table_lock     writers of the tables
 *   watch_lock     who wants to know when memory goes; taken alone
 *   pools_lock     the list of pools of objects; taken alone, outside of a pool's own locks
 * EAL calls us back with its memory lock held; hence nothing of EAL's memory is called under the
 * locks below it. */

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <sys/queue.h>

#include <rte_lcore.h>
#include <rte_log.h>

#include "dad_dma.h"
#include "dad_dma_domain.h"
#include "lcore.h"
#include "lock.h"
#include "table.h"

extern int dma_logtype;
#define DMA_LOG(level, fmt, ...)                                                                   \
	rte_log(RTE_LOG_##level, dma_logtype, "dad_dma: " fmt "\n", ##__VA_ARGS__)

/* Virtual addresses from here on are not the process's. */
#define DMA_VA_END (UINT64_C(1) << 47)

/* Why an address is in the reverse table; kept in the flags of its word. */
enum kind {
	KIND_DIRECT = 0 << 2,	/* EAL's memory, and what its IOVA is */
	KIND_REGION = 1 << 2,	/* the same of a region, of which mappings are counted */
	KIND_WINDOW = 2 << 2,	/* a window */
	KIND_STRICT = 3 << 2,	/* one transfer */
	KIND_COHERENT = 4 << 2, /* a coherent buffer that got an IOVA of its own */
	KIND_BOUNCE = 5 << 2,	/* a pool's slots */
};
#define KIND_MASK    (UINT64_C(7) << 2)
/* Also in a strict one: its region counts it. Of a piece that was linked into a range only the
 * first page has it. What is mapped when its memory becomes a region has not, and is not counted.
 */
#define WORD_COUNTED (UINT64_C(1) << 5)

struct arenas;
struct bounce;
struct dad_dma_pool;
struct dad_iova;
struct dma_dev;

/* A second IOVA of some memory. It lies in one region, or in EAL's memory. */
struct window {
	LIST_ENTRY(window) next;
	uint64_t va;
	uint64_t iova;
	uint64_t len;
};
LIST_HEAD(window_list, window);

/* Aligned so that its address can be a word in a table. */
struct region {
	TAILQ_ENTRY(region) next;
	uint64_t va;
	uint64_t len;
	uint64_t phys;	 /* of a BAR, else DAD_DMA_ABSENT */
	uint64_t mapped; /* mappings now; relaxed atomics */
	struct window_list windows;
};

/* IOVAs, both ends included; first > last: none. A bit of units for each unit of 2 MiB in which
 * there are any, by its number mod 64. */
struct span {
	uint64_t first;
	uint64_t last;
	uint64_t units;
};

/* Unmapped, and not yet free. */
struct retired {
	uint64_t iova;
	uint64_t len;
};
#define QUEUE_SIZE 256u
#define QUEUE_MS   10u /* how long something may wait while others come */

struct dad_dma_domain {
	TAILQ_ENTRY(dad_dma_domain) next;
	char name[32];
	enum dad_dma_domain_type type;
	unsigned int rungs; /* it was made with */
	unsigned int flags;
	int socket_id;
	unsigned int references;
	char callback[32]; /* name of EAL's memory event callback */

	struct dad_dma_table *forward; /* virtual → IOVA, of what is direct and not counted */
	struct dad_dma_table *reverse; /* IOVA → virtual, of everything, with its kind */
	struct dad_dma_table *counted; /* virtual → IOVA, of what is direct in regions */
	struct dad_dma_table *owner;   /* virtual → region; each of its pages has the same word */
	struct dad_dma_table *phys;    /* physical → virtual, of BARs */
	struct dad_dma_table *known;   /* remapping: virtual → virtual, of EAL's memory */
	struct dad_dma_table *window;  /* remapping: virtual → IOVA, of windows */
	struct dad_dma_table *windows_ever; /* remapping: IOVAs that ever were a window's */
	struct lock table_lock;

	pthread_mutex_t lock;
	TAILQ_HEAD(, dma_dev) devs;
	TAILQ_HEAD(, region) regions;
	uint64_t n_regions;	    /* relaxed atomics; read without the lock */
	struct window_list windows; /* of EAL's memory */
	uint64_t window_bytes;
	uint64_t window_bytes_at[DAD_DMA_KEY_BITS + 1]; /* by how many bits their IOVAs have */
	struct bounce *bounce;
	/* IOVAs for which an unmap, or a sync, has something to do, but for slots */
	struct span unmap_span;
	struct span sync_span;

	pthread_mutex_t arena_lock; /* who makes arenas */
	struct arenas *arenas;

	/* of remapping domains */
	const struct dad_dma_domain_ops *ops;
	void *priv;
	struct dad_dma_backend_info backend;
	uint64_t granule;
	uint64_t iova_first, iova_last;
	struct dad_iova *iova;
	uint64_t window_max;
	uint64_t registers_max;
	bool counts_maps; /* they are maps of the backend, whatever their size */
	/* relaxed atomics from here on */
	uint64_t registers_used; /* if there is a limit, else the allocator of IOVAs knows */
	uint64_t registers_high;
	uint64_t lost;
	uint64_t windows_gone; /* as EAL's memory went, mapped or not */
	uint64_t flushes;
	uint64_t faults; /* accesses refused, where no soft backend counts them */

	pthread_mutex_t watch_lock;
	TAILQ_HEAD(, watch) watches;

	pthread_mutex_t queue_lock;
	struct retired queue[QUEUE_SIZE];
	unsigned int queued;
	uint64_t queued_tsc; /* of the oldest */

	/* the last is for threads that are no lcores, which add to it atomically */
	struct domain_cell {
		uint64_t strict_maps; /* up and down: only the sum of all says something */
	} __rte_cache_aligned cells[RTE_MAX_LCORE + 1];
};

/* Counters of one device and one lcore, which alone writes them. */
enum dev_counter {
	COUNT_DIRECT,
	COUNT_WINDOW,
	COUNT_STRICT,
	COUNT_BOUNCE,
	COUNT_UNMAPPED,
	COUNT_IN,
	COUNT_OUT,
	/* up and down, on different lcores: only the sum says something */
	COUNT_LIVE,
	COUNT_COHERENT, /* bytes */
	COUNTERS
};
struct dev_cell {
	uint64_t count[COUNTERS];
} __rte_cache_aligned;

struct dma_dev {
	struct dad_dma_dev pub;
	TAILQ_ENTRY(dma_dev) next;
	char name[64];
	struct dad_dma_domain *domain;
	int socket_id;
	uint64_t coherent_mask;
	unsigned int rungs_wanted;
	unsigned int rungs; /* that there are for it */
	bool published;	    /* others find it by its name; under the domain's lock */
	bool count_direct;
	bool limited; /* alignment, exclusion or offset: each address has to be looked at */
	struct dad_dma_limits limits;
	struct bounce *own_bounce;
	struct dad_dma_dev_stats stats; /* errors; relaxed atomics */
	/* the last is for threads that are no lcores, which add to it atomically */
	struct dev_cell cells[RTE_MAX_LCORE + 1];
};

static inline struct dma_dev *
dev_of(const struct dad_dma_dev *dev)
{
	return (struct dma_dev *)(uintptr_t)dev;
}

/* To a counter of this lcore's, which nobody else writes; or of all threads that are none. */
static inline void
cell_add(uint64_t *at, unsigned int lcore, uint64_t n)
{
	/* L1: pairs with the acquire in sum(), dev.c: what was copied before a mapping died */
	if (likely(lcore < RTE_MAX_LCORE))
		__atomic_store_n(at, __atomic_load_n(at, __ATOMIC_RELAXED) + n, __ATOMIC_RELEASE);
	else
		__atomic_fetch_add(at, n, __ATOMIC_RELEASE);
}

/* lcore is the caller's dma_lcore_id(), asked for once in a call. */
static inline void
dev_count_on(struct dma_dev *dev, unsigned int lcore, enum dev_counter which, uint64_t n)
{
	cell_add(&dev->cells[lcore].count[which], lcore, n);
}

static inline void
domain_count_strict(struct dad_dma_domain *domain, unsigned int lcore, uint64_t n)
{
	cell_add(&domain->cells[lcore].strict_maps, lcore, n);
}

static inline void
dev_count(struct dma_dev *dev, enum dev_counter which, uint64_t n)
{
	dev_count_on(dev, dma_lcore_id(), which, n);
}

static inline bool
dev_has_rung(const struct dma_dev *dev, enum dad_dma_rung rung)
{
	return dev->rungs & DAD_DMA_RUNG_BIT(rung);
}

/* Its pool, or NULL. */
static inline struct bounce *
dev_bounce(const struct dma_dev *dev)
{
	return dev->own_bounce != NULL ? dev->own_bounce : dev->domain->bounce;
}

static inline uint64_t
dev_to_bus(const struct dma_dev *dev, uint64_t iova)
{
	return iova + (uint64_t)dev->limits.bus_offset;
}

static inline uint64_t
dev_to_iova(const struct dma_dev *dev, dad_dma_addr_t addr)
{
	return addr - (uint64_t)dev->limits.bus_offset;
}

/* Are there addresses that the device must not be given? */
static inline bool
limits_exclude(const struct dad_dma_limits *l)
{
	return l->excl_low != 0 || l->excl_high != 0;
}

/* ---- dev.c */

/* Can the device be given this? 0 or ERANGE. */
int dev_check_limits(const struct dma_dev *dev, dad_dma_addr_t addr, uint64_t size);
static inline int
dev_check(const struct dma_dev *dev, dad_dma_addr_t addr, uint64_t size)
{
	uint64_t last = addr + (size - 1);

	if (last < addr || last > dev->pub.mask)
		return ERANGE;
	return likely(!dev->limited) ? 0 : dev_check_limits(dev, addr, size);
}
/* All that it can be given below a mask: IOVAs, before the bus adds its offset. The highest first;
 * how many there are. */
#define DEV_RANGES 3u
unsigned int dev_reach(
	const struct dma_dev *dev, uint64_t mask, struct dad_dma_range reach[DEV_RANGES]);
/* Can it be given this as coherent memory? */
static inline bool
dev_check_coherent(const struct dma_dev *dev, dad_dma_addr_t addr, uint64_t size)
{
	const struct dad_dma_limits *l = &dev->limits;
	uint64_t last = addr + (size - 1);

	return last >= addr && last <= dev->coherent_mask &&
		(!limits_exclude(l) || addr > l->excl_high || last < l->excl_low);
}
/* What the inline functions look at, after something changed; under the domain's lock. The device
 * has no mappings. */
void dev_refresh(struct dma_dev *dev);
/* The same after a span became wider, which it may while there are mappings. */
void dev_look_again(struct dma_dev *dev);
/* Mappings alive, without those that are direct. */
uint64_t dev_live(const struct dma_dev *dev);

/* ---- domain.c */

/* dad_dma_domain_put() for somebody who has no pointer to give: one more reference. */
void domain_ref(struct dad_dma_domain *domain);
/* Calls for each domain, under domains_lock. */
void domain_walk(void (*call)(struct dad_dma_domain *domain, void *arg), void *arg);
/* Unmapping these IOVAs has something to do from now on; under the domain's lock. */
void domain_widen(struct dad_dma_domain *domain, uint64_t first, uint64_t last);
/* More IOVAs into a span. */
void span_add(struct span *span, uint64_t first, uint64_t last);
/* What is direct: the table's answer, a region's, or EAL's for external memory that it did not
 * announce. */
uint64_t domain_virt_to_bus(const struct dad_dma_domain *domain, uint64_t va, uint64_t *contig);
/* Where an IOVA leads, and why. DAD_DMA_ABSENT if nowhere. */
static inline uint64_t
domain_reverse(
	const struct dad_dma_domain *domain, uint64_t iova, uint64_t *contig, unsigned int *kind)
{
	uint64_t size;
	uint64_t word = table_word(domain->reverse, iova, &size);
	uint64_t offset = iova & (size - 1);

	*contig = size - offset;
	*kind = word & KIND_MASK;
	return word == 0 ? DAD_DMA_ABSENT : (word & ~DAD_DMA_WORD_FLAGS) + offset;
}

/* Is the strict mapping there one that its region counts? */
static inline bool
domain_is_counted(const struct dad_dma_domain *domain, uint64_t iova)
{
	uint64_t size;

	return (table_word(domain->reverse, iova, &size) & WORD_COUNTED) != 0;
}

/* Make IOVAs lead to virtual addresses; flags may be with the kind. 0 or -errno. */
int domain_set_reverse(
	struct dad_dma_domain *domain, uint64_t iova, uint64_t va, uint64_t len, uint64_t kind);
void domain_clear_reverse(struct dad_dma_domain *domain, uint64_t iova, uint64_t len);

/* ---- eal_memory.c: following EAL's memory */

int eal_memory_follow(struct dad_dma_domain *domain);
void eal_memory_leave(struct dad_dma_domain *domain);
const struct rte_memseg *eal_external_by_va(uint64_t va);
const struct rte_memseg *eal_external_by_iova(uint64_t iova);
/* Calls for each page of external memory that EAL does not announce, under its memory lock. */
typedef void (*eal_segment_t)(uint64_t first_iova, uint64_t last_iova, void *arg);
void eal_external_walk(eal_segment_t call, void *arg);

/* ---- watch.c */

/* Memory has left the tables: it goes when this returns. */
void watch_tell(struct dad_dma_domain *domain, uint64_t va, uint64_t len);

/* ---- region.c */

/* A mapping of [va, va + size) begins, which its region counts if it lies in one. 0, or EFAULT: it
 * lies in a region only with a part. */
int region_get(struct dad_dma_domain *domain, uint64_t va, uint64_t size, bool *counted);
/* One that is counted ends. False, with a word in the log: none of the region is mapped. */
bool region_put(struct dad_dma_domain *domain, uint64_t va);
/* One that is not shall be, if there is a region by now. */
void region_get_late(struct dad_dma_domain *domain, uint64_t va);
struct region *region_of(const struct dad_dma_domain *domain, uint64_t va);
void regions_release(struct dad_dma_domain *domain);

/* ---- remap.c: IOVAs of our own */

/* Does memory get IOVAs that equal its virtual addresses there, for good? */
bool remap_has_direct(const struct dad_dma_domain *domain, uint64_t va, uint64_t len);
/* What of some ranges the domain hands out, and how many of them are left. */
unsigned int remap_clip(
	const struct dad_dma_domain *domain, struct dad_dma_range ranges[], unsigned int n);
/* IOVAs for len bytes (granules), in reach of a device. 0, or ENOSPC, ERANGE, ENOMEM. */
int remap_alloc_dev(const struct dma_dev *dev, unsigned int lcore, uint64_t len, uint64_t align,
	uint64_t *iova);
void remap_free(struct dad_dma_domain *domain, unsigned int lcore, uint64_t iova, uint64_t len);
/* Take what is mapped there from the backend alone. False: the IOVAs must not be used again. */
bool remap_withdraw(struct dad_dma_domain *domain, uint64_t iova, uint64_t len);
/* The same, and what the domain knows of it. */
bool remap_unmap(struct dad_dma_domain *domain, uint64_t iova, uint64_t len);
/* The same, and free the IOVAs; at once, or lazily. */
void remap_drop(struct dad_dma_domain *domain, uint64_t iova, uint64_t len, bool may_wait);
/* A mapping that stays, for slots and coherent memory, somewhere in these ranges. va and len are in
 * granules. 0 or errno. */
int remap_static(struct dad_dma_domain *domain, void *va, uint64_t len, uint64_t align,
	const struct dad_dma_range in[], unsigned int n, enum kind kind, uint64_t *iova);
/* What a backend said, as an errno of a mapping call. */
int remap_error(int ret);
void remap_static_drop(struct dad_dma_domain *domain, uint64_t iova, uint64_t len);

/* ---- window.c */

int window_map(struct dma_dev *dev, uint64_t va, uint64_t size, uint64_t *iova);
/* Of memory that goes away; under the domain's lock. */
void window_drop(struct dad_dma_domain *domain, uint64_t va, uint64_t len);
void window_drop_all(struct dad_dma_domain *domain, struct window_list *list);

/* ---- strict.c */

/* counted: by a region. */
int strict_map(struct dma_dev *dev, unsigned int lcore, uint64_t va, uint64_t size,
	enum dad_dma_dir dir, unsigned int attrs, bool counted, uint64_t *iova);
void strict_unmap(struct dma_dev *dev, uint64_t iova, uint64_t size, enum dad_dma_dir dir,
	unsigned int attrs);
/* A piece of a range of IOVAs that is there already, and taking the bytes out of it again before
 * the range is dropped. 0 or errno. */
int strict_put(struct dma_dev *dev, uint64_t iova, uint64_t va, uint64_t size, enum dad_dma_dir dir,
	unsigned int attrs, bool counted);
void strict_take(struct dma_dev *dev, uint64_t iova, uint64_t size, enum dad_dma_dir dir,
	unsigned int attrs);
/* Between what the CPU sees and what the device sees, where that is not the same. */
void strict_copy(struct dma_dev *dev, uint64_t iova, uint64_t size, bool to_device);

/* ---- bounce.c */

/* What bounce_create() made goes again: no mapping is left. NULL is allowed. */
void bounce_free(struct bounce *bounce);
/* Between a mapping's buffer and its slot. */
void bounce_copy(struct dma_dev *dev, uint64_t iova, uint64_t size, bool to_device);
uint64_t bounce_max(const struct bounce *bounce);
/* Coherent memory of a device with a pool of its own, which reaches nothing else: len is pages, a
 * power of two of them. 0, ENOMEM or ERANGE. */
int bounce_alloc(struct dma_dev *dev, unsigned int lcore, uint64_t len, void **va, uint64_t *iova);
/* False: it was not allocated so. */
bool bounce_release(struct dma_dev *dev, uint64_t len, void *va, uint64_t iova);
bool bounce_is_coherent(const struct dma_dev *dev, uint64_t iova);
/* Is all of a device's pool below a mask, and a slot of it not excluded? */
bool bounce_is_in_reach(const struct dma_dev *dev, uint64_t mask);
/* Where its slots are. */
void bounce_add_to(const struct bounce *bounce, struct span *span);

/* ---- pool.c */

/* What is fixed when a pool is made. Its device lives longer. */
struct pool_identity {
	const char *name;
	const struct dma_dev *dev;
	size_t size; /* asked for */
	size_t boundary;
};
/* Calls for each pool of objects, none of which goes meanwhile. */
void pool_walk(void (*call)(struct dad_dma_pool *pool, const struct pool_identity *id, void *arg),
	void *arg);

/* ---- telemetry.c */

void telemetry_register(void);

#endif /* DMA_INTERNAL_H */
