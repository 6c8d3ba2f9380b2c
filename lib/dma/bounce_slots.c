/* SPDX-License-Identifier: BSD-3-Clause */
#include "bounce.h"

/* Which slots are free. Runs of one and of two, which is nearly all there are, are kept at hand by
 * each lcore: all lcores together a quarter of the pool, whoever needs them first. When the pool
 * runs short all of them go back: on lcores that still map, at their next unmap. */

#define BITS 64u

static uint64_t
mask_of(uint32_t n)
{
	return n >= BITS ? UINT64_MAX : (UINT64_C(1) << n) - 1;
}

static void
mark(struct bounce *b, uint32_t slot, uint32_t n, bool free)
{
	while (n > 0) {
		uint32_t bit = slot % BITS;
		uint32_t part = RTE_MIN(n, BITS - bit);
		uint64_t mask = mask_of(part) << bit;

		if (free)
			b->free[slot / BITS] |= mask;
		else
			b->free[slot / BITS] &= ~mask;
		slot += part;
		n -= part;
	}
}

/* Bits at which a run of n (at most 64) free slots starts in a word. */
static uint64_t
starts(uint64_t word, uint32_t n)
{
	for (uint32_t have = 1; have < n && word != 0;) {
		uint32_t more = RTE_MIN(have, n - have);

		word &= word >> more;
		have += more;
	}
	return n > 1 ? word & UINT64_C(0x5555555555555555) : word;
}

/* Within one word: most runs. */
static uint32_t
find_short(struct bounce *b, uint32_t n)
{
	uint32_t words = (b->n_slots + BITS - 1) / BITS;

	for (uint32_t i = 0; i < words; i++) {
		uint32_t w = b->hint + i < words ? b->hint + i : b->hint + i - words;
		uint64_t s = starts(b->free[w], n);

		if (s != 0) {
			b->hint = w;
			return w * BITS + (uint32_t)__builtin_ctzll(s);
		}
	}
	return NO_SLOT;
}

static bool
is_free(const struct bounce *b, uint32_t slot)
{
	return (b->free[slot / BITS] >> (slot % BITS)) & 1;
}

/* Across words, but not across chunks. */
static uint32_t
find_long(struct bounce *b, uint32_t n)
{
	uint32_t per_chunk = 1u << (b->chunk_shift - SLOT_SHIFT);
	uint32_t run = 0;

	for (uint32_t slot = 0; slot < b->n_slots; slot++) {
		if (slot % per_chunk == 0)
			run = 0;
		if (!is_free(b, slot))
			run = 0;
		else if (run > 0 || slot % 2 == 0)
			run++;
		if (run == n)
			return slot + 1 - n;
	}
	return NO_SLOT;
}

/* Under the lock. */
static void
take_run(struct bounce *b, uint32_t slot, uint32_t n)
{
	mark(b, slot, n, false);
	for (uint32_t i = 0; i < n; i++)
		b->slots[slot + i].first = slot;
	b->used += n;
	if (b->used > b->high)
		b->high = b->used;
}

/* Under the lock. */
static uint32_t
take_locked(struct bounce *b, uint32_t n)
{
	uint32_t slot = n <= 32 ? find_short(b, n) : NO_SLOT;

	if (slot == NO_SLOT && n > 1)
		slot = find_long(b, n);
	if (slot != NO_SLOT)
		take_run(b, slot, n);
	return slot;
}

static void
give_locked(struct bounce *b, uint32_t slot, uint32_t n)
{
	mark(b, slot, n, true);
	if (slot / BITS < b->hint)
		b->hint = slot / BITS;
	b->used -= n;
	if (b->used < b->n_slots - b->n_slots / 4)
		__atomic_store_n(&b->scarce, false, __ATOMIC_RELAXED);
}

/* Under the lock: an lcore needs more room for runs. False: it has it all, or the others do. */
static bool
promise(struct bounce *b, struct at_hand *h, uint32_t run)
{
	uint32_t more = RTE_MIN(b->batch, AT_HAND - h->max);

	if (more == 0 || b->share < more * run)
		return false;
	b->share -= more * run;
	h->max += more;
	return true;
}

/* Where an lcore keeps such runs, if it may. */
static struct at_hand *
at_hand_of(struct bounce *b, unsigned int lcore, uint32_t n)
{
	if (n > RUN_SIZES || b->batch == 0 || lcore >= RTE_MAX_LCORE)
		return NULL;
	return &b->at_hand[lcore][n - 1];
}

/* Under the lock: what lcores have at hand is wanted back. */
static void
note_full(struct bounce *b)
{
	b->full++;
	__atomic_store_n(&b->scarce, true, __ATOMIC_RELAXED);
}

uint32_t
bounce_take_more(struct bounce *b, unsigned int lcore, uint32_t n)
{
	struct at_hand *h = at_hand_of(b, lcore, n);

	lock_take(&b->lock);
	uint32_t slot = take_locked(b, n);

	if (slot == NO_SLOT) {
		note_full(b);
	} else if (h != NULL && !__atomic_load_n(&b->scarce, __ATOMIC_RELAXED)) {
		uint32_t more;

		if (h->max == 0)
			promise(b, h, n);
		while (h->n < RTE_MIN(b->batch, h->max) && (more = take_locked(b, n)) != NO_SLOT) {
			h->slot[h->n] = more;
			at_hand_set(h, h->n + 1);
		}
	}
	lock_drop(&b->lock);
	return slot;
}

/* The n that were kept longest. */
static void
put_back(struct bounce *b, struct at_hand *h, uint32_t run, uint32_t n)
{
	lock_take(&b->lock);
	for (uint32_t i = 0; i < n; i++)
		give_locked(b, h->slot[i], run);
	lock_drop(&b->lock);
	for (uint32_t i = n; i < h->n; i++)
		h->slot[i - n] = h->slot[i];
	at_hand_set(h, h->n - n);
}

