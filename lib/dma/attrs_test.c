/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
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

#include "test_lists.h"

/* Attributes of lists, where the device has a copy of its own and a missing or wrong copy shows. */

#define ENTRIES 5u

/* Entries that do not touch. Returns their bytes. */
static size_t
make_list(struct dad_sg sg[ENTRIES])
{
	size_t all = 0;

	for (unsigned int i = 0; i < ENTRIES; i++) {
		sg[i] = (struct dad_sg){
			.va = eal_pool + i * 8 * PAGE + below(PAGE), .length = 1 + below(6 * PAGE)};
		all += sg[i].length;
	}
	return all;
}

static void
without_syncs_nothing_is_copied(void **state)
{
	const unsigned int skip = DAD_DMA_ATTR_SKIP_CPU_SYNC;
	static unsigned char before[POOL];
	struct dad_sg sg[ENTRIES];

	(void)state;
	for (unsigned int w = 0; w < WITH_COPIES; w++) {
		const enum dad_dma_dir dir = DAD_DMA_BIDIRECTIONAL;

		make(&ways[w], true);
		size_t size = make_list(sg);
		unsigned int n = dad_dma_map_sg_attrs(dev, sg, ENTRIES, dir, skip);

		assert_true(n > 0);
		assert_int_equal(counts().copied_in, 0);
		gather(sg, ENTRIES, before);
		device_moves(sg, n, got, false);
		assert_true(memcmp(got, before, size) != 0);
		dad_dma_sync_sg_for_device(dev, sg, ENTRIES, dir);
		assert_int_equal(counts().copied_in, size);
		assert_device_sees(sg, n, before, size);

		/* the device writes: seen after a sync, and not by the unmap */
		random_fill(data, size);
		device_moves(sg, n, data, true);
		assert_cpu_sees(sg, ENTRIES, before, size);
		dad_dma_sync_sg_for_cpu(dev, sg, ENTRIES, dir);
		assert_cpu_sees(sg, ENTRIES, data, size);
		device_moves(sg, n, before, true);
		dad_dma_unmap_sg_attrs(dev, sg, ENTRIES, dir, skip);
		assert_cpu_sees(sg, ENTRIES, data, size);
		assert_int_equal(counts().copied_in, size);
		assert_int_equal(counts().copied_out, size);

		/* at the map only, and at the unmap only */
		n = dad_dma_map_sg_attrs(dev, sg, ENTRIES, DAD_DMA_FROM_DEVICE, skip);
		device_moves(sg, n, before, true);
		dad_dma_unmap_sg(dev, sg, ENTRIES, DAD_DMA_FROM_DEVICE);
		assert_cpu_sees(sg, ENTRIES, before, size);
		n = dad_dma_map_sg(dev, sg, ENTRIES, dir);
		assert_device_sees(sg, n, before, size);
		device_moves(sg, n, data, true);
		dad_dma_unmap_sg_attrs(dev, sg, ENTRIES, dir, skip);
		assert_cpu_sees(sg, ENTRIES, before, size);
		unmake();
	}
}

static void
lists_can_be_forced_into_slots(void **state)
{
	const struct way all = {.rungs = DAD_DMA_RUNGS_ALL};
	const struct dad_dma_limits wide = {.max_seg_size = 1u << 20};
	struct dad_sg sg[ENTRIES];

	(void)state;
	make(&all, true);
	for (unsigned int round = 0; round < 100; round++) {
		enum dad_dma_dir dir = (enum dad_dma_dir)below(3);
		size_t size = make_list(sg);
		unsigned int n =
			dad_dma_map_sg_attrs(dev, sg, ENTRIES, dir, DAD_DMA_ATTR_FORCE_BOUNCE);

		assert_int_equal(n, ENTRIES);
		for (unsigned int i = 0; i < n; i++)
			assert_true(dad_dma_is_bounced(dev, sg[i].dma_address));
		gather(sg, ENTRIES, data);
		if (dir != DAD_DMA_FROM_DEVICE)
			assert_device_sees(sg, n, data, size);
		if (dir != DAD_DMA_TO_DEVICE) {
			random_fill(data, size);
			device_moves(sg, n, data, true);
		}
		dad_dma_unmap_sg_attrs(dev, sg, ENTRIES, dir, DAD_DMA_ATTR_FORCE_BOUNCE);
		assert_cpu_sees(sg, ENTRIES, data, size);
	}
	assert_int_equal(counts().bounce, 100 * ENTRIES);
	/* one that no slot has room for: nothing of the list is mapped */
	assert_int_equal(dad_dma_set_limits(dev, &wide), 0);
	sg[ENTRIES - 1] = (struct dad_sg){.va = eal_pool, .length = DAD_DMA_BOUNCE_MAX + 1};
	assert_int_equal(dad_dma_map_sg_attrs(dev, sg, ENTRIES, DAD_DMA_BIDIRECTIONAL,
				 DAD_DMA_ATTR_FORCE_BOUNCE),
		0);
	assert_int_equal(rte_errno, E2BIG);
	assert_true(dad_dma_map_sg(dev, sg, ENTRIES, DAD_DMA_TO_DEVICE) > 0);
	dad_dma_unmap_sg(dev, sg, ENTRIES, DAD_DMA_TO_DEVICE);
	unmake();

	make(&all, false); /* no pool */
	make_list(sg);
	assert_int_equal(dad_dma_map_sg_attrs(
				 dev, sg, ENTRIES, DAD_DMA_TO_DEVICE, DAD_DMA_ATTR_FORCE_BOUNCE),
		0);
	assert_int_equal(rte_errno, EFAULT);
	unmake();
}

