/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DAD_INSIDE_H
#define DAD_INSIDE_H

/*
 * Which threads are in the middle of operations: between looking up an address and being done with
 * the memory. Who takes memory away first takes it out of the table, and then waits until every
 * thread has been outside once.
 *
 * A thread says so by two plain stores to a line of its own, and no fence: who waits makes all
 * threads of the process pass one (membarrier). One that was outside then has not looked anything
 * up before, and finds nothing in the table afterwards.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <rte_branch_prediction.h>
#include <rte_common.h>

struct dad_inside {
	uint64_t turn;		 /* odd: inside; written by its thread */
	uint32_t taken;		 /* there is such a thread */
	pid_t thread;		 /* for people */
	struct dad_inside *next; /* of all there ever were */
} __rte_cache_aligned;

/* The caller's, when it has been inside before. At a fixed place in each thread: asking the loader
 * for it would cost more than all the rest. */
extern __thread struct dad_inside *dad_inside_mine __attribute__((tls_model("initial-exec")));

/* When it has not. */
struct dad_inside *dad_inside_first(void);

static inline struct dad_inside *
dad_inside_enter(void)
{
	struct dad_inside *me = dad_inside_mine;

	if (unlikely(me == NULL))
		me = dad_inside_first();
	__atomic_store_n(&me->turn, me->turn + 1, __ATOMIC_RELAXED);
	/* Q1: pairs with the membarrier in dad_inside_await() */
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	return me;
}

static inline void
dad_inside_leave(struct dad_inside *me)
{
	/* Q2: pairs with the acquire in dad_inside_await(): it has done with the memory */
	__atomic_store_n(&me->turn, me->turn + 1, __ATOMIC_RELEASE);
}

/* How often memory has gone. */
extern uint64_t dad_inside_departures;

/* For what may wait for somebody who waits for the caller to be outside: EAL's locks. If there are
 * more departures afterwards, what was looked up before or meanwhile has to be looked up again.
 * False: the caller is not inside. */
static inline bool
dad_inside_pause(void)
{
	struct dad_inside *me = dad_inside_mine;

	if (me == NULL || me->turn % 2 == 0)
		return false;
	dad_inside_leave(me);
	return true;
}

static inline uint64_t
dad_inside_departed(void)
{
	/* Q5: pairs with the release in dad_inside_await(): it is in no table; and, as Q1, with the
	 * membarrier there */
	return __atomic_load_n(&dad_inside_departures, __ATOMIC_ACQUIRE);
}

static inline void
dad_inside_resume(bool paused)
{
	if (paused)
		dad_inside_enter();
}

#define DAD_INSIDE_MS 1000

/* Wait until each thread of this process that is inside has been outside, DAD_INSIDE_MS at most in
 * all. False: one has not. Not for the caller, if it is inside itself. */
bool dad_inside_await(void);

/* The same, as one that watches a domain of lib/dma: memory is about to go. */
void dad_inside_on_left(void *arg, const void *va, size_t len);

#endif /* DAD_INSIDE_H */