/* How many of n slots from one on are free. */
static uint32_t
count_free(const struct bounce *b, uint32_t slot, uint32_t n)
{
	uint32_t free = 0;

	while (free < n && is_free(b, slot + free))
		free++;
	return free;
}

/* A run, free or not, that suits a device. */
static uint32_t
find_suiting(const struct bounce *b, const struct dma_dev *dev, uint32_t n, uint64_t pad,
	uint64_t size, bool free)
{
	const uint32_t per_chunk = 1u << (b->chunk_shift - SLOT_SHIFT);
	const uint32_t step = n > 1 ? 2 : 1;

	for (uint32_t slot = 0; slot < b->n_slots;) {
		uint32_t left = per_chunk - slot % per_chunk;
		uint32_t skip = left < n ? left : step;
		uint64_t iova;

		if (left >= n) {
			slot_at(b, slot, &iova);
			if (bounce_suits(dev, iova + pad, size, n)) {
				uint32_t have = free ? count_free(b, slot, n) : n;

				if (have == n)
					return slot;
				/* behind the one that is taken */
				skip = (have + step) & ~(step - 1);
			}
		}
		slot += skip;
	}
	return NO_SLOT;
}

/* One that the lcore has at hand, and keeps the other for. */
static uint32_t
exchange_at_hand(struct at_hand *h, const struct bounce *b, const struct dma_dev *dev,
	uint32_t slot, uint32_t n, uint64_t pad, uint64_t size)
{
	for (uint32_t i = h->n; i-- > 0;) {
		const uint32_t other = h->slot[i];
		uint64_t iova;

		slot_at(b, other, &iova);
		if (bounce_suits(dev, iova + pad, size, n)) {
			h->slot[i] = slot;
			return other;
		}
	}
	return NO_SLOT;
}

int
bounce_exchange(struct bounce *b, const struct dma_dev *dev, unsigned int lcore, uint32_t *slot,
	uint32_t n, uint64_t pad, uint64_t size)
{
	struct at_hand *h = at_hand_of(b, lcore, n);
	uint32_t other = NO_SLOT;
	int error = 0;

	if (h != NULL)
		other = exchange_at_hand(h, b, dev, *slot, n, pad, size);
	if (other == NO_SLOT) {
		bounce_give(b, lcore, *slot, n);
		/* where slots are never changes */
		if (find_suiting(b, dev, n, pad, size, false) == NO_SLOT)
			return ERANGE;
		lock_take(&b->lock);
		other = find_suiting(b, dev, n, pad, size, true);
		if (other != NO_SLOT) {
			take_run(b, other, n);
		} else {
			note_full(b);
			error = ENOSPC;
		}
		lock_drop(&b->lock);
	}
	*slot = other;
	return error;
}

void
bounce_give_back(struct bounce *b, unsigned int lcore, uint32_t slot, uint32_t n)
{
	bool scarce = __atomic_load_n(&b->scarce, __ATOMIC_RELAXED);
	struct at_hand *mine = at_hand_of(b, lcore, n);

	lock_take(&b->lock);
	if (mine != NULL && !scarce && promise(b, mine, n)) {
		mine->slot[mine->n] = slot;
		at_hand_set(mine, mine->n + 1);
		lock_drop(&b->lock);
		return;
	}
	give_locked(b, slot, n);
	lock_drop(&b->lock);
	if (b->batch == 0 || lcore >= RTE_MAX_LCORE)
		return;
	for (uint32_t run = 1; run <= RUN_SIZES; run++) {
		struct at_hand *h = &b->at_hand[lcore][run - 1];

		if (scarce)
			put_back(b, h, run, h->n);
		else if (h->n == h->max)
			put_back(b, h, run, h->max / 2);
	}
}

/* ---- blocks --------------------------------------------------------------------------------- */

static uint32_t
find_block(const struct bounce *b, const struct dma_dev *dev, uint32_t n, bool free)
{
	const uint32_t per_chunk = 1u << (b->chunk_shift - SLOT_SHIFT);
	const uint64_t len = (uint64_t)n << SLOT_SHIFT;

	for (uint32_t slot = 0; slot < b->n_slots; slot += 2) {
		uint64_t iova;
		uint64_t va = (uintptr_t)slot_at(b, slot, &iova);

		if (per_chunk - slot % per_chunk < n || ((va | iova) & (len - 1)) != 0)
			continue;
		if ((!free || count_free(b, slot, n) == n) &&
			dev_check_coherent(dev, dev_to_bus(dev, iova), len))
			return slot;
	}
	return NO_SLOT;
}

int
bounce_take_block(
	struct bounce *b, const struct dma_dev *dev, unsigned int lcore, uint32_t n, uint32_t *slot)
{
	int error = 0;

	/* where slots are never changes */
	if (find_block(b, dev, n, false) == NO_SLOT)
		return ERANGE;
	/* what this lcore has at hand may be a part of it */
	for (uint32_t run = 1; run <= RUN_SIZES; run++) {
		struct at_hand *h = at_hand_of(b, lcore, run);

		if (h != NULL)
			put_back(b, h, run, h->n);
	}
	lock_take(&b->lock);
	*slot = find_block(b, dev, n, true);
	if (*slot != NO_SLOT) {
		take_run(b, *slot, n);
	} else {
		note_full(b);
		error = ENOMEM;
	}
	lock_drop(&b->lock);
	return error;
}

void
bounce_give_block(struct bounce *b, uint32_t slot, uint32_t n)
{
	lock_take(&b->lock);
	give_locked(b, slot, n);
	lock_drop(&b->lock);
}
