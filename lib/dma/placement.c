/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdint.h>

#include <numaif.h>

#include "dad_dma_table.h"
#include "placement.h"

int
placement_node(const void *va)
{
	void *page = (void *)((uintptr_t)va & ~(uintptr_t)(DAD_DMA_PAGE_SIZE - 1));
	int status = -ENOENT;

	/* without target nodes it moves nothing, and tells */
	if (move_pages(0, 1, &page, NULL, &status, 0) != 0)
		return -errno;
	return status;
}
