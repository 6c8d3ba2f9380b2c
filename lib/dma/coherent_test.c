/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>
#include <numa.h>
#include <numaif.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_memory.h>

#include "dad_dma.h"
#include "dad_dma_domain.h"
#include "dad_dma_soft.h"
#include "eal_test.h"
#include "test_coherent.h"

#define PAGE 4096u

/* ---- many -------------------------------------------------------------------------------------
 */

#define MANY 100000u

static struct {
	uint32_t *va;
	dad_dma_addr_t handle;
	size_t size;
} live[MANY];

static void
a_hundred_thousand_buffers_live_in_few_memzones(void **state)
{
	unsigned int n;

	(void)state;
	for (n = 0; n < MANY; n++) {
		live[n].va = dad_dma_alloc_coherent(dev, PAGE, &live[n].handle);
		if (live[n].va == NULL)
			break;
		live[n].va[0] = n;
		live[n].va[PAGE / 4 - 1] = ~n;
	}
	/* without hugepages EAL has as much memory as it was given at start */
	if (rte_eal_has_hugepages())
		assert_int_equal(n, MANY);
	else
		print_message("%u buffers, and then no memory is left\n", n);
	assert_true(n > 1000);
	assert_true(info_of(domain).memzones <= 64);
	assert_int_equal(coherent_bytes_of(dev), (uint64_t)n * PAGE);
	for (unsigned int i = 0; i < n; i++) {
		assert_true(live[i].va[0] == i && live[i].va[PAGE / 4 - 1] == ~i);
		dad_dma_free_coherent(dev, PAGE, live[i].va, live[i].handle);
	}
	assert_int_equal(coherent_bytes_of(dev), 0);
	assert_true(info_of(domain).memzones <= 1);
	assert_int_equal(info_of(domain).free_bytes, info_of(domain).bytes);
}

static void
pages_come_by_order(void **state)
{
	dad_dma_addr_t handle;

	(void)state;
	for (unsigned int order = 0; order <= 9; order++) {
		size_t size = (size_t)PAGE << order;
		unsigned char *va = dad_dma_alloc_pages(dev, order, DAD_DMA_ALLOC_ZERO, &handle);

		assert_non_null(va);
		assert_int_equal((uintptr_t)va & (size - 1), 0);
		assert_int_equal(handle & (size - 1), 0);
		assert_true(va[0] == 0 && memcmp(va, va + 1, size - 1) == 0);
		memset(va, 0xff, size);
		assert_int_equal(coherent_bytes_of(dev), size);
		/* another order is not what was allocated */
		dad_dma_free_pages(dev, order + 1, va, handle);
		assert_int_equal(coherent_bytes_of(dev), size);
		dad_dma_free_pages(dev, order, va, handle);
		assert_int_equal(coherent_bytes_of(dev), 0);
	}
	assert_null(dad_dma_alloc_pages(dev, 63, 0, &handle));
	assert_int_equal(rte_errno, ENOMEM);
	assert_null(dad_dma_alloc_flags(dev, PAGE, 1u << 20, &handle));
	assert_int_equal(rte_errno, EINVAL);
}

/* ---- what memory is like
 * ------------------------------------------------------------------------- */

static void
memory_says_what_it_is_really_like(void **state)
{
	const unsigned int ram = DAD_DMA_EFFECTIVE_CACHED | DAD_DMA_EFFECTIVE_COHERENT;
	dad_dma_addr_t handle;

	(void)state;
	void *va = dad_dma_alloc_wc(dev, 100, &handle);
	assert_non_null(va);
	assert_int_equal(dad_dma_effective_attrs(dev, handle), ram);
	dad_dma_free_wc(dev, 100, va, handle);
	va = dad_dma_alloc_noncoherent(dev, 100, 0, DAD_DMA_BIDIRECTIONAL, &handle);
	assert_non_null(va);
	assert_int_equal(dad_dma_effective_attrs(dev, handle), ram);
	dad_dma_free_noncoherent(dev, 100, DAD_DMA_BIDIRECTIONAL, va, handle);
	assert_int_equal(dad_dma_effective_attrs(dev, DAD_DMA_BIT_MASK(50) & ~UINT64_C(4095)), 0);
	assert_int_equal(coherent_bytes_of(dev), 0);
}

