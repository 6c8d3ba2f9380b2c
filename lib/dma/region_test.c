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
#include <rte_malloc.h>
#include <rte_memory.h>

#include "dad_dma.h"
#include "dad_dma_domain.h"
#include "dad_dma_sg.h"
#include "dad_dma_soft.h"
#include "eal_test.h"
#include "test_soft.h"

/* Regions: memory that somebody makes known, and takes away. */

static char *
pages(size_t n)
{
	char *p = mmap(NULL, n * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(p, MAP_FAILED);
	return p;
}

static struct dad_dma_dev *
device(struct dad_dma_domain *domain, uint64_t mask)
{
	struct dad_dma_dev *dev = soft_device(domain, DAD_DMA_RUNGS_ALL);

	assert_int_equal(dad_dma_set_mask(dev, mask), 0);
	return dev;
}

static void
unmake(struct dad_dma_domain *domain, struct dad_dma_dev *dev)
{
	assert_int_equal(dad_dma_dev_destroy(dev), 0);
	dad_dma_domain_put(domain);
}

/* Each rung, and a mask that memory is in reach of or not. */
static const struct way {
	unsigned int rung;
	uint64_t mask;
} ways[] = {{RUNG(DIRECT), UINT64_MAX}, {RUNG(WINDOW), UINT32_MAX}, {RUNG(STRICT), UINT32_MAX},
	{RUNG(BOUNCE), UINT32_MAX}};

static struct dad_dma_dev *
device_of(const struct way *way)
{
	const struct dad_dma_bounce_conf conf = {.size = 1u << 20};
	struct dad_dma_domain *domain = soft_domain(0, 0, 0);

	assert_int_equal(dad_dma_bounce_create(domain, &conf), 0);
	struct dad_dma_dev *dev = device(domain, way->mask);
	assert_int_equal(dad_dma_dev_set_rungs(dev, way->rung), 0);
	return dev;
}

/* On each rung: a region cannot go while a mapping of it is alive, and is forgotten when it went.
 */
static void
a_mapped_region_is_busy(void **state)
{
	char *memory = pages(8);

	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(ways); i++) {
		struct dad_dma_dev *dev = device_of(&ways[i]);
		struct dad_dma_domain *domain = dad_dma_dev_domain(dev);
		char data[8];

		assert_int_equal(dad_dma_mem_register(domain, memory, 8 * PAGE, NULL, 0, PAGE), 0);
		dad_dma_addr_t a = dad_dma_map_single(dev, memory + 100, 8, DAD_DMA_TO_DEVICE);
		dad_dma_addr_t b = dad_dma_map_single(dev, memory + 5 * PAGE, 8, DAD_DMA_TO_DEVICE);
		assert_int_equal(dad_dma_mapping_error(dev, a), 0);
		assert_int_equal(dad_dma_mapping_error(dev, b), 0);
		assert_int_equal(dad_soft_dma_read(dev, a, data, 8), 0);
		assert_int_equal(dad_dma_dev_destroy(dev), -EBUSY);
		assert_int_equal(dad_dma_mem_unregister(domain, memory, 8 * PAGE), -EBUSY);
		dad_dma_unmap_single(dev, a, 8, DAD_DMA_TO_DEVICE);
		assert_int_equal(dad_dma_mem_unregister(domain, memory, 8 * PAGE), -EBUSY);
		dad_dma_unmap_single(dev, b, 8, DAD_DMA_TO_DEVICE);
		/* a list counts each entry */
		struct dad_sg sg[2] = {
			{.va = memory, .length = 8}, {.va = memory + PAGE, .length = PAGE}};
		assert_true(dad_dma_map_sg(dev, sg, 2, DAD_DMA_TO_DEVICE) > 0);
		assert_int_equal(dad_dma_mem_unregister(domain, memory, 8 * PAGE), -EBUSY);
		dad_dma_unmap_sg(dev, sg, 2, DAD_DMA_TO_DEVICE);
		assert_int_equal(dad_dma_mem_unregister(domain, memory, 8 * PAGE), 0);
		if (ways[i].rung == RUNG(DIRECT) || ways[i].rung == RUNG(WINDOW)) {
			assert_int_equal(dad_soft_dma_read(dev, a, data, 8), -EFAULT);
			assert_int_equal(dad_dma_map_single(dev, memory, 8, DAD_DMA_TO_DEVICE),
				DAD_DMA_MAPPING_ERROR);
			assert_int_equal(rte_errno, EFAULT);
		}
		struct dad_dma_dev_stats stats;
		dad_dma_dev_stats(dev, &stats);
		assert_int_equal(stats.unmapped, 4);
		assert_int_equal(stats.direct + stats.window + stats.strict + stats.bounce, 4);
		unmake(domain, dev);
	}
	munmap(memory, 8 * PAGE);
}

