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

#include "dad_dma.h"
#include "dad_dma_domain.h"
#include "dad_dma_sg.h"
#include "eal_test.h"
#include "test_alloc.h"

/* Everything that can fail is made to fail, one call after the other: the right errno, nothing left
 * behind, and the next try works. */

#define PAGE	 4096u
#define RUNG(r)	 DAD_DMA_RUNG_BIT(DAD_DMA_RUNG_##r)
#define MAX_MAPS 16384u

static char *heap;    /* of EAL, 4 pages */
static char *foreign; /* of the C library, 8 pages */

/* ---- a backend that keeps books, and fails when it is told to
 * ------------------------------------ */

static struct {
	struct {
		uint64_t iova, len;
	} maps[MAX_MAPS];
	unsigned int n;
	unsigned int peak;
	unsigned int closed;
	unsigned int broken_rules;
	long countdown; /* calls until one fails; 0: none does */
	bool fail_unmap;
} backend;

/* The errno that whoever asked the library has to see. */
static int expected;

static bool
fails(int seen_as)
{
	if (backend.countdown == 0 || --backend.countdown != 0)
		return false;
	expected = seen_as;
	return true;
}

static int
backend_map(void *priv, dad_dma_addr_t iova, void *va, size_t size, enum dad_dma_dir dir)
{
	uint64_t first = iova & ~(uint64_t)(PAGE - 1);
	uint64_t end = RTE_ALIGN_CEIL(iova + size, PAGE);

	(void)priv;
	(void)dir;
	if (fails(EIO))
		return -EPERM;
	backend.broken_rules += (iova ^ (uintptr_t)va) % PAGE != 0;
	for (unsigned int i = 0; i < backend.n; i++)
		backend.broken_rules += first < backend.maps[i].iova + backend.maps[i].len &&
			backend.maps[i].iova < end;
	if (backend.n == MAX_MAPS)
		return -ENOSPC;
	backend.maps[backend.n].iova = first;
	backend.maps[backend.n++].len = end - first;
	backend.peak = RTE_MAX(backend.peak, backend.n);
	return 0;
}

static int
backend_unmap(void *priv, dad_dma_addr_t iova, size_t size)
{
	uint64_t first = iova & ~(uint64_t)(PAGE - 1);
	uint64_t end = RTE_ALIGN_CEIL(iova + size, PAGE);

	(void)priv;
	if (backend.fail_unmap && fails(EIO))
		return -EPERM;
	for (unsigned int i = 0; i < backend.n;) {
		uint64_t a = backend.maps[i].iova, b = a + backend.maps[i].len;

		if (b <= first || a >= end) {
			i++;
			continue;
		}
		backend.broken_rules += a < first || b > end; /* a part of a map */
		backend.maps[i] = backend.maps[--backend.n];
	}
	return 0;
}

static int
backend_sync(void *priv, dad_dma_addr_t iova, size_t size)
{
	(void)priv;
	(void)iova;
	(void)size;
	return fails(EIO) ? -EPERM : 0;
}

static int
backend_query(void *priv, struct dad_dma_backend_info *info)
{
	(void)priv;
	/* with a hole, as real ones have */
	info->n_ranges = 2;
	info->ranges[0] = (struct dad_dma_range){.first = 0, .last = 0xfffff};
	info->ranges[1] = (struct dad_dma_range){.first = 0x200000, .last = DAD_DMA_BIT_MASK(47)};
	return fails(EPERM) ? -EPERM : 0;
}

static void
backend_close(void *priv)
{
	(void)priv;
	backend.closed++;
}

static const struct dad_dma_domain_ops ops = {.map = backend_map,
	.unmap = backend_unmap,
	.sync = backend_sync,
	.query = backend_query,
	.close = backend_close};

/* ---- everything once
 * --------------------------------------------------------------------------------- */

/* A call failed as it had to, or since one before did and left something unmade. */
static unsigned int
failed(int error, int consequence)
{
	if (error != consequence)
		assert_int_equal(error, expected);
	return 1;
}

