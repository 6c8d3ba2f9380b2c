/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SPREAD_H
#define SPREAD_H

/**
 * @file
 * Medians, quartiles and means of a few values.
 */

#include <stdint.h>

/** Ascending. */
void spread_sort(double *values, uint32_t n);

/** Between two values in proportion. @param share  0 to 1 */
double spread_quantile(const double *sorted, uint32_t n, double share);

/** Values above 0. @return 0 if there are none */
double spread_geometric_mean(const double *values, uint32_t n);

#endif /* SPREAD_H */
