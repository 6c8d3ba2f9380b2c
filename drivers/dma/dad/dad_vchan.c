/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>

#include <rte_branch_prediction.h>
#include <rte_malloc.h>

#include "dad_lists.h"

/* mt=1: each slot has room for a pair of lists, up to so many pairs: what fits one hugepage. */
#define MT_LISTS 1024

/* Scatter lists have room for eight entries a descriptor, one of them ours, and for two longest
 * lists at least. */
static uint32_t
sges_for(uint32_t nb_desc, bool mt)
{
	if (mt)
		return RTE_MIN(nb_desc, (uint32_t)MT_LISTS) * 2 * DAD_SGES_MAX;

	const uint32_t wanted = RTE_MAX(nb_desc * 8, (uint32_t)DAD_SGES_MAX * 8);

	return RTE_MIN(wanted, (uint32_t)DAD_SGES_IN_FLIGHT);
}

static void
free_array(struct dad_dma_dev *dma, void *array, size_t size, dad_dma_addr_t handle)
{
	if (array != NULL)
		dad_dma_free_coherent(dma, size, array, handle);
}

/* The arrays with a byte for each slot are one, each in lines of its own. */
static size_t
bytes_stride(const struct dad_vchan *vc)
{
	return RTE_MAX(dad_vchan_size(vc), (uint32_t)RTE_CACHE_LINE_SIZE);
}

void
dad_vchan_release(struct dad_vchan *vc, struct dad_dma_dev *dma)
{
	const size_t nb_desc = dad_vchan_size(vc), nb_sges = (size_t)vc->sge_mask + 1;

	free_array(dma, vc->ring, nb_desc * sizeof(*vc->ring), vc->ring_handle);
	free_array(dma, vc->filled, 3 * bytes_stride(vc), vc->byte_handle);
	free_array(dma, vc->slots, nb_desc * sizeof(*vc->slots), vc->slot_handle);
	free_array(dma, vc->sges, nb_sges * sizeof(*vc->sges), vc->sge_handle);
	rte_free(vc->ops);
	rte_free(vc->auto_free);
	rte_free(vc->due);
	rte_free(vc->stat.stamps);
	/* nothing can be enqueued, and there is nothing to be reported */
	memset(vc, 0, sizeof(*vc));
}

int
dad_vchan_setup(struct dad_vchan *vc, struct dad_dma_dev *dma, uint16_t nb_desc, bool mt)
{
	uint32_t nb_sges = sges_for(nb_desc, mt);

	dad_vchan_release(vc, dma);
	vc->mt = mt;
	vc->mask = nb_desc - 1u;
	vc->size_log2 = (uint8_t)__builtin_ctz(nb_desc);
	vc->sge_mask = nb_sges - 1;
	vc->ring = dad_dma_alloc_coherent(dma, nb_desc * sizeof(*vc->ring), &vc->ring_handle);
	vc->filled = dad_dma_alloc_coherent(dma, 3 * bytes_stride(vc), &vc->byte_handle);
	vc->slots = dad_dma_alloc_coherent(dma, nb_desc * sizeof(*vc->slots), &vc->slot_handle);
	vc->sges = dad_dma_alloc_coherent(dma, nb_sges * sizeof(*vc->sges), &vc->sge_handle);
	if (vc->ring == NULL || vc->filled == NULL || vc->slots == NULL || vc->sges == NULL) {
		dad_vchan_release(vc, dma);
		return -ENOMEM;
	}
	vc->emptied = vc->filled + bytes_stride(vc);
	vc->status = vc->emptied + bytes_stride(vc);
	dad_vchan_reset(vc);
	return 0;
}

void
dad_vchan_reset(struct dad_vchan *vc)
{
	/* an operation that runs by mistake is a copy to and from where nothing is ever mapped */
	for (uint32_t i = 0; i < dad_vchan_size(vc); i++)
		dad_vchan_put(vc, i,
			(struct dad_desc){
				.src = UINT64_MAX, .dst = UINT64_MAX, .word = UINT32_MAX});
	/* tickets begin at 0: all is marked for the lap before */
	memset(vc->filled, RING_TAG_LAP, dad_vchan_size(vc));
	memset(vc->emptied, RING_TAG_LAP, dad_vchan_size(vc));
	memset(vc->status, RTE_DMA_STATUS_SUCCESSFUL, dad_vchan_size(vc));

	vc->tail = vc->batch = vc->fetched = 0;
	vc->capacity = 0;
	vc->limit = 0;
	dad_vchan_open_group(vc);
	vc->published = vc->done = vc->reaped = vc->careful = 0;
	vc->errors = 0;
	vc->base = (struct rte_dma_stats){0};
	vc->sge_tail = vc->sge_head = 0;
	vc->claimed = vc->finished = vc->failed = 0;
	vc->waited = vc->bell = vc->word = 0;
	vc->halted = 0;
	vc->left = 0;
	vc->room = dad_vchan_size(vc);
	vc->split = (struct dad_split){0};
	vc->model.out_of_step = false;
	vc->model.latest = 0;
	vc->model.acquired = vc->model.base = (struct dad_acquired){0};
	dad_stat_clear(vc);
}

