/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include <rte_errno.h>
#include <rte_memory.h>

#include "dad_dma.h"
#include "dad_dma_domain.h"
#include "dad_dma_soft.h"
#include "test_pools.h"
#include "test_random.h"
#include "test_soft.h"

/* What a device's mask means for it: how it is served, which mask it would take, and that the
 * mapping calls do what was said. */

#define POOL (1u << 20)

/* Which rung does a mapping take? NONE: it was refused with ERANGE. */
static enum dad_dma_rung
rung_taken(struct dad_dma_dev *dev, void *va)
{
	struct dad_dma_dev_stats a, b;

	dad_dma_dev_stats(dev, &a);
	dad_dma_addr_t addr = dad_dma_map_single(dev, va, 100, DAD_DMA_TO_DEVICE);
	dad_dma_dev_stats(dev, &b);
	if (dad_dma_mapping_error(dev, addr) != 0) {
		assert_int_equal(rte_errno, ERANGE);
		assert_int_equal(b.map_error_mask, a.map_error_mask + 1);
		return DAD_DMA_RUNG_NONE;
	}
	assert_true(addr + 99 <= dad_dma_get_mask(dev));
	dad_dma_unmap_single(dev, addr, 100, DAD_DMA_TO_DEVICE);
	if (b.direct != a.direct)
		return DAD_DMA_RUNG_DIRECT;
	if (b.window != a.window)
		return DAD_DMA_RUNG_WINDOW;
	return b.strict != a.strict ? DAD_DMA_RUNG_STRICT : DAD_DMA_RUNG_BOUNCE;
}

/* What dad_dma_supported() says is what becomes of EAL's memory under that mask. */
static void
assert_served(struct dad_dma_dev *dev, uint64_t mask, enum dad_dma_support how)
{
	uint64_t before = dad_dma_get_mask(dev), coherent = dad_dma_get_coherent_mask(dev);

	assert_int_equal(dad_dma_supported(dev, mask), how);
	if (how == DAD_DMA_SUPPORT_NO) {
		assert_int_equal(dad_dma_set_mask(dev, mask), -EIO);
		assert_int_equal(dad_dma_set_coherent_mask(dev, mask), -EIO);
		assert_int_equal(dad_dma_set_mask_and_coherent(dev, mask), -EIO);
		assert_int_equal(dad_dma_get_mask(dev), before);
		assert_int_equal(dad_dma_get_coherent_mask(dev), coherent);
		return;
	}
	assert_int_equal(dad_dma_set_mask_and_coherent(dev, mask), 0);
	assert_int_equal(dad_dma_get_mask(dev), mask);
	assert_int_equal(dad_dma_get_coherent_mask(dev), mask);
	assert_int_equal(rung_taken(dev, eal_pool),
		how == DAD_DMA_SUPPORT_PARTLY ? DAD_DMA_RUNG_NONE : (enum dad_dma_rung)how);
}

/* ---- dad_dma_supported() ---------------------------------------------------------------------
 */

static void
each_rung_of_a_soft_domain_serves_some_masks(void **state)
{
	struct dad_dma_domain *domain = soft_domain(0, UINT32_MAX, 0);
	struct dad_dma_dev *dev = counted_device(domain, DAD_DMA_RUNGS_ALL);

	(void)state;
	assert_served(dev, UINT64_MAX, DAD_DMA_SUPPORT_DIRECT);
	assert_served(dev, DAD_DMA_BIT_MASK(32), DAD_DMA_SUPPORT_WINDOW);
	assert_served(dev, DAD_DMA_BIT_MASK(16), DAD_DMA_SUPPORT_STRICT);
	assert_served(dev, PAGE - 1, DAD_DMA_SUPPORT_STRICT); /* one granule, at 0 */
	assert_int_equal(dad_dma_supported(dev, PAGE - 2), DAD_DMA_SUPPORT_NO);
	/* windows need room for two of 2 MiB */
	assert_int_equal(dad_dma_supported(dev, DAD_DMA_BIT_MASK(22)), DAD_DMA_SUPPORT_WINDOW);
	assert_int_equal(dad_dma_supported(dev, DAD_DMA_BIT_MASK(22) - 1), DAD_DMA_SUPPORT_STRICT);
	unmake_soft(dev);

	domain = soft_domain(PAGE, UINT32_MAX, 0);
	dev = counted_device(domain, RUNG(WINDOW) | RUNG(STRICT));
	assert_served(dev, UINT64_MAX, DAD_DMA_SUPPORT_WINDOW);
	assert_int_equal(dad_dma_supported(dev, DAD_DMA_BIT_MASK(22)), DAD_DMA_SUPPORT_STRICT);
	assert_served(dev, 2 * PAGE - 1, DAD_DMA_SUPPORT_STRICT);
	assert_served(dev, PAGE, DAD_DMA_SUPPORT_NO);
	unmake_soft(dev);
}

