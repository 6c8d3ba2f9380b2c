/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTDMA_PATTERN_H
#define TESTDMA_PATTERN_H

/**
 * @file
 * Bytes that give a wrong transfer away.
 *
 * A pattern depends on a seed and on the position, so that bytes of another buffer, or bytes that
 * moved within the buffer, differ. Before a transfer that will be checked, its destination is
 * spoilt: every byte becomes the complement of the one expected, so that a byte the device did not
 * write cannot look right. Guard bytes stand before and after a buffer.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Guard bytes on each side of a buffer; a cache line, so that the buffer stays aligned. */
#define PATTERN_GUARD 64

struct pattern {
	uint64_t seed; /**< position 0 of the pattern, or the eight bytes that repeat */
	bool repeat;   /**< as a fill operation leaves it */
};

struct mismatch {
	const uint8_t *at; /**< NULL: none */
	size_t offset;	   /**< of that byte in what was checked */
	uint8_t found;
	uint8_t expected;
};

void pattern_write(void *buf, size_t length, struct pattern p);

/** The complement of the pattern. */
void pattern_spoil(void *buf, size_t length, struct pattern p);

/** @return false, and the first byte that differs */
bool pattern_check(const void *buf, size_t length, struct pattern p, struct mismatch *m);

/** Write the guards around a buffer: PATTERN_GUARD bytes before buf and after buf + length. */
void pattern_guard(void *buf, size_t length);

bool pattern_guard_check(const void *buf, size_t length, struct mismatch *m);

#endif /* TESTDMA_PATTERN_H */