static void
what_is_overwritten_is_not_copied_first(void **state)
{
	const unsigned int attrs = DAD_DMA_ATTR_FULL_OVERWRITE;
	struct dad_sg sg[ENTRIES];

	(void)state;
	for (unsigned int w = 0; w < RTE_DIM(ways); w++) {
		make(&ways[w], true);
		size_t size = make_list(sg);
		unsigned int n = dad_dma_map_sg_attrs(dev, sg, ENTRIES, DAD_DMA_FROM_DEVICE, attrs);

		assert_true(n > 0);
		if (ways[w].rungs & RUNG(BOUNCE))
			assert_int_equal(counts().copied_in, 0);
		random_fill(data, size);
		device_moves(sg, n, data, true);
		dad_dma_unmap_sg_attrs(dev, sg, ENTRIES, DAD_DMA_FROM_DEVICE, attrs);
		assert_cpu_sees(sg, ENTRIES, data, size);

		/* it says nothing about a device that reads, too */
		n = dad_dma_map_sg_attrs(dev, sg, ENTRIES, DAD_DMA_BIDIRECTIONAL, attrs);
		assert_device_sees(sg, n, data, size);
		dad_dma_unmap_sg_attrs(dev, sg, ENTRIES, DAD_DMA_BIDIRECTIONAL, attrs);
		unmake();
	}
}

static int
refuse_map(void *priv, dad_dma_addr_t iova, void *va, size_t size, enum dad_dma_dir dir)
{
	(void)priv;
	(void)iova;
	(void)va;
	(void)size;
	(void)dir;
	return -EPERM;
}

static int
just_unmap(void *priv, dad_dma_addr_t iova, size_t size)
{
	(void)priv;
	(void)iova;
	(void)size;
	return 0;
}

/* Bytes that are logged by a list and a buffer that the backend refuses. */
static long
refused_and_logged(unsigned int attrs)
{
	struct dad_sg sg[ENTRIES];
	FILE *log = tmpfile();

	assert_non_null(log);
	assert_int_equal(rte_openlog_stream(log), 0);
	make_list(sg);
	assert_int_equal(dad_dma_map_sg_attrs(dev, sg, ENTRIES, DAD_DMA_TO_DEVICE, attrs), 0);
	assert_int_equal(rte_errno, EIO);
	assert_int_equal(dad_dma_map_single_attrs(dev, eal_pool, 10, DAD_DMA_TO_DEVICE, attrs),
		DAD_DMA_MAPPING_ERROR);
	assert_int_equal(rte_errno, EIO);
	rte_openlog_stream(NULL);
	fflush(log);
	long bytes = ftell(log);
	fclose(log);
	return bytes;
}

static void
failures_are_logged_unless_that_is_not_wanted(void **state)
{
	static const struct dad_dma_domain_ops ops = {.map = refuse_map, .unmap = just_unmap};
	struct dad_dma_domain_conf conf = {.name = "refuses",
		.type = DAD_DMA_DOMAIN_CUSTOM,
		.ops = &ops,
		.rungs = RUNG(STRICT),
		.socket_id = SOCKET_ID_ANY};

	(void)state;
	domain = dad_dma_domain_create(&conf);
	assert_non_null(domain);
	dev = dad_dma_dev_create("attrs", domain, SOCKET_ID_ANY);
	assert_non_null(dev);
	assert_true(refused_and_logged(0) > 0);
	assert_int_equal(refused_and_logged(DAD_DMA_ATTR_NO_WARN), 0);
	assert_int_equal(counts().map_error_backend, 4);
	unmake();
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(without_syncs_nothing_is_copied),
	cmocka_unit_test(lists_can_be_forced_into_slots),
	cmocka_unit_test(what_is_overwritten_is_not_copied_first),
	cmocka_unit_test(failures_are_logged_unless_that_is_not_wanted),
};

LISTS_MAIN(tests)
