/* SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>
#include <stdlib.h>

#include "spread.h"

static int
by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

void
spread_sort(double *values, uint32_t n)
{
	qsort(values, n, sizeof(*values), by_value);
}

double
spread_quantile(const double *sorted, uint32_t n, double share)
{
	const double place = share * (n - 1);
	const uint32_t below = (uint32_t)place;

	/* one of them as it is: the next may be infinite, and none of that is no number */
	if (below + 1 >= n || place <= below)
		return sorted[below];
	return sorted[below] + (place - below) * (sorted[below + 1] - sorted[below]);
}

double
spread_geometric_mean(const double *values, uint32_t n)
{
	double sum = 0;

	if (n == 0)
		return 0;
	for (uint32_t i = 0; i < n; i++)
		sum += log(values[i]);
	return exp(sum / n);
}
