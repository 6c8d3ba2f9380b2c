/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTDMA_LANE_H
#define TESTDMA_LANE_H

/**
 * @file
 * A loop that runs on an lcore: on a worker lcore by rte_eal_remote_launch(), and on a thread with
 * the same CPU affinity if it is the main lcore, which has the prompt to serve.
 */

#include <pthread.h>
#include <stdbool.h>

struct lane {
	unsigned int lcore;
	void (*run)(void *arg, unsigned int lcore);
	void *arg;
	bool launched;
	bool is_thread;
	pthread_t thread;
};

/** lcore, run and arg are set. @return 0, or -errno with a message printed */
int lane_launch(struct lane *lane);

/** Wait for the end of it, if it was launched. */
void lane_join(struct lane *lane);

/** A thread that no signal is delivered to. @return 0 or -errno */
int quiet_thread(pthread_t *thread, void *(*run)(void *), void *arg);

#endif /* TESTDMA_LANE_H */
