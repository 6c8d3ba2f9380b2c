/* SPDX-License-Identifier: BSD-3-Clause */
#include <rte_branch_prediction.h>
#include <rte_lcore.h>

#include "lcore.h"

/* A function of its own also because the C library's part in this may change vector registers when
 * a thread comes here first: a caller knows that a function may. */
unsigned int
dma_lcore_id(void)
{
	unsigned int lcore = rte_lcore_id();

	return likely(lcore < RTE_MAX_LCORE) ? lcore : RTE_MAX_LCORE;
}
