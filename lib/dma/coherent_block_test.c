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
#include <rte_memzone.h>

#include "dad_dma.h"
#include "eal_test.h"
#include "test_identity.h"

/* Blocks of the identity's coherent memory: how they lie, that nobody else has them, and what is
 * refused. */

#define PAGE 4096u

static void
count_one(const struct rte_memzone *mz, void *arg)
{
	(void)mz;
	++*(unsigned int *)arg;
}

static unsigned int
count_memzones(void)
{
	unsigned int n = 0;

	rte_memzone_walk(count_one, &n);
	return n;
}

static bool
is_zero(const char *p, size_t size)
{
	return size == 0 || (p[0] == 0 && memcmp(p, p + 1, size - 1) == 0);
}

static size_t
rounded(size_t size)
{
	size_t r = PAGE;

	while (r < size)
		r *= 2;
	return r;
}

static void
coherent_memory_is_zeroed_contiguous_and_naturally_aligned(void **state)
{
	const size_t sizes[] = {1, 64, PAGE, PAGE + 1, 3 * PAGE, 65536, 1u << 20, 2u << 20};

	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(sizes); i++)
		for (unsigned int again = 0; again < 2; again++) { /* dirty the second time */
			dad_dma_addr_t handle = 1;
			char *va = dad_dma_alloc_coherent(dev, sizes[i], &handle);

			assert_non_null(va);
			assert_true(is_zero(va, sizes[i]));
			assert_int_equal((uintptr_t)va % rounded(sizes[i]), 0);
			assert_int_equal(handle % rounded(sizes[i]), 0);
			for (size_t at = 0; at < sizes[i]; at += PAGE)
				assert_int_equal(
					dad_dma_virt_to_bus(domain, va + at, NULL), handle + at);
			memset(va, 0xa5, sizes[i]);
			dad_dma_free_coherent(dev, sizes[i], va, handle);
		}
}

static void
live_coherent_buffers_never_overlap(void **state)
{
	enum { N = 600 };
	struct {
		unsigned char *va;
		size_t size;
		dad_dma_addr_t handle;
	} live[N] = {{NULL, 0, 0}};
	unsigned int count = 0;

	(void)state;
	srand(3);
	for (unsigned int round = 0; round < 4000; round++) {
		unsigned int i = (unsigned int)rand() % N;

		if (live[i].va != NULL) {
			for (size_t at = 0; at < live[i].size; at++)
				assert_int_equal(live[i].va[at], (unsigned char)i);
			dad_dma_free_coherent(dev, live[i].size, live[i].va, live[i].handle);
			live[i].va = NULL;
			count--;
		} else {
			live[i].size = 1 + (unsigned int)rand() % 20000;
			live[i].va = dad_dma_alloc_coherent(dev, live[i].size, &live[i].handle);
			assert_non_null(live[i].va);
			memset(live[i].va, (unsigned char)i, live[i].size);
			count++;
		}
	}
	assert_true(count > 0);
	assert_int_equal(dad_dma_dev_destroy(dev), -EBUSY);
	for (unsigned int i = 0; i < N; i++)
		dad_dma_free_coherent(dev, live[i].size, live[i].va, live[i].handle);
	struct dad_dma_dev_stats stats;
	dad_dma_dev_stats(dev, &stats);
	assert_int_equal(stats.coherent_bytes, 0);
}

static void
wrong_frees_are_refused(void **state)
{
	dad_dma_addr_t handle;
	char *va = dad_dma_alloc_coherent(dev, 3 * PAGE, &handle);
	struct dad_dma_dev_stats stats;
	int outside;

	(void)state;
	assert_non_null(va);
	dad_dma_free_coherent(dev, PAGE, va, handle);
	dad_dma_free_coherent(dev, 0, va, handle);
	dad_dma_free_coherent(dev, 3 * PAGE, va, handle + PAGE);
	dad_dma_free_coherent(dev, 3 * PAGE, va + 8, handle + 8);
	dad_dma_free_coherent(dev, 3 * PAGE, va + PAGE, handle + PAGE);
	dad_dma_free_coherent(dev, 4, &outside, handle);
	dad_dma_free_coherent(dev, 4, NULL, 0);
	dad_dma_dev_stats(dev, &stats);
	assert_int_equal(stats.coherent_bytes, 4 * PAGE);
	dad_dma_free_coherent(dev, 3 * PAGE, va, handle);
	dad_dma_free_coherent(dev, 3 * PAGE, va, handle);
	dad_dma_dev_stats(dev, &stats);
	assert_int_equal(stats.coherent_bytes, 0);
}

static void
coherent_errors_are_told_apart(void **state)
{
	dad_dma_addr_t handle;

	(void)state;
	assert_null(dad_dma_alloc_coherent(dev, 0, &handle));
	assert_int_equal(rte_errno, EINVAL);
	assert_null(dad_dma_alloc_coherent(dev, PAGE, NULL));
	assert_int_equal(rte_errno, EINVAL);
	assert_null(dad_dma_alloc_coherent(dev, SIZE_MAX, &handle));
	assert_int_equal(rte_errno, ENOMEM);
	assert_null(dad_dma_alloc_coherent(dev, (size_t)1 << 31, &handle));
	assert_int_equal(rte_errno, ENOMEM);

	uint64_t all = dad_dma_get_coherent_mask(dev);
	char *va = rte_malloc(NULL, PAGE, PAGE);
	/* the lowest possible mask: EAL's first byte. No arena can lie below it */
	unsigned int low = 0;
	for (unsigned int bits = 32; bits <= 64 && low == 0; bits++)
		if (dad_dma_set_coherent_mask(dev, DAD_DMA_BIT_MASK(bits)) == 0)
			low = bits;
	assert_true(low > 0);
	char *below = dad_dma_alloc_coherent(dev, PAGE, &handle);
	if (below != NULL) {
		assert_true(handle + PAGE - 1 <= DAD_DMA_BIT_MASK(low));
		dad_dma_free_coherent(dev, PAGE, below, handle);
	} else {
		assert_true(rte_errno == ERANGE || rte_errno == ENOMEM);
	}
	assert_int_equal(dad_dma_set_coherent_mask(dev, all), 0);
	rte_free(va);
}

static void
many_buffers_take_few_memzones(void **state)
{
	enum { N = 5000 };
	static struct {
		void *va;
		dad_dma_addr_t handle;
	} live[N];
	unsigned int n;

	(void)state;
	unsigned int before = count_memzones();
	for (n = 0; n < N; n++) {
		live[n].va = dad_dma_alloc_coherent(dev, PAGE, &live[n].handle);
		assert_non_null(live[n].va);
	}
	assert_true(count_memzones() - before <= 1 + N * PAGE / (2u << 20));
	while (n-- > 0)
		dad_dma_free_coherent(dev, PAGE, live[n].va, live[n].handle);
	assert_true(count_memzones() <= before + 1);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(coherent_memory_is_zeroed_contiguous_and_naturally_aligned),
		cmocka_unit_test(live_coherent_buffers_never_overlap),
		cmocka_unit_test(wrong_frees_are_refused),
		cmocka_unit_test(coherent_errors_are_told_apart),
		cmocka_unit_test(many_buffers_take_few_memzones),
	};
	int ret = argc > 0 ? eal_test_init(argv[0]) : 1;

	if (ret == 0) {
		ret = cmocka_run_group_tests(tests, setup, teardown);
		rte_eal_cleanup();
	}
	return ret;
}
