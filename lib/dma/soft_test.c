/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <rte_errno.h>
#include <rte_log.h>
#include <rte_malloc.h>
#include <rte_memory.h>

#include "dad_dma.h"
#include "dad_dma_domain.h"
#include "dad_dma_sg.h"
#include "dad_dma_soft.h"
#include "eal_test.h"
#include "test_thread.h"

/* The software IOMMU and what a domain does with IOVAs. */

#define PAGE   4096u
#define STRICT DAD_DMA_RUNG_BIT(DAD_DMA_RUNG_STRICT)
#define BOUNCE DAD_DMA_RUNG_BIT(DAD_DMA_RUNG_BOUNCE)

static unsigned char *memory; /* 16 pages of the C library */

static struct dad_dma_domain_conf
conf_of(unsigned int rungs, unsigned int flags)
{
	return (struct dad_dma_domain_conf){.name = "soft",
		.type = DAD_DMA_DOMAIN_SOFT,
		.rungs = rungs,
		.flags = flags,
		.socket_id = SOCKET_ID_ANY};
}

static struct dad_dma_dev *
make(const struct dad_dma_domain_conf *conf, struct dad_dma_domain **domain)
{
	*domain = dad_dma_domain_create(conf);
	assert_non_null(*domain);
	struct dad_dma_dev *dev = dad_dma_dev_create("device", *domain, SOCKET_ID_ANY);
	assert_non_null(dev);
	return dev;
}

static void
unmake(struct dad_dma_domain *domain, struct dad_dma_dev *dev)
{
	assert_int_equal(dad_dma_dev_destroy(dev), 0);
	dad_dma_domain_put(domain);
}

static struct dad_dma_domain_info
info_of(const struct dad_dma_domain *domain)
{
	struct dad_dma_domain_info info;

	dad_dma_domain_info(domain, &info);
	return info;
}

/* ---- rights and bounds ----------------------------------------------------------------------- */

static void
accesses_are_checked_to_the_byte(void **state)
{
	const size_t sizes[] = {1, 2, 100, PAGE - 1, PAGE, PAGE + 1, 3 * PAGE + 7};
	struct dad_dma_domain_conf conf = conf_of(STRICT, 0);
	struct dad_dma_domain *domain;
	unsigned char data[4 * PAGE];

	(void)state;
	/* below the device's mask: what is beyond that is another error */
	conf.iova_first = PAGE;
	conf.iova_last = UINT32_MAX - PAGE;
	struct dad_dma_dev *dev = make(&conf, &domain);
	for (unsigned int i = 0; i < RTE_DIM(sizes); i++)
		for (size_t offset = 0; offset < PAGE; offset += 333) {
			size_t size = sizes[i];
			dad_dma_addr_t a = dad_dma_map_single(
				dev, memory + offset, size, DAD_DMA_BIDIRECTIONAL);

			assert_int_equal(dad_dma_mapping_error(dev, a), 0);
			assert_int_equal(a % PAGE, (uintptr_t)(memory + offset) % PAGE);
			assert_int_equal(dad_soft_dma_read(dev, a, data, size), 0);
			assert_int_equal(dad_soft_dma_write(dev, a, data, size), 0);
			assert_int_equal(dad_soft_dma_read(dev, a + size - 1, data, 1), 0);
			assert_int_equal(dad_soft_dma_read(dev, a, data, size + 1), -EMSGSIZE);
			assert_int_equal(dad_soft_dma_read(dev, a + size, data, 1), -EFAULT);
			assert_int_equal(dad_soft_dma_read(dev, a - 1, data, 2), -EFAULT);
			assert_ptr_equal(dad_dma_bus_to_virt(domain, a, NULL), memory + offset);
			dad_dma_unmap_single(dev, a, size, DAD_DMA_BIDIRECTIONAL);
			assert_null(dad_dma_bus_to_virt(domain, a, NULL));
			assert_int_equal(dad_soft_dma_read(dev, a, data, 1), -EFAULT);
		}
	unmake(domain, dev);
}

