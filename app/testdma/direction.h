/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTDMA_DIRECTION_H
#define TESTDMA_DIRECTION_H

/**
 * @file
 * From where to where a transfer goes: memory of the host, or the device's own.
 */

#include <stdbool.h>
#include <stdint.h>

#include <rte_dmadev.h>

/** "m2m", "m2d", "d2m", "d2d". */
const char *direction_name(enum rte_dma_direction d);

/** @return 0 or -EINVAL */
int direction_by_name(const char *name, enum rte_dma_direction *d);

/** "from memory to the device". */
const char *direction_text(enum rte_dma_direction d);

/** RTE_DMA_CAPA_* that a device needs for it. */
uint64_t direction_capability(enum rte_dma_direction d);

static inline bool
direction_from_device(enum rte_dma_direction d)
{
	return d == RTE_DMA_DIR_DEV_TO_MEM || d == RTE_DMA_DIR_DEV_TO_DEV;
}

static inline bool
direction_to_device(enum rte_dma_direction d)
{
	return d == RTE_DMA_DIR_MEM_TO_DEV || d == RTE_DMA_DIR_DEV_TO_DEV;
}

#endif /* TESTDMA_DIRECTION_H */