/* The same address twice: the second time is nothing, for the region and for the device. */
static void
an_unmap_too_many_counts_nothing(void **state)
{
	char *memory = pages(4);

	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(ways); i++) {
		struct dad_dma_dev *dev = device_of(&ways[i]);
		struct dad_dma_domain *domain = dad_dma_dev_domain(dev);
		struct dad_dma_dev_stats stats;

		assert_int_equal(dad_dma_mem_register(domain, memory, 4 * PAGE, NULL, 0, PAGE), 0);
		dad_dma_addr_t a = dad_dma_map_single(dev, memory, 8, DAD_DMA_TO_DEVICE);
		assert_int_equal(dad_dma_mapping_error(dev, a), 0);
		for (unsigned int k = 0; k < 3; k++)
			dad_dma_unmap_single(dev, a, 8, DAD_DMA_TO_DEVICE);
		dad_dma_dev_stats(dev, &stats);
		assert_int_equal(stats.unmapped, 1);
		/* what comes later is counted as ever */
		a = dad_dma_map_single(dev, memory, 8, DAD_DMA_TO_DEVICE);
		assert_int_equal(dad_dma_mem_unregister(domain, memory, 4 * PAGE), -EBUSY);
		assert_int_equal(dad_dma_dev_destroy(dev), -EBUSY);
		dad_dma_unmap_single(dev, a, 8, DAD_DMA_TO_DEVICE);
		assert_int_equal(dad_dma_mem_unregister(domain, memory, 4 * PAGE), 0);
		unmake(domain, dev);
	}
	munmap(memory, 4 * PAGE);
}

static void
pieces_of_a_range_count_too(void **state)
{
	struct dad_dma_domain *domain = soft_domain(0, 0, 0);
	struct dad_dma_dev *dev = device(domain, UINT32_MAX);
	char *memory = pages(8);
	struct dad_dma_iova_state s;

	(void)state;
	assert_int_equal(dad_dma_mem_register(domain, memory, 4 * PAGE, NULL, 0, PAGE), 0);
	assert_true(dad_dma_iova_try_alloc(dev, &s, memory, 3 * PAGE));
	assert_int_equal(dad_dma_iova_link(dev, &s, memory, 0, 2 * PAGE, DAD_DMA_TO_DEVICE, 0), 0);
	assert_int_equal(
		dad_dma_iova_link(dev, &s, memory + 3 * PAGE, 2 * PAGE, PAGE, DAD_DMA_TO_DEVICE, 0),
		0);
	assert_int_equal(dad_dma_mem_unregister(domain, memory, 4 * PAGE), -EBUSY);
	dad_dma_iova_unlink(dev, &s, 2 * PAGE, PAGE, DAD_DMA_TO_DEVICE, 0);
	assert_int_equal(dad_dma_mem_unregister(domain, memory, 4 * PAGE), -EBUSY);
	dad_dma_iova_destroy(dev, &s, 2 * PAGE, DAD_DMA_TO_DEVICE, 0);
	assert_int_equal(dad_dma_mem_unregister(domain, memory, 4 * PAGE), 0);
	munmap(memory, 8 * PAGE);
	unmake(domain, dev);
}

