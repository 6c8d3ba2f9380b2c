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

/** What a slot is used for. */
struct flow_op {
	uint64_t sequence;
	uint32_t tries; /**< that failed; not 0: to be tried again */
};

struct flow {
	struct slots slots;
	struct window window; /**< for slots.window */
	struct stream stream; /**< for slots.stream */
	unsigned int lcore;
	struct flow_op *op; /**< by slot: these are used in turn */
	uint64_t head;	    /**< slots given to the device */
	uint64_t tail;	    /**< ... and taken back */
	uint32_t head_slot, tail_slot;
	uint64_t begun;	    /**< operations, each counted once */
	uint32_t to_repeat; /**< slots whose operation failed, and that are not in flight */
	uint32_t repeated;  /**< ... and that are, for another time */
	uint64_t count;	    /**< begin no more than so many; 0: no end */
	uint32_t batch;
	uint32_t retries;
	enum verify verify;
	uint64_t stall_tsc;
	uint64_t progress_tsc; /**< when the last one came back */
	bool failed;	       /**< stalled or refused: leave it alone */
	bool done;	       /**< nothing more will happen; read by other threads */
	uint64_t done_tsc;     /**< ... since then */
	struct stats stats;
};

/** slots.dev, .vchan, .direction, .device_* and lcore are set, and for checks in the device the
 * vchans of window, or stream.window. @return 0, or -errno with a message printed */
int flow_open(struct flow *f, const struct config *c);
void flow_close(struct flow *f);

/** One round. @param more  false: enqueue nothing, only take back */
void flow_step(struct flow *f, bool more);

/** Nothing is in flight, and with more nothing will be. */
bool flow_idle(const struct flow *f, bool more);

#endif /* TESTDMA_FLOW_H */
