/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include "iova_fit.h"
#include "iova_tree.h"

/* A treap: a search tree by start, a heap by random rank, and so of logarithmic depth. */
struct node {
	uint64_t start; /* what is taken: [start, end) */
	uint64_t end;
	uint64_t gap;	  /* free granules right below start */
	uint64_t max_gap; /* the largest gap in this subtree */
	struct node *left;
	struct node *right; /* in the list of unused nodes: the next one */
	uint32_t rank;
};

#define CHUNK_NODES 255u

struct chunk {
	struct chunk *next;
	struct node nodes[CHUNK_NODES];
};

struct iova_tree {
	struct node *root; /* never empty: the end of the range is a node, of no granules */
	struct node *unused;
	struct chunk *chunks;
	uint64_t first;
	uint32_t random;
};

static void
update(struct node *node)
{
	uint64_t max = node->gap;

	if (node->left != NULL && node->left->max_gap > max)
		max = node->left->max_gap;
	if (node->right != NULL && node->right->max_gap > max)
		max = node->right->max_gap;
	node->max_gap = max;
}

/* All nodes that start below key to the left, the others to the right. */
static void
split(struct node *node, uint64_t key, struct node **left, struct node **right)
{
	if (node == NULL) {
		*left = *right = NULL;
		return;
	}
	if (node->start < key) {
		split(node->right, key, &node->right, right);
		*left = node;
	} else {
		split(node->left, key, left, &node->left);
		*right = node;
	}
	update(node);
}

/* All of left starts below all of right. */
static struct node *
join(struct node *left, struct node *right)
{
	if (left == NULL)
		return right;
	if (right == NULL)
		return left;
	if (left->rank > right->rank) {
		left->right = join(left->right, right);
		update(left);
		return left;
	}
	right->left = join(left, right->left);
	update(right);
	return right;
}

static struct node *
insert(struct node *node, struct node *fresh)
{
	if (node == NULL || fresh->rank > node->rank) {
		split(node, fresh->start, &fresh->left, &fresh->right);
		update(fresh);
		return fresh;
	}
	if (fresh->start < node->start)
		node->left = insert(node->left, fresh);
	else
		node->right = insert(node->right, fresh);
	update(node);
	return node;
}

static struct node *
erase(struct node *node, const struct node *old)
{
	if (node == old)
		return join(node->left, node->right);
	if (old->start < node->start)
		node->left = erase(node->left, old);
	else
		node->right = erase(node->right, old);
	update(node);
	return node;
}

/* Of the node that starts there. */
static void
set_gap(struct node *node, uint64_t start, uint64_t gap)
{
	if (start < node->start)
		set_gap(node->left, start, gap);
	else if (start > node->start)
		set_gap(node->right, start, gap);
	else
		node->gap = gap;
	update(node);
}

/* The first node that starts at or behind key; there is one up to the end of the range. */
static struct node *
at_or_behind(const struct iova_tree *tree, uint64_t key)
{
	struct node *node = tree->root, *best = NULL;

	while (node != NULL) {
		if (node->start >= key) {
			best = node;
			node = node->left;
		} else {
			node = node->right;
		}
	}
	return best;
}

static struct node *
node_get(struct iova_tree *tree)
{
	if (tree->unused == NULL) {
		struct chunk *chunk = calloc(1, sizeof(*chunk));

		if (chunk == NULL)
			return NULL;
		chunk->next = tree->chunks;
		tree->chunks = chunk;
		for (unsigned int i = 0; i < CHUNK_NODES; i++) {
			chunk->nodes[i].right = tree->unused;
			tree->unused = &chunk->nodes[i];
		}
	}
	struct node *node = tree->unused;
	tree->unused = node->right;
	/* xorshift: any will do that does not follow the addresses */
	tree->random ^= tree->random << 13;
	tree->random ^= tree->random >> 17;
	tree->random ^= tree->random << 5;
	node->rank = tree->random;
	return node;
}

static void
node_put(struct iova_tree *tree, struct node *node)
{
	node->right = tree->unused;
	tree->unused = node;
}

struct iova_tree *
iova_tree_create(uint64_t first, uint64_t n)
{
	struct iova_tree *tree = calloc(1, sizeof(*tree));

	if (tree == NULL)
		return NULL;
	tree->first = first;
	tree->random = 2463534242u;
	struct node *end = node_get(tree);
	if (end == NULL) {
		free(tree);
		return NULL;
	}
	*end = (struct node){.start = first + n, .end = first + n, .gap = n, .rank = end->rank};
	update(end);
	tree->root = end;
	return tree;
}

void
iova_tree_destroy(struct iova_tree *tree)
{
	if (tree == NULL)
		return;
	while (tree->chunks != NULL) {
		struct chunk *chunk = tree->chunks;

		tree->chunks = chunk->next;
		free(chunk);
	}
	free(tree);
}

/* From the top down, through subtrees with a gap of at least this many. */
static uint64_t
search(const struct node *node, uint64_t least, uint64_t n, uint64_t align, uint64_t min,
	uint64_t max)
{
	while (node != NULL && node->max_gap >= least) {
		if (node->end <= max) {
			uint64_t found = search(node->right, least, n, align, min, max);

			if (found != IOVA_NONE)
				return found;
		}
		if (node->gap >= least) {
			uint64_t found =
				iova_fit(node->start - node->gap, node->start, n, align, min, max);

			if (found != IOVA_NONE)
				return found;
		}
		if (node->start - node->gap <= min)
			break;
		node = node->left;
	}
	return IOVA_NONE;
}

uint64_t
iova_tree_find(const struct iova_tree *tree, uint64_t n, uint64_t align, uint64_t min_start,
	uint64_t max_start)
{
	/* A gap of this size holds an aligned run wherever it lies: logarithmic. Without such a
	 * gap every smaller one has to be tried. */
	uint64_t ample = n + align - 1;
	uint64_t found = IOVA_NONE;

	if (ample > n)
		found = search(tree->root, ample, n, align, min_start, max_start);
	if (found == IOVA_NONE)
		found = search(tree->root, n, n, align, min_start, max_start);
	return found;
}

bool
iova_tree_is_free(const struct iova_tree *tree, uint64_t start, uint64_t n)
{
	/* The node that could overlap from below is seen as the lower edge of the gap. */
	const struct node *next = at_or_behind(tree, start);

	return next->start - next->gap <= start && n <= next->start - start;
}

int
iova_tree_take(struct iova_tree *tree, uint64_t start, uint64_t n)
{
	struct node *fresh = node_get(tree);

	if (fresh == NULL)
		return -ENOMEM;
	const struct node *next = at_or_behind(tree, start + n);
	uint64_t below = next->start - next->gap;

	fresh->start = start;
	fresh->end = start + n;
	fresh->gap = start - below;
	set_gap(tree->root, next->start, next->start - fresh->end);
	tree->root = insert(tree->root, fresh);
	return 0;
}

bool
iova_tree_give(struct iova_tree *tree, uint64_t start, uint64_t n)
{
	struct node *old = at_or_behind(tree, start);

	if (n == 0 || old == NULL || old->start != start || old->end != start + n)
		return false;
	tree->root = erase(tree->root, old);
	const struct node *next = at_or_behind(tree, start);
	set_gap(tree->root, next->start, next->gap + n + old->gap);
	node_put(tree, old);
	return true;
}

uint64_t
iova_tree_free_head(const struct iova_tree *tree)
{
	return at_or_behind(tree, tree->first)->gap;
}
