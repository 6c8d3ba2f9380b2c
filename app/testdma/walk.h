/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTDMA_WALK_H
#define TESTDMA_WALK_H

/**
 * @file
 * A working set of sources and destinations, and the order in which they are visited: each once
 * in a lap, not one beside the next. Devices and the CPU walk the same one.
 */

#include <stdbool.h>
#include <stdint.h>

#include "buffers.h"
#include "op.h"

struct walk {
	uint32_t size;
	uint32_t count; /**< steps of a lap, a power of two */
	struct buffers *src, *dst;
	rte_iova_t *src_addr, *dst_addr; /**< by step, for the device it is mapped for */
	void **src_va, **dst_va;	 /**< by step, for the CPU */
};

/**
 * @param bytes   of sources and destinations together; less than one buffer of each is not made
 * @param offset  destinations are so far behind where sources are, modulo pages of 4 KiB; 0: they
 *                are where they are
 * @return 0 or -errno
 */
int walk_create(struct walk *w, uint64_t bytes, uint32_t size, uint32_t offset, int socket_id);
void walk_free(struct walk *w);

/** Map for a device. @return 0 or -errno */
int walk_map(struct walk *w, struct dad_dma_dev *dma);

/** Take all mappings back. */
void walk_unmap(struct walk *w);

/** Spoil the destinations of every stride-th step for an operation, with that byte for fill. */
void walk_arm(const struct walk *w, enum op op, uint8_t fill, uint32_t stride);

/** Check those of them that were among the first done steps. @return how many are wrong */
uint32_t walk_check(const struct walk *w, enum op op, uint8_t fill, uint32_t stride, uint64_t done,
	const char *who, uint64_t *checked);

#endif /* TESTDMA_WALK_H */