static void
directions_are_rights(void **state)
{
	struct dad_dma_domain_conf conf = conf_of(STRICT, 0);
	struct dad_dma_domain *domain;
	struct dad_dma_dev *dev = make(&conf, &domain);
	unsigned char data[64];

	(void)state;
	dad_dma_addr_t to = dad_dma_map_single(dev, memory, 64, DAD_DMA_TO_DEVICE);
	dad_dma_addr_t from = dad_dma_map_single(dev, memory + PAGE, 64, DAD_DMA_FROM_DEVICE);
	size_t contig;

	assert_int_equal(dad_soft_dma_read(dev, to, data, 64), 0);
	assert_int_equal(dad_soft_dma_write(dev, to, data, 64), -EACCES);
	assert_int_equal(dad_soft_dma_write(dev, from, data, 64), 0);
	assert_int_equal(dad_soft_dma_read(dev, from, data, 64), -EACCES);
	assert_null(dad_soft_dma_translate(dev, to, DAD_SOFT_READ | DAD_SOFT_WRITE, &contig));
	assert_int_equal(rte_errno, EACCES);
	assert_ptr_equal(dad_soft_dma_translate(dev, to + 4, DAD_SOFT_READ, &contig), memory + 4);
	assert_int_equal(contig, 60);
	assert_int_equal(dad_soft_dma_read(dev, UINT64_C(1) << 33, data, 1), -ERANGE);
	assert_int_equal(dad_soft_dma_read(dev, UINT32_MAX, data, 2), -ERANGE);
	dad_dma_unmap_single(dev, to, 64, DAD_DMA_TO_DEVICE);
	dad_dma_unmap_single(dev, from, 64, DAD_DMA_FROM_DEVICE);
	unmake(domain, dev);
}

static void
a_refused_access_moves_nothing_and_leaves_a_fault(void **state)
{
	struct dad_dma_domain_conf conf = conf_of(STRICT, 0);
	struct dad_dma_domain *domain;
	struct dad_dma_dev *dev = make(&conf, &domain);
	struct dad_soft_fault faults[100];
	unsigned char data[PAGE];

	(void)state;
	dad_dma_addr_t a = dad_dma_map_single(dev, memory, 100, DAD_DMA_FROM_DEVICE);
	memset(memory, 1, PAGE);
	memset(data, 2, sizeof(data));
	assert_int_equal(dad_soft_dma_write(dev, a + 90, data, 11), -EMSGSIZE);
	for (unsigned int i = 0; i < PAGE; i++)
		assert_int_equal(memory[i], 1);

	assert_int_equal(dad_soft_faults(domain, faults, 100), 1);
	assert_int_equal(faults[0].number, 1);
	assert_string_equal(faults[0].device, "device");
	assert_int_equal(faults[0].addr, a + 90);
	assert_int_equal(faults[0].size, 11);
	assert_int_equal(faults[0].access, DAD_SOFT_WRITE);
	assert_int_equal(faults[0].error, -EMSGSIZE);
	assert_int_equal(faults[0].nearest.addr, a);
	assert_int_equal(faults[0].nearest.size, 100);
	assert_int_equal(faults[0].nearest.access, DAD_SOFT_WRITE);

	/* far above, far below: the only mapping is the nearest; then there is none */
	assert_int_equal(dad_soft_dma_read(dev, 0, data, 1), -EFAULT);
	assert_int_equal(dad_soft_dma_read(dev, 64u << 20, data, 1), -EFAULT);
	assert_int_equal(dad_soft_faults(domain, faults, 1), 1);
	assert_int_equal(faults[0].number, 3);
	assert_int_equal(faults[0].nearest.addr, a);
	dad_dma_unmap_single(dev, a, 100, DAD_DMA_FROM_DEVICE);
	assert_int_equal(dad_soft_dma_read(dev, a, data, 1), -EFAULT);
	assert_int_equal(dad_soft_faults(domain, faults, 1), 1);
	assert_int_equal(faults[0].nearest.size, 0);

	for (unsigned int i = 0; i < 100; i++)
		dad_soft_dma_read(dev, i, data, 1);
	assert_int_equal(info_of(domain).faults, 104);
	assert_int_equal(dad_soft_faults(domain, faults, 100), 64);
	assert_int_equal(faults[0].addr, 99);
	assert_int_equal(faults[63].addr, 36);
	unmake(domain, dev);
}

