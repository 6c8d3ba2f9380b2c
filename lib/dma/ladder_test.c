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
#include <rte_malloc.h>
#include <rte_memory.h>

#include "dad_dma.h"
#include "dad_dma_domain.h"
#include "dad_dma_soft.h"
#include "eal_test.h"
#include "test_random.h"

/* Every rung under every mask: what is handed out lies under the mask, and the device moves exactly
 * the bytes of the buffer. */

#define PAGE   4096u
#define POOL   (8u << 20) /* memory in which the buffers lie */
#define ROUNDS 4400u

static unsigned char *eal_pool;
static unsigned char *libc_pool;
static unsigned char shadow[64u << 10];
static unsigned int exact; /* transfers that were, in all tests together */

static const unsigned int all_masks[] = {16, 24, 28, 30, 31, 32, 36, 39, 40, 48, 52, 64};

/* One transfer there, one back, one both ways. Returns false if the map was refused. */
static bool
transfer(struct dad_dma_dev *dev, unsigned char *buffer, size_t size)
{
	enum dad_dma_dir dir = (enum dad_dma_dir)below(3);
	size_t at = below((unsigned int)size), part = 1 + below((unsigned int)(size - at));

	random_fill(buffer, size);
	memcpy(shadow, buffer, size);
	dad_dma_addr_t addr = dad_dma_map_single(dev, buffer, size, dir);
	if (dad_dma_mapping_error(dev, addr) != 0)
		return false;
	assert_true(addr <= dad_dma_get_mask(dev));
	assert_true(size - 1 <= dad_dma_get_mask(dev) - addr);

	if (dir != DAD_DMA_FROM_DEVICE) {
		static unsigned char got[sizeof(shadow)];

		assert_int_equal(dad_soft_dma_read(dev, addr, got, size), 0);
		assert_memory_equal(got, shadow, size);
	}
	if (dir != DAD_DMA_TO_DEVICE) {
		/* a short write: the rest has to come back as it was */
		random_fill(shadow + at, part);
		assert_int_equal(dad_soft_dma_write(dev, addr + at, shadow + at, part), 0);
	}
	dad_dma_unmap_single(dev, addr, size, dir);
	assert_memory_equal(buffer, shadow, size);
	exact++;
	return true;
}

/* Many of them with one mask and one rung; how many were possible. */
static unsigned int
transfers(struct dad_dma_dev *dev, unsigned char *pool, unsigned int rounds)
{
	unsigned int done = 0;

	for (unsigned int i = 0; i < rounds; i++) {
		size_t size = 1 + below(below(8) == 0 ? sizeof(shadow) / 2 : 3000);
		size_t at = below(POOL - (unsigned int)size);

		if (below(2) == 0)
			at &= ~(size_t)(PAGE - 1);
		done += transfer(dev, pool + at, size);
	}
	return done;
}

static struct dad_dma_domain *
soft_domain(uint64_t first, uint64_t last, unsigned int flags)
{
	struct dad_dma_domain_conf conf = {.name = "soft",
		.type = DAD_DMA_DOMAIN_SOFT,
		.iova_first = first,
		.iova_last = last,
		.flags = flags,
		.socket_id = SOCKET_ID_ANY};
	struct dad_dma_domain *domain = dad_dma_domain_create(&conf);

	assert_non_null(domain);
	return domain;
}

static void
assert_nothing_left(struct dad_dma_domain *domain, struct dad_dma_dev *dev)
{
	struct dad_dma_dev_stats stats;
	struct dad_dma_domain_info info;

	dad_dma_dev_stats(dev, &stats);
	assert_int_equal(stats.unmapped, stats.direct + stats.window + stats.strict + stats.bounce);
	dad_dma_domain_flush(domain);
	dad_dma_domain_info(domain, &info);
	assert_int_equal(info.strict_maps, 0);
	assert_int_equal(info.faults, 0);
	assert_int_equal(info.lost, 0);
	assert_int_equal(dad_dma_dev_destroy(dev), 0);
}

