/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>

#include <rte_branch_prediction.h>

#include "dad_fast_path.h"
#include "dad_ops.h"

/* What enqueues. */
struct enqueues {
	rte_dma_copy_t copy;
	rte_dma_copy_sg_t copy_sg;
	rte_dma_fill_t fill;
};

static const struct enqueues own = {dad_copy, dad_copy_sg, dad_fill};
static const struct enqueues foreign = {dad_foreign_copy, dad_foreign_copy_sg, dad_foreign_fill};
static const struct enqueues mt = {dad_mt_copy, dad_mt_copy_sg, dad_mt_fill};

static const struct enqueues *
plain_of(const struct dad_dev *d)
{
	if (d->args.mt)
		return &mt;
	return dad_foreign ? &foreign : &own;
}

/* ---- with rules that refuse some -------------------------------------------------------------
 *
 * A secondary process has these always: nobody tells it of rules that come while it runs.
 */

/* If it is refused, it is counted so. What is wrong for ever is not about room. */
static bool
is_refused(struct dad_dev *d, uint16_t vchan, enum dad_opcode opcode, uint64_t length)
{
	const struct dad_inject_set *rules = dad_inject_rules(&d->model.inject);
	struct dad_vchan *vc = &d->vchan[vchan];

	if (likely(rules == NULL) || !dad_inject_refuses(rules, vc, opcode, length))
		return false;
	dad_stat_nospace(vc);
	return true;
}

static int
refusing_copy(void *dev_private, uint16_t vchan, rte_iova_t src, rte_iova_t dst, uint32_t length,
	uint64_t flags)
{
	struct dad_dev *d = dev_private;

	if (length > 0 && is_refused(d, vchan, DAD_OP_COPY, length))
		return -ENOSPC;
	return plain_of(d)->copy(d, vchan, src, dst, length, flags);
}

static int
refusing_fill(void *dev_private, uint16_t vchan, uint64_t pattern, rte_iova_t dst, uint32_t length,
	uint64_t flags)
{
	struct dad_dev *d = dev_private;

	if (length > 0 && is_refused(d, vchan, DAD_OP_FILL, length))
		return -ENOSPC;
	return plain_of(d)->fill(d, vchan, pattern, dst, length, flags);
}

static bool
are_lists(uint16_t nb_src, uint16_t nb_dst)
{
	return nb_src > 0 && nb_dst > 0 && nb_src <= DAD_SGES_MAX && nb_dst <= DAD_SGES_MAX;
}

static uint64_t
bytes_of(const struct rte_dma_sge *list, uint16_t n)
{
	uint64_t bytes = 0;

	for (uint16_t i = 0; i < n; i++)
		bytes += list[i].length;
	return bytes;
}

static int
refusing_copy_sg(void *dev_private, uint16_t vchan, const struct rte_dma_sge *src,
	const struct rte_dma_sge *dst, uint16_t nb_src, uint16_t nb_dst, uint64_t flags)
{
	struct dad_dev *d = dev_private;

	if (are_lists(nb_src, nb_dst) && is_refused(d, vchan, DAD_OP_SG, bytes_of(src, nb_src)))
		return -ENOSPC;
	return plain_of(d)->copy_sg(d, vchan, src, dst, nb_src, nb_dst, flags);
}

static const struct enqueues refusing = {refusing_copy, refusing_copy_sg, refusing_fill};

#if DAD_HAVE_OPS

/* Unlike a call for one operation, which is asked for anew, a burst goes on where it ended: each of
 * it counts once, however often there is no room. */
static int
refusing_put(struct dad_dev *d, uint16_t vchan, struct rte_dma_op *op)
{
	const enum dad_opcode opcode = dad_ops_is_plain(op) ? DAD_OP_COPY : DAD_OP_SG;
	const struct dad_inject_set *rules = dad_inject_rules(&d->model.inject);
	struct dad_vchan *vc = &d->vchan[vchan];

	if (likely(rules == NULL) || !are_lists(op->nb_src, op->nb_dst))
		return dad_ops_put(d, vchan, op);
	const uint64_t length = bytes_of(op->src_dst_seg, op->nb_src);
	if (dad_inject_refuses(rules, vc, opcode, length))
		return dad_stat_nospace(vc);
	const int ret = dad_ops_put(d, vchan, op);
	if (ret == -ENOSPC)
		dad_inject_take_back(rules, vc, opcode, length);
	return ret;
}

static uint16_t
refusing_enqueue(void *dev_private, uint16_t vchan, struct rte_dma_op **ops, uint16_t nb_ops)
{
	return dad_ops_enqueue_by(refusing_put, dev_private, vchan, ops, nb_ops);
}

static void
set_ops(struct rte_dma_fp_object *fp, bool refuses)
{
	__atomic_store_n(
		&fp->enqueue, refuses ? refusing_enqueue : dad_ops_enqueue, __ATOMIC_RELAXED);
	fp->dequeue = dad_ops_dequeue;
}

#else

static void
set_ops(struct rte_dma_fp_object *fp, bool refuses)
{
	(void)fp;
	(void)refuses;
}

#endif

/* rte_dma_copy() where nothing is refused. */
static rte_dma_copy_t
copy_of(const struct dad_dev *d)
{
	const struct dad_exec *x = dad_exec_table[d->dev_id];

	if (d->args.engine != DAD_ENGINE_INLINE || d->args.mt || dad_foreign != 0 || !x->identity)
		return plain_of(d)->copy;
	return d->args.eager ? x->eager_copy : dad_inline_copy;
}

/* ---- all of them ----------------------------------------------------------------------------- */

void
dad_fast_path_set(struct rte_dma_fp_object *fp, struct dad_dev *d)
{
	const bool refuses = dad_foreign != 0 || dad_inject_has_refusals(&d->model.inject);
	const struct enqueues *e = refuses ? &refusing : plain_of(d);

	fp->dev_private = d;
	/* relaxed: each of them is right at any time */
	__atomic_store_n(&fp->copy, refuses ? e->copy : copy_of(d), __ATOMIC_RELAXED);
	__atomic_store_n(&fp->copy_sg, e->copy_sg, __ATOMIC_RELAXED);
	__atomic_store_n(&fp->fill, e->fill, __ATOMIC_RELAXED);
	set_ops(fp, refuses);
	fp->submit = d->args.mt ? dad_mt_submit : dad_submit;
	fp->completed = d->args.mt ? dad_mt_completed : dad_completed;
	fp->completed_status = d->args.mt ? dad_mt_completed_status : dad_completed_status;
	fp->burst_capacity = d->args.mt ? dad_mt_burst_capacity : dad_burst_capacity;
}
