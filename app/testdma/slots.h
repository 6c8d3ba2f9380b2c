/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTDMA_SLOTS_H
#define TESTDMA_SLOTS_H

/**
 * @file
 * The buffers of a vchan: a source and a destination for each operation in flight, and the check
 * of what the device made of them (as the kernel's dmatest does it: the destination has the
 * source's bytes, the source still has its own, and nothing around either of them changed).
 */

#include <stdbool.h>
#include <stdint.h>

#include "buffers.h"
#include "device.h"
#include "op.h"
#include "pattern.h"

struct slots {
	const struct device *dev;
	uint16_t vchan;
	enum op op;
	uint32_t size;
	uint32_t count;
	uint16_t segments;
	struct buffers *src; /**< NULL for fill */
	struct buffers *dst;
	uint64_t reported; /**< mismatches printed */
};

/**
 * Sources are written, destinations spoilt, both mapped.
 *
 * @param s      dev, vchan, op, size, segments are set by the caller
 * @param count  wanted; fewer if the memory bound for a vchan says so
 * @return 0, or -errno with a message printed
 */
int slots_create(struct slots *s, uint32_t count);

void slots_free(struct slots *s);

/** The arguments for the device. */
void slots_args(const struct slots *s, uint32_t i, struct op_args *args);

/** Slot i will be checked: spoil its destination. */
void slots_arm(const struct slots *s, uint32_t i);

/**
 * Check slot i, and print the first mismatch.
 *
 * @param sequence   for the message
 * @param succeeded  false: the device reported an error, so the destination may hold anything
 */
bool slots_check(struct slots *s, uint32_t i, uint64_t sequence, bool succeeded);

#endif /* TESTDMA_SLOTS_H */