static void
try_all_masks(struct dad_dma_domain *domain, enum dad_dma_rung rung, unsigned char *pool,
	unsigned int lowest)
{
	for (unsigned int i = 0; i < RTE_DIM(all_masks); i++) {
		struct dad_dma_dev *dev = dad_dma_dev_create("narrow", domain, SOCKET_ID_ANY);
		unsigned int possible = 0;

		assert_non_null(dev);
		dad_dma_dev_count_direct(dev, true);
		assert_int_equal(dad_dma_dev_set_rungs(dev, DAD_DMA_RUNG_BIT(rung)), 0);
		if (dad_dma_set_mask(dev, DAD_DMA_BIT_MASK(all_masks[i])) == 0)
			possible = transfers(dev, pool, ROUNDS);
		if (all_masks[i] >= lowest)
			assert_int_equal(possible, ROUNDS);

		struct dad_dma_dev_stats stats;
		dad_dma_dev_stats(dev, &stats);
		const uint64_t by_rung[] = {
			0, stats.direct, stats.window, stats.strict, stats.bounce};
		assert_int_equal(by_rung[rung], possible);
		assert_nothing_left(domain, dev);
	}
}

static void
strict_serves_every_mask(void **state)
{
	const uint64_t tops[] = {UINT32_MAX, DAD_DMA_BIT_MASK(40), DAD_DMA_BIT_MASK(48)};

	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(tops); i++)
		for (unsigned int lazy = 0; lazy < 2; lazy++) {
			struct dad_dma_domain *domain =
				soft_domain(PAGE, tops[i], lazy ? DAD_DMA_DOMAIN_LAZY : 0);

			try_all_masks(domain, DAD_DMA_RUNG_STRICT, eal_pool, 24);
			try_all_masks(domain, DAD_DMA_RUNG_STRICT, libc_pool, 24);
			dad_dma_domain_put(domain);
		}
}

static void
windows_serve_masks_that_leave_room_for_them(void **state)
{
	(void)state;
	/* 8 MiB of buffers: 10 MiB of windows, which are half of what there is */
	struct dad_dma_domain *domain = soft_domain(0, UINT32_MAX, 0);
	try_all_masks(domain, DAD_DMA_RUNG_WINDOW, eal_pool, 65); /* some span two */
	struct dad_dma_domain_info info;
	dad_dma_domain_info(domain, &info);
	assert_true(info.window_bytes > 0);
	dad_dma_domain_put(domain);

	for (unsigned int i = 0; i < RTE_DIM(all_masks); i++) {
		if (all_masks[i] < 28)
			continue;
		domain = soft_domain(0, UINT32_MAX, 0);
		struct dad_dma_dev *dev = dad_dma_dev_create("narrow", domain, SOCKET_ID_ANY);
		assert_int_equal(dad_dma_dev_set_rungs(dev,
					 DAD_DMA_RUNG_BIT(DAD_DMA_RUNG_WINDOW) |
						 DAD_DMA_RUNG_BIT(DAD_DMA_RUNG_STRICT)),
			0);
		assert_int_equal(dad_dma_set_mask(dev, DAD_DMA_BIT_MASK(all_masks[i])), 0);
		assert_int_equal(dad_dma_supported(dev, DAD_DMA_BIT_MASK(all_masks[i])),
			DAD_DMA_SUPPORT_WINDOW);
		assert_int_equal(transfers(dev, eal_pool, 1000), 1000);
		struct dad_dma_dev_stats stats;
		dad_dma_dev_stats(dev, &stats);
		/* buffers that span two windows are strict */
		assert_true(stats.window > 900);
		assert_int_equal(stats.window + stats.strict, 1000);
		assert_nothing_left(domain, dev);
		dad_dma_domain_put(domain);
	}
}

