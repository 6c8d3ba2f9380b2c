/* SPDX-License-Identifier: BSD-3-Clause */
#include <pthread.h>
#include <stdint.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_pause.h>

#include "distance.h"
#include "histogram.h"
#include "pinned.h"
#include "worker.h"

#define TRIPS	    2000
#define PATIENCE_MS 20 /* in all: the other CPU may be busy with something else */

#define OVER UINT64_MAX

struct court {
	uint64_t ball LINES_APART; /* odd: on its way there; even: back */
	struct histogram trips LINES_APART;
};

static void *
serve(void *arg)
{
	struct court *c = arg;
	const uint64_t limit = rte_rdtsc() + PATIENCE_MS * rte_get_tsc_hz() / 1000;

	for (uint64_t i = 1; i < 2 * TRIPS; i += 2) {
		const uint64_t start = rte_rdtsc();
		uint64_t now = start;

		/* relaxed, here and in answer(): the word is all there is */
		__atomic_store_n(&c->ball, i, __ATOMIC_RELAXED);
		while (__atomic_load_n(&c->ball, __ATOMIC_RELAXED) == i) {
			now = rte_rdtsc();
			if (now > limit)
				goto out;
		}
		histogram_add(&c->trips, rte_rdtsc() - start);
	}
out:
	__atomic_store_n(&c->ball, OVER, __ATOMIC_RELAXED);
	return NULL;
}

static void *
answer(void *arg)
{
	struct court *c = arg;

	for (;;) {
		uint64_t ball = __atomic_load_n(&c->ball, __ATOMIC_RELAXED);

		if (ball == OVER)
			return NULL;
		/* not a plain store: the game may be over by now */
		if (ball % 2 == 1)
			__atomic_compare_exchange_n(&c->ball, &ball, ball + 1, false,
				__ATOMIC_RELAXED, __ATOMIC_RELAXED);
	}
}

double
distance_ns(unsigned int cpu, unsigned int other)
{
	static struct court c; /* too large for a stack */
	pthread_t there, here;

	if (cpu == other)
		return 0;
	memset(&c, 0, sizeof(c));
	if (pinned_thread(&there, other, answer, &c) != 0)
		return 0;
	if (pinned_thread(&here, cpu, serve, &c) == 0)
		pthread_join(here, NULL);
	else
		__atomic_store_n(&c.ball, OVER, __ATOMIC_RELAXED);
	pthread_join(there, NULL);
	return histogram_quantile(&c.trips, 0.5) * 1e9 / (double)rte_get_tsc_hz();
}