/* A mapping on one rung, and one more that cannot fail any more if the first did. */
static unsigned int
map_one(struct dad_dma_dev *dev, enum dad_dma_rung rung, char *buffer, size_t size)
{
	struct dad_dma_domain_info before, after;
	struct dad_dma_domain *domain = dad_dma_dev_domain(dev);
	unsigned int failures = 0;

	if (dad_dma_dev_set_rungs(dev, DAD_DMA_RUNG_BIT(rung)) != 0)
		return 1; /* the pool could not be made */
	dad_dma_domain_flush(domain);
	dad_dma_domain_info(domain, &before);
	dad_dma_addr_t a = dad_dma_map_single(dev, buffer, size, DAD_DMA_BIDIRECTIONAL);
	if (dad_dma_mapping_error(dev, a) != 0) {
		/* memory whose direct mapping failed is not direct */
		failures += failed(rte_errno, EFAULT);
		dad_dma_domain_info(domain, &after);
		if (!backend.fail_unmap) {
			assert_int_equal(after.registers_used, before.registers_used);
			assert_int_equal(after.window_bytes, before.window_bytes);
		}
		assert_int_equal(after.strict_maps, before.strict_maps);
	} else {
		dad_dma_unmap_single(dev, a, size, DAD_DMA_BIDIRECTIONAL);
	}
	return failures;
}

static unsigned int
map_list(struct dad_dma_dev *dev)
{
	struct dad_sg sg[4] = {{.va = foreign, .length = PAGE},
		{.va = foreign + 2 * PAGE, .length = PAGE}, {.va = heap, .length = 100},
		{.va = foreign + 4 * PAGE, .length = 2 * PAGE}};

	if (dad_dma_dev_set_rungs(dev, RUNG(STRICT)) != 0)
		return 1;
	if (dad_dma_map_sg(dev, sg, 4, DAD_DMA_TO_DEVICE) == 0)
		return failed(rte_errno, 0);
	dad_dma_unmap_sg(dev, sg, 4, DAD_DMA_TO_DEVICE);
	return 0;
}

static unsigned int
map_range(struct dad_dma_dev *dev)
{
	struct dad_dma_iova_state s;
	unsigned int failures = 0;
	size_t linked = 0;

	if (!dad_dma_iova_try_alloc(dev, &s, foreign, 3 * PAGE))
		return failed(rte_errno, 0);
	for (unsigned int i = 0; i < 3; i++) {
		int ret = dad_dma_iova_link(
			dev, &s, foreign + 2 * i * PAGE, i * PAGE, PAGE, DAD_DMA_TO_DEVICE, 0);

		if (ret != 0) {
			failures += failed(-ret, 0);
			break;
		}
		linked += PAGE;
	}
	int ret = dad_dma_iova_sync(dev, &s, 0, linked);
	failures += ret != 0 ? failed(-ret, 0) : 0;
	dad_dma_iova_destroy(dev, &s, linked, DAD_DMA_TO_DEVICE, 0);
	return failures;
}

static const struct dad_dma_domain_conf confs[] = {
	{.name = "strict", .type = DAD_DMA_DOMAIN_CUSTOM, .ops = &ops, .socket_id = -1},
	{.name = "lazy",
		.type = DAD_DMA_DOMAIN_CUSTOM,
		.ops = &ops,
		.flags = DAD_DMA_DOMAIN_LAZY,
		.socket_id = -1},
	{.name = "soft", .type = DAD_DMA_DOMAIN_SOFT, .socket_id = -1},
	{.name = "soft, lazy",
		.type = DAD_DMA_DOMAIN_SOFT,
		.flags = DAD_DMA_DOMAIN_LAZY,
		.socket_id = -1},
	/* maps only strictly, and by bouncing */
	{.name = "noncoherent",
		.type = DAD_DMA_DOMAIN_SOFT,
		.flags = DAD_DMA_DOMAIN_NONCOHERENT,
		.socket_id = -1},
};

