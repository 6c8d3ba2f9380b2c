/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTDMA_LAYOUT_H
#define TESTDMA_LAYOUT_H

/**
 * @file
 * How a device's vchans and its own memory are shared out among the flows on it.
 *
 * Flow n of N has vchan n. To look at what is in the device each has two more, N + 2n to write and
 * N + 2n + 1 to read, and a part of the memory of its own. Where a stream comes out of the device,
 * which nobody can write, each flow reads all of it.
 */

#include <stdbool.h>
#include <stdint.h>

#include "config.h"
#include "flow.h"

struct layout {
	struct device *dev;
	const struct config *config;
	uint16_t nb_flows;
	uint64_t at, size; /**< of the device's memory */
	bool written;	   /**< to be read and written beside the transfers */
	bool stream;	   /**< each flow reads all of it */
	bool counting;	   /**< ... and knows what is in it: see stream.h */
};

/**
 * Configure the device for so many flows as the configuration has them.
 *
 * @return 0, or -errno with a message printed
 */
int layout_make(struct layout *l, struct device *dev, const struct config *c, uint16_t nb_flows);

/** What flow n of them needs for flow_open(), but for the lcore. */
void layout_flow(const struct layout *l, uint16_t n, struct flow *f);

#endif /* TESTDMA_LAYOUT_H */
