/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stddef.h>

#include "iova_fit.h"
#include "iova_space.h"

int
iova_space_init(struct iova_space *space, uint64_t first, uint64_t end, uint64_t border)
{
	*space = (struct iova_space){.first = first, .end = end, .border = border};
	if (first < border) {
		space->low = iova_bitmap_create(first, (end < border ? end : border) - first);
		if (space->low == NULL)
			return -ENOMEM;
	}
	if (end > border) {
		uint64_t from = first > border ? first : border;

		space->high = iova_tree_create(from, end - from);
		if (space->high == NULL) {
			iova_bitmap_destroy(space->low);
			return -ENOMEM;
		}
	}
	return 0;
}

void
iova_space_fini(struct iova_space *space)
{
	iova_bitmap_destroy(space->low);
	iova_tree_destroy(space->high);
}

/* How many of n granules from start on lie below the border. */
static uint64_t
part_below(const struct iova_space *space, uint64_t start, uint64_t n)
{
	if (start >= space->border)
		return 0;
	return space->border - start < n ? space->border - start : n;
}

/* They are free. */
static int
take(struct iova_space *space, uint64_t start, uint64_t n)
{
	uint64_t low = part_below(space, start, n);

	if (n > low) {
		int ret = iova_tree_take(space->high, start + low, n - low);

		if (ret != 0)
			return ret;
	}
	if (low > 0)
		iova_bitmap_take(space->low, start, low);
	space->taken += n;
	if (space->taken > space->most_taken)
		space->most_taken = space->taken;
	return 0;
}

int
iova_space_take(struct iova_space *space, uint64_t n, uint64_t align, uint64_t min_start,
	uint64_t max_start, uint64_t *start)
{
	uint64_t at = IOVA_NONE;

	/* who can reach above leaves what is below to those who cannot */
	if (space->high != NULL && max_start >= space->border)
		at = iova_tree_find(space->high, n, align, min_start, max_start);
	if (at == IOVA_NONE && space->low != NULL)
		at = iova_bitmap_find(space->low, n, align, min_start, max_start);
	if (at == IOVA_NONE && space->low != NULL && space->high != NULL)
		at = iova_fit(space->border - iova_bitmap_free_tail(space->low),
			space->border + iova_tree_free_head(space->high), n, align, min_start,
			max_start);
	if (at == IOVA_NONE)
		return -ENOSPC;
	*start = at;
	return take(space, at, n);
}

int
iova_space_take_at(struct iova_space *space, uint64_t start, uint64_t n)
{
	uint64_t low = part_below(space, start, n);

	if (low > 0 && !iova_bitmap_is_free(space->low, start, low))
		return -EBUSY;
	if (n > low && !iova_tree_is_free(space->high, start + low, n - low))
		return -EBUSY;
	return take(space, start, n);
}

bool
iova_space_give(struct iova_space *space, uint64_t start, uint64_t n)
{
	uint64_t low = part_below(space, start, n);

	if (low > 0 && !iova_bitmap_is_taken(space->low, start, low))
		return false;
	if (n > low && !iova_tree_give(space->high, start + low, n - low))
		return false;
	if (low > 0)
		iova_bitmap_give(space->low, start, low);
	space->taken -= n;
	return true;
}