/* Asked of the kernel in another way than the library does it. */
static void
memory_lies_where_the_device_is(void **state)
{
	dad_dma_addr_t handle;

	(void)state;
	if (numa_available() < 0) {
		print_message("the kernel knows no nodes: not checked\n");
		skip();
	}
	for (int node = 0; node <= numa_max_node(); node++) {
		if (!numa_bitmask_isbitset(numa_all_nodes_ptr, (unsigned int)node))
			continue;
		struct dad_dma_dev *near = dad_dma_dev_create("near", domain, node);
		assert_int_equal(dad_dma_set_mask_and_coherent(near, DAD_DMA_BIT_MASK(64)), 0);
		unsigned char *va = dad_dma_alloc_coherent(near, 64 * PAGE, &handle);
		assert_non_null(va);
		for (unsigned int page = 0; page < 64; page++) {
			int really = -1;

			assert_int_equal(get_mempolicy(&really, NULL, 0, va + page * PAGE,
						 MPOL_F_NODE | MPOL_F_ADDR),
				0);
			if (rte_eal_has_hugepages())
				assert_int_equal(really, node);
			assert_int_equal(dad_dma_node_of(va + page * PAGE), really);
		}
		dad_dma_free_coherent(near, 64 * PAGE, va, handle);
		assert_int_equal(dad_dma_dev_destroy(near), 0);
	}
	assert_int_equal(dad_dma_node_of(NULL), -EFAULT);
	void *untouched =
		mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_int_equal(dad_dma_node_of(untouched), -ENOENT);
	munmap(untouched, PAGE);
}

/* ---- domains that remap -------------------------------------------------------------------------
 */

static void
narrow_devices_share_memory_through_the_iommu(void **state)
{
	const struct dad_dma_domain_conf conf = {.name = "narrow",
		.type = DAD_DMA_DOMAIN_SOFT,
		.iova_first = 0,
		.iova_last = DAD_DMA_BIT_MASK(28),
		.mapping_registers = 8};
	struct dad_dma_domain *soft = dad_dma_domain_create(&conf);
	dad_dma_addr_t handle, more;
	unsigned char got[100];

	(void)state;
	assert_non_null(soft);
	struct dad_dma_dev *narrow = dad_dma_dev_create("narrow", soft, SOCKET_ID_ANY);
	assert_int_equal(dad_dma_set_mask_and_coherent(narrow, DAD_DMA_BIT_MASK(20)), 0);

	unsigned char *va = dad_dma_alloc_coherent(narrow, 3 * PAGE, &handle);
	assert_non_null(va);
	assert_true(handle + 4 * PAGE - 1 <= DAD_DMA_BIT_MASK(20));
	assert_int_equal(handle & (4 * PAGE - 1), 0);
	assert_int_equal((uintptr_t)va & (4 * PAGE - 1), 0);
	assert_int_equal(registers_of(soft), 4);
	memset(va, 0x5a, 100);
	assert_int_equal(dad_soft_dma_read(narrow, handle, got, 100), 0);
	assert_memory_equal(got, va, 100);
	memset(got, 0xa5, 100);
	assert_int_equal(dad_soft_dma_write(narrow, handle + 3 * PAGE - 100, got, 100), 0);
	assert_memory_equal(got, va + 3 * PAGE - 100, 100);

	/* coherent memory takes mapping registers, until there are none */
	assert_null(dad_dma_alloc_coherent(narrow, 5 * PAGE, &more));
	assert_int_equal(rte_errno, ENOSPC);
	assert_int_equal(registers_of(soft), 4);
	void *rest = dad_dma_alloc_coherent(narrow, 4 * PAGE, &more);
	assert_non_null(rest);
	assert_int_equal(registers_of(soft), 8);
	dad_dma_free_coherent(narrow, 4 * PAGE, rest, handle); /* not its handle */
	assert_int_equal(registers_of(soft), 8);
	dad_dma_free_coherent(narrow, 4 * PAGE, rest, more);
	dad_dma_free_coherent(narrow, 3 * PAGE, va, handle);
	dad_dma_free_coherent(narrow, 3 * PAGE, va, handle); /* twice */
	assert_int_equal(registers_of(soft), 0);
	assert_int_equal(coherent_bytes_of(narrow), 0);
	assert_true(dad_soft_dma_read(narrow, handle, got, 1) < 0);
	assert_int_equal(dad_dma_dev_destroy(narrow), 0);
	dad_dma_domain_put(soft);
}