static void
a_pool_serves_masks_that_reach_all_of_it(void **state)
{
	struct dad_dma_domain *domain = soft_domain(0, UINT32_MAX, 0);
	struct dad_dma_dev *dev = counted_device(domain, RUNG(DIRECT) | RUNG(BOUNCE));
	struct dad_dma_bounce_conf conf = {.size = 1u << 20, .limit = DAD_DMA_BIT_MASK(24)};
	struct dad_dma_bounce_stats stats;

	(void)state;
	/* no pool: direct or nothing */
	assert_served(dev, DAD_DMA_BIT_MASK(32), DAD_DMA_SUPPORT_NO);
	assert_int_equal(dad_dma_bounce_create(domain, &conf), 0);
	assert_int_equal(dad_dma_bounce_stats(domain, NULL, &stats), 0);
	assert_served(dev, UINT64_MAX, DAD_DMA_SUPPORT_DIRECT);
	assert_served(dev, DAD_DMA_BIT_MASK(32), DAD_DMA_SUPPORT_BOUNCE);
	assert_served(dev, stats.highest, DAD_DMA_SUPPORT_BOUNCE);
	assert_int_equal(dad_dma_supported(dev, stats.highest - 1), DAD_DMA_SUPPORT_NO);

	/* what is between shifts the addresses of slots too */
	struct dad_dma_limits limits = {.bus_offset = INT64_C(1) << 32};
	assert_int_equal(dad_dma_set_limits(dev, &limits), 0);
	assert_int_equal(dad_dma_supported(dev, DAD_DMA_BIT_MASK(32)), DAD_DMA_SUPPORT_NO);
	assert_int_equal(dad_dma_supported(dev, DAD_DMA_BIT_MASK(33)), DAD_DMA_SUPPORT_BOUNCE);
	unmake_soft(dev);
}

/* What has an IOVA for a while is not memory that a device reaches directly. */
static void
mappings_of_others_serve_nobody(void **state)
{
	struct dad_dma_domain *domain = soft_domain(0, DAD_DMA_BIT_MASK(47), 0);
	struct dad_dma_dev *dev = counted_device(domain, RUNG(DIRECT));
	struct dad_dma_dev *other = counted_device(domain, RUNG(STRICT));
	uint64_t required = dad_dma_get_required_mask(dev);
	dad_dma_addr_t handle;

	(void)state;
	assert_int_equal(dad_dma_set_mask_and_coherent(other, DAD_DMA_BIT_MASK(24)), 0);
	void *coherent = dad_dma_alloc_coherent(other, PAGE, &handle);
	assert_non_null(coherent);
	assert_true(handle <= DAD_DMA_BIT_MASK(24));
	dad_dma_addr_t low = dad_dma_map_single(other, eal_pool, 100, DAD_DMA_TO_DEVICE);
	assert_int_equal(dad_dma_mapping_error(other, low), 0);
	assert_served(dev, DAD_DMA_BIT_MASK(24), DAD_DMA_SUPPORT_NO);
	assert_int_equal(dad_dma_get_required_mask(dev), required);
	dad_dma_unmap_single(other, low, 100, DAD_DMA_TO_DEVICE);
	dad_dma_free_coherent(other, PAGE, coherent, handle);
	assert_int_equal(dad_dma_dev_destroy(other), 0);
	unmake_soft(dev);
}

