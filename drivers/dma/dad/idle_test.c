/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What a worker does that has nothing to do: with idle=sleep it sleeps no longer at a time than it
 * is said to, and it does not begin a second time with something left to do. So what is submitted
 * is done after one such time at the latest, whenever it comes and without another call.
 *
 * The C library's function is ours here: it is told of each time a worker is about to sleep.
 */

#include <errno.h>
#include <sys/prctl.h>
#include <time.h>

#include "test_device.h"

#define ROUNDS	 5000
#define ROUNDS_S 3

static struct {
	/* the worker's, for others to read */
	uint64_t naps;	  /* times it was about to sleep */
	uint64_t over;	  /* of these, with something to do */
	uint64_t longest; /* ns that were asked for */
	uint64_t slack;	  /* ns that the kernel may take longer, at most */
	bool held;
	/* the test's, for the worker to read */
	bool hold;	     /* it comes to stand where it is about to sleep */
	uint64_t asked;	     /* what was submitted last */
	uint64_t none;	     /* what was done last, where there is no device */
	const uint64_t *did; /* what was done last */
} seen = {.did = &seen.none};

static uint64_t
peek(const uint64_t *value)
{
	return __atomic_load_n(value, __ATOMIC_ACQUIRE);
}

static void
put(uint64_t *value, uint64_t to)
{
	__atomic_store_n(value, to, __ATOMIC_RELEASE);
}

static bool
is_up(const bool *flag)
{
	return __atomic_load_n(flag, __ATOMIC_ACQUIRE);
}

static void
set(bool *flag, bool up)
{
	__atomic_store_n(flag, up, __ATOMIC_RELEASE);
}

static void
rest(void)
{
	const struct timespec nap = {.tv_nsec = 20000};

	clock_nanosleep(CLOCK_MONOTONIC, 0, &nap, NULL);
}

static void
about_to_sleep(const struct timespec *time)
{
	const uint64_t ns = (uint64_t)time->tv_sec * 1000000000 + (uint64_t)time->tv_nsec;

	/* not for ever, whatever becomes of the test */
	for (unsigned int i = 0; is_up(&seen.hold) && i < 200000; i++) {
		set(&seen.held, true);
		rest();
	}
	set(&seen.held, false);
	put(&seen.longest, RTE_MAX(seen.longest, ns));
	put(&seen.slack, RTE_MAX(seen.slack, (uint64_t)prctl(PR_GET_TIMERSLACK)));
	if (peek(&seen.asked) > peek(__atomic_load_n(&seen.did, __ATOMIC_ACQUIRE)))
		put(&seen.over, seen.over + 1);
	put(&seen.naps, seen.naps + 1);
}

/* Of all threads of the program; workers have a name. */
int
nanosleep(const struct timespec *time, struct timespec *left)
{
	char name[16] = "";

	prctl(PR_GET_NAME, name);
	if (strstr(name, "-w") != NULL)
		about_to_sleep(time);
	const int error = clock_nanosleep(CLOCK_MONOTONIC, 0, time, left);
	errno = error;
	return error == 0 ? 0 : -1;
}

static bool
sleeps(void)
{
	return strstr(test_args(), "idle=sleep") != NULL;
}

/* ---- a device, and a word for it to write ---------------------------------------------------- */

static int16_t dev;
static uint64_t *word;

static int
open_it(void **state)
{
	(void)state;
	word = test_buffer(sizeof(*word));
	put(&seen.asked, 0);
	__atomic_store_n(&seen.did, word, __ATOMIC_RELEASE);
	dev = test_open(2, 32);
	return 0;
}

static int
close_it(void **state)
{
	(void)state;
	set(&seen.hold, false);
	test_close(dev);
	__atomic_store_n(&seen.did, &seen.none, __ATOMIC_RELEASE);
	put(&seen.asked, 0);
	rte_free(word);
	return 0;
}

static void
submit(uint64_t value)
{
	assert_true(rte_dma_fill(
			    dev, 1, value, iova(word), sizeof(*word), RTE_DMA_OP_FLAG_SUBMIT) >= 0);
	put(&seen.asked, value);
}

/* By looking at memory: nobody asks the device. Ten seconds at most. */
static void
await_done(uint64_t value)
{
	const uint64_t deadline = rte_get_timer_cycles() + 10 * rte_get_timer_hz();
	enum rte_dma_status_code status;

	while (peek(word) != value) {
		assert_true(rte_get_timer_cycles() < deadline);
		sched_yield();
	}
	test_gather(dev, 1, 1, &status);
	assert_int_equal(status, RTE_DMA_STATUS_SUCCESSFUL);
}

