/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>

#include <rte_common.h>

#include "direction.h"

static const struct {
	const char *name, *text;
	uint64_t capability;
} directions[] = {
	[RTE_DMA_DIR_MEM_TO_MEM] = {"m2m", "from memory to memory", RTE_DMA_CAPA_MEM_TO_MEM},
	[RTE_DMA_DIR_MEM_TO_DEV] = {"m2d", "from memory to the device", RTE_DMA_CAPA_MEM_TO_DEV},
	[RTE_DMA_DIR_DEV_TO_MEM] = {"d2m", "from the device to memory", RTE_DMA_CAPA_DEV_TO_MEM},
	[RTE_DMA_DIR_DEV_TO_DEV] = {"d2d", "within the device", RTE_DMA_CAPA_DEV_TO_DEV},
};

const char *
direction_name(enum rte_dma_direction d)
{
	return directions[d].name;
}

const char *
direction_text(enum rte_dma_direction d)
{
	return directions[d].text;
}

uint64_t
direction_capability(enum rte_dma_direction d)
{
	return directions[d].capability;
}

int
direction_by_name(const char *name, enum rte_dma_direction *d)
{
	for (size_t i = 0; i < RTE_DIM(directions); i++) {
		if (strcmp(name, directions[i].name) == 0) {
			*d = (enum rte_dma_direction)i;
			return 0;
		}
	}
	return -EINVAL;
}
