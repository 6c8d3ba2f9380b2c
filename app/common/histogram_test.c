/* SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "histogram.h"

static struct histogram h;

static int
empty(void **state)
{
	(void)state;
	memset(&h, 0, sizeof(h));
	return 0;
}

static void
assert_near(double value, double expected, double tolerance)
{
	if (fabs(value - expected) > tolerance)
		fail_msg("%g is not within %g of %g", value, tolerance, expected);
}

static void
buckets_are_ascending_and_in_bounds(void **state)
{
	unsigned int last = 0;

	(void)state;
	for (uint64_t v = 0; v < 100000; v++) {
		unsigned int b = histogram_bucket(v);

		assert_true(b == last || b == last + 1);
		last = b;
	}
	for (unsigned int bit = 17; bit < 64; bit++) {
		unsigned int b = histogram_bucket(UINT64_C(1) << bit);

		assert_true(b > last);
		assert_int_equal(histogram_bucket((UINT64_C(1) << bit) - 1), b - 1);
		last = b;
	}
	assert_int_equal(histogram_bucket(UINT64_MAX), HISTOGRAM_BUCKETS - 1);
}

static void
nothing_has_no_figures(void **state)
{
	(void)state;
	assert_near(histogram_mean(&h), 0, 0);
	assert_near(histogram_deviation(&h), 0, 0);
	assert_near(histogram_quantile(&h, 0.5), 0, 0);
}

static void
one_value_is_all_quantiles(void **state)
{
	static const uint64_t values[] = {0, 1, 63, 64, 65, 1000003, UINT64_C(1) << 62};

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		double v = values[i];

		empty(state);
		histogram_add(&h, values[i]);
		for (double part = 0; part <= 1; part += 0.25)
			assert_near(histogram_quantile(&h, part), v, v / 64);
		assert_near(histogram_mean(&h), v, 0);
		assert_near(histogram_deviation(&h), 0, 0);
		assert_int_equal(h.max, values[i]);
	}
}

static int
ascending(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Against all values, sorted; spread over many powers of two. */
static void
quantiles_are_within_a_64th(void **state)
{
	enum { N = 20000 };
	static uint64_t values[N];
	double sum = 0, squares = 0;

	(void)state;
	srandom(7);
	for (unsigned int i = 0; i < N; i++) {
		values[i] = random() >> (random() % 28);
		histogram_add(&h, values[i]);
		sum += values[i];
	}
	for (unsigned int i = 0; i < N; i++)
		squares += (values[i] - sum / N) * (values[i] - sum / N);
	qsort(values, N, sizeof(values[0]), ascending);
	for (unsigned int percent = 1; percent <= 100; percent++) {
		double exact = values[percent * N / 100 - 1];

		assert_near(histogram_quantile(&h, percent / 100.0), exact, exact / 64 + 1e-9);
	}
	assert_near(histogram_mean(&h), sum / N, sum / N * 1e-9);
	assert_near(histogram_deviation(&h), sqrt(squares / N), sqrt(squares / N) * 1e-6);
	assert_int_equal(h.max, values[N - 1]);
}

static void
merging_is_adding_to_one(void **state)
{
	static struct histogram parts[2], sum;

	(void)state;
	for (unsigned int i = 0; i < 1000; i++) {
		uint64_t v = (uint64_t)i * i * i;

		histogram_add(&parts[i % 2], v);
		histogram_add(&h, v);
	}
	histogram_merge(&sum, &parts[0]);
	histogram_merge(&sum, &parts[1]);
	assert_int_equal(sum.count, h.count);
	assert_int_equal(sum.max, h.max);
	assert_near(sum.sum, h.sum, 0);
	assert_near(sum.squares, h.squares, h.squares * 1e-12);
	assert_memory_equal(sum.bucket, h.bucket, sizeof(h.bucket));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(buckets_are_ascending_and_in_bounds),
		cmocka_unit_test_setup(nothing_has_no_figures, empty),
		cmocka_unit_test(one_value_is_all_quantiles),
		cmocka_unit_test_setup(quantiles_are_within_a_64th, empty),
		cmocka_unit_test_setup(merging_is_adding_to_one, empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
