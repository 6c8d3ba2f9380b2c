/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * mt=1: many threads, of several processes, submit to one vchan and take its completions.
 *
 * Nobody waits for anybody: each cursor moves by a CAS, and what lies between two cursors is said
 * by the tags. The order of operations is that of their tickets, and a ticket is taken by a CAS on
 * `word`, which has, beside the next ticket, how many operations there are since the last submit:
 *
 *   enqueue     word + 1 ticket, + 1 depth; writes the descriptor; its filled tag says it is there
 *   submit      depth to 0; the bell is rung for all tickets before: own ones and those of others
 *   (a worker)  claims a run of filled tags, up to the bell; does it; sets emptied tags
 *   completed   finds a run of emptied tags from `reaped` on, reads statuses; the run is reported
 *               by who moves `reaped` over it
 *
 * So a batch is what is between two submits, whoever calls them: an operation is handed over by its
 * own thread's submit at the latest, and perhaps by an earlier one of somebody else. A thread that
 * is stopped between its ticket and its tag holds up what comes after in this vchan, in the order
 * of claims, until it goes on. Without workers (engine=inline) what is held up is left to who holds
 * it up: serve_inline().
 *
 *   reaped ≤ claimed ≤ bell ≤ next ticket ≤ reaped + size
 */

#include <errno.h>
#include <sched.h>

#include <rte_branch_prediction.h>

#include "dad_compat.h"
#include "dad_halt.h"
#include "dad_internal.h"
#include "dad_lists.h"
#include "dad_serve.h"
#include "dad_trace.h"

/* word: 48 bits of the next ticket, 16 of depth, which no more than a ring's size can need. */
#define DEPTH_BITS 16
#define ONE_MORE   ((UINT64_C(1) << DEPTH_BITS) + 1)

static_assert(DAD_DESC_MAX < 1 << DEPTH_BITS, "depth");

static inline struct dad_vchan *
vchan_of(const void *dev_private, uint16_t vchan)
{
	return &((struct dad_dev *)(uintptr_t)dev_private)->vchan[vchan];
}

static inline unsigned int
depth_of(uint64_t word)
{
	return word & ((1u << DEPTH_BITS) - 1);
}

/* How far the next ticket is behind a ticket that is not after it, and not a lap before. */
static inline uint64_t
distance(uint64_t word, uint64_t ticket)
{
	return ((word >> DEPTH_BITS) - ticket) & (UINT64_MAX >> DEPTH_BITS);
}

/* ---- enqueue -------------------------------------------------------------------------------- */

/*
 * A ticket, if there are less than `most` between the oldest that was not reaped and it. `room` is
 * some earlier reaped + size: enough for most calls, so that `reaped`, which others write, is
 * looked at once a lap.
 */
