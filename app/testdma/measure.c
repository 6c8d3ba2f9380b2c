/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>

#include <rte_cycles.h>

#include "measure.h"

static inline __attribute__((always_inline)) void
run_rate(struct measurement *m, const struct device *dev, enum op op, uint64_t duration)
{
	const struct walk *w = m->walk;
	const uint32_t batch = m->config->batch, depth = m->config->qdepth;
	const uint64_t stall = m->config->stall_s * rte_get_tsc_hz();
	const uint64_t start = rte_rdtsc_precise();
	enum rte_dma_status_code status[OP_REAP_BURST];
	uint64_t head = 0, tail = 0, now = start, progress = start, moved = 0;
	const uint32_t look = measure_passes_a_look(w->size);
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
	m->mops = (double)tail * (double)rte_get_tsc_hz() / (double)(rte_rdtsc() - start) / 1e6;
}

/*
 * One operation in flight, from before its submit until it has come back. Enqueueing it is no part
 * of that.
 */
static inline __attribute__((always_inline)) void
run_latency(struct measurement *m, const struct device *dev, enum op op, uint64_t duration)
{
	const struct walk *w = m->walk;
	const uint64_t stall = m->config->stall_s * rte_get_tsc_hz();
	const uint64_t start = rte_rdtsc_precise();
	enum rte_dma_status_code status[OP_REAP_BURST];
	uint64_t now = start;
	struct op_args a = {
		.pattern = m->fill * UINT64_C(0x0101010101010101),
		.length = w->size,
		.segments = m->segments,
	};

	while (now - start < duration) {
		const uint32_t step = (uint32_t)m->done & (w->count - 1);
		uint64_t before, looks = 0;
		bool failed;
		uint16_t n;

		a.src = w->src_addr[step];
		a.dst = w->dst_addr[step];
		m->failed = RTE_MIN(op_enqueue(dev->id, 0, op, &a), 0);
		if (unlikely(m->failed != 0))
			break;
		before = rte_rdtsc_precise();
		rte_dma_submit(dev->id, 0);
		while ((n = op_reap(dev->id, 0, status, &failed)) == 0) {
			if (likely(++looks % 1024 != 0) || rte_rdtsc() - before < stall)
				continue;
			m->failed = -ETIMEDOUT;
			return;
		}
		now = rte_rdtsc_precise();
		measure_add_latency(m, now - before);
		m->errors += failed && status[0] != RTE_DMA_STATUS_SUCCESSFUL;
		m->done += n;
	}
	m->mops = (double)m->done * (double)rte_get_tsc_hz() / (double)(now - start) / 1e6;
}

/* One loop for each operation, so that none is looked up inside. */
void
measure(struct measurement *m, const struct device *dev, uint64_t duration_ms)
{
	const uint64_t duration = duration_ms * rte_get_tsc_hz() / 1000;
	const bool rate = m->spread == NULL;

	m->done = m->covered = m->errors = 0;
	m->failed = 0;
	if (dev == NULL) {
		measure_cpu(m, duration);
		return;
	}
	switch (m->op) {
	case OP_COPY:
		rate ? run_rate(m, dev, OP_COPY, duration) : run_latency(m, dev, OP_COPY, duration);
		break;
	case OP_FILL:
		rate ? run_rate(m, dev, OP_FILL, duration) : run_latency(m, dev, OP_FILL, duration);
		break;
	default:
		rate ? run_rate(m, dev, OP_SG, duration) : run_latency(m, dev, OP_SG, duration);
		break;
	}
	m->covered = m->done;
}
