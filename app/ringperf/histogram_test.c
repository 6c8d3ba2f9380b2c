/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <rte_common.h>

#include "histogram.h"
#include "spread.h"

static struct histogram h;

static void
a_value_is_known_to_one_in_64(void **state)
{
	(void)state;
	for (unsigned int bit = 0; bit < 64; bit++) {
		for (uint64_t more = 0; more < 5; more++) {
			const uint64_t value = (UINT64_C(1) << bit) + (more << bit) / 5;

			memset(&h, 0, sizeof(h));
			histogram_add(&h, value);
			const double got = histogram_quantile(&h, 0.5);
			assert_true(got >= (double)value * (1 - 1. / 64));
			assert_true(got <= (double)value * (1 + 1. / 64));
		}
	}
}

static void
zero_and_the_largest_value_have_a_bucket(void **state)
{
	(void)state;
	memset(&h, 0, sizeof(h));
	histogram_add(&h, 0);
	histogram_add(&h, UINT64_MAX);
	assert_int_equal(h.total, 2);
	assert_int_equal(h.count[0], 1);
	assert_int_equal(h.count[HISTOGRAM_BUCKETS - 1], 1);
}

static void
quantiles_are_those_of_the_values(void **state)
{
	(void)state;
	memset(&h, 0, sizeof(h));
	assert_true(histogram_quantile(&h, 0.5) == 0);
	for (uint64_t v = 1; v <= 1000; v++)
		histogram_add(&h, v);
	const double shares[] = {0.001, 0.5, 0.99, 0.999, 1};
	for (size_t i = 0; i < RTE_DIM(shares); i++) {
		const double got = histogram_quantile(&h, shares[i]);

		assert_true(got >= shares[i] * 1000 * (1 - 1. / 64));
		assert_true(got <= shares[i] * 1000 * (1 + 1. / 64));
	}
}

static void
merged_counts_are_counts_of_both(void **state)
{
	static struct histogram other;

	(void)state;
	memset(&h, 0, sizeof(h));
	for (int i = 0; i < 90; i++)
		histogram_add(&h, 10);
	for (int i = 0; i < 10; i++)
		histogram_add(&other, 50);
	histogram_merge(&h, &other);
	assert_int_equal(h.total, 100);
	assert_true(histogram_quantile(&h, 0.9) == 10);
	assert_true(histogram_quantile(&h, 0.91) == 50);
}

static void
the_median_lies_in_the_middle(void **state)
{
	double odd[] = {5, 1, 3}, even[] = {4, 1, 2, 3};

	(void)state;
	spread_sort(odd, 3);
	assert_true(spread_quantile(odd, 3, 0.5) == 3);
	spread_sort(even, 4);
	assert_true(spread_quantile(even, 4, 0.5) == 2.5);
	assert_true(spread_quantile(even, 4, 0) == 1);
	assert_true(spread_quantile(even, 4, 1) == 4);
	assert_true(spread_quantile(even, 1, 0.75) == 1);
}

static void
the_geometric_mean_of_a_ratio_and_its_inverse_is_one(void **state)
{
	const double values[] = {4, 0.25}, others[] = {2, 8};

	(void)state;
	assert_true(spread_geometric_mean(values, 2) > 0.999999);
	assert_true(spread_geometric_mean(values, 2) < 1.000001);
	assert_true(spread_geometric_mean(others, 2) > 3.999999);
	assert_true(spread_geometric_mean(others, 2) < 4.000001);
	assert_true(spread_geometric_mean(values, 0) == 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_value_is_known_to_one_in_64),
		cmocka_unit_test(zero_and_the_largest_value_have_a_bucket),
		cmocka_unit_test(quantiles_are_those_of_the_values),
		cmocka_unit_test(merged_counts_are_counts_of_both),
		cmocka_unit_test(the_median_lies_in_the_middle),
		cmocka_unit_test(the_geometric_mean_of_a_ratio_and_its_inverse_is_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
