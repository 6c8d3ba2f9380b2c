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

#include "dad_dma.h"
#include "dad_dma_domain.h"
#include "dad_dma_sg.h"
#include "dad_dma_soft.h"
#include "test_pools.h"
#include "test_random.h"
#include "test_soft.h"

/* Scatter lists: the bytes and their order, on all rungs. Which segments there are is for
 * sg_merge_test.c. */

#define POOL	(4u << 20)
#define ENTRIES 24u

/* Pieces that do not overlap. Neighbours in memory often, or in whole pages. */
static unsigned int
make_list(struct dad_sg sg[ENTRIES], unsigned char *pool, unsigned int max_len)
{
	unsigned int n = 1 + below(ENTRIES);
	bool pages = below(2) == 0;
	size_t at = below(8) * PAGE + below(100);

	for (unsigned int i = 0; i < n; i++) {
		size_t len = 1 + below(max_len);

		switch (below(4)) {
		case 0: /* a gap */
			at += 1 + below(2 * PAGE);
			break;
		case 1: /* another page */
			at = RTE_ALIGN_CEIL(at, PAGE) + below(3) * PAGE;
			break;
		default:
			break;
		}
		if (pages && below(4) != 0) {
			at = RTE_ALIGN_CEIL(at, PAGE) + (below(2) * PAGE);
			len = (1 + below(3)) * PAGE;
		}
		sg[i] = (struct dad_sg){.va = pool + at, .length = len};
		at += len;
	}
	assert_true(at < POOL);
	return n;
}

static void
check_segments(
	struct dad_dma_dev *dev, const struct dad_sg sg[], unsigned int n, unsigned int segments)
{
	struct dad_dma_limits l;
	uint64_t entries = 0, all = 0;

	dad_dma_get_limits(dev, &l);
	assert_in_range(segments, 1, n);
	for (unsigned int i = 0; i < n; i++)
		entries += sg[i].length;
	for (unsigned int i = 0; i < segments; i++) {
		dad_dma_addr_t a = sg[i].dma_address;
		uint64_t len = sg[i].dma_length;

		assert_true(len > 0 && len <= l.max_seg_size);
		assert_int_equal(a & ~l.seg_boundary, (a + len - 1) & ~l.seg_boundary);
		assert_true(a + len - 1 <= dad_dma_get_mask(dev));
		all += len;
	}
	assert_int_equal(all, entries);
	if (segments < n)
		assert_int_equal(sg[segments].dma_length, 0);
}

/* The device reads the list in order, and writes it in order. */
static void
transfer(struct dad_dma_dev *dev, struct dad_sg sg[], unsigned int n, unsigned int segments,
	enum dad_dma_dir dir)
{
	static unsigned char got[POOL], put[POOL];
	size_t at = 0;

	for (unsigned int i = 0; i < segments; i++) {
		if (dir != DAD_DMA_FROM_DEVICE)
			assert_int_equal(dad_soft_dma_read(dev, sg[i].dma_address, got + at,
						 sg[i].dma_length),
				0);
		if (dir != DAD_DMA_TO_DEVICE) {
			for (size_t k = 0; k < sg[i].dma_length; k++)
				put[at + k] = (unsigned char)below(256);
			assert_int_equal(dad_soft_dma_write(dev, sg[i].dma_address, put + at,
						 sg[i].dma_length),
				0);
		}
		at += sg[i].dma_length;
	}
	at = 0;
	for (unsigned int i = 0; i < n && dir == DAD_DMA_TO_DEVICE; i++) {
		assert_memory_equal(got + at, sg[i].va, sg[i].length);
		at += sg[i].length;
	}
	if (below(2) == 0) {
		dad_dma_sync_sg_for_cpu(dev, sg, n, dir);
		at = 0;
		for (unsigned int i = 0; i < n && dir != DAD_DMA_TO_DEVICE; i++) {
			assert_memory_equal(put + at, sg[i].va, sg[i].length);
			at += sg[i].length;
		}
		dad_dma_sync_sg_for_device(dev, sg, n, dir);
	}
	dad_dma_unmap_sg(dev, sg, n, dir);
	at = 0;
	for (unsigned int i = 0; i < n && dir != DAD_DMA_TO_DEVICE; i++) {
		assert_memory_equal(put + at, sg[i].va, sg[i].length);
		at += sg[i].length;
	}
}

