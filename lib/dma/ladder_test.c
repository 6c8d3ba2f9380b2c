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
#include "test_pools.h"
#include "test_soft.h"

/* Up the ladder: which rung a buffer takes. */

#define POOL (64u << 10)

static void
assert_taken(struct dad_dma_dev *dev, void *buffer, enum dad_dma_rung rung)
{
	uint64_t before = taken(dev, rung);
	dad_dma_addr_t addr = dad_dma_map_single(dev, buffer, 100, DAD_DMA_BIDIRECTIONAL);

	assert_int_equal(dad_dma_mapping_error(dev, addr), 0);
	assert_int_equal(taken(dev, rung), before + 1);
	assert_int_equal(dad_dma_is_bounced(dev, addr), rung == DAD_DMA_RUNG_BOUNCE);
	dad_dma_unmap_single(dev, addr, 100, DAD_DMA_BIDIRECTIONAL);
}

/* EAL's own IOVAs, with a pool: what lies too high, and what EAL does not know. */
static void
identity_bounces_what_is_out_of_reach(void **state)
{
	struct dad_dma_domain *domain = dad_dma_domain_identity();
	struct dad_dma_dev *dev = counted_device(domain, DAD_DMA_RUNGS_ALL);
	struct dad_dma_bounce_stats stats;
	struct dad_dma_bounce_conf conf = {.size = 0};
	unsigned int bits = 32;

	(void)state;
	/* where hugepages lie is luck; where virtual addresses lie is not */
	for (int ret = -ERANGE; ret != 0; bits += ret != 0) {
		assert_in_range(bits, 32, 63);
		conf.limit = DAD_DMA_BIT_MASK(bits);
		ret = dad_dma_bounce_create(domain, &conf);
	}
	assert_true(bits == 32 || rte_eal_iova_mode() == RTE_IOVA_PA);
	assert_int_equal(dad_dma_bounce_stats(domain, NULL, &stats), 0);
	assert_int_equal(dad_dma_set_mask(dev, UINT64_MAX), 0);
	assert_taken(dev, eal_pool, DAD_DMA_RUNG_DIRECT);
	assert_taken(dev, libc_pool, DAD_DMA_RUNG_BOUNCE);
	if (stats.highest < dad_dma_virt_to_bus(domain, eal_pool, NULL)) {
		assert_int_equal(dad_dma_set_mask(dev, stats.highest), 0);
		assert_taken(dev, eal_pool, DAD_DMA_RUNG_BOUNCE);
	}
	unmake_soft(dev);
}

/* Without forcing: each buffer takes the first rung that works. */
static void
the_ladder_is_climbed_in_order(void **state)
{
	struct dad_dma_domain *domain = soft_domain(0, UINT32_MAX, 0);
	struct dad_dma_bounce_conf bounce = {.size = 1u << 20};
	struct dad_dma_dev *dev = counted_device(domain, DAD_DMA_RUNGS_ALL);
	const enum dad_dma_dir dir = DAD_DMA_BIDIRECTIONAL;

	(void)state;
	assert_int_equal(dad_dma_bounce_create(domain, &bounce), 0);
	assert_int_equal(dad_dma_set_mask(dev, UINT64_MAX), 0);
	dad_dma_addr_t a = dad_dma_map_single(dev, eal_pool, 100, dir);
	assert_int_equal(a, (uintptr_t)eal_pool);
	dad_dma_addr_t b = dad_dma_map_single(dev, libc_pool, 100, dir);
	assert_int_equal(dad_dma_set_mask(dev, UINT32_MAX), 0);
	dad_dma_addr_t c = dad_dma_map_single(dev, eal_pool, 100, dir);
	dad_dma_addr_t d =
		dad_dma_map_single_attrs(dev, eal_pool, 100, dir, DAD_DMA_ATTR_FORCE_BOUNCE);
	assert_true(dad_dma_is_bounced(dev, d));
	assert_false(dad_dma_is_bounced(dev, c));
	for (enum dad_dma_rung rung = DAD_DMA_RUNG_DIRECT; rung <= DAD_DMA_RUNG_BOUNCE; rung++)
		assert_int_equal(taken(dev, rung), 1);
	assert_int_equal(dad_dma_dev_destroy(dev), -EBUSY);
	dad_dma_unmap_single(dev, a, 100, dir);
	dad_dma_unmap_single(dev, b, 100, dir);
	dad_dma_unmap_single(dev, c, 100, dir);
	dad_dma_unmap_single(dev, d, 100, dir);
	unmake_soft(dev);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(identity_bounces_what_is_out_of_reach),
	cmocka_unit_test(the_ladder_is_climbed_in_order),
};

POOLS_MAIN(tests, POOL, PAGE)
