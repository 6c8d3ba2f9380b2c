/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DAD_WORK_H
#define DAD_WORK_H

/*
 * How busy a worker is. It is either working or idle, and looks at the clock when it is idle: how
 * long an empty look takes does not matter, and the first group after it is not held up.
 */

#include <stdbool.h>
#include <stdint.h>

#include <rte_common.h>
#include <rte_cycles.h>

struct dad_work {
	uint64_t since; /* it works, or was seen idle: TSC */
	uint64_t busy;	/* ticks at work, until the last time it was idle */
	uint64_t groups;
	uint64_t wakeups; /* from idle to work */
	bool working;
	/* at start, or at the last reset */
	uint64_t base_tsc;
	uint64_t base_busy;
	uint64_t base_groups;
	uint64_t base_wakeups;
} __rte_cache_aligned;

/* What there was since the start or the last reset. */
struct dad_work_seen {
	uint64_t elapsed; /* ticks */
	uint64_t busy;
	uint64_t groups;
	uint64_t wakeups;
};

static inline void
dad_work_set(uint64_t *value, uint64_t to)
{
	__atomic_store_n(value, to, __ATOMIC_RELAXED);
}

static inline uint64_t
dad_work_peek(const uint64_t *value)
{
	return __atomic_load_n(value, __ATOMIC_RELAXED);
}

/* It did n groups. */
static inline void
dad_work_did(struct dad_work *w, unsigned int n)
{
	dad_work_set(&w->groups, w->groups + n);
	if (!w->working) {
		dad_work_set(&w->wakeups, w->wakeups + 1);
		__atomic_store_n(&w->working, true, __ATOMIC_RELAXED);
	}
}

/* It found nothing to do. */
static inline void
dad_work_none(struct dad_work *w)
{
	if (w->working) {
		dad_work_set(&w->busy, w->busy + (rte_get_tsc_cycles() - w->since));
		__atomic_store_n(&w->working, false, __ATOMIC_RELAXED);
	}
}

/* It looks again. */
static inline void
dad_work_look(struct dad_work *w)
{
	dad_work_set(&w->since, rte_get_tsc_cycles());
}

/* By any thread, at any time. */
static inline uint64_t
dad_work_busy(const struct dad_work *w, uint64_t now)
{
	uint64_t busy, since;
	bool working;
	unsigned int tries = 0;

	do {
		busy = dad_work_peek(&w->busy);
		working = __atomic_load_n(&w->working, __ATOMIC_ACQUIRE);
		since = dad_work_peek(&w->since);
	} while (dad_work_peek(&w->busy) != busy && ++tries < 100);
	return busy + (working && now > since ? now - since : 0);
}

static inline struct dad_work_seen
dad_work_get(const struct dad_work *w)
{
	const uint64_t now = rte_get_tsc_cycles();
	const uint64_t busy = dad_work_busy(w, now);
	const uint64_t base = dad_work_peek(&w->base_busy);
	struct dad_work_seen seen = {
		.elapsed = now - dad_work_peek(&w->base_tsc),
		.groups = dad_work_peek(&w->groups) - dad_work_peek(&w->base_groups),
		.wakeups = dad_work_peek(&w->wakeups) - dad_work_peek(&w->base_wakeups),
	};

	seen.busy = busy > base ? RTE_MIN(busy - base, seen.elapsed) : 0;
	return seen;
}

static inline void
dad_work_reset(struct dad_work *w)
{
	const uint64_t now = rte_get_tsc_cycles();

	dad_work_set(&w->base_tsc, now);
	dad_work_set(&w->base_busy, dad_work_busy(w, now));
	dad_work_set(&w->base_groups, dad_work_peek(&w->groups));
	dad_work_set(&w->base_wakeups, dad_work_peek(&w->wakeups));
}

#endif /* DAD_WORK_H */
