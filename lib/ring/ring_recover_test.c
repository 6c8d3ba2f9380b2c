/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Processes that stop or die with slots in their hands. The ring lies in memory shared by fork(),
 * and no EAL is needed. A child that should die is killed by SIGKILL, in the middle of what it
 * does.
 */

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <rte_common.h>

#include "dad_ring.h"

#define COUNT	     64
#define TIME_LIMIT_S 60

static struct dad_ring *
shared_ring(size_t count, unsigned int flags)
{
	void *mem = mmap(NULL, (size_t)dad_ring_footprint(16, count, flags), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(mem, MAP_FAILED);
	assert_non_null(dad_ring_init(mem, 16, count, flags));
	return mem;
}

static void
unshare_ring(struct dad_ring *r)
{
	munmap(r, (size_t)dad_ring_footprint(16, dad_ring_capacity(r), dad_ring_flags(r)));
}

/* A child that does something to the ring, and then stops itself. */
static pid_t
child_that_stops_after(void (*something)(struct dad_ring *r), struct dad_ring *r)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		something(r);
		_exit(0);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
	assert_true(WIFSTOPPED(status));
	return pid;
}

static void
kill_child(pid_t pid)
{
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* Everything fits in, comes out again, and the ring is empty then. */
static void
expect_sound(struct dad_ring *r)
{
	uint64_t objs[2 * COUNT] = {0};
	const size_t count = dad_ring_capacity(r);

	for (int i = 0; i < 3; i++) {
		assert_int_equal(dad_ring_enqueue_bulk(r, objs, count, NULL), count);
		assert_int_equal(dad_ring_dequeue_bulk(r, objs, count, NULL), count);
		assert_int_equal(dad_ring_count(r), 0);
	}
}

static void
expect_recovered(struct dad_ring *r, uint64_t owners, uint64_t reserved, uint64_t claimed)
{
	struct dad_ring_recovered res = {99, 99, 99};

	assert_int_equal(dad_ring_recover(r, &res), 0);
	assert_int_equal(res.owners, owners);
	assert_int_equal(res.reserved, reserved);
	assert_int_equal(res.claimed, claimed);
}

static void
reserve_five_and_stop(struct dad_ring *r)
{
	struct dad_ring_span s;
	size_t n = dad_ring_reserve_bulk(r, 5, &s, NULL);

	raise(SIGSTOP);
	memset(s.ptr1, 0x55, 16 * s.n1);
	dad_ring_commit(r, &s, n);
}

static void
claim_seven_and_stop(struct dad_ring *r)
{
	struct dad_ring_span s;

	dad_ring_claim_bulk(r, 7, &s, NULL);
	raise(SIGSTOP);
	dad_ring_release(r, &s);
}

static void
hold_this_and_that_and_stop(struct dad_ring *r)
{
	struct dad_ring_span s[4];

	dad_ring_reserve_bulk(r, 3, &s[0], NULL);
	dad_ring_reserve_bulk(r, 4, &s[1], NULL);
	dad_ring_claim_bulk(r, 2, &s[2], NULL);
	dad_ring_claim_bulk(r, 1, &s[3], NULL);
	dad_ring_commit(r, &s[0], 1); /* two voids */
	raise(SIGSTOP);
}

static void
a_ring_without_owners_cannot_be_recovered(void **state)
{
	struct dad_ring *r = shared_ring(COUNT, 0);

	(void)state;
	assert_int_equal(dad_ring_recover(r, NULL), -ENOTSUP);
	unshare_ring(r);
}

static void
who_is_stopped_keeps_what_it_has_and_stops_no_producer(void **state)
{
	struct dad_ring *r = shared_ring(COUNT, DAD_RING_OWNERS);
	uint64_t objs[2 * COUNT] = {0};

	(void)state;
	assert_int_equal(dad_ring_enqueue_bulk(r, objs, 2, NULL), 2);
	pid_t pid = child_that_stops_after(reserve_five_and_stop, r);
	assert_int_equal(dad_ring_enqueue_bulk(r, objs, 10, NULL), 10);
	assert_int_equal(dad_ring_dequeue_burst(r, objs, COUNT, NULL), 2);
	assert_int_equal(dad_ring_dequeue_burst(r, objs, COUNT, NULL), 0);
	expect_recovered(r, 0, 0, 0);
	assert_int_equal(dad_ring_dequeue_burst(r, objs, COUNT, NULL), 0);

	assert_int_equal(kill(pid, SIGCONT), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(dad_ring_dequeue_burst(r, objs, COUNT, NULL), 15);
	assert_int_equal(objs[0], UINT64_C(0x5555555555555555));
	expect_recovered(r, 0, 0, 0); /* died with nothing in its hands */
	expect_sound(r);
	unshare_ring(r);
}

static void
what_a_dead_producer_had_reserved_becomes_void(void **state)
{
	struct dad_ring *r = shared_ring(COUNT, DAD_RING_OWNERS);
	uint64_t objs[2 * COUNT] = {0};

	(void)state;
	for (int i = 0; i < 40; i++) {
		pid_t pid = child_that_stops_after(reserve_five_and_stop, r);

		assert_int_equal(dad_ring_enqueue_bulk(r, objs, 10, NULL), 10);
		kill_child(pid);
		assert_int_equal(dad_ring_dequeue_burst(r, objs, COUNT, NULL), 0);
		expect_recovered(r, 1, 5, 0);
		expect_recovered(r, 0, 0, 0);
		assert_int_equal(dad_ring_dequeue_bulk(r, objs, 10, NULL), 10);
	}
	expect_sound(r);
	unshare_ring(r);
}

static void
what_a_dead_consumer_had_claimed_is_free_again(void **state)
{
	struct dad_ring *r = shared_ring(COUNT, DAD_RING_OWNERS);
	uint64_t objs[2 * COUNT] = {0};

	(void)state;
	for (int i = 0; i < 40; i++) {
		assert_int_equal(dad_ring_enqueue_bulk(r, objs, COUNT, NULL), COUNT);
		pid_t pid = child_that_stops_after(claim_seven_and_stop, r);
		assert_int_equal(dad_ring_dequeue_bulk(r, objs, COUNT - 7, NULL), COUNT - 7);
		kill_child(pid);
		assert_int_equal(dad_ring_enqueue_burst(r, objs, COUNT, NULL), 0);
		expect_recovered(r, 1, 0, 7);
		expect_recovered(r, 0, 0, 0);
		expect_sound(r);
	}
	unshare_ring(r);
}

static void
several_spans_of_one_that_died_are_found_in_any_ring(void **state)
{
	static const unsigned int flags[] = {DAD_RING_OWNERS,
		DAD_RING_OWNERS | DAD_RING_SP | DAD_RING_SC,
		DAD_RING_OWNERS | DAD_RING_EXACT | DAD_RING_STATS};

	(void)state;
	for (size_t i = 0; i < RTE_DIM(flags); i++) {
		struct dad_ring *r = shared_ring(flags[i] & DAD_RING_EXACT ? 50 : COUNT, flags[i]);
		uint64_t objs[2 * COUNT] = {0};

		for (int round = 0; round < 20; round++) {
			assert_int_equal(dad_ring_enqueue_bulk(r, objs, 10, NULL), 10);
			pid_t pid = child_that_stops_after(hold_this_and_that_and_stop, r);
			expect_recovered(r, 0, 0, 0);
			kill_child(pid);
			expect_recovered(r, 1, 4, 3);
			/* seven of ten, and the one that was committed */
			assert_int_equal(dad_ring_dequeue_burst(r, objs, COUNT, NULL) +
					dad_ring_dequeue_burst(r, objs, COUNT, NULL),
				8);
			assert_int_equal(dad_ring_dequeue_burst(r, objs, 1, NULL), 0);
			expect_sound(r);
		}
		unshare_ring(r);
	}
}

/* Not yet waited for by its parent: dead all the same. */
static void
a_zombie_is_dead(void **state)
{
	struct dad_ring *r = shared_ring(COUNT, DAD_RING_OWNERS);
	pid_t pid = child_that_stops_after(reserve_five_and_stop, r);
	siginfo_t info;

	(void)state;
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	expect_recovered(r, 1, 5, 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	unshare_ring(r);
}

static void *
enqueue_one(void *ring)
{
	uint64_t obj[2] = {0};

	return (void *)(uintptr_t)dad_ring_enqueue_bulk(ring, obj, 1, NULL);
}

static void
places_of_threads_that_have_ended_are_used_again(void **state)
{
	struct dad_ring *r = shared_ring(COUNT, DAD_RING_OWNERS);
	uint64_t obj[2];

	(void)state;
	for (int i = 0; i < 1000; i++) {
		pthread_t thread;
		void *n;

		assert_int_equal(pthread_create(&thread, NULL, enqueue_one, r), 0);
		pthread_join(thread, &n);
		assert_int_equal((uintptr_t)n, 1);
		assert_int_equal(dad_ring_dequeue_bulk(r, obj, 1, NULL), 1);
	}
	unshare_ring(r);
}

static void
more_spans_than_a_thread_can_hold_are_refused(void **state)
{
	struct dad_ring *r = shared_ring(COUNT, DAD_RING_OWNERS);
	struct dad_ring_span s[16];

	(void)state;
	for (int i = 0; i < 15; i++)
		assert_int_equal(dad_ring_reserve_bulk(r, 1, &s[i], NULL), 1);
	assert_int_equal(dad_ring_reserve_bulk(r, 1, &s[15], NULL), 0);
	dad_ring_commit(r, &s[3], 1);
	assert_int_equal(dad_ring_reserve_bulk(r, 1, &s[15], NULL), 1);
	dad_ring_commit(r, &s[15], 1);
	for (int i = 0; i < 15; i++)
		if (i != 3)
			dad_ring_commit(r, &s[i], 1);
	assert_int_equal(dad_ring_count(r), 16);
	unshare_ring(r);
}

/* ---- killed at any moment --------------------------------------------------------------- */

#define CHILDREN 3
#define ROUNDS	 25

struct element {
	uint64_t number, inverse;
};

/* Until killed. Numbers are its own, so that nobody sees one twice. */
static void
produce_and_consume(struct dad_ring *r, uint64_t number, bool in_place)
{
	for (;;) {
		struct element e[4];
		struct dad_ring_span s;

		if (in_place) {
			size_t n = dad_ring_reserve_burst(r, 3, &s, NULL);

			for (size_t i = 0; i < n; i++, number++) {
				struct element *to = i < s.n1 ? (struct element *)s.ptr1 + i
							      : (struct element *)s.ptr2 + i - s.n1;
				*to = (struct element){number, ~number};
			}
			dad_ring_commit(r, &s, n);
		} else {
			for (size_t i = 0; i < 4; i++)
				e[i] = (struct element){number + i, ~(number + i)};
			number += dad_ring_enqueue_burst(r, e, 4, NULL);
		}
		size_t n = dad_ring_dequeue_burst(r, e, 2, NULL);
		for (size_t i = 0; i < n; i++)
			if (e[i].number != ~e[i].inverse)
				_exit(1);
		if (n == 0)
			sched_yield();
	}
}

struct recoverer {
	struct dad_ring *ring;
	bool stop;
};

static void *
recover_again_and_again(void *arg)
{
	struct recoverer *rec = arg;

	while (!__atomic_load_n(&rec->stop, __ATOMIC_RELAXED)) {
		int ret = dad_ring_recover(rec->ring, NULL);

		if (ret != 0 && ret != -EBUSY)
			return (void *)(intptr_t)ret;
		sched_yield();
	}
	return NULL;
}

static void
children_killed_at_any_moment_leave_a_sound_ring(void **state)
{
	(void)state;
	for (size_t count = 8; count <= COUNT; count *= 8) {
		struct dad_ring *r = shared_ring(count, DAD_RING_OWNERS);
		struct recoverer rec = {r, false};
		pthread_t thread[2];
		pid_t pid[CHILDREN];
		struct element e;
		void *ret;

		for (int i = 0; i < CHILDREN; i++)
			pid[i] = 0;
		for (unsigned int i = 0; i < 2; i++)
			assert_int_equal(
				pthread_create(&thread[i], NULL, recover_again_and_again, &rec), 0);
		for (int round = 0; round < ROUNDS * CHILDREN; round++) {
			int i = round % CHILDREN;

			if (pid[i] > 0)
				kill_child(pid[i]);
			pid[i] = fork();
			assert_true(pid[i] >= 0);
			if (pid[i] == 0) {
				prctl(PR_SET_PDEATHSIG, SIGKILL);
				produce_and_consume(r, (uint64_t)round << 32, round & 1);
			}
			usleep(1000 + (unsigned int)round * 137 % 5000);
		}
		/* They had better be alive until killed: one that saw a torn element is not. */
		for (int i = 0; i < CHILDREN; i++) {
			assert_int_equal(waitpid(pid[i], NULL, WNOHANG), 0);
			kill_child(pid[i]);
		}
		__atomic_store_n(&rec.stop, true, __ATOMIC_RELAXED);
		for (unsigned int i = 0; i < 2; i++) {
			pthread_join(thread[i], &ret);
			assert_null(ret);
		}
		assert_int_equal(dad_ring_recover(r, NULL), 0);
		for (size_t left = dad_ring_count(r); dad_ring_dequeue_burst(r, &e, 1, NULL) == 1;
			left--) {
			assert_true(left > 0);
			assert_int_equal(e.number, ~e.inverse);
		}
		expect_sound(r);
		expect_recovered(r, 0, 0, 0);
		unshare_ring(r);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_ring_without_owners_cannot_be_recovered),
		cmocka_unit_test(who_is_stopped_keeps_what_it_has_and_stops_no_producer),
		cmocka_unit_test(what_a_dead_producer_had_reserved_becomes_void),
		cmocka_unit_test(what_a_dead_consumer_had_claimed_is_free_again),
		cmocka_unit_test(several_spans_of_one_that_died_are_found_in_any_ring),
		cmocka_unit_test(a_zombie_is_dead),
		cmocka_unit_test(places_of_threads_that_have_ended_are_used_again),
		cmocka_unit_test(more_spans_than_a_thread_can_hold_are_refused),
		cmocka_unit_test(children_killed_at_any_moment_leave_a_sound_ring),
	};

	alarm(TIME_LIMIT_S);
	return cmocka_run_group_tests_name("ring_recover", tests, NULL, NULL);
}
