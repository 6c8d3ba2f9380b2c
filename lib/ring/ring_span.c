/* SPDX-License-Identifier: BSD-3-Clause */
/* Elements written and read in place. */

#include <stdbool.h>

#include "dad_ring.h"
#include "ring_noted.h"

static size_t
show(struct dad_ring *r, struct ring_run run, struct ring_intent *intent,
	struct dad_ring_span *span)
{
	const uint64_t slot = run.ticket & r->mask;
	const uint64_t to_wrap = RTE_MIN(run.n, r->mask + 1 - slot);

	span->ptr1 = ring_elems(r) + slot * r->esize;
	span->n1 = to_wrap;
	span->ptr2 = to_wrap < run.n ? ring_elems(r) : NULL;
	span->n2 = run.n - to_wrap;
	span->ticket = run.ticket;
	span->length = run.length;
	span->holder = (uintptr_t)intent;
	return run.n;
}

/* The marks are set: the span is nobody's. */
static void
forget(const struct dad_ring_span *span)
{
	if (span->holder != 0)
		ring_forget((struct ring_intent *)(uintptr_t)span->holder);
}

static bool
is_noted(const struct dad_ring *r)
{
	return unlikely((r->flags & (DAD_RING_OWNERS | DAD_RING_STATS)) != 0);
}

static size_t
reserve(struct dad_ring *r, size_t n, bool all, struct dad_ring_span *span, size_t *free_space)
{
	struct ring_intent *intent = NULL;
	struct ring_run run;

	if (is_noted(r))
		run = ring_noted_room(r, n, all, &intent);
	else
		run = ring_claim_room(r, n, all, r->flags & DAD_RING_SP, NULL, 0);

	if (free_space != NULL)
		*free_space = dad_ring_free_count(r);
	return show(r, run, intent, span);
}

size_t
dad_ring_reserve_bulk(struct dad_ring *r, size_t n, struct dad_ring_span *span, size_t *free_space)
{
	return reserve(r, n, true, span, free_space);
}

size_t
dad_ring_reserve_burst(struct dad_ring *r, size_t n, struct dad_ring_span *span, size_t *free_space)
{
	return reserve(r, n, false, span, free_space);
}

void
dad_ring_commit(struct dad_ring *r, const struct dad_ring_span *span, size_t n)
{
	const struct ring_track filled = ring_filled(r);

	if (span->length == 0)
		return;
	/* F: release. The voids first: a consumer that sees the elements sees behind them, too. */
	if (unlikely(n < span->length))
		ring_publish(filled, span->ticket + n, span->length - n, RING_TAG_VOID);
	if (likely(n > 0))
		ring_publish(filled, span->ticket, n, 0);
	forget(span);
}

static size_t
claim(struct dad_ring *r, size_t n, bool all, struct dad_ring_span *span, size_t *available)
{
	struct ring_intent *intent = NULL;
	struct ring_run run;

	if (is_noted(r))
		run = ring_noted_elements(r, n, all, &intent);
	else
		run = ring_claim_elements(r, n, all, r->flags & DAD_RING_SC, NULL, 0);

	if (available != NULL)
		*available = dad_ring_count(r);
	return show(r, run, intent, span);
}

size_t
dad_ring_claim_bulk(struct dad_ring *r, size_t n, struct dad_ring_span *span, size_t *available)
{
	return claim(r, n, true, span, available);
}

size_t
dad_ring_claim_burst(struct dad_ring *r, size_t n, struct dad_ring_span *span, size_t *available)
{
	return claim(r, n, false, span, available);
}

void
dad_ring_release(struct dad_ring *r, const struct dad_ring_span *span)
{
	/* E: release */
	if (span->length == 0)
		return;
	ring_publish(ring_emptied(r), span->ticket, span->length, 0);
	forget(span);
}
