/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <rte_errno.h>
#include <rte_memory.h>

#include "dad_dma.h"
#include "dad_dma_domain.h"
#include "dad_dma_sg.h"
#include "dad_dma_soft.h"
#include "test_pools.h"
#include "test_random.h"
#include "test_soft.h"

/* Which segments a list becomes, beside an oracle that never looks at what the library made of it.
 * It knows the entries, the device's limits, and where the domain has the pages: those stay where
 * they are (direct, windows), get slots of their own (bounce), or are put one behind the other
 * (strict). From that follows what a greedy merger of whole entries makes; as long as no entry has
 * to be cut, no merger of whole entries needs fewer segments. */

#define POOL	(4u << 20)
#define ENTRIES 16u
#define PIECES	1024u

/* ---- lists and limits -------------------------------------------------------------------------
 */

/* Pieces that do not overlap, with neighbours in memory or of pages, at multiples of unit. */
static unsigned int
make_list(struct dad_sg sg[ENTRIES], unsigned char *pool, size_t unit)
{
	unsigned int n = 1 + (unsigned int)below(ENTRIES);
	unsigned int how = (unsigned int)below(4);
	size_t at = below(POOL / 2 / PAGE) * PAGE + below(100) * unit;

	for (unsigned int i = 0; i < n; i++) {
		size_t len = 1 + below(2 * PAGE);

		if (how != 0 && below(8) != 0) { /* pages; of the first and the last only a part */
			at = RTE_ALIGN_CEIL(at, PAGE) + (how == 1 ? 0 : below(2) * PAGE);
			len = (1 + below(4)) * PAGE;
			if (i == 0) {
				at += PAGE - unit;
				len -= PAGE - unit;
			}
			if (i + 1 == n)
				len -= below(RTE_MIN(len, PAGE));
		} else if (below(3) == 0) {
			at += 1 + below(2 * PAGE);
		}
		at = RTE_ALIGN_CEIL(at, unit);
		if (i + 1 < n)
			len = RTE_ALIGN_CEIL(len, unit);
		sg[i] = (struct dad_sg){.va = pool + at, .length = len};
		at += len;
	}
	assert_true(at < POOL);
	return n;
}

/* Where the pages of the pool are, on rungs that leave them where they are. */
static dad_dma_addr_t pages[POOL / PAGE];

/* Bounced entries must not be at the mercy of where their slots are: no boundaries there. */
static struct dad_dma_limits
random_limits(unsigned int rungs)
{
	const uint64_t sizes[] = {
		0, 0, 0, 1000, PAGE, 2 * PAGE, 3 * PAGE, 3 * PAGE + 1, 5 * PAGE, 20000, 1u << 20};
	const uint64_t boundaries[] = {0, 0, PAGE - 1, 4 * PAGE - 1, 8 * PAGE - 1, 16 * PAGE - 1,
		(1u << 20) - 1, UINT32_MAX};
	const uint64_t alignments[] = {1, 1, 1, 1, 4, 64, PAGE};
	const int64_t offsets[] = {0, 0, PAGE, 5 * PAGE, 11 * PAGE, 0x12345000, -3 * (int64_t)PAGE};
	struct dad_dma_limits l = {.max_seg_size = sizes[below(RTE_DIM(sizes))],
		.alignment = alignments[below(RTE_DIM(alignments))]};

	if (rungs & RUNG(BOUNCE))
		return l;
	l.seg_boundary = boundaries[below(RTE_DIM(boundaries))];
	l.bus_offset = offsets[below(RTE_DIM(offsets))];
	if (below(3) == 0) { /* some of the pages, or the highest IOVAs: there are other windows */
		uint64_t page = pages[below(POOL / PAGE)];

		if (!(rungs & RUNG(DIRECT)) || page == DAD_DMA_MAPPING_ERROR)
			page = DAD_DMA_BIT_MASK(30) - 100 * PAGE + 1;
		l.excl_low = page + (uint64_t)l.bus_offset;
		l.excl_high = l.excl_low + (1 + below(100)) * PAGE - 1;
	}
	return l;
}

/* ---- the oracle -------------------------------------------------------------------------------
 */

/* Lengths of segments, and where they begin if that was known before. */
struct greedy {
	unsigned int n;
	uint64_t first[PIECES];
	uint64_t len[PIECES];
	bool cut; /* an entry was too long for a segment */
};

