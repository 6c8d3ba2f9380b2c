/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef RINGPERF_CHECK_H
#define RINGPERF_CHECK_H

/**
 * @file
 * Has everything arrived once, whole, and in order?
 *
 * Elements of one producer come to a consumer mostly one number after the other. Such a *run* costs
 * one comparison an element; only where it ends is anything looked up or added. For each producer a
 * consumer keeps how many elements came, the sum of their numbers and that of their squares. At the
 * end these, over all consumers, have to be those of the numbers from 0 to what the producer sent.
 */

#include <stdint.h>

#include "payload.h"

/** Threads on one side, at most. */
#define SIDE_MAX 64

/** Of the numbers that came: how many, their sum and the sum of their squares, modulo 2^64. */
struct tally {
	uint64_t count, sum, squares;
};

/** One consumer's view. */
struct check {
	uint64_t first;	 /**< word that the open run began with */
	uint64_t expect; /**< word that would continue it */
	uint64_t torn;
	uint64_t disordered; /**< numbers not above the one before, of the same producer */
	unsigned int producers;
	uint64_t floor[SIDE_MAX]; /**< what the next number of a producer must reach */
	struct tally tally[SIDE_MAX];
};

/** What went wrong in one measurement; all 0 if nothing did. */
struct faults {
	uint64_t lost, doubled, torn, disordered;
};

void check_begin(struct check *c, unsigned int producers);

/** An element came that does not continue the open run. */
void check_jump(struct check *c, uint64_t word);

/** Nothing comes any more. */
void check_end(struct check *c);

/** All consumers' views against what the producers have sent. The views have ended. */
void check_verdict(const struct check *const *views, unsigned int consumers, const uint64_t *sent,
	unsigned int producers, struct faults *f);

static inline uint64_t
faults_sum(const struct faults *f)
{
	return f->lost + f->doubled + f->torn + f->disordered;
}

/** n elements came. */
static __rte_always_inline void
check_elements(struct check *c, const void *buf, const size_t esize, unsigned int n)
{
	uint64_t expect = c->expect;
	payload_pair different = {0, 0};

	for (unsigned int i = 0; i < n; i++) {
		const uint8_t *elem = (const uint8_t *)buf + i * esize;
		uint64_t word = payload_first(elem);

		if (unlikely(word != expect)) {
			c->expect = expect;
			check_jump(c, word);
		}
		expect = word + 1;
		different |= payload_difference(elem, esize);
	}
	c->expect = expect;
	if (unlikely((different[0] | different[1]) != 0))
		c->torn += payload_torn(buf, esize, n);
}

#endif /* RINGPERF_CHECK_H */
