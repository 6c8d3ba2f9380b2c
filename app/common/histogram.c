/* SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>

#include "histogram.h"

void
histogram_merge(struct histogram *h, const struct histogram *other)
{
	h->count += other->count;
	h->sum += other->sum;
	h->squares += other->squares;
	if (other->max > h->max)
		h->max = other->max;
	for (unsigned int i = 0; i < HISTOGRAM_BUCKETS; i++)
		h->bucket[i] += other->bucket[i];
}

double
histogram_mean(const struct histogram *h)
{
	return h->count > 0 ? h->sum / h->count : 0;
}

double
histogram_deviation(const struct histogram *h)
{
	double mean = histogram_mean(h);
	double variance = h->count > 0 ? h->squares / h->count - mean * mean : 0;

	/* equal values can come out a little below 0 */
	return variance > 0 ? sqrt(variance) : 0;
}

/* Middle of the values that go to a bucket. */
static double
middle(unsigned int bucket)
{
	unsigned int shift = bucket >> HISTOGRAM_FINE;

	if (shift == 0)
		return bucket;
	shift--;
	uint64_t fine = bucket & ((1u << HISTOGRAM_FINE) - 1);
	uint64_t low = ((UINT64_C(1) << HISTOGRAM_FINE) + fine) << shift;

	return low + ((UINT64_C(1) << shift) - 1) / 2.0;
}

double
histogram_quantile(const struct histogram *h, double part)
{
	uint64_t rank = ceil(part * h->count), seen = 0;

	for (unsigned int i = 0; i < HISTOGRAM_BUCKETS; i++) {
		seen += h->bucket[i];
		if (seen > 0 && seen >= rank) {
			double value = middle(i);

			return value < h->max ? value : h->max;
		}
	}
	return 0;
}
