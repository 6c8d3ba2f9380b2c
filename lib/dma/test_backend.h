/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TEST_BACKEND_H
#define TEST_BACKEND_H

#include "test_failure.h"

/* A backend that keeps books, and fails when it is told to. */

static int
backend_map(void *priv, dad_dma_addr_t iova, void *va, size_t size, enum dad_dma_dir dir)
{
	uint64_t first = iova & ~(uint64_t)(PAGE - 1);
	uint64_t end = RTE_ALIGN_CEIL(iova + size, PAGE);

	(void)priv;
	(void)dir;
	if (fails(EIO))
		return -EPERM;
	backend.broken_rules += (iova ^ (uintptr_t)va) % PAGE != 0;
	return book_map(first, end);
}

static int
backend_unmap(void *priv, dad_dma_addr_t iova, size_t size)
{
	uint64_t first = iova & ~(uint64_t)(PAGE - 1);
	uint64_t end = RTE_ALIGN_CEIL(iova + size, PAGE);

	(void)priv;
	if (backend.fail_unmap && fails(EIO))
		return -EPERM;
	book_unmap(first, end);
	return 0;
}

static int
backend_sync(void *priv, dad_dma_addr_t iova, size_t size)
{
	(void)priv;
	(void)iova;
	(void)size;
	return fails(EIO) ? -EPERM : 0;
}

static int
backend_query(void *priv, struct dad_dma_backend_info *info)
{
	(void)priv;
	/* with a hole, as real ones have */
	info->n_ranges = 2;
	info->ranges[0] = (struct dad_dma_range){.first = 0, .last = 0xfffff};
	info->ranges[1] = (struct dad_dma_range){.first = 0x200000, .last = DAD_DMA_BIT_MASK(47)};
	return fails(EPERM) ? -EPERM : 0;
}

static void
backend_close(void *priv)
{
	(void)priv;
	backend.closed++;
}

static const struct dad_dma_domain_ops ops = {.map = backend_map,
	.unmap = backend_unmap,
	.sync = backend_sync,
	.query = backend_query,
	.close = backend_close};

#endif /* TEST_BACKEND_H */
