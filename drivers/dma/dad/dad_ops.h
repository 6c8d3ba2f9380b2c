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

#if DAD_HAVE_OPS

/* Of the fast path, for any kind of vchan. */
uint16_t dad_ops_enqueue(
	void *dev_private, uint16_t vchan, struct rte_dma_op **ops, uint16_t nb_ops);
uint16_t dad_ops_dequeue(
	void *dev_private, uint16_t vchan, struct rte_dma_op **ops, uint16_t nb_ops);

/* Enqueue one, which is not submitted yet: a ring index, or -errno. */
typedef int (*dad_ops_put_t)(struct dad_dev *d, uint16_t vchan, struct rte_dma_op *op);
int dad_ops_put(struct dad_dev *d, uint16_t vchan, struct rte_dma_op *op);

/* Operations up to the first one that is not put; then they are submitted. How many. */
uint16_t dad_ops_enqueue_by(dad_ops_put_t put, void *dev_private, uint16_t vchan,
	struct rte_dma_op **ops, uint16_t nb_ops);

/* Is it one that a plain copy can do: one segment a side, of equal length? */
bool dad_ops_is_plain(const struct rte_dma_op *op);

#endif

#endif /* DAD_OPS_H */
