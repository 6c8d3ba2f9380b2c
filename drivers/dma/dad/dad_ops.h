/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DAD_OPS_H
#define DAD_OPS_H

/*
 * rte_dma_enqueue_ops() and rte_dma_dequeue_ops(), where DPDK has them: the same rings, and beside
 * each descriptor the operation it was made from.
 */

#include "dad_compat.h"
#include "dad_internal.h"

/* Room for a pointer a slot, in a vchan that was set up. 0 or -ENOMEM. dad_vchan_release() undoes
 * it. */
int dad_ops_setup(struct dad_vchan *vc);

/* The two functions, for any kind of vchan; without them nothing is set. */
void dad_ops_set_fast_path(struct rte_dma_fp_object *fp);

#endif /* DAD_OPS_H */
