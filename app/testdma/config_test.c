/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config.h"
#include "options.h"

static struct config config;

static int
fresh(void **state)
{
	(void)state;
	config_defaults(&config);
	return 0;
}

static int
apply(const char *name, const char *value)
{
	const struct setting *s = setting_find(name);

	assert_non_null(s);
	return s->set(&config, value);
}

static void
sizes_take_powers_of_1024(void **state)
{
	uint64_t size;

	(void)state;
	assert_int_equal(parse_size("0", 100, &size), 0);
	assert_int_equal(size, 0);
	assert_int_equal(parse_size("4k", 1 << 20, &size), 0);
	assert_int_equal(size, 4096);
	assert_int_equal(parse_size("1M", 1 << 20, &size), 0);
	assert_int_equal(size, 1 << 20);
	assert_int_equal(parse_size("16777216m", UINT64_MAX, &size), 0);
	assert_int_equal(size, UINT64_C(1) << 44);
}

static void
what_is_no_size_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"k",
		"-1",
		"+1",
		" 1",
		"1 ",
		"4kb",
		"0x10",
		"1.5k",
		"101",
		"1k",
		"18446744073709551616",
		"18014398509481984k",
	};
	uint64_t size = 42;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(parse_size(bad[i], 100, &size), -EINVAL);
	assert_int_equal(size, 42);
}

