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
#include <rte_lcore.h>
#include <rte_memory.h>

#include "dad_dma_pool.h"
#include "eal_test.h"
#include "test_alloc.h"
#include "test_objects.h"
#include "test_random.h"
#include "test_thread.h"

/* ---- where objects lie ------------------------------------------------------------------------
 */

#define LIVE_MAX 3000u

struct live {
	unsigned char *va;
	dad_dma_addr_t handle;
	unsigned char mark;
};

static struct live live[LIVE_MAX];

static void
check_place(const struct live *l, size_t size, size_t align, size_t boundary)
{
	assert_non_null(l->va);
	if (align != 0)
		assert_true(
			((uintptr_t)l->va & (align - 1)) == 0 && (l->handle & (align - 1)) == 0);
	if (boundary != 0)
		assert_true((l->handle & ~(boundary - 1)) ==
			((l->handle + size - 1) & ~(boundary - 1)));
	assert_int_equal(dad_dma_virt_to_bus(domain, l->va, NULL), l->handle);
}

/* All of its bytes are nobody else's: they are still as they were marked. */
static void
check_content(const struct live *l, size_t size)
{
	assert_true(l->va[0] == l->mark && memcmp(l->va, l->va + 1, size - 1) == 0);
}

static void
play(size_t size, size_t align, size_t boundary, unsigned int operations)
{
	static const unsigned int lcores[] = {0, 1, 7, RTE_MAX_LCORE - 1, LCORE_ID_ANY};
	struct dad_dma_pool *pool = dad_dma_pool_create("play", dev, size, align, boundary);
	unsigned int most = size > 4096 ? 50 : LIVE_MAX;
	unsigned int n = 0;

	assert_non_null(pool);
	for (unsigned int i = 0; i < operations; i++) {
		bool filling = i / (2 * most) % 2 == 0;

		be_lcore(lcores[below(5)]);
		if (n == most || (n > 0 && below(16) >= (filling ? 11 : 5))) {
			struct live *l = &live[below(n)];

			check_content(l, size);
			assert_int_equal(dad_dma_pool_free(pool, l->va, l->handle), 0);
			*l = live[--n];
			continue;
		}
		struct live *l = &live[n++];
		bool zero = below(8) == 0;
		l->va = dad_dma_pool_alloc(pool, zero ? DAD_DMA_ALLOC_ZERO : 0, &l->handle);
		check_place(l, size, align, boundary);
		if (zero) {
			l->mark = 0;
			check_content(l, size);
		}
		l->mark = (unsigned char)(1 + below(255));
		memset(l->va, l->mark, size);
	}
	assert_int_equal(used_of(pool), n);
	while (n > 0) {
		if (n == 1)
			assert_int_equal(dad_dma_pool_destroy(pool), -EBUSY);
		check_content(&live[--n], size);
		assert_int_equal(dad_dma_pool_free(pool, live[n].va, live[n].handle), 0);
	}
	assert_int_equal(dad_dma_pool_destroy(pool), 0);
	be_lcore(0);
	assert_int_equal(coherent_bytes_of(dev), 0);
}

static void
objects_obey_alignment_and_boundary(void **state)
{
	static const struct {
		size_t size, align, boundary;
		unsigned int operations;
	} shapes[] = {
		{1, 0, 0, 500000},
		{1, 1, 1, 300000},
		{5, 0, 0, 400000},
		{13, 0, 64, 200000}, /* the fifth would cross by one byte */
		{8, 8, 0, 500000},
		{16, 16, 4096, 1000000},
		{24, 0, 32, 1000000},
		{24, 8, 64, 1000000},
		{32, 64, 32, 500000},
		{33, 32, 64, 1000000},
		{64, 64, 0, 1000000},
		{100, 4, 128, 500000},
		{100, 4, 4096, 500000},
		{192, 64, 4096, 500000},
		{256, 4096, 256, 300000},
		{1000, 8, 1024, 300000},
		{1500, 2, 4096, 300000},
		{2048, 0, 65536, 200000},
		{5000, 16, 8192, 30000},
		{64 << 10, 4096, 128 << 10, 5000},
		{600000, 1, 1 << 20, 600},
		{1 << 20, 1 << 20, 1 << 20, 300},
	};
	unsigned int operations = 0;

	(void)state;
	for (unsigned int i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		play(shapes[i].size, shapes[i].align, shapes[i].boundary, shapes[i].operations);
		operations += shapes[i].operations;
	}
	assert_true(operations >= 10000000);
}

