/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DAD_DEV_H
#define DAD_DEV_H

/* The device as the bus sees it: made by probe, operated by dad_dev_ops. */

#include "dad_compat.h"
#include "dad_internal.h"

extern const struct rte_dma_dev_ops dad_dev_ops;
extern const struct rte_dma_dev_ops dad_secondary_ops;

/* NULL: the primary has closed it, and in this process it was not removed. */
static inline struct dad_dev *
dad_of(const struct rte_dma_dev *dev)
{
	return dev->data->dev_private;
}

/* Of these operations any process has these. */
int dad_dev_info_get(const struct rte_dma_dev *dev, struct rte_dma_info *info, uint32_t info_sz);
int dad_dev_stats_get(const struct rte_dma_dev *dev, uint16_t vchan, struct rte_dma_stats *stats,
	uint32_t stats_sz);
int dad_dev_stats_reset(struct rte_dma_dev *dev, uint16_t vchan);
int dad_dev_vchan_status(
	const struct rte_dma_dev *dev, uint16_t vchan, enum rte_dma_vchan_status *status);
int dad_dev_dump(const struct rte_dma_dev *dev, FILE *f);

/* Give zeroed private data its parts. 0 or -errno. dev_close undoes it. */
int dad_dev_init(struct dad_dev *d, uint16_t dev_id, const char *name, const struct dad_args *args,
	int numa_node);
void dad_dev_fini(struct dad_dev *d);

/* Back to no vchans. */
void dad_dev_release_vchans(struct dad_dev *d);

#endif /* DAD_DEV_H */
