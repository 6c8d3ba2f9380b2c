/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * With mt=1, what a thread cannot do because of another one: it is left to that one, and not left
 * undone. In silence, so that no poll helps.
 */

#include <limits.h>

#include "test_gate.h"
#include "test_silent.h"

/* All submits have returned. Where it is they that move bytes, nothing is left. */
static void
await_last(int16_t id)
{
	if (strstr(test_args(), "engine=inline") == NULL)
		await_status_idle(id);
}

/* A thread with one operation, from the first SIZE bytes to the next, in which it comes to the
 * gate. */
struct held {
	pthread_t thread;
	int16_t id;
	uint8_t *buf;
	uint64_t flags;
	int index;
};

/* In the middle of the move, where submit does it; else it is a worker that stands there. */
static void *
held_in_operation(void *arg)
{
	struct held *h = arg;

	h->index = rte_dma_copy(h->id, 0, iova(h->buf), gate_iova(), SIZE, h->flags);
	return NULL;
}

/* Between ticket and tag: that is where a list is read. */
static void *
held_in_enqueue(void *arg)
{
	struct rte_dma_sge to = {iova(((struct held *)arg)->buf + SIZE), SIZE};
	struct held *h = arg;

	h->index = rte_dma_copy_sg(h->id, 0, (struct rte_dma_sge *)gate, &to, 1, 1, h->flags);
	return NULL;
}

/* Copy the third SIZE bytes: it cannot be done now, and is left to who is held. */
static void
leave(struct held *h, rte_iova_t to, int index)
{
	assert_int_equal(rte_dma_copy(h->id, 0, iova(h->buf + 2 * SIZE), to, SIZE,
				 RTE_DMA_OP_FLAG_FENCE | RTE_DMA_OP_FLAG_SUBMIT),
		index);
}

static void
hold(struct held *h, void *(*run)(void *), uint64_t flags)
{
	*h = (struct held){.id = open_silent(1), .buf = test_buffer(4 * SIZE), .flags = flags};
	for (unsigned int i = 0; i < SIZE; i++) {
		h->buf[i] = (uint8_t)(i * 5 + 3);
		h->buf[2 * SIZE + i] = (uint8_t)(i * 3 + 7);
	}
	*(struct rte_dma_sge *)gate = (struct rte_dma_sge){iova(h->buf), SIZE};
	gate_shut();
	test_thread(&h->thread, run, h);
	gate_await(1);
}

static void
let_go(struct held *h)
{
	gate_become(GATE_OPEN);
	pthread_join(h->thread, NULL);
	assert_int_equal(h->index, 0);
}

/* One is held, and one is left to it. When it goes on, and somebody comes by, both are done. */
static void
one_is_left(void *(*run)(void *), uint64_t flags, void (*come_by)(int16_t id))
{
	struct held h;

	hold(&h, run, flags);
	leave(&h, iova(h.buf + 3 * SIZE), 1);
	let_go(&h);
	come_by(h.id);
	assert_memory_equal(run == held_in_operation ? gate : h.buf + SIZE, h.buf, SIZE);
	assert_memory_equal(h.buf + 3 * SIZE, h.buf + 2 * SIZE, SIZE);
	await_status_idle(h.id);
	expect_stats(h.id, 2, 0);
	test_close(h.id);
	rte_free(h.buf);
}

static void
what_waits_at_a_fence_is_not_left_undone(void **state)
{
	(void)state;
	one_is_left(held_in_operation, RTE_DMA_OP_FLAG_SUBMIT, await_last);
}

static void
what_is_behind_an_enqueue_under_way_is_not_left_undone(void **state)
{
	(void)state;
	one_is_left(held_in_enqueue, RTE_DMA_OP_FLAG_SUBMIT, await_last);
}

/* Of one that had nothing to submit itself: then it is for who asks, or stops. */
static void
who_asks_for_the_status_does_what_was_left(void **state)
{
	(void)state;
	one_is_left(held_in_enqueue, 0, await_status_idle);
}

static void
stop_does_what_was_left(void **state)
{
	(void)state;
	one_is_left(held_in_enqueue, 0, test_stop);
}

static void *
make_room(void *arg)
{
	struct held *h = arg;

	h->index = rte_dma_burst_capacity(h->id, 0) <= RING ? 0 : -1;
	return NULL;
}

