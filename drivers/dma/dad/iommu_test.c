/* SPDX-License-Identifier: BSD-3-Clause */

/* iommu=soft: the device reaches what is mapped for it, as it was mapped, and nothing else. */

#include <errno.h>

#include <rte_errno.h>

#include "dad_dma.h"
#include "dad_dma_soft.h"
#include "test_device.h"

#define LEN 5000u /* neither a page nor a multiple of one */

static int16_t dev;
static struct dad_dma_dev *dma;
static uint8_t *src, *dst;

static int
setup(void **state)
{
	(void)state;
	dev = test_open(1, 64);
	dma = dad_dma_dev_lookup(TEST_NAME);
	assert_non_null(dma);
	src = test_buffer(LEN);
	dst = test_buffer(LEN);
	for (unsigned int i = 0; i < LEN; i++)
		src[i] = (uint8_t)(i * 7 + 1);
	memset(dst, 0x5a, LEN);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	rte_free(src);
	rte_free(dst);
	test_close(dev);
	assert_null(dad_dma_dev_lookup(TEST_NAME));
	assert_int_equal(rte_errno, ENOENT);
	return 0;
}

static dad_dma_addr_t
map(void *buffer, enum dad_dma_dir dir)
{
	dad_dma_addr_t addr = dad_dma_map_single(dma, buffer, LEN, dir);

	assert_int_equal(dad_dma_mapping_error(dma, addr), 0);
	return addr;
}

static void
copy(uint64_t from, uint64_t to, uint32_t length, enum rte_dma_status_code expected)
{
	assert_true(rte_dma_copy(dev, 0, from, to, length, 0) >= 0);
	test_expect(dev, expected);
}

static void
assert_untouched(void)
{
	for (unsigned int i = 0; i < LEN; i++)
		assert_int_equal(dst[i], 0x5a);
}

static uint64_t
faults(struct dad_soft_fault *last)
{
	struct dad_soft_fault f[1] = {{.number = 0}};

	dad_soft_faults(dad_dma_dev_domain(dma), f, 1);
	if (last != NULL)
		*last = f[0];
	return f[0].number;
}

static void
what_is_mapped_is_moved(void **state)
{
	(void)state;
	dad_dma_addr_t from = map(src, DAD_DMA_TO_DEVICE), to = map(dst, DAD_DMA_FROM_DEVICE);

	copy(from, to, LEN, RTE_DMA_STATUS_SUCCESSFUL);
	dad_dma_unmap_single(dma, from, LEN, DAD_DMA_TO_DEVICE);
	dad_dma_unmap_single(dma, to, LEN, DAD_DMA_FROM_DEVICE);
	assert_memory_equal(src, dst, LEN);
	assert_int_equal(faults(NULL), 0);
}

static void
lists_and_patterns_too(void **state)
{
	(void)state;
	dad_dma_addr_t from = map(src, DAD_DMA_TO_DEVICE), to = map(dst, DAD_DMA_FROM_DEVICE);
	struct rte_dma_sge a[2] = {{from, 4000}, {from + 4000, 1000}};
	struct rte_dma_sge b[2] = {{to, 1}, {to + 1, 4999}};

	assert_true(rte_dma_copy_sg(dev, 0, a, b, 2, 2, 0) >= 0);
	test_expect(dev, RTE_DMA_STATUS_SUCCESSFUL);
	assert_memory_equal(src, dst, LEN);
	assert_true(rte_dma_fill(dev, 0, UINT64_C(0x0101010101010101), to, LEN, 0) >= 0);
	test_expect(dev, RTE_DMA_STATUS_SUCCESSFUL);
	for (unsigned int i = 0; i < LEN; i++)
		assert_int_equal(dst[i], 1);
	dad_dma_unmap_single(dma, from, LEN, DAD_DMA_TO_DEVICE);
	dad_dma_unmap_single(dma, to, LEN, DAD_DMA_FROM_DEVICE);
}

