/* SPDX-License-Identifier: BSD-3-Clause */
#include "dad_ring.h"
#include "ring_isa.h"
#include "ring_layout.h"

/* Relaxed: see ring_isa.h. */
#define ISA __atomic_load_n(&ring_isa, __ATOMIC_RELAXED)

size_t
dad_ring_enqueue_bulk(struct dad_ring *r, const void *objs, size_t n, size_t *free_space)
{
	return ISA->enqueue[r->enqueue](r, objs, n, true, free_space);
}

size_t
dad_ring_enqueue_burst(struct dad_ring *r, const void *objs, size_t n, size_t *free_space)
{
	return ISA->enqueue[r->enqueue](r, objs, n, false, free_space);
}

size_t
dad_ring_dequeue_bulk(struct dad_ring *r, void *objs, size_t n, size_t *available)
{
	return ISA->dequeue[r->dequeue](r, objs, n, true, available);
}

size_t
dad_ring_dequeue_burst(struct dad_ring *r, void *objs, size_t n, size_t *available)
{
	return ISA->dequeue[r->dequeue](r, objs, n, false, available);
}

size_t
dad_ring_count(const struct dad_ring *r)
{
	/* Consumers never pass producers, so their position read first is never the greater.
	 * Acquire keeps the second load behind; it hands over no data. */
	uint64_t head = __atomic_load_n(&r->cons.next, __ATOMIC_ACQUIRE);
	uint64_t tail = __atomic_load_n(&r->prod.next, __ATOMIC_RELAXED);

	return RTE_MIN(tail - head, r->capacity);
}

size_t
dad_ring_free_count(const struct dad_ring *r)
{
	return r->capacity - dad_ring_count(r);
}

size_t
dad_ring_capacity(const struct dad_ring *r)
{
	return r->capacity;
}

size_t
dad_ring_esize(const struct dad_ring *r)
{
	return r->esize;
}

unsigned int
dad_ring_flags(const struct dad_ring *r)
{
	return r->flags;
}

const char *
dad_ring_name(const struct dad_ring *r)
{
	return r->name;
}