static void
wrong_regions_are_refused(void **state)
{
	struct dad_dma_domain *domain = soft_domain(0, 0, 0);
	struct dad_dma_dev *dev = device(domain, UINT32_MAX);
	char *memory = pages(8);
	void *heap = rte_malloc(NULL, 4 * PAGE, PAGE);
	dad_dma_addr_t iova = 0;

	(void)state;
	assert_int_equal(dad_dma_mem_register(domain, memory + 1, PAGE, NULL, 0, PAGE), -EINVAL);
	assert_int_equal(dad_dma_mem_register(domain, memory, 0, NULL, 0, PAGE), -EINVAL);
	assert_int_equal(dad_dma_mem_register(domain, memory, PAGE + 1, NULL, 0, PAGE), -EINVAL);
	assert_int_equal(dad_dma_mem_register(domain, memory, PAGE, NULL, 0, 100), -EINVAL);
	assert_int_equal(dad_dma_mem_register(domain, memory, PAGE, &iova, 1, PAGE), -EINVAL);
	assert_int_equal(
		dad_dma_mem_register(domain, (void *)(UINT64_C(1) << 47), PAGE, NULL, 0, PAGE),
		-EFAULT);
	assert_int_equal(dad_dma_mem_register(domain, heap, PAGE, NULL, 0, PAGE), -EEXIST);
	assert_int_equal(dad_dma_mem_register(domain, memory + PAGE, 2 * PAGE, NULL, 0, PAGE), 0);
	assert_int_equal(dad_dma_mem_register(domain, memory, 8 * PAGE, NULL, 0, PAGE), -EEXIST);
	assert_int_equal(
		dad_dma_mem_register(domain, memory + 2 * PAGE, PAGE, NULL, 0, PAGE), -EEXIST);
	assert_int_equal(dad_dma_mem_unregister(domain, memory, PAGE), -ENOENT);
	assert_int_equal(dad_dma_mem_unregister(domain, memory + PAGE, PAGE), -ENOENT);
	assert_int_equal(dad_dma_mem_unregister(domain, memory + 2 * PAGE, PAGE), -ENOENT);
	/* a mapping does not leave its region */
	assert_int_equal(dad_dma_map_single(dev, memory + 2 * PAGE, PAGE + 1, DAD_DMA_TO_DEVICE),
		DAD_DMA_MAPPING_ERROR);
	assert_int_equal(rte_errno, EFAULT);
	assert_int_equal(dad_dma_mem_unregister(domain, memory + PAGE, 2 * PAGE), 0);
	assert_int_equal(dad_dma_mem_unregister(domain, memory + PAGE, 2 * PAGE), -ENOENT);
	rte_free(heap);
	munmap(memory, 8 * PAGE);
	unmake(domain, dev);
}

