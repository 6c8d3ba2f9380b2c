/* SPDX-License-Identifier: BSD-3-Clause */
/* dad_ring with elements copied in and out, by the calls of its library. */
#include <dad_ring.h>

#include "loops.h"

static __rte_always_inline unsigned int
dad_put(void *ring, const void *objs, const size_t esize, unsigned int n, bool burst)
{
	(void)esize;
	return burst ? dad_ring_enqueue_burst(ring, objs, n, NULL)
		     : dad_ring_enqueue_bulk(ring, objs, n, NULL);
}

static __rte_always_inline unsigned int
dad_get(void *ring, void *objs, const size_t esize, unsigned int n, bool burst)
{
	(void)esize;
	return burst ? dad_ring_dequeue_burst(ring, objs, n, NULL)
		     : dad_ring_dequeue_bulk(ring, objs, n, NULL);
}

LOOPS(dad);

static void *
create(const char *name, uint32_t esize, uint32_t count, int socket_id)
{
	return dad_ring_create(name, esize, count, socket_id, 0);
}

static void *
create_spsc(const char *name, uint32_t esize, uint32_t count, int socket_id)
{
	return dad_ring_create(name, esize, count, socket_id, DAD_RING_SP | DAD_RING_SC);
}

static void
destroy(void *ring)
{
	dad_ring_free(ring);
}

const struct kind kind_dad = {
	.name = "dad",
	.what = "dad_ring, many producers and consumers",
	.create = create,
	.free = destroy,
	.loops = dad_loops,
};

const struct kind kind_dad_spsc = {
	.name = "dad-spsc",
	.what = "dad_ring, one producer and one consumer",
	.one_by_one = true,
	.create = create_spsc,
	.free = destroy,
	.loops = dad_loops,
};
