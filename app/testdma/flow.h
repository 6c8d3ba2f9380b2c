/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTDMA_FLOW_H
#define TESTDMA_FLOW_H

/**
 * @file
 * The stream of operations on one vchan: enqueue in batches, submit, take back, check. One thread
 * runs a flow; others read its counters.
 */

#include <stdbool.h>
#include <stdint.h>

#include "config.h"
#include "slots.h"
#include "stats.h"

struct flow {
	struct slots slots;
	unsigned int lcore;
	uint64_t head;	/**< operations enqueued */
	uint64_t tail;	/**< ... and taken back */
	uint64_t count; /**< enqueue no more than so many; 0: no end */
	uint32_t batch;
	enum verify verify;
	uint64_t stall_tsc;
	uint64_t progress_tsc; /**< when the last one came back */
	bool failed;	       /**< stalled or refused: leave it alone */
	bool done;	       /**< nothing more will happen; read by other threads */
	uint64_t done_tsc;     /**< ... since then */
	struct stats stats;
};

/** slots.dev, .vchan and lcore are set. @return 0, or -errno with a message printed */
int flow_open(struct flow *f, const struct config *c);
void flow_close(struct flow *f);

/** One round. @param more  false: enqueue nothing, only take back */
void flow_step(struct flow *f, bool more);

/** Nothing is in flight, and with more nothing will be. */
bool flow_idle(const struct flow *f, bool more);

#endif /* TESTDMA_FLOW_H */
