/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TEST_RANDOM_H
#define TEST_RANDOM_H

/* xorshift: quick, and the same everywhere. For one thread. */

#include <stdint.h>

static uint64_t random_state = UINT64_C(88172645463325252);

static uint64_t
below(uint64_t n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (random_state >> 11) % n;
}

#endif /* TEST_RANDOM_H */
