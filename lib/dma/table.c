/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <rte_common.h>

#include "table.h"

struct dad_dma_table *
table_create(void)
{
	/* 2 MiB of pointers, of which the kernel gives pages only for those touched: calloc() would
	 * touch them all, where it has freed that much before */
	void *table = mmap(NULL, sizeof(struct dad_dma_table), PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return table != MAP_FAILED ? table : NULL;
}

void
table_free(struct dad_dma_table *table)
{
	if (table == NULL)
		return;
	for (unsigned int i = table->first_leaf; i < table->end_leaf; i++) {
		struct dad_dma_leaf *leaf = table->leaf[i];

		if (leaf == NULL)
			continue;
		for (unsigned int unit = 0; unit < DAD_DMA_UNITS; unit++)
			free(leaf->page[unit]);
		free(leaf);
	}
	munmap(table, sizeof(*table));
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
	const uint32_t index = (uint32_t)(key >> DAD_DMA_LEAF_SHIFT);
	struct dad_dma_leaf **slot = &table->leaf[index];

	if (*slot == NULL) {
		struct dad_dma_leaf *leaf = calloc(1, sizeof(*leaf));

		if (leaf == NULL)
			return NULL;
		if (table->end_leaf == 0 || index < table->first_leaf)
			__atomic_store_n(&table->first_leaf, index, __ATOMIC_RELAXED);
		if (index >= table->end_leaf)
			__atomic_store_n(&table->end_leaf, index + 1, __ATOMIC_RELAXED);
		/* L1: pairs with the acquire in dad_dma_table_find() */
		__atomic_store_n(slot, leaf, __ATOMIC_RELEASE);
	}
	return *slot;
}

/* The page words of a unit; a unit that was one word is spread over them first. */
static uint64_t *
pages_of(struct dad_dma_leaf *leaf, unsigned int unit, uint64_t step)
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
		put(&leaf->page[unit][page], word == 0 ? 0 : word + page * step);
	put(&leaf->unit[unit], DAD_DMA_WORD_PAGED);
	return leaf->page[unit];
}

/* One unit or a part of it; first is the word for its first page, 0 makes it absent. */
static int
write_unit(struct dad_dma_leaf *leaf, uint64_t key, uint64_t first, uint64_t step, uint64_t len)
{
	unsigned int unit = (key >> DAD_DMA_UNIT_SHIFT) & (DAD_DMA_UNITS - 1);

	if (len == DAD_DMA_UNIT_SIZE) {
		put(&leaf->unit[unit], first);
		return 0;
	}
	if (first == 0 && leaf->unit[unit] == 0)
		return 0;
	uint64_t *pages = pages_of(leaf, unit, step);
	if (pages == NULL)
		return -ENOMEM;

	unsigned int page = (key >> DAD_DMA_PAGE_SHIFT) & (DAD_DMA_PAGES - 1);
	uint64_t n = len >> DAD_DMA_PAGE_SHIFT;
	for (uint64_t i = 0; i < n; i++)
		put(&pages[page + i], first == 0 ? 0 : first + i * step);
	return 0;
}

/* The part of [key, key + len) that lies in key's unit. */
static uint64_t
part_in_unit(uint64_t key, uint64_t len)
{
	uint64_t room = DAD_DMA_UNIT_SIZE - (key & (DAD_DMA_UNIT_SIZE - 1));

	return len < room ? len : room;
}

/* ---- the stretch of dad_dma_table_span() ------------------------------------------------------
 */

static void
put_span(struct dad_dma_table *table, uint64_t first, uint64_t end)
{
	const uint64_t units = (end - first) >> DAD_DMA_UNIT_SHIFT;

	/* W2: pairs with the acquire in dad_dma_table_span() */
	__atomic_store_n(&table->span, (first >> DAD_DMA_UNIT_SHIFT) << DAD_DMA_SPAN_BITS | units,
		__ATOMIC_RELEASE);
}

static uint64_t
unit_down(uint64_t key)
{
	return key & ~(DAD_DMA_UNIT_SIZE - 1);
}

/* A range is about to change: of a stretch it cuts through, the longer end stays. */
static void
cut_span(struct dad_dma_table *table, uint64_t key, uint64_t len)
{
	const struct dad_dma_span span = dad_dma_table_span(table);
	const uint64_t span_end = span.first + span.len;
	const uint64_t low_end = RTE_MAX(unit_down(key), span.first);
	const uint64_t high = RTE_MIN(unit_down(key + len - 1) + DAD_DMA_UNIT_SIZE, span_end);

	if (key >= span_end || key + len <= span.first)
		return;
	if (low_end - span.first >= span_end - high)
		put_span(table, span.first, low_end);
	else
		put_span(table, high, span_end);
}

