/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <pthread.h>
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
#include "dad_dma_table.h"
#include "eal_test.h"
#include "test_identity.h"

#define PAGE 4096u

static void
assert_refused(dad_dma_addr_t got, int error)
{
	assert_int_equal(dad_dma_mapping_error(dev, got), -ENOMEM);
	assert_int_equal(rte_errno, error);
	rte_errno = 0;
}

/* ---- translation ------------------------------------------------------------------------ */

static void
there_is_one_identity_domain(void **state)
{
	(void)state;
	struct dad_dma_domain *again = dad_dma_domain_identity();

	assert_ptr_equal(again, domain);
	dad_dma_domain_put(again);
	assert_ptr_equal(dad_dma_dev_domain(dev), domain);
}

/* For every page of EAL's memory: what EAL says, and back. */
static int
compare_segment(const struct rte_memseg_list *msl, const struct rte_memseg *ms, void *arg)
{
	unsigned int *n = arg;
	size_t contig = 0;

	(void)msl;
	for (size_t at = 0; at < ms->len; at += PAGE + 64) {
		void *va = RTE_PTR_ADD(ms->addr, at);
		dad_dma_addr_t iova = dad_dma_virt_to_bus(domain, va, &contig);

		if (iova != ms->iova + at || contig == 0)
			return -1;
		if (dad_dma_bus_to_virt(domain, iova, &contig) != va || contig == 0)
			return -1;
	}
	++*n;
	return 0;
}

static void
translates_all_of_eals_memory_as_eal_does(void **state)
{
	unsigned int n = 0;

	(void)state;
	assert_int_equal(rte_memseg_walk(compare_segment, &n), 0);
	assert_true(n > 0);
}

static void
foreign_memory_is_unknown(void **state)
{
	char on_stack[64] = "";
	void *heap = malloc(64);

	(void)state;
	assert_int_equal(dad_dma_virt_to_bus(domain, on_stack, NULL), DAD_DMA_MAPPING_ERROR);
	assert_int_equal(dad_dma_virt_to_bus(domain, heap, NULL), DAD_DMA_MAPPING_ERROR);
	assert_int_equal(dad_dma_virt_to_bus(domain, NULL, NULL), DAD_DMA_MAPPING_ERROR);
	assert_int_equal(
		dad_dma_virt_to_bus(domain, (void *)UINTPTR_MAX, NULL), DAD_DMA_MAPPING_ERROR);
	assert_null(dad_dma_bus_to_virt(domain, 0, NULL));
	assert_null(dad_dma_bus_to_virt(domain, UINT64_MAX, NULL));
	assert_refused(dad_dma_map_single(dev, heap, 64, DAD_DMA_TO_DEVICE), EFAULT);
	free(heap);
}

/* The heap grows after the domain was made, and shrinks again. */
static void
follows_the_heap(void **state)
{
	size_t size = 24u << 20;
	char *buffer = rte_malloc(NULL, size, PAGE);

	(void)state;
	if (buffer == NULL)
		size = 4u << 20, buffer = rte_malloc(NULL, size, PAGE);
	assert_non_null(buffer);
	for (size_t at = 0; at < size; at += PAGE)
		assert_int_equal(dad_dma_virt_to_bus(domain, buffer + at, NULL),
			rte_mem_virt2iova(buffer + at));
	const uintptr_t middle = (uintptr_t)buffer + size / 2;
	rte_free(buffer);

	const struct rte_memseg *ms = rte_mem_virt2memseg((void *)middle, NULL);
	bool still_there = ms != NULL && ms->addr != NULL;
	dad_dma_addr_t now = dad_dma_virt_to_bus(domain, (void *)middle, NULL);
	assert_int_equal(now != DAD_DMA_MAPPING_ERROR, still_there);
}

static void
knows_external_memory_while_it_is_registered(void **state)
{
	const size_t len = 64 * PAGE;
	rte_iova_t iovas[64];
	char *memory = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)state;
	assert_ptr_not_equal(memory, MAP_FAILED);
	for (unsigned int i = 0; i < 64; i++) /* every second page elsewhere */
		iovas[i] = UINT64_C(0x5550000000) + (i ^ 1u) * PAGE;
	assert_int_equal(rte_extmem_register(memory, len, iovas, 64, PAGE), 0);

	for (unsigned int i = 0; i < 64; i++) {
		assert_int_equal(
			dad_dma_virt_to_bus(domain, memory + i * PAGE + 7, NULL), iovas[i] + 7);
		assert_ptr_equal(
			dad_dma_bus_to_virt(domain, iovas[i] + 7, NULL), memory + i * PAGE + 7);
	}
	assert_int_equal(
		dad_dma_map_single(dev, memory + 8, PAGE - 8, DAD_DMA_TO_DEVICE), iovas[0] + 8);
	assert_refused(dad_dma_map_single(dev, memory + 8, PAGE, DAD_DMA_TO_DEVICE), E2BIG);
	assert_refused(dad_dma_map_single(dev, memory + len - 8, 16, DAD_DMA_TO_DEVICE), EFAULT);

	assert_int_equal(rte_extmem_unregister(memory, len), 0);
	assert_int_equal(dad_dma_virt_to_bus(domain, memory, NULL), DAD_DMA_MAPPING_ERROR);
	munmap(memory, len);
}