/* Memory with an IOVA of 64 KiB in the identity domain, whose other memory lies higher. */
static void
a_device_that_reaches_some_memory_is_served_partly(void **state)
{
	struct dad_dma_domain *domain = dad_dma_domain_identity();
	struct dad_dma_dev *dev = counted_device(domain, DAD_DMA_RUNGS_ALL);
	dad_dma_addr_t iova = 64u << 10;
	void *va = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)state;
	assert_true(va != MAP_FAILED);
	assert_served(dev, DAD_DMA_BIT_MASK(20), DAD_DMA_SUPPORT_NO);
	assert_int_equal(dad_dma_mem_register(domain, va, PAGE, &iova, 1, PAGE), 0);
	assert_served(dev, DAD_DMA_BIT_MASK(20), DAD_DMA_SUPPORT_PARTLY);
	assert_int_equal(rung_taken(dev, va), DAD_DMA_RUNG_DIRECT);
	assert_served(dev, iova, DAD_DMA_SUPPORT_PARTLY); /* a byte is some */
	assert_served(dev, iova - 1, DAD_DMA_SUPPORT_NO);
	assert_served(dev, UINT64_MAX, DAD_DMA_SUPPORT_DIRECT);
	assert_int_equal(dad_dma_mem_unregister(domain, va, PAGE), 0);
	assert_served(dev, DAD_DMA_BIT_MASK(20), DAD_DMA_SUPPORT_NO);
	munmap(va, PAGE);
	unmake_soft(dev);
}

/* The same, where EAL knows of the memory and tells nobody. */
static void
external_memory_is_looked_at(void **state)
{
	struct dad_dma_domain *domain = dad_dma_domain_identity();
	struct dad_dma_dev *dev = counted_device(domain, DAD_DMA_RUNGS_ALL);
	const uint64_t required = dad_dma_get_required_mask(dev);
	rte_iova_t low[2] = {64u << 10, 80u << 10}, high[2] = {UINT64_C(1) << 49, 1u << 20};
	struct dad_dma_limits limits = {.excl_low = low[1], .excl_high = low[1]};
	unsigned char *va =
		mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)state;
	assert_true(va != MAP_FAILED);
	assert_served(dev, DAD_DMA_BIT_MASK(20), DAD_DMA_SUPPORT_NO);
	assert_int_equal(rte_extmem_register(va, 2 * PAGE, low, 2, PAGE), 0);
	assert_served(dev, DAD_DMA_BIT_MASK(20), DAD_DMA_SUPPORT_PARTLY);
	assert_int_equal(rung_taken(dev, va), DAD_DMA_RUNG_DIRECT);
	assert_served(dev, low[0], DAD_DMA_SUPPORT_PARTLY); /* a byte is some */
	assert_served(dev, low[0] - 1, DAD_DMA_SUPPORT_NO);
	assert_served(dev, required, DAD_DMA_SUPPORT_DIRECT);
	assert_int_equal(dad_dma_get_required_mask(dev), required);
	assert_int_equal(dad_dma_set_limits(dev, &limits), 0);
	assert_int_equal(dad_dma_supported(dev, required), DAD_DMA_SUPPORT_PARTLY);
	assert_int_equal(dad_dma_set_limits(dev, &(struct dad_dma_limits){0}), 0);

	/* above all other memory: a mask that reached all does not */
	assert_int_equal(rte_extmem_register(va + 2 * PAGE, 2 * PAGE, high, 2, PAGE), 0);
	assert_int_equal(dad_dma_get_required_mask(dev), DAD_DMA_BIT_MASK(50));
	assert_served(dev, DAD_DMA_BIT_MASK(50), DAD_DMA_SUPPORT_DIRECT);
	assert_int_equal(rung_taken(dev, va + 2 * PAGE), DAD_DMA_RUNG_DIRECT);
	assert_int_equal(dad_dma_supported(dev, required), DAD_DMA_SUPPORT_PARTLY);
	assert_int_equal(rte_extmem_unregister(va + 2 * PAGE, 2 * PAGE), 0);

	/* nobody remembers it */
	assert_int_equal(rte_extmem_unregister(va, 2 * PAGE), 0);
	assert_int_equal(dad_dma_get_required_mask(dev), required);
	assert_served(dev, DAD_DMA_BIT_MASK(20), DAD_DMA_SUPPORT_NO);
	munmap(va, 4 * PAGE);
	assert_int_equal(dad_dma_dev_destroy(dev), 0);
	dad_dma_domain_put(domain);
}

