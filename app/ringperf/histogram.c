/* SPDX-License-Identifier: BSD-3-Clause */
#include "histogram.h"

void
histogram_merge(struct histogram *to, const struct histogram *from)
{
	to->total += from->total;
	for (unsigned int i = 0; i < HISTOGRAM_BUCKETS; i++)
		to->count[i] += from->count[i];
}

static double
middle(unsigned int bucket)
{
	const unsigned int sub = 1u << HISTOGRAM_BITS;

	if (bucket < 2 * sub)
		return bucket;
	const unsigned int shift = (bucket >> HISTOGRAM_BITS) - 1;
	const double low = (double)(uint64_t)(bucket - (shift << HISTOGRAM_BITS));
	const double width = (double)(UINT64_C(1) << shift);

	return low * width + (width - 1) / 2;
}

double
histogram_quantile(const struct histogram *h, double share)
{
	const double wanted = share * (double)h->total;
	uint64_t seen = 0;

	if (h->total == 0)
		return 0;
	for (unsigned int i = 0; i < HISTOGRAM_BUCKETS; i++) {
		seen += h->count[i];
		if (seen > 0 && (double)seen >= wanted)
			return middle(i);
	}
	return 0;
}
