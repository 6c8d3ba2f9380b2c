/* SPDX-License-Identifier: BSD-3-Clause */

/* devargs of dma_edu: what they become, and that those that are wrong are refused with those that
 * are valid. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <rte_common.h>
#include <rte_log.h>

#include "edu_args.h"

static void
without_any_the_defaults_hold(void **state)
{
	static const char *const none[] = {NULL, ""};

	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(none); i++) {
		struct edu_args args = {.verify = true};

		assert_int_equal(edu_args_parse("edu", none[i], &args), 0);
		assert_int_equal(args.map, EDU_MAP_WINDOW);
		assert_int_equal(args.address_bits, 28);
		assert_int_equal(args.timeout_ms, 2000);
		assert_false(args.verify);
	}
}

static void
each_is_taken_up_to_its_bounds(void **state)
{
	struct edu_args args;

	(void)state;
	assert_int_equal(edu_args_parse("edu", "map=eal,mask=12,timeout=1,verify=1", &args), 0);
	assert_int_equal(args.map, EDU_MAP_EAL);
	assert_int_equal(args.address_bits, 12);
	assert_int_equal(args.timeout_ms, 1);
	assert_true(args.verify);
	assert_int_equal(
		edu_args_parse("edu", "verify=0,timeout=60000,mask=64,map=strict", &args), 0);
	assert_int_equal(args.map, EDU_MAP_STRICT);
	assert_int_equal(args.address_bits, 64);
	assert_int_equal(args.timeout_ms, 60000);
	assert_false(args.verify);
}

static void
wrong_ones_are_refused_with_those_that_are_valid(void **state)
{
	static const char *const wrong[] = {"map=x", "map=", "map", "map=windows", "mask=99",
		"mask=11", "mask=", "mask=-1", "mask=28x", "mask= 28", "timeout=0", "timeout=60001",
		"timeout=99999999999999999999", "verify=2", "verify=yes", "speed=11",
		"map=eal,mask=65", "="};

	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(wrong); i++) {
		struct edu_args args;
		size_t size;
		char *text;
		FILE *log = open_memstream(&text, &size);

		assert_non_null(log);
		assert_int_equal(rte_openlog_stream(log), 0);
		const int ret = edu_args_parse("edu7", wrong[i], &args);
		rte_openlog_stream(NULL);
		fclose(log);
		if (ret != -EINVAL)
			fail_msg("'%s' is taken", wrong[i]);
		if (strstr(text, "edu7") == NULL || strstr(text, wrong[i]) == NULL ||
			strstr(text, EDU_ARGS_HELP) == NULL)
			fail_msg("of '%s' the log says: %s", wrong[i], text);
		free(text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_any_the_defaults_hold),
		cmocka_unit_test(each_is_taken_up_to_its_bounds),
		cmocka_unit_test(wrong_ones_are_refused_with_those_that_are_valid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
