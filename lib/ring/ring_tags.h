/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef RING_TAGS_H
#define RING_TAGS_H

/*
 * The marks ("tags") of the slots: one byte each, in an array that one side of a queue writes and
 * the other reads. A tag says which lap the slot's last mark belongs to, and up to two flags that
 * mean whatever the user of this file likes.
 *
 * Who reads tags (ring_tags_run) asks for bytes of one exact value; a run ends before a byte that
 * differs, in the flags or in the lap. Who sets tags (ring_tags_set) has the slots to itself.
 *
 * Width. A thread sets the tags of its own slots only, as many at a time as the instruction set
 * can; a reader loads whole vectors and picks bytes out of them. So a load may be satisfied by
 * stores of other sizes, which C11 does not describe. What it rests on: each byte of a load of
 * any size is one that was stored there, for no memory is divided further; as each byte is judged
 * by itself it does not matter that they may be of different age. And the order is made by
 * fences, which order accesses of any size: nothing at all on x86-64 (loads are not reordered
 * with loads, nor anything with a later store), DMB on arm64. ThreadSanitizer sees neither fences
 * nor mixed sizes: for it, each byte is released and acquired by itself, which is plain C11.
 */

#include <stdint.h>
#include <string.h>

#include <rte_branch_prediction.h>
#include <rte_byteorder.h>
#include <rte_common.h>

#if defined(__SANITIZE_THREAD__)
#define RING_TAGS_BYTEWISE 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define RING_TAGS_BYTEWISE 1
#endif
#endif

#ifdef RING_TAGS_BYTEWISE

static inline uint64_t
ring_tags_run(const uint8_t *tags, uint64_t slot, uint64_t max, uint8_t want)
{
	uint64_t run = 0;

	/* F, E: acquire; pairs with the release store in ring_tags_set() */
	while (run < max && __atomic_load_n(&tags[slot + run], __ATOMIC_ACQUIRE) == want)
		run++;
	return run;
}

static inline void
ring_tags_set(uint8_t *tags, uint64_t slot, uint64_t n, uint8_t value)
{
	/* F, E: release; pairs with the acquire load in ring_tags_run() */
	for (uint64_t i = 0; i < n; i++)
		__atomic_store_n(&tags[slot + i], value, __ATOMIC_RELEASE);
}

#else

/*
 * RING_TAGS_VECTOR bytes at a time are compared; ring_tags_differ() has a bit for each byte that
 * is not as wanted, ring_tags_before() those of the first bytes of a vector.
 */
#if defined(__AVX512BW__)

#include <immintrin.h>
#define RING_TAGS_VECTOR 64
typedef uint64_t ring_tags_bits;

static inline ring_tags_bits
ring_tags_differ(const uint8_t *vector, uint8_t want)
{
	return _mm512_cmpneq_epi8_mask(_mm512_load_si512(vector), _mm512_set1_epi8((char)want));
}

#elif defined(__AVX2__)

#include <immintrin.h>
#define RING_TAGS_VECTOR 32
typedef uint32_t ring_tags_bits;

static inline ring_tags_bits
ring_tags_differ(const uint8_t *vector, uint8_t want)
{
	__m256i tags = _mm256_load_si256((const __m256i *)vector);

	return ~(uint32_t)_mm256_movemask_epi8(
		_mm256_cmpeq_epi8(tags, _mm256_set1_epi8((char)want)));
}

#elif defined(__SSE2__)

#include <emmintrin.h>
#define RING_TAGS_VECTOR 16
typedef uint32_t ring_tags_bits;

static inline ring_tags_bits
ring_tags_differ(const uint8_t *vector, uint8_t want)
{
	__m128i tags = _mm_load_si128((const __m128i *)vector);

	return 0xffff &
		~(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(tags, _mm_set1_epi8((char)want)));
}

#else

#define RING_TAGS_VECTOR 8
typedef uint64_t ring_tags_bits; /* a byte for each byte */

static inline ring_tags_bits
ring_tags_differ(const uint8_t *vector, uint8_t want)
{
	/* F, E: ordered by the fence in ring_tags_run() */
	uint64_t tags = __atomic_load_n((const uint64_t *)vector, __ATOMIC_RELAXED);

	return rte_le_to_cpu_64(tags) ^ (want * UINT64_C(0x0101010101010101));
}

#endif

#define RING_TAGS_BITS (RING_TAGS_VECTOR == 8 ? 8 : 1) /* of ring_tags_bits for each tag */

/*
 * How many of the tags from a slot on are as wanted: 0 to max, where max is at least 1 and does
 * not reach beyond the array. All that was done before they were set can be relied upon.
 */
static inline uint64_t
ring_tags_run(const uint8_t *tags, uint64_t slot, uint64_t max, uint8_t want)
{
	const uint64_t before = slot % RING_TAGS_VECTOR; /* bytes of the first not asked for */
	const uint64_t end = before + max;
	const uint8_t *vector = tags + slot - before;
	ring_tags_bits ignore = ~(ring_tags_bits)0 << (RING_TAGS_BITS * before);
	uint64_t pos = 0;

	/* The array is padded to whole vectors, so the last load stays inside. */
	while (pos < end) {
		ring_tags_bits differ = ring_tags_differ(vector, want) & ignore;

		if (differ != 0) {
			pos += (uint64_t)__builtin_ctzll(differ) / RING_TAGS_BITS;
			break;
		}
		pos += RING_TAGS_VECTOR;
		vector += RING_TAGS_VECTOR;
		ignore = ~(ring_tags_bits)0;
	}
	/* F, E: acquire; pairs with the release fence in ring_tags_set() */
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return RTE_MIN(pos, end) - before;
}

typedef uint16_t ring_tags_2 __attribute__((aligned(1), may_alias));
typedef uint32_t ring_tags_4 __attribute__((aligned(1), may_alias));
typedef uint64_t ring_tags_8 __attribute__((aligned(1), may_alias));

/*
 * Set n tags from a slot on, after all that the caller has done before. Each is stored once: as
 * soon as it is there, the slot may go round and be marked by others. Integer stores and not
 * vectors, for the reason that ring_copy.h has.
 */
static __rte_always_inline void
ring_tags_set(uint8_t *tags, uint64_t slot, uint64_t n, uint8_t value)
{
	const uint64_t pattern = value * UINT64_C(0x0101010101010101);
	uint8_t *tag = tags + slot;

	/* F, E: release; pairs with the acquire fence in ring_tags_run() */
	__atomic_thread_fence(__ATOMIC_RELEASE);
	for (; n >= 8; n -= 8, tag += 8)
		*(volatile ring_tags_8 *)tag = pattern;
	if (n & 4) {
		*(volatile ring_tags_4 *)tag = (uint32_t)pattern;
		tag += 4;
	}
	if (n & 2) {
		*(volatile ring_tags_2 *)tag = (uint16_t)pattern;
		tag += 2;
	}
	if (n & 1)
		__atomic_store_n(tag, value, __ATOMIC_RELAXED);
}

#endif /* RING_TAGS_BYTEWISE */

#endif /* RING_TAGS_H */