/* @return entries that were merged with others */
static unsigned int
random_lists(struct dad_dma_dev *dev, unsigned char *pool, unsigned int rounds)
{
	unsigned int merged = 0;

	for (unsigned int i = 0; i < rounds; i++) {
		struct dad_sg sg[ENTRIES];
		enum dad_dma_dir dir = (enum dad_dma_dir)below(3);
		unsigned int n = make_list(sg, pool, 2 * PAGE);
		unsigned int segments = dad_dma_map_sg(dev, sg, n, dir);

		assert_true(segments > 0);
		check_segments(dev, sg, n, segments);
		merged += n - segments;
		transfer(dev, sg, n, segments, dir);
	}
	return merged;
}

/* No entry is longer than the shortest segment, and none crosses a boundary whose place is the
 * library's to choose: no list can fail for that. */
static void
set_random_limits(struct dad_dma_dev *dev, bool chooses)
{
	const uint64_t sizes[] = {0, 3 * PAGE, 3 * PAGE + 1, 20000, 1u << 20};
	const uint64_t boundaries[] = {0, 4 * PAGE - 1, 16 * PAGE - 1, (1u << 20) - 1};
	struct dad_dma_limits l = {.max_seg_size = sizes[below(RTE_DIM(sizes))],
		.seg_boundary = chooses ? boundaries[below(RTE_DIM(boundaries))] : 0};

	assert_int_equal(dad_dma_set_limits(dev, &l), 0);
}

static void
all_rungs_keep_order_sum_and_limits(void **state)
{
	const struct {
		unsigned int rungs;
		unsigned int flags;
		uint64_t mask;
	} ways[] = {
		{RUNG(STRICT), 0, UINT32_MAX},
		{RUNG(STRICT), DAD_DMA_DOMAIN_LAZY, UINT32_MAX},
		{RUNG(STRICT), DAD_DMA_DOMAIN_NONCOHERENT, UINT32_MAX},
		{RUNG(DIRECT), 0, UINT64_MAX},
		{RUNG(DIRECT) | RUNG(STRICT), 0, UINT64_MAX},
		{RUNG(WINDOW) | RUNG(STRICT), 0, UINT32_MAX},
		{RUNG(BOUNCE), 0, UINT32_MAX},
		{RUNG(DIRECT) | RUNG(BOUNCE), 0, UINT64_MAX},
	};

	(void)state;
	for (unsigned int w = 0; w < RTE_DIM(ways); w++) {
		struct dad_dma_domain *domain = soft_domain(0, 0, ways[w].flags);
		const struct dad_dma_bounce_conf pool = {.size = 0};
		unsigned int merged = 0;

		if (ways[w].rungs & RUNG(BOUNCE))
			assert_int_equal(dad_dma_bounce_create(domain, &pool), 0);
		struct dad_dma_dev *dev = soft_device(domain, ways[w].rungs);
		assert_int_equal(dad_dma_set_mask(dev, ways[w].mask), 0);
		for (unsigned int round = 0; round < 12; round++) {
			set_random_limits(dev, ways[w].rungs & RUNG(STRICT));
			merged += random_lists(dev, eal_pool, 60);
			if (ways[w].rungs != RUNG(DIRECT))
				merged += random_lists(dev, libc_pool, 60);
		}
		if (ways[w].rungs == RUNG(BOUNCE))
			assert_int_equal(merged, 0);
		else
			assert_true(merged > 100);
		unmake_soft(dev);
	}
}

