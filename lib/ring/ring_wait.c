/* SPDX-License-Identifier: BSD-3-Clause */
/* Waiting for elements, on the very tag that the next consumer waits for. */

#include <errno.h>

#include <rte_cpuflags.h>
#include <rte_cycles.h>
#include <rte_lcore.h>
#include <rte_power_intrinsics.h>

#include "dad_ring.h"
#include "ring_side.h"

/* Pauses between two looks: begin short, and double up to about a microsecond. */
#define PAUSES_MAX 32

static bool
is_there(struct ring_track filled, uint64_t ticket)
{
	/* Relaxed: whoever dequeues then looks again. Void, or not: something has happened. */
	return (ring_tag_at(filled, ticket, __ATOMIC_RELAXED) & RING_TAG_LAP) ==
		ring_tag_of(filled, ticket);
}

#if defined(RTE_ARCH_X86_64)

/* Called when the CPU has begun to watch the line: -1 if there is no need to sleep. */
static int
check_tag(const uint64_t value, const uint64_t opaque[RTE_POWER_MONITOR_OPAQUE_SZ])
{
	return (value & RING_TAG_LAP) == opaque[0] ? -1 : 0;
}

/* Sleep until the tag's line is written, or until then; or for no time, where one cannot. */
static void
doze(struct ring_track filled, uint64_t ticket, uint64_t until_tsc)
{
	static int supported = -1;
	struct rte_cpu_intrinsics cpu;

	if (supported < 0) {
		rte_cpu_get_intrinsics_support(&cpu);
		supported = cpu.power_monitor;
	}
	/* EAL lets lcores only. */
	if (supported == 0 || rte_lcore_id() == LCORE_ID_ANY)
		return;
	struct rte_power_monitor_cond cond = {
		.addr = &filled.tags[ticket & filled.mask],
		.fn = check_tag,
		.opaque = {ring_tag_of(filled, ticket)},
		.size = 1,
	};

	rte_power_monitor(&cond, until_tsc);
}

#elif defined(RTE_ARCH_ARM64)

/* Sleep until the tag's line is written; Linux lets events come from time to time besides. */
static void
doze(struct ring_track filled, uint64_t ticket, uint64_t until_tsc)
{
	uint32_t tag;

	RTE_SET_USED(until_tsc);
	__asm__ volatile("ldaxrb %w0, [%1]"
			 : "=&r"(tag)
			 : "r"(&filled.tags[ticket & filled.mask])
			 : "memory");
	if ((tag & RING_TAG_LAP) != ring_tag_of(filled, ticket))
		__asm__ volatile("wfe" : : : "memory");
}

#else

static void
doze(struct ring_track filled, uint64_t ticket, uint64_t until_tsc)
{
	RTE_SET_USED(filled);
	RTE_SET_USED(ticket);
	RTE_SET_USED(until_tsc);
}

#endif

int
dad_ring_wait(const struct dad_ring *r, uint64_t timeout_ns)
{
	const struct ring_track filled = ring_filled(r);
	const uint64_t start = rte_get_tsc_cycles();
	const double cycles = (double)timeout_ns * 1e-9 * (double)rte_get_tsc_hz();
	const uint64_t until =
		cycles < (double)(UINT64_MAX - start) ? start + (uint64_t)cycles : UINT64_MAX;

	for (unsigned int pauses = 1;; pauses = RTE_MIN(2 * pauses, (unsigned int)PAUSES_MAX)) {
		/* T: acquire; others may have dequeued meanwhile. */
		uint64_t next = __atomic_load_n(&r->cons.next, __ATOMIC_ACQUIRE);

		if (is_there(filled, next))
			return 0;
		if (rte_get_tsc_cycles() >= until)
			return -ETIMEDOUT;
		for (unsigned int i = 0; i < pauses; i++)
			rte_pause();
		doze(filled, next, until);
	}
}
