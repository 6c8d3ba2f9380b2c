/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef RINGPERF_WORKER_H
#define RINGPERF_WORKER_H

/**
 * @file
 * What a thread of a measurement has for itself, and what it shares with the others.
 *
 * An end comes in two steps, since a thread inside rte_ring's MP/MC calls may have to wait for
 * another one to go on: producers see the flag and leave, one by one; consumers stay until all
 * producers are gone, and the first of them until the ring is empty.
 */

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>

#include <rte_common.h>
#include <rte_pause.h>

#include "check.h"
#include "histogram.h"

#define LINES_APART __rte_aligned(128)

/** Of all threads of a measurement. */
struct run {
	/* read in each loop, written a few times in all */
	uint32_t go, stop;
	uint32_t producers_left;

	uint32_t ready LINES_APART; /**< threads that wait for go */
	uint32_t finished;	    /**< threads that have done their part */
	struct {
		uint64_t word LINES_APART; /**< last one of this producer that has arrived */
	} ack[SIDE_MAX];
};

/** Of one thread. */
struct worker {
	struct run *run;
	void (*loop)(struct worker *w);
	void *ring;
	void *buf; /**< room for bulk elements */
	unsigned int bulk;
	unsigned int id; /**< among those of its side */
	bool producer;
	bool burst; /**< part of a bulk is welcome */
	bool yield; /**< give the CPU away while there is nothing to do */

	/* results */
	uint64_t calls;
	uint64_t refused; /**< calls that found the ring full, or empty */
	struct check check;
	struct histogram latency; /**< TSC cycles */

	uint64_t moved LINES_APART; /**< elements; a consumer's is read while it runs */
} LINES_APART;

static inline bool
run_stopped(const struct run *run)
{
	/* relaxed: nothing but the end of a loop depends on it */
	return __atomic_load_n(&run->stop, __ATOMIC_RELAXED) != 0;
}

static inline bool
run_producers_gone(const struct run *run)
{
	/* acquire; pairs with the release of a producer that leaves: what it sent is in the ring */
	return __atomic_load_n(&run->producers_left, __ATOMIC_ACQUIRE) == 0;
}

/* Attempts before a thread lets others run, where there are more of them than CPUs. */
#define IDLE_SPINS 32

/** The ring was full or empty. spins: attempts in a row. */
static inline void
idle(unsigned int *spins, bool yield)
{
	if (yield && ++*spins >= IDLE_SPINS) {
		*spins = 0;
		sched_yield();
	} else {
		rte_pause();
	}
}

#endif /* RINGPERF_WORKER_H */