/* Coherent memory is at once the same for both; memory that is not needs a sync. */
static void
only_noncoherent_memory_needs_a_sync(void **state)
{
	const struct dad_dma_domain_conf conf = {
		.name = "caches", .type = DAD_DMA_DOMAIN_SOFT, .flags = DAD_DMA_DOMAIN_NONCOHERENT};
	struct dad_dma_domain *soft = dad_dma_domain_create(&conf);
	dad_dma_addr_t handle, synced;
	unsigned char byte = 1;

	(void)state;
	assert_non_null(soft);
	struct dad_dma_dev *d = dad_dma_dev_create("caches", soft, SOCKET_ID_ANY);
	unsigned char *va = dad_dma_alloc_coherent(d, PAGE, &handle);
	unsigned char *vb = dad_dma_alloc_noncoherent(d, PAGE, 0, DAD_DMA_BIDIRECTIONAL, &synced);
	assert_true(va != NULL && vb != NULL);
	assert_int_equal(dad_dma_effective_attrs(d, handle),
		DAD_DMA_EFFECTIVE_CACHED | DAD_DMA_EFFECTIVE_COHERENT);
	assert_int_equal(dad_dma_effective_attrs(d, synced), DAD_DMA_EFFECTIVE_CACHED);
	assert_int_equal(dad_soft_dma_write(d, handle, &byte, 1), 0);
	assert_int_equal(va[0], 1);
	assert_int_equal(dad_soft_dma_write(d, synced, &byte, 1), 0);
	assert_int_equal(vb[0], 0);
	dad_dma_sync_single_for_cpu(d, synced, PAGE, DAD_DMA_BIDIRECTIONAL);
	assert_int_equal(vb[0], 1);
	/* each is freed by its own call only */
	dad_dma_free_coherent(d, PAGE, vb, synced);
	dad_dma_free_noncoherent(d, PAGE, DAD_DMA_BIDIRECTIONAL, va, handle);
	assert_int_equal(coherent_bytes_of(d), 2 * PAGE);
	dad_dma_free_coherent(d, PAGE, va, handle);
	dad_dma_free_noncoherent(d, PAGE, DAD_DMA_BIDIRECTIONAL, vb, synced);
	assert_int_equal(coherent_bytes_of(d), 0);
	assert_int_equal(dad_dma_dev_destroy(d), 0);
	dad_dma_domain_put(soft);
}

/* A block is freed by its device, and by no other one of the domain, whose address it may share:
 * the bytes would be missing from the one's sum, and more than all of the other's. */
static void
another_device_cannot_free_it(void **state)
{
	const struct dad_dma_domain_conf conf = {.name = "two", .type = DAD_DMA_DOMAIN_SOFT};
	struct dad_dma_domain *domains[] = {
		dad_dma_domain_identity(), dad_dma_domain_create(&conf)};

	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(domains); i++) {
		struct dad_dma_dev *one = dad_dma_dev_create("one", domains[i], SOCKET_ID_ANY);
		struct dad_dma_dev *two = dad_dma_dev_create("two", domains[i], SOCKET_ID_ANY);
		dad_dma_addr_t handle, synced;

		assert_true(one != NULL && two != NULL);
		/* without an IOMMU they reach what there is; with one, each block gets an IOVA */
		uint64_t mask = i == 0 ? UINT64_MAX : DAD_DMA_BIT_MASK(32);
		assert_int_equal(dad_dma_set_mask_and_coherent(one, mask), 0);
		assert_int_equal(dad_dma_set_mask_and_coherent(two, mask), 0);
		for (size_t size = 100; size <= 16 * PAGE; size *= 8) {
			void *va = dad_dma_alloc_coherent(one, size, &handle);
			void *vb = dad_dma_alloc_noncoherent(
				one, size, 0, DAD_DMA_BIDIRECTIONAL, &synced);

			assert_true(va != NULL && vb != NULL);
			uint64_t bytes = coherent_bytes_of(one);
			dad_dma_free_coherent(two, size, va, handle);
			dad_dma_free_noncoherent(two, size, DAD_DMA_BIDIRECTIONAL, vb, synced);
			assert_int_equal(coherent_bytes_of(one), bytes);
			assert_int_equal(coherent_bytes_of(two), 0);
			/* it is still the one's */
			dad_dma_free_coherent(one, size, va, handle);
			dad_dma_free_noncoherent(one, size, DAD_DMA_BIDIRECTIONAL, vb, synced);
			assert_int_equal(coherent_bytes_of(one), 0);
			/* and may be the other's afterwards */
			va = dad_dma_alloc_coherent(two, size, &handle);
			assert_non_null(va);
			dad_dma_free_coherent(two, size, va, handle);
		}
		assert_int_equal(dad_dma_dev_destroy(one), 0);
		assert_int_equal(dad_dma_dev_destroy(two), 0);
		dad_dma_domain_put(domains[i]);
	}
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_hundred_thousand_buffers_live_in_few_memzones),
		cmocka_unit_test(pages_come_by_order),
		cmocka_unit_test(memory_says_what_it_is_really_like),
		cmocka_unit_test(memory_lies_where_the_device_is),
		cmocka_unit_test(narrow_devices_share_memory_through_the_iommu),
		cmocka_unit_test(only_noncoherent_memory_needs_a_sync),
		cmocka_unit_test(another_device_cannot_free_it),
	};

	int ret = argc > 0 ? eal_test_init(argv[0]) : 1;

	if (ret == 0) {
		ret = cmocka_run_group_tests(tests, setup, teardown);
		rte_eal_cleanup();
	}
	return ret;
}
