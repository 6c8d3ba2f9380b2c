/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef EDU_QUEUE_H
#define EDU_QUEUE_H

/*
 * The one vchan: copies wait in a ring, and are done one after the other, in hops.
 *
 *	 reported      current     submitted     enqueued
 *	    |             |            |             |
 *	 ---+-------------+------------+-------------+---
 *	    | status is   | wait for   | wait for    |
 *	    | there       | the device | submit      |
 *
 * A hop is one transfer of the device: at most its buffer, in one direction. Memory to memory takes
 * two for each piece, in and out. The memory of a hop is mapped just before and unmapped just
 * after it. Nothing moves on by itself: submit, the two completion calls and vchan_status look at
 * the device and start the next hop.
 */

#include <rte_dmadev.h>

#include "edu_hw.h"

#define EDU_DESC_MIN 2
#define EDU_DESC_MAX 4096

struct edu_job {
	uint64_t src; /* IOVAs as EAL has them; or, on the device's side, its own addresses */
	uint64_t dst;
	uint32_t len;
	uint32_t status; /* enum rte_dma_status_code */
};

struct edu_queue {
	struct edu_hw hw;
	struct dad_dma_dev *dma;
	struct dad_dma_domain *eal; /* what the application's IOVAs mean */
	struct edu_job *job;
	uint16_t capacity; /* what the application asked for */
	uint16_t mask;	   /* of slots: a power of two - 1 */
	uint16_t enqueued, submitted, current, reported;
	enum rte_dma_direction direction;
	bool any_memory; /* IOVAs are virtual addresses, of the C library's memory too */
	bool verify;	 /* compare what was copied from memory to memory */
	bool halted;	 /* the device failed: nothing is started any more */
	bool gone;	 /* it left the bus: registers are not touched any more */

	/* the current job */
	uint32_t done;	/* bytes that are where they belong */
	bool in_buffer; /* memory to memory: the next piece is in the device */

	/* the hop that runs, if any */
	bool busy;
	enum dad_dma_dir dir;
	uint32_t len;
	dad_dma_addr_t addr;

	struct rte_dma_stats stats;
};

/* Ring memory on the given node; 0 or -ENOMEM. A ring that was there is freed. */
int edu_queue_setup(struct edu_queue *q, const struct rte_dma_vchan_conf *conf, int node);
void edu_queue_release(struct edu_queue *q);

/* Forget all jobs; nothing runs. */
void edu_queue_reset(struct edu_queue *q);

/* Wait (bounded) for the hop that runs; give all other jobs up. */
void edu_queue_stop(struct edu_queue *q);

/* Move on, as far as the device lets us. */
void edu_queue_poll(struct edu_queue *q);

bool edu_queue_is_idle(const struct edu_queue *q);

/* struct rte_dma_fp_object */
int edu_copy(void *dev_private, uint16_t vchan, rte_iova_t src, rte_iova_t dst, uint32_t length,
	uint64_t flags);
int edu_submit(void *dev_private, uint16_t vchan);
uint16_t edu_completed(void *dev_private, uint16_t vchan, const uint16_t nb_cpls,
	uint16_t *last_idx, bool *has_error);
uint16_t edu_completed_status(void *dev_private, uint16_t vchan, const uint16_t nb_cpls,
	uint16_t *last_idx, enum rte_dma_status_code *status);
uint16_t edu_burst_capacity(const void *dev_private, uint16_t vchan);

#endif /* EDU_QUEUE_H */
