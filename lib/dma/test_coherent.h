/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TEST_COHERENT_H
#define TEST_COHERENT_H

/* What there is of a domain's coherent memory, and of its mapping registers; beside the identity.
 */

#include "test_identity.h"

static inline struct dad_dma_coherent_info
info_of(struct dad_dma_domain *d)
{
	struct dad_dma_coherent_info info;

	dad_dma_coherent_info(d, &info);
	return info;
}

static inline uint64_t
registers_of(const struct dad_dma_domain *d)
{
	struct dad_dma_domain_info info;

	dad_dma_domain_info(d, &info);
	return info.registers_used;
}

#endif /* TEST_COHERENT_H */
