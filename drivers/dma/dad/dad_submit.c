/* SPDX-License-Identifier: BSD-3-Clause */

/* Enqueue and submit. */

#include <errno.h>

#include <rte_branch_prediction.h>

#include "dad_compat.h"
#include "dad_halt.h"
#include "dad_internal.h"
#include "dad_lists.h"
#include "dad_serve.h"
#include "dad_trace.h"

static inline struct dad_vchan *
vchan_of(void *dev_private, uint16_t vchan)
{
	return &((struct dad_dev *)dev_private)->vchan[vchan];
}

static inline bool
is_full(const struct dad_vchan *vc)
{
	return vc->tail >= vc->limit;
}

/* No room, not even where that of finished operations is the enqueuer's to take back. */
static inline bool
stays_full(struct dad_vchan *vc)
{
	if (likely(!is_full(vc)))
		return false;
	if (vc->silent)
		dad_recycle(vc);
	return is_full(vc);
}

/* The open group ends before the tail: note what its tag will say. */
static inline void
close_group(struct dad_vchan *vc)
{
	struct dad_slot *first = dad_vchan_slot(vc, vc->group);

	dad_vchan_clear_statuses(vc, vc->group, vc->tail - vc->group);
	first->group = (uint16_t)(vc->tail - vc->group);
	/* relaxed: a claimer who is late may look, and is then overtaken */
	__atomic_store_n(
		&first->depth, (uint16_t)((vc->group - vc->batch) | vc->fence), __ATOMIC_RELAXED);
	dad_vchan_open_group(vc);
}

static inline enum dad_kind
kind_of(const struct dad_slot *first)
{
	if (unlikely(first->depth & DAD_DEPTH_FENCE))
		return DAD_KIND_FENCE;
	return first->depth == 0 ? DAD_KIND_BATCH : DAD_KIND_GROUP;
}

/* engine=auto: a batch of few bytes is done here and now, so far as nothing before it waits, nor
 * its own fences have to. Returns the ticket it came to. */
static uint64_t
do_little(struct dad_vchan *vc)
{
	const struct dad_exec *x = dad_exec_of(vc);
	uint64_t ticket = vc->published, bytes = 0;

	for (uint64_t t = ticket; t != vc->tail; t++) {
		bytes += dad_vchan_desc(vc, t).length;
		if (bytes > vc->threshold)
			return ticket;
	}
	while (ticket != vc->tail) {
		const struct dad_slot *slot = dad_vchan_slot(vc, ticket);
		const unsigned int n = slot->group;

		if (!dad_serve_own(x, vc, ticket, n, kind_of(slot)))
			break;
		dad_stat_add(&vc->stat.submit_served, 1, false);
		ticket += n;
	}
	return ticket;
}

/* Hand every group over, in order: the tag that it starts with comes last, so that it is seen
 * whole. */
static void
publish(struct dad_vchan *vc)
{
	/* not in a secondary, which may die while it has claimed something */
	const bool may_do = vc->threshold > 0 && vc->capacity != 0 && dad_foreign == 0;
	uint64_t ticket = may_do ? do_little(vc) : vc->published;
	const bool for_workers = ticket != vc->tail;
	const struct ring_track filled = dad_vchan_filled(vc);

	while (ticket != vc->tail) {
		const struct dad_slot *slot = dad_vchan_slot(vc, ticket);
		const unsigned int n = slot->group;

		if (n > 1)
			ring_publish(filled, ticket + 1, n - 1, DAD_KIND_SAME);
		/* S1: pairs with the acquire in is_submitted(), dad_serve.c: the group's
		 * descriptors and scatter lists, and the data that the application wrote */
		ring_publish(filled, ticket, 1, kind_of(slot));
		ticket += n;
	}
	if (vc->belled && for_workers) {
		/* B1: pairs with the acquire in claim(), dad_serve.c */
		__atomic_store_n(&vc->bell, ticket, __ATOMIC_RELEASE);
		if (unlikely(vc->alone))
			dad_halt_serve(vc);
	}
	/* relaxed: other threads take it for a statistic */
	__atomic_store_n(&vc->published, ticket, __ATOMIC_RELAXED);
	dad_vchan_fetch(vc);
	/* who has submitted will poll, and what was polled last has a worker written since */
	__builtin_prefetch(&vc->emptied[vc->done & vc->mask]);
}

