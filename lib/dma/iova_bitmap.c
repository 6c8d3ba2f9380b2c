/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>

#include "iova_bitmap.h"
#include "iova_fit.h"

#define WORD_BITS 64u
#define ALL	  UINT64_MAX

struct iova_bitmap {
	uint64_t first;	   /* the granule of bit 0 */
	uint64_t n;	   /* granules */
	uint64_t words;	   /* bits beyond n are not free */
	uint64_t cursor;   /* short runs are looked for from here downwards, then from the top */
	uint64_t *free;	   /* a bit a granule, and a word of no free bits behind the last */
	uint64_t *summary; /* a bit a word: it has free bits */
};

/* Bits from lo on, n of them: at most to the end of the word. */
static uint64_t
mask_of(uint64_t lo, uint64_t n)
{
	return (n >= WORD_BITS ? ALL : (UINT64_C(1) << n) - 1) << lo;
}

static void
summarize(struct iova_bitmap *map, uint64_t word)
{
	uint64_t bit = UINT64_C(1) << (word % WORD_BITS);

	if (map->free[word] != 0)
		map->summary[word / WORD_BITS] |= bit;
	else
		map->summary[word / WORD_BITS] &= ~bit;
}

struct iova_bitmap *
iova_bitmap_create(uint64_t first, uint64_t n)
{
	struct iova_bitmap *map = calloc(1, sizeof(*map));

	if (map == NULL)
		return NULL;
	map->first = first;
	map->n = n;
	map->words = (n + WORD_BITS - 1) / WORD_BITS;
	map->free = calloc(map->words + 1, sizeof(*map->free));
	map->summary = calloc(map->words / WORD_BITS + 1, sizeof(*map->summary));
	if (map->free == NULL || map->summary == NULL) {
		iova_bitmap_destroy(map);
		return NULL;
	}
	map->cursor = n - 1;
	iova_bitmap_give(map, first, n);
	return map;
}

void
iova_bitmap_destroy(struct iova_bitmap *map)
{
	if (map == NULL)
		return;
	free(map->free);
	free(map->summary);
	free(map);
}

void
iova_bitmap_take(struct iova_bitmap *map, uint64_t start, uint64_t n)
{
	for (uint64_t at = start - map->first, end = at + n; at < end;) {
		uint64_t lo = at % WORD_BITS;
		uint64_t part = end - at < WORD_BITS - lo ? end - at : WORD_BITS - lo;

		map->free[at / WORD_BITS] &= ~mask_of(lo, part);
		summarize(map, at / WORD_BITS);
		at += part;
	}
}

void
iova_bitmap_give(struct iova_bitmap *map, uint64_t start, uint64_t n)
{
	for (uint64_t at = start - map->first, end = at + n; at < end;) {
		uint64_t lo = at % WORD_BITS;
		uint64_t part = end - at < WORD_BITS - lo ? end - at : WORD_BITS - lo;

		map->free[at / WORD_BITS] |= mask_of(lo, part);
		summarize(map, at / WORD_BITS);
		at += part;
	}
}

/* Do the n bits from start on equal those of pattern, which is 0 or ALL? */
static bool
is_uniform(const struct iova_bitmap *map, uint64_t start, uint64_t n, uint64_t pattern)
{
	for (uint64_t at = start - map->first, end = at + n; at < end;) {
		uint64_t lo = at % WORD_BITS;
		uint64_t part = end - at < WORD_BITS - lo ? end - at : WORD_BITS - lo;

		if (((map->free[at / WORD_BITS] ^ pattern) & mask_of(lo, part)) != 0)
			return false;
		at += part;
	}
	return true;
}

bool
iova_bitmap_is_free(const struct iova_bitmap *map, uint64_t start, uint64_t n)
{
	return is_uniform(map, start, n, ALL);
}

bool
iova_bitmap_is_taken(const struct iova_bitmap *map, uint64_t start, uint64_t n)
{
	return is_uniform(map, start, n, 0);
}

/* The highest word at or below this one that has free bits, or IOVA_NONE. */
static uint64_t
word_with_room(const struct iova_bitmap *map, uint64_t word)
{
	uint64_t s = word / WORD_BITS;
	uint64_t bits = map->summary[s] & mask_of(0, word % WORD_BITS + 1);

	while (bits == 0) {
		if (s == 0)
			return IOVA_NONE;
		bits = map->summary[--s];
	}
	return s * WORD_BITS + (WORD_BITS - 1 - (uint64_t)__builtin_clzll(bits));
}

