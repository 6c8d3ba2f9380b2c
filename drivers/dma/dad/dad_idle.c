/* SPDX-License-Identifier: BSD-3-Clause */
#include <sched.h>
#include <sys/prctl.h>
#include <time.h>

#include <rte_cpuflags.h>
#include <rte_cycles.h>
#include <rte_pause.h>
#include <rte_power_intrinsics.h>

#include "dad_idle.h"

#define ROUNDS_BEFORE_PAUSE 1000
#define ROUNDS_BEFORE_SLEEP 10000

/* A microsecond, unless the CPU's own pause is longer. */
static void
rest(void)
{
	static struct rte_cpu_intrinsics can;
	static bool asked;
	const uint64_t end = rte_get_tsc_cycles() + rte_get_tsc_hz() / 1000000;

	/* whoever asks gets the same answer */
	if (!__atomic_load_n(&asked, __ATOMIC_ACQUIRE)) {
		struct rte_cpu_intrinsics all;

		rte_cpu_get_intrinsics_support(&all);
		can.power_pause = all.power_pause;
		__atomic_store_n(&asked, true, __ATOMIC_RELEASE);
	}
	if (can.power_pause && rte_power_pause(end) == 0)
		return;
	for (unsigned int i = 0; i < 64 && rte_get_tsc_cycles() < end; i++)
		rte_pause();
}

void
dad_idle_prepare(enum dad_idle_kind kind)
{
	/* else the kernel lets a sleeper lie for 50 µs more, to wake it with others */
	if (kind == DAD_IDLE_SLEEP)
		prctl(PR_SET_TIMERSLACK, 1000UL, 0UL, 0UL, 0UL);
}

void
dad_idle(enum dad_idle_kind kind, unsigned int rounds, bool crowded)
{
	const struct timespec nap = {.tv_nsec = DAD_IDLE_SLEEP_US * 1000L};

	if (kind == DAD_IDLE_SLEEP && rounds >= ROUNDS_BEFORE_SLEEP)
		nanosleep(&nap, NULL);
	else if (crowded)
		sched_yield();
	else if (kind != DAD_IDLE_POLL && rounds >= ROUNDS_BEFORE_PAUSE)
		rest();
	else
		rte_pause();
}

uint64_t
dad_wait_until(unsigned int ms)
{
	return rte_get_timer_cycles() + ms * rte_get_timer_hz() / 1000;
}

bool
dad_wait(uint64_t deadline)
{
	if (rte_get_timer_cycles() >= deadline)
		return false;
	rte_delay_us_sleep(100);
	return true;
}