static void
wrong_lists_are_refused_and_leave_nothing(void **state)
{
	struct dad_dma_dev *dev = soft_device(soft_domain(0, 0, 0), DAD_DMA_RUNGS_ALL);
	struct dad_sg sg[3] = {{.va = eal_pool, .length = 10}, {.va = libc_pool, .length = 0},
		{.va = eal_pool, .length = 10}};

	(void)state;
	assert_int_equal(dad_dma_map_sg(dev, sg, 0, DAD_DMA_TO_DEVICE), 0);
	assert_int_equal(rte_errno, EINVAL);
	assert_int_equal(dad_dma_map_sg(dev, sg, 3, DAD_DMA_TO_DEVICE), 0);
	assert_int_equal(rte_errno, EINVAL);
	sg[1].length = 1;
	assert_int_equal(dad_dma_map_sg(dev, sg, 3, DAD_DMA_NONE), 0);
	assert_int_equal(rte_errno, EINVAL);
	sg[1].va = (void *)(UINT64_C(1) << 47);
	assert_int_equal(dad_dma_map_sg(dev, sg, 3, DAD_DMA_TO_DEVICE), 0);
	assert_int_equal(rte_errno, EFAULT);
	/* whose segments nobody counts to the end */
	const struct dad_dma_limits limits = {.seg_boundary = PAGE - 1};
	assert_int_equal(dad_dma_set_limits(dev, &limits), 0);
	assert_int_equal(dad_dma_dev_set_rungs(dev, RUNG(STRICT)), 0);
	sg[1] = (struct dad_sg){.va = (void *)(uintptr_t)PAGE, .length = UINT64_C(1) << 45};
	assert_int_equal(dad_dma_map_sg(dev, sg, 3, DAD_DMA_TO_DEVICE), 0);
	assert_int_equal(rte_errno, ERANGE);
	/* the last entry is the one that fails */
	sg[1] = (struct dad_sg){.va = eal_pool + PAGE, .length = 10};
	sg[2] = (struct dad_sg){.va = libc_pool, .length = 10};
	assert_int_equal(dad_dma_dev_set_rungs(dev, RUNG(WINDOW)), 0);
	assert_int_equal(dad_dma_map_sg(dev, sg, 3, DAD_DMA_TO_DEVICE), 0);
	assert_int_equal(rte_errno, EFAULT);
	unmake_soft(dev);
}

/* Some entries direct, some bounced: each is unmapped its own way. */
static void
entries_of_one_list_may_take_different_rungs(void **state)
{
	struct dad_dma_domain *domain = dad_dma_domain_identity();
	struct dad_dma_dev *dev = soft_device(domain, DAD_DMA_RUNGS_ALL);
	struct dad_dma_bounce_conf conf = {.size = 1u << 20, .limit = UINT64_MAX};
	struct dad_dma_dev_stats stats;
	struct dad_sg sg[ENTRIES];

	(void)state;
	assert_int_equal(dad_dma_bounce_create(domain, &conf), 0);
	assert_int_equal(dad_dma_set_mask(dev, UINT64_MAX), 0);
	for (unsigned int round = 0; round < 500; round++) {
		enum dad_dma_dir dir = (enum dad_dma_dir)below(3);
		unsigned int n = make_list(sg, eal_pool, 2 * PAGE);

		for (unsigned int i = 0; i < n; i++)
			if (below(3) == 0)
				sg[i].va = libc_pool + ((unsigned char *)sg[i].va - eal_pool);
		unsigned int segments = dad_dma_map_sg(dev, sg, n, dir);

		assert_true(segments > 0);
		check_segments(dev, sg, n, segments);
		transfer(dev, sg, n, segments, dir);
	}
	dad_dma_dev_stats(dev, &stats);
	assert_true(stats.bounce > 500);
	assert_int_equal(stats.bounce, stats.unmapped);
	unmake_soft(dev);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(all_rungs_keep_order_sum_and_limits),
	cmocka_unit_test(wrong_lists_are_refused_and_leave_nothing),
	cmocka_unit_test(entries_of_one_list_may_take_different_rungs),
};

POOLS_MAIN(tests, POOL, PAGE)
