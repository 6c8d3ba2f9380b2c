/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>
#include <rte_cycles.h>

#include "flow.h"

/* A prime, so that the checked operations take turns on all slots. */
#define SAMPLE 61

/* What is looked at beside host memory. @return 0 or -errno */
static int
open_checks(struct flow *f, const struct config *c)
{
	struct slots *s = &f->slots;

	if (f->stream.window != 0)
		s->stream = &f->stream;
	if (f->window.dev == NULL)
		return 0;
	f->window.size = s->size;
	f->window.stall_tsc = c->stall_s * rte_get_tsc_hz();
	s->window = &f->window;
	return window_open(&f->window);
}

int
flow_open(struct flow *f, const struct config *c)
{
	struct slots *s = &f->slots;
	int ret;

	s->op = c->op;
	s->size = c->size;
	s->segments = device_segments(s->dev, c->segments, c->size);
	ret = open_checks(f, c);
	if (ret == 0)
		ret = slots_create(s, RTE_MIN(c->qdepth, (uint32_t)s->dev->nb_desc));
	if (ret != 0)
		goto fail;
	f->op = calloc(s->count, sizeof(*f->op));
	ret = -ENOMEM;
	if (f->op == NULL)
		goto fail;
	f->count = c->count;
	f->batch = RTE_MIN(c->batch, s->count);
	f->verify = c->verify;
	/* what a stream had is not there a second time */
	f->retries = s->stream != NULL ? 0 : c->retries;
	f->stall_tsc = c->stall_s * rte_get_tsc_hz();
	f->progress_tsc = rte_rdtsc();
	return 0;

fail:
	flow_close(f);
	return ret;
}

void
flow_close(struct flow *f)
{
	slots_free(&f->slots);
	window_close(&f->window);
	free(f->op);
	f->op = NULL;
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

static inline uint32_t
after(const struct flow *f, uint32_t slot)
{
	return slot + 1 < f->slots.count ? slot + 1 : 0;
}

/* ---- to the device ----------------------------------------------------------------------- */

static inline bool
may_begin(const struct flow *f)
{
	return f->count == 0 || f->begun < f->count;
}

/* No operation is left to begin, and nothing is in flight: on to one that is to be repeated. */
static void
skip_slots(struct flow *f)
{
	while (f->head == f->tail && f->op[f->head_slot].tries == 0)
		f->head_slot = f->tail_slot = after(f, f->head_slot);
}

/* The next slot's operation: one that failed, or a new one. @return as op_enqueue() */
static inline int
enqueue_one(struct flow *f)
{
	const uint32_t slot = f->head_slot;
	struct flow_op *op = &f->op[slot];
	struct op_args args;
	int ret;

	if (likely(op->tries == 0))
		op->sequence = f->begun;
	if (is_checked(f, op->sequence))
		slots_arm(&f->slots, slot);
	slots_args(&f->slots, slot, op->sequence, &args);
	ret = op_enqueue(f->slots.dev->id, f->slots.vchan, f->slots.op, &args);
	if (unlikely(ret < 0))
		return ret;
	if (likely(op->tries == 0)) {
		f->begun++;
	} else {
		f->to_repeat--;
		f->repeated++;
	}
	f->head++;
	f->head_slot = after(f, slot);
	return ret;
}

/* How many to enqueue now: whole batches, but for the last operations. */
static uint64_t
how_many(const struct flow *f)
{
	uint64_t n = f->batch;

	if (f->count != 0)
		n = RTE_MIN(n, f->count - f->begun + f->to_repeat);
	return f->slots.count - (f->head - f->tail) < n ? 0 : n;
}

static void
enqueue(struct flow *f)
{
	const uint64_t n = how_many(f);
	uint32_t done = 0;
	int ret = 0;

	if (n == 0)
		return;
	/* nothing was in flight: time without completions begins now */
	if (f->head == f->tail)
		f->progress_tsc = rte_rdtsc();
	if (unlikely(!may_begin(f)))
		skip_slots(f);
	while (done < n) {
		if (unlikely(!may_begin(f)) && f->op[f->head_slot].tries == 0)
			break;
		ret = enqueue_one(f);
		if (unlikely(ret < 0))
			break;
		done++;
	}
	if (unlikely(ret == -ENOSPC)) {
		stats_count(&f->stats.full, 1);
	} else if (unlikely(ret < 0)) {
		stats_count(&f->stats.refused, 1);
		give_up(f, "operation refused: ", strerror(-ret));
	}
	if (done == 0)
		return;
	stats_count(&f->stats.submitted, done);
	if (rte_dma_submit(f->slots.dev->id, f->slots.vchan) < 0 && !f->failed)
		give_up(f, "submit failed", "");
}

/* ---- and back ---------------------------------------------------------------------------- */

/* What an operation that came back left behind. */
static void
check(struct flow *f, uint32_t slot, bool succeeded)
{
	const uint64_t sequence = f->op[slot].sequence;
	const bool all = is_checked(f, sequence);
	bool good = true;
	uint64_t lost = 0;

	if (f->slots.stream != NULL && succeeded)
		good = slots_take(&f->slots, slot, sequence, all, &lost);
	if (lost > 0) {
		stats_count(&f->stats.gaps, 1);
		stats_count(&f->stats.lost, lost);
	}
	if (all) {
		stats_count(&f->stats.checked, 1);
		good &= slots_check(&f->slots, slot, sequence, succeeded);
	}
	if (!good)
		stats_count(&f->stats.miscompares, 1);
}

static void
count_try(struct flow *f, struct flow_op *op, bool succeeded)
{
	f->repeated -= op->tries > 0;
	if (succeeded) {
		if (unlikely(op->tries > 0))
			stats_count(&f->stats.recovered, 1);
		op->tries = 0;
	} else if (op->tries == f->retries) {
		stats_count(&f->stats.given_up, 1);
		op->tries = 0;
	} else {
		op->tries++;
		f->to_repeat++;
	}
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
	f->tail += n;
	if (!failed && f->verify == VERIFY_OFF && f->repeated == 0) {
		f->tail_slot += n;
		if (f->tail_slot >= f->slots.count)
			f->tail_slot -= f->slots.count;
	} else {
		for (uint16_t k = 0; k < n; k++) {
			const bool succeeded = !failed || status[k] == RTE_DMA_STATUS_SUCCESSFUL;
			const uint32_t slot = f->tail_slot;

			f->tail_slot = after(f, slot);
			if (f->verify != VERIFY_OFF)
				check(f, slot, succeeded);
			if (!succeeded) {
				stats_count_status(&f->stats, status[k]);
				good--;
			}
			count_try(f, &f->op[slot], succeeded);
		}
	}
	stats_count(&f->stats.completed, good);
	stats_count(&f->stats.bytes, (uint64_t)good * f->slots.size);
	f->progress_tsc = rte_rdtsc();
}

/* There is no more time for another try. */
static void
drop_repeats(struct flow *f)
{
	stats_count(&f->stats.given_up, f->to_repeat);
	f->to_repeat = 0;
}

/* ---- one round --------------------------------------------------------------------------- */

void
flow_step(struct flow *f, bool more)
{
	if (f->failed)
		return;
	if (more)
		enqueue(f);
	if (!f->failed)
		take_back(f);
	if (!more)
		drop_repeats(f);
}

bool
flow_idle(const struct flow *f, bool more)
{
	if (f->failed)
		return true;
	if (f->head != f->tail)
		return false;
	return !more || (!may_begin(f) && f->to_repeat == 0);
}
