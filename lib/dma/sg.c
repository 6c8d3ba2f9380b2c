/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>

#include <rte_errno.h>
#include <rte_mbuf.h>

#include "dad_dma_sg.h"
#include "stream.h"

/* Scatter lists. A list is mapped in one of two ways:
 *
 * - all of it strict, in one range of IOVAs, each entry in granules of its own: entries that end
 *   and begin with a granule become neighbours;
 * - or entry by entry on the other rungs, of which neighbours are merged if nothing has to be
 *   undone for them but counts: each bounced one stays alone, so that a segment can be synced as
 *   one mapping.
 *
 * What an unmap finds at the first address tells which. */

#define RUNG(name)     DAD_DMA_RUNG_BIT(DAD_DMA_RUNG_##name)
#define RUNGS_IN_PLACE (RUNG(DIRECT) | RUNG(WINDOW))

/* ---- making segments ------------------------------------------------------------------------- */

struct segments {
	const struct dad_dma_limits *limits;
	struct dad_sg *sg;
	unsigned int max;
	unsigned int n;
	bool open; /* the last one may be continued */
};

/* Bytes from addr to the end of its block. 0: more than there are numbers. */
static uint64_t
to_boundary(const struct segments *s, dad_dma_addr_t addr)
{
	return s->limits->seg_boundary - (addr & s->limits->seg_boundary) + 1;
}

static bool
can_continue(const struct segments *s, dad_dma_addr_t addr, uint64_t len)
{
	const struct dad_sg *last = &s->sg[s->n - 1];

	if (!s->open || last->dma_address + last->dma_length != addr)
		return false;
	uint64_t all = last->dma_length + len;

	return all <= s->limits->max_seg_size && all - 1 < to_boundary(s, last->dma_address);
}

/* What a segment takes of these bytes, so that the next one begins aligned, too. 0: nothing, as the
 * longest segment is shorter than the alignment. */
static uint64_t
part_of(const struct dad_dma_limits *limits, uint64_t len)
{
	return len <= limits->max_seg_size ? len : limits->max_seg_size & ~(limits->alignment - 1);
}

/* The next entry. Whole into the last segment, or as new ones. 0 or E2BIG. */
static int
append(struct segments *s, dad_dma_addr_t addr, uint64_t len, bool mergeable)
{
	if (s->n > 0 && mergeable && can_continue(s, addr, len)) {
		s->sg[s->n - 1].dma_length += len;
		return 0;
	}
	while (len > 0) {
		uint64_t part = part_of(s->limits, len);

		if (s->n == s->max || part == 0)
			return E2BIG;
		part = RTE_MIN(part - 1, to_boundary(s, addr) - 1) + 1;
		s->sg[s->n].dma_address = addr;
		s->sg[s->n++].dma_length = part;
		addr += part;
		len -= part;
	}
	s->open = mergeable;
	return 0;
}

static void
finish(struct segments *s)
{
	if (s->n < s->max)
		s->sg[s->n].dma_length = 0;
}

/* ---- finding entries again ----------------------------------------------------------------------
 */

/* Where in the segments an entry begins: they hold the same bytes in the same order. */
struct cursor {
	const struct dad_sg *sg;
	unsigned int n;
	unsigned int at;
	uint64_t offset;
};

static dad_dma_addr_t
entry_address(const struct cursor *c)
{
	return c->at < c->n ? c->sg[c->at].dma_address + c->offset : DAD_DMA_MAPPING_ERROR;
}

static void
next_entry(struct cursor *c, uint64_t len)
{
	while (c->at < c->n && len > 0) {
		uint64_t left = c->sg[c->at].dma_length - c->offset;

		if (left == 0)
			break; /* not mapped like this */
		if (len < left) {
			c->offset += len;
			return;
		}
		len -= left;
		c->offset = 0;
		c->at++;
	}
}

/* ---- entry by entry -----------------------------------------------------------------------------
 */

static void
unmap_entries(struct dma_dev *dev, const struct dad_sg sg[], unsigned int n, unsigned int mapped,
	enum dad_dma_dir dir, unsigned int attrs)
{
	struct cursor c = {.sg = sg, .n = n};

	for (unsigned int i = 0; i < mapped; i++) {
		dad_dma_addr_t addr = entry_address(&c);

		next_entry(&c, sg[i].length);
		if (dad_dma_need_unmap(&dev->pub, addr))
			stream_unmap(dev, addr, sg[i].length, dir, attrs);
	}
}

