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
#include <rte_memory.h>

#include "dad_dma.h"
#include "dad_dma_domain.h"
#include "dad_dma_soft.h"
#include "test_pools.h"
#include "test_random.h"
#include "test_soft.h"

/* Bursts of mappings: on each rung they are what single mappings are. */

#define POOL   (2u << 20) /* one unit: a window has room for all of it */
#define LANE   8192u	  /* a buffer lies in one, anywhere */
#define BURST  64u
#define ROUNDS 300u

struct burst {
	void *va[BURST];
	uint32_t size[BURST];
	dad_dma_addr_t addr[BURST];
};

static struct dad_dma_dev *
device(enum dad_dma_rung rung)
{
	struct dad_dma_bounce_conf bounce = {.size = 4u << 20};
	struct dad_dma_domain *domain = soft_domain(0, 0, 0);

	assert_int_equal(dad_dma_bounce_create(domain, &bounce), 0);
	struct dad_dma_dev *dev = soft_device(domain, DAD_DMA_RUNG_BIT(rung));
	assert_int_equal(
		dad_dma_set_mask(dev, rung == DAD_DMA_RUNG_DIRECT ? UINT64_MAX : UINT32_MAX), 0);
	return dev;
}

/* Buffers that do not overlap. */
static unsigned int
make(struct burst *b, unsigned char *pool)
{
	unsigned int n = 1 + (unsigned int)below(BURST);

	for (unsigned int i = 0; i < n; i++) {
		b->size[i] = 1 + (uint32_t)below(below(2) == 0 ? 64 : LANE);
		b->va[i] = pool + i * LANE + below(LANE - b->size[i] + 1);
		random_fill(b->va[i], b->size[i]);
	}
	return n;
}

/* The device finds each buffer at its address, and what it writes comes there and nowhere else. */
static void
transfer(struct dad_dma_dev *dev, const struct burst *b, unsigned int n, enum dad_dma_dir dir)
{
	static unsigned char data[BURST][LANE], got[LANE];

	for (unsigned int i = 0; i < n; i++) {
		assert_true(b->size[i] - 1 <= dad_dma_get_mask(dev) - b->addr[i]);
		if (dir != DAD_DMA_FROM_DEVICE) {
			assert_int_equal(dad_soft_dma_read(dev, b->addr[i], got, b->size[i]), 0);
			assert_memory_equal(got, b->va[i], b->size[i]);
		}
		if (dir == DAD_DMA_TO_DEVICE)
			memcpy(data[i], b->va[i], b->size[i]);
		else
			random_fill(data[i], b->size[i]);
	}
	for (unsigned int i = 0; i < n && dir != DAD_DMA_TO_DEVICE; i++)
		assert_int_equal(dad_soft_dma_write(dev, b->addr[i], data[i], b->size[i]), 0);
	dad_dma_unmap_burst(dev, b->addr, b->size, n, dir);
	for (unsigned int i = 0; i < n; i++)
		assert_memory_equal(b->va[i], data[i], b->size[i]);
}

/* ---- tests ------------------------------------------------------------------------------------
 */

static void
play(enum dad_dma_rung rung, unsigned char *pool)
{
	struct dad_dma_dev *dev = device(rung);
	static unsigned char before[POOL];
	struct burst b;
	uint64_t all = 0;

	random_fill(pool, POOL);
	for (unsigned int round = 0; round < ROUNDS; round++) {
		enum dad_dma_dir dir = (enum dad_dma_dir)below(3);
		unsigned int n = make(&b, pool);

		memcpy(before, pool, POOL);
		assert_int_equal(dad_dma_map_burst(dev, b.va, b.size, n, dir, b.addr), n);
		for (unsigned int i = 0; i < n && rung == DAD_DMA_RUNG_DIRECT; i++)
			assert_int_equal(b.addr[i], (uintptr_t)b.va[i]);
		transfer(dev, &b, n, dir);
		/* what is around the buffers is as it was */
		for (unsigned int i = 0; i < n; i++)
			memcpy(before + ((unsigned char *)b.va[i] - pool), b.va[i], b.size[i]);
		assert_int_equal(memcmp(before, pool, POOL), 0);
		all += n;
	}
	if (rung != DAD_DMA_RUNG_DIRECT)
		assert_int_equal(taken(dev, rung), all);
	unmake_soft(dev);
}

static void
bursts_go_by_each_rung(void **state)
{
	(void)state;
	play(DAD_DMA_RUNG_DIRECT, eal_pool);
	play(DAD_DMA_RUNG_WINDOW, eal_pool);
	play(DAD_DMA_RUNG_STRICT, eal_pool);
	play(DAD_DMA_RUNG_STRICT, libc_pool);
	play(DAD_DMA_RUNG_BOUNCE, eal_pool);
	play(DAD_DMA_RUNG_BOUNCE, libc_pool);
}

/* Each way in which an element of a burst can be wrong. */
static void
spoil(struct burst *b, unsigned int i, enum dad_dma_rung rung, int *error)
{
	switch (below(3)) {
	case 0:
		b->size[i] = 0;
		*error = EINVAL;
		break;
	case 1:
		b->va[i] = (void *)(UINT64_C(1) << 47);
		*error = EFAULT;
		break;
	default:
		/* what this rung cannot do */
		*error = EFAULT;
		if (rung == DAD_DMA_RUNG_BOUNCE) {
			b->size[i] = DAD_DMA_BOUNCE_MAX + 1;
			*error = E2BIG;
		} else if (rung == DAD_DMA_RUNG_STRICT) {
			b->va[i] = (void *)(UINTPTR_MAX - 3);
			*error = EINVAL; /* it wraps */
			b->size[i] = 8;
		} else {
			b->va[i] = libc_pool;
		}
	}
}

