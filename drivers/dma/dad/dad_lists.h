/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DAD_LISTS_H
#define DAD_LISTS_H

/* Scatter lists, as an enqueue writes them: source entries, then destination entries. */

#include "dad_vchan.h"

/* For the descriptor. */
struct dad_lists {
	uint64_t word;	 /* DAD_SG_WORD */
	uint32_t length; /* bytes; of lists of 4 GiB and more as many as fit */
};

static inline bool
dad_lists_wraps(const struct rte_dma_sge *sge)
{
	const uint64_t end = sge->addr + sge->length;

	return end < sge->addr && end != 0;
}

static inline uint64_t
dad_lists_put_one(
	struct dad_vchan *vc, uint64_t at, const struct rte_dma_sge *list, uint16_t n, bool *wraps)
{
	uint64_t bytes = 0;

	for (uint16_t i = 0; i < n; i++) {
		struct dad_sge *to = dad_vchan_sge(vc, at + i);

		/* relaxed: who completes may look, is overtaken meanwhile, and looks at the next
		 * lap's */
		__atomic_store_n(&to->addr, list[i].addr, __ATOMIC_RELAXED);
		to->length = list[i].length;
		bytes += list[i].length;
		*wraps |= dad_lists_wraps(&list[i]);
	}
	return bytes;
}

/* Write both to the entries from sge ticket `at` on. What is wrong with them is found here, where
 * each entry is in hand anyway, and told later, by a status. */
static inline struct dad_lists
dad_lists_put(struct dad_vchan *vc, uint64_t at, const struct rte_dma_sge *src,
	const struct rte_dma_sge *dst, uint16_t nb_src, uint16_t nb_dst)
{
	bool wraps = false;
	const uint64_t from = dad_lists_put_one(vc, at, src, nb_src, &wraps);
	const uint64_t to = dad_lists_put_one(vc, at + nb_src, dst, nb_dst, &wraps);

	return (struct dad_lists){
		.word = DAD_SG_WORD(nb_src, nb_dst, from == to && !wraps),
		.length = (uint32_t)RTE_MIN(from, (uint64_t)UINT32_MAX),
	};
}

/* Of 4 GiB and more: a descriptor's length is too short to tell. */
static inline bool
dad_lists_are_huge(const struct dad_desc *desc)
{
	return desc->length == UINT32_MAX;
}

/* Of any operation; of huge lists, the sum. */
static inline uint64_t
dad_lists_bytes(const struct dad_vchan *vc, const struct dad_desc *desc)
{
	uint64_t bytes = 0;

	if (!dad_lists_are_huge(desc) || (desc->opcode & DAD_OP_MASK) != DAD_OP_SG)
		return desc->length;
	for (unsigned int i = 0; i < dad_sg_nb_src(desc); i++)
		bytes += dad_vchan_sge(vc, desc->src + 1 + i)->length;
	return bytes;
}

#endif /* DAD_LISTS_H */
