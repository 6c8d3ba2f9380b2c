/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTDMA_MEASURE_H
#define TESTDMA_MEASURE_H

/**
 * @file
 * The inner loops of the benchmark: one backend, one operation, for a while.
 */

#include <stdbool.h>
#include <stdint.h>

#include "config.h"
#include "device.h"
#include "histogram.h"
#include "walk.h"

struct measurement {
	const struct walk *walk;
	const struct config *config; /**< batch, qdepth, stall */
	enum op op;
	uint16_t segments;	  /**< of sg */
	uint8_t fill;		  /**< byte that fill writes */
	unsigned int cpu_threads; /**< of the CPU: how many take turns with the steps */
	bool cpu_other;		  /**< of the CPU: none of them on the caller's */
	struct histogram *spread; /**< NULL: as many operations as can be; else one at a time, and
				     the TSC ticks of each go there */
	uint64_t clock_cost;	  /**< ticks to be taken from each of them */
	/* the result */
	uint64_t done;	  /**< operations */
	uint64_t covered; /**< so many of the first steps are among them */
	uint64_t errors;
	double mops;
	int failed; /**< -errno of the device's refusal, or -ETIMEDOUT */
};

/** Remember which CPUs the process may use; to be called before EAL pins its threads. */
void measure_note_cpus(void);

/** How many there are. */
unsigned int measure_cpus(void);

/**
 * @param dev  started, with the walk mapped for it; NULL: the CPU with the functions of libc
 */
void measure(struct measurement *m, const struct device *dev, uint64_t duration_ms);

/** The CPU's part of it; duration in TSC ticks. */
void measure_cpu(struct measurement *m, uint64_t duration);

/** One operation took so many ticks, a look at the clock among them. */
static inline void
measure_add_latency(struct measurement *m, uint64_t ticks)
{
	histogram_add(m->spread, ticks - RTE_MIN(ticks, m->clock_cost));
}

/** How many operations or batches go between two looks at the clock, which cost as much as several
 * small operations. */
static inline uint32_t
measure_passes_a_look(uint32_t size)
{
	return size <= 4096 ? 8 : 1;
}

#endif /* TESTDMA_MEASURE_H */
