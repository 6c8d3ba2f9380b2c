/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTDMA_OP_H
#define TESTDMA_OP_H

/**
 * @file
 * One operation of a DMA device: how it is named, enqueued, and how it ends.
 *
 * The functions for the data path are inline, so that the choice of the operation folds away where
 * the caller's is a constant.
 */

#include <stdbool.h>
#include <stdint.h>

#include <rte_common.h>
#include <rte_dmadev.h>

enum op {
	OP_COPY,
	OP_FILL,
	OP_SG,
	OP_COUNT,
};

/** Segments in each list of a scatter-gather operation, unless the device takes fewer. */
#define OP_MAX_SEGMENTS 16

/** Statuses fetched in one call after an error. */
#define OP_REAP_BURST 64

/** One operation as the device gets it. */
struct op_args {
	rte_iova_t src; /**< copy, sg */
	rte_iova_t dst;
	uint64_t pattern; /**< fill */
	uint32_t length;
	uint16_t segments; /**< sg: in each list */
};

/** "copy", "fill", "sg". */
const char *op_name(enum op op);

/** @return the operation, or OP_COUNT */
enum op op_by_name(const char *name);

/** RTE_DMA_CAPA_OPS_* that a device needs for it. */
uint64_t op_capability(enum op op);

/** A name for each rte_dma_status_code; "status N" for those unknown here, in static storage. */
const char *op_status_name(unsigned int code);

/**
 * Cut length bytes from addr on in count segments. skew cuts elsewhere than no skew does, so that
 * the bounds in source and destination differ.
 */
static inline void
op_segments(struct rte_dma_sge *sge, uint16_t count, rte_iova_t addr, uint32_t length, bool skew)
{
	uint32_t piece = length / count;
	uint32_t first = skew ? piece - piece / 2 : piece;

	for (uint16_t i = 0; i < count; i++) {
		uint32_t n = i == count - 1 ? length : i == 0 ? first : piece;

		sge[i].addr = addr;
		sge[i].length = n;
		addr += n;
		length -= n;
	}
}

/** @return ring index, -ENOSPC when the ring is full, another negative value when refused */
static inline __attribute__((always_inline)) int
op_enqueue(int16_t dev_id, uint16_t vchan, enum op op, const struct op_args *a)
{
	struct rte_dma_sge src[OP_MAX_SEGMENTS], dst[OP_MAX_SEGMENTS];

	switch (op) {
	case OP_FILL:
		return rte_dma_fill(dev_id, vchan, a->pattern, a->dst, a->length, 0);
	case OP_SG:
		op_segments(src, a->segments, a->src, a->length, false);
		op_segments(dst, a->segments, a->dst, a->length, true);
		return rte_dma_copy_sg(dev_id, vchan, src, dst, a->segments, a->segments, 0);
	default:
		return rte_dma_copy(dev_id, vchan, a->src, a->dst, a->length, 0);
	}
}

/**
 * Take back finished operations, in order.
 *
 * @param status  room for OP_REAP_BURST; written only if failed comes back true
 * @param failed  false: all that came back succeeded; true: look at status, one for each
 * @return how many
 */
static inline uint16_t
op_reap(int16_t dev_id, uint16_t vchan, enum rte_dma_status_code *status, bool *failed)
{
	uint16_t last;
	bool error = false;
	uint16_t n = rte_dma_completed(dev_id, vchan, OP_REAP_BURST, &last, &error);

	*failed = false;
	if (likely(n > 0 || !error))
		return n;
	*failed = true;
	return rte_dma_completed_status(dev_id, vchan, OP_REAP_BURST, &last, status);
}

#endif /* TESTDMA_OP_H */
