/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <rte_errno.h>

#include "dad_dma.h"
#include "dad_dma_domain.h"
#include "dad_dma_sg.h"
#include "dad_dma_soft.h"
#include "test_pools.h"
#include "test_soft.h"

/* Lists of which it is known which segments they become: pages that are made neighbours, and
 * entries that have to be split. Any others: sg_merge_test.c. */

#define POOL (1u << 20)

static void
pages_are_made_neighbours(void **state)
{
	struct dad_dma_dev *dev = soft_device(soft_domain(0, 0, 0), RUNG(STRICT));
	unsigned char *page = RTE_PTR_ALIGN_CEIL(libc_pool, PAGE);
	struct dad_sg sg[8] = {{0}};

	(void)state;
	for (unsigned int i = 0; i < 8; i++) /* backwards, with holes */
		sg[i] = (struct dad_sg){.va = page + (20 - 2 * i) * PAGE, .length = PAGE};
	assert_int_equal(dad_dma_map_sg(dev, sg, 8, DAD_DMA_TO_DEVICE), 1);
	assert_int_equal(sg[0].dma_length, 8 * PAGE);
	assert_int_equal(sg[1].dma_length, 0);
	dad_dma_unmap_sg(dev, sg, 8, DAD_DMA_TO_DEVICE);

	/* all but the first may end, all but the last may begin, nowhere else than at a page */
	sg[0] = (struct dad_sg){.va = page + 100, .length = PAGE - 100};
	sg[1] = (struct dad_sg){.va = page + 8 * PAGE, .length = PAGE};
	sg[2] = (struct dad_sg){.va = page + 4 * PAGE, .length = 1};
	sg[3] = (struct dad_sg){.va = page + 6 * PAGE, .length = 1};
	assert_int_equal(dad_dma_map_sg(dev, sg, 4, DAD_DMA_TO_DEVICE), 2);
	assert_int_equal(sg[0].dma_length, 2 * PAGE - 100 + 1);
	assert_int_equal(sg[1].dma_length, 1);
	dad_dma_unmap_sg(dev, sg, 4, DAD_DMA_TO_DEVICE);
	unmake_soft(dev);
}

static void
entries_that_are_too_long_are_split_if_there_is_room(void **state)
{
	struct dad_dma_dev *dev = soft_device(soft_domain(0, 0, 0), DAD_DMA_RUNGS_ALL);
	struct dad_sg sg[4];

	(void)state;
	assert_int_equal(dad_dma_set_mask(dev, UINT64_MAX), 0);
	sg[0] = (struct dad_sg){.va = eal_pool, .length = (64u << 10) + 1};
	assert_int_equal(dad_dma_map_sg(dev, sg, 1, DAD_DMA_TO_DEVICE), 0);
	assert_int_equal(rte_errno, E2BIG);
	/* merging makes room for it */
	sg[0] = (struct dad_sg){.va = eal_pool, .length = 1000};
	sg[1] = (struct dad_sg){.va = eal_pool + 1000, .length = 1000};
	sg[2] = (struct dad_sg){.va = eal_pool + 1u * PAGE, .length = 100u << 10};
	assert_int_equal(dad_dma_map_sg(dev, sg, 3, DAD_DMA_TO_DEVICE), 3);
	assert_int_equal(sg[0].dma_length, 2000);
	assert_int_equal(sg[1].dma_length, 64u << 10);
	assert_int_equal(sg[2].dma_length, 36u << 10);
	dad_dma_unmap_sg(dev, sg, 3, DAD_DMA_TO_DEVICE);
	unmake_soft(dev);
}

/* From eal_pool on, all of it, in segments that begin aligned. */
static void
assert_aligned(struct dad_dma_dev *dev, const struct dad_sg sg[], unsigned int n, size_t size)
{
	unsigned char bytes[1000];
	size_t all = 0;

	for (unsigned int i = 0; i < n; all += sg[i++].dma_length) {
		assert_int_equal(sg[i].dma_address % 64, 0);
		assert_in_range(sg[i].dma_length, 1, sizeof(bytes));
		assert_int_equal(
			dad_soft_dma_read(dev, sg[i].dma_address, bytes, sg[i].dma_length), 0);
		assert_memory_equal(bytes, eal_pool + all, sg[i].dma_length);
	}
	assert_int_equal(all, size);
}

/* Each segment is an address that the device is given. */
static void
what_is_split_stays_aligned(void **state)
{
	const unsigned int rungs[] = {RUNG(DIRECT), RUNG(WINDOW), RUNG(STRICT), RUNG(BOUNCE)};
	const struct dad_dma_limits limits = {.max_seg_size = 1000, .alignment = 64};
	const struct dad_dma_limits impossible = {.max_seg_size = 63, .alignment = 64};
	const struct iovec iov[] = {{.iov_base = eal_pool, .iov_len = 5056},
		{.iov_base = eal_pool + 5056, .iov_len = 1000}};
	struct dad_dma_bounce_conf bounce = {.size = 1u << 20};

	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(rungs); i++) {
		struct dad_dma_domain *domain = soft_domain(0, 0, 0);
		struct dad_dma_dev *dev = soft_device(domain, DAD_DMA_RUNGS_ALL);
		struct dad_sg sg[8];
		struct dad_sg_table table = {.sg = sg, .max = RTE_DIM(sg)};

		assert_int_equal(dad_dma_bounce_create(domain, &bounce), 0);
		assert_int_equal(dad_dma_dev_set_rungs(dev, rungs[i]), 0);
		assert_int_equal(
			dad_dma_set_mask(dev, i == 0 ? UINT64_MAX : DAD_DMA_BIT_MASK(32)), 0);
		assert_int_equal(dad_dma_set_limits(dev, &limits), 0);
		assert_int_equal(dad_dma_map_iovec(dev, iov, 2, &table, DAD_DMA_TO_DEVICE, 0), 0);
		assert_aligned(dev, sg, table.segments, 6056);
		dad_dma_unmap_sg(dev, sg, table.entries, DAD_DMA_TO_DEVICE);

		/* entries that are merged leave room for the parts of one that is long */
		for (unsigned int e = 0; e < 5; e++)
			sg[e] = (struct dad_sg){.va = eal_pool + (size_t)e * 128, .length = 128};
		sg[5] = (struct dad_sg){.va = eal_pool + 640, .length = 3000};
		unsigned int n = dad_dma_map_sg(dev, sg, 6, DAD_DMA_TO_DEVICE);
		assert_int_equal(n, i < 2 ? 1 + 4 : 0);
		if (n > 0) {
			assert_aligned(dev, sg, n, 3640);
			dad_dma_unmap_sg(dev, sg, 6, DAD_DMA_TO_DEVICE);
		}
		/* no segment can be continued by one that is aligned */
		assert_int_equal(dad_dma_set_limits(dev, &impossible), 0);
		sg[0] = (struct dad_sg){.va = eal_pool, .length = 64};
		assert_int_equal(dad_dma_map_sg(dev, sg, 1, DAD_DMA_TO_DEVICE), 0);
		assert_int_equal(rte_errno, E2BIG);
		assert_int_equal(dad_dma_dev_destroy(dev), 0);
		dad_dma_domain_put(domain);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(pages_are_made_neighbours),
	cmocka_unit_test(entries_that_are_too_long_are_split_if_there_is_room),
	cmocka_unit_test(what_is_split_stays_aligned),
};

POOLS_MAIN(tests, POOL, PAGE)