static void
the_wrong_direction_is_refused(void **state)
{
	(void)state;
	dad_dma_addr_t from = map(src, DAD_DMA_FROM_DEVICE), to = map(dst, DAD_DMA_FROM_DEVICE);
	struct dad_soft_fault fault;

	copy(from, to, LEN, RTE_DMA_STATUS_INVALID_SRC_ADDR);
	assert_untouched();
	assert_int_equal(faults(&fault), 1);
	assert_int_equal(fault.addr, from);
	assert_int_equal(fault.access, DAD_SOFT_READ);
	assert_int_equal(fault.error, -EACCES);
	dad_dma_unmap_single(dma, from, LEN, DAD_DMA_FROM_DEVICE);
	dad_dma_unmap_single(dma, to, LEN, DAD_DMA_FROM_DEVICE);

	from = map(src, DAD_DMA_TO_DEVICE), to = map(dst, DAD_DMA_TO_DEVICE);
	copy(from, to, LEN, RTE_DMA_STATUS_INVALID_DST_ADDR);
	assert_untouched();
	assert_int_equal(faults(NULL), 2);
	dad_dma_unmap_single(dma, from, LEN, DAD_DMA_TO_DEVICE);
	dad_dma_unmap_single(dma, to, LEN, DAD_DMA_TO_DEVICE);
}

static void
addresses_that_nobody_mapped_are_refused(void **state)
{
	(void)state;
	dad_dma_addr_t to = map(dst, DAD_DMA_FROM_DEVICE);

	/* good for a device without the IOMMU */
	copy(iova(src), to, LEN, RTE_DMA_STATUS_INVALID_SRC_ADDR);
	copy((uintptr_t)src, to, LEN, RTE_DMA_STATUS_INVALID_SRC_ADDR);
	copy(0, to, LEN, RTE_DMA_STATUS_INVALID_SRC_ADDR);
	assert_untouched();
	assert_int_equal(faults(NULL), 3);
	dad_dma_unmap_single(dma, to, LEN, DAD_DMA_FROM_DEVICE);
}

static void
a_mapping_ends_where_its_buffer_ends(void **state)
{
	(void)state;
	dad_dma_addr_t from = map(src, DAD_DMA_TO_DEVICE), to = map(dst, DAD_DMA_FROM_DEVICE);

	copy(from + LEN, to, 1, RTE_DMA_STATUS_INVALID_SRC_ADDR);
	copy(from, to + LEN - 1, 2, RTE_DMA_STATUS_INVALID_DST_ADDR);
	copy(from + LEN - 1, to, 1, RTE_DMA_STATUS_SUCCESSFUL);
	assert_int_equal(dst[0], src[LEN - 1]);
	dad_dma_unmap_single(dma, from, LEN, DAD_DMA_TO_DEVICE);
	dad_dma_unmap_single(dma, to, LEN, DAD_DMA_FROM_DEVICE);
}

static void
what_was_unmapped_is_gone(void **state)
{
	(void)state;
	dad_dma_addr_t from = map(src, DAD_DMA_TO_DEVICE), to = map(dst, DAD_DMA_FROM_DEVICE);

	dad_dma_unmap_single(dma, from, LEN, DAD_DMA_TO_DEVICE);
	copy(from, to, LEN, RTE_DMA_STATUS_INVALID_SRC_ADDR);
	assert_untouched();
	dad_dma_unmap_single(dma, to, LEN, DAD_DMA_FROM_DEVICE);
}

int
main(int argc, char **argv)
{
#define WITH_DEVICE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		WITH_DEVICE(what_is_mapped_is_moved),
		WITH_DEVICE(lists_and_patterns_too),
		WITH_DEVICE(the_wrong_direction_is_refused),
		WITH_DEVICE(addresses_that_nobody_mapped_are_refused),
		WITH_DEVICE(a_mapping_ends_where_its_buffer_ends),
		WITH_DEVICE(what_was_unmapped_is_gone),
	};
	int ret = argc > 0 ? eal_test_init(argv[0]) : 1;

	if (ret == 0) {
		ret = cmocka_run_group_tests(tests, NULL, NULL);
		rte_eal_cleanup();
	}
	return ret;
}
