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

#include "dad_dma_soft.h"
#include "test_pools.h"
#include "test_soft.h"

/* Whose the bytes of a buffer are, where the device has a copy of them: in slots, or in caches that
 * are not coherent. */

#define POOL (16 * PAGE)

/* The same rules for slots and for caches that are not coherent: what the CPU writes the device
 * sees after a sync, and the other way round, and a part is a part. */
static void
check_ownership(struct dad_dma_dev *dev)
{
	enum { SIZE = 3 * PAGE };
	static unsigned char before[SIZE], seen[SIZE];
	unsigned char *b = eal_pool + 123;

	memset(b, 1, SIZE);
	dad_dma_addr_t a = dad_dma_map_single(dev, b, SIZE, DAD_DMA_BIDIRECTIONAL);
	assert_int_equal(dad_dma_mapping_error(dev, a), 0);
	assert_true(dad_dma_need_sync(dev, a) && dad_dma_need_unmap(dev, a));

	/* the CPU's writes are invisible, then visible in the part that is synced */
	memset(b, 2, SIZE);
	assert_int_equal(dad_soft_dma_read(dev, a, seen, SIZE), 0);
	memset(before, 1, SIZE);
	assert_memory_equal(seen, before, SIZE);
	dad_dma_sync_single_for_device(dev, a + 1000, 5000, DAD_DMA_BIDIRECTIONAL);
	assert_int_equal(dad_soft_dma_read(dev, a, seen, SIZE), 0);
	memset(before + 1000, 2, 5000);
	assert_memory_equal(seen, before, SIZE);

	/* the device's likewise */
	memset(seen, 3, SIZE);
	assert_int_equal(dad_soft_dma_write(dev, a, seen, SIZE), 0);
	memset(before, 2, SIZE);
	assert_memory_equal(b, before, SIZE);
	dad_dma_sync_single_for_cpu(dev, a + 17, 4242, DAD_DMA_FROM_DEVICE);
	memset(before + 17, 3, 4242);
	assert_memory_equal(b, before, SIZE);
	/* not in a direction in which nothing goes */
	dad_dma_sync_single_for_cpu(dev, a, SIZE, DAD_DMA_TO_DEVICE);
	assert_memory_equal(b, before, SIZE);
	dad_dma_unmap_single(dev, a, SIZE, DAD_DMA_BIDIRECTIONAL);
	memset(before, 3, SIZE);
	assert_memory_equal(b, before, SIZE);

	/* nothing comes back of what the device may only read */
	a = dad_dma_map_single(dev, b, SIZE, DAD_DMA_TO_DEVICE);
	memset(b, 4, SIZE);
	dad_dma_unmap_single(dev, a, SIZE, DAD_DMA_TO_DEVICE);
	memset(before, 4, SIZE);
	assert_memory_equal(b, before, SIZE);

	/* what the device leaves out comes back as it was */
	a = dad_dma_map_single(dev, b, SIZE, DAD_DMA_FROM_DEVICE);
	assert_int_equal(dad_soft_dma_write(dev, a + 10, seen, 20), 0);
	dad_dma_unmap_single(dev, a, SIZE, DAD_DMA_FROM_DEVICE);
	memset(before + 10, 3, 20);
	assert_memory_equal(b, before, SIZE);

	/* nobody copies where the caller says so */
	a = dad_dma_map_single_attrs(
		dev, b, SIZE, DAD_DMA_BIDIRECTIONAL, DAD_DMA_ATTR_SKIP_CPU_SYNC);
	assert_int_equal(dad_soft_dma_write(dev, a, seen, SIZE), 0);
	dad_dma_sync_single_for_cpu(dev, a + 5, 6, DAD_DMA_BIDIRECTIONAL);
	dad_dma_unmap_single_attrs(dev, a, SIZE, DAD_DMA_BIDIRECTIONAL, DAD_DMA_ATTR_SKIP_CPU_SYNC);
	memset(before + 5, 3, 6);
	assert_memory_equal(b, before, SIZE);
}

