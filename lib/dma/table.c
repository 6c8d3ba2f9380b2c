/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>

#include "table.h"

struct dad_dma_table *
table_create(void)
{
	/* 2 MiB of pointers, of which the kernel gives pages only for those touched */
	return calloc(1, sizeof(struct dad_dma_table));
}

void
table_free(struct dad_dma_table *table)
{
	if (table == NULL)
		return;
	for (unsigned int i = 0; i < DAD_DMA_LEAVES; i++) {
		struct dad_dma_leaf *leaf = table->leaf[i];

		if (leaf == NULL)
			continue;
		for (unsigned int unit = 0; unit < DAD_DMA_UNITS; unit++)
			free(leaf->page[unit]);
		free(leaf);
	}
	free(table);
}

static void
put(uint64_t *word, uint64_t value)
{
	/* W1: pairs with the acquires in dad_dma_table_find() */
	__atomic_store_n(word, value, __ATOMIC_RELEASE);
}

static struct dad_dma_leaf *
leaf_of(struct dad_dma_table *table, uint64_t key)
{
	struct dad_dma_leaf **slot = &table->leaf[key >> DAD_DMA_LEAF_SHIFT];

	if (*slot == NULL) {
		struct dad_dma_leaf *leaf = calloc(1, sizeof(*leaf));

		if (leaf == NULL)
			return NULL;
		/* L1: pairs with the acquire in dad_dma_table_find() */
		__atomic_store_n(slot, leaf, __ATOMIC_RELEASE);
	}
	return *slot;
}

/* The page words of a unit; a unit that was one word is spread over them first. */
static uint64_t *
pages_of(struct dad_dma_leaf *leaf, unsigned int unit)
{
	uint64_t word = leaf->unit[unit];

	if (word & DAD_DMA_WORD_PAGED)
		return leaf->page[unit];
	if (leaf->page[unit] == NULL) {
		leaf->page[unit] = calloc(DAD_DMA_PAGES, sizeof(uint64_t));
		if (leaf->page[unit] == NULL)
			return NULL;
	}
	for (unsigned int page = 0; page < DAD_DMA_PAGES; page++)
		put(&leaf->page[unit][page],
			word == 0 ? 0 : word + ((uint64_t)page << DAD_DMA_PAGE_SHIFT));
	put(&leaf->unit[unit], DAD_DMA_WORD_PAGED);
	return leaf->page[unit];
}

/* One unit or a part of it; first is the word for its first page, 0 makes it absent. */
static int
write_unit(struct dad_dma_leaf *leaf, uint64_t key, uint64_t first, uint64_t len)
{
	unsigned int unit = (key >> DAD_DMA_UNIT_SHIFT) & (DAD_DMA_UNITS - 1);

	if (len == DAD_DMA_UNIT_SIZE) {
		put(&leaf->unit[unit], first);
		return 0;
	}
	uint64_t *pages = pages_of(leaf, unit);
	if (pages == NULL)
		return -ENOMEM;

	unsigned int page = (key >> DAD_DMA_PAGE_SHIFT) & (DAD_DMA_PAGES - 1);
	for (uint64_t done = 0; done < len; done += DAD_DMA_PAGE_SIZE)
		put(&pages[page++], first == 0 ? 0 : first + done);
	return 0;
}

/* The part of [key, key + len) that lies in key's unit. */
static uint64_t
part_in_unit(uint64_t key, uint64_t len)
{
	uint64_t room = DAD_DMA_UNIT_SIZE - (key & (DAD_DMA_UNIT_SIZE - 1));

	return len < room ? len : room;
}

int
table_set(struct dad_dma_table *table, uint64_t key, uint64_t address, uint64_t len)
{
	if ((key >> DAD_DMA_KEY_BITS) != 0 || ((key + len - 1) >> DAD_DMA_KEY_BITS) != 0)
		return -ERANGE;
	while (len > 0) {
		uint64_t part = part_in_unit(key, len);
		struct dad_dma_leaf *leaf = leaf_of(table, key);
		int ret = leaf == NULL
			? -ENOMEM
			: write_unit(leaf, key, address | DAD_DMA_WORD_PRESENT, part);

		if (ret != 0)
			return ret;
		key += part;
		address += part;
		len -= part;
	}
	return 0;
}

int
table_clear(struct dad_dma_table *table, uint64_t key, uint64_t len)
{
	while (len > 0 && (key >> DAD_DMA_KEY_BITS) == 0) {
		uint64_t part = part_in_unit(key, len);
		struct dad_dma_leaf *leaf = table->leaf[key >> DAD_DMA_LEAF_SHIFT];

		if (leaf != NULL) {
			int ret = write_unit(leaf, key, 0, part);

			if (ret != 0)
				return ret;
		}
		key += part;
		len -= part;
	}
	return 0;
}

uint64_t
table_lowest(const struct dad_dma_table *table)
{
	for (uint64_t i = 0; i < DAD_DMA_LEAVES; i++) {
		const struct dad_dma_leaf *leaf = table->leaf[i];

		for (uint64_t unit = 0; leaf != NULL && unit < DAD_DMA_UNITS; unit++) {
			uint64_t base = (i << DAD_DMA_LEAF_SHIFT) | (unit << DAD_DMA_UNIT_SHIFT);
			uint64_t contig;

			if (leaf->unit[unit] == 0)
				continue;
			for (uint64_t at = 0; at < DAD_DMA_UNIT_SIZE; at += DAD_DMA_PAGE_SIZE)
				if (dad_dma_table_find(table, base + at, &contig) != DAD_DMA_ABSENT)
					return base + at;
		}
	}
	return DAD_DMA_ABSENT;
}