/* One more entry, at an address, or (fresh) behind what was there if it can be continued, else
 * where it finds the most room. False: no segment can hold a part of it. */
static bool
take(struct greedy *g, const struct dad_dma_limits *l, uint64_t at, uint64_t len, bool mergeable)
{
	if (mergeable && g->n > 0) {
		uint64_t first = g->first[g->n - 1], all = g->len[g->n - 1] + len;

		if (first + g->len[g->n - 1] == at && all <= l->max_seg_size &&
			(first & ~l->seg_boundary) == ((first + all - 1) & ~l->seg_boundary)) {
			g->len[g->n - 1] = all;
			return true;
		}
	}
	for (unsigned int parts = 0; len > 0; parts++) {
		uint64_t part = len;

		if (part > l->max_seg_size)
			part = l->max_seg_size - l->max_seg_size % l->alignment;
		if (part == 0)
			return false;
		if ((at & ~l->seg_boundary) != ((at + part - 1) & ~l->seg_boundary))
			part = (at | l->seg_boundary) + 1 - at;
		assert_true(g->n < PIECES);
		g->first[g->n] = at;
		g->len[g->n++] = part;
		g->cut |= parts > 0;
		at += part;
		len -= part;
	}
	return true;
}

/* Can the device be given these addresses? */
static bool
are_allowed(const struct dad_dma_limits *l, uint64_t mask, uint64_t first, uint64_t last)
{
	return first <= last && last <= mask && first % l->alignment == 0 &&
		(l->excl_high == 0 || last < l->excl_low || first > l->excl_high);
}

/* The address of an entry whose pages lie as the device needs them. */
static bool
in_place(const struct dad_sg *entry, const struct dad_dma_limits *l, uint64_t mask, uint64_t *at)
{
	size_t offset = (size_t)((unsigned char *)entry->va - eal_pool);

	if ((unsigned char *)entry->va < eal_pool || offset >= POOL)
		return false;
	for (size_t p = offset / PAGE; p <= (offset + entry->length - 1) / PAGE; p++)
		if (pages[p] == DAD_DMA_MAPPING_ERROR ||
			pages[p] != pages[offset / PAGE] + (p - offset / PAGE) * PAGE)
			return false;
	*at = pages[offset / PAGE] + offset % PAGE + (uint64_t)l->bus_offset;
	return are_allowed(l, mask, *at, *at + entry->length - 1);
}

static bool
merge_in_place(struct greedy *g, const struct dad_sg sg[], unsigned int n,
	const struct dad_dma_limits *l, uint64_t mask, bool bounces)
{
	uint64_t at, slot = UINT64_C(1) << 60;

	*g = (struct greedy){.n = 0};
	for (unsigned int i = 0; i < n; i++) {
		bool there = in_place(&sg[i], l, mask, &at);

		if (!there && !bounces)
			return false;
		if (!take(g, l, there ? at : slot, sg[i].length, there))
			return false;
		slot += there ? 0 : UINT64_C(1) << 40;
	}
	return g->n <= n;
}

/* Each segment may begin a block of its own, and an entry keeps its offset in the page. */
static bool
merge_pages(
	struct greedy *g, const struct dad_sg sg[], unsigned int n, const struct dad_dma_limits *l)
{
	uint64_t block = RTE_MIN(l->seg_boundary, UINT64_C(1) << 40) + 1;

	*g = (struct greedy){.n = 0};
	for (unsigned int i = 0; i < n; i++) {
		uint64_t offset = (uintptr_t)sg[i].va % PAGE, at = i * 64 * block + offset;

		if (offset % l->alignment != 0)
			return false;
		if (i > 0 && offset == 0 &&
			((uintptr_t)sg[i - 1].va + sg[i - 1].length) % PAGE == 0) {
			uint64_t end = g->first[g->n - 1] + g->len[g->n - 1];
			uint64_t all = g->len[g->n - 1] + sg[i].length;

			if (all <= l->max_seg_size &&
				(g->first[g->n - 1] & ~l->seg_boundary) ==
					((end + sg[i].length - 1) & ~l->seg_boundary))
				at = end;
		}
		if (!take(g, l, at, sg[i].length, true))
			return false;
	}
	return true;
}

/* ---- the library beside it --------------------------------------------------------------------
 */

