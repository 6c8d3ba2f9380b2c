/* SPDX-License-Identifier: BSD-3-Clause */
/* The data calls of rings that keep note of owners, of what happened, or of both. */

#include "dad_ring.h"
#include "ring_copy.h"
#include "ring_isa.h"
#include "ring_noted.h"

struct ring_run
ring_noted_room(struct dad_ring *r, uint64_t n, bool all, struct ring_intent **intent)
{
	struct ring_run run = {0};

	*intent = NULL;
	if ((r->flags & DAD_RING_OWNERS) == 0 || (*intent = ring_owner_intent(r)) != NULL)
		run = ring_claim_room(r, n, all, r->flags & DAD_RING_SP, *intent, 0);
	if (run.n == 0 && *intent != NULL)
		ring_forget(*intent);
	if (r->flags & DAD_RING_STATS)
		ring_count_enqueue(r, &run, n);
	return run;
}

struct ring_run
ring_noted_elements(struct dad_ring *r, uint64_t n, bool all, struct ring_intent **intent)
{
	struct ring_run run = {0};

	*intent = NULL;
	if ((r->flags & DAD_RING_OWNERS) == 0 || (*intent = ring_owner_intent(r)) != NULL)
		run = ring_claim_elements(
			r, n, all, r->flags & DAD_RING_SC, *intent, RING_INTENT_CONSUMER);
	if (run.n == 0 && *intent != NULL)
		ring_forget(*intent);
	if (r->flags & DAD_RING_STATS)
		ring_count_dequeue(r, &run, n);
	return run;
}

size_t
ring_enqueue_noted(struct dad_ring *r, const void *objs, size_t n, bool all, size_t *free_space)
{
	struct ring_intent *intent;
	struct ring_run run = ring_noted_room(r, n, all, &intent);

	if (run.n > 0) {
		ring_copy_in(r, run.ticket, objs, run.n, 0);
		ring_publish(ring_filled(r), run.ticket, run.n, 0);
		if (intent != NULL)
			ring_forget(intent);
	}
	if (free_space != NULL)
		*free_space = dad_ring_free_count(r);
	return run.n;
}

size_t
ring_dequeue_noted(struct dad_ring *r, void *objs, size_t n, bool all, size_t *available)
{
	struct ring_intent *intent;
	struct ring_run run = ring_noted_elements(r, n, all, &intent);

	if (run.n > 0) {
		ring_copy_out(r, run.ticket, objs, run.n, 0);
		ring_publish(ring_emptied(r), run.ticket, run.length, 0);
		if (intent != NULL)
			ring_forget(intent);
	}
	if (available != NULL)
		*available = dad_ring_count(r);
	return run.n;
}
