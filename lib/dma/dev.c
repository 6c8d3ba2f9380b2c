/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>

#include <rte_errno.h>
#include <rte_string_fns.h>

#include "dma_internal.h"

/* What a device looks at that must not map anything directly: never written. */
static struct dad_dma_table no_table;

/* ---- what the inline functions see -------------------------------------------------------- */

static unsigned int
rungs_of(const struct dma_dev *dev)
{
	const struct dad_dma_domain *domain = dev->domain;
	unsigned int rungs = domain->rungs & dev->rungs_wanted;

	if (dev_bounce(dev) == NULL)
		rungs &= ~DAD_DMA_RUNG_BIT(DAD_DMA_RUNG_BOUNCE);
	if (dev->own_bounce != NULL)
		rungs &= DAD_DMA_RUNG_BIT(DAD_DMA_RUNG_BOUNCE);
	if (domain->flags & DAD_DMA_DOMAIN_NONCOHERENT)
		rungs &= DAD_DMA_RUNG_BIT(DAD_DMA_RUNG_STRICT) |
			DAD_DMA_RUNG_BIT(DAD_DMA_RUNG_BOUNCE);
	return rungs;
}

static void
look_at(struct dad_dma_reach *reach, const struct span *span)
{
	bool none = span->first > span->last;
	/* the very last address, which is no mapping's, may be left out */
	uint64_t size = none ? 0 : span->last - span->first + (span->last != UINT64_MAX);

	/* S1: pairs with R1, and with the reader's map call through what made the addresses known
	 * that are new */
	__atomic_store_n(&reach->units, span->units, __ATOMIC_RELEASE);
	__atomic_store_n(&reach->size, size, __ATOMIC_RELEASE);
	__atomic_store_n(&reach->low, none ? UINT64_MAX : span->first, __ATOMIC_RELEASE);
}

void
dev_look_again(struct dma_dev *dev)
{
	const struct span all = {.first = 0, .last = UINT64_MAX, .units = UINT64_MAX};
	struct span unmap = dev->domain->unmap_span, sync = dev->domain->sync_span;
	const struct bounce *pool = dev_bounce(dev);
	bool offset = dev->limits.bus_offset != 0;

	/* only the pool that it uses: another device's is nothing to it */
	if (pool != NULL) {
		bounce_add_to(pool, &unmap);
		bounce_add_to(pool, &sync);
	}
	look_at(&dev->pub.unmap, offset || dev->count_direct ? &all : &unmap);
	look_at(&dev->pub.sync, offset ? &all : &sync);
}

void
dev_refresh(struct dma_dev *dev)
{
	const struct dad_dma_limits *l = &dev->limits;

	dev->rungs = rungs_of(dev);
	dev->limited = l->bus_offset != 0 || l->alignment > 1 || limits_exclude(l);
	bool direct = (dev->rungs & DAD_DMA_RUNG_BIT(DAD_DMA_RUNG_DIRECT)) && !dev->limited &&
		!dev->count_direct;

	dev->pub.direct = direct ? dev->domain->forward : &no_table;
	dev_look_again(dev);
}

int
dev_check_limits(const struct dma_dev *dev, dad_dma_addr_t addr, uint64_t size)
{
	const struct dad_dma_limits *l = &dev->limits;
	uint64_t last = addr + (size - 1);

	if (l->alignment > 1 && (addr & (l->alignment - 1)) != 0)
		return ERANGE;
	if (limits_exclude(l) && addr <= l->excl_high && last >= l->excl_low)
		return ERANGE;
	return 0;
}

/* A range of bus addresses as IOVAs, which may be two: the bus's offset wraps around. */
static unsigned int
add_range(const struct dma_dev *dev, uint64_t first, uint64_t last, struct dad_dma_range out[])
{
	first = dev_to_iova(dev, first);
	last = dev_to_iova(dev, last);
	if (first <= last) {
		out[0] = (struct dad_dma_range){first, last};
		return 1;
	}
	out[0] = (struct dad_dma_range){first, UINT64_MAX};
	out[1] = (struct dad_dma_range){0, last};
	return 2;
}

unsigned int
dev_reach(const struct dma_dev *dev, uint64_t mask, struct dad_dma_range reach[DEV_RANGES])
{
	const struct dad_dma_limits *l = &dev->limits;
	unsigned int n = 0;

	/* the very last address is no mapping's */
	mask = RTE_MIN(mask, UINT64_MAX - 1);
	if (!limits_exclude(l))
		return add_range(dev, 0, mask, reach);
	if (l->excl_high < mask)
		n = add_range(dev, l->excl_high + 1, mask, reach);
	if (l->excl_low > 0)
		n += add_range(dev, 0, RTE_MIN(l->excl_low - 1, mask), &reach[n]);
	/* of three, which a wrap made, the order may be another one */
	for (unsigned int i = 1; i < n; i++)
		for (unsigned int k = i; k > 0 && reach[k].first > reach[k - 1].first; k--) {
			const struct dad_dma_range lower = reach[k - 1];

			reach[k - 1] = reach[k];
			reach[k] = lower;
		}
	return n;
}

