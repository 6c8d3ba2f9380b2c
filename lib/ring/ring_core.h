/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef RING_CORE_H
#define RING_CORE_H

/*
 * The algorithm, for any queue whose slots are marked by tags: look how far tags are ready, claim
 * a run of tickets, publish a run of tags. It knows nothing of what the slots hold.
 *
 * A ticket is a 64-bit position that counts up for ever: slot = ticket mod slots, lap = ticket div
 * slots, and slots is a power of two. There are two sides, each with the word `next`, and two
 * arrays of tags, each written by one side and read by the other. Whoever is done with ticket t
 * marks it in the array of its side: tag[slot(t)] = lap(t). What the other side asks is always
 * the same: is ticket t marked?
 *
 *    producer of ticket t                        consumer of ticket t
 *    claim: t - capacity marked in emptied       claim: t marked in filled
 *    write the slot                              read the slot
 *    mark t in filled      --- edge F --->       mark t in emptied
 *          ^                                           |
 *          +------------------ edge E -----------------+
 *
 * Laps are kept modulo 64, which is enough because a thread whose tickets are still to be taken can
 * find only two neighbouring values in a slot (doc/design/ring.md). Tickets begin at `slots`, so
 * that all tags of a new ring are 0: the lap before is done.
 *
 * Edges inside a side, beside F and E of ring_tags.h:
 *
 *    T  next:   store or compare-and-swap in ring_claim() -> load in ring_claim(), of the same side
 *    K  known:  store in ring_claim()                     -> load in ring_claim(), of the same side
 */

#include <stdbool.h>
#include <stdint.h>

#include <rte_branch_prediction.h>
#include <rte_common.h>
#include <rte_pause.h>

#include "ring_tags.h"

/* Each side in two lines of its own, for CPUs that fetch lines in pairs. */
#define RING_SIDE_SIZE 128

/* One end of the queue: all that its threads contend for. */
struct ring_side {
	uint64_t next;	   /* the next ticket to be taken */
	uint64_t known;	   /* what was asked about tickets below was answered by yes; may lag */
	uint64_t refused;  /* ticket that was refused last */
	uint64_t patience; /* pauses */
	uint8_t pad[RING_SIDE_SIZE - 32];
} __attribute__((aligned(RING_SIDE_SIZE)));

/* An array of tags: padded to whole cache lines, and aligned to them. */
struct ring_track {
	uint8_t *tags;
	uint64_t mask;	    /* slots - 1 */
	uint32_t lap_shift; /* log2(slots) */
};

/* A tag: the low bits of the lap, and flags. */
#define RING_TAG_LAP   0x3f
#define RING_TAG_FLAG1 0x40
#define RING_TAG_FLAG2 0x80

static inline uint8_t
ring_tag_of(struct ring_track track, uint64_t ticket)
{
	return (uint8_t)(ticket >> track.lap_shift & RING_TAG_LAP);
}

/* The tag in a ticket's slot, whatever it is. */
static inline uint8_t
ring_tag_at(struct ring_track track, uint64_t ticket, int order)
{
	return __atomic_load_n(&track.tags[ticket & track.mask], order);
}

/* Is the ticket marked with a flag? */
static inline bool
ring_has_flag(struct ring_track track, uint64_t ticket, uint8_t flag)
{
	return ring_tag_at(track, ticket, __ATOMIC_RELAXED) == (ring_tag_of(track, ticket) | flag);
}

/* Tags in a cache line: a look goes to the end of the line that it has to read anyway. */
#ifndef T_LOOK
#define T_LOOK 256
#endif
#ifndef T_PMAX
#define T_PMAX 32
#endif
#ifndef T_PMIN
#define T_PMIN 1
#endif
#ifndef T_ENOUGH
#define T_ENOUGH 16
#endif
#define RING_LOOK_AHEAD T_LOOK

/* How many tickets from one on are marked, up to max: at least 1 and at most a whole lap. */
static __rte_always_inline uint64_t
ring_look(struct ring_track track, uint64_t ticket, uint64_t max)
{
	const uint64_t slot = ticket & track.mask;
	const uint64_t to_wrap = RTE_MIN(max, track.mask + 1 - slot);
	uint64_t run = ring_tags_run(track.tags, slot, to_wrap, ring_tag_of(track, ticket));

	if (unlikely(run == to_wrap && run < max))
		run += ring_tags_run(track.tags, 0, max - run, ring_tag_of(track, ticket + run));
	return run;
}

