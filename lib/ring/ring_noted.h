/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef RING_NOTED_H
#define RING_NOTED_H

/*
 * What a ring keeps note of on demand: who holds what (DAD_RING_OWNERS), and how often what
 * happened (DAD_RING_STATS). Like the ring itself this is shared by processes.
 */

#include <stdbool.h>
#include <stdint.h>

#include "ring_layout.h"
#include "ring_side.h"

/* ---- owners ----------------------------------------------------------------------------- */

#define RING_OWNERS	 256
#define RING_OWNER_SPANS 15 /* that one thread can hold at a time */
#define RING_OWNER_SIZE	 256

/*
 * A thread that uses the ring. Its id says which, for ever: the thread id, and the time at which
 * it was started. 0: free. Taken and given back by compare-and-swap.
 */
struct ring_owner {
	uint64_t id;
	uint64_t zero;
	struct ring_intent intent[RING_OWNER_SPANS];
} __attribute__((aligned(DAD_RING_ALIGN)));

struct ring_owners {
	uint64_t recovering; /* id of who is at it; 0: nobody */
	uint8_t pad[RING_OWNER_SIZE - 8];
	struct ring_owner owner[RING_OWNERS];
};

_Static_assert(sizeof(struct ring_owner) == RING_OWNER_SIZE, "layout");
_Static_assert(sizeof(struct ring_owners) == (1 + RING_OWNERS) * RING_OWNER_SIZE, "layout");

/* In an intent's length: what is taken are elements, not room. */
#define RING_INTENT_CONSUMER (UINT64_C(1) << 63)

static inline struct ring_owners *
ring_owners(const struct dad_ring *r)
{
	return (struct ring_owners *)((uint8_t *)(uintptr_t)r + r->owners_offset);
}

/* The id of the calling thread; 0 if /proc cannot be read. */
uint64_t ring_owner_self(void);

/* Is that thread gone? */
bool ring_owner_is_dead(uint64_t id);

/* A free intent of the calling thread, or NULL: too many threads, or spans in its hands. */
struct ring_intent *ring_owner_intent(struct dad_ring *r);

/* Done with it. */
static inline void
ring_forget(struct ring_intent *intent)
{
	/* I: release; behind the tags that were set. Pairs with the acquire in ring_recover.c */
	__atomic_store_n(&intent->length, 0, __ATOMIC_RELEASE);
}

/* ---- statistics ------------------------------------------------------------------------- */

/* A line of counters for each lcore, which is its only writer, and one for all other threads. */
#define RING_STATS_LCORES 256

enum ring_counter { RING_CALLS, RING_ELEMENTS, RING_REFUSED, RING_RETRIES, RING_COUNTERS };

struct ring_counters {
	uint64_t enqueue[RING_COUNTERS];
	uint64_t dequeue[RING_COUNTERS];
	uint64_t high_water;
	uint8_t pad[128 - 72];
};

/* The oldest hole of a side, as it was seen last, and when first. */
struct ring_hole {
	uint64_t ticket;
	uint64_t since_ns;
};

struct ring_stats {
	struct ring_hole filling, emptying;
	uint8_t pad[128 - 32];
	struct ring_counters counters[RING_STATS_LCORES + 1];
};

_Static_assert(sizeof(struct ring_counters) == 128, "layout");
_Static_assert(sizeof(struct ring_stats) == 128 * (2 + RING_STATS_LCORES), "layout");

static inline struct ring_stats *
ring_stats(const struct dad_ring *r)
{
	return (struct ring_stats *)((uint8_t *)(uintptr_t)r + r->stats_offset);
}

/* Count a call of either side; n is what it was asked for. */
void ring_count_enqueue(struct dad_ring *r, const struct ring_run *run, uint64_t n);
void ring_count_dequeue(struct dad_ring *r, const struct ring_run *run, uint64_t n);

/* Slots whose tickets have been taken, from first to last, and whose tags are not yet set; and
 * the first of them. */
uint64_t ring_count_held(struct ring_track track, uint64_t first, uint64_t last, uint64_t *oldest);

/* ---- claims of a ring that keeps note --------------------------------------------------- */

/*
 * As ring_claim_room() and ring_claim_elements(), for a ring of any kind; intent is where the claim
 * is noted, and NULL in rings without owners. Once the slots are marked, it must be forgotten.
 */
struct ring_run ring_noted_room(
	struct dad_ring *r, uint64_t n, bool all, struct ring_intent **intent);
struct ring_run ring_noted_elements(
	struct dad_ring *r, uint64_t n, bool all, struct ring_intent **intent);

#endif /* RING_NOTED_H */
