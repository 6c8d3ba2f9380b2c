/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "buddy.h"
#include "test_random.h"

#define ORDER 9u
#define PAGES (1u << ORDER)

#define WORDS	   (PAGES / 64)
#define OPERATIONS 10000000u

/* The oracle: a bit for each page, set where it is taken. */
static uint64_t taken[WORDS];

/* The bits of a block in the words it begins in; a larger one fills the words it has. */
static uint64_t
bits_of(uint32_t page, unsigned int order)
{
	return order < 6 ? ((UINT64_C(1) << (1u << order)) - 1) << (page % 64) : UINT64_MAX;
}

static unsigned int
words_of(unsigned int order)
{
	return order <= 6 ? 1 : 1u << (order - 6);
}

/* Is there a free, aligned run of 2^order pages? */
static bool
oracle_has_room(unsigned int order)
{
	unsigned int step = words_of(order);

	for (unsigned int at = 0; at < WORDS; at += step) {
		uint64_t all = 0;

		for (unsigned int i = 0; i < step; i++)
			all |= taken[at + i];
		if (order >= 6) {
			if (all == 0)
				return true;
			continue;
		}
		/* bits where a free run begins, then only where it may */
		uint64_t run = ~all, begins = 1;

		for (unsigned int i = 0; i < order; i++)
			run &= run >> (1u << i);
		for (unsigned int n = 1u << order; n < 64; n *= 2)
			begins |= begins << n;
		if ((run & begins) != 0)
			return true;
	}
	return false;
}

/* Blocks are aligned, never overlap, and one is refused only when there is truly no room. */
static void
agrees_with_a_bitmap(void **state)
{
	static struct {
		uint32_t page;
		unsigned int order;
	} live[PAGES];
	unsigned int n_live = 0, refused = 0;
	struct buddy *b = buddy_create(ORDER);

	(void)state;
	assert_non_null(b);
	for (unsigned int round = 0; round < OPERATIONS; round++) {
		bool filling = (round / 500) % 2 == 0;

		if (n_live > 0 && below(8) < (filling ? 3 : 5)) {
			unsigned int i = (unsigned int)below(n_live);
			unsigned int order = live[i].order;
			uint32_t page = live[i].page;

			assert_true(buddy_give(b, page, order));
			for (unsigned int w = 0; w < words_of(order); w++)
				taken[page / 64 + w] &= ~bits_of(page, order);
			live[i] = live[--n_live];
			continue;
		}
		unsigned int order = (unsigned int)__builtin_ctzll(below(2 * PAGES) | PAGES);
		bool room = oracle_has_room(order);
		uint32_t page = buddy_take(b, order);

		if ((page != BUDDY_NONE) != room)
			fail_msg("operation %u: order %u, page %u", round, order, page);
		if (!room) {
			refused++;
			continue;
		}
		if (page >= PAGES || page % (1u << order) != 0)
			fail_msg("operation %u: order %u, page %u", round, order, page);
		for (unsigned int w = 0; w < words_of(order); w++) {
			if ((taken[page / 64 + w] & bits_of(page, order)) != 0)
				fail_msg("operation %u: page %u was taken", round, page);
			taken[page / 64 + w] |= bits_of(page, order);
		}
		live[n_live].page = page;
		live[n_live++].order = order;
	}
	assert_in_range(refused, OPERATIONS / 100, OPERATIONS / 2);
	while (n_live-- > 0)
		assert_true(buddy_give(b, live[n_live].page, live[n_live].order));
	assert_true(buddy_is_empty(b));
	assert_int_equal(buddy_take(b, ORDER), 0);
	buddy_destroy(b);
}

static void
what_was_not_taken_so_is_not_given_back(void **state)
{
	struct buddy *b = buddy_create(4);

	(void)state;
	assert_int_equal(buddy_take(b, 2), 0);
	assert_false(buddy_give(b, 0, 1));
	assert_false(buddy_give(b, 0, 3));
	assert_false(buddy_give(b, 1, 0));
	assert_false(buddy_give(b, 4, 2));
	assert_false(buddy_give(b, 16, 0));
	assert_false(buddy_give(b, 0, 5));
	assert_true(buddy_give(b, 0, 2));
	assert_false(buddy_give(b, 0, 2));
	assert_true(buddy_is_empty(b));
	buddy_destroy(b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agrees_with_a_bitmap),
		cmocka_unit_test(what_was_not_taken_so_is_not_given_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
