/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>

#include <rte_errno.h>
#include <rte_mbuf.h>

#include "sg.h"

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
		error = sg_map_strict(dev, sg, n, dir, attrs, &segments);
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
		sg_unmap_strict(dev, sg, n, dir, attrs);
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
