/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef LOCK_H
#define LOCK_H

/* A lock for a few instructions. Who holds it may lose the CPU, so who waits gives way after a
 * while: there may be more threads than CPUs. Plain atomics, which a race checker understands. */

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>

#include <rte_pause.h>

struct lock {
	uint32_t held;
};

static inline bool
lock_try(struct lock *lock)
{
	/* K1: pairs with K2, the unlock of the one before */
	return __atomic_exchange_n(&lock->held, 1, __ATOMIC_ACQUIRE) == 0;
}

static inline void
lock_take(struct lock *lock)
{
	for (unsigned int spins = 0; !lock_try(lock); spins++) {
		if (spins % 64 == 63)
			sched_yield();
		else
			rte_pause();
	}
}

static inline void
lock_drop(struct lock *lock)
{
	__atomic_store_n(&lock->held, 0, __ATOMIC_RELEASE); /* K2 */
}

#endif /* LOCK_H */
