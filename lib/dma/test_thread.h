/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TEST_THREAD_H
#define TEST_THREAD_H

/* Which lcore and which CPU a thread of a test is; and random numbers. */

#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include <rte_lcore.h>

static inline void
be_lcore(unsigned int lcore)
{
	RTE_PER_LCORE(_lcore_id) = lcore;
}

/* A thread inherits the one CPU that EAL gave to the main lcore: there, threads hardly meet. Where
 * the CPU asked for is not ours, it stays there. */
static inline void
spread_out(unsigned int i)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(i % (unsigned int)sysconf(_SC_NPROCESSORS_ONLN), &one);
	pthread_setaffinity_np(pthread_self(), sizeof(one), &one);
}

#endif /* TEST_THREAD_H */
