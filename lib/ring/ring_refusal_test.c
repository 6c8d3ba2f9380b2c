/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A call that is refused has found the ring full or empty, and has not merely met other threads.
 *
 * Threads fill a ring together until each is refused once, meet, and drain it in the same way.
 * While all of them only fill, room can only shrink: what a refused call was missing is missing
 * for good, and can be checked at leisure.
 */

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <rte_common.h>

#include "dad_ring.h"

#define THREADS	 4
#define ROUNDS	 100
#define MAX_BULK 4 /* many calls, so that threads meet in the middle of them */

struct shared {
	struct dad_ring *ring;
	pthread_barrier_t meet;
};

struct worker {
	pthread_t thread;
	struct shared *shared;
	unsigned int seed;
	uint64_t refused, spurious;
};

/* Call until one call gets less than it asked for. */
static void
until_refused(struct worker *w, bool fill)
{
	struct dad_ring *r = w->shared->ring;
	uint64_t objs[MAX_BULK] = {0};
	size_t n, done, left;
	bool all;

	do {
		n = 1 + (size_t)rand_r(&w->seed) % MAX_BULK;
		all = rand_r(&w->seed) & 1;
		if (fill)
			done = (all ? dad_ring_enqueue_bulk : dad_ring_enqueue_burst)(
				r, objs, n, NULL);
		else
			done = (all ? dad_ring_dequeue_bulk : dad_ring_dequeue_burst)(
				r, objs, n, NULL);
	} while (done == n);
	left = fill ? dad_ring_free_count(r) : dad_ring_count(r);
	w->refused++;
	if (all ? left >= n : left != 0)
		w->spurious++;
}

static void *
fill_and_drain(void *arg)
{
	struct worker *w = arg;

	for (int round = 0; round < ROUNDS; round++) {
		pthread_barrier_wait(&w->shared->meet);
		until_refused(w, true);
		pthread_barrier_wait(&w->shared->meet);
		until_refused(w, false);
	}
	return NULL;
}

static void
run(size_t count)
{
	struct shared shared;
	struct worker worker[THREADS] = {0};

	shared.ring = aligned_alloc(DAD_RING_ALIGN, (size_t)dad_ring_footprint(8, count, 0));
	assert_non_null(shared.ring);
	assert_non_null(dad_ring_init(shared.ring, 8, count, 0));
	assert_int_equal(pthread_barrier_init(&shared.meet, NULL, THREADS), 0);
	for (unsigned int i = 0; i < THREADS; i++) {
		worker[i].shared = &shared;
		worker[i].seed = i + 1;
		assert_int_equal(
			pthread_create(&worker[i].thread, NULL, fill_and_drain, &worker[i]), 0);
	}
	for (unsigned int i = 0; i < THREADS; i++)
		pthread_join(worker[i].thread, NULL);
	for (unsigned int i = 0; i < THREADS; i++) {
		assert_int_equal(worker[i].refused, 2 * ROUNDS);
		assert_int_equal(worker[i].spurious, 0);
	}
	pthread_barrier_destroy(&shared.meet);
	free(shared.ring);
}

static void
refused_means_full_or_empty_in_a_small_ring(void **state)
{
	(void)state;
	run(64);
}

static void
refused_means_full_or_empty_in_a_large_ring(void **state)
{
	(void)state;
	run(1u << 16);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refused_means_full_or_empty_in_a_small_ring),
		cmocka_unit_test(refused_means_full_or_empty_in_a_large_ring),
	};

	return cmocka_run_group_tests_name("ring_refusal", tests, NULL, NULL);
}
