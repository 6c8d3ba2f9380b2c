/* SPDX-License-Identifier: BSD-3-Clause */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <rte_launch.h>
#include <rte_lcore.h>

#include "lane.h"

int
quiet_thread(pthread_t *thread, void *(*run)(void *), void *arg)
{
	sigset_t all, old;
	int ret;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	ret = pthread_create(thread, NULL, run, arg);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return -ret;
}

static int
on_lcore(void *arg)
{
	struct lane *lane = arg;

	lane->run(lane->arg, lane->lcore);
	return 0;
}

static void *
on_thread(void *arg)
{
	on_lcore(arg);
	return NULL;
}

int
lane_launch(struct lane *lane)
{
	int ret;

	lane->is_thread = lane->lcore == rte_get_main_lcore();
	if (lane->is_thread) {
		rte_cpuset_t cpus = rte_lcore_cpuset(lane->lcore);

		ret = quiet_thread(&lane->thread, on_thread, lane);
		if (ret == 0)
			pthread_setaffinity_np(lane->thread, sizeof(cpus), &cpus);
	} else {
		ret = rte_eal_remote_launch(on_lcore, lane, lane->lcore);
	}
	if (ret != 0)
		fprintf(stderr, "lcore %u: nothing started: %s\n", lane->lcore, strerror(-ret));
	lane->launched = ret == 0;
	return ret;
}

void
lane_join(struct lane *lane)
{
	if (!lane->launched)
		return;
	if (lane->is_thread)
		pthread_join(lane->thread, NULL);
	else
		rte_eal_wait_lcore(lane->lcore);
	lane->launched = false;
}
