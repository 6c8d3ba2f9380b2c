/* SPDX-License-Identifier: BSD-3-Clause */
#include "dad_ring.h"
#include "ring_core.h"

static __rte_always_inline size_t
enqueue(struct dad_ring *r, const void *objs, size_t n, bool all, size_t *free_space)
{
	uint64_t ticket;

	n = ring_claim(r, &r->prod, ring_emptied(r), RING_EMPTIED, n, all, &ticket);
	if (n > 0) {
		ring_copy_in(r, ticket, objs, n);
		ring_publish(r, ring_filled(r), ticket, n);
	}
	if (free_space != NULL)
		*free_space = dad_ring_free_count(r);
	return n;
}

static __rte_always_inline size_t
dequeue(struct dad_ring *r, void *objs, size_t n, bool all, size_t *available)
{
	uint64_t ticket;

	n = ring_claim(r, &r->cons, ring_filled(r), RING_FILLED, n, all, &ticket);
	if (n > 0) {
		ring_copy_out(r, ticket, objs, n);
		ring_publish(r, ring_emptied(r), ticket, n);
	}
	if (available != NULL)
		*available = dad_ring_count(r);
	return n;
}

size_t
dad_ring_enqueue_bulk(struct dad_ring *r, const void *objs, size_t n, size_t *free_space)
{
	return enqueue(r, objs, n, true, free_space);
}

size_t
dad_ring_enqueue_burst(struct dad_ring *r, const void *objs, size_t n, size_t *free_space)
{
	return enqueue(r, objs, n, false, free_space);
}

size_t
dad_ring_dequeue_bulk(struct dad_ring *r, void *objs, size_t n, size_t *available)
{
	return dequeue(r, objs, n, true, available);
}

size_t
dad_ring_dequeue_burst(struct dad_ring *r, void *objs, size_t n, size_t *available)
{
	return dequeue(r, objs, n, false, available);
}

size_t
dad_ring_count(const struct dad_ring *r)
{
	/* Consumers never pass producers, so their position read first is never the greater.
	 * Acquire keeps the second load behind; it hands over no data. */
	uint64_t head = __atomic_load_n(&r->cons.next, __ATOMIC_ACQUIRE);
	uint64_t tail = __atomic_load_n(&r->prod.next, __ATOMIC_RELAXED);

	return RTE_MIN(tail - head, r->count);
}

size_t
dad_ring_free_count(const struct dad_ring *r)
{
	return r->count - dad_ring_count(r);
}

size_t
dad_ring_capacity(const struct dad_ring *r)
{
	return r->count;
}