static void
nonsense_is_refused(void **state)
{
	static const struct {
		size_t size, align, boundary;
	} bad[] = {
		{0, 0, 0},
		{DAD_DMA_POOL_MAX_SIZE + 1, 0, 0},
		{8, 3, 0},
		{8, 2 * DAD_DMA_POOL_MAX_SIZE, 0},
		{8, 0, 24},
		{8, 0, 4},
	};
	dad_dma_addr_t handle;

	(void)state;
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		rte_errno = 0;
		assert_null(dad_dma_pool_create(
			"bad", dev, bad[i].size, bad[i].align, bad[i].boundary));
		assert_int_equal(rte_errno, EINVAL);
	}
	assert_null(dad_dma_pool_create(NULL, dev, 8, 0, 0));
	assert_null(dad_dma_pool_create("bad", NULL, 8, 0, 0));
	struct dad_dma_pool *pool = dad_dma_pool_create("good", dev, 8, 0, 0);
	rte_errno = 0;
	assert_null(dad_dma_pool_alloc(pool, 1u << 20, &handle));
	assert_int_equal(rte_errno, EINVAL);
	assert_null(dad_dma_pool_alloc(pool, 0, NULL));
	assert_int_equal(dad_dma_pool_free(pool, NULL, 0), 0);
	assert_int_equal(dad_dma_pool_destroy(pool), 0);
	assert_int_equal(dad_dma_pool_destroy(NULL), 0);
}

/* ---- wrong frees ------------------------------------------------------------------------------
 */

static void
assert_refused(struct dad_dma_pool *pool, void *va, dad_dma_addr_t handle)
{
	struct dad_dma_pool_stats before, after;

	dad_dma_pool_stats(pool, &before);
	assert_int_equal(dad_dma_pool_free(pool, va, handle), -EINVAL);
	dad_dma_pool_stats(pool, &after);
	assert_int_equal(after.bad_frees, before.bad_frees + 1);
	assert_int_equal(after.used, before.used);
	assert_int_equal(after.cached, before.cached);
}

static void
wrong_frees_are_refused_and_harm_nothing(void **state)
{
	struct dad_dma_pool *pool = dad_dma_pool_create("mine", dev, 40, 0, 128);
	struct dad_dma_pool *other = dad_dma_pool_create("theirs", dev, 40, 0, 128);
	dad_dma_addr_t handle, foreign, big;
	int on_stack = 0;

	(void)state;
	unsigned char *va = dad_dma_pool_alloc(pool, 0, &handle);
	void *theirs = dad_dma_pool_alloc(other, 0, &foreign);
	void *coherent = dad_dma_alloc_coherent(dev, 4096, &big);

	assert_refused(pool, va + 1, handle + 1);
	assert_refused(pool, va + 40, handle + 40);   /* the next one: not in use */
	assert_refused(pool, va + 120, handle + 120); /* where boundary leaves a gap */
	assert_refused(pool, va, handle + 40);
	assert_refused(pool, va + 40, handle);
	assert_refused(pool, theirs, foreign);
	assert_refused(pool, coherent, big);
	assert_refused(pool, &on_stack, (uintptr_t)&on_stack);
	assert_refused(pool, (void *)(uintptr_t)UINT64_MAX, handle);
	assert_int_equal(dad_dma_pool_free(pool, va, handle), 0);
	assert_refused(pool, va, handle);
	be_lcore(5);
	assert_refused(pool, va, handle);
	be_lcore(0);

	/* handed out again, once */
	dad_dma_addr_t again, more;
	assert_ptr_equal(dad_dma_pool_alloc(pool, 0, &again), va);
	void *another = dad_dma_pool_alloc(pool, 0, &more);
	assert_true(another != va);
	void *two[] = {va, va, another};
	dad_dma_addr_t handles[] = {again, again, more};
	assert_int_equal(dad_dma_pool_free_bulk(pool, two, handles, 3), -EINVAL);
	assert_int_equal(used_of(pool), 0);

	/* a pool that is gone */
	assert_int_equal(dad_dma_pool_free(other, theirs, foreign), 0);
	assert_int_equal(dad_dma_pool_destroy(other), 0);
	assert_refused(pool, theirs, foreign);
	dad_dma_free_coherent(dev, 4096, coherent, big);
	assert_int_equal(dad_dma_pool_destroy(pool), 0);
}

/* ---- growing, and not --------------------------------------------------------------------------
 */

static void
never_grow_hands_out_all_there_is_and_no_more(void **state)
{
	struct dad_dma_pool *pool = dad_dma_pool_create("fixed", dev, 512, 0, 0);
	struct dad_dma_pool_stats stats;
	unsigned int n = 0;

	(void)state;
	be_lcore(0);
	assert_null(dad_dma_pool_alloc(pool, DAD_DMA_ALLOC_NEVER_GROW, &live[0].handle));
	assert_int_equal(rte_errno, ENOMEM);
	live[0].va = dad_dma_pool_alloc(pool, 0, &live[0].handle);
	assert_int_equal(dad_dma_pool_free(pool, live[0].va, live[0].handle), 0);
	dad_dma_pool_stats(pool, &stats);
	assert_int_equal(stats.slabs, 1);

	/* some lie in the cache of lcore 0 */
	be_lcore(1);
	long before = test_alloc_live;
	uint64_t bytes = coherent_bytes_of(dev);
	for (;;) {
		live[n].va = dad_dma_pool_alloc(pool, DAD_DMA_ALLOC_NEVER_GROW, &live[n].handle);
		if (live[n].va == NULL)
			break;
		n++;
	}
	assert_int_equal(n, stats.objects);
	assert_int_equal(test_alloc_live, before);
	assert_int_equal(coherent_bytes_of(dev), bytes);
	dad_dma_pool_stats(pool, &stats);
	assert_int_equal(stats.empty, 2);
	while (n-- > 0)
		assert_int_equal(dad_dma_pool_free(pool, live[n].va, live[n].handle), 0);
	assert_int_equal(dad_dma_pool_destroy(pool), 0);
}

