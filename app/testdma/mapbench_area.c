/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>

#include <rte_common.h>
#include <rte_malloc.h>

#include "clamp.h"
#include "mapbench.h"

/* What the heap puts before each block. */
#define HEAP_HEADER 128u

/* The same order in every run. */
static void
shuffle(void **va, uint32_t count)
{
	uint64_t x = 0x9e3779b97f4a7c15;

	for (uint32_t i = count - 1; i > 0; i--) {
		x = x * 6364136223846793005 + 1442695040888963407;
		uint32_t j = (x >> 32) % (i + 1);
		void *kept = va[i];

		va[i] = va[j];
		va[j] = kept;
	}
}

int
map_area_create(struct map_area *area, uint32_t count, uint32_t size, uint64_t bytes)
{
	const uint64_t align = RTE_MAX(rte_align32pow2(size), (uint32_t)RTE_CACHE_LINE_SIZE);
	const uint64_t least = RTE_ALIGN_CEIL(size + HEAP_HEADER, align);

	*area = (struct map_area){0};
	count = clamp(bytes / least, 1, count);
	/*
	 * With its header a block takes a multiple of its alignment: no gap remains between blocks,
	 * and EAL's allocations that are measured later find a heap in good order. The multiple is
	 * odd: at a power of two apart, all would share few sets of the cache.
	 */
	uint64_t times = bytes / count / align;
	uint64_t length = RTE_MAX(((times - 1) | 1) * align, least) - HEAP_HEADER;

	area->va = calloc(count, sizeof(*area->va));
	if (area->va == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++) {
		/* aligned to at least its size, a buffer does not cross a hugepage */
		area->va[i] = rte_malloc(NULL, length, align);
		if (area->va[i] == NULL) {
			map_area_free(area);
			return -ENOMEM;
		}
		area->count++;
		/* there, and with a byte of its own */
		for (uint32_t at = 0; at < size; at++)
			((uint8_t *)area->va[i])[at] = i;
	}
	shuffle(area->va, count);
	return 0;
}

void
map_area_free(struct map_area *area)
{
	while (area->count > 0)
		rte_free(area->va[--area->count]);
	free(area->va);
	area->va = NULL;
}