/* What was registered before there was a domain goes without an event like any other. */
static void
forgets_external_memory_that_was_there_first(void **state)
{
	const size_t len = 16 * PAGE;
	rte_iova_t iovas[16];
	char *memory = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(memory, MAP_FAILED);
	for (unsigned int i = 0; i < 16; i++)
		iovas[i] = rte_eal_iova_mode() == RTE_IOVA_VA ? (uintptr_t)memory + i * PAGE
							      : UINT64_C(0x6660000000) + i * PAGE;
	assert_int_equal(teardown(state), 0);
	assert_int_equal(rte_extmem_register(memory, len, iovas, 16, PAGE), 0);
	assert_int_equal(setup(state), 0);
	assert_int_equal(dad_dma_virt_to_bus(domain, memory + 5, NULL), iovas[0] + 5);
	assert_ptr_equal(dad_dma_bus_to_virt(domain, iovas[3] + 7, NULL), memory + 3 * PAGE + 7);
	assert_int_equal(rte_extmem_unregister(memory, len), 0);
	assert_int_equal(dad_dma_virt_to_bus(domain, memory + 5, NULL), DAD_DMA_MAPPING_ERROR);
	assert_null(dad_dma_bus_to_virt(domain, iovas[3] + 7, NULL));
	munmap(memory, len);
}

/* ---- streaming --------------------------------------------------------------------------- */

static void
each_wrong_mapping_has_its_error_and_its_counter(void **state)
{
	char *buffer = rte_malloc(NULL, 3 * PAGE, PAGE);
	struct dad_dma_dev_stats before, after;

	(void)state;
	dad_dma_dev_stats(dev, &before);
	assert_refused(dad_dma_map_single(dev, buffer, 0, DAD_DMA_TO_DEVICE), EINVAL);
	assert_refused(dad_dma_map_single(dev, buffer, SIZE_MAX, DAD_DMA_TO_DEVICE), EINVAL);
	assert_refused(dad_dma_map_single(dev, buffer, 1, DAD_DMA_NONE), EINVAL);
	assert_refused(dad_dma_map_single(dev, buffer, 1, (enum dad_dma_dir)17), EINVAL);
	assert_refused(dad_dma_map_single(dev, NULL, 1, DAD_DMA_FROM_DEVICE), EFAULT);
	assert_refused(dad_dma_map_single(dev, buffer, (size_t)1 << 46, DAD_DMA_TO_DEVICE), EFAULT);
	dad_dma_dev_stats(dev, &after);
	assert_int_equal(after.map_error_invalid - before.map_error_invalid, 4);
	assert_int_equal(after.map_error_unknown - before.map_error_unknown, 2);
	rte_free(buffer);
}

static void
every_part_of_a_buffer_maps_to_what_eal_says(void **state)
{
	char *buffer = rte_malloc(NULL, 8 * PAGE, PAGE);
	enum dad_dma_dir dirs[] = {DAD_DMA_BIDIRECTIONAL, DAD_DMA_TO_DEVICE, DAD_DMA_FROM_DEVICE};

	(void)state;
	for (size_t at = 0; at < 8 * PAGE; at += 61) {
		enum dad_dma_dir dir = dirs[at % 3];
		dad_dma_addr_t addr = dad_dma_map_single(dev, buffer + at, 1 + at % 50, dir);

		assert_int_equal(dad_dma_mapping_error(dev, addr), 0);
		assert_int_equal(addr, rte_mem_virt2iova(buffer + at));
		dad_dma_sync_single_for_cpu(dev, addr, 1, dir);
		dad_dma_sync_single_for_device(dev, addr, 1, dir);
		dad_dma_unmap_single(dev, addr, 1 + at % 50, dir);
	}
	rte_free(buffer);
}

