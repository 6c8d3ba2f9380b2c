/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The idea of DPDK's ring stress test: a ring half full of objects, and threads that each take
 * some, check and change them, check again, restore them and put them back. rte_ring must not
 * refuse there; this ring may, behind a hole, so each call is tried again, and how often is
 * printed.
 */

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <rte_common.h>

#include "dad_ring.h"

#define SLOTS	    2048
#define OBJECTS	    (SLOTS / 2)
#define BULK_MIN    28
#define BULK_MAX    43
#define MAX_THREADS 16
#define RUN_MS	    300
#define GIVE_UP_MS  20000

struct object {
	uint32_t number;
	uint32_t word[15];
};

enum way { COPIED, IN_PLACE, BOTH_WAYS };

struct shared {
	struct dad_ring *ring;
	enum way way;
	uint64_t until_ms, give_up_ms;
};

struct worker {
	pthread_t thread;
	struct shared *shared;
	uint32_t id;
	uint64_t rounds, retries, bad;
	bool gave_up;
};

static uint64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static void
set(struct object *o, uint32_t value)
{
	for (size_t i = 0; i < RTE_DIM(o->word); i++)
		o->word[i] = value ^ (uint32_t)i;
}

static bool
has(const struct object *o, uint32_t value)
{
	for (size_t i = 0; i < RTE_DIM(o->word); i++)
		if (o->word[i] != (value ^ (uint32_t)i))
			return false;
	return true;
}

/* Try again until it is done, or the whole run is given up. */
static bool
again(struct worker *w)
{
	w->retries++;
	sched_yield();
	w->gave_up = now_ms() > w->shared->give_up_ms;
	return !w->gave_up;
}

static bool
take(struct worker *w, struct object *objs, size_t n, bool in_place)
{
	struct dad_ring *r = w->shared->ring;
	struct dad_ring_span s;

	if (!in_place) {
		while (dad_ring_dequeue_bulk(r, objs, n, NULL) == 0)
			if (!again(w))
				return false;
		return true;
	}
	while (dad_ring_claim_bulk(r, n, &s, NULL) == 0)
		if (!again(w))
			return false;
	memcpy(objs, s.ptr1, s.n1 * sizeof(*objs));
	if (s.n2 > 0)
		memcpy(objs + s.n1, s.ptr2, s.n2 * sizeof(*objs));
	dad_ring_release(r, &s);
	return true;
}

static bool
put(struct worker *w, const struct object *objs, size_t n, bool in_place)
{
	struct dad_ring *r = w->shared->ring;
	struct dad_ring_span s;

	if (!in_place) {
		while (dad_ring_enqueue_bulk(r, objs, n, NULL) == 0)
			if (!again(w))
				return false;
		return true;
	}
	while (dad_ring_reserve_bulk(r, n, &s, NULL) == 0)
		if (!again(w))
			return false;
	memcpy(s.ptr1, objs, s.n1 * sizeof(*objs));
	if (s.n2 > 0)
		memcpy(s.ptr2, objs + s.n1, s.n2 * sizeof(*objs));
	dad_ring_commit(r, &s, n);
	return true;
}

static void *
work(void *arg)
{
	struct worker *w = arg;
	struct object objs[BULK_MAX];
	unsigned int seed = w->id;

	while (w->rounds < 100 || now_ms() < w->shared->until_ms) {
		size_t n = BULK_MIN + (size_t)rand_r(&seed) % (BULK_MAX - BULK_MIN + 1);
		bool in_place = w->shared->way == BOTH_WAYS ? rand_r(&seed) & 1
							    : w->shared->way == IN_PLACE;

		if (!take(w, objs, n, in_place))
			break;
		for (size_t i = 0; i < n; i++) {
			w->bad += !has(&objs[i], 0);
			set(&objs[i], w->id);
		}
		for (size_t i = 0; i < n; i++) {
			w->bad += !has(&objs[i], w->id);
			set(&objs[i], 0);
		}
		if (!put(w, objs, n, in_place))
			break;
		w->rounds++;
	}
	return NULL;
}

static void
run(enum way way, unsigned int threads, unsigned int flags)
{
	struct shared shared = {.way = way};
	struct worker worker[MAX_THREADS] = {0};
	uint64_t rounds = 0, retries = 0;
	bool seen[OBJECTS] = {false};
	struct object o = {0};

	shared.ring =
		aligned_alloc(DAD_RING_ALIGN, (size_t)dad_ring_footprint(sizeof(o), SLOTS, flags));
	assert_non_null(shared.ring);
	assert_non_null(dad_ring_init(shared.ring, sizeof(o), SLOTS, flags));
	set(&o, 0);
	for (o.number = 0; o.number < OBJECTS; o.number++)
		assert_int_equal(dad_ring_enqueue_bulk(shared.ring, &o, 1, NULL), 1);
	shared.until_ms = now_ms() + RUN_MS;
	shared.give_up_ms = now_ms() + GIVE_UP_MS;
	for (unsigned int i = 0; i < threads; i++) {
		worker[i].shared = &shared;
		worker[i].id = i + 1;
		assert_int_equal(pthread_create(&worker[i].thread, NULL, work, &worker[i]), 0);
	}
	for (unsigned int i = 0; i < threads; i++) {
		pthread_join(worker[i].thread, NULL);
		rounds += worker[i].rounds;
		retries += worker[i].retries;
		assert_int_equal(worker[i].bad, 0);
		assert_false(worker[i].gave_up);
	}
	print_message("%u threads: %lu rounds, %lu retries\n", threads, (unsigned long)rounds,
		(unsigned long)retries);
	for (unsigned int i = 0; i < OBJECTS; i++) {
		assert_int_equal(dad_ring_dequeue_bulk(shared.ring, &o, 1, NULL), 1);
		assert_true(o.number < OBJECTS);
		assert_false(seen[o.number]);
		seen[o.number] = true;
		assert_true(has(&o, 0));
	}
	assert_int_equal(dad_ring_count(shared.ring), 0);
	free(shared.ring);
}

static void
objects_survive_copying(void **state)
{
	(void)state;
	run(COPIED, 2, 0);
	run(COPIED, 4, 0);
	run(COPIED, MAX_THREADS, 0);
	run(COPIED, 1, DAD_RING_SP | DAD_RING_SC);
}

static void
objects_survive_being_claimed_in_place(void **state)
{
	(void)state;
	run(IN_PLACE, 2, 0);
	run(IN_PLACE, 4, 0);
	run(IN_PLACE, MAX_THREADS, 0);
	run(IN_PLACE, 1, DAD_RING_SP | DAD_RING_SC);
}

static void
objects_survive_both_at_once(void **state)
{
	(void)state;
	run(BOTH_WAYS, 4, 0);
	run(BOTH_WAYS, MAX_THREADS, DAD_RING_OWNERS | DAD_RING_STATS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(objects_survive_copying),
		cmocka_unit_test(objects_survive_being_claimed_in_place),
		cmocka_unit_test(objects_survive_both_at_once),
	};

	return cmocka_run_group_tests_name("ring_stress", tests, NULL, NULL);
}
