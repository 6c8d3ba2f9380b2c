/* SPDX-License-Identifier: BSD-3-Clause */

/* devarg lcores: which worker is on which CPU, as the kernel has it, and which lists are refused.
 */

#include <errno.h>
#include <limits.h>
#include <stdio.h>

#include "dad_cpus.h"
#include "test_device.h"
#include "test_log.h"
#include "test_threads.h"

/* The CPUs that a thread of this process may be pinned to, in order. */
static int cpus[CPU_SETSIZE];
static int nb_cpus;

static int
find_cpus(void **state)
{
	cpu_set_t before, set;

	(void)state;
	/* of a set that is too large the kernel takes those that can be */
	memset(&set, 0xff, sizeof(set));
	if (sched_getaffinity(0, sizeof(before), &before) != 0 ||
		sched_setaffinity(0, sizeof(set), &set) != 0 ||
		sched_getaffinity(0, sizeof(set), &set) != 0 ||
		sched_setaffinity(0, sizeof(before), &before) != 0)
		return -1;
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &set))
			cpus[nb_cpus++] = cpu;
	return nb_cpus > 0 ? 0 : -1;
}

struct placed {
	const char *ending;
	cpu_set_t cpus;
};

static void
look_at(const char *name, pid_t id, void *arg)
{
	struct placed *p = arg;
	const size_t n = strlen(name), m = strlen(p->ending);

	if (n >= m && strcmp(name + n - m, p->ending) == 0 &&
		sched_getaffinity(id, sizeof(p->cpus), &p->cpus) != 0) {
		assert_int_equal(errno, ESRCH);
		CPU_ZERO(&p->cpus);
	}
}

/* The CPUs of the thread whose name ends so; none if there is no such thread, or no more. */
static cpu_set_t
cpus_of(const char *ending)
{
	struct placed p = {.ending = ending};

	CPU_ZERO(&p.cpus);
	threads_walk(look_at, &p);
	return p.cpus;
}

/* It is on this CPU alone, or not there (-1). What was joined before may be seen for a moment. */
static void
expect_on(const char *ending, int cpu)
{
	const uint64_t deadline = rte_get_timer_cycles() + 10 * rte_get_timer_hz();
	bool as_expected;
	cpu_set_t set;

	do {
		set = cpus_of(ending);
		as_expected = cpu < 0 ? CPU_COUNT(&set) == 0
				      : CPU_COUNT(&set) == 1 && CPU_ISSET(cpu, &set);
		if (!as_expected)
			rte_delay_us_sleep(1000);
	} while (!as_expected && rte_get_timer_cycles() < deadline);
	assert_true(as_expected);
}

/* Worker i of a device that was given the list is on expected[i], and nowhere else; there are n. */
static void
expect(const char *more, const char *list, const int *expected, unsigned int n)
{
	cpu_set_t before, after;
	char args[128], name[16];

	assert_int_equal(sched_getaffinity(0, sizeof(before), &before), 0);
	snprintf(args, sizeof(args), "idle=sleep,%s,lcores=%s", more, list);
	int16_t id = test_plug_with(args);
	test_configure(id, 2, 32);
	expect_on("-w0", -1);
	assert_int_equal(rte_dma_start(id), 0);
	for (unsigned int w = 0; w <= n; w++) {
		snprintf(name, sizeof(name), "-w%u", w);
		expect_on(name, w < n ? expected[w] : -1);
	}
	test_close(id);
	expect_on("-w0", -1);
	/* who starts them stays where it was */
	assert_int_equal(sched_getaffinity(0, sizeof(after), &after), 0);
	assert_true(CPU_EQUAL(&before, &after));
}

static void
workers_run_on_the_cpus_of_a_list(void **state)
{
	char list[64];

	(void)state;
	for (int i = 0; i < nb_cpus; i++) {
		const int both[] = {cpus[i], cpus[i]};

		snprintf(list, sizeof(list), "%d", cpus[i]);
		expect("engine=thread", list, both, 1);
		expect("engine=auto,workers=2", list, both, 2);
		snprintf(list, sizeof(list), "%d-%d", cpus[i], cpus[i]);
		expect("engine=thread", list, both, 1);
	}
}

