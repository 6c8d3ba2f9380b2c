/* SPDX-License-Identifier: BSD-3-Clause */
/* rte_ring in each of its modes, by the inline functions for that mode and that size of element. */
#include <rte_ring.h>

#include "loops.h"

#define CALLS(kind, enqueue, dequeue)                                                              \
	static __rte_always_inline unsigned int kind##_put(                                        \
		void *ring, const void *objs, const size_t esize, unsigned int n, bool burst)      \
	{                                                                                          \
		return burst ? rte_ring_##enqueue##_burst_elem(ring, objs, esize, n, NULL)         \
			     : rte_ring_##enqueue##_bulk_elem(ring, objs, esize, n, NULL);         \
	}                                                                                          \
	static __rte_always_inline unsigned int kind##_get(                                        \
		void *ring, void *objs, const size_t esize, unsigned int n, bool burst)            \
	{                                                                                          \
		return burst ? rte_ring_##dequeue##_burst_elem(ring, objs, esize, n, NULL)         \
			     : rte_ring_##dequeue##_bulk_elem(ring, objs, esize, n, NULL);         \
	}                                                                                          \
	LOOPS(kind)

CALLS(mpmc, mp_enqueue, mc_dequeue);
CALLS(rts, mp_rts_enqueue, mc_rts_dequeue);
CALLS(hts, mp_hts_enqueue, mc_hts_dequeue);
CALLS(spsc, sp_enqueue, sc_dequeue);

#define CREATE(kind, flags)                                                                        \
	static void *kind##_create(                                                                \
		const char *name, uint32_t esize, uint32_t count, int socket_id)                   \
	{                                                                                          \
		return rte_ring_create_elem(name, esize, count, socket_id, flags);                 \
	}

CREATE(mpmc, 0)
CREATE(rts, RING_F_MP_RTS_ENQ | RING_F_MC_RTS_DEQ)
CREATE(hts, RING_F_MP_HTS_ENQ | RING_F_MC_HTS_DEQ)
CREATE(spsc, RING_F_SP_ENQ | RING_F_SC_DEQ)

static void
destroy(void *ring)
{
	rte_ring_free(ring);
}

const struct kind kind_rte_mpmc = {
	.name = "rte-mpmc",
	.what = "rte_ring, many producers and consumers (its default)",
	.create = mpmc_create,
	.free = destroy,
	.loops = mpmc_loops,
};

const struct kind kind_rte_rts = {
	.name = "rte-rts",
	.what = "rte_ring, relaxed tail sync",
	.create = rts_create,
	.free = destroy,
	.loops = rts_loops,
};

const struct kind kind_rte_hts = {
	.name = "rte-hts",
	.what = "rte_ring, head/tail sync",
	.create = hts_create,
	.free = destroy,
	.loops = hts_loops,
};

const struct kind kind_rte_spsc = {
	.name = "rte-spsc",
	.what = "rte_ring, one producer and one consumer",
	.one_by_one = true,
	.create = spsc_create,
	.free = destroy,
	.loops = spsc_loops,
};