/* ---- all that there is below a mask
 * ----------------------------------------------------------------- */

static void
assert_no_space(struct dad_dma_dev *dev, void *va, size_t size)
{
	struct dad_dma_dev_stats before, after;

	dad_dma_dev_stats(dev, &before);
	rte_errno = 0;
	dad_dma_addr_t addr = dad_dma_map_single(dev, va, size, DAD_DMA_TO_DEVICE);
	assert_int_equal(addr, DAD_DMA_MAPPING_ERROR);
	assert_int_equal(dad_dma_mapping_error(dev, addr), -ENOMEM);
	assert_int_equal(rte_errno, ENOSPC);
	dad_dma_dev_stats(dev, &after);
	assert_int_equal(after.map_error_space, before.map_error_space + 1);
}

/* Mappings of one size until there is room for no more: so many, side by side below the mask. The
 * last to go makes room for the next. */
static void
use_up(struct dad_dma_dev *dev, void *va, size_t size, unsigned int n)
{
	static dad_dma_addr_t addr[4096];
	static bool seen[4096];
	const uint64_t mask = dad_dma_get_mask(dev);

	assert_in_range(n, 1, RTE_DIM(addr));
	memset(seen, 0, sizeof(seen));
	for (unsigned int i = 0; i < n; i++) {
		addr[i] = dad_dma_map_single(dev, va, size, DAD_DMA_TO_DEVICE);
		assert_int_equal(dad_dma_mapping_error(dev, addr[i]), 0);
		assert_true(addr[i] <= mask && size - 1 <= mask - addr[i]);
		assert_int_equal(addr[i] % size, 0);
		assert_false(seen[addr[i] / size]);
		seen[addr[i] / size] = true;
	}
	assert_no_space(dev, va, size);
	assert_no_space(dev, va, 1);
	for (unsigned int i = 0; i < 3; i++) {
		const unsigned int one = (unsigned int)below(n);

		dad_dma_unmap_single(dev, addr[one], size, DAD_DMA_TO_DEVICE);
		if (n > 1) /* else more than there ever is */
			assert_no_space(dev, va, size + 1);
		assert_int_equal(dad_dma_map_single(dev, va, size, DAD_DMA_TO_DEVICE), addr[one]);
	}
	while (n-- > 0)
		dad_dma_unmap_single(dev, addr[n], size, DAD_DMA_TO_DEVICE);
}

/* Behind an IOMMU of 4 KiB pages, 64 KiB are 16 mappings, or one; lazy unmapping and windows do not
 * keep any of it from those who need it. */
