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
 * reaped; nothing is written for that. One more byte a slot, status[], is an rte_dma_status_code:
 * it is cleared before the operation is handed over, and a worker writes it if it is not 0.
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
		uint64_t word; /* the rest at once */
		struct {
			uint32_t length;
			uint8_t opcode;
			uint8_t reserved[3];
		};
	};
};

/*
 * The same in the ring, where it is half of that: what goes from core to core are lines, and so
 * there are four in each. Addresses have 47 bits, as those of programs on x86, and lengths 17; what
 * has more lies in its slot's cold part (struct dad_slot), and its length here is 0.
 */
struct dad_packed {
	uint64_t src; /* from bit 47 on: length */
	uint64_t dst; /* from bit 47 on: opcode */
};

#define DAD_LINE_DESCS 4
static_assert(sizeof(struct dad_packed) == 16, "four descriptors a cache line");
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "struct dad_desc: word");

#define DAD_PACKED_SHIFT      47
#define DAD_PACKED_ADDRESS    ((UINT64_C(1) << DAD_PACKED_SHIFT) - 1)
#define DAD_PACKED_LENGTH_MAX ((UINT32_C(1) << (64 - DAD_PACKED_SHIFT)) - 1)

/* What is left of dst is an address, if it is a plain copy, whoever enqueued it. */
#define DAD_PACKED_COPY_MASK (~((uint64_t)DAD_OP_FOREIGN << DAD_PACKED_SHIFT))

static inline bool
dad_packed_fits(uint64_t src, uint64_t dst, uint32_t length)
{
	return ((src | dst) >> DAD_PACKED_SHIFT) == 0 && length - 1 < DAD_PACKED_LENGTH_MAX;
}

static inline struct dad_packed
dad_pack(unsigned int opcode, uint64_t src, uint64_t dst, uint32_t length)
{
	return (struct dad_packed){src | (uint64_t)length << DAD_PACKED_SHIFT,
		dst | (uint64_t)opcode << DAD_PACKED_SHIFT};
}

static inline struct dad_desc
dad_unpack(struct dad_packed packed)
{
	return (struct dad_desc){
		.src = packed.src & DAD_PACKED_ADDRESS,
		.dst = packed.dst & DAD_PACKED_ADDRESS,
		.length = packed.src >> DAD_PACKED_SHIFT,
		.opcode = (uint8_t)(packed.dst >> DAD_PACKED_SHIFT),
	};
}

/* What else belongs to a slot, and is seldom looked at. */
struct dad_slot {
	struct dad_desc desc; /* one that does not fit */
	/* of the first in a group, the submitter's notes */
	uint16_t group; /* operations in it */
	uint16_t depth; /* operations before it in its batch; and DAD_DEPTH_FENCE */
	uint32_t reserved;
};

static_assert(sizeof(struct dad_slot) == 32, "two a cache line");

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

/* A flag of an emptied tag: look at status[]. */
#define DAD_TAG_FAILED RING_TAG_FLAG1

#endif /* DAD_DESC_H */
