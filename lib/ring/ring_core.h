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
	uint64_t next;	  /* the next ticket to be taken */
	uint64_t known;	  /* what was asked about tickets below was answered by yes; may lag */
	uint64_t refused; /* the ticket of the last claim that waited, and how long: */
	uint64_t pauses;  /* see ring_wait_once() */
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

/* A look goes so far beyond what was asked for, in tags: some cache lines of them. What it finds
 * saves later claims a look, and tells which slots' lines may be asked for ahead of time. */
#ifndef RING_LOOK_AHEAD
#define RING_LOOK_AHEAD 256
#endif

/* See ring_claim_refused(). */
#ifndef RING_PAUSES_MAX
#define RING_PAUSES_MAX 32
#endif
#define RING_CALLS_AHEAD 16

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

/* The same for one. */
static __rte_always_inline void
ring_publish_one(struct ring_track track, uint64_t ticket)
{
	/* F or E: release; pairs with the acquire in ring_tags_run(). On x86-64 it costs nothing.
	 */
	__atomic_store_n(
		&track.tags[ticket & track.mask], ring_tag_of(track, ticket), __ATOMIC_RELEASE);
}

/* What a claim found out. */
struct ring_claimed {
	uint64_t ticket;  /* first one taken */
	uint64_t n;	  /* how many; 0: refused */
	uint64_t known;	  /* it was seen that tickets below may be taken, too */
	uint64_t retries; /* others were quicker so often */
};

/*
 * What a thread is about to take, for whoever wants to know after its death. Edge I: it is there
 * before the ticket is taken; so who sees by `next` that the ticket is taken, and then looks here,
 * finds this or something later.
 */
struct ring_intent {
	uint64_t ticket;
	uint64_t length; /* 0: nothing */
};

static inline void
ring_intend(struct ring_intent *intent, uint64_t ticket, uint64_t length)
{
	/* I: release, both; pair with the acquires in ring_recover.c. The two words need not be of
	 * the same age: see there. */
	__atomic_store_n(&intent->ticket, ticket, __ATOMIC_RELEASE);
	__atomic_store_n(&intent->length, length, __ATOMIC_RELEASE);
}

/*
 * A claim is about to be refused. Should it look again?
 *
 * When one side keeps up with the other one, both meet in the same cache lines: each look takes
 * them from the other side just when that is writing there, and costs both of them more than the
 * work itself. So a claim that would be refused lets the other side get ahead: for a few pauses,
 * and once a ticket, so that polling an idle queue costs nothing. How long is learnt: longer, as
 * long as there is more to be had after it than was asked for, up to some calls' worth; shorter
 * when there is not, as when a request waits for its answer.
 */
static inline bool
ring_wait_once(struct ring_side *side, uint64_t ticket, uint64_t *pauses)
{
	/* All relaxed: hints. */
	if (__atomic_load_n(&side->refused, __ATOMIC_RELAXED) == ticket)
		return false;
	__atomic_store_n(&side->refused, ticket, __ATOMIC_RELAXED);
	*pauses = RTE_MAX(__atomic_load_n(&side->pauses, __ATOMIC_RELAXED), (uint64_t)1);
	for (uint64_t i = 0; i < *pauses; i++)
		rte_pause();
	return true;
}

static inline void
ring_learn(struct ring_side *side, uint64_t pauses, uint64_t n, uint64_t found)
{
	if (found <= n)
		pauses /= 2;
	else if (found < RTE_MIN(n * RING_CALLS_AHEAD, (uint64_t)RING_LOOK_AHEAD))
		pauses = RTE_MIN(2 * pauses, (uint64_t)RING_PAUSES_MAX);
	else if (found > 2 * n * RING_CALLS_AHEAD)
		pauses = pauses * 3 / 4;
	/* Relaxed: a hint */
	__atomic_store_n(&side->pauses, pauses, __ATOMIC_RELAXED);
}

/*
 * The part of a claim that looks at tags: for when n tickets from c->ticket on are not known to be
 * ready. How many are, up to n; or with `all` n or none.
 */
