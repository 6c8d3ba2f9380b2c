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

static void
put(const struct flow *f, struct flow_queue *q, struct flow_op op)
{
	q->op[q->head++ % f->slots.count] = op;
}

static struct flow_op
take(const struct flow *f, struct flow_queue *q)
{
	return q->op[q->tail++ % f->slots.count];
}

static uint64_t
length(const struct flow_queue *q)
{
	return q->head - q->tail;
}

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
	f->flying.op = calloc(s->count, sizeof(*f->flying.op));
	f->failed_ones.op = calloc(s->count, sizeof(*f->failed_ones.op));
	f->idle.op = calloc(s->count, sizeof(*f->idle.op));
	ret = -ENOMEM;
	if (f->flying.op == NULL || f->failed_ones.op == NULL || f->idle.op == NULL)
		goto fail;
	for (uint32_t i = 0; i < s->count; i++)
		put(f, &f->idle, (struct flow_op){.slot = i});
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
	free(f->flying.op);
	free(f->failed_ones.op);
	free(f->idle.op);
	f->flying.op = f->failed_ones.op = f->idle.op = NULL;
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
		s->vchan, why, detail, length(&f->flying));
	f->failed = true;
}

/* The next operation is one that failed, or a new one. */
static struct flow_op
next_op(struct flow *f)
{
	struct flow_op op;

	if (length(&f->failed_ones) > 0)
		return take(f, &f->failed_ones);
	op = take(f, &f->idle);
	op.tries = 0;
	op.sequence = f->begun++;
	return op;
}

/* It was not enqueued: the next one is this one again. */
static void
undo_next(struct flow *f, struct flow_op op)
{
	struct flow_queue *q = op.tries > 0 ? &f->failed_ones : &f->idle;

	q->tail--;
	if (op.tries == 0)
		f->begun--;
}

static void
enqueue(struct flow *f)
{
	uint64_t fresh = length(&f->idle), n;
	uint32_t done = 0;
	struct op_args args;

	if (f->count != 0)
		fresh = RTE_MIN(fresh, f->count - f->begun);
	n = RTE_MIN(length(&f->failed_ones) + fresh, (uint64_t)f->batch);
	/* whole batches, but for the last operations */
	if (n == 0 || (n < f->batch && length(&f->failed_ones) == 0 && f->begun + n != f->count))
		return;
	/* nothing was in flight: time without completions begins now */
	if (length(&f->flying) == 0)
		f->progress_tsc = rte_rdtsc();
	for (; done < n; done++) {
		struct flow_op op = next_op(f);
		int ret;

		if (is_checked(f, op.sequence))
			slots_arm(&f->slots, op.slot);
		slots_args(&f->slots, op.slot, op.sequence, &args);
		ret = op_enqueue(f->slots.dev->id, f->slots.vchan, f->slots.op, &args);
		if (likely(ret >= 0)) {
			put(f, &f->flying, op);
			continue;
		}
		undo_next(f, op);
		if (ret == -ENOSPC) {
			stats_count(&f->stats.full, 1);
		} else {
			stats_count(&f->stats.refused, 1);
			give_up(f, "operation refused: ", strerror(-ret));
		}
		break;
	}
	if (done == 0)
		return;
	stats_count(&f->stats.submitted, done);
	if (rte_dma_submit(f->slots.dev->id, f->slots.vchan) < 0 && !f->failed)
		give_up(f, "submit failed", "");
}

/* What an operation that came back left behind. */
static void
check(struct flow *f, const struct flow_op *op, bool succeeded)
{
	const bool all = is_checked(f, op->sequence);
	bool good = true;
	uint64_t lost = 0;

	if (f->slots.stream != NULL && succeeded && f->verify != VERIFY_OFF)
		good = slots_take(&f->slots, op->slot, op->sequence, all, &lost);
	if (lost > 0) {
		stats_count(&f->stats.gaps, 1);
		stats_count(&f->stats.lost, lost);
	}
	if (all) {
		stats_count(&f->stats.checked, 1);
		good &= slots_check(&f->slots, op->slot, op->sequence, succeeded);
	}
	if (!good)
		stats_count(&f->stats.miscompares, 1);
}

/* @return is the slot free? */
static bool
try_again(struct flow *f, struct flow_op op)
{
	if (op.tries == f->retries) {
		stats_count(&f->stats.given_up, 1);
		return true;
	}
	op.tries++;
	put(f, &f->failed_ones, op);
	return false;
}

static void
take_back(struct flow *f)
{
	enum rte_dma_status_code status[OP_REAP_BURST];
	bool failed;
	uint16_t n = op_reap(f->slots.dev->id, f->slots.vchan, status, &failed);
	uint16_t good = n;

	if (n == 0) {
		if (length(&f->flying) != 0 && rte_rdtsc() - f->progress_tsc > f->stall_tsc)
			give_up(f, "no completion for too long (see stall)", "");
		return;
	}
	if (n > length(&f->flying)) {
		give_up(f, "more completions than operations", "");
		return;
	}
	for (uint16_t k = 0; k < n; k++) {
		const struct flow_op op = take(f, &f->flying);
		const bool succeeded = !failed || status[k] == RTE_DMA_STATUS_SUCCESSFUL;
		bool free_again = true;

		if (f->verify != VERIFY_OFF)
			check(f, &op, succeeded);
		if (!succeeded) {
			stats_count_status(&f->stats, status[k]);
			good--;
			free_again = try_again(f, op);
		} else if (op.tries > 0) {
			stats_count(&f->stats.recovered, 1);
		}
		if (free_again)
			put(f, &f->idle, op);
	}
	stats_count(&f->stats.completed, good);
	stats_count(&f->stats.bytes, (uint64_t)good * f->slots.size);
	f->progress_tsc = rte_rdtsc();
}

/* There is no more time for another try. */
static void
drop_failed_ones(struct flow *f)
{
	while (length(&f->failed_ones) > 0) {
		put(f, &f->idle, take(f, &f->failed_ones));
		stats_count(&f->stats.given_up, 1);
	}
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
	if (!more)
		drop_failed_ones(f);
}

bool
flow_idle(const struct flow *f, bool more)
{
	if (f->failed)
		return true;
	if (length(&f->flying) != 0)
		return false;
	return !more || (f->count != 0 && f->begun == f->count && length(&f->failed_ones) == 0);
}