/* Those bits of a word at which n (at most 64) free bits start: the word and its upper neighbour
 * are ANDed with themselves, shifted by ever more. */
static uint64_t
starts_in(const struct iova_bitmap *map, uint64_t word, unsigned int n)
{
	unsigned __int128 runs =
		(unsigned __int128)map->free[word + 1] << WORD_BITS | map->free[word];

	for (unsigned int have = 1; have < n;) {
		unsigned int more = n - have < have ? n - have : have;

		runs &= runs >> more;
		have += more;
	}
	return (uint64_t)runs;
}

/* Those bits of a word whose granules are multiples of align. */
static uint64_t
aligned_in(const struct iova_bitmap *map, uint64_t word, uint64_t align)
{
	/* the first such bit at or behind the word's first */
	uint64_t bit = -(map->first + word * WORD_BITS) & (align - 1);

	if (bit >= WORD_BITS)
		return 0;
	/* one bit in align: all ones, divided by align ones */
	return (align >= WORD_BITS ? 1 : ALL / mask_of(0, align)) << bit;
}

/* Runs of at most 64: look for one that starts in [lo, hi], the highest first. */
static uint64_t
find_short(const struct iova_bitmap *map, unsigned int n, uint64_t align, uint64_t lo, uint64_t hi)
{
	uint64_t word = word_with_room(map, hi / WORD_BITS);

	while (word != IOVA_NONE && word >= lo / WORD_BITS) {
		uint64_t bits = starts_in(map, word, n) & aligned_in(map, word, align);

		if (word == hi / WORD_BITS)
			bits &= mask_of(0, hi % WORD_BITS + 1);
		if (word == lo / WORD_BITS)
			bits &= mask_of(lo % WORD_BITS, WORD_BITS);
		if (bits != 0)
			return word * WORD_BITS + (WORD_BITS - 1 - (uint64_t)__builtin_clzll(bits));
		word = word == 0 ? IOVA_NONE : word_with_room(map, word - 1);
	}
	return IOVA_NONE;
}

/* Runs of more than 64 reach over the end of a word: free bits inside one cannot be such a run. */
static uint64_t
find_long(const struct iova_bitmap *map, uint64_t n, uint64_t align, uint64_t min, uint64_t max)
{
	/* granules: from the first of the word above to hi all are free */
	uint64_t hi = map->first + map->words * WORD_BITS;

	for (uint64_t word = map->words; word-- > 0;) {
		uint64_t base = map->first + word * WORD_BITS;
		uint64_t taken = ~map->free[word];
		uint64_t lo =
			taken == 0 ? base : base + WORD_BITS - (uint64_t)__builtin_clzll(taken);
		uint64_t found = iova_fit(lo, hi, n, align, min, max);

		if (found != IOVA_NONE || base <= min)
			return found;
		if (taken != 0)
			hi = base + (uint64_t)__builtin_ctzll(taken);
	}
	return IOVA_NONE;
}

uint64_t
iova_bitmap_find(
	struct iova_bitmap *map, uint64_t n, uint64_t align, uint64_t min_start, uint64_t max_start)
{
	if (max_start < map->first || n > map->n)
		return IOVA_NONE;
	uint64_t min = min_start > map->first ? min_start - map->first : 0;
	uint64_t max = max_start - map->first;
	if (max > map->n - n)
		max = map->n - n;
	if (min > max)
		return IOVA_NONE;
	if (n > WORD_BITS)
		return find_long(map, n, align, map->first + min, map->first + max);

	uint64_t from = map->cursor < max ? map->cursor : max;
	uint64_t found = IOVA_NONE;
	if (from >= min)
		found = find_short(map, (unsigned int)n, align, min, from);
	if (found == IOVA_NONE && from < max)
		found = find_short(
			map, (unsigned int)n, align, from + 1 > min ? from + 1 : min, max);
	if (found == IOVA_NONE)
		return found;
	map->cursor = found;
	return map->first + found;
}

uint64_t
iova_bitmap_free_tail(const struct iova_bitmap *map)
{
	uint64_t n = 0;

	while (n < map->n) {
		uint64_t at = map->n - n - 1; /* the next bit to look at, downwards */
		uint64_t taken = ~map->free[at / WORD_BITS] & mask_of(0, at % WORD_BITS + 1);

		if (taken != 0)
			return n + at % WORD_BITS -
				(WORD_BITS - 1 - (uint64_t)__builtin_clzll(taken));
		n += at % WORD_BITS + 1;
	}
	return n;
}
