/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTDMA_BUFFERS_H
#define TESTDMA_BUFFERS_H

/**
 * @file
 * Many buffers of one size, mapped for one device.
 *
 * They are cut from memzones, each contiguous for the device, so that no buffer lies across a gap
 * when IOVAs are physical addresses. Every buffer is one streaming mapping.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dad_dma.h"

struct buffer {
	uint8_t *va;
	dad_dma_addr_t addr;
};

struct buffers;

/**
 * @param dma    the device, which must outlive the buffers; NULL: not mapped, for the CPU only
 * @param guard  guards around each buffer; otherwise they lie side by side
 * @param socket_id  the node they shall lie on; on another if that has no memory left
 * @return the buffers, or NULL with rte_errno
 */
struct buffers *buffers_create(struct dad_dma_dev *dma, uint32_t count, size_t size,
	enum dad_dma_dir dir, bool guard, int socket_id);

void buffers_free(struct buffers *b);

/** The buffers, count of them. */
const struct buffer *buffers_array(const struct buffers *b);

/** Map the same memory for another device instead; -errno leaves nothing mapped. */
int buffers_remap(struct buffers *b, struct dad_dma_dev *dma);

/** Take them back from the device. */
void buffers_unmap(struct buffers *b);

/** The CPU looks at buffer i, or gives it back. */
void buffers_for_cpu(const struct buffers *b, uint32_t i);
void buffers_for_device(const struct buffers *b, uint32_t i);

#endif /* TESTDMA_BUFFERS_H */