/* ---- life --------------------------------------------------------------------------------- */

struct dad_dma_dev *
dad_dma_dev_create(const char *name, struct dad_dma_domain *domain, int socket_id)
{
	if (name == NULL || name[0] == '\0' || domain == NULL) {
		rte_errno = EINVAL;
		return NULL;
	}
	struct dma_dev *dev = aligned_alloc(RTE_CACHE_LINE_SIZE, sizeof(*dev));
	if (dev == NULL) {
		rte_errno = ENOMEM;
		return NULL;
	}
	memset(dev, 0, sizeof(*dev));
	rte_strscpy(dev->name, name, sizeof(dev->name));
	dev->socket_id = socket_id;
	dev->pub.mask = DAD_DMA_BIT_MASK(32);
	dev->coherent_mask = DAD_DMA_BIT_MASK(32);
	dev->rungs_wanted = DAD_DMA_RUNGS_ALL;
	dev->domain = domain;
	domain_ref(domain);

	dad_dma_set_limits(&dev->pub, &(struct dad_dma_limits){0});
	pthread_mutex_lock(&domain->lock);
	TAILQ_INSERT_TAIL(&domain->devs, dev, next);
	dev_refresh(dev);
	pthread_mutex_unlock(&domain->lock);
	return &dev->pub;
}

static uint64_t
sum(const struct dma_dev *dev, enum dev_counter which)
{
	uint64_t n = 0;

	for (unsigned int i = 0; i < RTE_DIM(dev->cells); i++)
		/* L1: pairs with the releases in cell_add() */
		n += __atomic_load_n(&dev->cells[i].count[which], __ATOMIC_ACQUIRE);
	return n;
}

uint64_t
dev_live(const struct dma_dev *dev)
{
	return sum(dev, COUNT_LIVE);
}

int
dad_dma_dev_destroy(struct dad_dma_dev *pub)
{
	if (pub == NULL)
		return 0;
	struct dma_dev *dev = dev_of(pub);
	uint64_t bytes = sum(dev, COUNT_COHERENT);
	uint64_t live = dev_live(dev);

	if (bytes != 0 || live != 0) {
		DMA_LOG(ERR,
			"%s: still has %" PRIu64 " bytes of coherent memory, %" PRIu64 " mappings",
			dev->name, bytes, live);
		return -EBUSY;
	}
	pthread_mutex_lock(&dev->domain->lock);
	TAILQ_REMOVE(&dev->domain->devs, dev, next);
	pthread_mutex_unlock(&dev->domain->lock);
	bounce_free(dev->own_bounce);
	dad_dma_domain_put(dev->domain);
	free(dev);
	return 0;
}

/* ---- by name ------------------------------------------------------------------------------ */

struct search {
	const char *name;
	struct dma_dev *found;
};

static void
find_published(struct dad_dma_domain *domain, void *arg)
{
	struct search *search = arg;
	struct dma_dev *dev;

	pthread_mutex_lock(&domain->lock);
	TAILQ_FOREACH (dev, &domain->devs, next)
		if (dev->published && strcmp(dev->name, search->name) == 0)
			search->found = dev;
	pthread_mutex_unlock(&domain->lock);
}

struct dad_dma_dev *
dad_dma_dev_lookup(const char *name)
{
	struct search search = {.name = name != NULL ? name : ""};

	domain_walk(find_published, &search);
	if (search.found == NULL) {
		rte_errno = ENOENT;
		return NULL;
	}
	return &search.found->pub;
}

int
dad_dma_dev_publish(struct dad_dma_dev *pub)
{
	static pthread_mutex_t publish_lock = PTHREAD_MUTEX_INITIALIZER;
	struct dma_dev *dev = dev_of(pub);
	int ret = 0;

	/* of two with one name, the second has to find the first */
	pthread_mutex_lock(&publish_lock);
	struct dad_dma_dev *other = dad_dma_dev_lookup(dev->name);

	if (other != NULL && other != pub)
		ret = -EEXIST;
	if (other == NULL) {
		pthread_mutex_lock(&dev->domain->lock);
		dev->published = true;
		pthread_mutex_unlock(&dev->domain->lock);
	}
	pthread_mutex_unlock(&publish_lock);
	return ret;
}

struct dad_dma_domain *
dad_dma_dev_domain(const struct dad_dma_dev *dev)
{
	return dev_of(dev)->domain;
}

/* ---- limits ------------------------------------------------------------------------------- */

