/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IOVA_BITMAP_H
#define IOVA_BITMAP_H

/* Which of a fixed number of granules are free: one bit each, and one bit for 64 of those. It
 * allocates nothing after its creation. Not thread-safe. */

#include <stdbool.h>
#include <stdint.h>

struct iova_bitmap;

/* Granules first to first + n - 1, all free; NULL when out of memory. */
struct iova_bitmap *iova_bitmap_create(uint64_t first, uint64_t n);
void iova_bitmap_destroy(struct iova_bitmap *map);

/* The first of n free granules, a multiple of align (a power of two), from min_start to max_start;
 * or IOVA_NONE if there is no such run. Nothing is taken yet. */
uint64_t iova_bitmap_find(struct iova_bitmap *map, uint64_t n, uint64_t align, uint64_t min_start,
	uint64_t max_start);

/* Are all of the n granules from start on free, or all taken? They lie within the map. */
bool iova_bitmap_is_free(const struct iova_bitmap *map, uint64_t start, uint64_t n);
bool iova_bitmap_is_taken(const struct iova_bitmap *map, uint64_t start, uint64_t n);

/* Take what is free; give back what is taken. */
void iova_bitmap_take(struct iova_bitmap *map, uint64_t start, uint64_t n);
void iova_bitmap_give(struct iova_bitmap *map, uint64_t start, uint64_t n);

/* How many granules at the upper end of the map are free in one run, up to all. */
uint64_t iova_bitmap_free_tail(const struct iova_bitmap *map);

#endif /* IOVA_BITMAP_H */
