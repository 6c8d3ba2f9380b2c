/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TEST_FAILURE_H
#define TEST_FAILURE_H

/* A domain used in all ways while one call fails: the right errno, nothing left behind, and what is
 * left of it works. Beside it the book that a backend, or a kernel, of a test keeps. */

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

#define PAGE	 4096u
#define RUNG(r)	 DAD_DMA_RUNG_BIT(DAD_DMA_RUNG_##r)
#define MAX_MAPS 16384u
#define UNIT	 (2u << 20)

static char *heap;    /* of EAL, 4 pages */
static char *foreign; /* of the C library, 8 pages */
static char *unit;    /* and as much as a unit of the tables, anywhere */

/* ---- what is mapped, and which call fails ---------------------------------------------------- */

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

/* Nothing may be mapped there yet. */
static int
book_map(uint64_t first, uint64_t end)
{
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

/* Whole maps only. @return their bytes */
static uint64_t
book_unmap(uint64_t first, uint64_t end)
{
	uint64_t bytes = 0;

	for (unsigned int i = 0; i < backend.n;) {
		uint64_t a = backend.maps[i].iova, b = a + backend.maps[i].len;

		if (b <= first || a >= end) {
			i++;
			continue;
		}
		backend.broken_rules += a < first || b > end;
		bytes += b - a;
		backend.maps[i] = backend.maps[--backend.n];
	}
	return bytes;
}

/* ---- everything once ------------------------------------------------------------------------- */

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

/* A piece of a region that fills a unit of the tables: marking where it begins is an allocation. */
static unsigned int
map_unit(struct dad_dma_dev *dev)
{
	struct dad_dma_domain *domain = dad_dma_dev_domain(dev);
	struct dad_dma_iova_state s;
	unsigned int failures = 0;

	int ret = dad_dma_mem_register(domain, unit, UNIT, NULL, 0, PAGE);
	if (ret != 0)
		return failed(-ret, expected == EIO ? EPERM : 0);
	if (dad_dma_iova_try_alloc(dev, &s, unit, 2 * UNIT)) {
		size_t at = (UNIT - s.addr % UNIT) % UNIT;

		ret = dad_dma_iova_link(dev, &s, unit, at, UNIT, DAD_DMA_TO_DEVICE, 0);
		if (ret == 0)
			dad_dma_iova_unlink(dev, &s, at, UNIT, DAD_DMA_TO_DEVICE, 0);
		else
			failures += failed(-ret, 0);
		dad_dma_iova_free(dev, &s);
	} else {
		failures += failed(rte_errno, 0);
	}
	assert_int_equal(dad_dma_mem_unregister(domain, unit, UNIT), 0);
	return failures;
}

/* All of it, and the domain is given back; NULL: it could not be made. @return how much failed */
static inline unsigned int
use_domain(struct dad_dma_domain *domain)
{
	struct dad_dma_bounce_conf bounce = {.size = 64u << 10};
	struct dad_dma_domain_info info;
	unsigned int failures = 0;

	if (domain == NULL)
		return failed(rte_errno, 0);
	dad_dma_domain_info(domain, &info);
	const bool noncoherent = info.flags & DAD_DMA_DOMAIN_NONCOHERENT;
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
	failures += map_unit(dev);
	/* all of it was taken back: the region can go, the device too */
	if (registered)
		assert_int_equal(dad_dma_mem_unregister(domain, foreign, 8 * PAGE), 0);
	dad_dma_domain_info(domain, &info);
	failures += info.lost != 0;
	assert_int_equal(info.strict_maps, 0);
	assert_int_equal(dad_dma_dev_destroy(dev), 0);
	dad_dma_domain_put(domain);
	return failures;
}

static inline int
failure_main(int argc, char **argv, int (*run)(void))
{
	int ret = argc > 0 ? eal_test_init(argv[0]) : 1;

	if (ret != 0)
		return ret;
	heap = rte_malloc(NULL, 4 * PAGE, PAGE);
	foreign = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unit = mmap(NULL, UNIT, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (heap == NULL || foreign == MAP_FAILED || unit == MAP_FAILED)
		return 1;
	ret = run();
	rte_free(heap);
	rte_eal_cleanup();
	return ret;
}

#endif /* TEST_FAILURE_H */