/* EAL's IOVAs: the caller says where the pages are, or they are where they are. */
static void
the_identity_takes_iovas_from_the_caller(void **state)
{
	struct dad_dma_domain *domain = dad_dma_domain_identity();
	struct dad_dma_dev *dev = device(domain, UINT64_MAX);
	char *memory = pages(4);
	dad_dma_addr_t iovas[4];

	(void)state;
	for (unsigned int i = 0; i < 4; i++)
		iovas[i] = UINT64_C(0x777000000000) + (i ^ 1u) * PAGE;
	assert_int_equal(dad_dma_mem_register(domain, memory, 4 * PAGE, iovas, 3, PAGE), -EINVAL);
	assert_int_equal(dad_dma_mem_register(domain, memory, 4 * PAGE, iovas, 4, PAGE), 0);
	for (unsigned int i = 0; i < 4; i++) {
		assert_int_equal(
			dad_dma_virt_to_bus(domain, memory + i * PAGE + 9, NULL), iovas[i] + 9);
		assert_ptr_equal(
			dad_dma_bus_to_virt(domain, iovas[i] + 9, NULL), memory + i * PAGE + 9);
		dad_dma_addr_t a =
			dad_dma_map_single(dev, memory + i * PAGE, PAGE, DAD_DMA_TO_DEVICE);
		assert_int_equal(a, iovas[i]);
		assert_int_equal(dad_dma_mem_unregister(domain, memory, 4 * PAGE), -EBUSY);
		dad_dma_unmap_single(dev, a, PAGE, DAD_DMA_TO_DEVICE);
	}
	assert_int_equal(dad_dma_map_single(dev, memory, PAGE + 1, DAD_DMA_TO_DEVICE),
		DAD_DMA_MAPPING_ERROR);
	assert_int_equal(rte_errno, E2BIG);
	assert_int_equal(dad_dma_mem_unregister(domain, memory, 4 * PAGE), 0);
	assert_int_equal(dad_dma_virt_to_bus(domain, memory, NULL), DAD_DMA_MAPPING_ERROR);
	assert_null(dad_dma_bus_to_virt(domain, iovas[0], NULL));

	/* IOVAs that are in use: nothing of the region is left */
	void *heap = rte_malloc(NULL, PAGE, PAGE);
	iovas[2] = dad_dma_virt_to_bus(domain, heap, NULL);
	assert_int_equal(dad_dma_mem_register(domain, memory, 4 * PAGE, iovas, 4, PAGE), -EEXIST);
	assert_null(dad_dma_bus_to_virt(domain, iovas[0], NULL));
	assert_ptr_equal(dad_dma_bus_to_virt(domain, iovas[2], NULL), heap);
	rte_free(heap);

	int ret = dad_dma_mem_register(domain, memory, 4 * PAGE, NULL, 0, PAGE);
	if (rte_eal_iova_mode() == RTE_IOVA_VA) {
		assert_int_equal(ret, 0);
		assert_int_equal(
			dad_dma_virt_to_bus(domain, memory + 3, NULL), (uintptr_t)memory + 3);
		assert_int_equal(dad_dma_mem_unregister(domain, memory, 4 * PAGE), 0);
	} else {
		assert_int_equal(ret, -EINVAL);
	}
	munmap(memory, 4 * PAGE);
	unmake(domain, dev);
}

static void
bars_are_mapped_by_their_physical_address(void **state)
{
	const uint64_t phys = UINT64_C(0x380000000000);
	char *bar = pages(4), data[4] = "abc";

	(void)state;
	for (unsigned int i = 0; i < 3; i++) {
		struct dad_dma_domain *domain =
			i == 0 ? dad_dma_domain_identity() : soft_domain(0, 0, 0);
		struct dad_dma_bounce_conf conf = {.limit = UINT64_MAX};
		assert_int_equal(dad_dma_bounce_create(domain, &conf), 0);
		struct dad_dma_dev *dev = device(domain, UINT64_MAX);

		if (i == 2)
			assert_int_equal(dad_dma_dev_set_rungs(dev, RUNG(BOUNCE)), 0);
		assert_int_equal(dad_dma_bar_register(domain, bar, 4 * PAGE, phys + 1), -EINVAL);
		assert_int_equal(dad_dma_bar_register(domain, bar, 4 * PAGE, phys), 0);
		assert_int_equal(dad_dma_bar_register(domain, pages(1), PAGE, phys), -EEXIST);
		dad_dma_addr_t a =
			dad_dma_map_resource(dev, phys + PAGE + 4, 4, DAD_DMA_BIDIRECTIONAL);
		if (i < 2) {
			assert_int_equal(dad_dma_mapping_error(dev, a), 0);
			if (i == 0 && rte_eal_iova_mode() == RTE_IOVA_PA)
				assert_int_equal(a, phys + PAGE + 4);
			assert_int_equal(dad_soft_dma_write(dev, a, data, 4), 0);
			assert_string_equal(bar + PAGE + 4, "abc");
			assert_int_equal(dad_dma_mem_unregister(domain, bar, 4 * PAGE), -EBUSY);
			dad_dma_unmap_resource(dev, a, 4, DAD_DMA_BIDIRECTIONAL);
		} else { /* registers are never copied */
			assert_int_equal(a, DAD_DMA_MAPPING_ERROR);
		}
		assert_int_equal(dad_dma_map_resource(dev, phys + 4 * PAGE, 1, DAD_DMA_TO_DEVICE),
			DAD_DMA_MAPPING_ERROR);
		assert_int_equal(rte_errno, EFAULT);
		assert_int_equal(dad_dma_mem_unregister(domain, bar, 4 * PAGE), 0);
		unmake(domain, dev);
	}
	munmap(bar, 4 * PAGE);
}

