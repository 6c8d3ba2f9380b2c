/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DAD_FREE_H
#define DAD_FREE_H

/*
 * Sources that go back to their mempool when they were copied to the device, where DPDK has it
 * (RTE_DMA_CAPA_M2D_AUTO_FREE): who did the copy frees them, a group's at a time. An address may be
 * anywhere in an object, so the objects of the pool are looked up, whatever kind of pool it is.
 */

#include "dad_compat.h"
#include "dad_exec.h"

/* The vchan's objects, if the configuration names a pool; its direction was set up. 0, -EINVAL
 * after logging why, or -ENOMEM. dad_vchan_release() undoes it. */
int dad_free_setup(struct dad_vchan *vc, const char *device, unsigned int v,
	const struct rte_dma_vchan_conf *conf);

/* The n operations from ticket first on are done: free what they say, unless they failed. */
void dad_free_sources(
	const struct dad_exec *x, const struct dad_vchan *vc, uint64_t first, unsigned int n);

#endif /* DAD_FREE_H */
