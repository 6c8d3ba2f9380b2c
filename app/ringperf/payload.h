/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef RINGPERF_PAYLOAD_H
#define RINGPERF_PAYLOAD_H

/**
 * @file
 * What an element consists of, and the loops that write and read it.
 *
 * The first word of an element names its producer (16 bits) and its place among what that producer
 * has sent (48 bits). Word k is the first one plus k times a constant. So all bytes are written by
 * the producer and read by the consumer, and an element made of parts of two others shows. The cost
 * is one vector store for 16 bytes on one side, one load and one addition on the other.
 */

#include <stddef.h>
#include <stdint.h>

#include <rte_branch_prediction.h>
#include <rte_common.h>

#define PAYLOAD_SEQ_BITS 48
#define PAYLOAD_SEQ_MASK ((UINT64_C(1) << PAYLOAD_SEQ_BITS) - 1)
#define PAYLOAD_STEP	 UINT64_C(0x9e3779b97f4a7c15)

/** A producer's first word, number 0. */
static inline uint64_t
payload_base(unsigned int producer)
{
	return (uint64_t)producer << PAYLOAD_SEQ_BITS;
}

typedef uint64_t payload_pair __attribute__((vector_size(16), may_alias));
typedef uint64_t payload_word __attribute__((may_alias));

/** Write n elements of 8, 16, 32 or 64 bytes with consecutive numbers, aligned to 16 bytes but
 * for 8. */
static __rte_always_inline void
payload_write(void *buf, const size_t esize, uint64_t first, unsigned int n)
{
	if (esize == sizeof(uint64_t)) {
		payload_word *word = buf;

		for (unsigned int i = 0; i < n; i++)
			word[i] = first + i;
		return;
	}
	const payload_pair one = {1, 1};
	const payload_pair two_steps = {2 * PAYLOAD_STEP, 2 * PAYLOAD_STEP};
	payload_pair v = {first, first + PAYLOAD_STEP};

	for (unsigned int i = 0; i < n; i++) {
		payload_pair *out = (payload_pair *)((uint8_t *)buf + i * esize);

		/* compilers leave a loop of four as it is, and take twice the time */
		out[0] = v;
		if (esize >= 32)
			out[1] = v + two_steps;
		if (esize >= 64) {
			out[2] = v + 2 * two_steps;
			out[3] = v + 3 * two_steps;
		}
		v += one;
	}
}

/** The first word of the element at elem. */
static __rte_always_inline uint64_t
payload_first(const void *elem)
{
	return *(const payload_word *)elem;
}

/**
 * All zero bits if the element belongs together. The sums of its even and of its odd words are
 * compared with what they have to be; nothing in 8 bytes can be compared.
 */
static __rte_always_inline payload_pair
payload_difference(const void *elem, const size_t esize)
{
	const uint64_t pairs = esize / sizeof(payload_pair);
	const uint64_t first = payload_first(elem);
	const payload_pair *in = elem;
	payload_pair sum = {0, 0};

	if (esize == sizeof(uint64_t))
		return sum;
	for (size_t k = 0; k < pairs; k++)
		sum += in[k];
	const payload_pair expected = {
		pairs * first + pairs * (pairs - 1) * PAYLOAD_STEP,
		pairs * first + pairs * pairs * PAYLOAD_STEP,
	};
	return sum ^ expected;
}

/** How many of n elements do not belong together? */
static __rte_always_inline unsigned int
payload_torn(const void *buf, const size_t esize, unsigned int n)
{
	unsigned int torn = 0;

	for (unsigned int i = 0; i < n; i++) {
		payload_pair d = payload_difference((const uint8_t *)buf + i * esize, esize);

		torn += (d[0] | d[1]) != 0;
	}
	return torn;
}

#endif /* RINGPERF_PAYLOAD_H */
