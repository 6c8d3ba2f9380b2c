/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TEST_DOMAINS_H
#define TEST_DOMAINS_H

/* A soft domain as a test wants it, with one device; and some memory that EAL does not know. */

#include <stdlib.h>
#include <string.h>

#include <rte_memory.h>

#include "dad_dma.h"
#include "dad_dma_domain.h"
#include "eal_test.h"

#define PAGE   4096u
#define STRICT DAD_DMA_RUNG_BIT(DAD_DMA_RUNG_STRICT)
#define BOUNCE DAD_DMA_RUNG_BIT(DAD_DMA_RUNG_BOUNCE)

static unsigned char *memory; /* 16 pages of the C library */

static inline struct dad_dma_domain_conf
conf_of(unsigned int rungs, unsigned int flags)
{
	return (struct dad_dma_domain_conf){.name = "soft",
		.type = DAD_DMA_DOMAIN_SOFT,
		.rungs = rungs,
		.flags = flags,
		.socket_id = SOCKET_ID_ANY};
}

static inline struct dad_dma_dev *
make(const struct dad_dma_domain_conf *conf, struct dad_dma_domain **domain)
{
	*domain = dad_dma_domain_create(conf);
	assert_non_null(*domain);
	struct dad_dma_dev *dev = dad_dma_dev_create("device", *domain, SOCKET_ID_ANY);
	assert_non_null(dev);
	return dev;
}

static inline void
unmake(struct dad_dma_domain *domain, struct dad_dma_dev *dev)
{
	assert_int_equal(dad_dma_dev_destroy(dev), 0);
	dad_dma_domain_put(domain);
}

static inline struct dad_dma_domain_info
info_of(const struct dad_dma_domain *domain)
{
	struct dad_dma_domain_info info;

	dad_dma_domain_info(domain, &info);
	return info;
}

static inline int
domains_main(int argc, char **argv, int (*run)(void))
{
	int ret = argc > 0 ? eal_test_init(argv[0]) : 1;

	if (ret != 0)
		return ret;
	memory = aligned_alloc(PAGE, 16 * PAGE);
	if (memory == NULL)
		return 1;
	memset(memory, 0, 16 * PAGE);
	ret = run();
	free(memory);
	rte_eal_cleanup();
	return ret;
}

#endif /* TEST_DOMAINS_H */