static void
bounced_buffers_have_an_owner(void **state)
{
	struct dad_dma_domain *domain = soft_domain(0, 0, 0);
	struct dad_dma_dev *dev = soft_device(domain, DAD_DMA_RUNGS_ALL);
	struct dad_dma_bounce_conf bounce = {.size = 1u << 20};
	struct dad_dma_dev_stats stats, after;

	(void)state;
	assert_int_equal(dad_dma_bounce_create(domain, &bounce), 0);
	assert_int_equal(dad_dma_dev_set_rungs(dev, RUNG(BOUNCE)), 0);
	check_ownership(dev);

	/* a buffer that is overwritten whole is not copied in */
	dad_dma_dev_stats(dev, &stats);
	dad_dma_addr_t a = dad_dma_map_single_attrs(
		dev, eal_pool, PAGE, DAD_DMA_FROM_DEVICE, DAD_DMA_ATTR_FULL_OVERWRITE);
	dad_dma_dev_stats(dev, &after);
	assert_int_equal(after.copied_in, stats.copied_in);
	dad_dma_unmap_single(dev, a, PAGE, DAD_DMA_FROM_DEVICE);
	dad_dma_dev_stats(dev, &after);
	assert_int_equal(after.copied_out, stats.copied_out + PAGE);
	unmake_soft(dev);
}

static void
buffers_in_emulated_caches_have_an_owner(void **state)
{
	struct dad_dma_dev *dev =
		soft_device(soft_domain(0, 0, DAD_DMA_DOMAIN_NONCOHERENT), DAD_DMA_RUNGS_ALL);

	(void)state;
	assert_int_equal(dad_dma_set_mask(dev, UINT64_MAX), 0);
	check_ownership(dev);
	struct dad_dma_dev_stats stats;
	dad_dma_dev_stats(dev, &stats);
	assert_int_equal(stats.direct + stats.window + stats.bounce, 0);
	unmake_soft(dev);
}

/* A pool of one device: it uses that, and nothing else does. */
static void
a_restricted_device_uses_its_pool_alone(void **state)
{
	struct dad_dma_domain *domain = soft_domain(0, 0, 0);
	struct dad_dma_dev *dev = soft_device(domain, DAD_DMA_RUNGS_ALL);
	struct dad_dma_dev *other = soft_device(domain, DAD_DMA_RUNGS_ALL);
	struct dad_dma_bounce_conf bounce = {.size = 64u << 10, .dev = dev};
	struct dad_dma_bounce_stats stats;
	dad_dma_addr_t a[64];
	unsigned int n;

	(void)state;
	assert_int_equal(dad_dma_bounce_create(domain, &bounce), 0);
	assert_int_equal(dad_dma_bounce_stats(domain, NULL, &stats), -ENOENT);
	assert_int_equal(dad_dma_bounce_stats(domain, dev, &stats), 0);
	assert_int_equal(stats.slots, 32);
	assert_int_equal(dad_dma_max_mapping_size(dev), 32u << 10);
	assert_int_equal(dad_dma_max_mapping_size(other), SIZE_MAX);
	for (n = 0; n < 64; n++) {
		a[n] = dad_dma_map_single(dev, eal_pool + n, 1, DAD_DMA_TO_DEVICE);
		if (dad_dma_mapping_error(dev, a[n]) != 0)
			break;
		assert_true(a[n] >= stats.lowest && a[n] <= stats.highest);
	}
	assert_int_equal(n, 32);
	assert_int_equal(rte_errno, ENOSPC);
	dad_dma_addr_t b = dad_dma_map_single(other, eal_pool, 1, DAD_DMA_TO_DEVICE);
	assert_false(dad_dma_is_bounced(other, b));
	dad_dma_unmap_single(other, b, 1, DAD_DMA_TO_DEVICE);
	while (n-- > 0)
		dad_dma_unmap_single(dev, a[n], 1, DAD_DMA_TO_DEVICE);
	assert_int_equal(dad_dma_map_single(dev, eal_pool, (32u << 10) + 1, DAD_DMA_TO_DEVICE),
		DAD_DMA_MAPPING_ERROR);
	assert_int_equal(rte_errno, E2BIG);
	b = dad_dma_map_single(dev, eal_pool, 32u << 10, DAD_DMA_TO_DEVICE);
	assert_int_equal(dad_dma_mapping_error(dev, b), 0);
	dad_dma_unmap_single(dev, b, 32u << 10, DAD_DMA_TO_DEVICE);
	assert_int_equal(dad_dma_bounce_stats(domain, dev, &stats), 0);
	assert_int_equal(stats.used, 0);
	assert_int_equal(stats.high, 32);
	assert_int_equal(stats.full, 1);
	assert_int_equal(dad_dma_dev_destroy(other), 0);
	unmake_soft(dev);
}

