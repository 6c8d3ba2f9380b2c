/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef EDU_INTERNAL_H
#define EDU_INTERNAL_H

/* What the parts of the driver know of each other. */

#include <rte_log.h>

#include "dad_compat.h"
#include "edu_queue.h"

extern int edu_logtype;
#define EDU_LOG(level, fmt, ...)                                                                   \
	rte_log(RTE_LOG_##level, edu_logtype, "dma_edu: " fmt "\n", ##__VA_ARGS__)

/* rte_dma_dev.data->dev_private. The fast path knows it as its first member. */
struct edu_dev {
	struct edu_queue queue;
	int node; /* where the rings are */
	/* Give back what was there before edu_dev_create(). */
	void (*release)(struct edu_dev *d);
};

/*
 * Make a dmadev of a device whose queue has hw, dma and eal set. What it has is given back when it
 * is closed, or by the caller if this failed.
 *
 * @param init  copied
 * @return it, or NULL: no memory, or no room for one more dmadev
 */
struct rte_dma_dev *edu_dev_create(
	const char *name, struct rte_device *device, const struct edu_dev *init);

#endif /* EDU_INTERNAL_H */