static bool
is_low_mask(uint64_t mask)
{
	return (mask & (mask + 1)) == 0;
}

int
dad_dma_set_limits(struct dad_dma_dev *pub, const struct dad_dma_limits *limits)
{
	struct dma_dev *dev = dev_of(pub);
	struct dad_dma_limits l = *limits;

	if (l.max_seg_size == 0)
		l.max_seg_size = 64u << 10;
	if (l.seg_boundary == 0)
		l.seg_boundary = UINT64_MAX;
	if (l.alignment == 0)
		l.alignment = 1;
	if (!is_low_mask(l.seg_boundary) || l.seg_boundary < DAD_DMA_PAGE_SIZE - 1 ||
		!is_low_mask(l.alignment - 1) || l.alignment > DAD_DMA_PAGE_SIZE ||
		!is_low_mask(l.min_align_mask) || l.min_align_mask >= DAD_DMA_PAGE_SIZE ||
		l.excl_low > l.excl_high || ((uint64_t)l.bus_offset & (DAD_DMA_PAGE_SIZE - 1)) != 0)
		return -EINVAL;
	pthread_mutex_lock(&dev->domain->lock);
	dev->limits = l;
	dev_refresh(dev);
	pthread_mutex_unlock(&dev->domain->lock);
	return 0;
}

void
dad_dma_get_limits(const struct dad_dma_dev *dev, struct dad_dma_limits *limits)
{
	*limits = dev_of(dev)->limits;
}

int
dad_dma_dev_set_rungs(struct dad_dma_dev *pub, unsigned int rungs)
{
	struct dma_dev *dev = dev_of(pub);
	int ret = 0;

	if ((rungs & ~DAD_DMA_RUNGS_ALL) != 0)
		return -EINVAL;
	pthread_mutex_lock(&dev->domain->lock);
	unsigned int before = dev->rungs_wanted;

	dev->rungs_wanted = rungs;
	if (rungs_of(dev) == 0) {
		dev->rungs_wanted = before;
		ret = -EINVAL;
	}
	dev_refresh(dev);
	pthread_mutex_unlock(&dev->domain->lock);
	return ret;
}

void
dad_dma_dev_count_direct(struct dad_dma_dev *pub, bool on)
{
	struct dma_dev *dev = dev_of(pub);

	pthread_mutex_lock(&dev->domain->lock);
	dev->count_direct = on;
	dev_refresh(dev);
	pthread_mutex_unlock(&dev->domain->lock);
}

size_t
dad_dma_max_mapping_size(const struct dad_dma_dev *pub)
{
	const struct dma_dev *dev = dev_of(pub);

	/* strict mappings do not bounce until IOVAs run out */
	if (!dev_has_rung(dev, DAD_DMA_RUNG_BOUNCE) || dev_has_rung(dev, DAD_DMA_RUNG_STRICT))
		return SIZE_MAX;
	uint64_t max = bounce_max(dev_bounce(dev)), pad = dev->limits.min_align_mask;

	max = RTE_MIN(max - 1, dev->limits.seg_boundary) + 1;

	/* of a tiny pool, what precedes a buffer in its slots may take all */
	return max > pad ? max - pad : 0;
}

/* ---- numbers ------------------------------------------------------------------------------ */

void
dad_dma_dev_stats(const struct dad_dma_dev *pub, struct dad_dma_dev_stats *stats)
{
	const struct dma_dev *dev = dev_of(pub);
	const struct dad_dma_dev_stats *now = &dev->stats;

	stats->coherent_bytes = sum(dev, COUNT_COHERENT);
	stats->direct = sum(dev, COUNT_DIRECT);
	stats->window = sum(dev, COUNT_WINDOW);
	stats->strict = sum(dev, COUNT_STRICT);
	stats->bounce = sum(dev, COUNT_BOUNCE);
	stats->unmapped = sum(dev, COUNT_UNMAPPED);
	stats->copied_in = sum(dev, COUNT_IN);
	stats->copied_out = sum(dev, COUNT_OUT);
	stats->map_error_invalid = __atomic_load_n(&now->map_error_invalid, __ATOMIC_RELAXED);
	stats->map_error_unknown = __atomic_load_n(&now->map_error_unknown, __ATOMIC_RELAXED);
	stats->map_error_contiguity = __atomic_load_n(&now->map_error_contiguity, __ATOMIC_RELAXED);
	stats->map_error_mask = __atomic_load_n(&now->map_error_mask, __ATOMIC_RELAXED);
	stats->map_error_space = __atomic_load_n(&now->map_error_space, __ATOMIC_RELAXED);
	stats->map_error_memory = __atomic_load_n(&now->map_error_memory, __ATOMIC_RELAXED);
	stats->map_error_backend = __atomic_load_n(&now->map_error_backend, __ATOMIC_RELAXED);
}
