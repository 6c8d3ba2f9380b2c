/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTDMA_CLAMP_H
#define TESTDMA_CLAMP_H

#include <stdint.h>

/** n, but at least min and at most max. */
static inline uint64_t
clamp(uint64_t n, uint64_t min, uint64_t max)
{
	return n < min ? min : n > max ? max : n;
}

#endif /* TESTDMA_CLAMP_H */