static void
direct_serves_wide_masks(void **state)
{
	(void)state;
	struct dad_dma_domain *domain = soft_domain(0, UINT32_MAX, 0);
	try_all_masks(domain, DAD_DMA_RUNG_DIRECT, eal_pool, 48);
	dad_dma_domain_put(domain);
}

static void
bounce_serves_every_mask_that_reaches_the_pool(void **state)
{
	const struct {
		uint64_t limit;
		size_t size;
		unsigned int lowest;
	} pools[] = {
		{.limit = UINT16_MAX, .size = 32u << 10, .lowest = 65}, /* nothing above 16 KiB */
		{.limit = DAD_DMA_BIT_MASK(24), .size = 1u << 20, .lowest = 24},
		{.limit = 0, .size = 0, .lowest = 32},
		{.limit = DAD_DMA_BIT_MASK(28), .size = 16u << 20, .lowest = 28},
	};

	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(pools); i++) {
		struct dad_dma_domain *domain = soft_domain(0, UINT32_MAX, 0);
		struct dad_dma_bounce_conf conf = {.size = pools[i].size, .limit = pools[i].limit};
		struct dad_dma_bounce_stats stats;

		assert_int_equal(dad_dma_bounce_create(domain, &conf), 0);
		assert_int_equal(dad_dma_bounce_create(domain, &conf), -EEXIST);
		assert_int_equal(dad_dma_bounce_stats(domain, NULL, &stats), 0);
		assert_true(stats.highest <= (conf.limit != 0 ? conf.limit : UINT32_MAX));
		try_all_masks(domain, DAD_DMA_RUNG_BOUNCE, eal_pool, pools[i].lowest);
		try_all_masks(domain, DAD_DMA_RUNG_BOUNCE, libc_pool, pools[i].lowest);
		assert_int_equal(dad_dma_bounce_stats(domain, NULL, &stats), 0);
		assert_int_equal(stats.used, stats.cached);
		assert_true(stats.high > 0);
		dad_dma_domain_put(domain);
	}
}

/* A 16-bit device: what fits into a slot of a pool below 64 KiB. */
static void
sixteen_bits_are_served_in_small_pieces(void **state)
{
	const enum dad_dma_rung rungs[] = {DAD_DMA_RUNG_STRICT, DAD_DMA_RUNG_BOUNCE};

	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(rungs); i++) {
		struct dad_dma_domain *domain = soft_domain(0, UINT32_MAX, 0);
		struct dad_dma_dev *dev = dad_dma_dev_create("isa", domain, SOCKET_ID_ANY);
		struct dad_dma_bounce_conf conf = {.size = 32u << 10, .limit = UINT16_MAX};

		assert_int_equal(dad_dma_bounce_create(domain, &conf), 0);
		assert_int_equal(dad_dma_dev_set_rungs(dev, DAD_DMA_RUNG_BIT(rungs[i])), 0);
		assert_int_equal(dad_dma_set_mask(dev, UINT16_MAX), 0);
		for (unsigned int n = 0; n < 2000; n++)
			assert_true(transfer(dev, eal_pool + below(POOL - 4096), 1 + below(4096)));
		assert_nothing_left(domain, dev);
		dad_dma_domain_put(domain);
	}
}