static void
physical_addresses_can_be_mapped_where_they_are_known(void **state)
{
	struct dad_dma_domain *domains[] = {dad_dma_domain_identity(), soft_domain(0, 0, 0)};
	char *buffer = rte_malloc(NULL, PAGE, PAGE), data[6];

	(void)state;
	strcpy(buffer, "bytes");
	for (unsigned int i = 0; i < RTE_DIM(domains); i++) {
		struct dad_dma_dev *dev = device(domains[i], UINT64_MAX);

		if (rte_eal_iova_mode() == RTE_IOVA_PA) {
			dad_dma_addr_t a = dad_dma_map_phys(
				dev, rte_mem_virt2phy(buffer), PAGE, DAD_DMA_TO_DEVICE, 0);

			assert_int_equal(dad_dma_mapping_error(dev, a), 0);
			assert_int_equal(dad_soft_dma_read(dev, a, data, 6), 0);
			assert_string_equal(data, "bytes");
			dad_dma_unmap_phys(dev, a, PAGE, DAD_DMA_TO_DEVICE, 0);
		} else {
			assert_int_equal(dad_dma_map_phys(dev, 0x1000, 1, DAD_DMA_TO_DEVICE, 0),
				DAD_DMA_MAPPING_ERROR);
			assert_int_equal(rte_errno, EFAULT);
		}
		unmake(domains[i], dev);
	}
	rte_free(buffer);
}

/* As many as there may be; all of them are found as fast as one, by the same table. */
static void
sixty_five_thousand_regions_work(void **state)
{
	enum { N = 65535 };
	struct dad_dma_domain *domain = soft_domain(0, 0, 0);
	struct dad_dma_dev *dev = device(domain, UINT64_MAX);
	struct dad_dma_domain_info info;
	char *memory = pages(2 * N + 2);

	(void)state;
	for (unsigned int i = 0; i < N; i++) /* with holes in between */
		assert_int_equal(dad_dma_mem_register(domain, memory + 2 * i * (size_t)PAGE, PAGE,
					 NULL, 0, PAGE),
			0);
	assert_int_equal(
		dad_dma_mem_register(domain, memory + 2 * N * (size_t)PAGE, PAGE, NULL, 0, PAGE),
		-ENOSPC);
	dad_dma_domain_info(domain, &info);
	assert_int_equal(info.regions, N);
	for (unsigned int i = 0; i < N; i += 7) {
		char *p = memory + 2 * i * (size_t)PAGE;
		dad_dma_addr_t a = dad_dma_map_single(dev, p, PAGE, DAD_DMA_TO_DEVICE);

		assert_int_equal(a, (uintptr_t)p);
		assert_int_equal(dad_dma_mem_unregister(domain, p, PAGE), -EBUSY);
		dad_dma_unmap_single(dev, a, PAGE, DAD_DMA_TO_DEVICE);
	}
	for (unsigned int i = 0; i < N; i += 2)
		assert_int_equal(
			dad_dma_mem_unregister(domain, memory + 2 * i * (size_t)PAGE, PAGE), 0);
	dad_dma_domain_info(domain, &info);
	assert_int_equal(info.regions, N / 2);
	unmake(domain, dev); /* the rest goes with the domain */
	munmap(memory, (2 * N + 2) * (size_t)PAGE);
}

/* Sizes and offsets are of 64 bits: one mapping of 5 GiB, of which hardly a page exists. Both sides
 * of each boundary of a GiB are told apart, and the two of 4 GiB that 32 bits would take for one.
 */