struct way {
	const char *name;
	unsigned int rungs;
	unsigned int flags; /* of its domain */
	bool identity;
	bool libc;	    /* lists of memory that EAL does not have, too */
	unsigned int lists; /* in thousands */
};

/* Sum, order, and limits. */
static void
check_segments(struct dad_dma_dev *dev, const struct dad_sg sg[], unsigned int n,
	unsigned int segments, bool translates)
{
	struct dad_dma_limits l;
	unsigned int entry = 0;
	size_t offset = 0;

	dad_dma_get_limits(dev, &l);
	assert_in_range(segments, 1, n);
	for (unsigned int i = 0; i < segments; i++) {
		dad_dma_addr_t a = sg[i].dma_address;
		uint64_t len = sg[i].dma_length;

		assert_true(len > 0 && len <= l.max_seg_size);
		assert_int_equal(a & ~l.seg_boundary, (a + len - 1) & ~l.seg_boundary);
		assert_true(are_allowed(&l, dad_dma_get_mask(dev), a, a + len - 1));
		for (uint64_t done = 0; done < len;) {
			uint64_t part = RTE_MIN(len - done, sg[entry].length - offset);
			size_t contig = 0;
			char *there = !translates
				? (char *)sg[entry].va + offset
				: dad_soft_dma_translate(dev, a + done, DAD_SOFT_READ, &contig);

			assert_ptr_equal(there, (char *)sg[entry].va + offset);
			if (translates)
				part = RTE_MIN(part, contig);
			done += part;
			offset += part;
			if (offset == sg[entry].length) {
				entry++;
				offset = 0;
			}
		}
	}
	assert_int_equal(entry, n);
	if (segments < n)
		assert_int_equal(sg[segments].dma_length, 0);
}

struct tally {
	unsigned int merged, refused, cut;
};

static void
one_list(const struct way *w, struct dad_dma_dev *dev, const struct dad_dma_limits *l,
	struct tally *tally)
{
	static struct greedy g;
	struct dad_sg sg[ENTRIES];
	unsigned char *pool = w->libc && below(2) == 0 ? libc_pool : eal_pool;
	unsigned int n = make_list(sg, pool, below(16) == 0 ? 1 : l->alignment);
	const bool bounces = w->rungs & RUNG(BOUNCE);

	if (w->libc && bounces)
		for (unsigned int i = 0; i < n; i++)
			if (below(4) == 0)
				sg[i].va = libc_pool + ((unsigned char *)sg[i].va - pool);
	bool there = merge_in_place(&g, sg, n, l, dad_dma_get_mask(dev), bounces);
	bool certain = true, possible = there;

	if (!there && (w->rungs & RUNG(STRICT))) {
		possible = merge_pages(&g, sg, n, l);
		/* of what has to be cut there may be more ways */
		certain = !g.cut || !possible;
		possible = possible && g.n <= n;
	}
	unsigned int segments = dad_dma_map_sg(dev, sg, n, DAD_DMA_TO_DEVICE);

	tally->refused += segments == 0;
	if (segments == 0) {
		assert_false(possible);
		assert_true(rte_errno == E2BIG || rte_errno == ERANGE || rte_errno == EFAULT);
		return;
	}
	assert_true(possible || !certain);
	check_segments(dev, sg, n, segments, !bounces && !(w->flags & DAD_DMA_DOMAIN_NONCOHERENT));
	assert_true(segments <= g.n);
	for (unsigned int i = 0; certain && i < segments; i++) {
		assert_int_equal(sg[i].dma_length, g.len[i]);
		if (there && g.first[i] < UINT64_C(1) << 60)
			assert_int_equal(sg[i].dma_address, g.first[i]);
	}
	if (certain)
		assert_int_equal(segments, g.n);
	tally->merged += segments < n;
	tally->cut += g.cut;
	dad_dma_unmap_sg(dev, sg, n, DAD_DMA_TO_DEVICE);
}

