/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TEST_RANDOM_H
#define TEST_RANDOM_H

/* xorshift: quick, and the same everywhere; in each thread, unless it changes its state first. */

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static _Thread_local uint64_t random_state = UINT64_C(88172645463325252);

static uint64_t
below(uint64_t n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (random_state >> 11) % n;
}

/* Each word depends on where it is, and on a seed: bytes that were moved elsewhere show, and those
 * of another time. */
static inline void
random_fill(unsigned char *p, size_t n)
{
	uint64_t seed = below(UINT64_MAX);

	for (size_t at = 0; at < n; at += sizeof(seed)) {
		uint64_t word = (seed + at) * UINT64_C(0x9e3779b97f4a7c15);

		word ^= word >> 32;
		memcpy(p + at, &word, n - at < sizeof(word) ? n - at : sizeof(word));
	}
}

#endif /* TEST_RANDOM_H */
