/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef RING_TAGS_H
#define RING_TAGS_H

/*
 * The marks ("tags"): two byte arrays with one byte a slot, each written by one side and read by
 * the other. For a ticket of lap L, in slot s:
 *
 *    emptied[s] == L      the slot is free for the ticket's producer
 *    filled[s]  == L + 1  the element is there for the ticket's consumer
 *    emptied[s] == L + 1  it is gone: the slot is free for the next lap
 *
 * all modulo 256, which is enough because a thread whose tickets are still to be taken can find
 * only two neighbouring values in a slot (doc/design/ring.md). All is zero in a new ring.
 *
 * The edges, named here and wherever an atomic takes part in one:
 *
 *    F  filled[s]:   ring_tags_set() by a producer  -> ring_tags_run() by a consumer
 *    E  emptied[s]:  ring_tags_set() by a consumer  -> ring_tags_run() by a producer
 *
 * Width. A thread sets the tags of its own slots only, and where they make up whole aligned words
 * it stores words; a reader always loads words, and picks bytes out of them. So a load may be
 * satisfied by stores of other sizes, which C11 does not describe. What it rests on: an aligned
 * 8-byte load or store is single-copy atomic on x86-64 and arm64, hence each byte of a loaded
 * word is one that was stored there; and the order is made by fences, which order accesses of any
 * size: nothing at all on x86-64 (loads are not reordered with loads, nor anything with a later
 * store), DMB on arm64. ThreadSanitizer sees neither fences nor mixed sizes: for it, each byte
 * is released and acquired by itself, and that variant is plain C11.
 */

#include <stdint.h>

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
 * How many of the tags from a slot on are as wanted: 0 to max, where max is at least 1 and does
 * not reach beyond the array. All that was done before they were set can be relied upon.
 */
static inline uint64_t
ring_tags_run(const uint8_t *tags, uint64_t slot, uint64_t max, uint8_t want)
{
	const uint64_t pattern = want * UINT64_C(0x0101010101010101);
	const uint64_t before = slot % 8; /* bytes of the first word that are not asked for */
	const uint64_t end = before + max;
	const uint64_t *word = (const uint64_t *)(tags + slot - before);
	uint64_t ignore = UINT64_MAX << (8 * before);
	uint64_t pos = 0;

	/* The array is padded to whole words, so the last load stays inside. */
	while (pos < end) {
		/* F, E: ordered by the fence below */
		uint64_t tag8 = __atomic_load_n(word++, __ATOMIC_RELAXED);
		uint64_t differ = (rte_le_to_cpu_64(tag8) ^ pattern) & ignore;

		if (differ != 0) {
			pos += (uint64_t)__builtin_ctzll(differ) / 8;
			break;
		}
		pos += 8;
		ignore = UINT64_MAX;
	}
	/* F, E: acquire; pairs with the release fence in ring_tags_set() */
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return RTE_MIN(pos, end) - before;
}

/* Set n tags from a slot on, after all that the caller has done before. */
static inline void
ring_tags_set(uint8_t *tags, uint64_t slot, uint64_t n, uint8_t value)
{
	const uint64_t pattern = value * UINT64_C(0x0101010101010101);
	uint8_t *tag = tags + slot;
	uint8_t *end = tag + n;

	/* F, E: release; pairs with the acquire fence in ring_tags_run() */
	__atomic_thread_fence(__ATOMIC_RELEASE);
	while (tag < end && (uintptr_t)tag % 8 != 0)
		__atomic_store_n(tag++, value, __ATOMIC_RELAXED);
	for (; end - tag >= 8; tag += 8)
		__atomic_store_n((uint64_t *)tag, pattern, __ATOMIC_RELAXED);
	while (tag < end)
		__atomic_store_n(tag++, value, __ATOMIC_RELAXED);
}

#endif /* RING_TAGS_BYTEWISE */

/*
 * The same for tickets, over the end of the array: there the next lap begins, whose tags are
 * greater by a lap's step. mask is the number of slots less one.
 */
static inline uint64_t
ring_tags_run_lap(const uint8_t *tags, uint64_t mask, uint64_t ticket, uint64_t max, uint8_t want,
	uint8_t step)
{
	const uint64_t slot = ticket & mask;
	const uint64_t to_wrap = RTE_MIN(max, mask + 1 - slot);
	uint64_t run = ring_tags_run(tags, slot, to_wrap, want);

	if (unlikely(run == to_wrap && run < max))
		run += ring_tags_run(tags, 0, max - run, (uint8_t)(want + step));
	return run;
}

static inline void
ring_tags_set_lap(
	uint8_t *tags, uint64_t mask, uint64_t ticket, uint64_t n, uint8_t value, uint8_t step)
{
	const uint64_t slot = ticket & mask;
	const uint64_t to_wrap = RTE_MIN(n, mask + 1 - slot);

	ring_tags_set(tags, slot, to_wrap, value);
	if (unlikely(to_wrap < n))
		ring_tags_set(tags, 0, n - to_wrap, (uint8_t)(value + step));
}

#endif /* RING_TAGS_H */
