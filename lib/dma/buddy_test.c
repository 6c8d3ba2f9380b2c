/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "buddy.h"

#define ORDER 9u
#define PAGES (1u << ORDER)

/* Is there a free, aligned run of 2^order pages? */
static bool
oracle_has_room(const bool *taken, unsigned int order)
{
	for (unsigned int at = 0; at < PAGES; at += 1u << order) {
		unsigned int n = 0;

		while (n < 1u << order && !taken[at + n])
			n++;
		if (n == 1u << order)
			return true;
	}
	return false;
}

/* Blocks are aligned, never overlap, and one is refused only when there is truly no room. */
static void
agrees_with_a_bitmap(void **state)
{
	struct {
		uint32_t page;
		unsigned int order;
	} live[PAGES];
	bool taken[PAGES] = {false};
	unsigned int n_live = 0;
	struct buddy *b = buddy_create(ORDER);

	(void)state;
	assert_non_null(b);
	srand(2);
	for (unsigned int round = 0; round < 200000; round++) {
		bool filling = (round / 500) % 2 == 0;

		if (n_live > 0 && rand() % 8 < (filling ? 3 : 5)) {
			unsigned int i = (unsigned int)rand() % n_live;

			assert_true(buddy_give(b, live[i].page, live[i].order));
			memset(&taken[live[i].page], 0, 1u << live[i].order);
			live[i] = live[--n_live];
			continue;
		}
		unsigned int order =
			(unsigned int)__builtin_ctz((unsigned int)rand() | 1u << ORDER);
		bool room = oracle_has_room(taken, order);
		uint32_t page = buddy_take(b, order);

		assert_int_equal(page != BUDDY_NONE, room);
		if (!room)
			continue;
		assert_int_equal(page % (1u << order), 0);
		for (unsigned int i = 0; i < 1u << order; i++) {
			assert_false(taken[page + i]);
			taken[page + i] = true;
		}
		live[n_live].page = page;
		live[n_live++].order = order;
	}
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
