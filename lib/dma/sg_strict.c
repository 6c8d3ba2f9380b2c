/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>

#include "sg.h"

/* Lists that are strict as a whole: one range of IOVAs, one sync, one unmap. */

/* Where entries lie in a range of IOVAs: one behind the other, each in granules of its own. What
 * can be one segment is not put across a boundary; it begins a block there. The range does so, too.
 */
struct layout {
	const struct dma_dev *dev;
	uint64_t end;	   /* of the granules that are taken */
	unsigned int room; /* for more segments */
	/* the last one */
	uint64_t segment;
	uint64_t len;
};

static uint64_t
offset_in_granule(const struct dma_dev *dev, const struct dad_sg *entry)
{
	return (uintptr_t)entry->va & (dev->domain->granule - 1);
}

static uint64_t
span(const struct dma_dev *dev, const struct dad_sg *entry)
{
	return RTE_ALIGN_CEIL(offset_in_granule(dev, entry) + entry->length, dev->domain->granule);
}

/* Does an entry end with a granule, and the next one begin with one? */
static bool
are_neighbours(const struct dma_dev *dev, const struct dad_sg *entry)
{
	return ((((uintptr_t)entry[0].va + entry[0].length) | (uintptr_t)entry[1].va) &
		       (dev->domain->granule - 1)) == 0;
}

/* Bytes of the first of n entries, and of those that can continue it where it begins a block. */
static uint64_t
run_of(const struct dma_dev *dev, const struct dad_sg sg[], unsigned int n)
{
	const struct dad_dma_limits *limits = &dev->limits;
	uint64_t run = sg[0].length, first = offset_in_granule(dev, sg),
		 step = part_of(limits, run);
	uint64_t len = step > 0 ? (run - 1) % step + 1 : run; /* of its last segment */

	for (unsigned int i = 1; i < n && are_neighbours(dev, &sg[i - 1]); i++) {
		len += sg[i].length;
		if (len > limits->max_seg_size ||
			run + sg[i].length - 1 > limits->seg_boundary - first)
			break;
		run += sg[i].length;
	}
	return run;
}

/* The next of the entries, of which there are n left: where its granules are in the range. */
static uint64_t
place(struct layout *l, const struct dad_sg sg[], unsigned int n)
{
	const struct dad_dma_limits *limits = &l->dev->limits;
	uint64_t boundary = limits->seg_boundary, start = l->end, left = sg[0].length;
	uint64_t at = start + offset_in_granule(l->dev, &sg[0]);

	if (boundary == UINT64_MAX) {
		l->end = start + span(l->dev, &sg[0]);
		return start;
	}
	if (l->len > 0 && l->segment + l->len == at && fits(limits, l->segment, l->len + left)) {
		l->len += left;
		left = 0;
	} else if ((start & boundary) != 0 &&
		run_of(l->dev, sg, n) - 1 > boundary - (at & boundary)) {
		start = (start | boundary) + 1;
		at = start + offset_in_granule(l->dev, &sg[0]);
	}
	/* what there is no room for, or cannot be cut, is refused later */
	for (; left > 0 && l->room > 0; l->room--) {
		l->segment = at;
		l->len = cut(limits, at, left);
		at += l->len;
		left -= l->len;
	}
	l->end = start + span(l->dev, &sg[0]);
	return start;
}

static bool
is_aligned(const struct dma_dev *dev, const struct dad_sg *entry)
{
	return ((uintptr_t)entry->va & (dev->limits.alignment - 1)) == 0;
}

static bool
has_regions(const struct dma_dev *dev)
{
	return __atomic_load_n(&dev->domain->n_regions, __ATOMIC_RELAXED) != 0;
}

static void
put_regions(struct dma_dev *dev, const struct dad_sg sg[], unsigned int n)
{
	if (has_regions(dev))
		for (unsigned int i = 0; i < n; i++)
			region_put(dev->domain, (uintptr_t)sg[i].va);
}

static int
get_regions(struct dma_dev *dev, const struct dad_sg sg[], unsigned int n)
{
	bool counted;

	if (!has_regions(dev))
		return 0;
	for (unsigned int i = 0; i < n; i++)
		if (region_get(dev->domain, (uintptr_t)sg[i].va, sg[i].length, &counted) != 0) {
			put_regions(dev, sg, i);
			return EFAULT;
		}
	return 0;
}