static void
more_than_four_gigabytes_are_one_mapping(void **state)
{
	const uint64_t gib = UINT64_C(1) << 30, size = 5 * gib;
	const unsigned int rungs[] = {RUNG(DIRECT), RUNG(STRICT)};
	struct dad_dma_domain *domain = soft_domain(0, DAD_DMA_BIT_MASK(36), 0);
	struct dad_dma_dev *dev = device(domain, UINT64_MAX);
	char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	char got[2];

	(void)state;
	assert_ptr_not_equal(memory, MAP_FAILED);
	assert_int_equal(dad_dma_mem_register(domain, memory, size, NULL, 0, PAGE), 0);
	for (unsigned int i = 0; i < RTE_DIM(rungs); i++) {
		assert_int_equal(dad_dma_dev_set_rungs(dev, rungs[i]), 0);
		dad_dma_addr_t a = dad_dma_map_single(dev, memory, size, DAD_DMA_BIDIRECTIONAL);
		assert_int_equal(dad_dma_mapping_error(dev, a), 0);
		for (unsigned int g = 0; g < 5; g++) { /* the CPU writes, the device reads */
			memory[g * gib] = (char)('a' + g);
			memory[(g + 1) * gib - 1] = (char)('A' + g);
		}
		for (unsigned int g = 0; g < 5; g++) {
			assert_int_equal(dad_soft_dma_read(dev, a + g * gib, &got[0], 1), 0);
			assert_int_equal(
				dad_soft_dma_read(dev, a + (g + 1) * gib - 1, &got[1], 1), 0);
			assert_int_equal(got[0], 'a' + (int)g);
			assert_int_equal(got[1], 'A' + (int)g);
		}
		for (unsigned int g = 1; g < 5; g++) { /* the other way, across the boundary */
			const char word[] = {(char)('0' + g), (char)('5' + g)};

			assert_int_equal(dad_soft_dma_write(dev, a + g * gib - 1, word, 2), 0);
		}
		for (unsigned int g = 1; g < 5; g++) {
			assert_int_equal(memory[g * gib - 1], '0' + (int)g);
			assert_int_equal(memory[g * gib], '5' + (int)g);
		}
		assert_int_equal(memory[0], 'a');
		assert_int_equal(memory[size - 1], 'E');
		assert_int_equal(dad_soft_dma_read(dev, a + size, got, 1), -EFAULT);
		assert_int_equal(dad_soft_dma_read(dev, a + size - 1, got, 2), -EMSGSIZE);
		assert_int_equal(dad_dma_mem_unregister(domain, memory, size), -EBUSY);
		dad_dma_unmap_single(dev, a, size, DAD_DMA_BIDIRECTIONAL);
		/* a part of it, all above 4 GiB */
		char *high = memory + 4 * gib + 10;
		a = dad_dma_map_single(dev, high, gib - 20, DAD_DMA_TO_DEVICE);
		assert_int_equal(dad_dma_mapping_error(dev, a), 0);
		high[gib - 21] = 'q';
		assert_int_equal(dad_soft_dma_read(dev, a + gib - 21, got, 1), 0);
		assert_int_equal(got[0], 'q');
		dad_dma_unmap_single(dev, a, gib - 20, DAD_DMA_TO_DEVICE);
	}
	assert_int_equal(dad_dma_mem_unregister(domain, memory, size), 0);
	munmap(memory, size);
	unmake(domain, dev);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_mapped_region_is_busy),
		cmocka_unit_test(an_unmap_too_many_counts_nothing),
		cmocka_unit_test(pieces_of_a_range_count_too),
		cmocka_unit_test(wrong_regions_are_refused),
		cmocka_unit_test(the_identity_takes_iovas_from_the_caller),
		cmocka_unit_test(bars_are_mapped_by_their_physical_address),
		cmocka_unit_test(physical_addresses_can_be_mapped_where_they_are_known),
		cmocka_unit_test(sixty_five_thousand_regions_work),
		cmocka_unit_test(more_than_four_gigabytes_are_one_mapping),
	};
	int ret = argc > 0 ? eal_test_init(argv[0]) : 1;

	if (ret == 0) {
		ret = cmocka_run_group_tests(tests, NULL, NULL);
		rte_eal_cleanup();
	}
	return ret;
}