/* EAL's own IOVAs, with a pool: physical addresses or low virtual ones. */
static void
identity_bounces_what_lies_too_high(void **state)
{
	struct dad_dma_domain *domain = dad_dma_domain_identity();
	struct dad_dma_dev *dev = dad_dma_dev_create("narrow", domain, SOCKET_ID_ANY);
	unsigned int bits;

	(void)state;
	/* where hugepages lie is luck; where virtual addresses lie is not */
	for (bits = 32; bits < 64; bits++) {
		struct dad_dma_bounce_conf conf = {.limit = DAD_DMA_BIT_MASK(bits)};

		if (dad_dma_bounce_create(domain, &conf) == 0)
			break;
	}
	assert_true(bits < 64);
	assert_true(bits == 32 || rte_eal_iova_mode() == RTE_IOVA_PA);
	/* the pool came after the device */
	assert_int_equal(dad_dma_dev_set_rungs(dev, DAD_DMA_RUNGS_ALL), 0);
	assert_int_equal(dad_dma_set_mask(dev, DAD_DMA_BIT_MASK(bits)), 0);
	assert_int_equal(transfers(dev, eal_pool, 3000), 3000);
	assert_int_equal(transfers(dev, libc_pool, 3000), 3000);
	struct dad_dma_dev_stats stats;
	dad_dma_dev_stats(dev, &stats);
	assert_true(stats.bounce >= 3000);
	assert_int_equal(stats.strict + stats.window, 0);
	assert_int_equal(dad_dma_set_mask(dev, UINT64_MAX), 0);
	uint64_t bounced = stats.bounce;
	assert_int_equal(transfers(dev, eal_pool, 1000), 1000);
	dad_dma_dev_stats(dev, &stats);
	assert_true(stats.bounce - bounced < 100); /* those that are not contiguous */
	assert_int_equal(stats.unmapped, stats.bounce);
	try_all_masks(domain, DAD_DMA_RUNG_BOUNCE, eal_pool, bits);
	assert_int_equal(dad_dma_dev_destroy(dev), 0);
	dad_dma_domain_put(domain);
}

/* Without forcing: each buffer takes the first rung that works. */
static void
the_ladder_is_climbed_in_order(void **state)
{
	struct dad_dma_domain *domain = soft_domain(0, UINT32_MAX, 0);
	struct dad_dma_bounce_conf bounce = {.size = 1u << 20};
	struct dad_dma_dev *dev = dad_dma_dev_create("any", domain, SOCKET_ID_ANY);
	struct dad_dma_dev_stats stats;
	const enum dad_dma_dir dir = DAD_DMA_BIDIRECTIONAL;

	(void)state;
	assert_int_equal(dad_dma_bounce_create(domain, &bounce), 0);
	dad_dma_dev_count_direct(dev, true);
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
	dad_dma_dev_stats(dev, &stats);
	assert_int_equal(stats.direct, 1);
	assert_int_equal(stats.strict, 1);
	assert_int_equal(stats.window, 1);
	assert_int_equal(stats.bounce, 1);
	assert_int_equal(dad_dma_dev_destroy(dev), -EBUSY);
	dad_dma_unmap_single(dev, a, 100, dir);
	dad_dma_unmap_single(dev, b, 100, dir);
	dad_dma_unmap_single(dev, c, 100, dir);
	dad_dma_unmap_single(dev, d, 100, dir);
	assert_nothing_left(domain, dev);
	dad_dma_domain_put(domain);
}

/* Coherent memory has a mask of its own, and an IOVA of its own where the mask asks for one. */
static void
coherent_memory_lies_under_every_mask(void **state)
{
	struct dad_dma_domain *domain = soft_domain(0, UINT32_MAX, 0);

	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(all_masks); i++) {
		struct dad_dma_dev *dev = dad_dma_dev_create("narrow", domain, SOCKET_ID_ANY);
		uint64_t mask = DAD_DMA_BIT_MASK(all_masks[i]);

		assert_int_equal(dad_dma_set_mask_and_coherent(dev, mask), 0);
		for (size_t size = 1; size <= 32u << 10; size = size * 3 + 1) {
			dad_dma_addr_t handle;
			unsigned char byte = (unsigned char)size, got = 0;
			unsigned char *va = dad_dma_alloc_coherent(dev, size, &handle);

			assert_non_null(va);
			assert_true(handle <= mask && size - 1 <= mask - handle);
			assert_int_equal(handle & (rte_align64pow2(RTE_MAX(size, PAGE)) - 1), 0);
			assert_int_equal(dad_soft_dma_write(dev, handle + size - 1, &byte, 1), 0);
			assert_int_equal(va[size - 1], byte);
			va[0] = 77;
			assert_int_equal(dad_soft_dma_read(dev, handle, &got, 1), 0);
			assert_int_equal(got, 77);
			dad_dma_free_coherent(dev, size, va, handle);
		}
		assert_nothing_left(domain, dev);
	}
	struct dad_dma_domain_info info;
	dad_dma_domain_info(domain, &info);
	assert_int_equal(info.registers_used, 0);
	assert_true(info.registers_high > 0);
	dad_dma_domain_put(domain);
}

