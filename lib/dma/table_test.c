/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "table.h"

#define PAGES 4096u /* the oracle's world: 16 MiB, which no unit boundary divides evenly */
#define BASE  (UINT64_C(0x7f0000000000) + 5 * DAD_DMA_PAGE_SIZE)

static void
an_empty_table_knows_nothing(void **state)
{
	struct dad_dma_table *t = table_create();
	uint64_t contig;

	(void)state;
	assert_non_null(t);
	for (unsigned int bit = 0; bit < 64; bit++)
		assert_int_equal(
			dad_dma_table_find(t, UINT64_C(1) << bit, &contig), DAD_DMA_ABSENT);
	assert_int_equal(dad_dma_table_find(t, 0, &contig), DAD_DMA_ABSENT);
	assert_int_equal(dad_dma_table_find(t, UINT64_MAX, &contig), DAD_DMA_ABSENT);
	assert_int_equal(table_lowest(t, 0, 0, 0), DAD_DMA_ABSENT);
	table_free(t);
}

static void
keys_of_48_bits_and_more_are_refused(void **state)
{
	struct dad_dma_table *t = table_create();
	uint64_t last = (UINT64_C(1) << 48) - DAD_DMA_PAGE_SIZE;
	uint64_t contig;

	(void)state;
	assert_int_equal(table_set(t, last, 0, DAD_DMA_PAGE_SIZE), 0);
	assert_int_equal(dad_dma_table_find(t, last + 1, &contig), 1);
	assert_int_equal(table_set(t, last, 0, 2 * DAD_DMA_PAGE_SIZE), -ERANGE);
	assert_int_equal(table_set(t, UINT64_C(1) << 48, 0, DAD_DMA_PAGE_SIZE), -ERANGE);
	assert_int_equal(table_set(t, -DAD_DMA_PAGE_SIZE, 0, 2 * DAD_DMA_PAGE_SIZE), -ERANGE);
	table_free(t);
}

/* The address 0 is a translation like any other. */
static void
the_address_zero_can_be_present(void **state)
{
	struct dad_dma_table *t = table_create();
	uint64_t contig;

	(void)state;
	assert_int_equal(table_set(t, BASE, 0, DAD_DMA_PAGE_SIZE), 0);
	assert_int_equal(dad_dma_table_find(t, BASE, &contig), 0);
	assert_int_equal(contig, DAD_DMA_PAGE_SIZE);
	assert_int_equal(table_lowest(t, 0, 0, 0), BASE);
	table_free(t);
}

/* All that the span promises, a look-up says, too. */
static void
span_is_right(const struct dad_dma_table *t)
{
	const struct dad_dma_span span = dad_dma_table_span(t);
	uint64_t contig;

	assert_int_equal(span.first % DAD_DMA_UNIT_SIZE, 0);
	assert_int_equal(span.len % DAD_DMA_UNIT_SIZE, 0);
	for (uint64_t key = span.first; key < span.first + span.len; key += DAD_DMA_PAGE_SIZE)
		assert_int_equal(dad_dma_table_find(t, key, &contig), key);
}

static void
has_span(const struct dad_dma_table *t, uint64_t first_unit, uint64_t units)
{
	const struct dad_dma_span span = dad_dma_table_span(t);

	assert_int_equal(span.len, units * DAD_DMA_UNIT_SIZE);
	if (units > 0)
		assert_int_equal(span.first, first_unit * DAD_DMA_UNIT_SIZE);
	span_is_right(t);
}

#define UNIT(n) ((uint64_t)(n)*DAD_DMA_UNIT_SIZE)

static void
set_own(struct dad_dma_table *t, uint64_t key, uint64_t len)
{
	assert_int_equal(table_set(t, key, key, len), 0);
}

/* Over leaves (512 units), too; it grows by neighbours, gives way to what is longer, and of what is
 * cut the longer end stays. */