static void
bounds_are_kept(void **state)
{
	static const struct {
		const char *name, *least, *most, *below, *above;
	} cases[] = {
		{"size", "0", "64m", "-1", "65m"},
		{"batch", "1", "1024", "0", "1025"},
		{"qdepth", "1", "32768", "0", "32769"},
		{"segments", "1", "16", "0", "17"},
		{"vchans", "1", "64", "0", "65"},
		{"retries", "0", "100", "-1", "101"},
		{"window", "1", "1048576g", "0", "1048577g"},
		{"window", "0+1", "1048576g+1", "+1", "1k+"},
		{"stall", "1", "3600", "0", "3601"},
		{"offset", "0", "4095", "-1", "4096"},
		{"rounds", "1", "101", "0", "102"},
		{"duration-ms", "1", "60000", "0", "60001"},
		{"mask", "12", "64", "11", "65"},
		{"burst", "1", "1024", "0", "1025"},
		{"threads", "1", "128", "0", "129"},
		{"buffers", "1", "1048576", "0", "1048577"},
		{"area", "1m", "16384m", "1023k", "16385m"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(apply(cases[i].name, cases[i].least), 0);
		assert_int_equal(apply(cases[i].name, cases[i].most), 0);
		assert_int_equal(apply(cases[i].name, cases[i].below), -EINVAL);
		assert_int_equal(apply(cases[i].name, cases[i].above), -EINVAL);
	}
	assert_int_equal(config.size, 64 << 20);
	assert_int_equal(config.batch, 1024);
}

static void
a_bad_value_changes_nothing(void **state)
{
	struct config before;

	(void)state;
	before = config;
	for (const struct setting *s = settings; s->name != NULL; s++) {
		assert_int_equal(s->set(&config, "no,such,,thing"), -EINVAL);
		assert_int_equal(s->set(&config, ""), -EINVAL);
	}
	assert_memory_equal(&before, &config, sizeof(config));
}

static void
ranges_of_sizes_double(void **state)
{
	(void)state;
	assert_int_equal(apply("sizes", "100,64-1k,3"), 0);
	assert_int_equal(config.nb_sizes, 7);
	assert_int_equal(config.sizes[0], 100);
	assert_int_equal(config.sizes[1], 64);
	assert_int_equal(config.sizes[5], 1024);
	assert_int_equal(config.sizes[6], 3);
	assert_int_equal(apply("sizes", "1k-64"), -EINVAL);
	assert_int_equal(apply("sizes", "0-64"), -EINVAL);
	assert_int_equal(apply("sizes", "32m"), -EINVAL);
}

static void
lists_know_their_members(void **state)
{
	(void)state;
	assert_int_equal(list_has("0,2-4", 0), 1);
	assert_int_equal(list_has("0,2-4", 1), 0);
	assert_int_equal(list_has("0,2-4", 2), 1);
	assert_int_equal(list_has("0,2-4", 4), 1);
	assert_int_equal(list_has("0,2-4", 5), 0);
	assert_int_equal(list_has("all", 77), 1);
	assert_int_equal(list_has("4-2", 3), -EINVAL);
	assert_int_equal(list_has("1,x", 1), -EINVAL);
	assert_int_equal(list_has("", 0), -EINVAL);
}

static void
arguments_belong_to_eal_or_to_us(void **state)
{
	char *both[] = {"prog", "-l", "0", "--", "--bench"};
	char *ours[] = {"prog", "--bench", "--sizes", "64"};
	char *ours_with_value[] = {"prog", "--sizes=64"};
	char *eals[] = {"prog", "--vdev", "dma_dad0"};
	char *none[] = {"prog"};
	char *nothing_for_eal[] = {"prog", "--", "--bench"};

	(void)state;
	assert_int_equal(options_begin(5, both), 4);
	assert_int_equal(options_begin(4, ours), 1);
	assert_int_equal(options_begin(2, ours_with_value), 1);
	assert_int_equal(options_begin(3, eals), 3);
	assert_int_equal(options_begin(1, none), 1);
	assert_int_equal(options_begin(3, nothing_for_eal), 2);
}

static void
what_to_do_is_one_thing(void **state)
{
	char *two[] = {"prog", "--bench", "--input", "a", "--output", "b"};
	char *half[] = {"prog", "--input", "a"};
	char *json[] = {"prog", "--json"};
	char *rest[] = {"prog", "--bench", "fast"};
	char *good[] = {"prog", "--input", "a", "--output", "b", "--size", "1k"};

	(void)state;
	assert_int_equal(options_parse(&config, 6, two), OPTIONS_BAD);
	fresh(NULL);
	assert_int_equal(options_parse(&config, 3, half), OPTIONS_BAD);
	fresh(NULL);
	assert_int_equal(options_parse(&config, 2, json), OPTIONS_BAD);
	fresh(NULL);
	assert_int_equal(options_parse(&config, 3, rest), OPTIONS_BAD);
	fresh(NULL);
	assert_int_equal(options_parse(&config, 7, good), OPTIONS_OK);
	assert_int_equal(config.size, 1024);
	assert_string_equal(config.output, "b");
}

static void
lists_of_mapbench_become_bits(void **state)
{
	(void)state;
	assert_int_equal(apply("kinds", "single,iova"), 0);
	assert_int_equal(config.map.kinds, 1u << MAP_SINGLE | 1u << MAP_IOVA);
	assert_int_equal(apply("rungs", "bounce"), 0);
	assert_int_equal(config.map.rungs, 1u << MAP_BOUNCE);
	assert_int_equal(apply("dir", "from-device"), 0);
	assert_int_equal(config.map.dir, 2);
	assert_int_equal(apply("dir", "none"), -EINVAL);
	assert_int_equal(config.map.dir, 2);
}

/* The benchmark of mappings has other defaults, and the user has the last word. */
static void
what_the_user_says_is_kept(void **state)
{
	char *plain[] = {"prog", "--mapbench"};
	char *said[] = {"prog", "--rounds", "5", "--batch", "32", "--mapbench", "--sizes", "8k"};
	char *large[] = {"prog", "--mapbench", "--sizes", "64,2m"};

	(void)state;
	assert_int_equal(options_parse(&config, 2, plain), OPTIONS_OK);
	assert_int_equal(config.rounds, 9);
	assert_int_equal(config.batch, 256);
	assert_int_equal(config.nb_sizes, 3);
	fresh(NULL);
	assert_int_equal(options_parse(&config, 8, said), OPTIONS_OK);
	assert_int_equal(config.rounds, 5);
	assert_int_equal(config.batch, 32);
	assert_int_equal(config.nb_sizes, 1);
	assert_int_equal(config.duration_ms, 5);
	assert_true(setting_given(&config, "rounds"));
	assert_false(setting_given(&config, "duration-ms"));
	fresh(NULL);
	assert_int_equal(options_parse(&config, 4, large), OPTIONS_BAD);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_take_powers_of_1024),
		cmocka_unit_test(what_is_no_size_is_refused),
		cmocka_unit_test_setup(bounds_are_kept, fresh),
		cmocka_unit_test_setup(a_bad_value_changes_nothing, fresh),
		cmocka_unit_test_setup(ranges_of_sizes_double, fresh),
		cmocka_unit_test(lists_know_their_members),
		cmocka_unit_test(arguments_belong_to_eal_or_to_us),
		cmocka_unit_test_setup(what_to_do_is_one_thing, fresh),
		cmocka_unit_test_setup(lists_of_mapbench_become_bits, fresh),
		cmocka_unit_test_setup(what_the_user_says_is_kept, fresh),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
