/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "stream.h"

#define WINDOW 64u
#define PIECE  16u

static uint8_t buf[PIECE];

/* What the stream has at a position. */
static const uint8_t *
at(uint64_t position)
{
	for (uint64_t i = 0; i < PIECE; i++)
		buf[i] = (uint8_t)((position + i) / 8 >> (position + i) % 8 * 8);
	return buf;
}

static void
laps_without_a_gap_are_good(void **state)
{
	struct stream s = {.window = WINDOW};
	struct mismatch m;
	uint64_t lost;

	(void)state;
	for (uint64_t p = 0; p < 100 * WINDOW; p += PIECE) {
		assert_true(stream_take(&s, at(p), PIECE, p % WINDOW, true, &lost, &m));
		assert_int_equal(lost, 0);
		assert_int_equal(s.next, p + PIECE);
	}
}

static void
gaps_are_counted_to_the_byte(void **state)
{
	struct stream s = {.window = WINDOW};
	struct mismatch m;
	uint64_t lost;

	(void)state;
	assert_true(stream_take(&s, at(0), PIECE, 0, true, &lost, &m));
	assert_true(stream_take(&s, at(16 + 3 * WINDOW), PIECE, 16, true, &lost, &m));
	assert_int_equal(lost, 3 * WINDOW);
	/* an address left out */
	assert_true(stream_take(&s, at(48 + 3 * WINDOW), PIECE, 48, false, &lost, &m));
	assert_int_equal(lost, PIECE);
}

/* Twice the same passage, another address's bytes, or bytes of no word. */
static void
what_the_stream_cannot_have_is_wrong(void **state)
{
	struct stream s = {.window = WINDOW};
	struct mismatch m;
	uint64_t lost;

	(void)state;
	assert_true(stream_take(&s, at(WINDOW), PIECE, 0, true, &lost, &m));
	assert_false(stream_take(&s, at(0), PIECE, 0, false, &lost, &m));
	assert_int_equal(lost, 0);
	assert_false(stream_take(&s, at(4 * WINDOW), PIECE, 16, false, &lost, &m));
	memset(buf, 0xff, sizeof(buf));
	assert_false(stream_take(&s, buf, PIECE, 0, false, &lost, &m));
	assert_int_equal(lost, 0);
}

/* In the first word, which says where the others are from, it may look as if these were wrong. */
static void
the_first_wrong_byte_is_found(void **state)
{
	(void)state;
	for (unsigned int i = 8; i < PIECE; i++) {
		struct stream s = {.window = WINDOW};
		struct mismatch m;
		uint64_t lost;

		at(0);
		buf[i] ^= 0x80;
		assert_false(stream_take(&s, buf, PIECE, 0, true, &lost, &m));
		assert_int_equal(m.offset, i);
		assert_ptr_equal(m.at, buf + i);
		assert_int_equal(m.found ^ m.expected, 0x80);
		/* and the next piece is judged by itself */
		assert_true(stream_take(&s, at(PIECE), PIECE, PIECE, true, &lost, &m));
	}
}

static void
a_wrong_first_word_is_found_and_no_gap(void **state)
{
	(void)state;
	for (unsigned int bit = 0; bit < 64; bit++) {
		struct stream s = {.window = WINDOW};
		struct mismatch m;
		uint64_t lost;

		at(0);
		buf[bit / 8] ^= 1 << bit % 8;
		assert_false(stream_take(&s, buf, PIECE, 0, true, &lost, &m));
		assert_int_equal(lost, 0);
		assert_true(stream_take(&s, at(PIECE), PIECE, PIECE, true, &lost, &m));
		assert_int_equal(lost, 0);
	}
}

static void
only_the_first_word_is_looked_at_if_not_all(void **state)
{
	struct stream s = {.window = WINDOW};
	struct mismatch m;
	uint64_t lost;

	(void)state;
	at(0);
	buf[PIECE - 1] ^= 1;
	assert_true(stream_take(&s, buf, PIECE, 0, false, &lost, &m));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(laps_without_a_gap_are_good),
		cmocka_unit_test(gaps_are_counted_to_the_byte),
		cmocka_unit_test(what_the_stream_cannot_have_is_wrong),
		cmocka_unit_test(the_first_wrong_byte_is_found),
		cmocka_unit_test(a_wrong_first_word_is_found_and_no_gap),
		cmocka_unit_test(only_the_first_word_is_looked_at_if_not_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
