/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef STREAM_H
#define STREAM_H

/* What scatter lists use of single mappings. */

#include <errno.h>

#include "dma_internal.h"

/* 0, EINVAL or EFAULT. */
static inline int
stream_check(uint64_t va, uint64_t size, enum dad_dma_dir dir)
{
	/* the last byte, computed without wrapping, must not lie before the first */
	if (size == 0 || va + (size - 1) < va || (unsigned int)dir >= DAD_DMA_NONE)
		return EINVAL;
	return va + (size - 1) >= DMA_VA_END ? EFAULT : 0;
}

/* Those that a mapping with these attributes may use. */
unsigned int stream_rungs(const struct dma_dev *dev, unsigned int attrs);

/* Up the ladder on these rungs, after stream_check(): 0 or errno. Counts the mapping. */
int stream_map(struct dma_dev *dev, uint64_t va, uint64_t size, enum dad_dma_dir dir,
	unsigned int attrs, unsigned int rungs, dad_dma_addr_t *addr, enum dad_dma_rung *rung);
void stream_unmap(struct dma_dev *dev, dad_dma_addr_t addr, uint64_t size, enum dad_dma_dir dir,
	unsigned int attrs);

/* Count an error, and set rte_errno. */
void stream_refuse(struct dma_dev *dev, int error);

#endif /* STREAM_H */
