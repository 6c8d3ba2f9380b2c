/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>

#include <rte_cycles.h>

#include "measure.h"

/* How many passes or batches go between two looks at the clock: one costs as much as several small
 * operations. */
static inline uint32_t
passes_a_look(uint32_t size)
{
	return size <= 4096 ? 8 : 1;
}

static inline __attribute__((always_inline)) void
run_device(struct measurement *m, const struct device *dev, enum op op, uint64_t duration)
{
	const struct walk *w = m->walk;
	const uint32_t batch = m->config->batch, depth = m->config->qdepth;
	const uint64_t stall = m->config->stall_s * rte_get_tsc_hz();
	const uint64_t start = rte_rdtsc_precise();
	enum rte_dma_status_code status[OP_REAP_BURST];
	uint64_t head = 0, tail = 0, now = start, progress = start, moved = 0;
	const uint32_t look = passes_a_look(w->size);
	uint32_t pass = 0;
	struct op_args a = {
		.pattern = m->fill * UINT64_C(0x0101010101010101),
		.length = w->size,
		.segments = m->segments,
	};
	uint32_t step = 0;
	bool more = true;

	while (more || head != tail) {
		if (more && head - tail + batch <= depth) {
			uint32_t n = 0;
			int ret = 0;

			for (; n < batch; n++) {
				a.src = w->src_addr[step];
				a.dst = w->dst_addr[step];
				ret = op_enqueue(dev->id, 0, op, &a);
				if (unlikely(ret < 0))
					break;
				step = (step + 1) & (w->count - 1);
			}
			if (n > 0)
				rte_dma_submit(dev->id, 0);
			head += n;
			if (unlikely(ret < 0 && ret != -ENOSPC)) {
				m->failed = ret;
				more = false;
			}
		}
		bool failed;
		uint16_t n = op_reap(dev->id, 0, status, &failed);

		tail += n;
		for (uint16_t i = 0; unlikely(failed) && i < n; i++)
			m->errors += status[i] != RTE_DMA_STATUS_SUCCESSFUL;
		moved += n;
		if (++pass < look)
			continue;
		pass = 0;
		now = rte_rdtsc();
		if (moved > 0) {
			progress = now;
			moved = 0;
		} else if (unlikely(now - progress > stall)) {
			m->failed = -ETIMEDOUT;
			break;
		}
		if (now - start >= duration)
			more = false;
	}
	m->done = tail;
	m->tsc = rte_rdtsc() - start;
}

static void
cpu_sg(void *dst, const void *src, uint32_t length, uint16_t segments)
{
	struct rte_dma_sge sge[OP_MAX_SEGMENTS];

	op_segments(sge, segments, 0, length, false);
	for (uint16_t i = 0; i < segments; i++)
		memcpy((uint8_t *)dst + sge[i].addr, (const uint8_t *)src + sge[i].addr,
			sge[i].length);
}

static inline __attribute__((always_inline)) void
run_cpu(struct measurement *m, enum op op, uint64_t duration)
{
	const struct walk *w = m->walk;
	const uint32_t batch = passes_a_look(w->size) * m->config->batch;
	const uint64_t start = rte_rdtsc_precise();
	uint64_t now = start;
	uint32_t step = 0;

	while (now - start < duration) {
		for (uint32_t n = 0; n < batch; n++) {
			if (op == OP_FILL)
				memset(w->dst_va[step], m->fill, w->size);
			else if (op == OP_SG)
				cpu_sg(w->dst_va[step], w->src_va[step], w->size, m->segments);
			else
				memcpy(w->dst_va[step], w->src_va[step], w->size);
			step = (step + 1) & (w->count - 1);
		}
		m->done += batch;
		now = rte_rdtsc();
	}
	m->tsc = now - start;
}

/* One loop for each operation, so that none is looked up inside. */
void
measure(struct measurement *m, const struct device *dev, uint64_t duration_ms)
{
	const uint64_t duration = duration_ms * rte_get_tsc_hz() / 1000;

	m->done = m->errors = 0;
	m->failed = 0;
	switch (m->op) {
	case OP_COPY:
		if (dev != NULL)
			run_device(m, dev, OP_COPY, duration);
		else
			run_cpu(m, OP_COPY, duration);
		break;
	case OP_FILL:
		if (dev != NULL)
			run_device(m, dev, OP_FILL, duration);
		else
			run_cpu(m, OP_FILL, duration);
		break;
	default:
		if (dev != NULL)
			run_device(m, dev, OP_SG, duration);
		else
			run_cpu(m, OP_SG, duration);
		break;
	}
}
