/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTDMA_STREAM_H
#define TESTDMA_STREAM_H

/**
 * @file
 * A device's window through which a stream of counting words goes: byte p of the stream passes
 * address p mod W, and the 64-bit word at a position p, a multiple of 8, is p / 8. So what was read
 * says where it is from, and what is missing between it and what was read before.
 */

#include <stdbool.h>
#include <stdint.h>

#include "pattern.h"

struct stream {
	uint64_t window; /**< bytes, a multiple of 8 */
	uint64_t next;	 /**< position after what was read last */
};

/**
 * Where length bytes (a multiple of 8, not 0) are from that were read from an address.
 *
 * @param all   look at each word, not only at the first
 * @param lost  bytes of the stream between them and what was read before
 * @param m     the first byte that is wrong
 * @return false if the stream does not pass there in that order; it goes on behind them then
 */
bool stream_take(struct stream *s, const uint8_t *buf, uint32_t length, uint64_t addr, bool all,
	uint64_t *lost, struct mismatch *m);

#endif /* TESTDMA_STREAM_H */
