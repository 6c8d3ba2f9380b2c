/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TEST_LISTS_H
#define TEST_LISTS_H

/* Lists, as the CPU and as the device see them: on each kind of copies that a device may have of
 * its own, and where it has none. One domain and one device at a time. */

#include <string.h>

#include "dad_dma.h"
#include "dad_dma_domain.h"
#include "dad_dma_sg.h"
#include "dad_dma_soft.h"
#include "test_pools.h"
#include "test_random.h"
#include "test_soft.h"

#define POOL (1u << 20)

static unsigned char data[POOL], got[POOL];
static struct dad_dma_domain *domain;
static struct dad_dma_dev *dev;

/* The kinds of copies, and one without. */
static const struct way {
	unsigned int rungs, flags;
} ways[] = {
	{RUNG(BOUNCE), 0},
	{RUNG(STRICT), DAD_DMA_DOMAIN_NONCOHERENT},
	{RUNG(STRICT), 0},
};
#define WITH_COPIES 2u /* of the ways */

static inline void
make(const struct way *w, bool slots)
{
	struct dad_dma_bounce_conf bounce = {.size = 4u << 20};

	domain = soft_domain(0, 0, w->flags);
	if (slots)
		assert_int_equal(dad_dma_bounce_create(domain, &bounce), 0);
	dev = soft_device(domain, w->rungs);
	assert_int_equal(dad_dma_set_mask(dev, UINT64_MAX), 0);
	random_fill(eal_pool, POOL);
}

static inline struct dad_dma_dev_stats
counts(void)
{
	struct dad_dma_dev_stats stats;

	dad_dma_dev_stats(dev, &stats);
	return stats;
}

/* Nothing is mapped any more. */
static inline void
unmake_ranges(void)
{
	struct dad_dma_domain_info info;

	dad_dma_domain_info(domain, &info);
	assert_int_equal(info.strict_maps, 0);
	assert_int_equal(dad_dma_dev_destroy(dev), 0);
	dad_dma_domain_put(domain);
}

/* The same where each mapping was unmapped by a call of its own. */
static inline void
unmake(void)
{
	unmake_soft(dev);
}

/* The bytes of the entries, one after the other. */
static inline void
gather(const struct dad_sg sg[], unsigned int n, unsigned char *to)
{
	for (unsigned int i = 0; i < n; to += sg[i++].length)
		memcpy(to, sg[i].va, sg[i].length);
}

/* The same as the device sees them. */
static inline void
device_moves(const struct dad_sg sg[], unsigned int segments, unsigned char *bytes, bool writes)
{
	for (unsigned int i = 0; i < segments; bytes += sg[i++].dma_length)
		assert_int_equal(
			writes ? dad_soft_dma_write(dev, sg[i].dma_address, bytes, sg[i].dma_length)
			       : dad_soft_dma_read(dev, sg[i].dma_address, bytes, sg[i].dma_length),
			0);
}

static inline void
assert_cpu_sees(const struct dad_sg sg[], unsigned int n, const unsigned char *bytes, size_t size)
{
	gather(sg, n, got);
	assert_memory_equal(got, bytes, size);
}

static inline void
assert_device_sees(
	const struct dad_sg sg[], unsigned int segments, const unsigned char *bytes, size_t size)
{
	device_moves(sg, segments, got, false);
	assert_memory_equal(got, bytes, size);
}

/* The pool lies at the start of a unit: a window has room for all of it. */
#define LISTS_MAIN(tests) POOLS_MAIN(tests, POOL, DAD_DMA_UNIT_SIZE)

#endif /* TEST_LISTS_H */