static inline int
reserve(struct dad_vchan *vc, uint64_t most, uint64_t *ticket, unsigned int *depth)
{
	const uint64_t size = dad_vchan_size(vc);
	/* M1: pairs with the CAS below: `room` is one that its writer could rely on */
	uint64_t word = __atomic_load_n(&vc->word, __ATOMIC_ACQUIRE);

	for (;;) {
		/* R2: pairs with the release below */
		uint64_t reaped = __atomic_load_n(&vc->room, __ATOMIC_ACQUIRE) - size;
		uint64_t used = distance(word, reaped);

		if (unlikely(used >= most)) {
			/* R1: pairs with the CAS in report(): the slots' statuses were read */
			reaped = __atomic_load_n(&vc->reaped, __ATOMIC_ACQUIRE);
			used = distance(word, reaped);
			if (used >= most) {
				uint64_t now = __atomic_load_n(&vc->word, __ATOMIC_ACQUIRE);

				if (now == word)
					return -ENOSPC;
				word = now; /* reaped may be beyond a word that is old */
				continue;
			}
			/* R2: pairs with the acquire above: others rely on R1 through it */
			__atomic_store_n(&vc->room, reaped + size, __ATOMIC_RELEASE);
		}
		/* M1 */
		if (__atomic_compare_exchange_n(&vc->word, &word, word + ONE_MORE, false,
			    __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
			*ticket = reaped + used;
			*depth = depth_of(word);
			return 0;
		}
	}
}

static void recycle(struct dad_vchan *vc);

/* The same, with the room of what is done where nobody else takes that back. */
static inline int
reserve_room(struct dad_vchan *vc, uint64_t most, uint64_t *ticket, unsigned int *depth)
{
	int ret = reserve(vc, most, ticket, depth);

	if (unlikely(ret != 0 && vc->silent)) {
		recycle(vc);
		ret = reserve(vc, most, ticket, depth);
	}
	return ret;
}

static inline void
fill_in(struct dad_vchan *vc, uint64_t ticket, unsigned int depth, unsigned int opcode,
	uint64_t src, uint64_t dst, uint32_t length, uint64_t flags, struct rte_dma_op *op)
{
	enum dad_kind kind = DAD_KIND_SAME;

	dad_trace_enqueue(vc, ticket, opcode, length, flags);
	if (unlikely(flags & DAD_FLAG_AUTO_FREE))
		opcode |= DAD_OP_AUTO_FREE;

	/* here, and not in submit: the slot is the caller's only now */
	if (dad_vchan_is_timed(vc))
		dad_stat_stamp(vc, ticket, ticket + 1);
	if (unlikely(length > DAD_GROUP_OP_BYTES && (flags & RTE_DMA_OP_FLAG_LLC)))
		opcode |= DAD_OP_LLC;
	if (unlikely(length > vc->past))
		opcode |= DAD_OP_PAST;
	dad_vchan_put(vc, ticket,
		(struct dad_desc){
			.src = src, .dst = dst, .length = length, .opcode = (uint8_t)opcode});
	dad_vchan_set_status(vc, ticket, RTE_DMA_STATUS_SUCCESSFUL);
	if (unlikely(flags & RTE_DMA_OP_FLAG_FENCE)) {
		/* relaxed: a claimer who is late may look, and is then overtaken */
		__atomic_store_n(&dad_vchan_slot(vc, ticket)->depth,
			(uint16_t)(depth | DAD_DEPTH_FENCE), __ATOMIC_RELAXED);
		kind = DAD_KIND_FENCE;
	} else if (depth == 0) {
		kind = DAD_KIND_BATCH;
	} else if (length > DAD_GROUP_OP_BYTES) {
		kind = DAD_KIND_GROUP;
	}
	if (op != NULL)
		/* relaxed, as above, but for who completes */
		__atomic_store_n(&vc->ops[ticket & vc->mask], op, __ATOMIC_RELAXED);
	if (unlikely(vc->due != NULL))
		dad_throttle_submit(vc, ticket, ticket + 1);
	/* S1: pairs with the acquires in claim(), dad_serve.c: the descriptor, and the data */
	ring_publish(dad_vchan_filled(vc), ticket, 1, kind);
}

/* ---- submit --------------------------------------------------------------------------------- */

/* For workers: there is something up to ticket. Of several who ring the farthest counts. */
static void
ring_bell(struct dad_vchan *vc, uint64_t ticket)
{
	uint64_t bell = __atomic_load_n(&vc->bell, __ATOMIC_RELAXED);

	/* B1: pairs with the acquire in claim(), dad_serve.c. The tags say what is there */
	while ((int64_t)(ticket - bell) > 0 &&
		!__atomic_compare_exchange_n(
			&vc->bell, &bell, ticket, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
		;
}

/* May who submits or polls do operations? Not once the device was told to stop; with workers about,
 * not in a secondary, which may die while it has claimed something. */
static inline bool
may_serve(const struct dad_vchan *vc)
{
	return vc->helped && vc->capacity != 0 && (vc->in_submit || dad_foreign == 0);
}

/* Something before ticket is not claimed. */
static inline bool
is_left(const struct dad_vchan *vc, uint64_t ticket)
{
	return (int64_t)(ticket - (__atomic_load_n(&vc->claimed, __ATOMIC_RELAXED) >> 1)) > 0;
}

/* The next group, by the caller or by who was faster. False: it cannot be begun now, or there is
 * none. */
static inline bool
serve_next(struct dad_vchan *vc, uint64_t *served)
{
	const uint64_t claimed = __atomic_load_n(&vc->claimed, __ATOMIC_RELAXED);

	if (dad_serve(dad_exec_of(vc), vc, false, NULL)) {
		++*served;
		return true;
	}
	return __atomic_load_n(&vc->claimed, __ATOMIC_RELAXED) != claimed;
}

/*
 * engine=inline, where nobody comes by later. What was submitted before ticket is done, or left, by
 * `left`, to who is in its way: it is behind an operation that is being written, or waits for one
 * that is being done. So whoever has written or done something looks there before it leaves.
 *
 * N1, the fences: of who says `left` and then looks again, and who was in the way and then looks at
 * `left`, one sees the other. Who takes `left` away is who answers for all that was left.
 */
static uint64_t
serve_inline(struct dad_vchan *vc, uint64_t ticket)
{
	uint64_t served = 0;

	for (;;) {
		while (is_left(vc, ticket) && serve_next(vc, &served))
			;
		if (unlikely(is_left(vc, ticket))) {
			/* N2: pairs with the exchange below: how far the bell was rung. An
			 * exchange, so that this holds for all who have left something */
			__atomic_exchange_n(&vc->left, 1, __ATOMIC_ACQ_REL);
			__atomic_thread_fence(__ATOMIC_SEQ_CST); /* N1 */
			if (!serve_next(vc, &served))
				return served;
			continue;
		}
		__atomic_thread_fence(__ATOMIC_SEQ_CST); /* N1 */
		if (likely(__atomic_load_n(&vc->left, __ATOMIC_RELAXED) == 0) ||
			__atomic_exchange_n(&vc->left, 0, __ATOMIC_ACQ_REL) == 0)
			return served;
		ticket = __atomic_load_n(&vc->bell, __ATOMIC_RELAXED);
	}
}

/* The caller does what was submitted before ticket, as far as others have not claimed it. */
static void
serve_up_to(struct dad_vchan *vc, uint64_t ticket)
{
	uint64_t served = 0;

	while (is_left(vc, ticket) && serve_next(vc, &served))
		;
	if (vc->counted)
		dad_stat_add(&vc->stat.submit_served, served, true);
}

void
dad_mt_help(struct dad_vchan *vc)
{
	if (vc->mt && vc->in_submit && may_serve(vc))
		serve_inline(vc, __atomic_load_n(&vc->bell, __ATOMIC_RELAXED));
}

/* Are the n operations from ticket on little enough for engine=auto to do them at once? */
static bool
is_little(const struct dad_vchan *vc, uint64_t ticket, uint64_t n)
{
	uint64_t bytes = 0;

	for (uint64_t i = 0; i < n && bytes <= vc->threshold; i++)
		/* others write it, and a guess will do */
		bytes += dad_vchan_desc(vc, ticket + i).length;
	return bytes <= vc->threshold;
}

static void
submit(struct dad_vchan *vc)
{
	uint64_t word = __atomic_load_n(&vc->word, __ATOMIC_ACQUIRE);
	uint64_t bell = __atomic_load_n(&vc->bell, __ATOMIC_RELAXED);

	/* what comes next is another batch */
	while (depth_of(word) != 0 &&
		!__atomic_compare_exchange_n(&vc->word, &word, word - depth_of(word), false,
			__ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		;
	if (vc->counted && depth_of(word) != 0)
		dad_stat_batch(&vc->stat, depth_of(word), true);
	/* signed, in 48 bits: somebody may have rung for more meanwhile */
	int64_t more = (int64_t)(distance(word, bell) << DEPTH_BITS) >> DEPTH_BITS;

	if (more > 0) {
		dad_trace_submit(vc, bell, (uint64_t)more);
		ring_bell(vc, bell + (uint64_t)more);
	}
	if (!may_serve(vc))
		return;
	if (vc->in_submit)
		/* also if all was handed over by others: perhaps they could not begin it */
		serve_inline(vc, bell + (uint64_t)RTE_MAX(more, 0));
	else if (more > 0 && is_little(vc, bell, (uint64_t)more))
		serve_up_to(vc, bell + (uint64_t)more);
}

static inline int
enqueue(struct dad_vchan *vc, unsigned int opcode, uint64_t src, uint64_t dst, uint32_t length,
	uint64_t flags, struct rte_dma_op *op)
{
	unsigned int depth;
	uint64_t ticket;

	if (unlikely(length == 0))
		return -EINVAL;
	if (unlikely(reserve_room(vc, vc->capacity, &ticket, &depth) != 0))
		return dad_stat_nospace(vc);
	fill_in(vc, ticket, depth, opcode, src, dst, length, flags, op);
	if (flags & RTE_DMA_OP_FLAG_SUBMIT)
		submit(vc);
	return (uint16_t)ticket;
}

int
dad_mt_copy(void *dev_private, uint16_t vchan, rte_iova_t src, rte_iova_t dst, uint32_t length,
	uint64_t flags)
{
	return enqueue(vchan_of(dev_private, vchan), DAD_OP_COPY | dad_foreign, src, dst, length,
		flags, NULL);
}

int
dad_mt_fill(void *dev_private, uint16_t vchan, uint64_t pattern, rte_iova_t dst, uint32_t length,
	uint64_t flags)
{
	return enqueue(vchan_of(dev_private, vchan), DAD_OP_FILL | dad_foreign, pattern, dst,
		length, flags, NULL);
}

int
dad_mt_copy_op(struct dad_vchan *vc, const struct rte_dma_sge *src, const struct rte_dma_sge *dst,
	uint64_t flags, struct rte_dma_op *op)
{
	return enqueue(vc, DAD_OP_COPY | dad_foreign, src->addr, dst->addr, src->length, flags, op);
}

/* Each slot has room of its own for a pair of lists, if the ring is not large; else several slots
 * share it, of which one is in flight. */
int
dad_mt_copy_sg_op(struct dad_vchan *vc, const struct rte_dma_sge *src,
	const struct rte_dma_sge *dst, uint16_t nb_src, uint16_t nb_dst, uint64_t flags,
	struct rte_dma_op *op)
{
	const uint64_t lists = RTE_MIN(vc->capacity, (vc->sge_mask + 1) / (2 * DAD_SGES_MAX));
	uint64_t ticket;
	unsigned int depth;

	if (unlikely(nb_src == 0 || nb_dst == 0 || nb_src > DAD_SGES_MAX || nb_dst > DAD_SGES_MAX))
		return -EINVAL;
	if (unlikely(reserve_room(vc, lists, &ticket, &depth) != 0))
		return dad_stat_nospace(vc);

	const uint64_t first = ticket * 2 * DAD_SGES_MAX;
	const struct dad_lists put = dad_lists_put(vc, first, src, dst, nb_src, nb_dst);
	fill_in(vc, ticket, depth, DAD_OP_SG | dad_foreign, first - 1, put.word, put.length, flags,
		op);
	if (flags & RTE_DMA_OP_FLAG_SUBMIT)
		submit(vc);
	return (uint16_t)ticket;
}

int
dad_mt_copy_sg(void *dev_private, uint16_t vchan, const struct rte_dma_sge *src,
	const struct rte_dma_sge *dst, uint16_t nb_src, uint16_t nb_dst, uint64_t flags)
{
	return dad_mt_copy_sg_op(
		vchan_of(dev_private, vchan), src, dst, nb_src, nb_dst, flags, NULL);
}

int
dad_mt_submit(void *dev_private, uint16_t vchan)
{
	submit(vchan_of(dev_private, vchan));
	return 0;
}

uint16_t
dad_mt_burst_capacity(const void *dev_private, uint16_t vchan)
{
	struct dad_vchan *vc = vchan_of(dev_private, vchan);

	if (unlikely(vc->silent))
		recycle(vc);
	const uint64_t tail = dad_vchan_tail(vc);
	const uint64_t size = vc->capacity;
	const uint64_t used = tail - __atomic_load_n(&vc->reaped, __ATOMIC_RELAXED);

	/* the two are of different moments: negative is none */
	if ((int64_t)used < 0)
		return (uint16_t)size;
	return (uint16_t)(used < size ? size - used : 0);
}

/* ---- completed ------------------------------------------------------------------------------ */

/* How many are done from ticket on, up to max; whether statuses must be looked at. */
static inline uint64_t
done_from(const struct dad_vchan *vc, uint64_t ticket, uint64_t max, bool *careful)
{
	uint64_t n = 0;

	*careful = false;
	while (n < max) {
		bool failed;
		/* D1: pairs with the release in finish(), dad_serve.c */
		uint64_t run = dad_vchan_run_done(vc, ticket + n, max - n, &failed);

		if (run == 0)
			break;
		n += run;
		*careful |= failed;
	}
	return n;
}

/* Of a vchan that was not set up nothing, not even tags; of a silent one nothing is reported. */
static inline uint64_t
most_to_report(const struct dad_vchan *vc, uint16_t nb_cpls)
{
	return vc->ring != NULL && !vc->silent ? RTE_MIN(nb_cpls, dad_vchan_size(vc)) : 0;
}

/* Nothing was found: where the caller may, it does what workers have not come to. */
static void
poll_again(struct dad_vchan *vc)
{
	if (may_serve(vc) && dad_serve(dad_exec_of(vc), vc, false, NULL)) {
		uint64_t served = 1;

		if (vc->in_submit)
			/* nothing more, but what it was in the way of */
			served += serve_inline(vc, 0);
		dad_stat_add(&vc->stat.poll_served, served, true);
		return;
	}
	if (dad_vchan_published(vc) != __atomic_load_n(&vc->reaped, __ATOMIC_RELAXED) &&
		dad_flag_is_up(vc->crowded))
		sched_yield();
}

static inline bool
take_over(struct dad_vchan *vc, uint64_t from, uint64_t n)
{
	/* R1: pairs with the acquire in reserve(): what was read of the slots; and R3 */
	return __atomic_compare_exchange_n(
		&vc->reaped, &from, from + n, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

/* What is read of the slots has to be read before they are free. */
static __rte_noinline bool
report_timed(struct dad_vchan *vc, uint64_t from, uint64_t n)
{
	struct dad_latency l = {.ns = 0};

	dad_stat_latency(vc, from, n, &l);
	if (!take_over(vc, from, n))
		return false;
	dad_stat_latency_add(vc, &l);
	return true;
}

/* The n operations from `from` on are the caller's to report, if nobody else was first. */
static inline bool
report(struct dad_vchan *vc, uint64_t from, uint64_t n)
{
	const bool ours =
		dad_vchan_is_timed(vc) ? report_timed(vc, from, n) : take_over(vc, from, n);

	if (ours)
		dad_trace_completed(vc, from, n);
	return ours;
}

uint16_t
dad_mt_completed(void *dev_private, uint16_t vchan, const uint16_t nb_cpls, uint16_t *last_idx,
	bool *has_error)
{
	struct dad_vchan *vc = vchan_of(dev_private, vchan);
	const uint64_t max = most_to_report(vc, nb_cpls);
	bool polled = false;

	for (;;) {
		bool careful, error = false;
		/* R3: pairs with the CAS in report(): tags are at most a lap older */
		uint64_t reaped = __atomic_load_n(&vc->reaped, __ATOMIC_ACQUIRE);
		uint64_t n = done_from(vc, reaped, max, &careful);

		if (n == 0 && !polled) {
			polled = true;
			poll_again(vc);
			continue;
		}
		for (uint64_t i = 0; unlikely(careful) && i < n; i++)
			if (dad_vchan_status_at(vc, reaped + i) != RTE_DMA_STATUS_SUCCESSFUL) {
				error = true;
				n = i;
			}
		/* R4: with itself. If it is no longer the oldest, slot and status are another's */
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (n == 0 ? error && __atomic_load_n(&vc->reaped, __ATOMIC_RELAXED) != reaped
			   : !report(vc, reaped, n))
			continue;
		if (unlikely(error))
			*has_error = true;
		*last_idx = (uint16_t)(reaped + n - 1);
		return (uint16_t)n;
	}
}

/* The next done operations, up to max, become the caller's; with the last index, their statuses,
 * and what was kept in their slots, as far as asked for. */
static inline uint64_t
take_done(struct dad_vchan *vc, uint64_t max, uint16_t *last_idx, enum rte_dma_status_code *status,
	struct rte_dma_op **ops)
{
	bool polled = false;

	for (;;) {
		struct dad_errors e;
		uint64_t errors = 0;
		bool careful;
		/* R3 */
		uint64_t reaped = __atomic_load_n(&vc->reaped, __ATOMIC_ACQUIRE);
		uint64_t n = done_from(vc, reaped, max, &careful);

		if (n == 0 && !polled) {
			polled = true;
			poll_again(vc);
			continue;
		}
		for (uint64_t i = 0; i < n; i++) {
			enum rte_dma_status_code s = (enum rte_dma_status_code)(
				careful ? dad_vchan_status_at(vc, reaped + i) : 0);

			errors += s != RTE_DMA_STATUS_SUCCESSFUL;
			if (status != NULL)
				status[i] = s;
			if (ops != NULL)
				ops[i] = __atomic_load_n(
					&vc->ops[(reaped + i) & vc->mask], __ATOMIC_RELAXED);
		}
		if (unlikely(errors > 0))
			dad_stat_see_errors(vc, reaped, n, &e);
		if (n > 0 && !report(vc, reaped, n))
			continue;
		if (unlikely(errors > 0)) {
			__atomic_fetch_add(&vc->errors, errors, __ATOMIC_RELAXED);
			dad_stat_errors(vc, &e);
			if (vc->halts) {
				dad_halt_reported(vc, reaped + n);
				dad_mt_help(vc);
			}
		}
		if (last_idx != NULL)
			*last_idx = (uint16_t)(reaped + n - 1);
		return n;
	}
}

uint16_t
dad_mt_completed_status(void *dev_private, uint16_t vchan, const uint16_t nb_cpls,
	uint16_t *last_idx, enum rte_dma_status_code *status)
{
	struct dad_vchan *vc = vchan_of(dev_private, vchan);

	return (uint16_t)take_done(vc, most_to_report(vc, nb_cpls), last_idx, status, NULL);
}

uint64_t
dad_mt_take_ops(struct dad_vchan *vc, uint16_t max, enum rte_dma_status_code *status,
	struct rte_dma_op **ops)
{
	return take_done(vc, most_to_report(vc, max), NULL, status, ops);
}

static void
recycle(struct dad_vchan *vc)
{
	take_done(vc, vc->ring != NULL ? dad_vchan_size(vc) : 0, NULL, NULL, NULL);
}
