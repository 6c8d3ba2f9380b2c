/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef RING_CORE_H
#define RING_CORE_H

/*
 * The algorithm: claim tickets, copy, set tags. Producers and consumers do the same with the
 * arrays swapped, so there is one claim for both.
 *
 *    producer                                    consumer
 *    claim: emptied[s] == L                      claim: filled[s] == L + 1
 *    copy in                                     copy out
 *    filled[s] = L + 1     --- edge F --->       emptied[s] = L + 1
 *          ^                                           |
 *          +------------------ edge E -----------------+
 *
 * Edges inside a side, beside F and E of ring_tags.h:
 *
 *    T  next:   compare-and-swap in ring_claim() -> load in ring_claim(), of the same side
 *    K  known:  store in ring_claim()            -> load in ring_claim(), of the same side
 */

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <rte_branch_prediction.h>
#include <rte_common.h>
#include <rte_pause.h>

#include "ring_layout.h"
#include "ring_tags.h"

/* Tags in a cache line: a claim looks ahead to the end of the line that it has to read anyway. */
#define RING_LOOK_AHEAD 64

/* What a slot's tag, less its ticket's lap, has to be. */
enum ring_ready {
	RING_EMPTIED = 0, /* in emptied[]: a producer may write */
	RING_FILLED = 1,  /* in filled[]: a consumer may read */
};

/* How many of the tickets from one on are ready, up to max: at least 1 and at most a whole lap. */
static inline uint64_t
ring_ready_run(const struct dad_ring *r, const uint8_t *tags, uint64_t ticket, uint64_t max,
	enum ring_ready ready)
{
	const uint8_t want = (uint8_t)(ring_lap(r, ticket) + ready);
	const uint64_t slot = ring_slot(r, ticket);
	const uint64_t to_wrap = RTE_MIN(max, r->count - slot);
	uint64_t run = ring_tags_run(tags, slot, to_wrap, want);

	if (run == to_wrap && run < max)
		run += ring_tags_run(tags, 0, max - run, (uint8_t)(want + 1));
	return run;
}

/*
 * Take up to n tickets of one side, or with all set n or none.
 *
 * What is found out about the tickets before the compare-and-swap holds when it succeeds, since
 * next has not moved in between; and it holds for ever after, since a ticket that was ready once
 * is only made unready by its owner. Hence known may be written by anybody at any time, and an
 * old value that overwrites a newer one costs a second look and nothing else.
 */
static inline uint64_t
ring_claim(const struct dad_ring *r, struct ring_side *side, const uint8_t *tags,
	enum ring_ready ready, uint64_t n, bool all, uint64_t *ticket)
{
	if (n > r->count) {
		if (all)
			return 0;
		n = r->count;
	}
	if (n == 0)
		return 0;

	for (;;) {
		/* T: acquire; pairs with the compare-and-swap below. Whoever moved next this far
		 * has seen tags not older than the lap before: neither do we from here on. */
		uint64_t first = __atomic_load_n(&side->next, __ATOMIC_ACQUIRE);
		/* K: acquire; pairs with the store below: the tags seen there count as seen here */
		uint64_t known = __atomic_load_n(&side->known, __ATOMIC_ACQUIRE);
		uint64_t got = n;

		if (known < first + n) {
			uint64_t from = RTE_MAX(known, first);
			uint64_t to = RTE_ALIGN_CEIL(first + n, (uint64_t)RING_LOOK_AHEAD);
			uint64_t run;

			to = RTE_MIN(to, first + r->count);
			/* F or E: acquires */
			run = ring_ready_run(r, tags, from, to - from, ready);
			if (run > 0)
				/* K: release; pairs with the load above */
				__atomic_store_n(&side->known, from + run, __ATOMIC_RELEASE);
			got = RTE_MIN(n, from + run - first);
			if (all && got < n)
				got = 0;
			if (got == 0) {
				/* Not ready, if nobody took these tickets meanwhile: relaxed, for
				 * it decides about the return value and nothing is read after it.
				 * It stays behind the tags' loads by their acquire. */
				if (__atomic_load_n(&side->next, __ATOMIC_RELAXED) == first)
					return 0;
				continue;
			}
		}
		/* T: release; pairs with the load of next above, in whoever comes later. Relaxed on
		 * failure, since the loop loads again. Elements cannot be touched before it: they
		 * depend on its success by control (stores) and by the acquire of F (loads). */
		if (__atomic_compare_exchange_n(&side->next, &first, first + got, false,
			    __ATOMIC_RELEASE, __ATOMIC_RELAXED)) {
			*ticket = first;
			return got;
		}
		rte_pause();
	}
}

/* The tickets' slots now belong to the other side. */
static inline void
ring_publish(const struct dad_ring *r, uint8_t *tags, uint64_t ticket, uint64_t n)
{
	const uint8_t value = (uint8_t)(ring_lap(r, ticket) + 1);
	const uint64_t slot = ring_slot(r, ticket);
	const uint64_t to_wrap = RTE_MIN(n, r->count - slot);

	/* F or E: release */
	ring_tags_set(tags, slot, to_wrap, value);
	if (unlikely(to_wrap < n))
		ring_tags_set(tags, 0, n - to_wrap, (uint8_t)(value + 1));
}

/* With a width known to the compiler, an element is a few vector registers and no call. */
static __rte_always_inline void
ring_copy_width(uint8_t *dst, const uint8_t *src, uint64_t n, size_t width)
{
	for (uint64_t i = 0; i < n; i++)
		memcpy(dst + i * width, src + i * width, width);
}

static inline void
ring_copy(void *dst, const void *src, uint64_t n, uint32_t esize)
{
	switch (esize) {
	case 4:
		ring_copy_width(dst, src, n, 4);
		break;
	case 8:
		ring_copy_width(dst, src, n, 8);
		break;
	case 16:
		ring_copy_width(dst, src, n, 16);
		break;
	case 32:
		ring_copy_width(dst, src, n, 32);
		break;
	case 64:
		ring_copy_width(dst, src, n, 64);
		break;
	default:
		memcpy(dst, src, n * esize);
		break;
	}
}

static inline void
ring_copy_in(const struct dad_ring *r, uint64_t ticket, const void *objs, uint64_t n)
{
	const uint64_t slot = ring_slot(r, ticket);
	const uint64_t to_wrap = RTE_MIN(n, r->count - slot);

	ring_copy(ring_elems(r) + slot * r->esize, objs, to_wrap, r->esize);
	if (unlikely(to_wrap < n))
		ring_copy(ring_elems(r), (const uint8_t *)objs + to_wrap * r->esize, n - to_wrap,
			r->esize);
}

static inline void
ring_copy_out(const struct dad_ring *r, uint64_t ticket, void *objs, uint64_t n)
{
	const uint64_t slot = ring_slot(r, ticket);
	const uint64_t to_wrap = RTE_MIN(n, r->count - slot);

	ring_copy(objs, ring_elems(r) + slot * r->esize, to_wrap, r->esize);
	if (unlikely(to_wrap < n))
		ring_copy(
			(uint8_t *)objs + to_wrap * r->esize, ring_elems(r), n - to_wrap, r->esize);
}

#endif /* RING_CORE_H */
