/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TEST_SOFT_H
#define TEST_SOFT_H

/* Soft domains for a while, what their devices did, and that they leave nothing behind. */

#include <rte_memory.h>

#include "dad_dma.h"
#include "dad_dma_domain.h"

#define PAGE	4096u
#define RUNG(r) DAD_DMA_RUNG_BIT(DAD_DMA_RUNG_##r)

/* IOVAs from first to last, both included; 0 and 0: the default. */
static inline struct dad_dma_domain *
soft_domain(uint64_t first, uint64_t last, unsigned int flags)
{
	struct dad_dma_domain_conf conf = {.name = "soft",
		.type = DAD_DMA_DOMAIN_SOFT,
		.iova_first = first,
		.iova_last = last,
		.flags = flags,
		.socket_id = SOCKET_ID_ANY};
	struct dad_dma_domain *domain = dad_dma_domain_create(&conf);

	assert_non_null(domain);
	return domain;
}

static inline struct dad_dma_dev *
soft_device(struct dad_dma_domain *domain, unsigned int rungs)
{
	struct dad_dma_dev *dev = dad_dma_dev_create("device", domain, SOCKET_ID_ANY);

	assert_non_null(dev);
	assert_int_equal(dad_dma_dev_set_rungs(dev, rungs), 0);
	return dev;
}

/* Its direct maps are counted, too; they do not take the short way then. */
static inline struct dad_dma_dev *
counted_device(struct dad_dma_domain *domain, unsigned int rungs)
{
	struct dad_dma_dev *dev = soft_device(domain, rungs);

	dad_dma_dev_count_direct(dev, true);
	return dev;
}

/* How often it took a rung. */
static inline uint64_t
taken(const struct dad_dma_dev *dev, enum dad_dma_rung rung)
{
	struct dad_dma_dev_stats stats;

	dad_dma_dev_stats(dev, &stats);
	const uint64_t counts[] = {0, stats.direct, stats.window, stats.strict, stats.bounce};

	return counts[rung];
}

/* No mapping, no slot, no IOVA is lost, and no access was refused. */
static inline void
assert_nothing_left(const struct dad_dma_dev *dev)
{
	struct dad_dma_domain *domain = dad_dma_dev_domain(dev);
	struct dad_dma_dev_stats stats;
	struct dad_dma_domain_info info;
	const struct dad_dma_dev *owners[] = {NULL, dev};

	dad_dma_dev_stats(dev, &stats);
	assert_int_equal(stats.unmapped, stats.direct + stats.window + stats.strict + stats.bounce);
	dad_dma_domain_flush(domain);
	dad_dma_domain_info(domain, &info);
	assert_int_equal(info.strict_maps, 0);
	assert_int_equal(info.faults, 0);
	assert_int_equal(info.lost, 0);
	for (unsigned int i = 0; i < RTE_DIM(owners); i++) {
		struct dad_dma_bounce_stats slots;

		if (dad_dma_bounce_stats(domain, owners[i], &slots) == 0)
			assert_int_equal(slots.used, slots.cached);
	}
}

/* The last device goes, and the domain with it. */
static inline void
unmake_soft(struct dad_dma_dev *dev)
{
	struct dad_dma_domain *domain = dad_dma_dev_domain(dev);

	assert_nothing_left(dev);
	assert_int_equal(dad_dma_dev_destroy(dev), 0);
	dad_dma_domain_put(domain);
}

#endif /* TEST_SOFT_H */
