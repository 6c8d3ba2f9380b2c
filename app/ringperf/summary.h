/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef RINGPERF_SUMMARY_H
#define RINGPERF_SUMMARY_H

/**
 * @file
 * This project's ring against its peers, over all cells.
 */

#include <stdbool.h>

#include "sweep.h"

/** One ring against the best of others, in one cell. */
struct versus {
	double ratio;	  /**< median of the ratios in each round */
	const char *peer; /**< the best one */
};

/** dad against the best mode of rte_ring that was measured. @return false: nothing to compare */
bool summary_versus_best(const struct cell *cell, struct versus *v);

/** Print the comparisons for which there are figures; nothing if tables are not wanted. */
void summary_print(const struct sweep *sweep);

#endif /* RINGPERF_SUMMARY_H */
