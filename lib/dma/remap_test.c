/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <rte_errno.h>
#include <rte_malloc.h>

#include "dad_dma_sg.h"
#include "dad_dma_soft.h"
#include "test_domains.h"
#include "test_thread.h"

/* What a domain does with IOVAs, and the mapping registers they cost. */

static void
zero_is_an_address_like_any_other(void **state)
{
	struct dad_dma_domain_conf conf = conf_of(STRICT, 0);
	struct dad_dma_domain *domain;
	unsigned char data[16];

	(void)state;
	conf.iova_last = PAGE - 1;
	struct dad_dma_dev *dev = make(&conf, &domain);
	memset(memory, 7, 16);
	unsigned char *page = (unsigned char *)RTE_PTR_ALIGN_CEIL(memory, PAGE);
	dad_dma_addr_t a = dad_dma_map_single(dev, page, 16, DAD_DMA_TO_DEVICE);
	assert_int_equal(a, 0);
	assert_int_equal(dad_dma_mapping_error(dev, a), 0);
	assert_int_equal(dad_soft_dma_read(dev, 0, data, 16), 0);
	assert_memory_equal(data, page, 16);
	/* that was all there is */
	dad_dma_addr_t b = dad_dma_map_single(dev, page, 16, DAD_DMA_TO_DEVICE);
	assert_int_equal(dad_dma_mapping_error(dev, b), -ENOMEM);
	assert_int_equal(rte_errno, ENOSPC);
	dad_dma_unmap_single(dev, a, 16, DAD_DMA_TO_DEVICE);
	b = dad_dma_map_single(dev, page, 16, DAD_DMA_TO_DEVICE);
	assert_int_equal(b, 0);
	dad_dma_unmap_single(dev, b, 16, DAD_DMA_TO_DEVICE);
	unmake(domain, dev);
}

static void
mapping_registers_are_a_limit(void **state)
{
	struct dad_dma_domain_conf conf = conf_of(STRICT, 0);
	struct dad_dma_domain *domain;
	dad_dma_addr_t a[10];

	(void)state;
	conf.mapping_registers = 10;
	struct dad_dma_dev *dev = make(&conf, &domain);
	unsigned char *page = (unsigned char *)RTE_PTR_ALIGN_CEIL(memory, PAGE);
	for (unsigned int i = 0; i < 5; i++) /* two registers each: they span two pages */
		a[i] = dad_dma_map_single(dev, page + PAGE - 1, 2, DAD_DMA_TO_DEVICE);
	assert_int_equal(dad_dma_mapping_error(dev, a[4]), 0);
	assert_int_equal(
		dad_dma_map_single(dev, page, 1, DAD_DMA_TO_DEVICE), DAD_DMA_MAPPING_ERROR);
	assert_int_equal(rte_errno, ENOSPC);
	struct dad_dma_dev_stats stats;
	dad_dma_dev_stats(dev, &stats);
	assert_int_equal(stats.map_error_space, 1);
	assert_int_equal(info_of(domain).registers_used, 10);
	dad_dma_unmap_single(dev, a[0], 2, DAD_DMA_TO_DEVICE);
	a[0] = dad_dma_map_single(dev, page, PAGE, DAD_DMA_TO_DEVICE);
	assert_int_equal(info_of(domain).registers_used, 9);
	assert_int_equal(info_of(domain).registers_high, 10);
	dad_dma_unmap_single(dev, a[0], PAGE, DAD_DMA_TO_DEVICE);
	for (unsigned int i = 1; i < 5; i++)
		dad_dma_unmap_single(dev, a[i], 2, DAD_DMA_TO_DEVICE);
	assert_int_equal(info_of(domain).registers_used, 0);
	unmake(domain, dev);
}

static void
lazy_unmaps_wait_for_a_flush(void **state)
{
	struct dad_dma_domain_conf conf = conf_of(STRICT, DAD_DMA_DOMAIN_LAZY);
	struct dad_dma_domain *domain;
	unsigned char data;

	(void)state;
	conf.iova_first = 0;
	conf.iova_last = 16 * PAGE - 1;
	struct dad_dma_dev *dev = make(&conf, &domain);
	dad_dma_addr_t a = dad_dma_map_single(dev, memory, 1, DAD_DMA_TO_DEVICE);
	dad_dma_unmap_single(dev, a, 1, DAD_DMA_TO_DEVICE);
	/* the device can still see it, though it must not */
	assert_int_equal(dad_soft_dma_read(dev, a, &data, 1), 0);
	assert_int_equal(info_of(domain).waiting, 1);
	assert_int_equal(info_of(domain).registers_used, 1);
	dad_dma_domain_flush(domain);
	assert_int_equal(dad_soft_dma_read(dev, a, &data, 1), -EFAULT);
	assert_int_equal(info_of(domain).waiting, 0);
	assert_int_equal(info_of(domain).registers_used, 0);

	/* IOVAs that wait are not missed: 16 of them serve any number of transfers */
	for (unsigned int i = 0; i < 1000; i++) {
		a = dad_dma_map_single(dev, memory, 1, DAD_DMA_TO_DEVICE);
		assert_int_equal(dad_dma_mapping_error(dev, a), 0);
		dad_dma_unmap_single(dev, a, 1, DAD_DMA_TO_DEVICE);
	}
	assert_true(info_of(domain).flushes >= 1000 / 16);
	unmake(domain, dev);
}