static unsigned int
everything(const struct dad_dma_domain_conf *conf)
{
	const bool noncoherent = conf->flags & DAD_DMA_DOMAIN_NONCOHERENT;
	struct dad_dma_bounce_conf bounce = {.size = 64u << 10};
	unsigned int failures = 0, closed = backend.closed;
	struct dad_dma_domain *domain = dad_dma_domain_create(conf);

	if (domain == NULL) {
		assert_int_equal(backend.closed, closed); /* it is the caller's still */
		return failed(rte_errno, 0);
	}
	struct dad_dma_dev *dev = dad_dma_dev_create("dev", domain, SOCKET_ID_ANY);
	if (dev == NULL) {
		failures += failed(rte_errno, 0);
		dad_dma_domain_put(domain);
		return failures;
	}
	int ret = dad_dma_bounce_create(domain, &bounce);
	failures += ret != 0 ? failed(-ret, 0) : 0;
	ret = dad_dma_mem_register(domain, foreign, 8 * PAGE, NULL, 0, PAGE);
	/* here the backend's own word is passed on */
	failures += ret != 0 ? failed(-ret, expected == EIO ? EPERM : 0) : 0;
	bool registered = ret == 0;

	failures += dad_dma_set_mask(dev, UINT64_MAX) != 0;
	if (!noncoherent)
		failures += map_one(dev, DAD_DMA_RUNG_DIRECT, heap, PAGE);
	/* directly it reaches nothing */
	assert_int_equal(dad_dma_dev_set_rungs(dev, DAD_DMA_RUNGS_ALL), 0);
	failures += dad_dma_set_mask(dev, UINT32_MAX) != 0;
	if (!noncoherent) {
		failures += map_one(dev, DAD_DMA_RUNG_WINDOW, heap, 300);
		failures += map_one(dev, DAD_DMA_RUNG_WINDOW, foreign, 300);
	}
	failures += map_one(dev, DAD_DMA_RUNG_STRICT, foreign + 10, 2 * PAGE);
	failures += map_one(dev, DAD_DMA_RUNG_BOUNCE, foreign + 10, PAGE);
	failures += map_list(dev);
	failures += map_range(dev);
	/* all of it was taken back: the region can go, the device too */
	if (registered)
		assert_int_equal(dad_dma_mem_unregister(domain, foreign, 8 * PAGE), 0);
	struct dad_dma_domain_info info;
	dad_dma_domain_info(domain, &info);
	failures += info.lost != 0;
	assert_int_equal(info.strict_maps, 0);
	assert_int_equal(dad_dma_dev_destroy(dev), 0);
	dad_dma_domain_put(domain);
	assert_int_equal(backend.closed, closed + (conf->type == DAD_DMA_DOMAIN_CUSTOM));
	return failures;
}

static void
reset(void)
{
	backend.n = 0;
	backend.peak = 0;
	backend.countdown = 0;
	backend.fail_unmap = false;
	backend.broken_rules = 0;
	expected = 0;
}

static void
without_failures_all_of_it_works(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(confs); i++) {
		reset();
		long before = test_alloc_live;

		assert_int_equal(everything(&confs[i]), 0);
		assert_int_equal(test_alloc_live, before);
		assert_int_equal(backend.n, 0);
		assert_int_equal(backend.broken_rules, 0);
		assert_true(backend.peak > 3 || confs[i].ops == NULL);
	}
}

/* All that the library allocates, the memory of bounce pools among it. */
static void
each_allocation_may_fail(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(confs); i++) {
		unsigned int n, noticed = 0;

		for (n = 1; n < 10000; n++) {
			reset();
			long before = test_alloc_live;

			expected = ENOMEM;
			test_alloc_countdown = n;
			unsigned int failures = everything(&confs[i]);
			bool was_reached = test_alloc_countdown == 0;

			test_alloc_countdown = 0;
			noticed += failures != 0;
			assert_int_equal(test_alloc_live, before);
			assert_int_equal(backend.n, 0);
			assert_int_equal(backend.broken_rules, 0);
			if (!was_reached) {
				assert_int_equal(failures, 0);
				break;
			}
		}
		assert_in_range(n, 30, 9999);
		assert_true(noticed > 20);
		print_message(
			"%s: %u allocations, %u of them noticed\n", confs[i].name, n - 1, noticed);
	}
}

