/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "ring_side.h"

/* How far one may go, and what is there. */
struct extent {
	uint64_t length;  /* tickets that can be taken, for as many elements as were asked for */
	uint64_t leading; /* voids in front of the first element */
	uint64_t elements;
};

static struct extent
look_past_voids(struct ring_track filled, uint64_t first, uint64_t n)
{
	struct extent e = {0};

	while (e.elements < n && e.length <= filled.mask) {
		/* F: acquire; pairs with the release in ring_publish() */
		uint8_t tag = ring_tag_at(filled, first + e.length, __ATOMIC_ACQUIRE);

		if (tag == ring_tag_of(filled, first + e.length))
			e.elements++;
		else if (tag != (ring_tag_of(filled, first + e.length) | RING_TAG_VOID))
			break;
		e.length++;
		if (e.elements == 0)
			e.leading = e.length;
	}
	return e;
}

/* The run is the caller's: move its elements to the front. */
static void
compact(struct dad_ring *r, uint64_t first, uint64_t length)
{
	const struct ring_track filled = ring_filled(r);
	uint8_t *elems = ring_elems(r);
	uint64_t to = first;

	for (uint64_t from = first; from < first + length; from++) {
		/* Relaxed: acquired by look_past_voids(), and nobody changes it now. */
		if (ring_tag_at(filled, from, __ATOMIC_RELAXED) & RING_TAG_VOID)
			continue;
		if (from != to)
			memcpy(elems + (to & r->mask) * r->esize,
				elems + (from & r->mask) * r->esize, r->esize);
		to++;
	}
}

struct ring_run
ring_claim_past_voids(
	struct dad_ring *r, uint64_t n, bool all, struct ring_intent *intent, uint64_t flag)
{
	const struct ring_track filled = ring_filled(r);

	for (uint64_t retries = 0;; retries++) {
		/* T: acquire, as in ring_claim() */
		uint64_t first = __atomic_load_n(&r->cons.next, __ATOMIC_ACQUIRE);
		struct extent e = look_past_voids(filled, first, n);

		if (e.elements == 0 || (all && e.elements < n)) {
			e.length = e.leading;
			e.elements = 0;
		}
		if (e.length == 0) {
			/* Relaxed: as in ring_claim() */
			if (__atomic_load_n(&r->cons.next, __ATOMIC_RELAXED) == first)
				return (struct ring_run){first, 0, 0, first, retries};
			continue;
		}
		if (intent != NULL)
			ring_intend(intent, first, e.length | flag);
		/* T: release, as in ring_claim(); a single consumer meets nobody here */
		if (!__atomic_compare_exchange_n(&r->cons.next, &first, first + e.length, false,
			    __ATOMIC_RELEASE, __ATOMIC_RELAXED))
			continue;
		if (e.elements > 0) {
			compact(r, first, e.length);
			return (struct ring_run){
				first, e.elements, e.length, first + e.length, retries};
		}
		ring_publish(ring_emptied(r), first, e.length, 0);
	}
}
