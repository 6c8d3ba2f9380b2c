/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef RING_LAYOUT_H
#define RING_LAYOUT_H

/*
 * What lies where in the memory of a ring. All of it is shared between processes, which may see
 * it at different addresses and may have been built at different times: no pointers, no sizes
 * that depend on the build, and a version that counts up with every change.
 *
 *      0  struct dad_ring    constants | producers' line | consumers' line
 *    384  emptied[count]     written by consumers, read by producers
 *      .  filled[count]      written by producers, read by consumers
 *      .  elements           count * esize bytes
 *
 * Each part begins at a multiple of 128 bytes: two cache lines where lines have 64, because the
 * prefetcher of many CPUs fetches lines in pairs, and one line where lines have 128.
 */

#include <stddef.h>
#include <stdint.h>

#include "dad_ring.h"

#define RING_MAGIC   UINT64_C(0x31474e4952444144) /* "DADRING1", little-endian */
#define RING_VERSION 1

/* One end of the queue: all that its threads contend for. */
struct ring_side {
	uint64_t next;	/* the next ticket to be taken; moved by compare-and-swap only */
	uint64_t known; /* every ticket below has been seen ready for this side; may lag */
	uint8_t pad[DAD_RING_ALIGN - 16];
} __attribute__((aligned(DAD_RING_ALIGN)));

struct dad_ring {
	/* Constant from the moment that magic is there. */
	uint64_t magic;
	uint32_t version;
	uint32_t esize;
	uint64_t count;	    /* slots */
	uint32_t lap_shift; /* log2(count) */
	uint32_t zero;
	uint64_t emptied_offset; /* of the three arrays, from the start of the ring */
	uint64_t filled_offset;
	uint64_t elems_offset;
	uint64_t total;		      /* bytes of the whole ring */
	char name[DAD_RING_NAMESIZE]; /* empty: in memory of the caller's */
	uint8_t pad[DAD_RING_ALIGN - 64 - DAD_RING_NAMESIZE];

	struct ring_side prod;
	struct ring_side cons;
} __attribute__((aligned(DAD_RING_ALIGN)));

_Static_assert(offsetof(struct ring_side, next) == 0, "layout");
_Static_assert(offsetof(struct ring_side, known) == 8, "layout");
_Static_assert(sizeof(struct ring_side) == 128, "layout");
_Static_assert(offsetof(struct dad_ring, magic) == 0, "layout");
_Static_assert(offsetof(struct dad_ring, version) == 8, "layout");
_Static_assert(offsetof(struct dad_ring, esize) == 12, "layout");
_Static_assert(offsetof(struct dad_ring, count) == 16, "layout");
_Static_assert(offsetof(struct dad_ring, lap_shift) == 24, "layout");
_Static_assert(offsetof(struct dad_ring, emptied_offset) == 32, "layout");
_Static_assert(offsetof(struct dad_ring, filled_offset) == 40, "layout");
_Static_assert(offsetof(struct dad_ring, elems_offset) == 48, "layout");
_Static_assert(offsetof(struct dad_ring, total) == 56, "layout");
_Static_assert(offsetof(struct dad_ring, name) == 64, "layout");
_Static_assert(offsetof(struct dad_ring, prod) == 128, "layout");
_Static_assert(offsetof(struct dad_ring, cons) == 256, "layout");
_Static_assert(sizeof(struct dad_ring) == 384, "layout");

static inline uint8_t *
ring_emptied(const struct dad_ring *r)
{
	return (uint8_t *)(uintptr_t)r + r->emptied_offset;
}

static inline uint8_t *
ring_filled(const struct dad_ring *r)
{
	return (uint8_t *)(uintptr_t)r + r->filled_offset;
}

static inline uint8_t *
ring_elems(const struct dad_ring *r)
{
	return (uint8_t *)(uintptr_t)r + r->elems_offset;
}

static inline uint64_t
ring_slot(const struct dad_ring *r, uint64_t ticket)
{
	return ticket & (r->count - 1);
}

/* The low byte of the lap: all that a mark keeps of it. */
static inline uint8_t
ring_lap(const struct dad_ring *r, uint64_t ticket)
{
	return (uint8_t)(ticket >> r->lap_shift);
}

#endif /* RING_LAYOUT_H */