/* Who takes slots back does what it finds, and is in others' way meanwhile. */
static void
who_makes_room_leaves_nothing_undone(void **state)
{
	struct held h;

	(void)state;
	hold(&h, held_in_enqueue, 0);
	leave(&h, gate_iova(), 1);
	let_go(&h);
	gate_shut();
	test_thread(&h.thread, make_room, &h);
	gate_await(1);
	leave(&h, iova(h.buf + 3 * SIZE), 2);
	let_go(&h);
	assert_memory_equal(h.buf + SIZE, h.buf, SIZE);
	assert_memory_equal(gate, h.buf + 2 * SIZE, SIZE);
	assert_memory_equal(h.buf + 3 * SIZE, h.buf + 2 * SIZE, SIZE);
	test_close(h.id);
	rte_free(h.buf);
}

/* Rounds in which two threads submit at once, one or two fenced operations each. */
enum { ROUNDS = 40000, ROUNDS_S = 3, ROUND_SIZE = 2048 };

static struct {
	int16_t id;
	uint8_t *buf; /* of each thread two times ROUND_SIZE */
	unsigned int round, ready;
	bool failed;
} meeting;

static unsigned int
round_ops(unsigned int round, unsigned int me)
{
	return 1 + (round / 2 + me) % 2;
}

static uint64_t *
round_value(unsigned int me, unsigned int i)
{
	return (uint64_t *)(meeting.buf + (size_t)(2 * me + i) * ROUND_SIZE);
}

static uint32_t
round_size(unsigned int round)
{
	return 8u << round % 9;
}

static void
submit_round(unsigned int round, unsigned int me)
{
	const uint64_t flags =
		RTE_DMA_OP_FLAG_SUBMIT | (round % 4 != 0 ? RTE_DMA_OP_FLAG_FENCE : 0);

	for (unsigned int i = 0; i < round_ops(round, me); i++)
		if (rte_dma_fill(meeting.id, 0, round, iova(round_value(me, i)), round_size(round),
			    flags) < 0)
			__atomic_store_n(&meeting.failed, true, __ATOMIC_RELAXED);
}

static bool
is_round_done(unsigned int round)
{
	bool done = true;

	for (unsigned int me = 0; me < 2; me++)
		for (unsigned int i = 0; i < round_ops(round, me); i++)
			done = done && round_value(me, i)[round_size(round) / 8 - 1] == round;
	return done;
}

static void
await_count(const unsigned int *count, unsigned int n)
{
	for (unsigned int spins = 1; __atomic_load_n(count, __ATOMIC_ACQUIRE) < n; spins++)
		if (spins % 1000 == 0)
			sched_yield();
		else
			rte_pause();
}

static void *
meet(void *arg)
{
	for (unsigned int round = 1;; round++) {
		await_count(&meeting.round, round);
		if (meeting.round == UINT_MAX)
			return arg;
		submit_round(round, 1);
		__atomic_store_n(&meeting.ready, round, __ATOMIC_RELEASE);
	}
}

static void
threads_that_meet_leave_nothing_undone(void **state)
{
	const uint64_t deadline = rte_get_timer_cycles() + ROUNDS_S * rte_get_timer_hz();
	unsigned int round = 0;
	pthread_t thread;

	(void)state;
	memset(&meeting, 0, sizeof(meeting));
	meeting.id = open_silent(1);
	meeting.buf = test_buffer(4 * ROUND_SIZE);
	test_thread(&thread, meet, NULL);
	while (!meeting.failed && round < ROUNDS && rte_get_timer_cycles() < deadline) {
		__atomic_store_n(&meeting.round, ++round, __ATOMIC_RELEASE);
		submit_round(round, 0);
		await_count(&meeting.ready, round);
		await_last(meeting.id);
		meeting.failed |= !is_round_done(round);
	}
	__atomic_store_n(&meeting.round, UINT_MAX, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	print_message("%u rounds\n", round);
	assert_false(meeting.failed);
	test_close(meeting.id);
	rte_free(meeting.buf);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(what_waits_at_a_fence_is_not_left_undone),
	cmocka_unit_test(what_is_behind_an_enqueue_under_way_is_not_left_undone),
	cmocka_unit_test(who_asks_for_the_status_does_what_was_left),
	cmocka_unit_test(stop_does_what_was_left),
	cmocka_unit_test(threads_that_meet_leave_nothing_undone),
	/* of threads that do it themselves: */
	cmocka_unit_test(who_makes_room_leaves_nothing_undone),
};

static size_t
how_many(void)
{
	return RTE_DIM(tests) - (strstr(test_args(), "engine=inline") == NULL);
}

TEST_MAIN_FIRST(tests, how_many(), gate_make, gate_remove)