/* One entry: directly if that goes without a closer look. */
static int
map_entry(struct dma_dev *dev, const struct dad_sg *entry, enum dad_dma_dir dir, unsigned int attrs,
	unsigned int rungs, dad_dma_addr_t *addr, bool *in_place)
{
	uint64_t va = (uintptr_t)entry->va, contig = 0;
	enum dad_dma_rung rung;

	*in_place = true;
	if (likely(rungs & RUNG(DIRECT))) {
		*addr = dad_dma_table_find(dev->pub.direct, va, &contig);
		if (likely(entry->length - 1 < contig &&
			    *addr + (entry->length - 1) <= dev->pub.mask))
			return 0;
	}
	int error = stream_map(dev, va, entry->length, dir, attrs, rungs, addr, &rung);

	*in_place = error == 0 && (DAD_DMA_RUNG_BIT(rung) & RUNGS_IN_PLACE) != 0;
	return error;
}

static int
map_entries(struct dma_dev *dev, struct dad_sg sg[], unsigned int n, enum dad_dma_dir dir,
	unsigned int attrs, unsigned int rungs, unsigned int *segments)
{
	struct segments s = {.limits = &dev->limits, .sg = sg, .max = n};

	for (unsigned int i = 0; i < n; i++) {
		dad_dma_addr_t addr;
		bool in_place;
		int error = map_entry(dev, &sg[i], dir, attrs, rungs, &addr, &in_place);

		if (error == 0) {
			error = append(&s, addr, sg[i].length, in_place);
			if (error != 0 && dad_dma_need_unmap(&dev->pub, addr))
				stream_unmap(dev, addr, sg[i].length, dir,
					attrs | DAD_DMA_ATTR_SKIP_CPU_SYNC);
		}
		if (error != 0) {
			/* nothing was transferred: nothing is copied back */
			unmap_entries(dev, sg, s.n, i, dir, attrs | DAD_DMA_ATTR_SKIP_CPU_SYNC);
			return error;
		}
	}
	finish(&s);
	*segments = s.n;
	return 0;
}

/* Nearly always each entry is known to the table, and fits into a segment: then this does what
 * map_entries() would, without a look aside. 0 if it is not so; nothing is to be undone then. */
static unsigned int
map_simple(const struct dma_dev *dev, struct dad_sg sg[], unsigned int n, enum dad_dma_dir dir)
{
	const struct dad_dma_table *table = dev->pub.direct;
	const uint64_t mask = dev->pub.mask, boundary = dev->limits.seg_boundary;
	const uint64_t max = dev->limits.max_seg_size;
	uint64_t addr = 0, len = 0, all = 0; /* of the last segment, and of the list */
	unsigned int segments = 0;

	if (unlikely((unsigned int)dir >= DAD_DMA_NONE))
		return 0;
	for (unsigned int i = 0; i < n; i++) {
		uint64_t more = sg[i].length, contig = 0;
		uint64_t at = dad_dma_table_find(table, (uintptr_t)sg[i].va, &contig);

		/* as in dad_dma_map_single_attrs(), and as append() would split it */
		if (unlikely(more - 1 >= contig || at + (more - 1) > mask || more > max ||
			    more - 1 > boundary - (at & boundary)))
			return 0;
		all += more;
		if (segments > 0 && at == addr + len && len + more <= max &&
			len + more - 1 <= boundary - (addr & boundary)) {
			len += more;
		} else {
			sg[segments++].dma_address = at;
			addr = at;
			len = more;
		}
		sg[segments - 1].dma_length = len;
	}
	if (unlikely(all >= DMA_VA_END))
		return 0;
	if (segments < n)
		sg[segments].dma_length = 0;
	return segments;
}

/* ---- all strict ---------------------------------------------------------------------------------
 */

/* Where in a block of its boundary the device finds an IOVA that begins one. */
static uint64_t
bus_phase(const struct dma_dev *dev)
{
	const uint64_t boundary = dev->limits.seg_boundary;

	return boundary != UINT64_MAX ? (uint64_t)dev->limits.bus_offset & boundary : 0;
}

/* Where entry i lies in the range of IOVAs: behind the one before it, in granules of its own. One
 * that fits between two boundaries does not cross one. */
static uint64_t
place(const struct dma_dev *dev, const struct dad_sg *entry, uint64_t end)
{
	uint64_t granule = dev->domain->granule, boundary = dev->limits.seg_boundary;
	uint64_t offset = (uintptr_t)entry->va & (granule - 1), bus = bus_phase(dev);
	uint64_t first = bus + end + offset, last = first + entry->length - 1;

	if ((first & ~boundary) != (last & ~boundary) && offset + entry->length - 1 <= boundary)
		end = ((bus + end) | boundary) + 1 - bus;
	return end;
}

