/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DAD_DESC_H
#define DAD_DESC_H

/*
 * What lies in coherent memory: descriptors and scatter lists. Bits only, and no pointers.
 *
 * A ring slot is named by a ticket, a free-running 64-bit position: slot = ticket mod size,
 * lap = ticket div size. The vchan's ring index that applications see is the ticket's low 16 bits.
 *
 * Operations are handed over in groups: neighbours of one batch that one worker does together. Two
 * arrays beside the descriptors have a tag, one byte, for each slot, as the rings of lib/ring have
 * (ring_core.h): filled[] is written by the submitter, emptied[] by workers. A tag says of which
 * lap it is, and by its flags, if filled, how the operation continues what is before it, if
 * emptied, whether it has failed.
 *
 *         rte_dma_copy          rte_dma_submit               a worker         rte_dma_completed
 *   FREE ──────────────► written ────────────► SUBMITTED ──────────────► DONE ──────────────► FREE
 *                             filled[]: lap, kind         emptied[]: lap, failed
 *
 * So a group is handed over and taken back by a few stores, whatever its length, and what one side
 * polls is never in a line with what it writes. A slot is free again when its completion was
 * reaped; nothing is written for that.
 */

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include "ring_core.h"

enum dad_opcode {
	DAD_OP_COPY = 0, /* src, dst, length */
	DAD_OP_FILL = 1, /* src is the pattern, of which byte 0 comes first */
	DAD_OP_SG = 2,	 /* src: sge ticket of the list's header; dst: DAD_SG_WORD */
};

#define DAD_OP_MASK	 3
#define DAD_OP_PAST	 0x10 /* so large that it is moved past the caches, but for DAD_OP_LLC */
#define DAD_OP_LLC	 0x20 /* the destination shall be in the cache; of large ones only */
#define DAD_OP_AUTO_FREE 0x40 /* the source goes back to the vchan's mempool */
#define DAD_OP_FOREIGN	 0x80 /* of another process than the primary: no addresses but EAL's */

struct dad_desc {
	uint64_t src;
	uint64_t dst;
	union {
		uint64_t word; /* DAD_DESC_WORD: one store for all of these */
		struct {
			uint32_t length;
			uint8_t opcode;
			uint8_t status; /* an rte_dma_status_code; a worker writes it if not 0 */
			uint16_t reserved;
		};
	};
	/* in the first descriptor of a group; the submitter's notes */
	uint16_t group; /* operations in it */
	uint16_t depth; /* operations before it in its batch; and DAD_DEPTH_FENCE */
	uint32_t reserved2;
};

static_assert(sizeof(struct dad_desc) == 32, "two descriptors a cache line");
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "DAD_DESC_WORD");

#define DAD_DESC_WORD(opcode, length) ((uint64_t)(opcode) << 32 | (uint32_t)(length))

/* What is left of a plain copy's word is its length, whoever enqueued it; of others it is more than
 * 32 bits. */
#define DAD_DESC_COPY_MASK (~DAD_DESC_WORD(DAD_OP_FOREIGN, 0))

/* The group starts only when all operations before it are done. */
#define DAD_DEPTH_FENCE 0x8000
#define DAD_DEPTH_MASK	0x7fff

/* An entry of a scatter list. Each list starts with a header: its descriptor's ticket, its length.
 */
struct dad_sge {
	uint64_t addr;
	uint32_t length;
	uint32_t reserved;
};

static_assert(sizeof(struct dad_sge) == 16, "as struct rte_dma_sge");

/* What a descriptor says of its lists: how many entries, and whether they match: their sums are the
 * same, and no entry wraps. */
#define DAD_SG_WORD(nb_src, nb_dst, match)                                                         \
	((uint64_t)(match) << 32 | (uint64_t)(nb_dst) << 16 | (nb_src))

static inline unsigned int
dad_sg_nb_src(const struct dad_desc *desc)
{
	return desc->dst & 0xffff;
}

static inline unsigned int
dad_sg_nb_dst(const struct dad_desc *desc)
{
	return desc->dst >> 16 & 0xffff;
}

static inline bool
dad_sg_match(const struct dad_desc *desc)
{
	return desc->dst >> 32;
}

/* How an operation continues what is before it: the flags of a filled tag. */
enum dad_kind {
	DAD_KIND_SAME = 0,		 /* in the same group */
	DAD_KIND_GROUP = RING_TAG_FLAG1, /* a group starts */
	DAD_KIND_BATCH = RING_TAG_FLAG2, /* a batch starts */
	/* a group starts, and all before it must be done: see its depth */
	DAD_KIND_FENCE = RING_TAG_FLAG1 | RING_TAG_FLAG2,
};

#define DAD_KIND_MASK (RING_TAG_FLAG1 | RING_TAG_FLAG2)

/* A flag of an emptied tag: look at the status. */
#define DAD_TAG_FAILED RING_TAG_FLAG1

/* Relaxed: with mt=1 who completes may look, is overtaken meanwhile, and looks at the next lap's.
 */
static inline void
dad_desc_set_status(struct dad_desc *desc, uint8_t status)
{
	__atomic_store_n(&desc->status, status, __ATOMIC_RELAXED);
}

#endif /* DAD_DESC_H */
