/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTDMA_MEASURE_H
#define TESTDMA_MEASURE_H

/**
 * @file
 * The inner loops of the benchmark: one backend, one operation, for a while.
 */

#include <stdint.h>

#include "config.h"
#include "device.h"
#include "walk.h"

struct measurement {
	const struct walk *walk;
	const struct config *config; /**< batch, qdepth, stall */
	enum op op;
	uint16_t segments; /**< of sg */
	uint8_t fill;	   /**< byte that fill writes */
	/* the result */
	uint64_t done; /**< operations */
	uint64_t errors;
	uint64_t tsc; /**< how long they took */
	int failed;   /**< -errno of the device's refusal, or -ETIMEDOUT */
};

/**
 * @param dev  started, with the walk mapped for it; NULL: the CPU with the functions of libc
 */
void measure(struct measurement *m, const struct device *dev, uint64_t duration_ms);

#endif /* TESTDMA_MEASURE_H */
