/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>

#include <rte_cycles.h>

#include "dad_ring.h"
#include "ring_side.h"

int
dad_ring_wait(const struct dad_ring *r, uint64_t timeout_ns)
{
	const uint64_t start = rte_get_tsc_cycles();
	const uint64_t cycles = (uint64_t)((double)timeout_ns * (double)rte_get_tsc_hz() * 1e-9);

	for (;;) {
		uint64_t next = __atomic_load_n(&r->cons.next, __ATOMIC_ACQUIRE);

		if (ring_look(ring_filled(r), next, 1) == 1)
			return 0;
		if (rte_get_tsc_cycles() - start >= cycles)
			return -ETIMEDOUT;
		rte_pause();
	}
}