static __rte_noinline __rte_unused uint64_t
ring_claim_look(struct ring_side *side, const struct ring_track *track, uint64_t lag, uint64_t n,
	bool all, struct ring_claimed *c)
{
	uint64_t pauses = 0;

	for (;;) {
		const uint64_t from = RTE_MAX(c->known, c->ticket);
		uint64_t to = RTE_ALIGN_CEIL(c->ticket + n - lag, (uint64_t)RING_LOOK_AHEAD) + lag;

		to = RTE_MIN(to, c->ticket + track->mask + 1);
		/* F or E: acquires */
		uint64_t run = ring_look(*track, from - lag, to - from);

		c->known = from + run;
		if (run > 0)
			/* K: release; pairs with the load in ring_claim() */
			__atomic_store_n(&side->known, c->known, __ATOMIC_RELEASE);
		if (pauses > 0)
			ring_learn(side, pauses, n, c->known - c->ticket);

		uint64_t got = RTE_MIN(n, c->known - c->ticket);
		if (all && got < n)
			got = 0;
		if (got > 0)
			return got;
		/* Not ready, if nobody took these tickets meanwhile. T: acquire, as in
		 * ring_claim(); it stays behind the tags' loads by their acquire. */
		uint64_t next = __atomic_load_n(&side->next, __ATOMIC_ACQUIRE);
		if (next == c->ticket && !ring_wait_once(side, next, &pauses))
			return 0;
		if (next != c->ticket)
			pauses = 0;
		c->ticket = next;
		c->known = RTE_MAX(c->known, next);
	}
}

/*
 * Take up to n tickets of one side, or with `all` n or none; n is from 1 to the capacity. The
 * tickets must have been marked, `lag` tickets ago, in a track of the other side.
 *
 * single: calls of this side come one at a time, ordered by the caller's own means.
 * intent: if not NULL, what the caller is about to take is left there, with a flag in the length.
 *
 * What is found out about the tickets before the compare-and-swap holds when it succeeds, since
 * next has not moved in between; and it holds for ever after, since a ticket that was ready once
 * is only made unready by its owner. Hence known may be written by anybody at any time, and an
 * old value that overwrites a newer one costs a second look and nothing else.
 */
static __rte_always_inline struct ring_claimed
ring_claim(struct ring_side *side, struct ring_track track, uint64_t lag, uint64_t n, bool all,
	bool single, struct ring_intent *intent, uint64_t flag)
{
	for (uint64_t retries = 0;; retries++) {
		/* T: acquire; pairs with the compare-and-swap below. Whoever moved next this far
		 * has seen tags not older than the lap before: neither do we from here on. */
		uint64_t ticket = __atomic_load_n(&side->next, __ATOMIC_ACQUIRE);
		/* K: acquire; pairs with the store in ring_claim_look(): the tags seen there count
		 * as seen here */
		uint64_t known = __atomic_load_n(&side->known, __ATOMIC_ACQUIRE);
		uint64_t got = n;

		if (unlikely(known < ticket + n)) {
			/* What has its address taken lives here, and the rest in registers. */
			const struct ring_track asked = track;
			struct ring_claimed c = {.ticket = ticket, .known = known};

			got = ring_claim_look(side, &asked, lag, n, all, &c);
			ticket = c.ticket;
			known = c.known;
			if (got == 0)
				return (struct ring_claimed){ticket, 0, known, retries};
		}
		if (intent != NULL)
			ring_intend(intent, ticket, got | flag);
		if (single) {
			/* T: release; the next call of this side may come from another thread */
			__atomic_store_n(&side->next, ticket + got, __ATOMIC_RELEASE);
			return (struct ring_claimed){ticket, got, known, retries};
		}
		/* T: release; pairs with the load of next above, in whoever comes later. Relaxed on
		 * failure, since the loop loads again. Elements cannot be touched before it: they
		 * depend on its success by control (stores) and by the acquire of F (loads). */
		uint64_t expected = ticket;
		if (likely(__atomic_compare_exchange_n(&side->next, &expected, ticket + got, false,
			    __ATOMIC_RELEASE, __ATOMIC_RELAXED)))
			return (struct ring_claimed){ticket, got, known, retries};
		rte_pause();
	}
}

#endif /* RING_CORE_H */
