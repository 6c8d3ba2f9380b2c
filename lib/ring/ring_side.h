/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef RING_SIDE_H
#define RING_SIDE_H

/*
 * What a producer and a consumer of a ring claim: ring_core.h with the ring's two sides filled in,
 * and with void slots.
 *
 * A void is a slot that its producer did not fill: it committed fewer elements than it had
 * reserved, or died. Its mark says so. Consumers pass over voids: a claim takes them along, moves
 * the elements behind them forward within the slots that it owns now, and gives all of them back
 * in the end. Where there are no voids, nobody looks for them: a look stops at a mark that it does
 * not want, and only then matters what mark that is.
 */

#include "ring_layout.h"

#define RING_TAG_VOID RING_TAG_FLAG2

/* What a claim of either side got. */
struct ring_run {
	uint64_t ticket; /* the first one */
	uint64_t n;	 /* elements, or room for them; 0: refused */
	uint64_t length; /* tickets to give back: more than n if there were voids */
	uint64_t known;	 /* tickets below are known to be ready, too */
	uint64_t retries;
};

/*
 * When a consumer's claim has found nothing: are there voids in the way? Then get past them, as
 * said above. Voids at the head of the queue go even if the claim is refused in the end.
 */
struct ring_run ring_claim_past_voids(
	struct dad_ring *r, uint64_t n, bool all, struct ring_intent *intent, uint64_t flag);

static __rte_always_inline struct ring_run
ring_claim_room(struct dad_ring *r, uint64_t n, bool all, bool single, struct ring_intent *intent,
	uint64_t flag)
{
	struct ring_claimed c = {0};

	if (unlikely(n > r->capacity))
		n = all ? 0 : r->capacity;
	if (likely(n > 0))
		c = ring_claim(
			&r->prod, ring_emptied(r), r->capacity, n, all, single, intent, flag);
	return (struct ring_run){c.ticket, c.n, c.n, c.known, c.retries};
}

static __rte_always_inline struct ring_run
ring_claim_elements(struct dad_ring *r, uint64_t n, bool all, bool single,
	struct ring_intent *intent, uint64_t flag)
{
	struct ring_claimed c = {0};

	if (unlikely(n > r->capacity))
		n = all ? 0 : r->capacity;
	if (likely(n > 0)) {
		const struct ring_track filled = ring_filled(r);

		c = ring_claim(&r->cons, filled, 0, n, all, single, intent, flag);
		if (unlikely(c.n == 0) && ring_has_flag(filled, c.known, RING_TAG_VOID))
			return ring_claim_past_voids(r, n, all, intent, flag);
	}
	return (struct ring_run){c.ticket, c.n, c.n, c.known, c.retries};
}

#endif /* RING_SIDE_H */