static void
limits_of_a_device_are_kept(void **state)
{
	struct dad_dma_domain_conf conf = conf_of(0, 0);
	struct dad_dma_domain *domain;
	struct dad_dma_bounce_conf bounce = {.size = 1u << 20, .limit = 0x3fffff};
	const unsigned int window = DAD_DMA_RUNG_BIT(DAD_DMA_RUNG_WINDOW);

	(void)state;
	conf.iova_last = 0xffffff;
	struct dad_dma_dev *dev = make(&conf, &domain);
	assert_int_equal(dad_dma_bounce_create(domain, &bounce), 0);
	assert_int_equal(
		dad_dma_set_limits(dev, &(struct dad_dma_limits){.alignment = 3}), -EINVAL);
	assert_int_equal(
		dad_dma_set_limits(dev, &(struct dad_dma_limits){.excl_low = 3, .excl_high = 2}),
		-EINVAL);
	assert_int_equal(
		dad_dma_set_limits(dev, &(struct dad_dma_limits){.seg_boundary = 5000}), -EINVAL);

	assert_int_equal(dad_dma_dev_set_rungs(dev, STRICT | BOUNCE), 0);
	struct dad_dma_limits limits = {.excl_low = 0x800000,
		.excl_high = 0xffffff,
		.alignment = 64,
		.bus_offset = 0x10000000,
		.min_align_mask = 0};
	limits.excl_low += 0x10000000;
	limits.excl_high += 0x10000000;
	assert_int_equal(dad_dma_set_limits(dev, &limits), 0);
	struct dad_dma_dev_stats stats;
	for (unsigned int i = 0; i < 300; i++) {
		unsigned char data[64];
		size_t size = 1 + i % 60;
		dad_dma_addr_t a = dad_dma_map_single(dev, memory + i, size, DAD_DMA_BIDIRECTIONAL);

		assert_int_equal(dad_dma_mapping_error(dev, a), 0);
		assert_int_equal(a % 64, 0);
		assert_true(a >= 0x10000000 && a + size <= 0x10800000);
		memset(data, (int)i, sizeof(data));
		assert_int_equal(dad_soft_dma_write(dev, a, data, size), 0);
		dad_dma_sync_single_for_cpu(dev, a, size, DAD_DMA_BIDIRECTIONAL);
		assert_memory_equal(memory + i, data, size);
		dad_dma_unmap_single(dev, a, size, DAD_DMA_BIDIRECTIONAL);
	}
	dad_dma_dev_stats(dev, &stats);
	assert_true(stats.strict > 0 && stats.bounce > 200);
	assert_int_equal(stats.unmapped, 300);

	/* a negative offset: IOVAs from 1 MiB on are the bus's from 0 */
	limits = (struct dad_dma_limits){.bus_offset = -(INT64_C(1) << 20)};
	assert_int_equal(dad_dma_set_limits(dev, &limits), 0);
	assert_int_equal(dad_dma_set_mask(dev, 0x7fffff), 0);
	for (unsigned int i = 0; i < 100; i++) {
		dad_dma_addr_t a = dad_dma_map_single(dev, memory, PAGE, DAD_DMA_BIDIRECTIONAL);
		unsigned char data[PAGE];

		assert_int_equal(dad_dma_mapping_error(dev, a), 0);
		assert_true(a + PAGE - 1 <= 0x7fffff);
		assert_int_equal(dad_soft_dma_read(dev, a, data, PAGE), 0);
		dad_dma_unmap_single(dev, a, PAGE, DAD_DMA_BIDIRECTIONAL);
	}
	/* windows too, and under the widest mask */
	char *heap = rte_malloc(NULL, PAGE, PAGE);
	assert_int_equal(dad_dma_set_mask(dev, UINT64_MAX), 0);
	assert_int_equal(dad_dma_dev_set_rungs(dev, window), 0);
	dad_dma_addr_t w = dad_dma_map_single(dev, heap, PAGE, DAD_DMA_BIDIRECTIONAL);
	assert_int_equal(dad_dma_mapping_error(dev, w), 0);
	assert_int_equal(dad_soft_dma_write(dev, w, "w", 1), 0);
	assert_int_equal(heap[0], 'w');
	dad_dma_unmap_single(dev, w, PAGE, DAD_DMA_BIDIRECTIONAL);
	rte_free(heap);
	unmake(domain, dev);
}

