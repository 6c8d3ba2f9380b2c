/* SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "spread.h"

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
a_value_beside_infinity_stays_what_it_is(void **state)
{
	const double values[] = {1, 3, INFINITY};

	(void)state;
	assert_true(spread_quantile(values, 3, 0) == 1);
	assert_true(spread_quantile(values, 3, 0.5) == 3);
	assert_true(spread_quantile(values, 3, 0.75) == INFINITY);
	assert_true(spread_quantile(values, 3, 1) == INFINITY);
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
		cmocka_unit_test(the_median_lies_in_the_middle),
		cmocka_unit_test(a_value_beside_infinity_stays_what_it_is),
		cmocka_unit_test(the_geometric_mean_of_a_ratio_and_its_inverse_is_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
