/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>

#include <rte_branch_prediction.h>
#include <rte_malloc.h>

#include "dad_ops.h"

int
dad_ops_setup(struct dad_vchan *vc)
{
	vc->ops = rte_zmalloc(NULL, dad_vchan_size(vc) * sizeof(*vc->ops), RTE_CACHE_LINE_SIZE);
	return vc->ops != NULL ? 0 : -ENOMEM;
}

#if DAD_HAVE_OPS

/* All else is said by lists. */
bool
dad_ops_is_plain(const struct rte_dma_op *op)
{
	const struct rte_dma_sge *seg = op->src_dst_seg;

	return likely(op->nb_src == 1 && op->nb_dst == 1) && seg[0].length == seg[1].length &&
		seg[0].length > 0;
}

int
dad_ops_put(struct dad_dev *d, uint16_t vchan, struct rte_dma_op *op)
{
	const struct rte_dma_sge *src = op->src_dst_seg, *dst = src + op->nb_src;
	const uint64_t flags = op->flags & ~RTE_DMA_OP_FLAG_SUBMIT;
	struct dad_vchan *vc = &d->vchan[vchan];
	int ret;

	if (vc->mt)
		return dad_ops_is_plain(op)
			? dad_mt_copy_op(vc, src, dst, flags, op)
			: dad_mt_copy_sg_op(vc, src, dst, op->nb_src, op->nb_dst, flags, op);
	/* before the operation is there: a process may die in between */
	if (likely(vc->tail < vc->limit))
		vc->ops[vc->tail & vc->mask] = op;
	if (dad_ops_is_plain(op))
		ret = (dad_foreign ? dad_foreign_copy : dad_copy)(
			d, vchan, src->addr, dst->addr, src->length, flags);
	else
		ret = (dad_foreign ? dad_foreign_copy_sg : dad_copy_sg)(
			d, vchan, src, dst, op->nb_src, op->nb_dst, flags);
	return ret;
}

uint16_t
dad_ops_enqueue_by(dad_ops_put_t put, void *dev_private, uint16_t vchan, struct rte_dma_op **ops,
	uint16_t nb_ops)
{
	struct dad_dev *d = dev_private;
	uint16_t n = 0;
	int ret = 0;

	if (unlikely(d->vchan[vchan].ops == NULL))
		return 0;
	for (; n < nb_ops; n++) {
		ret = put(d, vchan, ops[n]);
		if (unlikely(ret < 0))
			break;
	}
	/* it can never be enqueued: so that its owner sees that this is not for want of room */
	if (unlikely(ret == -EINVAL))
		ops[n]->status = RTE_DMA_STATUS_INVALID_LENGTH;
	if (likely(n > 0))
		(d->args.mt ? dad_mt_submit : dad_submit)(d, vchan);
	return n;
}

uint16_t
dad_ops_enqueue(void *dev_private, uint16_t vchan, struct rte_dma_op **ops, uint16_t nb_ops)
{
	return dad_ops_enqueue_by(dad_ops_put, dev_private, vchan, ops, nb_ops);
}

/* At once, so that statuses need little room. */
#define CHUNK 64

static uint16_t
dequeue_some(struct dad_dev *d, uint16_t vchan, struct rte_dma_op **ops, uint16_t max)
{
	struct dad_vchan *vc = &d->vchan[vchan];
	enum rte_dma_status_code status[CHUNK];
	uint16_t last, n;

	if (vc->mt) {
		n = (uint16_t)dad_mt_take_ops(vc, max, status, ops);
	} else {
		n = dad_completed_status(d, vchan, max, &last, status);
		for (unsigned int i = 0; i < n; i++)
			ops[i] = vc->ops[(uint16_t)(last + 1 - n + i) & vc->mask];
	}
	uint16_t kept = 0;

	for (unsigned int i = 0; i < n; i++) {
		/* of an enqueue that never came to its end: dad_vchan_abort() */
		if (unlikely(ops[i] == NULL))
			continue;
		ops[i]->status = status[i];
		ops[kept++] = ops[i];
	}
	return kept;
}

uint16_t
dad_ops_dequeue(void *dev_private, uint16_t vchan, struct rte_dma_op **ops, uint16_t nb_ops)
{
	struct dad_dev *d = dev_private;
	uint16_t n = 0, asked, got;

	if (unlikely(d->vchan[vchan].ops == NULL))
		return 0;
	do {
		asked = RTE_MIN(nb_ops - n, CHUNK);
		got = dequeue_some(d, vchan, ops + n, asked);
		n += got;
	} while (got == asked && n < nb_ops);
	return n;
}

#endif