static void
the_nearest_mapping_is_nearest(void **state)
{
	struct dad_dma_domain_conf conf = conf_of(STRICT, 0);
	struct dad_dma_domain *domain;
	struct dad_dma_dev *dev = make(&conf, &domain);
	dad_dma_addr_t a[64];
	unsigned char data;

	(void)state;
	/* every fourth stays */
	for (unsigned int i = 0; i < 64; i++)
		a[i] = dad_dma_map_single(dev, memory + 10, 50, DAD_DMA_TO_DEVICE);
	for (unsigned int i = 0; i < 64; i++)
		if (i % 4 != 0)
			dad_dma_unmap_single(dev, a[i], 50, DAD_DMA_TO_DEVICE);
	for (unsigned int i = 0; i < 64; i++) {
		struct dad_soft_fault fault;
		uint64_t best = UINT64_MAX, probe = (a[i] & ~(uint64_t)(PAGE - 1)) + i * 61;

		if (dad_soft_dma_read(dev, probe, &data, 1) == 0)
			continue;
		for (unsigned int k = 0; k < 64; k += 4) {
			uint64_t far = probe < a[k] ? a[k] - probe
				: probe > a[k] + 49 ? probe - (a[k] + 49)
						    : 0;
			best = RTE_MIN(best, far);
		}
		assert_int_equal(dad_soft_faults(domain, &fault, 1), 1);
		uint64_t near = fault.nearest.addr;
		uint64_t far = probe < near ? near - probe : probe - (near + 49);
		assert_int_equal(fault.nearest.size, 50);
		assert_int_equal(far, best);
	}
	for (unsigned int i = 0; i < 64; i += 4)
		dad_dma_unmap_single(dev, a[i], 50, DAD_DMA_TO_DEVICE);
	unmake(domain, dev);
}

/* ---- IOVAs --------------------------------------------------------------------------------- */

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

/* ---- other domains, and names ------------------------------------------------------------------
 */

static int
map_nothing(void *priv, dad_dma_addr_t iova, void *va, size_t size, enum dad_dma_dir dir)
{
	(void)priv;
	(void)iova;
	(void)va;
	(void)size;
	(void)dir;
	return 0;
}

static int
unmap_nothing(void *priv, dad_dma_addr_t iova, size_t size)
{
	(void)priv;
	(void)iova;
	(void)size;
	return 0;
}

static const struct dad_dma_domain_ops nothing = {.map = map_nothing, .unmap = unmap_nothing};

/* A device that went wild must not fill the disk: 16 lines, and from then on powers of two. */
static void
faults_are_counted_and_not_all_logged_in_every_domain(void **state)
{
	struct dad_dma_domain_conf confs[] = {conf_of(STRICT, 0), conf_of(STRICT, 0)};

	(void)state;
	confs[1].type = DAD_DMA_DOMAIN_CUSTOM;
	confs[1].ops = &nothing;
	for (unsigned int i = 0; i < 3; i++) {
		struct dad_dma_domain *domain =
			i < 2 ? dad_dma_domain_create(&confs[i]) : dad_dma_domain_identity();
		FILE *log = tmpfile();
		unsigned int lines = 0;
		char byte;

		assert_true(domain != NULL && log != NULL);
		struct dad_dma_dev *dev = dad_dma_dev_create("wild", domain, SOCKET_ID_ANY);
		assert_non_null(dev);
		assert_int_equal(rte_openlog_stream(log), 0);
		for (unsigned int n = 0; n < 1000; n++)
			assert_int_equal(dad_soft_dma_read(dev, 16 + n, &byte, 1), -EFAULT);
		rte_openlog_stream(NULL);
		rewind(log);
		for (int c = getc(log); c != EOF; c = getc(log))
			lines += c == '\n';
		fclose(log);
		assert_int_equal(info_of(domain).faults, 1000);
		assert_int_equal(lines, 16 + 5); /* 32, 64, 128, 256, 512 */
		unmake(domain, dev);
	}
}