/* Do every group here and now. */
static void
execute(struct dad_vchan *vc)
{
	const struct dad_exec *x = dad_exec_of(vc);
	uint64_t ticket = vc->batch;
	bool poisoned = false;

	while (ticket != vc->tail) {
		const struct dad_slot *slot = dad_vchan_slot(vc, ticket);
		const unsigned int n = slot->group;

		if (unlikely(slot->depth & DAD_DEPTH_FENCE))
			poisoned = poisoned || dad_exec_has_failed(vc, vc->batch);
		if (unlikely(poisoned))
			dad_exec_skip(vc, ticket, n);
		const bool failed =
			poisoned || dad_exec_group(x, vc, ticket, n, vc->tail - (ticket + n) > 0);

		if (unlikely(failed))
			vc->careful = ticket + n;
		if (unlikely(vc->due != NULL)) /* done, but to be seen later */
			ring_publish(dad_vchan_emptied(vc), ticket, n, failed ? DAD_TAG_FAILED : 0);
		ticket += n;
	}
	__atomic_store_n(&vc->published, ticket, __ATOMIC_RELAXED);
	if (likely(vc->due == NULL))
		__atomic_store_n(&vc->done, ticket, __ATOMIC_RELAXED);
	__atomic_store_n(&vc->finished, ticket, __ATOMIC_RELAXED);
}

static __rte_noinline void
submit(struct dad_vchan *vc)
{
	if (vc->tail == vc->published)
		return;
	if (likely(vc->tail != vc->group))
		close_group(vc);
	dad_trace_submit(vc, vc->published, vc->tail - vc->published);
	if (vc->counted)
		dad_stat_batch(&vc->stat, vc->tail - vc->published, false);
	if (dad_vchan_is_timed(vc))
		dad_stat_stamp(vc, vc->published, vc->tail);
	if (unlikely(vc->due != NULL))
		dad_throttle_submit(vc, vc->published, vc->tail);
	if (vc->in_submit)
		execute(vc);
	else
		publish(vc);
	vc->batch = vc->tail;
}

/*
 * The common case of enqueue() is a straight leaf function; the rest is called in tail position, so
 * that it costs the common case no registers.
 */

__rte_noinline int
dad_submit_at(struct dad_vchan *vc, uint64_t ticket)
{
	submit(vc);
	return (uint16_t)ticket;
}

/* A large operation is at the tail: the group has so much less room, and ends behind it at the
 * least. One that can be done in parts comes alone. */
static __rte_noinline void
make_room_for(struct dad_vchan *vc, uint32_t length)
{
	if (length >= DAD_SPLIT_MIN && vc->tail != vc->group)
		close_group(vc);

	uint64_t room = vc->group_end - vc->tail - 1;
	uint64_t taken = length / DAD_GROUP_OP_BYTES;

	vc->group_end = vc->tail + 1 + (taken < room ? room - taken : 0);
	dad_vchan_set_stop(vc);
}

/* The operation at the tail is written: move on. */
static __rte_always_inline int
appended(
	struct dad_vchan *vc, uint64_t ticket, unsigned int opcode, uint32_t length, uint64_t flags)
{
	vc->tail = ticket + 1;
	dad_trace_enqueue(vc, ticket, opcode, length, flags);
	if (flags & RTE_DMA_OP_FLAG_SUBMIT)
		return dad_submit_at(vc, ticket);
	return (uint16_t)ticket;
}

/* Any operation: the ring may be full; it may start a group, as the last one has no room, or it is
 * fenced; its source may have to be freed; it may be large, or not fit its descriptor. */