static void
wrong_configurations_are_refused(void **state)
{
	struct dad_dma_domain_conf conf = conf_of(0, 0);

	(void)state;
	assert_null(dad_dma_domain_create(NULL));
	assert_int_equal(rte_errno, EINVAL);
	conf.name = NULL;
	assert_null(dad_dma_domain_create(&conf));
	conf = conf_of(1, 0);
	assert_null(dad_dma_domain_create(&conf));
	assert_int_equal(rte_errno, EINVAL);
	conf = conf_of(0, 0x80);
	assert_null(dad_dma_domain_create(&conf));
	conf = conf_of(0, DAD_DMA_DOMAIN_LAZY | DAD_DMA_DOMAIN_NONCOHERENT);
	assert_null(dad_dma_domain_create(&conf));
	conf = conf_of(0, 0);
	conf.type = DAD_DMA_DOMAIN_IDENTITY;
	assert_null(dad_dma_domain_create(&conf));
	conf.type = DAD_DMA_DOMAIN_CUSTOM;
	assert_null(dad_dma_domain_create(&conf));
	assert_int_equal(rte_errno, EINVAL);
	conf = conf_of(0, 0);
	conf.iova_first = PAGE;
	conf.iova_last = PAGE + 17;
	assert_null(dad_dma_domain_create(&conf));
	assert_int_equal(rte_errno, ERANGE);
	conf.iova_first = UINT64_C(1) << 50;
	conf.iova_last = UINT64_C(1) << 51;
	assert_null(dad_dma_domain_create(&conf));
	assert_int_equal(rte_errno, ERANGE);
}

struct greedy {
	pthread_t thread;
	struct dad_dma_dev *dev;
	bool started;
	bool stop;
	unsigned int granted;
};

/* Asks for more registers than there are. */
static void *
be_greedy(void *arg)
{
	struct greedy *g = arg;
	struct dad_dma_iova_state s;

	spread_out(1);
	while (!__atomic_load_n(&g->stop, __ATOMIC_RELAXED)) {
		g->granted += dad_dma_iova_try_alloc(g->dev, &s, NULL, 17 * PAGE);
		__atomic_store_n(&g->started, true, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void
what_is_refused_takes_no_registers_from_others(void **state)
{
	struct dad_dma_domain_conf conf = conf_of(STRICT, 0);
	struct dad_dma_domain *domain;
	unsigned int refused = 0;

	(void)state;
	conf.mapping_registers = 16;
	struct dad_dma_dev *dev = make(&conf, &domain);
	struct greedy g = {.dev = dev};
	assert_int_equal(pthread_create(&g.thread, NULL, be_greedy, &g), 0);
	while (!__atomic_load_n(&g.started, __ATOMIC_RELAXED))
		sched_yield();
	for (unsigned int i = 0; i < 100000; i++) {
		dad_dma_addr_t a = dad_dma_map_single(dev, memory, PAGE, DAD_DMA_TO_DEVICE);

		if (a == DAD_DMA_MAPPING_ERROR)
			refused++;
		else
			dad_dma_unmap_single(dev, a, PAGE, DAD_DMA_TO_DEVICE);
	}
	__atomic_store_n(&g.stop, true, __ATOMIC_RELAXED);
	pthread_join(g.thread, NULL);
	assert_int_equal(g.granted, 0);
	assert_int_equal(refused, 0);
	assert_int_equal(info_of(domain).registers_used, 0);
	unmake(domain, dev);
}

static int
run(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(zero_is_an_address_like_any_other),
		cmocka_unit_test(mapping_registers_are_a_limit),
		cmocka_unit_test(lazy_unmaps_wait_for_a_flush),
		cmocka_unit_test(limits_of_a_device_are_kept),
		cmocka_unit_test(wrong_configurations_are_refused),
		cmocka_unit_test(what_is_refused_takes_no_registers_from_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

int
main(int argc, char **argv)
{
	return domains_main(argc, argv, run);
}