static void
in_the_order_of_the_list(void **state)
{
	char list[64];

	(void)state;
	if (nb_cpus < 2)
		skip();
	const int a = cpus[0], b = cpus[nb_cpus - 1], in_turn[] = {a, b, a, b, a};
	const int turned[] = {b, a, b};

	snprintf(list, sizeof(list), "%d+%d", a, b);
	expect("engine=thread", list, in_turn, 2);
	expect("engine=auto", list, in_turn, 2);
	expect("engine=thread,pool=cpus", list, in_turn, 2);
	/* more workers than CPUs, and fewer */
	expect("engine=thread,workers=5", list, in_turn, 5);
	expect("engine=thread,workers=1", list, in_turn, 1);
	snprintf(list, sizeof(list), "%d+%d+%d", b, a, b);
	expect("engine=thread", list, turned, 3);
}

/* So many neighbours, as "1-3". */
static void
expect_range(int first, int n)
{
	char list[64];

	for (int i = 0; i + n <= nb_cpus; i++) {
		if (cpus[i] < first || cpus[i + n - 1] != cpus[i] + n - 1)
			continue;
		snprintf(list, sizeof(list), "%d-%d", cpus[i], cpus[i + n - 1]);
		expect("engine=thread", list, &cpus[i], (unsigned int)n);
		return;
	}
	print_message("no %d neighbours among the CPUs from %d on\n", n, first);
}

static void
ranges_are_all_cpus_between(void **state)
{
	(void)state;
	expect_range(0, 2);
	expect_range(1, 3);
	if (nb_cpus < 2 || cpus[1] != cpus[0] + 1)
		return;
	const int three[] = {cpus[0], cpus[1], cpus[0]};
	char list[64];

	snprintf(list, sizeof(list), "%d-%d+%d", cpus[0], cpus[1], cpus[0]);
	expect("engine=thread", list, three, 3);
}

/* What the log says of a probe that fails; to be freed. */
static char *
refusal_of(const char *list)
{
	char args[128];

	snprintf(args, sizeof(args), "engine=thread,lcores=%s", list);
	log_begin();
	const int ret = rte_vdev_init(TEST_NAME, args);
	char *text = log_end();

	assert_int_not_equal(ret, 0);
	return text;
}

static void
a_cpu_that_is_not_there_is_named_with_those_that_are(void **state)
{
	/* where a range goes too far; the last one that a set has; and more than any has */
	const int last = cpus[nb_cpus - 1];
	static const int none[] = {CPU_SETSIZE - 1, CPU_SETSIZE, 4711, INT_MAX};
	char list[40], named[100], valid[80] = "", *text;

	(void)state;
	snprintf(list, sizeof(list), "%d-%d", last, last + 1);
	snprintf(named, sizeof(named), "lcores: CPU %d of '%s' does not exist", last + 1, list);
	text = refusal_of(list);
	assert_non_null(strstr(text, named));
	free(text);

	for (unsigned int i = 0; i < RTE_DIM(none); i++) {
		snprintf(list, sizeof(list), "%d+%d", cpus[0], none[i]);
		snprintf(named, sizeof(named), "lcores: CPU %d of '%s' does not exist", none[i],
			list);
		text = refusal_of(list);
		assert_non_null(strstr(text, named));
		const char *at = strstr(text, "valid are ");
		assert_non_null(at);
		assert_int_equal(sscanf(at, "valid are %79s", valid), 1);
		free(text);
	}
	/* which is a list that can be given, of all of them, unless there are very many */
	if (nb_cpus <= DAD_CPUS_MAX && strstr(valid, "...") == NULL)
		expect("engine=thread", valid, cpus, (unsigned int)nb_cpus);
}

static void
what_is_no_list_is_named(void **state)
{
	static const char *const wrong[] = {
		"x", "1-", "-1", "1-0", "0+", "0++0", "0 1", "0-0-0", "0:1", "0x1", "+0"};

	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(wrong); i++) {
		char *text = refusal_of(wrong[i]);

		if (strstr(text, wrong[i]) == NULL)
			fail_msg("'%s' is not in: %s", wrong[i], text);
		free(text);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(workers_run_on_the_cpus_of_a_list),
	cmocka_unit_test(in_the_order_of_the_list),
	cmocka_unit_test(ranges_are_all_cpus_between),
	cmocka_unit_test(a_cpu_that_is_not_there_is_named_with_those_that_are),
	cmocka_unit_test(what_is_no_list_is_named),
};

TEST_MAIN_WITH(tests, find_cpus, NULL)
