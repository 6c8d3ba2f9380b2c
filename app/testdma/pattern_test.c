/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "pattern.h"

#define SIZE 100 /* no multiple of a word */

static uint8_t area[PATTERN_GUARD + SIZE + PATTERN_GUARD];
static uint8_t *const buf = area + PATTERN_GUARD;

static const struct pattern kinds[] = {
	{.seed = 7, .repeat = false},
	{.seed = UINT64_C(0x0123456789abcdef), .repeat = true},
};

static void
what_was_written_is_right(void **state)
{
	struct mismatch m;

	(void)state;
	for (size_t k = 0; k < 2; k++) {
		for (size_t length = 0; length <= SIZE; length++) {
			pattern_write(buf, length, kinds[k]);
			assert_true(pattern_check(buf, length, kinds[k], &m));
			assert_null(m.at);
		}
	}
}

static void
every_single_wrong_byte_is_found(void **state)
{
	struct mismatch m;

	(void)state;
	for (size_t k = 0; k < 2; k++) {
		pattern_write(buf, SIZE, kinds[k]);
		for (size_t i = 0; i < SIZE; i++) {
			uint8_t right = buf[i];

			buf[i] ^= 0x10;
			assert_false(pattern_check(buf, SIZE, kinds[k], &m));
			assert_ptr_equal(m.at, buf + i);
			assert_int_equal(m.offset, i);
			assert_int_equal(m.expected, right);
			assert_int_equal(m.found, right ^ 0x10);
			buf[i] = right;
		}
	}
}

static void
the_first_of_several_is_reported(void **state)
{
	struct mismatch m;

	(void)state;
	pattern_write(buf, SIZE, kinds[0]);
	buf[30]++;
	buf[31]++;
	buf[99]++;
	assert_false(pattern_check(buf, SIZE, kinds[0], &m));
	assert_int_equal(m.offset, 30);
}

static void
no_spoilt_byte_looks_right(void **state)
{
	uint8_t good[SIZE];

	(void)state;
	for (size_t k = 0; k < 2; k++) {
		pattern_write(good, SIZE, kinds[k]);
		pattern_spoil(buf, SIZE, kinds[k]);
		for (size_t i = 0; i < SIZE; i++)
			assert_int_not_equal(good[i], buf[i]);
	}
}

static void
another_seed_or_a_shift_is_found(void **state)
{
	const struct pattern other = {.seed = 8};
	struct mismatch m;

	(void)state;
	pattern_write(buf, SIZE, kinds[0]);
	assert_false(pattern_check(buf, SIZE, other, &m));
	memmove(buf, buf + 8, SIZE - 8);
	assert_false(pattern_check(buf, SIZE - 8, kinds[0], &m));
	/* neighbours in a row of buffers share nothing at any whole number of words */
	for (size_t i = 0; i < SIZE / 8; i++) {
		pattern_write(buf, SIZE, kinds[0]);
		assert_false(pattern_check(buf + 8 * i, 8, other, &m));
	}
}

static void
each_guard_byte_is_watched(void **state)
{
	struct mismatch m;

	(void)state;
	pattern_guard(buf, SIZE);
	assert_true(pattern_guard_check(buf, SIZE, &m));
	pattern_write(buf, SIZE, kinds[0]);
	assert_true(pattern_guard_check(buf, SIZE, &m));
	for (size_t i = 0; i < sizeof(area); i++) {
		if (i >= PATTERN_GUARD && i < PATTERN_GUARD + SIZE)
			continue;
		area[i] ^= 1;
		assert_false(pattern_guard_check(buf, SIZE, &m));
		assert_ptr_equal(m.at, area + i);
		area[i] ^= 1;
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_written_is_right),
		cmocka_unit_test(every_single_wrong_byte_is_found),
		cmocka_unit_test(the_first_of_several_is_reported),
		cmocka_unit_test(no_spoilt_byte_looks_right),
		cmocka_unit_test(another_seed_or_a_shift_is_found),
		cmocka_unit_test(each_guard_byte_is_watched),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
