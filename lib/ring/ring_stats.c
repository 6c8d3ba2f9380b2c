/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>
#include <time.h>

#include <rte_lcore.h>

#include "dad_ring.h"
#include "ring_noted.h"

/* ---- counting --------------------------------------------------------------------------- */

/* One writer needs no locked instruction. Relaxed: figures, and nothing is read after them. */
static void
add(uint64_t *counter, uint64_t n, bool shared)
{
	if (shared)
		__atomic_fetch_add(counter, n, __ATOMIC_RELAXED);
	else
		__atomic_store_n(
			counter, __atomic_load_n(counter, __ATOMIC_RELAXED) + n, __ATOMIC_RELAXED);
}

static struct ring_counters *
counters_of_caller(struct dad_ring *r, bool *shared)
{
	unsigned int lcore = rte_lcore_id();

	*shared = lcore >= RING_STATS_LCORES; /* LCORE_ID_ANY, too */
	return &ring_stats(r)->counters[*shared ? RING_STATS_LCORES : lcore];
}

static void
count(uint64_t *counters, const struct ring_run *run, uint64_t n, bool shared)
{
	if (run->n > 0) {
		add(&counters[RING_CALLS], 1, shared);
		add(&counters[RING_ELEMENTS], run->n, shared);
	} else if (n > 0) {
		add(&counters[RING_REFUSED], 1, shared);
	}
	if (run->retries > 0)
		add(&counters[RING_RETRIES], run->retries, shared);
}

void
ring_count_enqueue(struct dad_ring *r, const struct ring_run *run, uint64_t n)
{
	bool shared;
	struct ring_counters *c = counters_of_caller(r, &shared);
	uint64_t level = dad_ring_count(r);

	count(c->enqueue, run, n, shared);
	/* A lower one may overwrite a higher one of another thread without an lcore. */
	if (level > __atomic_load_n(&c->high_water, __ATOMIC_RELAXED))
		__atomic_store_n(&c->high_water, level, __ATOMIC_RELAXED);
}

void
ring_count_dequeue(struct dad_ring *r, const struct ring_run *run, uint64_t n)
{
	bool shared;
	struct ring_counters *c = counters_of_caller(r, &shared);

	count(c->dequeue, run, n, shared);
}

/* ---- reading ---------------------------------------------------------------------------- */

uint64_t
ring_count_held(struct ring_track track, uint64_t first, uint64_t last, uint64_t *oldest)
{
	uint64_t held = 0;

	for (uint64_t t = last; t-- > first;) {
		if ((ring_tag_at(track, t, __ATOMIC_RELAXED) & RING_TAG_LAP) !=
			ring_tag_of(track, t)) {
			held++;
			*oldest = t;
		}
	}
	return held;
}

static uint64_t
now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* Since when has this been the oldest one? Relaxed: askers may meet, and one of them notes it. */
static uint64_t
age_of(struct ring_hole *hole, uint64_t ticket, uint64_t now)
{
	uint64_t since = __atomic_load_n(&hole->since_ns, __ATOMIC_RELAXED);

	if (__atomic_load_n(&hole->ticket, __ATOMIC_RELAXED) != ticket) {
		__atomic_store_n(&hole->since_ns, now, __ATOMIC_RELAXED);
		__atomic_store_n(&hole->ticket, ticket, __ATOMIC_RELAXED);
		since = now;
	}
	return now > since ? now - since : 0;
}

static void
sum(struct dad_ring_side_stats *side, const uint64_t *counters)
{
	side->calls += __atomic_load_n(&counters[RING_CALLS], __ATOMIC_RELAXED);
	side->elements += __atomic_load_n(&counters[RING_ELEMENTS], __ATOMIC_RELAXED);
	side->refused += __atomic_load_n(&counters[RING_REFUSED], __ATOMIC_RELAXED);
	side->retries += __atomic_load_n(&counters[RING_RETRIES], __ATOMIC_RELAXED);
}

int
dad_ring_stats_get(struct dad_ring *r, struct dad_ring_stats *stats)
{
	memset(stats, 0, sizeof(*stats));
	/* As in dad_ring_count(): acquire keeps the second load behind. */
	uint64_t head = __atomic_load_n(&r->cons.next, __ATOMIC_ACQUIRE);
	uint64_t tail = __atomic_load_n(&r->prod.next, __ATOMIC_RELAXED);
	uint64_t filling = 0, emptying = 0;

	stats->filling =
		ring_count_held(ring_filled(r), RTE_MAX(head, tail - r->capacity), tail, &filling);
	stats->emptying = ring_count_held(ring_emptied(r), tail - r->capacity, head, &emptying);
	if ((r->flags & DAD_RING_STATS) == 0)
		return -ENOTSUP;

	struct ring_stats *all = ring_stats(r);
	uint64_t now = now_ns();

	for (unsigned int i = 0; i <= RING_STATS_LCORES; i++) {
		const struct ring_counters *c = &all->counters[i];

		sum(&stats->enqueue, c->enqueue);
		sum(&stats->dequeue, c->dequeue);
		stats->high_water = RTE_MAX(
			stats->high_water, __atomic_load_n(&c->high_water, __ATOMIC_RELAXED));
	}
	/* Ticket 0 is never taken: no hole. */
	stats->hole_ns = age_of(&all->filling, filling, now);
	stats->slow_read_ns = age_of(&all->emptying, emptying, now);
	if (filling == 0)
		stats->hole_ns = 0;
	if (emptying == 0)
		stats->slow_read_ns = 0;
	return 0;
}

int
dad_ring_stats_reset(struct dad_ring *r)
{
	if ((r->flags & DAD_RING_STATS) == 0)
		return -ENOTSUP;
	struct ring_counters *counters = ring_stats(r)->counters;
	for (unsigned int i = 0; i <= RING_STATS_LCORES; i++) {
		for (unsigned int k = 0; k < RING_COUNTERS; k++) {
			__atomic_store_n(&counters[i].enqueue[k], 0, __ATOMIC_RELAXED);
			__atomic_store_n(&counters[i].dequeue[k], 0, __ATOMIC_RELAXED);
		}
		__atomic_store_n(&counters[i].high_water, 0, __ATOMIC_RELAXED);
	}
	return 0;
}
