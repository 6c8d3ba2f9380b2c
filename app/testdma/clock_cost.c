/* SPDX-License-Identifier: BSD-3-Clause */
#include <rte_cycles.h>

#include "clock_cost.h"
#include "spread.h"

#define LOOKS 1001

uint64_t
clock_cost(void)
{
	double ticks[LOOKS];

	for (unsigned int i = 0; i < LOOKS; i++) {
		uint64_t start = rte_rdtsc_precise();

		ticks[i] = (double)(rte_rdtsc_precise() - start);
	}
	spread_sort(ticks, LOOKS);
	return (uint64_t)ticks[LOOKS / 2];
}
