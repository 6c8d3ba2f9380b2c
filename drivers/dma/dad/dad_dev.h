/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DAD_DEV_H
#define DAD_DEV_H

/* The device as the bus sees it: made by probe, operated by dad_dev_ops. */

#include "dad_compat.h"
#include "dad_internal.h"

extern const struct rte_dma_dev_ops dad_dev_ops;
extern const struct rte_dma_dev_ops dad_secondary_ops;

int dad_dev_dump(const struct rte_dma_dev *dev, FILE *f);

/* Give zeroed private data its parts. 0 or -errno. dev_close undoes it. */
int dad_dev_init(struct dad_dev *d, uint16_t dev_id, const char *name, const struct dad_args *args,
	int numa_node);
void dad_dev_fini(struct dad_dev *d);

#endif /* DAD_DEV_H */
