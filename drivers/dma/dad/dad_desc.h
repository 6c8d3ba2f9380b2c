/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DAD_DESC_H
#define DAD_DESC_H

/*
 * What lies in coherent memory: descriptors and scatter lists. Bits only, and no pointers.
 *
 * A ring slot is named by a ticket, a free-running 64-bit position: slot = ticket mod size,
 * lap = ticket div size. The vchan's ring index that applications see is the ticket's low 16 bits.
 *
 * Operations are handed over in groups: neighbours of one batch that one worker does together. A
 * group has one tag, in an array beside the descriptors, at the slot of its first operation. So to
 * hand it over and to take it back cost one store and one load a group, not one an operation; and
 * who polls a tag does not take the line away from who still writes the descriptors.
 *
 *                 rte_dma_copy      rte_dma_submit          a worker              rte_dma_completed
 *   group:  FREE ────────────► filled ──────────► SUBMITTED ────────► DONE or FAILED ──────► FREE
 *   tag:    (any older lap)    (same)             lap:SUBMITTED       lap:DONE/FAILED        (same)
 *
 * A slot is free again when its completion was reaped; nothing is written for that.
 */

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

enum dad_opcode {
	DAD_OP_COPY = 0, /* src, dst, length */
	DAD_OP_FILL = 1, /* src is the pattern, of which byte 0 comes first */
	DAD_OP_SG = 2,	 /* src: sge ticket of the list's header; dst: nb_src, nb_dst << 16 */
};

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
	/* in the first descriptor of a group; the submitter's notes for the tag */
	uint16_t group; /* operations in it */
	uint16_t depth; /* operations before it in its batch; and DAD_DEPTH_FENCE */
	uint32_t reserved2;
};

static_assert(sizeof(struct dad_desc) == 32, "two descriptors a cache line");
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "DAD_DESC_WORD");

#define DAD_DESC_WORD(opcode, length) ((uint64_t)(opcode) << 32 | (uint32_t)(length))

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

enum dad_tag_state {
	DAD_TAG_NONE = 0, /* a slot that was never used */
	DAD_TAG_SUBMITTED = 1,
	DAD_TAG_DONE = 2,
	DAD_TAG_FAILED = 3, /* done, and some status in the group is not 0 */
};

/* lap: 30 | group - 1: 16 | depth and fence: 16 | state: 2 */
typedef uint64_t dad_tag_t;

#define DAD_TAG_STATE	    UINT64_C(3)
#define DAD_TAG_LAP_SHIFT   34
#define DAD_TAG_GROUP_SHIFT 18
#define DAD_TAG_DEPTH_SHIFT 2

static inline dad_tag_t
dad_tag(uint64_t ticket, unsigned int size_log2, uint16_t group, uint16_t depth)
{
	return (ticket >> size_log2) << DAD_TAG_LAP_SHIFT |
		(uint64_t)(uint16_t)(group - 1) << DAD_TAG_GROUP_SHIFT |
		(uint64_t)depth << DAD_TAG_DEPTH_SHIFT | DAD_TAG_SUBMITTED;
}

/* Is it of this ticket's lap, and submitted? */
static inline bool
dad_tag_is_submitted(dad_tag_t tag, uint64_t ticket, unsigned int size_log2)
{
	return (tag & DAD_TAG_STATE) == DAD_TAG_SUBMITTED &&
		tag >> DAD_TAG_LAP_SHIFT ==
		(ticket >> size_log2 & ((UINT64_C(1) << (64 - DAD_TAG_LAP_SHIFT)) - 1));
}

static inline unsigned int
dad_tag_group(dad_tag_t tag)
{
	return (unsigned int)(tag >> DAD_TAG_GROUP_SHIFT & 0xffff) + 1;
}

static inline uint16_t
dad_tag_depth(dad_tag_t tag)
{
	return (uint16_t)(tag >> DAD_TAG_DEPTH_SHIFT);
}

static inline dad_tag_t
dad_tag_with(dad_tag_t tag, enum dad_tag_state state)
{
	return (tag & ~DAD_TAG_STATE) | state;
}

#endif /* DAD_DESC_H */