static void
bulk_is_all_or_nothing(void **state)
{
	struct dad_dma_pool *pool = dad_dma_pool_create("bulk", dev, 64, 64, 0);
	static void *va[1000];
	static dad_dma_addr_t handle[1000];
	struct dad_dma_pool_stats stats;

	(void)state;
	be_lcore(0);
	assert_int_equal(dad_dma_pool_alloc_bulk(pool, 0, va, handle, 0), 0);
	assert_int_equal(
		dad_dma_pool_alloc_bulk(pool, DAD_DMA_ALLOC_NEVER_GROW, va, handle, 1), -ENOMEM);
	assert_int_equal(dad_dma_pool_alloc_bulk(pool, 1u << 20, va, handle, 1), -EINVAL);
	assert_int_equal(dad_dma_pool_alloc_bulk(pool, 0, va, handle, 1000), 0);
	assert_int_equal(used_of(pool), 1000);
	for (unsigned int i = 0; i < 1000; i++)
		memset(va[i], (int)i, 64);
	for (unsigned int i = 0; i < 1000; i++)
		assert_int_equal(((unsigned char *)va[i])[63], i & 0xff);
	assert_int_equal(dad_dma_pool_free_bulk(pool, va, handle, 1000), 0);
	dad_dma_pool_stats(pool, &stats);
	/* there are some, but not enough */
	assert_true(stats.objects < 5000);
	static void *many[5000];
	static dad_dma_addr_t many_handles[5000];
	assert_int_equal(
		dad_dma_pool_alloc_bulk(pool, DAD_DMA_ALLOC_NEVER_GROW, many, many_handles, 5000),
		-ENOMEM);
	assert_int_equal(used_of(pool), 0);
	assert_int_equal(dad_dma_pool_alloc_bulk(pool, DAD_DMA_ALLOC_NEVER_GROW, many, many_handles,
				 (unsigned int)stats.objects),
		0);
	assert_int_equal(
		dad_dma_pool_free_bulk(pool, many, many_handles, (unsigned int)stats.objects), 0);
	assert_int_equal(dad_dma_pool_destroy(pool), 0);
}

/* ---- failures
 * ------------------------------------------------------------------------------------ */

/* The n-th allocation fails, whichever it is. */
static bool
life_with_failure(long n)
{
	static void *va[3000];
	static dad_dma_addr_t handle[3000];
	long before = test_alloc_live;

	test_alloc_countdown = n;
	struct dad_dma_pool *pool = dad_dma_pool_create("poor", dev, 64, 64, 0);
	if (pool == NULL) {
		assert_int_equal(rte_errno, ENOMEM);
		assert_int_equal(test_alloc_live, before);
		return true;
	}
	int ret = dad_dma_pool_alloc_bulk(pool, 0, va, handle, 3000);
	bool failed = test_alloc_countdown == 0;
	test_alloc_countdown = 0;
	assert_int_equal(ret, failed ? -ENOMEM : 0);
	assert_int_equal(used_of(pool), failed ? 0 : 3000);
	/* as if nothing had been */
	if (failed)
		assert_int_equal(dad_dma_pool_alloc_bulk(pool, 0, va, handle, 3000), 0);
	assert_int_equal(dad_dma_pool_free_bulk(pool, va, handle, 3000), 0);
	assert_int_equal(dad_dma_pool_destroy(pool), 0);
	assert_int_equal(coherent_bytes_of(dev), 0);
	assert_int_equal(test_alloc_live, before);
	return failed;
}

static void
no_allocation_that_fails_loses_anything(void **state)
{
	long n = 1;

	(void)state;
	be_lcore(0);
	/* once without, for the arenas that coherent memory keeps */
	dad_dma_addr_t handle;
	struct dad_dma_pool *pool = dad_dma_pool_create("warm", dev, 64, 64, 0);
	assert_non_null(pool);
	void *va = dad_dma_pool_alloc(pool, 0, &handle);
	assert_int_equal(dad_dma_pool_free(pool, va, handle), 0);
	assert_int_equal(dad_dma_pool_destroy(pool), 0);
	while (life_with_failure(n))
		n++;
	/* slab table, pool; then for each slab its states and its block, and once its struct */
	assert_true(n > 10);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(objects_obey_alignment_and_boundary),
		cmocka_unit_test(nonsense_is_refused),
		cmocka_unit_test(wrong_frees_are_refused_and_harm_nothing),
		cmocka_unit_test(never_grow_hands_out_all_there_is_and_no_more),
		cmocka_unit_test(bulk_is_all_or_nothing),
		cmocka_unit_test(no_allocation_that_fails_loses_anything),
	};
	int ret = argc > 0 ? eal_test_init(argv[0]) : 1;

	if (ret == 0) {
		ret = cmocka_run_group_tests(tests, setup, teardown);
		rte_eal_cleanup();
	}
	return ret;
}