static void
every_page_below_a_mask_can_be_had(void **state)
{
	const unsigned int flags[] = {0, DAD_DMA_DOMAIN_LAZY};
	const unsigned int rungs[] = {RUNG(STRICT), RUNG(WINDOW) | RUNG(STRICT)};
	const unsigned int bits[] = {16, 24};
	void *page = aligned_alloc(PAGE, 2 * PAGE); /* no window covers it */

	(void)state;
	assert_non_null(page);
	for (unsigned int i = 0; i < 8; i++) {
		struct dad_dma_domain *domain = soft_domain(0, UINT32_MAX, flags[i % 2]);
		struct dad_dma_dev *dev = counted_device(domain, rungs[i / 2 % 2]);
		const uint64_t mask = DAD_DMA_BIT_MASK(bits[i / 4]);
		struct dad_dma_domain_info info;

		assert_int_equal(dad_dma_set_mask(dev, mask), 0);
		rung_taken(dev, eal_pool);
		dad_dma_domain_info(domain, &info);
		assert_int_equal(info.window_bytes != 0,
			(rungs[i / 2 % 2] & RUNG(WINDOW)) && bits[i / 4] == 24);
		use_up(dev, page, PAGE, (unsigned int)((mask + 1 - info.window_bytes) / PAGE));
		if (rungs[i / 2 % 2] == RUNG(STRICT)) {
			const size_t most = RTE_MIN(mask + 1, POOL);

			use_up(dev, eal_pool, most, (unsigned int)((mask + 1) / most));
		}
		unmake_soft(dev);
	}
	free(page);
}

/* ---- dad_dma_get_required_mask() --------------------------------------------------------------
 */

static int
find_highest(const struct rte_memseg_list *msl, const struct rte_memseg *ms, void *arg)
{
	uint64_t *highest = arg;

	(void)msl;
	*highest = RTE_MAX(*highest, ms->iova + ms->len - 1);
	return 0;
}

static uint64_t
mask_over(uint64_t addr)
{
	uint64_t mask = 1;

	while (mask < addr)
		mask = 2 * mask + 1;
	return mask;
}

static void
the_required_mask_is_the_narrowest_that_reaches_all(void **state)
{
	struct dad_dma_domain *domain = dad_dma_domain_identity();
	struct dad_dma_dev *dev = counted_device(domain, DAD_DMA_RUNGS_ALL);
	struct dad_dma_limits limits = {.bus_offset = INT64_C(1) << 50};
	dad_dma_addr_t far = UINT64_C(1) << 47;
	uint64_t highest = 0;
	void *va = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)state;
	assert_true(va != MAP_FAILED);
	far -= PAGE;
	assert_int_equal(rte_memseg_walk(find_highest, &highest), 0);
	uint64_t required = dad_dma_get_required_mask(dev);
	assert_int_equal(required, mask_over(highest));
	assert_int_equal(dad_dma_supported(dev, required), DAD_DMA_SUPPORT_DIRECT);
	assert_int_equal(dad_dma_supported(dev, highest), DAD_DMA_SUPPORT_DIRECT);
	assert_int_not_equal(dad_dma_supported(dev, highest - 1), DAD_DMA_SUPPORT_DIRECT);
	assert_int_not_equal(dad_dma_supported(dev, required / 2), DAD_DMA_SUPPORT_DIRECT);

	/* it follows what is known, and what lies between */
	assert_int_equal(dad_dma_mem_register(domain, va, PAGE, &far, 1, PAGE), 0);
	assert_int_equal(dad_dma_get_required_mask(dev), DAD_DMA_BIT_MASK(47));
	assert_int_equal(dad_dma_mem_unregister(domain, va, PAGE), 0);
	assert_int_equal(dad_dma_get_required_mask(dev), required);
	assert_int_equal(dad_dma_set_limits(dev, &limits), 0);
	assert_int_equal(dad_dma_get_required_mask(dev), DAD_DMA_BIT_MASK(51));
	munmap(va, PAGE);
	unmake_soft(dev);
}

static void
a_remapping_domain_requires_no_more_than_its_iovas(void **state)
{
	struct dad_dma_domain *domain = soft_domain(PAGE, DAD_DMA_BIT_MASK(28), 0);
	struct dad_dma_dev *dev = counted_device(domain, RUNG(WINDOW) | RUNG(STRICT));

	(void)state;
	assert_int_equal(dad_dma_get_required_mask(dev), DAD_DMA_BIT_MASK(28));
	assert_int_equal(dad_dma_dev_set_rungs(dev, DAD_DMA_RUNGS_ALL), 0);
	uint64_t required = dad_dma_get_required_mask(dev);
	assert_true(required >= mask_over((uintptr_t)eal_pool + POOL - 1));
	assert_int_equal(dad_dma_supported(dev, required), DAD_DMA_SUPPORT_DIRECT);
	assert_int_not_equal(dad_dma_supported(dev, required / 2), DAD_DMA_SUPPORT_DIRECT);
	unmake_soft(dev);
}