#define NAMESAKES 4u

struct publisher {
	pthread_t thread;
	struct dad_dma_dev *dev;
	unsigned int *ready;
	int ret;
};

static void *
publish(void *arg)
{
	struct publisher *p = arg;

	spread_out(__atomic_fetch_add(p->ready, 1, __ATOMIC_RELAXED));
	while (__atomic_load_n(p->ready, __ATOMIC_RELAXED) < NAMESAKES)
		sched_yield();
	p->ret = dad_dma_dev_publish(p->dev);
	return NULL;
}

static void
of_namesakes_one_is_published(void **state)
{
	const struct dad_dma_domain_conf conf = conf_of(STRICT, 0);
	struct dad_dma_domain *domain;

	(void)state;
	/* one after the other */
	struct dad_dma_dev *one = make(&conf, &domain);
	struct dad_dma_dev *two = dad_dma_dev_create("device", domain, SOCKET_ID_ANY);
	assert_null(dad_dma_dev_lookup("device"));
	assert_int_equal(rte_errno, ENOENT);
	assert_int_equal(dad_dma_dev_publish(one), 0);
	assert_int_equal(dad_dma_dev_publish(one), 0);
	assert_int_equal(dad_dma_dev_publish(two), -EEXIST);
	assert_ptr_equal(dad_dma_dev_lookup("device"), one);
	assert_int_equal(dad_dma_dev_destroy(one), 0);
	assert_null(dad_dma_dev_lookup("device"));
	assert_int_equal(dad_dma_dev_publish(two), 0);
	unmake(domain, two);

	/* and all at once, in domains of their own */
	for (unsigned int round = 0; round < 100; round++) {
		struct dad_dma_domain *domains[NAMESAKES];
		struct publisher p[NAMESAKES];
		unsigned int ready = 0, published = 0;

		for (unsigned int i = 0; i < NAMESAKES; i++)
			p[i] = (struct publisher){.dev = make(&conf, &domains[i]), .ready = &ready};
		for (unsigned int i = 0; i < NAMESAKES; i++)
			assert_int_equal(pthread_create(&p[i].thread, NULL, publish, &p[i]), 0);
		for (unsigned int i = 0; i < NAMESAKES; i++) {
			pthread_join(p[i].thread, NULL);
			assert_true(p[i].ret == 0 || p[i].ret == -EEXIST);
			published += p[i].ret == 0;
		}
		assert_int_equal(published, 1);
		for (unsigned int i = 0; i < NAMESAKES; i++)
			unmake(domains[i], p[i].dev);
	}
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accesses_are_checked_to_the_byte),
		cmocka_unit_test(directions_are_rights),
		cmocka_unit_test(a_refused_access_moves_nothing_and_leaves_a_fault),
		cmocka_unit_test(the_nearest_mapping_is_nearest),
		cmocka_unit_test(zero_is_an_address_like_any_other),
		cmocka_unit_test(mapping_registers_are_a_limit),
		cmocka_unit_test(lazy_unmaps_wait_for_a_flush),
		cmocka_unit_test(limits_of_a_device_are_kept),
		cmocka_unit_test(wrong_configurations_are_refused),
		cmocka_unit_test(what_is_refused_takes_no_registers_from_others),
		cmocka_unit_test(faults_are_counted_and_not_all_logged_in_every_domain),
		cmocka_unit_test(of_namesakes_one_is_published),
	};
	int ret = argc > 0 ? eal_test_init(argv[0]) : 1;

	if (ret != 0)
		return ret;
	memory = aligned_alloc(PAGE, 16 * PAGE);
	if (memory == NULL)
		return 1;
	memset(memory, 0, 16 * PAGE);
	ret = cmocka_run_group_tests(tests, NULL, NULL);
	free(memory);
	rte_eal_cleanup();
	return ret;
}