static void
there_were_a_million_transfers(void **state)
{
	(void)state;
	print_message("%u transfers\n", exact);
	assert_true(exact >= 1000000);
}

/* A driver's error, which must not keep its device for ever: it frees what it has mapped. */
static void
memory_that_went_while_mapped_can_be_unmapped(void **state)
{
	const size_t size = 32u << 20; /* EAL gives it back to the kernel */
	struct dad_dma_domain *domain = soft_domain(0, UINT32_MAX, 0);
	struct dad_dma_dev *dev = dad_dma_dev_create("late", domain, SOCKET_ID_ANY);
	char *buffer = rte_malloc(NULL, size, PAGE);
	struct dad_dma_dev_stats stats;

	(void)state;
	assert_true(dev != NULL && buffer != NULL);
	dad_dma_addr_t first = dad_dma_map_single(dev, buffer, PAGE, DAD_DMA_TO_DEVICE);
	dad_dma_addr_t second = dad_dma_map_single(dev, buffer + size / 2, PAGE, DAD_DMA_TO_DEVICE);
	assert_int_equal(dad_dma_mapping_error(dev, first), 0);
	assert_int_equal(dad_dma_mapping_error(dev, second), 0);
	rte_free(buffer);
	assert_int_equal(dad_dma_dev_destroy(dev), -EBUSY);
	dad_dma_unmap_single(dev, first, PAGE, DAD_DMA_TO_DEVICE);
	assert_int_equal(dad_dma_dev_destroy(dev), -EBUSY);
	dad_dma_unmap_single(dev, second, PAGE, DAD_DMA_TO_DEVICE);
	/* once more is one too many; a window that is there still could not tell */
	if (rte_eal_has_hugepages())
		dad_dma_unmap_single(dev, second, PAGE, DAD_DMA_TO_DEVICE);
	dad_dma_dev_stats(dev, &stats);
	assert_int_equal(stats.unmapped, stats.window + stats.strict);
	assert_int_equal(dad_dma_dev_destroy(dev), 0);
	dad_dma_domain_put(domain);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_that_went_while_mapped_can_be_unmapped),
		cmocka_unit_test(strict_serves_every_mask),
		cmocka_unit_test(windows_serve_masks_that_leave_room_for_them),
		cmocka_unit_test(direct_serves_wide_masks),
		cmocka_unit_test(bounce_serves_every_mask_that_reaches_the_pool),
		cmocka_unit_test(sixteen_bits_are_served_in_small_pieces),
		cmocka_unit_test(identity_bounces_what_lies_too_high),
		cmocka_unit_test(the_ladder_is_climbed_in_order),
		cmocka_unit_test(coherent_memory_lies_under_every_mask),
		cmocka_unit_test(there_were_a_million_transfers),
	};
	int ret = argc > 0 ? eal_test_init(argv[0]) : 1;

	if (ret != 0)
		return ret;
	eal_pool = rte_malloc(NULL, POOL, PAGE);
	libc_pool = malloc(POOL);
	if (eal_pool == NULL || libc_pool == NULL)
		return 1;
	random_fill(eal_pool, POOL);
	random_fill(libc_pool, POOL);
	ret = cmocka_run_group_tests(tests, NULL, NULL);
	rte_free(eal_pool);
	free(libc_pool);
	rte_eal_cleanup();
	return ret;
}
