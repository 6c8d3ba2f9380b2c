/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IOVA_SPACE_H
#define IOVA_SPACE_H

/* The granules that an IOVA allocator has: a bitmap below 4 GiB and a tree above, seen as one.
 * Granules are counted from address 0. Not thread-safe. */

#include <stdbool.h>
#include <stdint.h>

#include "iova_bitmap.h"
#include "iova_tree.h"

struct iova_space {
	uint64_t first;
	uint64_t end;
	uint64_t border;	 /* the granule at 4 GiB */
	struct iova_bitmap *low; /* NULL: nothing lies there */
	struct iova_tree *high;
	uint64_t taken;
	uint64_t most_taken;
};

/* Granules first to end - 1. 0 or -ENOMEM. */
int iova_space_init(struct iova_space *space, uint64_t first, uint64_t end, uint64_t border);
void iova_space_fini(struct iova_space *space);

/* Find a run as iova_bitmap_find() does, and take it. 0, -ENOSPC or -ENOMEM. */
int iova_space_take(struct iova_space *space, uint64_t n, uint64_t align, uint64_t min_start,
	uint64_t max_start, uint64_t *start);

/* Take these, which lie in the space. 0, -EBUSY or -ENOMEM. */
int iova_space_take_at(struct iova_space *space, uint64_t start, uint64_t n);

/* Give back what was taken. False, and nothing changed, if it was not. */
bool iova_space_give(struct iova_space *space, uint64_t start, uint64_t n);

#endif /* IOVA_SPACE_H */
