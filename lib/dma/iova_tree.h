/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IOVA_TREE_H
#define IOVA_TREE_H

/* The same as iova_bitmap.h where there are too many granules for a bit each: a balanced tree of
 * what is taken, which knows of every subtree the largest gap in it. Not thread-safe. */

#include <stdbool.h>
#include <stdint.h>

struct iova_tree;

/* Granules first to first + n - 1, all free; NULL when out of memory. */
struct iova_tree *iova_tree_create(uint64_t first, uint64_t n);
void iova_tree_destroy(struct iova_tree *tree);

/* As iova_bitmap_find(). */
uint64_t iova_tree_find(const struct iova_tree *tree, uint64_t n, uint64_t align,
	uint64_t min_start, uint64_t max_start);

/* Are all of the n granules from start on free? They lie within the tree. */
bool iova_tree_is_free(const struct iova_tree *tree, uint64_t start, uint64_t n);

/* Take what is free. 0 or -ENOMEM. */
int iova_tree_take(struct iova_tree *tree, uint64_t start, uint64_t n);

/* Give back what was taken in one piece. False, and nothing changed, if it was not. */
bool iova_tree_give(struct iova_tree *tree, uint64_t start, uint64_t n);

/* How many granules at the lower end of the tree are free in one run, up to all. */
uint64_t iova_tree_free_head(const struct iova_tree *tree);

#endif /* IOVA_TREE_H */
