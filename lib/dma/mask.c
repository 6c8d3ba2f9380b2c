/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>

#include "dma_internal.h"

/* Masks: how a device with one would be served, and setting it. */

/* The lowest address, from one on, of what devices reach directly: what has an IOVA for a transfer,
 * as a slot or as a window is not memory that some device would be served with. DAD_DMA_ABSENT if
 * there is nothing. */
static uint64_t
next_direct(const struct dad_dma_domain *domain, uint64_t from)
{
	return table_lowest(domain->reverse, from, KIND_MASK, KIND_REGION);
}

static uint64_t
highest_direct(const struct dad_dma_domain *domain)
{
	return table_highest(domain->reverse, KIND_MASK, KIND_REGION);
}

static bool
has_direct(const struct dad_dma_domain *domain, uint64_t first, uint64_t last)
{
	const uint64_t next = next_direct(domain, first);

	return next != DAD_DMA_ABSENT && next <= last;
}

/* Of the memory that is direct: is some of it in reach, and all of it? The highest range comes
 * first. */
struct direct {
	const struct dad_dma_range *reach;
	unsigned int n;
	bool some, all;
};

/* What is in no table of ours, page by page. */
static void
look_at_external(uint64_t first, uint64_t last, void *arg)
{
	struct direct *d = arg;
	bool all = false;

	for (unsigned int i = 0; i < d->n; i++) {
		d->some |= first <= d->reach[i].last && last >= d->reach[i].first;
		all |= first >= d->reach[i].first && last <= d->reach[i].last;
	}
	d->all &= all;
}

static void
look_for_direct(const struct dad_dma_domain *domain, struct direct *d)
{
	uint64_t above = UINT64_MAX; /* up to here nothing was looked at */

	d->some = false;
	d->all = true;
	for (unsigned int i = 0; i < d->n; i++) {
		const struct dad_dma_range *r = &d->reach[i];

		d->some |= has_direct(domain, r->first, r->last);
		if (r->last < above)
			d->all &= !has_direct(domain, r->last + 1, above);
		above = r->first - 1;
	}
	if (d->n == 0 || d->reach[d->n - 1].first > 0)
		d->all &= !has_direct(domain, 0, above);
	if (domain->ops == NULL)
		eal_external_walk(look_at_external, d);
}

/* Is there room for so many bytes, in whole granules? */
static bool
has_room(const struct dad_dma_domain *domain, const struct dad_dma_range reach[], unsigned int n,
	uint64_t bytes)
{
	for (unsigned int i = 0; i < n; i++) {
		const uint64_t skip = -reach[i].first & (domain->granule - 1);

		if (reach[i].last - reach[i].first >= skip + bytes - 1)
			return true;
	}
	return false;
}

enum dad_dma_support
dad_dma_supported(const struct dad_dma_dev *pub, uint64_t mask)
{
	const struct dma_dev *dev = dev_of(pub);
	const struct dad_dma_domain *domain = dev->domain;
	struct dad_dma_range reach[DEV_RANGES];
	unsigned int n = dev_reach(dev, mask, reach);
	struct direct direct = {.reach = reach, .n = n};

	if (dev_has_rung(dev, DAD_DMA_RUNG_DIRECT)) {
		look_for_direct(domain, &direct);
		if (direct.some && direct.all)
			return DAD_DMA_SUPPORT_DIRECT;
	}
	n = remap_clip(domain, reach, n);
	/* a window is of 2 MiB at most; without room for two it is not worth it */
	if (dev_has_rung(dev, DAD_DMA_RUNG_WINDOW) &&
		has_room(domain, reach, n, 2 * DAD_DMA_UNIT_SIZE))
		return DAD_DMA_SUPPORT_WINDOW;
	if (dev_has_rung(dev, DAD_DMA_RUNG_STRICT) && has_room(domain, reach, n, domain->granule))
		return DAD_DMA_SUPPORT_STRICT;
	if (dev_has_rung(dev, DAD_DMA_RUNG_BOUNCE) && bounce_is_in_reach(dev, mask))
		return DAD_DMA_SUPPORT_BOUNCE;
	return direct.some ? DAD_DMA_SUPPORT_PARTLY : DAD_DMA_SUPPORT_NO;
}

/* A device that reaches not one byte of the domain's memory cannot be served. */
static bool
mask_is_possible(const struct dad_dma_dev *pub, uint64_t mask)
{
	if (dad_dma_supported(pub, mask) != DAD_DMA_SUPPORT_NO)
		return true;
	DMA_LOG(NOTICE, "%s: mask %#" PRIx64 " excludes all memory", dev_of(pub)->name, mask);
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
	dev_of(dev)->coherent_mask = mask;
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
	return dev_of(dev)->coherent_mask;
}

/* The highest address on the bus; behind a negative offset what lies lowest may become that. */
struct highest {
	const struct dma_dev *dev;
	uint64_t addr;
};

static void
look_for_highest(uint64_t first, uint64_t last, void *arg)
{
	struct highest *h = arg;

	h->addr = RTE_MAX(h->addr, dev_to_bus(h->dev, first));
	h->addr = RTE_MAX(h->addr, dev_to_bus(h->dev, last));
}

uint64_t
dad_dma_get_required_mask(const struct dad_dma_dev *pub)
{
	const struct dma_dev *dev = dev_of(pub);
	const struct dad_dma_domain *domain = dev->domain;
	struct highest h = {.dev = dev, .addr = 1};
	uint64_t lowest = DAD_DMA_ABSENT;

	if (dev_has_rung(dev, DAD_DMA_RUNG_DIRECT))
		lowest = next_direct(domain, 0);
	if (lowest != DAD_DMA_ABSENT)
		look_for_highest(lowest, highest_direct(domain), &h);
	else if (domain->ops != NULL)
		look_for_highest(domain->iova_first, domain->iova_last, &h);
	if (dev_has_rung(dev, DAD_DMA_RUNG_DIRECT) && domain->ops == NULL)
		eal_external_walk(look_for_highest, &h);
	return UINT64_MAX >> __builtin_clzll(h.addr);
}
