/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTDMA_WINDOW_H
#define TESTDMA_WINDOW_H

/**
 * @file
 * A device's own memory, written and read by vchans for that: how the other end of a transfer to or
 * from the device is prepared and looked at. One thread at a time.
 */

#include <stdbool.h>
#include <stdint.h>

#include "buffers.h"
#include "device.h"

struct window {
	const struct device *dev;
	uint16_t to_dev, from_dev; /**< vchans of those directions, with nothing in flight */
	uint64_t stall_tsc;
	uint32_t size; /**< most that is written or read at a time */
	struct buffers *out, *in;
};

/** All but the buffers is set by the caller. @return 0, or -errno with a message printed */
int window_open(struct window *w);
void window_close(struct window *w);

/** Where what window_put() writes is to be put first. */
uint8_t *window_staging(const struct window *w);

/** Write length bytes of it at an address of the device. @return false with a message printed */
bool window_put(const struct window *w, uint64_t addr, uint32_t length);

/** What is there now. @return it, or NULL with a message printed */
const uint8_t *window_get(const struct window *w, uint64_t addr, uint32_t length);

#endif /* TESTDMA_WINDOW_H */