static __rte_noinline int
append_any(struct dad_vchan *vc, unsigned int opcode, uint64_t src, uint64_t dst, uint32_t length,
	uint64_t flags)
{
	if (length == 0 && (opcode & DAD_OP_MASK) != DAD_OP_SG)
		return -EINVAL;
	if (stays_full(vc))
		return dad_stat_nospace(vc);
	if (flags & DAD_FLAG_AUTO_FREE)
		opcode |= DAD_OP_AUTO_FREE;
	if (length > DAD_GROUP_OP_BYTES && (flags & RTE_DMA_OP_FLAG_LLC))
		opcode |= DAD_OP_LLC;
	if (length > vc->past)
		opcode |= DAD_OP_PAST;
	if (vc->tail == vc->group)
		dad_vchan_open_group(vc); /* it may have moved: see exec_impl.h */
	else if (vc->tail >= vc->stop || (flags & RTE_DMA_OP_FLAG_FENCE))
		close_group(vc);
	if (flags & RTE_DMA_OP_FLAG_FENCE)
		vc->fence = DAD_DEPTH_FENCE;
	dad_vchan_put(vc, vc->tail,
		(struct dad_desc){
			.src = src, .dst = dst, .length = length, .opcode = (uint8_t)opcode});
	if (length > DAD_GROUP_OP_BYTES)
		make_room_for(vc, length);
	return appended(vc, vc->tail, opcode, length, flags);
}

static __rte_always_inline int
enqueue(struct dad_vchan *vc, unsigned int opcode, uint64_t src, uint64_t dst, uint32_t length,
	uint64_t flags)
{
	const uint64_t ticket = vc->tail;

	if (unlikely(ticket >= vc->stop || length - 1 >= DAD_GROUP_OP_BYTES ||
		    (flags & (RTE_DMA_OP_FLAG_FENCE | DAD_FLAG_AUTO_FREE)) ||
		    !dad_packed_fits(src, dst, length)))
		return append_any(vc, opcode, src, dst, length, flags);
	dad_vchan_put_packed(vc, ticket, dad_pack(opcode, src, dst, length));
	return appended(vc, ticket, opcode, length, flags);
}

/* Each once for the primary and once for secondaries, so that the difference costs nothing. */

static __rte_always_inline int
copy(void *dev_private, uint16_t vchan, rte_iova_t src, rte_iova_t dst, uint32_t length,
	uint64_t flags, unsigned int foreign)
{
	return enqueue(
		vchan_of(dev_private, vchan), DAD_OP_COPY | foreign, src, dst, length, flags);
}

static __rte_always_inline int
fill(void *dev_private, uint16_t vchan, uint64_t pattern, rte_iova_t dst, uint32_t length,
	uint64_t flags, unsigned int foreign)
{
	return enqueue(
		vchan_of(dev_private, vchan), DAD_OP_FILL | foreign, pattern, dst, length, flags);
}

/* Entries of lists whose operations were reaped are free again, oldest first. */
static void
reclaim_sges(struct dad_vchan *vc)
{
	while (vc->sge_head != vc->sge_tail) {
		const struct dad_sge *header = dad_vchan_sge(vc, vc->sge_head);

		if (header->addr >= vc->reaped)
			return;
		vc->sge_head += 1 + header->length;
	}
}

static inline bool
sges_are_full(const struct dad_vchan *vc, uint32_t entries)
{
	return vc->sge_tail + 1 + entries - vc->sge_head > vc->sge_mask + 1;
}

static __rte_always_inline int
copy_sg(void *dev_private, uint16_t vchan, const struct rte_dma_sge *src,
	const struct rte_dma_sge *dst, uint16_t nb_src, uint16_t nb_dst, uint64_t flags,
	unsigned int foreign)
{
	struct dad_vchan *vc = vchan_of(dev_private, vchan);
	uint32_t entries = (uint32_t)nb_src + nb_dst;

	if (unlikely(nb_src == 0 || nb_dst == 0 || nb_src > DAD_SGES_MAX || nb_dst > DAD_SGES_MAX))
		return -EINVAL;
	if (unlikely(stays_full(vc)))
		return dad_stat_nospace(vc);
	reclaim_sges(vc);
	if (unlikely(sges_are_full(vc, entries))) {
		if (!vc->silent)
			return dad_stat_nospace(vc);
		dad_recycle(vc);
		reclaim_sges(vc);
		if (sges_are_full(vc, entries))
			return dad_stat_nospace(vc);
	}
	const uint64_t header = vc->sge_tail;
	*dad_vchan_sge(vc, header) = (struct dad_sge){.addr = vc->tail, .length = entries};
	const struct dad_lists lists = dad_lists_put(vc, header + 1, src, dst, nb_src, nb_dst);
	/* release: the header first. A process may die here, and another one go on */
	__atomic_store_n(&vc->sge_tail, header + 1 + entries, __ATOMIC_RELEASE);
	return enqueue(vc, DAD_OP_SG | foreign, header, lists.word, lists.length, flags);
}