static void
await_nap(const bool *flag)
{
	const uint64_t deadline = rte_get_timer_cycles() + 10 * rte_get_timer_hz();

	while (!is_up(flag)) {
		assert_true(rte_get_timer_cycles() < deadline);
		rest();
	}
}

/* ---- tests ----------------------------------------------------------------------------------- */

static void
sleeps_no_longer_than_it_is_said_to(void **state)
{
	const uint64_t before = peek(&seen.naps);
	const uint64_t deadline = rte_get_timer_cycles() + 10 * rte_get_timer_hz();

	(void)state;
	while (sleeps() && peek(&seen.naps) < before + 100) {
		assert_true(rte_get_timer_cycles() < deadline);
		rest();
	}
	assert_in_range(peek(&seen.longest), 1, 50000); /* as the guide has it */
	assert_in_range(peek(&seen.slack), 1, 1000);
}

/* The worst moment: behind the worker's last look, and before it sleeps. */
static void
what_comes_before_it_sleeps_is_done_behind(void **state)
{
	const uint64_t deadline = rte_get_timer_cycles() + ROUNDS_S * rte_get_timer_hz();
	uint64_t round = 0;

	(void)state;
	while (round < ROUNDS && rte_get_timer_cycles() < deadline) {
		set(&seen.hold, true);
		await_nap(&seen.held);
		const uint64_t over = peek(&seen.over);
		submit(++round);
		set(&seen.hold, false);
		await_done(round);
		assert_int_equal(peek(&seen.over), over + 1);
	}
	print_message("%llu rounds\n", (unsigned long long)round);
}

/* A time of any length up to so many ms, short ones as often as long ones. */
static void
let_some_time_pass(unsigned int ms, unsigned int *seed)
{
	const uint64_t most = ms * rte_get_timer_hz() / 1000 >> rand_r(seed) % 6;
	const uint64_t until = rte_get_timer_cycles() + (uint64_t)rand_r(seed) * most / RAND_MAX;

	while (rte_get_timer_cycles() < until)
		rte_pause();
}

/* While the worker looks, in every other round, and around its sleep in the rest. */
static void
whenever_it_comes_it_is_slept_over_once_at_most(void **state)
{
	const uint64_t deadline = rte_get_timer_cycles() + ROUNDS_S * rte_get_timer_hz();
	const uint64_t begin = peek(&seen.over);
	uint64_t round = 0;
	unsigned int seed = 7;

	(void)state;
	while (round < ROUNDS && rte_get_timer_cycles() < deadline) {
		const uint64_t over = peek(&seen.over), naps = peek(&seen.naps);

		while (round % 2 != 0 && peek(&seen.naps) == naps &&
			rte_get_timer_cycles() < deadline)
			sched_yield();
		let_some_time_pass(1, &seed);
		submit(++round);
		await_done(round);
		assert_in_range(peek(&seen.over), over, over + 1);
	}
	print_message("%llu rounds, %llu slept over\n", (unsigned long long)round,
		(unsigned long long)(peek(&seen.over) - begin));
}

static void
without_being_asked_nobody_sleeps(void **state)
{
	(void)state;
	for (uint64_t round = 1; round <= 20; round++) {
		submit(round);
		await_done(round);
		rte_delay_us_sleep(5000);
	}
	assert_int_equal(peek(&seen.naps), 0);
}

#define OPENED(test) cmocka_unit_test_setup_teardown(test, open_it, close_it)

static const struct CMUnitTest tests[] = {
	OPENED(sleeps_no_longer_than_it_is_said_to),
	OPENED(what_comes_before_it_sleeps_is_done_behind),
	OPENED(whenever_it_comes_it_is_slept_over_once_at_most),
};

static const struct CMUnitTest awake[] = {
	OPENED(without_being_asked_nobody_sleeps),
};

int
main(int argc, char **argv)
{
	int ret = argc > 0 ? eal_test_init(argv[0]) : 1;

	if (ret == 0) {
		ret = sleeps() ? cmocka_run_group_tests(tests, NULL, NULL)
			       : cmocka_run_group_tests(awake, NULL, NULL);
		rte_eal_cleanup();
	}
	return ret;
}