static uint64_t
span(const struct dma_dev *dev, const struct dad_sg *entry)
{
	uint64_t granule = dev->domain->granule;
	uint64_t offset = (uintptr_t)entry->va & (granule - 1);

	return RTE_ALIGN_CEIL(offset + entry->length, granule);
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

/* The range in which all entries find their place, and how it must lie. */
static uint64_t
measure(const struct dma_dev *dev, const struct dad_sg sg[], unsigned int n, uint64_t *align)
{
	uint64_t end = 0;

	for (unsigned int i = 0; i < n; i++)
		end = place(dev, &sg[i], end) + span(dev, &sg[i]);
	*align = dev->domain->granule;
	if (dev->limits.seg_boundary != UINT64_MAX)
		*align = bus_phase(dev) != 0
			? dev->limits.seg_boundary + 1
			: RTE_MIN(rte_align64pow2(end), dev->limits.seg_boundary + 1);
	return end;
}

static int
fill_range(struct dma_dev *dev, struct dad_sg sg[], unsigned int n, enum dad_dma_dir dir,
	unsigned int attrs, uint64_t start, struct segments *s)
{
	uint64_t end = 0;

	for (unsigned int i = 0; i < n; i++) {
		uint64_t va = (uintptr_t)sg[i].va;
		uint64_t at = place(dev, &sg[i], end);
		uint64_t iova = start + at + (va & (dev->domain->granule - 1));
		int error = is_aligned(dev, &sg[i]) ? 0 : ERANGE;

		if (error == 0)
			error = strict_put(
				dev, iova, va, sg[i].length, dir, attrs, is_in_region(dev, va));
		if (error == 0)
			error = append(s, dev_to_bus(dev, iova), sg[i].length, true);
		if (error != 0)
			return error;
		end = at + span(dev, &sg[i]);
	}
	return 0;
}

static int
map_strict(struct dma_dev *dev, struct dad_sg sg[], unsigned int n, enum dad_dma_dir dir,
	unsigned int attrs, unsigned int *segments)
{
	struct dad_dma_domain *domain = dev->domain;
	struct segments s = {.limits = &dev->limits, .sg = sg, .max = n};
	uint64_t align, start;
	uint64_t len = measure(dev, sg, n, &align);
	int error = remap_alloc_dev(dev, dma_lcore_id(), len, align, &start);

	if (error != 0)
		return error;
	error = get_regions(dev, sg, n);
	if (error != 0)
		goto no_regions;
	error = fill_range(dev, sg, n, dir, attrs, start, &s);
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

static void
unmap_strict(struct dma_dev *dev, const struct dad_sg sg[], unsigned int n, enum dad_dma_dir dir,
	unsigned int attrs)
{
	struct dad_dma_domain *domain = dev->domain;
	uint64_t first = dev_to_iova(dev, sg[0].dma_address) & ~(domain->granule - 1);
	uint64_t align, len = measure(dev, sg, n, &align);
	struct cursor c = {.sg = sg, .n = n};

	for (unsigned int i = 0; i < n; i++) {
		uint64_t iova = dev_to_iova(dev, entry_address(&c));

		strict_take(dev, iova, sg[i].length, dir, attrs);
		/* all are put alike, when none of them can be found any more */
		if (has_regions(dev) && !domain_is_counted(domain, iova))
			region_get_late(domain, (uintptr_t)sg[i].va);
		next_entry(&c, sg[i].length);
	}
	remap_drop(domain, first, len, true);
	put_regions(dev, sg, n);
	domain_count_strict(domain, dma_lcore_id(), -UINT64_C(1));
	dev_count(dev, COUNT_LIVE, -(uint64_t)n);
	dev_count(dev, COUNT_UNMAPPED, n);
}

/* ---- the calls
 * ------------------------------------------------------------------------------------ */

static int
check_list(const struct dad_sg sg[], unsigned int n, enum dad_dma_dir dir)
{
	uint64_t all = 0;

	if (n == 0)
		return EINVAL;
	for (unsigned int i = 0; i < n; i++) {
		int error = stream_check((uintptr_t)sg[i].va, sg[i].length, dir);

		if (error != 0)
			return error;
		all += sg[i].length;
		if (all >= DMA_VA_END)
			return E2BIG;
	}
	return 0;
}

unsigned int
dad_dma_map_sg_attrs(struct dad_dma_dev *pub, struct dad_sg sg[], unsigned int n,
	enum dad_dma_dir dir, unsigned int attrs)
{
	struct dma_dev *dev = dev_of(pub);
	unsigned int rungs = stream_rungs(dev, attrs);
	unsigned int segments = 0;

	if (likely(rungs & RUNG(DIRECT))) {
		segments = map_simple(dev, sg, n, dir);
		if (likely(segments > 0)) {
			rte_io_wmb();
			return segments;
		}
	}
	int error = check_list(sg, n, dir);
	if (error != 0)
		goto out;
	error = EFAULT;
	if (rungs & RUNGS_IN_PLACE)
		error = map_entries(dev, sg, n, dir, attrs, rungs & RUNGS_IN_PLACE, &segments);
	if (error != 0 && (rungs & RUNG(STRICT)))
		error = map_strict(dev, sg, n, dir, attrs, &segments);
	if (error != 0 && (rungs & RUNG(BOUNCE)))
		error = map_entries(dev, sg, n, dir, attrs, rungs & ~RUNG(STRICT), &segments);
out:
	if (error != 0) {
		stream_refuse(dev, error);
		return 0;
	}
	rte_io_wmb();
	return segments;
}

void
dad_dma_unmap_sg_attrs(struct dad_dma_dev *pub, struct dad_sg sg[], unsigned int n,
	enum dad_dma_dir dir, unsigned int attrs)
{
	struct dma_dev *dev = dev_of(pub);
	uint64_t contig;
	unsigned int kind = KIND_DIRECT;

	rte_io_rmb();
	/* where nothing ever has to be undone, nobody need look */
	if (n == 0 || __atomic_load_n(&pub->unmap.size, __ATOMIC_RELAXED) == 0)
		return;
	if (dad_dma_need_unmap(pub, sg[0].dma_address))
		domain_reverse(dev->domain, dev_to_iova(dev, sg[0].dma_address), &contig, &kind);
	if (kind == KIND_STRICT)
		unmap_strict(dev, sg, n, dir, attrs);
	else
		unmap_entries(dev, sg, n, n, dir, attrs);
}

void
dad_dma_sync_sg_for_cpu(
	struct dad_dma_dev *dev, const struct dad_sg sg[], unsigned int n, enum dad_dma_dir dir)
{
	struct cursor c = {.sg = sg, .n = n};

	for (unsigned int i = 0; i < n; i++) {
		dad_dma_sync_single_for_cpu(dev, entry_address(&c), sg[i].length, dir);
		next_entry(&c, sg[i].length);
	}
}

void
dad_dma_sync_sg_for_device(
	struct dad_dma_dev *dev, const struct dad_sg sg[], unsigned int n, enum dad_dma_dir dir)
{
	struct cursor c = {.sg = sg, .n = n};

	for (unsigned int i = 0; i < n; i++) {
		dad_dma_sync_single_for_device(dev, entry_address(&c), sg[i].length, dir);
		next_entry(&c, sg[i].length);
	}
}

/* ---- from other kinds of lists
 * --------------------------------------------------------------------- */

/* A piece as entries that need not be split. 0 or -ENOBUFS. */
static int
add_piece(const struct dma_dev *dev, struct dad_sg_table *t, char *va, size_t len)
{
	while (len > 0) {
		size_t part = part_of(&dev->limits, len);

		if (part == 0)
			part = len; /* which is refused later */
		if (t->entries == t->max)
			return -ENOBUFS;
		t->sg[t->entries++] = (struct dad_sg){.va = va, .length = part};
		va += part;
		len -= part;
	}
	return 0;
}

static int
map_table(struct dad_dma_dev *dev, struct dad_sg_table *t, enum dad_dma_dir dir, unsigned int attrs)
{
	t->segments = dad_dma_map_sg_attrs(dev, t->sg, t->entries, dir, attrs);
	return t->segments == 0 ? -rte_errno : 0;
}

int
dad_dma_map_iovec(struct dad_dma_dev *dev, const struct iovec iov[], unsigned int n,
	struct dad_sg_table *t, enum dad_dma_dir dir, unsigned int attrs)
{
	t->entries = 0;
	t->segments = 0;
	for (unsigned int i = 0; i < n; i++) {
		int ret = add_piece(dev_of(dev), t, iov[i].iov_base, iov[i].iov_len);

		if (ret != 0)
			return ret;
	}
	return map_table(dev, t, dir, attrs);
}

int
dad_dma_map_mbuf(struct dad_dma_dev *dev, const struct rte_mbuf *m, struct dad_sg_table *t,
	enum dad_dma_dir dir, unsigned int attrs)
{
	t->entries = 0;
	t->segments = 0;
	for (; m != NULL; m = m->next) {
		int ret = add_piece(dev_of(dev), t, rte_pktmbuf_mtod(m, char *), m->data_len);

		if (ret != 0)
			return ret;
	}
	return map_table(dev, t, dir, attrs);
}
