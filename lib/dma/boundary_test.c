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
#include "test_pools.h"
#include "test_random.h"
#include "test_soft.h"

/* Segments and boundaries, on every rung. */

#define UNIT	DAD_DMA_UNIT_SIZE
#define POOL	(2 * UNIT)
#define SPACE	(256u << 10) /* a small one, for pools that lie anywhere */
#define ENTRIES 6u

/* The segments hold the bytes of the list, and none crosses a boundary. */
static void
assert_segments(const struct dad_sg sg[], unsigned int segments, uint64_t bytes,
	const struct dad_dma_limits *l)
{
	for (unsigned int i = 0; i < segments; i++) {
		const uint64_t last = sg[i].dma_address + sg[i].dma_length - 1;

		assert_int_equal(sg[i].dma_address & ~l->seg_boundary, last & ~l->seg_boundary);
		assert_true(sg[i].dma_length <= l->max_seg_size);
		bytes -= sg[i].dma_length;
	}
	assert_int_equal(bytes, 0);
}

/* Of memory that is one piece for the device: must an entry be cut? */
static bool
crosses(const struct dad_sg sg[], dad_dma_addr_t addr, const struct dad_dma_limits *l)
{
	for (unsigned int i = 0; i < ENTRIES; addr += sg[i++].length)
		if ((addr & ~l->seg_boundary) != ((addr + sg[i].length - 1) & ~l->seg_boundary))
			return true;
	return false;
}

/* Entries that fit into a block cross no boundary, on any rung: where addresses can be chosen, they
 * are; where not, an entry is cut, as long as there is room for its parts. */
static void
no_segment_crosses_a_boundary(void **state)
{
	static const unsigned int rungs[] = {
		RUNG(DIRECT), RUNG(WINDOW), RUNG(STRICT), RUNG(BOUNCE)};
	unsigned int cut = 0;

	(void)state;
	for (unsigned int round = 0; round < 400; round++) {
		const unsigned int rung = rungs[round % 4];
		struct dad_dma_domain *domain = soft_domain(PAGE, UINT32_MAX, 0);
		struct dad_dma_bounce_conf conf = {.size = 8u << 20};
		const struct dad_dma_limits l = {
			.max_seg_size = UNIT,
			.seg_boundary = ((uint64_t)PAGE << below(7)) - 1,
			.bus_offset = below(2) == 0 ? 0 : (int64_t)(below(64) * PAGE),
		};

		assert_int_equal(dad_dma_bounce_create(domain, &conf), 0);
		struct dad_dma_dev *dev = soft_device(domain, rung);
		assert_int_equal(dad_dma_set_limits(dev, &l), 0);
		assert_int_equal(dad_dma_set_mask(dev, UINT64_MAX), 0);
		assert_in_range(dad_dma_max_mapping_size(dev), 1, SIZE_MAX);
		const uint64_t longest = RTE_MIN(dad_dma_max_mapping_size(dev), l.seg_boundary + 1);
		for (unsigned int i = 0; i < 20; i++) {
			struct dad_sg sg[ENTRIES];
			uint64_t bytes = 0, at = below(UNIT / 2);

			for (unsigned int k = 0; k < ENTRIES; k++) {
				sg[k] = (struct dad_sg){.va = eal_pool + at + bytes,
					.length = 1 + below(below(3) == 0 ? longest : 100)};
				/* a strict one has all of its pages in the block */
				if (rung == RUNG(STRICT) &&
					sg[k].length > longest - (uintptr_t)sg[k].va % PAGE)
					sg[k].length = 1;
				bytes += sg[k].length;
			}
			unsigned int n = dad_dma_map_sg(dev, sg, ENTRIES, DAD_DMA_TO_DEVICE);
			if (n != 0) {
				assert_segments(sg, n, bytes, &l);
				dad_dma_unmap_sg(dev, sg, ENTRIES, DAD_DMA_TO_DEVICE);
				continue;
			}
			assert_int_equal(rte_errno, E2BIG);
			/* in place, and perhaps too many parts for the array */
			assert_true(rung == RUNG(DIRECT) || rung == RUNG(WINDOW));
			dad_dma_addr_t addr =
				dad_dma_map_single(dev, sg[0].va, bytes, DAD_DMA_TO_DEVICE);
			assert_int_equal(dad_dma_mapping_error(dev, addr), 0);
			dad_dma_unmap_single(dev, addr, bytes, DAD_DMA_TO_DEVICE);
			assert_true(crosses(sg, addr, &l));
			cut++;
		}
		assert_int_equal(dad_dma_dev_destroy(dev), 0);
		dad_dma_domain_put(domain);
	}
	assert_in_range(cut, 1, 3999); /* of 4000 lists in place */
}

/* One buffer as long as is said, wherever it begins, is one segment. */
static void
the_longest_buffer_that_bounces_fits_into_a_block(void **state)
{
	(void)state;
	for (unsigned int round = 0; round < 100; round++) {
		const uint64_t first = PAGE * (1 + below(400));
		struct dad_dma_domain *domain = soft_domain(first, first + SPACE - 1, 0);
		struct dad_dma_bounce_conf conf = {.size = PAGE << below(6), .limit = UINT64_MAX};
		const struct dad_dma_limits l = {
			.max_seg_size = UNIT,
			.seg_boundary = ((uint64_t)PAGE << below(7)) - 1,
			.min_align_mask = below(2) * (PAGE - 1),
			.bus_offset = (int64_t)(below(64) * PAGE),
		};

		assert_int_equal(dad_dma_bounce_create(domain, &conf), 0);
		struct dad_dma_dev *dev = soft_device(domain, RUNG(BOUNCE));
		assert_int_equal(dad_dma_set_limits(dev, &l), 0);
		assert_int_equal(dad_dma_set_mask(dev, UINT64_MAX), 0);
		const size_t most = dad_dma_max_mapping_size(dev);
		assert_true(most <= l.seg_boundary + 1);
		for (unsigned int i = 0; i < 20 && most > 0; i++) {
			struct dad_sg sg = {.va = libc_pool + below(2 * PAGE), .length = most};

			assert_int_equal(dad_dma_map_sg(dev, &sg, 1, DAD_DMA_TO_DEVICE), 1);
			assert_segments(&sg, 1, most, &l);
			dad_dma_unmap_sg(dev, &sg, 1, DAD_DMA_TO_DEVICE);
		}
		/* and what is longer, but fits into the pool, is mapped across boundaries */
		const size_t room = conf.size / 2 - PAGE;
		for (unsigned int i = 0; i < 20 && conf.size >= 4 * PAGE; i++) {
			unsigned char *va = libc_pool + below(2 * PAGE);
			const size_t len = 1 + below(room);
			dad_dma_addr_t addr = dad_dma_map_single(dev, va, len, DAD_DMA_TO_DEVICE);

			assert_int_not_equal(addr, DAD_DMA_MAPPING_ERROR);
			dad_dma_unmap_single(dev, addr, len, DAD_DMA_TO_DEVICE);
		}
		unmake_soft(dev);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(no_segment_crosses_a_boundary),
	cmocka_unit_test(the_longest_buffer_that_bounces_fits_into_a_block),
};

POOLS_MAIN(tests, POOL, UNIT)