/* Mark n tickets, at most a whole lap: their slots now belong to the other side. */
static __rte_always_inline void
ring_publish(struct ring_track track, uint64_t ticket, uint64_t n, uint8_t flags)
{
	const uint64_t slot = ticket & track.mask;
	const uint64_t to_wrap = RTE_MIN(n, track.mask + 1 - slot);

	/* F or E: release */
	ring_tags_set(track.tags, slot, to_wrap, ring_tag_of(track, ticket) | flags);
	if (unlikely(to_wrap < n))
		ring_tags_set(track.tags, 0, n - to_wrap, ring_tag_of(track, ticket + n) | flags);
}

/* What a claim found out. */
struct ring_claimed {
	uint64_t ticket; /* first one taken */
	uint64_t n;	 /* how many; 0: refused */
	uint64_t known;	 /* it was seen that tickets below may be taken, too */
};

/*
 * Take up to n tickets of one side, or with `all` n or none. The tickets must have been marked,
 * `lag` tickets ago, in a track of the other side.
 *
 * single: calls of this side come one at a time, ordered by the caller's own means.
 *
 * What is found out about the tickets before the compare-and-swap holds when it succeeds, since
 * next has not moved in between; and it holds for ever after, since a ticket that was ready once
 * is only made unready by its owner. Hence known may be written by anybody at any time, and an
 * old value that overwrites a newer one costs a second look and nothing else.
 */
static __rte_always_inline struct ring_claimed
ring_claim(struct ring_side *side, struct ring_track track, uint64_t lag, uint64_t n, bool all,
	bool single)
{
	struct ring_claimed c = {0, 0, 0};
	uint64_t waited = 0;

	for (;;) {
		/* T: acquire; pairs with the compare-and-swap below. Whoever moved next this far
		 * has seen tags not older than the lap before: neither do we from here on. */
		c.ticket = __atomic_load_n(&side->next, __ATOMIC_ACQUIRE);
		/* K: acquire; pairs with the store below: the tags seen there count as seen here */
		c.known = __atomic_load_n(&side->known, __ATOMIC_ACQUIRE);
		uint64_t got = n;

		if (c.known < c.ticket + n) {
			uint64_t from = RTE_MAX(c.known, c.ticket);
			uint64_t to =
				RTE_ALIGN_CEIL(c.ticket + n - lag, (uint64_t)RING_LOOK_AHEAD) + lag;
			uint64_t run;

			to = RTE_MIN(to, c.ticket + track.mask + 1);
			/* F or E: acquires */
			run = ring_look(track, from - lag, to - from);
			c.known = from + run;
			if (run > 0)
				/* K: release; pairs with the load above */
				__atomic_store_n(&side->known, c.known, __ATOMIC_RELEASE);
			got = RTE_MIN(n, c.known - c.ticket);
#if T_PMAX > 0
			if (unlikely(waited > 0)) {
				uint64_t r = c.known - c.ticket;
				uint64_t p = waited;
				if (r <= n)
					p /= 2;
				else if (r < n * T_ENOUGH && r < T_LOOK)
					p = RTE_MIN(2 * p, (uint64_t)T_PMAX);
				else if (r > 2 * n * T_ENOUGH)
					p = p * 3 / 4;
				__atomic_store_n(&side->patience, p, __ATOMIC_RELAXED);
				waited = 0;
			}
#endif
			if (all && got < n)
				got = 0;
			if (got == 0) {
#if T_PMAX > 0
				if (__atomic_load_n(&side->refused, __ATOMIC_RELAXED) != c.ticket) {
					__atomic_store_n(
						&side->refused, c.ticket, __ATOMIC_RELAXED);
					waited = __atomic_load_n(&side->patience, __ATOMIC_RELAXED);
					if (waited < T_PMIN)
						waited = T_PMIN;
					for (uint64_t i = 0; i < waited; i++)
						rte_pause();
					continue;
				}
#endif
				/* Not ready, if nobody took these tickets meanwhile: relaxed, for
				 * it decides about the return value and nothing is read after it.
				 * It stays behind the tags' loads by their acquire. */
				if (single ||
					__atomic_load_n(&side->next, __ATOMIC_RELAXED) == c.ticket)
					return c;
				continue;
			}
		}
		if (single) {
			/* T: release; the next call of this side may come from another thread */
			__atomic_store_n(&side->next, c.ticket + got, __ATOMIC_RELEASE);
			c.n = got;
			return c;
		}
		/* T: release; pairs with the load of next above, in whoever comes later. Relaxed on
		 * failure, since the loop loads again. Elements cannot be touched before it: they
		 * depend on its success by control (stores) and by the acquire of F (loads). */
		uint64_t expected = c.ticket;
		if (likely(__atomic_compare_exchange_n(&side->next, &expected, c.ticket + got,
			    false, __ATOMIC_RELEASE, __ATOMIC_RELAXED))) {
			c.n = got;
			return c;
		}
		rte_pause();
	}
}

#endif /* RING_CORE_H */
