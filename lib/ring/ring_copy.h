/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef RING_COPY_H
#define RING_COPY_H

/* Elements into the ring and out of it. */

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <rte_branch_prediction.h>
#include <rte_common.h>

#include "ring_layout.h"

/* The widest registers that the compiler may use here; it splits wider vectors badly. */
#if defined(__AVX512F__)
#define RING_COPY_VECTOR 64
#elif defined(__AVX2__)
#define RING_COPY_VECTOR 32
#else
#define RING_COPY_VECTOR 16
#endif
typedef uint64_t ring_copy_u64 __attribute__((aligned(1), may_alias));
typedef uint8_t ring_copy_vector
	__attribute__((vector_size(RING_COPY_VECTOR), aligned(1), may_alias));

/* Ask for a line that will be read, or written: for good, then. GCC knows the second kind only
 * where it may assume a CPU of 2014; older ones take it for no operation. */
static __rte_always_inline void
ring_fetch(const void *line, bool write)
{
#ifdef RTE_ARCH_X86_64
	if (write)
		__asm__ volatile("prefetchw %0" : : "m"(*(const char *)line));
	else
		__builtin_prefetch(line, 0);
#else
	if (write)
		__builtin_prefetch(line, 1);
	else
		__builtin_prefetch(line, 0);
#endif
}

#ifndef RING_COPY_WORDS_MAX
#define RING_COPY_WORDS_MAX 64
#endif
#define RING_COPY_BLOCK	  128
#define RING_COPY_VECTORS (RING_COPY_BLOCK / RING_COPY_VECTOR)

/* len bytes, a multiple of the width, which the compiler knows. */
static __rte_always_inline void
ring_copy_width(uint8_t *dst, const uint8_t *src, size_t len, size_t width)
{
	const uint8_t *end = src + len;

	for (; end - src >= RING_COPY_BLOCK; src += RING_COPY_BLOCK, dst += RING_COPY_BLOCK) {
		ring_copy_vector block[RING_COPY_VECTORS];

		for (unsigned int i = 0; i < RING_COPY_VECTORS; i++)
			block[i] = ((const ring_copy_vector *)src)[i];
		for (unsigned int i = 0; i < RING_COPY_VECTORS; i++)
			((ring_copy_vector *)dst)[i] = block[i];
	}
	for (; src < end; src += width, dst += width)
		memcpy(dst, src, width);
}

/*
 * The same a word at a time, for little. The caller has often written the elements just before, a
 * word at a time, and a CPU hands a word that it has not yet stored on to a load of that word, but
 * makes a wider load wait. And AMD's Zen 4 asks for the ring's line when it sees an integer store
 * to it, but not before its turn when it sees a vector.
 */
static __rte_always_inline void
ring_copy_words(uint8_t *dst, const uint8_t *src, size_t len, size_t width)
{
	const uint8_t *end = src + len;

	for (; src < end; src += width, dst += width)
		for (size_t i = 0; i < width; i += 8)
			*(volatile ring_copy_u64 *)(dst + i) = *(const ring_copy_u64 *)(src + i);
}

static __rte_always_inline void
ring_copy(uint8_t *dst, const uint8_t *src, size_t len, size_t width, bool into_ring)
{
	if (width == 0)
		memcpy(dst, src, len);
	else if (into_ring && len <= RING_COPY_WORDS_MAX)
		ring_copy_words(dst, src, len, width);
	else
		ring_copy_width(dst, src, len, width);
}

/* width: of an element if it is known to the compiler, else 0 */
static __rte_always_inline void
ring_copy_in(const struct dad_ring *r, uint64_t ticket, const void *objs, uint64_t n, size_t width)
{
	const size_t esize = width != 0 ? width : r->esize;
	const uint64_t slot = ticket & r->mask;
	const uint64_t to_wrap = RTE_MIN(n, r->mask + 1 - slot);

	ring_copy(ring_elems(r) + slot * esize, objs, to_wrap * esize, width, true);
	if (unlikely(to_wrap < n))
		ring_copy(ring_elems(r), (const uint8_t *)objs + to_wrap * esize,
			(n - to_wrap) * esize, width, true);
}

static __rte_always_inline void
ring_copy_out(const struct dad_ring *r, uint64_t ticket, void *objs, uint64_t n, size_t width)
{
	const size_t esize = width != 0 ? width : r->esize;
	const uint64_t slot = ticket & r->mask;
	const uint64_t to_wrap = RTE_MIN(n, r->mask + 1 - slot);

	ring_copy(objs, ring_elems(r) + slot * esize, to_wrap * esize, width, false);
	if (unlikely(to_wrap < n))
		ring_copy((uint8_t *)objs + to_wrap * esize, ring_elems(r), (n - to_wrap) * esize,
			width, false);
}

#endif /* RING_COPY_H */