static bool
is_in_region(const struct dma_dev *dev, uint64_t va)
{
	return has_regions(dev) && region_of(dev->domain, va) != NULL;
}

/* The range in which all entries find their place, and how it must lie. Of its IOVAs the first ones
 * (lead) stay free if the bus moves them off the boundaries. */
static uint64_t
measure(const struct dma_dev *dev, const struct dad_sg sg[], unsigned int n, uint64_t *align,
	uint64_t *lead)
{
	struct layout l = {.dev = dev, .room = n};

	for (unsigned int i = 0; i < n; i++)
		place(&l, &sg[i], n - i);
	*align = dev->domain->granule;
	*lead = 0;
	if (dev->limits.seg_boundary != UINT64_MAX) {
		/* no boundary lies within what is aligned to its own size */
		*align = RTE_MIN(rte_align64pow2(l.end), dev->limits.seg_boundary + 1);
		*lead = -(uint64_t)dev->limits.bus_offset & (*align - 1) &
			~(dev->domain->granule - 1);
	}
	return *lead + l.end;
}

static int
fill_range(struct dma_dev *dev, struct dad_sg sg[], unsigned int n, enum dad_dma_dir dir,
	unsigned int attrs, uint64_t start, struct segments *s)
{
	struct layout l = {.dev = dev, .room = n};

	for (unsigned int i = 0; i < n; i++) {
		uint64_t va = (uintptr_t)sg[i].va;
		uint64_t iova = start + place(&l, &sg[i], n - i) + offset_in_granule(dev, &sg[i]);
		int error = is_aligned(dev, &sg[i]) ? 0 : ERANGE;

		if (error == 0)
			error = strict_put(
				dev, iova, va, sg[i].length, dir, attrs, is_in_region(dev, va));
		if (error == 0)
			error = append(s, dev_to_bus(dev, iova), sg[i].length, true);
		if (error != 0)
			return error;
	}
	return 0;
}

int
sg_map_strict(struct dma_dev *dev, struct dad_sg sg[], unsigned int n, enum dad_dma_dir dir,
	unsigned int attrs, unsigned int *segments)
{
	struct dad_dma_domain *domain = dev->domain;
	struct segments s = {.limits = &dev->limits, .sg = sg, .max = n};
	uint64_t align, lead, start;
	uint64_t len = measure(dev, sg, n, &align, &lead);
	int error = remap_alloc_dev(dev, dma_lcore_id(), len, align, &start);

	if (error != 0)
		return error;
	error = get_regions(dev, sg, n);
	if (error != 0)
		goto no_regions;
	error = fill_range(dev, sg, n, dir, attrs, start + lead, &s);
	if (error == 0 && domain->ops->sync != NULL &&
		domain->ops->sync(domain->priv, start, len) != 0)
		error = EIO;
	if (error != 0)
		goto no_range;
	finish(&s);
	*segments = s.n;
	domain_count_strict(domain, dma_lcore_id(), 1);
	dev_count(dev, COUNT_STRICT, n);
	dev_count(dev, COUNT_LIVE, n);
	return 0;

no_range:
	put_regions(dev, sg, n);
	remap_drop(domain, start, len, false);
	return error;
no_regions:
	remap_free(domain, dma_lcore_id(), start, len);
	return error;
}

void
sg_unmap_strict(struct dma_dev *dev, const struct dad_sg sg[], unsigned int n, enum dad_dma_dir dir,
	unsigned int attrs)
{
	struct dad_dma_domain *domain = dev->domain;
	uint64_t align, lead, len = measure(dev, sg, n, &align, &lead);
	uint64_t start = (dev_to_iova(dev, sg[0].dma_address) & ~(domain->granule - 1)) - lead;
	struct cursor c = {.sg = sg, .n = n};

	for (unsigned int i = 0; i < n; i++) {
		uint64_t iova = dev_to_iova(dev, entry_address(&c));

		strict_take(dev, iova, sg[i].length, dir, attrs);
		/* all are put alike, when none of them can be found any more */
		if (has_regions(dev) && !domain_is_counted(domain, iova))
			region_get_late(domain, (uintptr_t)sg[i].va);
		next_entry(&c, sg[i].length);
	}
	remap_drop(domain, start, len, true);
	put_regions(dev, sg, n);
	domain_count_strict(domain, dma_lcore_id(), -UINT64_C(1));
	dev_count(dev, COUNT_LIVE, -(uint64_t)n);
	dev_count(dev, COUNT_UNMAPPED, n);
}
