/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTDMA_STATS_H
#define TESTDMA_STATS_H

/**
 * @file
 * What happened to operations. One thread writes a set of counters; any may read it.
 */

#include <stdint.h>

#include <rte_dmadev.h>

/** Status codes above this are counted together with RTE_DMA_STATUS_ERROR_UNKNOWN. */
#define STATS_CODES 16

struct stats {
	uint64_t submitted;
	uint64_t completed;   /**< with success */
	uint64_t errors;      /**< operations that came back with another status */
	uint64_t recovered;   /**< operations that succeeded after errors */
	uint64_t given_up;    /**< operations that did not */
	uint64_t refused;     /**< at the enqueue, for another reason than a full ring */
	uint64_t full;	      /**< enqueues retried because the ring was full */
	uint64_t bytes;	      /**< of those completed */
	uint64_t checked;     /**< operations whose data was verified */
	uint64_t miscompares; /**< ... and was wrong */
	uint64_t lost;	      /**< bytes of a stream that nobody read */
	uint64_t gaps;	      /**< ... at so many places */
	uint64_t status[STATS_CODES + 1];
};

/** Add to a counter of the calling thread's own. */
static inline void
stats_count(uint64_t *counter, uint64_t n)
{
	/* relaxed: readers want a whole value, and no order with anything */
	__atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}

void stats_count_status(struct stats *s, enum rte_dma_status_code status);

/** A copy of counters that another thread may be writing. */
void stats_read(const struct stats *from, struct stats *to);

void stats_add(struct stats *to, const struct stats *s);

/** Two or more lines, each with that indent. */
void stats_print(const struct stats *s, double seconds, const char *indent);

/** "3.21 Mops, 13.15 GB/s" */
void stats_print_rate(uint64_t ops, uint64_t bytes, double seconds);

#endif /* TESTDMA_STATS_H */
