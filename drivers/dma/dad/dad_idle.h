/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DAD_IDLE_H
#define DAD_IDLE_H

/*
 * What a worker does that finds nothing to do, so often in a row.
 *
 * poll    looks again after a pause instruction: the shortest reaction, a CPU at full load.
 * pause   after 1000 rounds it looks every microsecond or so, and the CPU may rest in between
 *         (tpause where there is such an instruction): less power, and more for a sibling thread.
 * sleep   after 10000 rounds it sleeps for 50 µs between looks: the CPU is free for others. What is
 *         submitted then waits so long at most, and what the kernel's timer adds.
 */

#include <stdbool.h>
#include <stdint.h>

#include "dad_args.h"

#define DAD_IDLE_SLEEP_US 50

/* To be called once in a thread that will call the other. */
void dad_idle_prepare(enum dad_idle_kind kind);

/* The caller has found nothing `rounds` times. crowded: others poll on its CPU. */
void dad_idle(enum dad_idle_kind kind, unsigned int rounds, bool crowded);

/* ---- waits of the control path, which have a bound: while (!what && dad_wait(deadline)) --------
 */

uint64_t dad_wait_until(unsigned int ms);

/* A short sleep. False: the deadline has passed. */
bool dad_wait(uint64_t deadline);

#endif /* DAD_IDLE_H */
