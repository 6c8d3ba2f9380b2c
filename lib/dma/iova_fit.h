/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IOVA_FIT_H
#define IOVA_FIT_H

#include <stdint.h>

#define IOVA_NONE UINT64_MAX

/* The highest multiple of align (a power of two), from min to max, at which n granules lie within
 * the free granules [lo, hi); or IOVA_NONE. */
static inline uint64_t
iova_fit(uint64_t lo, uint64_t hi, uint64_t n, uint64_t align, uint64_t min, uint64_t max)
{
	if (lo < min)
		lo = min;
	if (hi < lo || hi - lo < n || max < lo)
		return IOVA_NONE;
	uint64_t start = hi - n < max ? hi - n : max;
	uint64_t over = start & (align - 1);

	return start - lo < over ? IOVA_NONE : start - over;
}

#endif /* IOVA_FIT_H */