/* Of the first rung. */
static void
find_pages(const struct way *w, struct dad_dma_dev *dev)
{
	for (unsigned int p = 0; p < POOL / PAGE; p++) {
		unsigned char *page = eal_pool + p * PAGE;

		pages[p] = DAD_DMA_MAPPING_ERROR;
		if (w->identity)
			pages[p] = rte_mem_virt2iova(page);
		else if (w->rungs & RUNG(DIRECT))
			pages[p] = (uintptr_t)page;
		else if (w->rungs & RUNG(WINDOW))
			pages[p] = dad_dma_map_single(dev, page, 1, DAD_DMA_TO_DEVICE);
		if ((w->rungs & RUNG(WINDOW)) && pages[p] != DAD_DMA_MAPPING_ERROR)
			dad_dma_unmap_single(dev, pages[p], 1, DAD_DMA_TO_DEVICE);
	}
}

static void
merge_on(const struct way *w)
{
	const struct dad_dma_bounce_conf slots = {.limit = w->identity ? UINT64_MAX : 0};
	struct dad_dma_domain *domain =
		w->identity ? dad_dma_domain_identity() : soft_domain(0, 0, w->flags);
	struct tally tally = {0};

	assert_non_null(domain);
	if (w->rungs & RUNG(BOUNCE))
		assert_int_equal(dad_dma_bounce_create(domain, &slots), 0);
	struct dad_dma_dev *dev = soft_device(domain, w->rungs);
	const bool low = w->rungs == RUNG(STRICT);
	const uint64_t mask =
		w->rungs & RUNG(DIRECT) ? UINT64_MAX : DAD_DMA_BIT_MASK(low ? 30 : 36);
	assert_int_equal(dad_dma_set_mask(dev, mask), 0);
	find_pages(w, dev);
	for (unsigned int round = 0; round < w->lists * 1000; round++) {
		static struct dad_dma_limits l;

		if (round % 25 == 0) {
			l = random_limits(w->rungs);
			assert_int_equal(dad_dma_set_limits(dev, &l), 0);
			dad_dma_get_limits(dev, &l);
		}
		one_list(w, dev, &l, &tally);
	}
	print_message("%s: %u of %u lists merged, %u cut, %u refused\n", w->name, tally.merged,
		w->lists * 1000, tally.cut, tally.refused);
	assert_true(tally.merged > w->lists * 100 || w->rungs == RUNG(BOUNCE));
	assert_true(tally.refused > 0);
	unmake_soft(dev);
}

static void
segments_are_those_that_greedy_makes_of_the_input(void **state)
{
	const struct way ways[] = {
		{"identity", RUNG(DIRECT), 0, true, false, 150},
		{"identity, else slots", RUNG(DIRECT) | RUNG(BOUNCE), 0, true, true, 50},
		{"direct", RUNG(DIRECT), 0, false, false, 150},
		{"window", RUNG(WINDOW), 0, false, false, 150},
		{"strict", RUNG(STRICT), 0, false, true, 200},
		{"lazy", RUNG(STRICT), DAD_DMA_DOMAIN_LAZY, false, true, 100},
		{"noncoherent", RUNG(STRICT), DAD_DMA_DOMAIN_NONCOHERENT, false, true, 20},
		{"direct, else strict", RUNG(DIRECT) | RUNG(STRICT), 0, false, true, 100},
		{"window, else strict", RUNG(WINDOW) | RUNG(STRICT), 0, false, true, 100},
		{"slots", RUNG(BOUNCE), 0, false, true, 30},
	};

	(void)state;
	for (unsigned int w = 0; w < RTE_DIM(ways); w++)
		merge_on(&ways[w]);
}

/* 0 is an address like others. */
static void
segments_at_0_are_continued(void **state)
{
	struct dad_dma_dev *dev = soft_device(soft_domain(0, 8 * PAGE - 1, 0), RUNG(STRICT));
	struct dad_sg sg[8];

	(void)state;
	for (unsigned int i = 0; i < 8; i++)
		sg[i] = (struct dad_sg){.va = eal_pool + 2 * i * PAGE, .length = PAGE};
	assert_int_equal(dad_dma_map_sg(dev, sg, 8, DAD_DMA_TO_DEVICE), 1);
	assert_int_equal(sg[0].dma_address, 0);
	assert_int_equal(sg[0].dma_length, 8 * PAGE);
	dad_dma_unmap_sg(dev, sg, 8, DAD_DMA_TO_DEVICE);
	unmake_soft(dev);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(segments_at_0_are_continued),
	cmocka_unit_test(segments_are_those_that_greedy_makes_of_the_input),
};

POOLS_MAIN(tests, POOL, PAGE)