static bool
is_own_address(const struct dad_dma_table *table, uint64_t unit)
{
	uint64_t size;
	const uint64_t word = table_word(table, unit, &size);

	return size == DAD_DMA_UNIT_SIZE && (word & DAD_DMA_WORD_PRESENT) &&
		(word & ~DAD_DMA_WORD_FLAGS) == unit;
}

/* A range has become its own addresses. Where it adjoins the stretch, that grows, and over what is
 * behind it as well; where it is longer, it takes its place. So each unit is looked at once,
 * however small the steps are in which memory comes. */
static void
grow_span(struct dad_dma_table *table, uint64_t key, uint64_t len)
{
	struct dad_dma_span span = dad_dma_table_span(table);
	uint64_t first = unit_down(key + DAD_DMA_UNIT_SIZE - 1), end = unit_down(key + len);

	if (end <= first)
		return;
	if (first <= span.first + span.len && end >= span.first && span.len > 0) {
		first = RTE_MIN(first, span.first);
		end = RTE_MAX(end, span.first + span.len);
	} else if (end - first <= span.len) {
		return;
	}
	while (first > 0 && is_own_address(table, first - DAD_DMA_UNIT_SIZE))
		first -= DAD_DMA_UNIT_SIZE;
	while (is_own_address(table, end))
		end += DAD_DMA_UNIT_SIZE;
	put_span(table, first, end);
}

/* ---- ranges -------------------------------------------------------------------------------- */

int
table_fill(struct dad_dma_table *table, uint64_t key, uint64_t word, uint64_t step, uint64_t len)
{
	if ((key >> DAD_DMA_KEY_BITS) != 0 || ((key + len - 1) >> DAD_DMA_KEY_BITS) != 0)
		return -ERANGE;
	cut_span(table, key, len);
	for (uint64_t at = key, left = len, part; left > 0; at += part, left -= part) {
		part = part_in_unit(at, left);
		struct dad_dma_leaf *leaf = leaf_of(table, at);
		int ret = leaf == NULL ? -ENOMEM : write_unit(leaf, at, word, step, part);

		if (ret != 0)
			return ret;
		word += (part >> DAD_DMA_PAGE_SHIFT) * step;
	}
	if (step == DAD_DMA_PAGE_SIZE && (word & ~DAD_DMA_WORD_FLAGS) == key + len)
		grow_span(table, key, len);
	return 0;
}

int
table_set(struct dad_dma_table *table, uint64_t key, uint64_t address, uint64_t len)
{
	return table_fill(table, key, address | DAD_DMA_WORD_PRESENT, DAD_DMA_PAGE_SIZE, len);
}

int
table_clear_step(struct dad_dma_table *table, uint64_t key, uint64_t step, uint64_t len)
{
	cut_span(table, key, len);
	while (len > 0 && (key >> DAD_DMA_KEY_BITS) == 0) {
		uint64_t part = part_in_unit(key, len);
		struct dad_dma_leaf *leaf = table->leaf[key >> DAD_DMA_LEAF_SHIFT];

		if (leaf != NULL) {
			int ret = write_unit(leaf, key, 0, step, part);

			if (ret != 0)
				return ret;
		}
		key += part;
		len -= part;
	}
	return 0;
}

/* The first key of a leaf; readers may come a leaf too early or too late, as for any word. */
static uint64_t
key_of_leaf(const uint32_t *index)
{
	return (uint64_t)__atomic_load_n(index, __ATOMIC_RELAXED) << DAD_DMA_LEAF_SHIFT;
}

static bool
is_such(uint64_t word, uint64_t flags, uint64_t most)
{
	return word != 0 && (word & flags) <= most;
}

uint64_t
table_lowest(const struct dad_dma_table *table, uint64_t from, uint64_t flags, uint64_t most)
{
	const uint64_t end = key_of_leaf(&table->end_leaf);
	uint64_t size;

	/* behind from, each key is a multiple of what begins there: a page, a unit or a leaf */
	for (uint64_t key = RTE_MAX(key_of_leaf(&table->first_leaf), from); key < end;
		key = (key & ~(size - 1)) + size)
		if (is_such(table_word(table, key, &size), flags, most))
			return key;
	return DAD_DMA_ABSENT;
}

uint64_t
table_highest(const struct dad_dma_table *table, uint64_t flags, uint64_t most)
{
	const uint64_t first = key_of_leaf(&table->first_leaf);
	uint64_t key = key_of_leaf(&table->end_leaf);

	while (key > first) {
		uint64_t size;

		/* key is a multiple of what lies below it: a page, a unit or a leaf */
		if (is_such(table_word(table, key - 1, &size), flags, most))
			return key - 1;
		key = (key - 1) & ~(size - 1);
	}
	return DAD_DMA_ABSENT;
}
