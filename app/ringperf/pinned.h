/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef RINGPERF_PINNED_H
#define RINGPERF_PINNED_H

#include <pthread.h>

/**
 * Start a thread that stays on one CPU and that no signal is delivered to.
 *
 * @return 0, or -errno with a message printed
 */
int pinned_thread(pthread_t *thread, unsigned int cpu, void *(*run)(void *), void *arg);

#endif /* RINGPERF_PINNED_H */
