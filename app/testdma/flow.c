/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <rte_common.h>
#include <rte_cycles.h>

#include "flow.h"

/* A prime, so that the checked operations take turns on all slots. */
#define SAMPLE 61

int
flow_open(struct flow *f, const struct config *c)
{
	int ret;

	f->slots.op = c->op;
	f->slots.size = c->size;
	f->slots.segments = device_segments(f->slots.dev, c->segments, c->size);
	ret = slots_create(&f->slots, RTE_MIN(c->qdepth, (uint32_t)f->slots.dev->nb_desc));
	if (ret != 0)
		return ret;
	f->head = f->tail = 0;
	f->count = c->count;
	f->batch = RTE_MIN(c->batch, f->slots.count);
	f->verify = c->verify;
	f->stall_tsc = c->stall_s * rte_get_tsc_hz();
	f->progress_tsc = rte_rdtsc();
	return 0;
}

void
flow_close(struct flow *f)
{
	slots_free(&f->slots);
}

static bool
is_checked(const struct flow *f, uint64_t sequence)
{
	return f->verify == VERIFY_FULL || (f->verify == VERIFY_SAMPLE && sequence % SAMPLE == 0);
}

static void
give_up(struct flow *f, const char *why, const char *detail)
{
	const struct slots *s = &f->slots;

	fprintf(stderr, "%s vchan %u: %s%s; %" PRIu64 " operations in flight\n", s->dev->name,
		s->vchan, why, detail, f->head - f->tail);
	f->failed = true;
}

static void
enqueue(struct flow *f)
{
	uint64_t room = f->slots.count - (f->head - f->tail);
	uint32_t n = f->batch, done = 0;
	struct op_args args;

	if (f->count != 0)
		n = RTE_MIN((uint64_t)n, f->count - f->head);
	if (n == 0 || room < n)
		return;
	/* nothing was in flight: time without completions begins now */
	if (f->head == f->tail)
		f->progress_tsc = rte_rdtsc();
	for (; done < n; done++) {
		uint32_t i = (f->head + done) % f->slots.count;
		int ret;

		if (is_checked(f, f->head + done))
			slots_arm(&f->slots, i);
		slots_args(&f->slots, i, &args);
		ret = op_enqueue(f->slots.dev->id, f->slots.vchan, f->slots.op, &args);
		if (unlikely(ret < 0)) {
			if (ret == -ENOSPC) {
				stats_count(&f->stats.full, 1);
			} else {
				stats_count(&f->stats.refused, 1);
				give_up(f, "operation refused: ", strerror(-ret));
			}
			break;
		}
	}
	if (done == 0)
		return;
	f->head += done;
	stats_count(&f->stats.submitted, done);
	if (rte_dma_submit(f->slots.dev->id, f->slots.vchan) < 0 && !f->failed)
		give_up(f, "submit failed", "");
}

static void
take_back(struct flow *f)
{
	enum rte_dma_status_code status[OP_REAP_BURST];
	bool failed;
	uint16_t n = op_reap(f->slots.dev->id, f->slots.vchan, status, &failed);
	uint16_t good = n;

	if (n == 0) {
		if (f->head != f->tail && rte_rdtsc() - f->progress_tsc > f->stall_tsc)
			give_up(f, "no completion for too long (see stall)", "");
		return;
	}
	if (n > f->head - f->tail) {
		give_up(f, "more completions than operations", "");
		return;
	}
	for (uint16_t k = 0; k < n && (failed || f->verify != VERIFY_OFF); k++) {
		uint64_t sequence = f->tail + k;
		bool succeeded = !failed || status[k] == RTE_DMA_STATUS_SUCCESSFUL;

		if (!succeeded) {
			stats_count_status(&f->stats, status[k]);
			good--;
		}
		if (is_checked(f, sequence)) {
			stats_count(&f->stats.checked, 1);
			if (!slots_check(&f->slots, sequence % f->slots.count, sequence, succeeded))
				stats_count(&f->stats.miscompares, 1);
		}
	}
	f->tail += n;
	stats_count(&f->stats.completed, good);
	stats_count(&f->stats.bytes, (uint64_t)good * f->slots.size);
	f->progress_tsc = rte_rdtsc();
}

void
flow_step(struct flow *f, bool more)
{
	if (f->failed)
		return;
	if (more)
		enqueue(f);
	if (!f->failed)
		take_back(f);
}

bool
flow_idle(const struct flow *f, bool more)
{
	if (f->failed)
		return true;
	if (f->head != f->tail)
		return false;
	return !more || (f->count != 0 && f->head == f->count);
}