static void
each_call_of_the_backend_may_fail(void **state)
{
	(void)state;
	for (unsigned int i = 0; confs[i].ops != NULL; i++) {
		unsigned int n, noticed = 0;

		for (n = 1; n < 10000; n++) {
			reset();
			long before = test_alloc_live;

			backend.countdown = n;
			unsigned int failures = everything(&confs[i]);

			noticed += failures != 0;
			assert_int_equal(test_alloc_live, before);
			assert_int_equal(backend.n, 0);
			assert_int_equal(backend.broken_rules, 0);
			if (backend.countdown > 0) {
				assert_int_equal(failures, 0);
				break;
			}
		}
		assert_in_range(n, 20, 9999);
		assert_true(noticed > 15);
		print_message("%s: %u calls, %u of them noticed\n", confs[i].name, n - 1, noticed);
	}
}

/* What cannot be unmapped may still lead to memory: its IOVAs are not used again. */
static void
each_unmap_may_fail_and_loses_iovas(void **state)
{
	unsigned int n;

	(void)state;
	for (n = 1; n < 10000; n++) {
		reset();
		long before = test_alloc_live;

		backend.countdown = n;
		backend.fail_unmap = true;
		everything(&confs[n % 2]);
		assert_int_equal(test_alloc_live, before);
		assert_true(backend.n <= 4); /* what the one call should have unmapped */
		assert_int_equal(backend.broken_rules, 0);
		if (backend.countdown > 0) {
			assert_int_equal(backend.n, 0);
			break;
		}
	}
	assert_in_range(n, 20, 9999);
}

/* The identity has no backend; its allocations fail likewise. */
static void
each_allocation_of_the_identity_may_fail(void **state)
{
	unsigned int n;

	(void)state;
	for (n = 1; n < 1000; n++) {
		long before = test_alloc_live;
		dad_dma_addr_t iovas[8];

		test_alloc_countdown = n;
		struct dad_dma_domain *domain = dad_dma_domain_identity();
		struct dad_dma_dev *dev = NULL;
		int ret = -ENOMEM;

		if (domain != NULL)
			dev = dad_dma_dev_create("dev", domain, SOCKET_ID_ANY);
		if (dev == NULL)
			assert_int_equal(rte_errno, ENOMEM);
		if (dev != NULL) {
			for (unsigned int i = 0; i < 8; i++)
				iovas[i] = UINT64_C(0x777700000000) + 2 * i * PAGE;
			ret = dad_dma_mem_register(domain, foreign, 8 * PAGE, iovas, 8, PAGE);
			assert_true(ret == 0 || ret == -ENOMEM);
			if (ret == 0)
				assert_int_equal(
					dad_dma_mem_unregister(domain, foreign, 8 * PAGE), 0);
			assert_null(dad_dma_bus_to_virt(domain, iovas[0], NULL));
			struct dad_dma_bounce_conf bounce = {.limit = UINT64_MAX};
			int other = dad_dma_bounce_create(domain, &bounce);
			assert_true(other == 0 || other == -ENOMEM);
			ret = ret != 0 ? ret : other;
			assert_int_equal(dad_dma_dev_destroy(dev), 0);
		}
		dad_dma_domain_put(domain);
		bool was_reached = test_alloc_countdown == 0;
		test_alloc_countdown = 0;
		assert_int_equal(test_alloc_live, before);
		if (!was_reached) {
			assert_int_equal(ret, 0);
			break;
		}
	}
	assert_in_range(n, 8, 999);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_failures_all_of_it_works),
		cmocka_unit_test(each_allocation_may_fail),
		cmocka_unit_test(each_call_of_the_backend_may_fail),
		cmocka_unit_test(each_unmap_may_fail_and_loses_iovas),
		cmocka_unit_test(each_allocation_of_the_identity_may_fail),
	};
	int ret = argc > 0 ? eal_test_init(argv[0]) : 1;

	if (ret != 0)
		return ret;
	heap = rte_malloc(NULL, 4 * PAGE, PAGE);
	foreign = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (heap == NULL || foreign == MAP_FAILED)
		return 1;
	ret = cmocka_run_group_tests(tests, NULL, NULL);
	rte_free(heap);
	rte_eal_cleanup();
	return ret;
}