static void
the_span_follows_own_addresses(void **state)
{
	struct dad_dma_table *t = table_create();

	(void)state;
	has_span(t, 0, 0);
	assert_int_equal(table_set(t, UNIT(500), UNIT(501), UNIT(4)), 0);
	has_span(t, 0, 0);
	set_own(t, UNIT(500), UNIT(4));
	has_span(t, 500, 4);
	set_own(t, UNIT(504), UNIT(100));
	has_span(t, 500, 104);
	set_own(t, UNIT(499) - DAD_DMA_PAGE_SIZE, UNIT(1) + DAD_DMA_PAGE_SIZE);
	has_span(t, 499, 105);
	/* apart, and shorter; then the gap is closed */
	set_own(t, UNIT(605), UNIT(20));
	has_span(t, 499, 105);
	set_own(t, UNIT(604), UNIT(1));
	has_span(t, 499, 126);
	/* apart, and longer */
	set_own(t, UNIT(1000), UNIT(127));
	has_span(t, 1000, 127);
	/* a page goes: of the two ends the longer one is left */
	assert_int_equal(table_clear(t, UNIT(1010) + DAD_DMA_PAGE_SIZE, DAD_DMA_PAGE_SIZE), 0);
	has_span(t, 1011, 116);
	assert_int_equal(table_clear(t, UNIT(1120), UNIT(100)), 0);
	has_span(t, 1011, 109);
	/* becomes another's address */
	assert_int_equal(table_set(t, UNIT(1100), 0, DAD_DMA_PAGE_SIZE), 0);
	has_span(t, 1011, 89);
	assert_int_equal(table_clear(t, 0, UNIT(2000)), 0);
	has_span(t, 0, 0);
	table_free(t);
}

/* Random sets and clears of random ranges against a flat array. */
static void
agrees_with_a_flat_array(void **state)
{
	static uint64_t oracle[PAGES];
	struct dad_dma_table *t = table_create();

	(void)state;
	memset(oracle, 0xff, sizeof(oracle));
	srand(1);
	for (unsigned int round = 0; round < 3000; round++) {
		unsigned int first = (unsigned int)rand() % PAGES;
		unsigned int n = 1 + (unsigned int)rand() % (round % 2 ? 1500 : 8);
		uint64_t key = BASE + first * DAD_DMA_PAGE_SIZE;
		/* often the key itself, so that there are stretches of own addresses */
		uint64_t address =
			rand() % 4 == 0 ? (uint64_t)(rand() % 100000) * DAD_DMA_PAGE_SIZE : key;

		if (n > PAGES - first)
			n = PAGES - first;
		if (rand() % 3 == 0) {
			assert_int_equal(table_clear(t, key, n * DAD_DMA_PAGE_SIZE), 0);
			for (unsigned int i = 0; i < n; i++)
				oracle[first + i] = DAD_DMA_ABSENT;
		} else {
			assert_int_equal(table_set(t, key, address, n * DAD_DMA_PAGE_SIZE), 0);
			for (unsigned int i = 0; i < n; i++)
				oracle[first + i] = address + i * DAD_DMA_PAGE_SIZE;
		}

		span_is_right(t);
		for (unsigned int probe = 0; probe < 200; probe++) {
			unsigned int page = (unsigned int)rand() % PAGES;
			uint64_t offset = (unsigned int)rand() % DAD_DMA_PAGE_SIZE;
			uint64_t contig = 0;
			uint64_t got = dad_dma_table_find(
				t, BASE + page * DAD_DMA_PAGE_SIZE + offset, &contig);

			if (oracle[page] == DAD_DMA_ABSENT) {
				assert_int_equal(got, DAD_DMA_ABSENT);
				continue;
			}
			assert_int_equal(got, oracle[page] + offset);
			/* what it promises to be contiguous is */
			assert_true(contig >= DAD_DMA_PAGE_SIZE - offset);
			uint64_t last = page + (offset + contig - 1) / DAD_DMA_PAGE_SIZE;
			assert_true(last < PAGES);
			assert_int_equal(
				oracle[last], oracle[page] + (last - page) * DAD_DMA_PAGE_SIZE);
		}
	}
	for (unsigned int page = 0; page < PAGES; page++)
		if (oracle[page] != DAD_DMA_ABSENT) {
			assert_int_equal(table_lowest(t, 0, 0, 0), BASE + page * DAD_DMA_PAGE_SIZE);
			break;
		}
	table_free(t);
}

static void
an_aligned_unit_is_one_word(void **state)
{
	struct dad_dma_table *t = table_create();
	uint64_t contig;

	(void)state;
	assert_int_equal(table_set(t, 0, 0x1000, 4 * DAD_DMA_UNIT_SIZE), 0);
	assert_int_equal(
		dad_dma_table_find(t, DAD_DMA_UNIT_SIZE, &contig), DAD_DMA_UNIT_SIZE + 0x1000);
	assert_int_equal(contig, DAD_DMA_UNIT_SIZE);
	assert_null(t->leaf[0]->page[1]);
	table_free(t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_table_knows_nothing),
		cmocka_unit_test(keys_of_48_bits_and_more_are_refused),
		cmocka_unit_test(the_address_zero_can_be_present),
		cmocka_unit_test(the_span_follows_own_addresses),
		cmocka_unit_test(agrees_with_a_flat_array),
		cmocka_unit_test(an_aligned_unit_is_one_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