int
dad_copy(void *dev_private, uint16_t vchan, rte_iova_t src, rte_iova_t dst, uint32_t length,
	uint64_t flags)
{
	return copy(dev_private, vchan, src, dst, length, flags, 0);
}

/* Who enqueues will move the bytes: in time for that, the first lines of both buffers. Of larger
 * ones more are fetched when it comes to them. To fetch from a wrong address does nothing. */
#define SECOND_LINE	128 /* the first one of the next pair */
#define SECOND_LINE_MAX 512

static __rte_always_inline void
fetch_buffers(uint64_t src, uint64_t dst, uint32_t length)
{
	__builtin_prefetch((const void *)(uintptr_t)src);
	__builtin_prefetch((const void *)(uintptr_t)dst, 1);
	if (length > SECOND_LINE && length <= SECOND_LINE_MAX) {
		__builtin_prefetch((const void *)(uintptr_t)(src + SECOND_LINE));
		__builtin_prefetch((const void *)(uintptr_t)(dst + SECOND_LINE), 1);
	}
}

int
dad_inline_copy(void *dev_private, uint16_t vchan, rte_iova_t src, rte_iova_t dst, uint32_t length,
	uint64_t flags)
{
	fetch_buffers(src, dst, length);
	return copy(dev_private, vchan, src, dst, length, flags, 0);
}

int
dad_foreign_copy(void *dev_private, uint16_t vchan, rte_iova_t src, rte_iova_t dst, uint32_t length,
	uint64_t flags)
{
	return copy(dev_private, vchan, src, dst, length, flags, DAD_OP_FOREIGN);
}

int
dad_fill(void *dev_private, uint16_t vchan, uint64_t pattern, rte_iova_t dst, uint32_t length,
	uint64_t flags)
{
	return fill(dev_private, vchan, pattern, dst, length, flags, 0);
}

int
dad_foreign_fill(void *dev_private, uint16_t vchan, uint64_t pattern, rte_iova_t dst,
	uint32_t length, uint64_t flags)
{
	return fill(dev_private, vchan, pattern, dst, length, flags, DAD_OP_FOREIGN);
}

int
dad_copy_sg(void *dev_private, uint16_t vchan, const struct rte_dma_sge *src,
	const struct rte_dma_sge *dst, uint16_t nb_src, uint16_t nb_dst, uint64_t flags)
{
	return copy_sg(dev_private, vchan, src, dst, nb_src, nb_dst, flags, 0);
}

int
dad_foreign_copy_sg(void *dev_private, uint16_t vchan, const struct rte_dma_sge *src,
	const struct rte_dma_sge *dst, uint16_t nb_src, uint16_t nb_dst, uint64_t flags)
{
	return copy_sg(dev_private, vchan, src, dst, nb_src, nb_dst, flags, DAD_OP_FOREIGN);
}

int
dad_submit(void *dev_private, uint16_t vchan)
{
	submit(vchan_of(dev_private, vchan));
	return 0;
}

uint16_t
dad_burst_capacity(const void *dev_private, uint16_t vchan)
{
	/* it is the caller's who enqueues */
	struct dad_vchan *vc = vchan_of((void *)(uintptr_t)dev_private, vchan);

	if (unlikely(vc->silent))
		dad_recycle(vc);
	return (uint16_t)(is_full(vc) ? 0 : vc->limit - vc->tail);
}
