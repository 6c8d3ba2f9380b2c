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
#include "stream.h"
#include "window.h"

struct slots {
	const struct device *dev;
	uint16_t vchan;
	enum op op;
	uint32_t size;
	uint32_t count;
	uint16_t segments;
	enum rte_dma_direction direction;
	uint64_t device_at, device_size; /**< its part of the device's memory */
	struct window *window;		 /**< to look at that; NULL: nobody does */
	struct stream *stream;		 /**< what comes out of the device, if known; else NULL */
	struct buffers *src;		 /**< NULL for fill, or from the device */
	struct buffers *dst;		 /**< NULL to the device */
	uint64_t reported;		 /**< mismatches printed */
};

/**
 * Sources are written, destinations spoilt, both mapped.
 *
 * @param s      all but count, src, dst, reported is set by the caller
 * @param count  wanted; fewer if the memory bound for a vchan says so
 * @return 0, or -errno with a message printed
 */
int slots_create(struct slots *s, uint32_t count);

void slots_free(struct slots *s);

/** The arguments for the device. @param sequence  from 0 on; says where in a stream */
void slots_args(const struct slots *s, uint32_t i, uint64_t sequence, struct op_args *args);

/**
 * What came out of the stream to slot i, which must be looked at in the order of the operations.
 *
 * @param all   look at every byte
 * @param lost  bytes of the stream that are missing before it
 */
bool slots_take(struct slots *s, uint32_t i, uint64_t sequence, bool all, uint64_t *lost);

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
