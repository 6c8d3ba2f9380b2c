/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TEST_IDENTITY_H
#define TEST_IDENTITY_H

/* One device of the identity domain, for all tests of a program: setup() and teardown() are those
 * of its group. */

#include "dad_dma.h"
#include "dad_dma_domain.h"

static struct dad_dma_domain *domain;
static struct dad_dma_dev *dev;

static int
setup(void **state)
{
	(void)state;
	domain = dad_dma_domain_identity();
	if (domain == NULL)
		return -1;
	dev = dad_dma_dev_create("test", domain, SOCKET_ID_ANY);
	return dev == NULL ? -1 : dad_dma_set_mask_and_coherent(dev, DAD_DMA_BIT_MASK(64));
}

static int
teardown(void **state)
{
	(void)state;
	int ret = dad_dma_dev_destroy(dev);

	dad_dma_domain_put(domain);
	return ret;
}

static inline uint64_t
coherent_bytes_of(const struct dad_dma_dev *d)
{
	struct dad_dma_dev_stats stats;

	dad_dma_dev_stats(d, &stats);
	return stats.coherent_bytes;
}

#endif /* TEST_IDENTITY_H */