static void
low_bits_survive_bouncing_where_they_matter(void **state)
{
	struct dad_dma_domain *domain = soft_domain(0, 0, 0);
	struct dad_dma_dev *dev = soft_device(domain, DAD_DMA_RUNGS_ALL);
	struct dad_dma_bounce_conf bounce = {.size = 1u << 20};
	const uint64_t masks[] = {0, 63, 511, 2047, 4095};

	(void)state;
	assert_int_equal(dad_dma_bounce_create(domain, &bounce), 0);
	assert_int_equal(dad_dma_dev_set_rungs(dev, RUNG(BOUNCE)), 0);
	for (unsigned int i = 0; i < RTE_DIM(masks); i++) {
		struct dad_dma_limits limits = {.min_align_mask = masks[i]};

		assert_int_equal(dad_dma_set_limits(dev, &limits), 0);
		for (unsigned int at = 0; at < 5000; at += 97) {
			unsigned char data[3000], *b = eal_pool + at;
			size_t size = 1 + at % sizeof(data);
			dad_dma_addr_t a = dad_dma_map_single(dev, b, size, DAD_DMA_TO_DEVICE);

			assert_int_equal(dad_dma_mapping_error(dev, a), 0);
			assert_int_equal(a & masks[i], (uintptr_t)b & masks[i]);
			assert_int_equal(dad_soft_dma_read(dev, a, data, size), 0);
			assert_memory_equal(data, b, size);
			dad_dma_unmap_single(dev, a, size, DAD_DMA_TO_DEVICE);
		}
	}
	unmake_soft(dev);
}

/* What precedes a buffer in its slots counts, in a pool that is smaller than that, too. */
static void
the_longest_buffer_leaves_room_for_its_low_bits(void **state)
{
	const size_t pools[] = {4u << 10, 8u << 10, 16u << 10, 64u << 10};
	const uint64_t masks[] = {0, 2047, 4095};

	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(pools) * RTE_DIM(masks); i++) {
		const size_t pool = pools[i % RTE_DIM(pools)];
		const uint64_t mask = masks[i / RTE_DIM(pools)];
		const uint64_t half = pool / 2;
		struct dad_dma_domain *domain = soft_domain(0, 0, 0);
		struct dad_dma_dev *dev = soft_device(domain, DAD_DMA_RUNGS_ALL);
		struct dad_dma_bounce_conf bounce = {.size = pool};
		struct dad_dma_limits limits = {.min_align_mask = mask};

		assert_int_equal(dad_dma_bounce_create(domain, &bounce), 0);
		assert_int_equal(dad_dma_dev_set_rungs(dev, RUNG(BOUNCE)), 0);
		assert_int_equal(dad_dma_set_limits(dev, &limits), 0);
		const size_t max = dad_dma_max_mapping_size(dev);
		assert_int_equal(max, half > mask ? half - mask : 0);
		/* wherever it begins it can be mapped; one byte more cannot everywhere */
		unsigned char *b = eal_pool + mask;
		if (max > 0) {
			dad_dma_addr_t a = dad_dma_map_single(dev, b, max, DAD_DMA_TO_DEVICE);

			assert_int_equal(dad_dma_mapping_error(dev, a), 0);
			assert_int_equal(a & mask, mask);
			dad_dma_unmap_single(dev, a, max, DAD_DMA_TO_DEVICE);
		}
		assert_int_equal(dad_dma_map_single(dev, b, max + 1, DAD_DMA_TO_DEVICE),
			DAD_DMA_MAPPING_ERROR);
		assert_int_equal(rte_errno, E2BIG);
		unmake_soft(dev);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(bounced_buffers_have_an_owner),
	cmocka_unit_test(buffers_in_emulated_caches_have_an_owner),
	cmocka_unit_test(a_restricted_device_uses_its_pool_alone),
	cmocka_unit_test(low_bits_survive_bouncing_where_they_matter),
	cmocka_unit_test(the_longest_buffer_leaves_room_for_its_low_bits),
};

POOLS_MAIN(tests, POOL, PAGE)