void
dad_vchan_open(struct dad_vchan *vc)
{
	vc->capacity = dad_vchan_size(vc);
	vc->limit = vc->reaped + vc->capacity;
	dad_vchan_set_stop(vc);
}

/* Cursors may be read by other threads (statistics, dump): no tearing, and no more than that. */
static uint64_t
peek(const uint64_t *cursor)
{
	return __atomic_load_n(cursor, __ATOMIC_RELAXED);
}

/* `word` has 48 bits of the ticket; the ticket is at most a lap after one that was reaped. */
uint64_t
dad_vchan_tail(const struct dad_vchan *vc)
{
	if (!vc->mt)
		return peek(&vc->tail);
	uint64_t reaped = peek(&vc->reaped);

	return reaped + (((peek(&vc->word) >> 16) - reaped) & (UINT64_MAX >> 16));
}

uint64_t
dad_vchan_published(const struct dad_vchan *vc)
{
	return peek(vc->mt ? &vc->bell : &vc->published);
}

uint64_t
dad_vchan_done(const struct dad_vchan *vc)
{
	return peek(vc->mt ? &vc->reaped : &vc->done);
}

uint64_t
dad_vchan_run_done(const struct dad_vchan *vc, uint64_t ticket, uint64_t max, bool *failed)
{
	const struct ring_track emptied = dad_vchan_emptied(vc);
	uint64_t run = ring_look(emptied, ticket, max);

	*failed = run == 0;
	if (run == 0)
		run = ring_tag_at(emptied, ticket, __ATOMIC_ACQUIRE) ==
			(ring_tag_of(emptied, ticket) | DAD_TAG_FAILED);
	return unlikely(vc->due != NULL) ? dad_throttle_ripe(vc, ticket, run) : run;
}

bool
dad_vchan_is_idle(const struct dad_vchan *vc)
{
	uint64_t published = dad_vchan_published(vc);
	uint64_t ticket = dad_vchan_done(vc);
	bool failed;

	/* signed: cursors may be of different moments */
	while ((int64_t)(published - ticket) > 0) {
		const uint64_t left = RTE_MIN(published - ticket, (uint64_t)dad_vchan_size(vc));
		uint64_t run = dad_vchan_run_done(vc, ticket, left, &failed);

		if (run == 0)
			return false;
		ticket += run;
	}
	/* more was submitted meanwhile, perhaps a lap, and the tags are those of that */
	return dad_vchan_published(vc) == published;
}

uint64_t
dad_vchan_held_up(const struct dad_vchan *vc)
{
	const uint64_t claimed = peek(&vc->claimed) >> 1;
	bool failed;

	for (uint64_t ticket = dad_vchan_done(vc); (int64_t)(claimed - ticket) > 0; ticket++)
		if (dad_vchan_run_done(vc, ticket, 1, &failed) == 0)
			return ticket;
	return UINT64_MAX;
}

void
dad_vchan_shut(struct dad_vchan *vc)
{
	vc->capacity = 0;
	vc->limit = vc->reaped;
	dad_vchan_set_stop(vc);
}

/* Has the slot been marked for the ticket, with whatever flags? */
static bool
is_marked(struct ring_track track, uint64_t ticket)
{
	return (ring_tag_at(track, ticket, __ATOMIC_ACQUIRE) & RING_TAG_LAP) ==
		ring_tag_of(track, ticket);
}

/* mt=1: who took the ticket has not come so far as to say which operation it is for. */
static bool
is_hole(const struct dad_vchan *vc, uint64_t ticket)
{
	return vc->mt && !is_marked(dad_vchan_filled(vc), ticket);
}

/* What was done, and is not due, has counted what it moved, and what it took of the source. */
static void
uncount_done(struct dad_vchan *vc, uint64_t ticket)
{
	if (vc->due == NULL || !is_marked(dad_vchan_emptied(vc), ticket) ||
		dad_vchan_status_at(vc, ticket) != RTE_DMA_STATUS_SUCCESSFUL)
		return;
	const struct dad_desc desc = dad_vchan_desc(vc, ticket);
	const unsigned int op = desc.opcode & DAD_OP_MASK;
	const uint64_t bytes = dad_lists_bytes(vc, &desc);

	if (vc->counted)
		dad_stat_add(&vc->bytes[op], -bytes, false);
	if (vc->model.stream && op != DAD_OP_FILL)
		dad_source_lose(vc, vc->model.acquired.taken - bytes);
}

