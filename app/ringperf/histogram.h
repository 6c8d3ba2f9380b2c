/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef RINGPERF_HISTOGRAM_H
#define RINGPERF_HISTOGRAM_H

/**
 * @file
 * Counts of 64-bit values, each known to 1 in 64: buckets of equal width up to 127, then 64 for
 * each doubling.
 */

#include <stdint.h>

#define HISTOGRAM_BITS	  6
#define HISTOGRAM_BUCKETS ((64 - HISTOGRAM_BITS + 1) << HISTOGRAM_BITS)

struct histogram {
	uint64_t total;
	uint64_t count[HISTOGRAM_BUCKETS];
};

static inline void
histogram_add(struct histogram *h, uint64_t value)
{
	/* a 1 below the bits that are kept, so that small values need no shift either */
	const unsigned int top = 63 - (unsigned int)__builtin_clzll(value | 1 << HISTOGRAM_BITS);
	const unsigned int shift = top - HISTOGRAM_BITS;

	h->count[((uint64_t)shift << HISTOGRAM_BITS) + (value >> shift)]++;
	h->total++;
}

/** Add what another one has counted. */
void histogram_merge(struct histogram *to, const struct histogram *from);

/**
 * The value that a share of all values does not exceed.
 *
 * @param share  0 to 1
 * @return the middle of its bucket; 0 if nothing was counted
 */
double histogram_quantile(const struct histogram *h, double share);

#endif /* RINGPERF_HISTOGRAM_H */
