/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTDMA_CLOCK_COST_H
#define TESTDMA_CLOCK_COST_H

#include <stdint.h>

/**
 * How long looking at the clock takes, which is in everything that is timed between two looks.
 *
 * @return TSC ticks: the median of what two looks by rte_rdtsc_precise() tell when nothing is
 * between them
 */
uint64_t clock_cost(void);

#endif /* TESTDMA_CLOCK_COST_H */