/* ---- dad_dma_map_page() ----------------------------------------------------------------------
 */

static void
parts_of_pages_are_mapped_where_they_are(void **state)
{
	static const unsigned int rungs[] = {
		RUNG(DIRECT), RUNG(WINDOW), RUNG(STRICT), RUNG(BOUNCE)};
	static unsigned char got[2 * PAGE];

	(void)state;
	for (unsigned int r = 0; r < RTE_DIM(rungs); r++) {
		struct dad_dma_domain *domain = soft_domain(0, UINT32_MAX, 0);
		struct dad_dma_bounce_conf conf = {.size = 1u << 20};

		assert_int_equal(dad_dma_bounce_create(domain, &conf), 0);
		struct dad_dma_dev *dev = counted_device(domain, rungs[r]);
		assert_int_equal(dad_dma_set_mask(dev, UINT64_MAX), 0);
		for (unsigned int i = 0; i < 1000; i++) {
			size_t page = below(POOL / PAGE - 8) * PAGE;
			size_t offset = below(5 * PAGE), size = 1 + below(sizeof(got));
			unsigned char *part = eal_pool + page + offset;

			random_fill(part, size);
			dad_dma_addr_t addr = dad_dma_map_page(
				dev, eal_pool + page, offset, size, DAD_DMA_BIDIRECTIONAL);
			assert_int_equal(dad_dma_mapping_error(dev, addr), 0);
			if (rungs[r] == RUNG(DIRECT))
				assert_int_equal(addr, (uintptr_t)part);
			assert_int_equal(dad_soft_dma_read(dev, addr, got, size), 0);
			assert_memory_equal(got, part, size);
			random_fill(got, size);
			assert_int_equal(dad_soft_dma_write(dev, addr, got, size), 0);
			dad_dma_unmap_single(dev, addr, size, DAD_DMA_BIDIRECTIONAL);
			assert_memory_equal(got, part, size);
		}
		assert_int_equal(dad_dma_map_page(dev, eal_pool, 5, 0, DAD_DMA_TO_DEVICE),
			DAD_DMA_MAPPING_ERROR);
		assert_int_equal(rte_errno, EINVAL);
		assert_int_equal(
			dad_dma_map_page(dev, eal_pool, 5, 1, DAD_DMA_NONE), DAD_DMA_MAPPING_ERROR);
		assert_int_equal(rte_errno, EINVAL);
		assert_int_equal(
			dad_dma_map_page(dev, eal_pool, UINT64_C(1) << 47, 1, DAD_DMA_TO_DEVICE),
			DAD_DMA_MAPPING_ERROR);
		assert_int_equal(rte_errno, EFAULT);
		unmake_soft(dev);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(each_rung_of_a_soft_domain_serves_some_masks),
	cmocka_unit_test(a_pool_serves_masks_that_reach_all_of_it),
	cmocka_unit_test(mappings_of_others_serve_nobody),
	cmocka_unit_test(a_device_that_reaches_some_memory_is_served_partly),
	cmocka_unit_test(external_memory_is_looked_at),
	cmocka_unit_test(every_page_below_a_mask_can_be_had),
	cmocka_unit_test(the_required_mask_is_the_narrowest_that_reaches_all),
	cmocka_unit_test(a_remapping_domain_requires_no_more_than_its_iovas),
	cmocka_unit_test(parts_of_pages_are_mapped_where_they_are),
};

POOLS_MAIN(tests, POOL, DAD_DMA_UNIT_SIZE)