/* Those before it stay mapped, those behind it were not looked at. */
static void
a_burst_ends_where_an_element_cannot_be_mapped(void **state)
{
	(void)state;
	for (enum dad_dma_rung rung = DAD_DMA_RUNG_DIRECT; rung <= DAD_DMA_RUNG_BOUNCE; rung++) {
		struct dad_dma_dev *dev = device(rung);
		struct burst b;

		for (unsigned int round = 0; round < ROUNDS; round++) {
			enum dad_dma_dir dir = (enum dad_dma_dir)below(3);
			unsigned int n = make(&b, eal_pool);
			unsigned int bad = (unsigned int)below(n);
			uint64_t before = taken(dev, rung);
			int error = 0;

			for (unsigned int i = 0; i < n; i++)
				b.addr[i] = 4711;
			spoil(&b, bad, rung, &error);
			rte_errno = 0;
			assert_int_equal(dad_dma_map_burst(dev, b.va, b.size, n, dir, b.addr), bad);
			assert_int_equal(rte_errno, error);
			for (unsigned int i = bad + 1; i < n; i++)
				assert_int_equal(b.addr[i], 4711);
			if (rung != DAD_DMA_RUNG_DIRECT)
				assert_int_equal(taken(dev, rung) - before, bad);
			transfer(dev, &b, bad, dir);
		}
		/* no direction is wrong for all of them */
		unsigned int n = make(&b, eal_pool);
		assert_int_equal(dad_dma_map_burst(dev, b.va, b.size, n, DAD_DMA_NONE, b.addr), 0);
		assert_int_equal(rte_errno, EINVAL);
		assert_int_equal(
			dad_dma_map_burst(dev, b.va, b.size, 0, DAD_DMA_TO_DEVICE, b.addr), 0);
		unmake_soft(dev);
	}
}

/* A pool that is full in the middle of a burst: it can go on after an unmap. */
static void
a_burst_goes_on_where_it_ended(void **state)
{
	struct dad_dma_dev *dev = device(DAD_DMA_RUNG_BOUNCE);
	struct dad_dma_domain *domain = dad_dma_dev_domain(dev);
	struct dad_dma_bounce_conf conf = {.size = 64u << 10, .dev = dev};
	struct burst b;
	unsigned int most;

	(void)state;
	assert_int_equal(dad_dma_bounce_create(domain, &conf), 0);
	for (unsigned int i = 0; i < BURST; i++) {
		b.va[i] = libc_pool + i * LANE;
		b.size[i] = PAGE;
		random_fill(b.va[i], PAGE);
	}
	most = dad_dma_map_burst(dev, b.va, b.size, BURST, DAD_DMA_BIDIRECTIONAL, b.addr);
	assert_int_equal(rte_errno, ENOSPC);
	assert_int_equal(most, (64u << 10) / PAGE);
	assert_int_equal(dad_dma_mapping_error(dev, b.addr[most]), -ENOMEM);
	for (unsigned int done = 0; done < BURST; done += most) {
		struct burst rest = {{0}, {0}, {0}};
		unsigned int n = RTE_MIN(most, BURST - done);

		memcpy(rest.va, &b.va[done], n * sizeof(b.va[0]));
		memcpy(rest.size, &b.size[done], n * sizeof(b.size[0]));
		if (done == 0)
			memcpy(rest.addr, b.addr, n * sizeof(b.addr[0]));
		else
			assert_int_equal(dad_dma_map_burst(dev, rest.va, rest.size, n,
						 DAD_DMA_BIDIRECTIONAL, rest.addr),
				n);
		transfer(dev, &rest, n, DAD_DMA_BIDIRECTIONAL);
	}
	unmake_soft(dev);
}

/* Buffers of one burst may take different rungs. */
static void
each_element_climbs_by_itself(void **state)
{
	struct dad_dma_dev *dev = device(DAD_DMA_RUNG_DIRECT);
	struct burst b;
	uint64_t strict = 0;

	(void)state;
	assert_int_equal(dad_dma_dev_set_rungs(dev, DAD_DMA_RUNGS_ALL), 0);
	for (unsigned int round = 0; round < ROUNDS; round++) {
		enum dad_dma_dir dir = (enum dad_dma_dir)below(3);
		unsigned int n = make(&b, eal_pool);

		for (unsigned int i = 0; i < n; i++)
			if (below(2) == 0) {
				b.va[i] = libc_pool + i * LANE;
				strict++;
			}
		assert_int_equal(dad_dma_map_burst(dev, b.va, b.size, n, dir, b.addr), n);
		transfer(dev, &b, n, dir);
	}
	assert_int_equal(taken(dev, DAD_DMA_RUNG_STRICT), strict);
	unmake_soft(dev);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(bursts_go_by_each_rung),
	cmocka_unit_test(a_burst_ends_where_an_element_cannot_be_mapped),
	cmocka_unit_test(a_burst_goes_on_where_it_ended),
	cmocka_unit_test(each_element_climbs_by_itself),
};

POOLS_MAIN(tests, POOL, POOL)
