/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DAD_DMA_TABLE_H
#define DAD_DMA_TABLE_H

/**
 * @file
 * The translation table: where the 4 KiB pages of one address space lie in another.
 *
 * Two levels: 1 GiB a leaf, 2 MiB a unit. A unit that is contiguous on the other side is one word,
 * so that one load answers for 2 MiB; one that is not has 512 words, one a page. A domain has two
 * tables, virtual → IOVA and IOVA → virtual. Keys of 2^48 and more are never present.
 *
 * **Threads.** Readers take no lock. A word changes from absent to present and back as a whole;
 * leaves and page arrays stay until the table is freed. Memory that goes away while somebody is
 * about to use it breaks the rules of every DMA API; a table cannot mend that.
 *
 * **Who uses it.** Software that plays the device (a PMD that moves the bytes with the CPU) needs
 * the lookup inline. Everybody else calls dad_dma_virt_to_bus() and dad_dma_bus_to_virt(), which
 * also know the external memory that EAL does not announce.
 */

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DAD_DMA_KEY_BITS   48
#define DAD_DMA_LEAF_SHIFT 30
#define DAD_DMA_UNIT_SHIFT 21
#define DAD_DMA_PAGE_SHIFT 12

#define DAD_DMA_LEAVES	  (1u << (DAD_DMA_KEY_BITS - DAD_DMA_LEAF_SHIFT))
#define DAD_DMA_UNITS	  (1u << (DAD_DMA_LEAF_SHIFT - DAD_DMA_UNIT_SHIFT))
#define DAD_DMA_PAGES	  (1u << (DAD_DMA_UNIT_SHIFT - DAD_DMA_PAGE_SHIFT))
#define DAD_DMA_UNIT_SIZE (UINT64_C(1) << DAD_DMA_UNIT_SHIFT)
#define DAD_DMA_PAGE_SIZE (UINT64_C(1) << DAD_DMA_PAGE_SHIFT)

/* A word: the other side's address of the unit's or page's first byte (4 KiB aligned), and flags.
 * The flags that are not named here are the library's own. */
#define DAD_DMA_WORD_PRESENT UINT64_C(1)
#define DAD_DMA_WORD_PAGED   UINT64_C(2) /* in units only: see page[] */
#define DAD_DMA_WORD_FLAGS   (DAD_DMA_PAGE_SIZE - 1)

/** What a lookup returns for a key that is not in the table. */
#define DAD_DMA_ABSENT (~UINT64_C(0))

struct dad_dma_leaf {
	uint64_t unit[DAD_DMA_UNITS];
	uint64_t *page[DAD_DMA_UNITS]; /**< DAD_DMA_PAGES words, or NULL where never needed */
};

struct dad_dma_table {
	struct dad_dma_leaf *leaf[DAD_DMA_LEAVES];
	/** the writers': leaves lie in [first_leaf, end_leaf). Not all pointers have to be read, of
	 * which most lie in pages that were never touched */
	uint32_t first_leaf, end_leaf;
	uint64_t span; /**< see dad_dma_table_span(): first unit, and how many */
};

/** A stretch of keys that are their own addresses; len 0: none is known. */
struct dad_dma_span {
	uint64_t first, len; /**< multiples of DAD_DMA_UNIT_SIZE */
};

struct dad_dma_domain;

/**
 * The domain's table from IOVAs to virtual addresses; it lives as long as the domain. It knows no
 * rights: a device in software that shall be checked asks dad_soft_dma_translate().
 */
#pragma GCC visibility push(default)
const struct dad_dma_table *dad_dma_domain_reverse(const struct dad_dma_domain *domain);
#pragma GCC visibility pop

#define DAD_DMA_SPAN_BITS (DAD_DMA_KEY_BITS - DAD_DMA_UNIT_SHIFT)

/**
 * A long stretch of units that are all present, and their own addresses, as EAL's memory is where
 * IOVAs are virtual addresses. Who looks many keys up asks first whether they lie in it: that is
 * two comparisons. It holds as long as what a look-up says.
 */
static inline struct dad_dma_span
dad_dma_table_span(const struct dad_dma_table *table)
{
	/* W2: pairs with the release in put_span(), table.c: the units are present */
	const uint64_t word = __atomic_load_n(&table->span, __ATOMIC_ACQUIRE);
	const uint64_t units = word & ((UINT64_C(1) << DAD_DMA_SPAN_BITS) - 1);

	return (struct dad_dma_span){
		(word >> DAD_DMA_SPAN_BITS) << DAD_DMA_UNIT_SHIFT, units << DAD_DMA_UNIT_SHIFT};
}

/**
 * Look a key up.
 *
 * @param table   table
 * @param key     address in the table's own space
 * @param contig  set, if the key is present, to the bytes from key to the end of its unit or page
 * @return the address in the other space, or DAD_DMA_ABSENT
 */
static inline uint64_t
dad_dma_table_find(const struct dad_dma_table *table, uint64_t key, uint64_t *contig)
{
	uint64_t index = key >> DAD_DMA_LEAF_SHIFT;

	if (__builtin_expect(index >= DAD_DMA_LEAVES, 0))
		return DAD_DMA_ABSENT;
	/* L1: pairs with the release in leaf_of(), table.c: the leaf is zeroed */
	const struct dad_dma_leaf *leaf = __atomic_load_n(&table->leaf[index], __ATOMIC_ACQUIRE);
	if (__builtin_expect(leaf == NULL, 0))
		return DAD_DMA_ABSENT;

	unsigned int unit = (key >> DAD_DMA_UNIT_SHIFT) & (DAD_DMA_UNITS - 1);
	/* W1: pairs with the release in put(), table.c: for PAGED, the page array is there */
	uint64_t word = __atomic_load_n(&leaf->unit[unit], __ATOMIC_ACQUIRE);
	uint64_t offset = key & (DAD_DMA_UNIT_SIZE - 1);

	if (__builtin_expect(word & DAD_DMA_WORD_PRESENT, 1)) {
		*contig = DAD_DMA_UNIT_SIZE - offset;
		return (word & ~DAD_DMA_WORD_FLAGS) + offset;
	}
	if (!(word & DAD_DMA_WORD_PAGED))
		return DAD_DMA_ABSENT;
	word = __atomic_load_n(&leaf->page[unit][offset >> DAD_DMA_PAGE_SHIFT], __ATOMIC_ACQUIRE);
	if (!(word & DAD_DMA_WORD_PRESENT))
		return DAD_DMA_ABSENT;
	offset &= DAD_DMA_PAGE_SIZE - 1;
	*contig = DAD_DMA_PAGE_SIZE - offset;
	return (word & ~DAD_DMA_WORD_FLAGS) + offset;
}

#ifdef __cplusplus
}
#endif

#endif /* DAD_DMA_TABLE_H */
