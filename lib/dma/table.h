/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TABLE_H
#define TABLE_H

/* The writing side of dad_dma_table.h. Writers exclude each other by a lock of the caller. */

#include "dad_dma_table.h"

/* An empty table, or NULL. */
struct dad_dma_table *table_create(void);

/* Free it; nobody reads any more. */
void table_free(struct dad_dma_table *table);

/* Make [key, key + len) answer with [address, address + len). All three are multiples of 4 KiB, but
 * flags (bits 2 to 11) may be in address. Returns 0, -ERANGE (a key of 2^48 or more) or -ENOMEM; a
 * failed call may have set a part. */
int table_set(struct dad_dma_table *table, uint64_t key, uint64_t address, uint64_t len);

/* The same with a word of any kind that has DAD_DMA_WORD_PRESENT and not ..._PAGED, to which step
 * is added from page to page. */
int table_fill(
	struct dad_dma_table *table, uint64_t key, uint64_t word, uint64_t step, uint64_t len);

/* Make [key, key + len) absent; what is absent already stays so. step as it was filled with, or
 * 4096 after table_set(). Returns 0 or -ENOMEM (splitting a unit; the range stays present then). */
int table_clear_step(struct dad_dma_table *table, uint64_t key, uint64_t step, uint64_t len);

static inline int
table_clear(struct dad_dma_table *table, uint64_t key, uint64_t len)
{
	return table_clear_step(table, key, DAD_DMA_PAGE_SIZE, len);
}

/* The word of key's unit or page, 0 if it is absent. *size becomes that of the unit or page, or of
 * what is absent with it: a whole leaf perhaps. */
static inline uint64_t
table_word(const struct dad_dma_table *table, uint64_t key, uint64_t *size)
{
	*size = UINT64_C(1) << DAD_DMA_LEAF_SHIFT;
	if ((key >> DAD_DMA_KEY_BITS) != 0)
		return 0;
	/* L1, W1: as in dad_dma_table_find() */
	const struct dad_dma_leaf *leaf =
		__atomic_load_n(&table->leaf[key >> DAD_DMA_LEAF_SHIFT], __ATOMIC_ACQUIRE);
	if (leaf == NULL)
		return 0;
	*size = DAD_DMA_UNIT_SIZE;
	unsigned int unit = (key >> DAD_DMA_UNIT_SHIFT) & (DAD_DMA_UNITS - 1);
	uint64_t word = __atomic_load_n(&leaf->unit[unit], __ATOMIC_ACQUIRE);

	if (word & DAD_DMA_WORD_PAGED) {
		*size = DAD_DMA_PAGE_SIZE;
		uint64_t page = (key >> DAD_DMA_PAGE_SHIFT) & (DAD_DMA_PAGES - 1);
		word = __atomic_load_n(&leaf->page[unit][page], __ATOMIC_ACQUIRE);
	}
	return word;
}

/* The lowest present key, from one on, whose word has at most most in these flags, or
 * DAD_DMA_ABSENT. No flags: any word. */
uint64_t table_lowest(
	const struct dad_dma_table *table, uint64_t from, uint64_t flags, uint64_t most);

/* The highest present byte of such a word, or DAD_DMA_ABSENT. */
uint64_t table_highest(const struct dad_dma_table *table, uint64_t flags, uint64_t most);

#endif /* TABLE_H */
