/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef RING_LAYOUT_H
#define RING_LAYOUT_H

/*
 * What lies where in the memory of a ring. All of it is shared between processes, which may see
 * it at different addresses and may have been built at different times: no pointers, no sizes
 * that depend on the build, and a version that counts up with every change.
 *
 *      0  struct dad_ring    constants | producers' line | consumers' line
 *    384  emptied[slots]     written by consumers, read by producers
 *      .  filled[slots]      written by producers, read by consumers
 *      .  elements           slots * esize bytes
 *      .  owners             with DAD_RING_OWNERS: struct ring_owners
 *      .  statistics         with DAD_RING_STATS: struct ring_counters
 *
 * Each part begins at a multiple of 128 bytes: two cache lines where lines have 64, because the
 * prefetcher of many CPUs fetches lines in pairs, and one line where lines have 128.
 */

#include <stddef.h>
#include <stdint.h>

#include "dad_ring.h"
#include "ring_core.h"

#define RING_MAGIC   UINT64_C(0x31474e4952444144) /* "DADRING1", little-endian */
#define RING_VERSION 2

struct dad_ring {
	/* Constant from the moment that magic is there. */
	uint64_t magic;
	uint32_t version;
	uint32_t esize;
	uint64_t capacity;
	uint64_t mask;	    /* slots - 1, the slots being capacity rounded up to a power of two */
	uint32_t lap_shift; /* log2(slots) */
	uint32_t flags;	    /* of enum dad_ring_flags */
	uint32_t enqueue;   /* which of the functions in struct ring_isa to use */
	uint32_t dequeue;
	uint64_t emptied_offset; /* of the arrays, from the start of the ring */
	uint64_t filled_offset;
	uint64_t elems_offset;
	uint64_t owners_offset;	      /* 0: none */
	uint64_t stats_offset;	      /* 0: none */
	uint64_t total;		      /* bytes of the whole ring */
	char name[DAD_RING_NAMESIZE]; /* empty: in memory of the caller's */
	uint8_t pad[DAD_RING_ALIGN - 96 - DAD_RING_NAMESIZE];

	struct ring_side prod;
	struct ring_side cons;
} __attribute__((aligned(DAD_RING_ALIGN)));

_Static_assert(offsetof(struct ring_side, next) == 0, "layout");
_Static_assert(offsetof(struct ring_side, known) == 8, "layout");
_Static_assert(sizeof(struct ring_side) == DAD_RING_ALIGN, "layout");
_Static_assert(offsetof(struct dad_ring, magic) == 0, "layout");
_Static_assert(offsetof(struct dad_ring, version) == 8, "layout");
_Static_assert(offsetof(struct dad_ring, esize) == 12, "layout");
_Static_assert(offsetof(struct dad_ring, capacity) == 16, "layout");
_Static_assert(offsetof(struct dad_ring, mask) == 24, "layout");
_Static_assert(offsetof(struct dad_ring, lap_shift) == 32, "layout");
_Static_assert(offsetof(struct dad_ring, flags) == 36, "layout");
_Static_assert(offsetof(struct dad_ring, emptied_offset) == 48, "layout");
_Static_assert(offsetof(struct dad_ring, filled_offset) == 56, "layout");
_Static_assert(offsetof(struct dad_ring, elems_offset) == 64, "layout");
_Static_assert(offsetof(struct dad_ring, owners_offset) == 72, "layout");
_Static_assert(offsetof(struct dad_ring, stats_offset) == 80, "layout");
_Static_assert(offsetof(struct dad_ring, total) == 88, "layout");
_Static_assert(offsetof(struct dad_ring, name) == 96, "layout");
_Static_assert(offsetof(struct dad_ring, prod) == 128, "layout");
_Static_assert(offsetof(struct dad_ring, cons) == 256, "layout");
_Static_assert(sizeof(struct dad_ring) == 384, "layout");

static inline struct ring_track
ring_emptied(const struct dad_ring *r)
{
	return (struct ring_track){
		(uint8_t *)(uintptr_t)r + r->emptied_offset, r->mask, r->lap_shift};
}

static inline struct ring_track
ring_filled(const struct dad_ring *r)
{
	return (struct ring_track){
		(uint8_t *)(uintptr_t)r + r->filled_offset, r->mask, r->lap_shift};
}

static inline uint8_t *
ring_elems(const struct dad_ring *r)
{
	return (uint8_t *)(uintptr_t)r + r->elems_offset;
}

#endif /* RING_LAYOUT_H */
