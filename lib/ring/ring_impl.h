/* SPDX-License-Identifier: BSD-3-Clause */

/* The data calls that copy, included once by each ring_isa_*.c with RING_ISA naming the table. */

#include <stdbool.h>

#include "dad_ring.h"
#include "ring_copy.h"
#include "ring_isa.h"
#include "ring_side.h"

/* The first line to ask for is so many bytes away: the nearer ones have been asked for already. */
#define FETCH_AHEAD 1024

/* Ask for the lines of tickets that will be taken soon: as many as now, and so far as known. */
static __rte_always_inline void
fetch(const struct dad_ring *r, uint64_t ticket, uint64_t taken, uint64_t known, size_t esize,
	bool write)
{
	const uint64_t from = ticket + RTE_MAX(FETCH_AHEAD / esize, taken);
	const uint64_t to = RTE_MIN(from + taken, known);

	if (from >= to)
		return;
	const uint64_t slot = from & r->mask;
	const uint64_t n = RTE_MIN(to - from, r->mask + 1 - slot);
	const uint8_t *elems = ring_elems(r);
	const uint8_t *end = elems + (slot + n) * esize;
	const uint8_t *line = elems + RTE_ALIGN_CEIL(slot * esize, (size_t)64);

	for (; line < end; line += 64)
		ring_fetch(line, write);
}

/* All that is left to do for a run of tickets. Apart from the short way below, for its registers.
 */
static __rte_always_inline void
fill(struct dad_ring *r, const void *objs, uint64_t ticket, uint64_t n, uint64_t known,
	size_t width)
{
	const struct ring_track filled = ring_filled(r);

	ring_fetch(&filled.tags[ticket & r->mask], true);
	if (width != 0)
		fetch(r, ticket, n, known, width, true);
	ring_copy_in(r, ticket, objs, n, width);
	ring_publish(filled, ticket, n, 0);
}

static __rte_always_inline void
drain(struct dad_ring *r, void *objs, uint64_t ticket, uint64_t n, uint64_t length, uint64_t known,
	size_t width)
{
	const struct ring_track emptied = ring_emptied(r);

	ring_fetch(&emptied.tags[ticket & r->mask], true);
	if (width != 0)
		fetch(r, ticket, n, known, width, false);
	ring_copy_out(r, ticket, objs, n, width);
	ring_publish(emptied, ticket, length, 0);
}

#define DEFINE_RUN(width)                                                                          \
	static __rte_noinline void fill_##width(                                                   \
		struct dad_ring *r, const void *objs, uint64_t ticket, uint64_t n, uint64_t known) \
	{                                                                                          \
		fill(r, objs, ticket, n, known, width);                                            \
	}                                                                                          \
	static __rte_noinline void drain_##width(struct dad_ring *r, void *objs, uint64_t ticket,  \
		uint64_t n, uint64_t length, uint64_t known)                                       \
	{                                                                                          \
		drain(r, objs, ticket, n, length, known, width);                                   \
	}

DEFINE_RUN(0)
DEFINE_RUN(8)
DEFINE_RUN(16)
DEFINE_RUN(32)
DEFINE_RUN(64)

typedef void (*fill_t)(
	struct dad_ring *r, const void *objs, uint64_t ticket, uint64_t n, uint64_t known);
typedef void (*drain_t)(struct dad_ring *r, void *objs, uint64_t ticket, uint64_t n,
	uint64_t length, uint64_t known);

static __rte_always_inline size_t
enqueue(struct dad_ring *r, const void *objs, size_t n, bool all, size_t *free_space, size_t width,
	bool single, fill_t fill_run)
{
	const struct ring_run run = ring_claim_room(r, n, all, single, NULL, 0);

	if (width != 0 && run.n == 1) {
		ring_copy(ring_elems(r) + (run.ticket & r->mask) * width, objs, width, width, true);
		ring_publish_one(ring_filled(r), run.ticket);
	} else if (run.n > 0) {
		fill_run(r, objs, run.ticket, run.n, run.known);
	}
	if (unlikely(free_space != NULL))
		*free_space = dad_ring_free_count(r);
	return run.n;
}

static __rte_always_inline size_t
dequeue(struct dad_ring *r, void *objs, size_t n, bool all, size_t *available, size_t width,
	bool single, drain_t drain_run)
{
	const struct ring_run run = ring_claim_elements(r, n, all, single, NULL, 0);

	if (width != 0 && run.length == 1) {
		const uint64_t ahead = run.ticket + FETCH_AHEAD / width;

		if (ahead < run.known)
			ring_fetch(ring_elems(r) + (ahead & r->mask) * width, false);
		ring_copy(
			objs, ring_elems(r) + (run.ticket & r->mask) * width, width, width, false);
		ring_publish_one(ring_emptied(r), run.ticket);
	} else if (run.n > 0) {
		drain_run(r, objs, run.ticket, run.n, run.length, run.known);
	}
	if (unlikely(available != NULL))
		*available = dad_ring_count(r);
	return run.n;
}

#define DEFINE(name, width, single)                                                                \
	static size_t enqueue_##name(                                                              \
		struct dad_ring *r, const void *objs, size_t n, bool all, size_t *free_space)      \
	{                                                                                          \
		return enqueue(r, objs, n, all, free_space, width, single, fill_##width);          \
	}                                                                                          \
	static size_t dequeue_##name(                                                              \
		struct dad_ring *r, void *objs, size_t n, bool all, size_t *available)             \
	{                                                                                          \
		return dequeue(r, objs, n, all, available, width, single, drain_##width);          \
	}

DEFINE(many_any, 0, false)
DEFINE(many_8, 8, false)
DEFINE(many_16, 16, false)
DEFINE(many_32, 32, false)
DEFINE(many_64, 64, false)
DEFINE(single_any, 0, true)
DEFINE(single_8, 8, true)
DEFINE(single_16, 16, true)
DEFINE(single_32, 32, true)
DEFINE(single_64, 64, true)

#define WIDTHS(kind, base)                                                                         \
	[base + RING_WIDTH_ANY] = kind##_any, [base + RING_WIDTH_8] = kind##_8,                    \
		[base + RING_WIDTH_16] = kind##_16, [base + RING_WIDTH_32] = kind##_32,            \
		[base + RING_WIDTH_64] = kind##_64

const struct ring_isa RING_ISA = {
	.name = RING_ISA_NAME,
	.simd_bits = RING_ISA_BITS,
	.enqueue = {WIDTHS(enqueue_many, 0),
		WIDTHS(enqueue_single, RING_KIND_SINGLE), [RING_KIND_NOTED] = ring_enqueue_noted},
	.dequeue = {WIDTHS(dequeue_many, 0),
		WIDTHS(dequeue_single, RING_KIND_SINGLE), [RING_KIND_NOTED] = ring_dequeue_noted},
};
