/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>

#include <rte_errno.h>
#include <rte_string_fns.h>

#include "dma_internal.h"

struct dad_dma_dev *
dad_dma_dev_create(const char *name, struct dad_dma_domain *domain, int socket_id)
{
	if (name == NULL || name[0] == '\0' || domain == NULL) {
		rte_errno = EINVAL;
		return NULL;
	}
	struct dad_dma_dev *dev = calloc(1, sizeof(*dev));
	if (dev == NULL) {
		rte_errno = ENOMEM;
		return NULL;
	}
	rte_strscpy(dev->name, name, sizeof(dev->name));
	dev->socket_id = socket_id;
	dev->mask = DAD_DMA_BIT_MASK(32);
	dev->coherent_mask = DAD_DMA_BIT_MASK(32);
	domain_ref(domain);
	dev->domain = domain;
	return dev;
}

int
dad_dma_dev_destroy(struct dad_dma_dev *dev)
{
	if (dev == NULL)
		return 0;
	uint64_t bytes = __atomic_load_n(&dev->stats.coherent_bytes, __ATOMIC_RELAXED);
	if (bytes != 0) {
		DMA_LOG(ERR, "%s: still has %" PRIu64 " bytes of coherent memory", dev->name,
			bytes);
		return -EBUSY;
	}
	dad_dma_domain_put(dev->domain);
	free(dev);
	return 0;
}

struct dad_dma_domain *
dad_dma_dev_domain(const struct dad_dma_dev *dev)
{
	return dev->domain;
}

/* A device that reaches not one byte of the domain's memory cannot be served. */
static bool
mask_is_possible(const struct dad_dma_dev *dev, uint64_t mask)
{
	uint64_t lowest = table_lowest(dev->domain->reverse);

	if (lowest != DAD_DMA_ABSENT && lowest <= mask)
		return true;
	DMA_LOG(NOTICE, "%s: mask %#" PRIx64 " excludes all memory, which starts at %#" PRIx64,
		dev->name, mask, lowest);
	return false;
}

int
dad_dma_set_mask(struct dad_dma_dev *dev, uint64_t mask)
{
	if (!mask_is_possible(dev, mask))
		return -EIO;
	dev->mask = mask;
	return 0;
}

int
dad_dma_set_coherent_mask(struct dad_dma_dev *dev, uint64_t mask)
{
	if (!mask_is_possible(dev, mask))
		return -EIO;
	dev->coherent_mask = mask;
	return 0;
}

int
dad_dma_set_mask_and_coherent(struct dad_dma_dev *dev, uint64_t mask)
{
	int ret = dad_dma_set_mask(dev, mask);

	return ret != 0 ? ret : dad_dma_set_coherent_mask(dev, mask);
}

uint64_t
dad_dma_get_mask(const struct dad_dma_dev *dev)
{
	return dev->mask;
}

uint64_t
dad_dma_get_coherent_mask(const struct dad_dma_dev *dev)
{
	return dev->coherent_mask;
}

void
dad_dma_dev_stats(const struct dad_dma_dev *dev, struct dad_dma_dev_stats *stats)
{
	const struct dad_dma_dev_stats *now = &dev->stats;

	stats->coherent_bytes = __atomic_load_n(&now->coherent_bytes, __ATOMIC_RELAXED);
	stats->map_error_invalid = __atomic_load_n(&now->map_error_invalid, __ATOMIC_RELAXED);
	stats->map_error_unknown = __atomic_load_n(&now->map_error_unknown, __ATOMIC_RELAXED);
	stats->map_error_contiguity = __atomic_load_n(&now->map_error_contiguity, __ATOMIC_RELAXED);
	stats->map_error_mask = __atomic_load_n(&now->map_error_mask, __ATOMIC_RELAXED);
}