static void
abort_one(struct dad_vchan *vc, uint64_t ticket)
{
	uncount_done(vc, ticket);
	if (vc->ops != NULL && is_hole(vc, ticket))
		vc->ops[ticket & vc->mask] = NULL;
	dad_vchan_set_status(vc, ticket, RTE_DMA_STATUS_USER_ABORT);
	if (vc->due != NULL)
		vc->due[ticket & vc->mask] = 0;
	ring_publish(dad_vchan_emptied(vc), ticket, 1, DAD_TAG_FAILED);
}

/* What was done, and would be due later, went to a mempool: it stays done. */
static void
do_not_abort_freed(struct dad_vchan *vc, uint64_t ticket)
{
	if (vc->due != NULL && (dad_vchan_desc(vc, ticket).opcode & DAD_OP_AUTO_FREE))
		vc->due[ticket & vc->mask] = 0;
}

/* What was done at its enqueue (devarg eager) has counted its bytes, and is aborted all the same.
 */
static void
uncount_eager(struct dad_vchan *vc)
{
	for (uint64_t ticket = vc->published; vc->counted && ticket < vc->batch; ticket++)
		dad_stat_add(&vc->bytes[DAD_OP_COPY], -(uint64_t)dad_vchan_desc(vc, ticket).length,
			false);
}

uint64_t
dad_vchan_abort(struct dad_vchan *vc)
{
	const uint64_t tail = dad_vchan_tail(vc), published = dad_vchan_published(vc);
	uint64_t aborted = 0;
	bool failed;

	dad_vchan_shut(vc);
	for (uint64_t ticket = dad_vchan_done(vc); ticket != tail; ticket++) {
		do_not_abort_freed(vc, ticket);
		if (ticket >= published || dad_vchan_run_done(vc, ticket, 1, &failed) == 0) {
			abort_one(vc, ticket);
			aborted++;
		}
	}
	/* what was never submitted is one more batch, done already, and nobody's to claim */
	vc->claimed = tail << 1;
	vc->split = (struct dad_split){0};
	vc->bell = tail;
	vc->halted = 0;
	if (vc->mt) {
		vc->word = tail << 16;
		return aborted;
	}
	uncount_eager(vc);
	vc->published = vc->batch = tail;
	dad_vchan_open_group(vc);
	return aborted;
}

/* Silent: also what is done, but whose slots nobody has taken back. Others may do so meanwhile: it
 * is looked at again then, but not for ever. */
static struct rte_dma_stats
silent_totals(const struct dad_vchan *vc)
{
	struct rte_dma_stats all = {0};
	bool failed;

	for (unsigned int tries = 0; vc->ring != NULL && tries < 16; tries++) {
		const uint64_t reaped = peek(&vc->reaped), published = dad_vchan_published(vc);
		uint64_t end = dad_vchan_done(vc), run = 1;

		while (run > 0 && (int64_t)(published - end) > 0) {
			const uint64_t left =
				RTE_MIN(published - end, (uint64_t)dad_vchan_size(vc));

			run = dad_vchan_run_done(vc, end, left, &failed);
			end += run;
		}
		all = (struct rte_dma_stats){published, end, peek(&vc->errors)};
		for (uint64_t ticket = reaped; (int64_t)(end - ticket) > 0; ticket++)
			all.errors += dad_vchan_status_at(vc, ticket) != RTE_DMA_STATUS_SUCCESSFUL;
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (peek(&vc->reaped) == reaped)
			break;
	}
	return all;
}

static struct rte_dma_stats
totals(const struct dad_vchan *vc)
{
	if (vc->silent)
		return silent_totals(vc);
	return (struct rte_dma_stats){
		.submitted = dad_vchan_published(vc),
		.completed = peek(&vc->reaped),
		.errors = peek(&vc->errors),
	};
}

/* Another thread may reset between the two: none then, and not nearly 2^64. */
static uint64_t
since(uint64_t now, uint64_t base)
{
	return now > base ? now - base : 0;
}

void
dad_vchan_stats(const struct dad_vchan *vc, struct rte_dma_stats *stats)
{
	const struct rte_dma_stats now = totals(vc);

	stats->submitted += since(now.submitted, vc->base.submitted);
	stats->completed += since(now.completed, vc->base.completed);
	stats->errors += since(now.errors, vc->base.errors);
}

void
dad_vchan_stats_reset(struct dad_vchan *vc)
{
	vc->base = totals(vc);
	/* what was taken away before, and what there was since */
	struct dad_acquired base = vc->model.base;
	dad_source_stats(vc, &base);
	vc->model.base = base;
	dad_stat_reset(vc);
}
