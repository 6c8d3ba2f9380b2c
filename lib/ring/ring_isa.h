/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef RING_ISA_H
#define RING_ISA_H

/*
 * The data calls are compiled once for each instruction set, and in each once for the sizes of
 * elements and the kinds of rings that matter. A ring holds the numbers of its functions; which
 * table they are looked up in is a matter of the process.
 */

#include <stdbool.h>
#include <stddef.h>

#include "dad_ring.h"

enum ring_width { /* of an element */
	RING_WIDTH_ANY,
	RING_WIDTH_8,
	RING_WIDTH_16,
	RING_WIDTH_32,
	RING_WIDTH_64,
	RING_WIDTHS,
};

/* Which function: the width, and what must be added to it. */
#define RING_KIND_SINGLE RING_WIDTHS	   /* one thread at a time on this side */
#define RING_KIND_NOTED	 (2 * RING_WIDTHS) /* owners or statistics, and any width: alone */
#define RING_KINDS	 (RING_KIND_NOTED + 1)

typedef size_t (*ring_enqueue_t)(
	struct dad_ring *r, const void *objs, size_t n, bool all, size_t *free_space);
typedef size_t (*ring_dequeue_t)(
	struct dad_ring *r, void *objs, size_t n, bool all, size_t *available);

struct ring_isa {
	const char *name;
	unsigned int simd_bits; /* what EAL must allow */
	ring_enqueue_t enqueue[RING_KINDS];
	ring_dequeue_t dequeue[RING_KINDS];
};

extern const struct ring_isa ring_isa_generic, ring_isa_avx2, ring_isa_avx512;

/* Of all tables: ring_noted.c */
size_t ring_enqueue_noted(
	struct dad_ring *r, const void *objs, size_t n, bool all, size_t *free_space);
size_t ring_dequeue_noted(struct dad_ring *r, void *objs, size_t n, bool all, size_t *available);

/* The one in use. Read by every data call, written when that is chosen: before there are rings, or
 * to another one that does the same. */
extern const struct ring_isa *ring_isa;

/* Choose, as EAL and the CPU allow. */
void ring_isa_choose(void);

#endif /* RING_ISA_H */
