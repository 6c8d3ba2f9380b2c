/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTDMA_TICKER_H
#define TESTDMA_TICKER_H

/**
 * @file
 * A thread that does something every so many seconds until it is told to end.
 */

#include <pthread.h>
#include <stdint.h>

struct ticker {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	uint32_t period_s; /**< 0: not running, or told to end */
	void (*tick)(void *arg);
	void *arg;
};

/** @return 0, also for a period of 0, which never ticks; or -errno */
int ticker_begin(struct ticker *t, uint32_t period_s, void (*tick)(void *arg), void *arg);

/** No tick is running or will come after this. */
void ticker_end(struct ticker *t);

#endif /* TESTDMA_TICKER_H */