static void
nothing_beyond_the_mask_is_handed_out(void **state)
{
	char *buffer = rte_malloc(NULL, 2 * PAGE, 2 * PAGE);
	dad_dma_addr_t iova = dad_dma_map_single(dev, buffer, 2 * PAGE, DAD_DMA_TO_DEVICE);
	uint64_t all = dad_dma_get_mask(dev);

	(void)state;
	assert_int_equal(dad_dma_mapping_error(dev, iova), 0);
	/* a mask that ends in the middle of the buffer */
	assert_int_equal(dad_dma_set_mask(dev, iova + PAGE - 1), 0);
	assert_int_equal(dad_dma_map_single(dev, buffer, PAGE, DAD_DMA_TO_DEVICE), iova);
	assert_refused(dad_dma_map_single(dev, buffer, PAGE + 1, DAD_DMA_TO_DEVICE), ERANGE);
	assert_refused(dad_dma_map_single(dev, buffer + PAGE, 1, DAD_DMA_TO_DEVICE), ERANGE);
	assert_int_equal(dad_dma_set_mask(dev, all), 0);
	rte_free(buffer);
}

static void
masks_are_32_bits_until_set_and_impossible_ones_are_refused(void **state)
{
	struct dad_dma_dev *other = dad_dma_dev_create("other", domain, SOCKET_ID_ANY);

	(void)state;
	assert_non_null(other);
	assert_int_equal(dad_dma_get_mask(other), UINT32_MAX);
	assert_int_equal(dad_dma_get_coherent_mask(other), UINT32_MAX);
	assert_int_equal(dad_dma_set_mask_and_coherent(other, 0xfff), -EIO);
	assert_int_equal(dad_dma_get_mask(other), UINT32_MAX);
	assert_int_equal(dad_dma_set_mask(other, DAD_DMA_BIT_MASK(64)), 0);
	assert_int_equal(dad_dma_get_mask(other), UINT64_MAX);
	assert_int_equal(dad_dma_get_coherent_mask(other), UINT32_MAX);
	assert_int_equal(dad_dma_dev_destroy(other), 0);

	assert_null(dad_dma_dev_create(NULL, domain, 0));
	assert_int_equal(rte_errno, EINVAL);
	assert_null(dad_dma_dev_create("x", NULL, 0));
	assert_int_equal(rte_errno, EINVAL);
}

/* ---- threads ------------------------------------------------------------------------------- */

static void *
allocate_and_map(void *arg)
{
	unsigned int seed = (unsigned int)(uintptr_t)arg;
	uintptr_t failures = 0;

	for (unsigned int round = 0; round < 3000; round++) {
		size_t size = 1 + (unsigned int)rand_r(&seed) % 30000;
		dad_dma_addr_t handle;
		unsigned char *va = dad_dma_alloc_coherent(dev, size, &handle);

		if (va == NULL) {
			failures++;
			continue;
		}
		memset(va, (int)seed & 0xff, size);
		failures += dad_dma_map_single(dev, va, size, DAD_DMA_TO_DEVICE) != handle;
		failures += va[size - 1] != (seed & 0xff) || va[0] != (seed & 0xff);
		dad_dma_free_coherent(dev, size, va, handle);
		if (round % 16 == 0) { /* and the heap moves meanwhile */
			void *p = rte_malloc(NULL, 3u << 20, 0);
			failures += p != NULL &&
				dad_dma_map_single(dev, p, 1, DAD_DMA_TO_DEVICE) !=
					rte_mem_virt2iova(p);
			rte_free(p);
		}
	}
	return (void *)failures;
}

static void
threads_allocate_map_and_free_together(void **state)
{
	pthread_t threads[6];
	struct dad_dma_dev_stats stats;

	(void)state;
	for (uintptr_t i = 0; i < RTE_DIM(threads); i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, allocate_and_map, (void *)(i + 1)), 0);
	for (unsigned int i = 0; i < RTE_DIM(threads); i++) {
		void *failures;

		pthread_join(threads[i], &failures);
		assert_null(failures);
	}
	dad_dma_dev_stats(dev, &stats);
	assert_int_equal(stats.coherent_bytes, 0);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_is_one_identity_domain),
		cmocka_unit_test(translates_all_of_eals_memory_as_eal_does),
		cmocka_unit_test(foreign_memory_is_unknown),
		cmocka_unit_test(follows_the_heap),
		cmocka_unit_test(knows_external_memory_while_it_is_registered),
		cmocka_unit_test(forgets_external_memory_that_was_there_first),
		cmocka_unit_test(each_wrong_mapping_has_its_error_and_its_counter),
		cmocka_unit_test(every_part_of_a_buffer_maps_to_what_eal_says),
		cmocka_unit_test(nothing_beyond_the_mask_is_handed_out),
		cmocka_unit_test(masks_are_32_bits_until_set_and_impossible_ones_are_refused),
		cmocka_unit_test(threads_allocate_map_and_free_together),
	};
	int ret = argc > 0 ? eal_test_init(argv[0]) : 1;

	if (ret == 0) {
		ret = cmocka_run_group_tests(tests, setup, teardown);
		rte_eal_cleanup();
	}
	return ret;
}
