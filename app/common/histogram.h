/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef HISTOGRAM_H
#define HISTOGRAM_H

/**
 * @file
 * How values are spread, in fixed room: buckets that grow with the value, none wider than 1/64 of
 * it. Sum, squares and the largest are exact.
 */

#include <stdint.h>

#define HISTOGRAM_FINE	  6 /* log2 of the buckets for one power of two */
#define HISTOGRAM_BUCKETS ((64 - HISTOGRAM_FINE + 1) << HISTOGRAM_FINE)

struct histogram {
	uint64_t count;
	uint64_t max;
	double sum;
	double squares;
	uint64_t bucket[HISTOGRAM_BUCKETS];
};

static inline unsigned int
histogram_bucket(uint64_t value)
{
	unsigned int shift;

	if (value >> HISTOGRAM_FINE == 0)
		return value;
	shift = 63 - HISTOGRAM_FINE - __builtin_clzll(value);
	/* the topmost bit is in the shift already: what remains is below 1 << HISTOGRAM_FINE */
	return ((shift + 1) << HISTOGRAM_FINE) + (value >> shift) - (1u << HISTOGRAM_FINE);
}

static inline void
histogram_add(struct histogram *h, uint64_t value)
{
	h->count++;
	h->sum += value;
	h->squares += (double)value * value;
	if (value > h->max)
		h->max = value;
	h->bucket[histogram_bucket(value)]++;
}

/** Add what is in another. */
void histogram_merge(struct histogram *h, const struct histogram *other);

/** 0 if there is nothing in it. */
double histogram_mean(const struct histogram *h);

/** Standard deviation, of the values as all there are; 0 if there is nothing. */
double histogram_deviation(const struct histogram *h);

/**
 * The value that a part of all values does not exceed.
 *
 * @param part  0 to 1: 0.5 is the median
 * @return the middle of its bucket, at most the largest value; 0 if there is nothing
 */
double histogram_quantile(const struct histogram *h, double part);

#endif /* HISTOGRAM_H */
