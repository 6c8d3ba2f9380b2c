/* SPDX-License-Identifier: BSD-3-Clause */

/* Silent mode: operations are done and counted, nothing is reported, and slots come back. */

#include <errno.h>
#include <limits.h>

#include "dad_compat.h"
#include "test_gate.h"

enum { RING = 32, SIZE = 64 };

static int
configure_silent(int16_t id, uint16_t nb_vchans)
{
	struct rte_dma_conf conf = {.nb_vchans = nb_vchans};
	const struct rte_dma_vchan_conf vconf = {
		.direction = RTE_DMA_DIR_MEM_TO_MEM, .nb_desc = RING};

	dad_conf_set_silent(&conf);
	int ret = rte_dma_configure(id, &conf);
	for (uint16_t v = 0; ret == 0 && v < nb_vchans; v++)
		ret = rte_dma_vchan_setup(id, v, &vconf);
	return ret;
}

static int16_t
open_silent(uint16_t nb_vchans)
{
	char args[128];

	snprintf(args, sizeof(args), "%s,silent=1", test_args());
	int16_t id = test_plug_with(args);
	assert_int_equal(configure_silent(id, nb_vchans), 0);
	assert_int_equal(rte_dma_start(id), 0);
	return id;
}

/* What an application does that has no room: it tries again. */
#define KEEP_TRYING(call)                                                                          \
	do {                                                                                       \
		const uint64_t deadline = rte_get_timer_cycles() + 10 * rte_get_timer_hz();        \
		int ret;                                                                           \
		while ((ret = (call)) == -ENOSPC) {                                                \
			assert_true(rte_get_timer_cycles() < deadline);                            \
			rte_dma_submit(id, 0);                                                     \
		}                                                                                  \
		assert_true(ret >= 0);                                                             \
	} while (0)

/* By nothing but asking. */
static void
await_status_idle(int16_t id)
{
	const uint64_t deadline = rte_get_timer_cycles() + 10 * rte_get_timer_hz();
	enum rte_dma_vchan_status status;

	do {
		assert_int_equal(rte_dma_vchan_status(id, 0, &status), 0);
		assert_true(rte_get_timer_cycles() < deadline);
	} while (status == RTE_DMA_VCHAN_ACTIVE);
}

static void
await_idle(int16_t id)
{
	assert_int_equal(rte_dma_submit(id, 0), 0);
	await_status_idle(id);
}

static void
expect_stats(int16_t id, uint64_t done, uint64_t errors)
{
	struct rte_dma_stats stats;

	assert_int_equal(rte_dma_stats_get(id, 0, &stats), 0);
	assert_int_equal(stats.submitted, done);
	assert_int_equal(stats.completed, done);
	assert_int_equal(stats.errors, errors);
}

static void
expect_nothing_reported(int16_t id)
{
	enum rte_dma_status_code status[4];
	bool error = false;
	uint16_t last;

	assert_int_equal(rte_dma_completed(id, 0, 4, &last, &error), 0);
	assert_int_equal(rte_dma_completed_status(id, 0, 4, &last, status), 0);
	assert_false(error);
}

static void
is_there_on_request_only(void **state)
{
	int16_t id = test_plug_with(test_args());
	struct rte_dma_info info;

	(void)state;
	assert_int_equal(rte_dma_info_get(id, &info), 0);
	assert_false(info.dev_capa & RTE_DMA_CAPA_SILENT);
	assert_int_equal(configure_silent(id, 1), -EINVAL);
	assert_int_equal(rte_vdev_uninit(TEST_NAME), 0);

	id = open_silent(2);
	assert_int_equal(rte_dma_info_get(id, &info), 0);
	assert_true(info.dev_capa & RTE_DMA_CAPA_SILENT);
	test_close(id);
}

static void
many_laps_without_a_completion(void **state)
{
	enum { N = 20000, SLOTS = 512 };
	uint8_t *src = test_buffer(SLOTS * SIZE), *dst = test_buffer(SLOTS * SIZE);
	int16_t id = open_silent(1);

	(void)state;
	for (unsigned int i = 0; i < SLOTS * SIZE; i++)
		src[i] = (uint8_t)(i * 7 + i / 251);
	for (unsigned int i = 0; i < N; i++) {
		const unsigned int at = i % SLOTS * SIZE;

		KEEP_TRYING(rte_dma_copy(id, 0, iova(src + at), iova(dst + at), SIZE,
			i % 5 == 0 ? RTE_DMA_OP_FLAG_SUBMIT : 0));
		if (i % 1000 == 0)
			expect_nothing_reported(id);
	}
	await_idle(id);
	assert_memory_equal(src, dst, SLOTS * SIZE);
	expect_stats(id, N, 0);
	assert_int_equal(rte_dma_burst_capacity(id, 0), RING);
	expect_stats(id, N, 0); /* the same when slots were taken back */
	expect_nothing_reported(id);
	test_close(id);
	rte_free(src);
	rte_free(dst);
}

/* Lists have room of their own, which comes back as well. */
static void
many_laps_of_scatter_lists(void **state)
{
	enum { N = 2000, ENTRIES = 64 };
	/* of each that is in flight, which may be done in any order */
	uint8_t *src = test_buffer(ENTRIES * SIZE), *dst = test_buffer(RING * ENTRIES * SIZE);
	struct rte_dma_sge from[ENTRIES], to[ENTRIES];
	int16_t id = open_silent(1);

	(void)state;
	for (unsigned int i = 0; i < ENTRIES * SIZE; i++)
		src[i] = (uint8_t)(i * 11);
	for (unsigned int i = 0; i < ENTRIES; i++)
		from[i] = (struct rte_dma_sge){iova(src + i * SIZE), SIZE};
	for (unsigned int n = 0; n < N; n++) {
		for (unsigned int i = 0; i < ENTRIES; i++)
			to[i] = (struct rte_dma_sge){
				iova(dst + (n % RING * ENTRIES + i) * SIZE), SIZE};
		KEEP_TRYING(rte_dma_copy_sg(id, 0, from, to, ENTRIES, ENTRIES, 0));
	}
	await_idle(id);
	for (unsigned int n = 0; n < RING; n++)
		assert_memory_equal(src, dst + n * ENTRIES * SIZE, ENTRIES * SIZE);
	expect_stats(id, N, 0);
	test_close(id);
	rte_free(src);
	rte_free(dst);
}

static void
errors_are_counted(void **state)
{
	enum { N = 1000 };
	uint8_t *buf = test_buffer((1 + RING) * SIZE);
	int16_t id = open_silent(1);
	unsigned int wrong = 0;

	(void)state;
	for (unsigned int i = 0; i < N; i++) {
		const bool bad = i % 7 == 3;

		wrong += bad;
		KEEP_TRYING(rte_dma_copy(
			id, 0, bad ? 0 : iova(buf), iova(buf + (1 + i % RING) * SIZE), SIZE, 0));
	}
	await_idle(id);
	expect_stats(id, N, wrong);
	assert_int_equal(rte_dma_stats_reset(id, 0), 0);
	expect_stats(id, 0, 0);

	/* of one batch: one that fails, and two behind a fence that are not attempted */
	KEEP_TRYING(rte_dma_copy(id, 0, 0, iova(buf), SIZE, 0));
	KEEP_TRYING(rte_dma_copy(id, 0, iova(buf), iova(buf), SIZE, RTE_DMA_OP_FLAG_FENCE));
	KEEP_TRYING(rte_dma_copy(id, 0, iova(buf), iova(buf), SIZE, 0));
	await_idle(id);
	expect_stats(id, 3, 3);
	test_close(id);
	rte_free(buf);
}

static void
is_left_by_configuring_again(void **state)
{
	uint8_t *buf = test_buffer(2 * SIZE);
	int16_t id = open_silent(1);

	(void)state;
	KEEP_TRYING(rte_dma_copy(id, 0, iova(buf), iova(buf + SIZE), SIZE, 0));
	await_idle(id);
	assert_int_equal(rte_dma_stop(id), 0);
	test_configure(id, 1, RING);
	assert_int_equal(rte_dma_start(id), 0);
	assert_int_equal(rte_dma_copy(id, 0, iova(buf), iova(buf + SIZE), SIZE, 0), 0);
	test_expect(id, RTE_DMA_STATUS_SUCCESSFUL);
	test_close(id);
	rte_free(buf);
}

static void
what_stop_aborts_is_an_error(void **state)
{
	uint8_t *buf = test_buffer(2 * SIZE);
	int16_t id = open_silent(1);

	(void)state;
	KEEP_TRYING(rte_dma_copy(id, 0, iova(buf), iova(buf + SIZE), SIZE, 0));
	assert_int_equal(rte_dma_submit(id, 0), 0);
	for (unsigned int i = 0; i < 3; i++)
		KEEP_TRYING(rte_dma_copy(id, 0, iova(buf), iova(buf + SIZE), SIZE, 0));
	assert_int_equal(rte_dma_stop(id), 0);
	expect_stats(id, 4, 3);
	expect_nothing_reported(id);
	assert_int_equal(rte_vdev_uninit(TEST_NAME), 0);
	rte_free(buf);
}

struct sender {
	pthread_t thread;
	int16_t id;
	uint8_t *src, *dst; /* to one place for each that is in flight */
	bool failed;
};

enum { SENDERS = 3, SENT = 5000 };

static void *
send_many(void *arg)
{
	struct sender *s = arg;
	const uint64_t deadline = rte_get_timer_cycles() + 20 * rte_get_timer_hz();

	for (unsigned int i = 0; i < SENT && !s->failed;) {
		if (rte_dma_copy(s->id, 0, iova(s->src), iova(s->dst + i % RING * SIZE), SIZE,
			    RTE_DMA_OP_FLAG_SUBMIT) >= 0)
			i++;
		else
			sched_yield();
		s->failed = rte_get_timer_cycles() > deadline;
	}
	return NULL;
}

/* As many threads as may. */
static void
threads_that_only_send(void **state)
{
	const unsigned int n = strstr(test_args(), "mt=1") != NULL ? SENDERS : 1;
	uint8_t *src = test_buffer(SENDERS * SIZE), *dst = test_buffer(SENDERS * RING * SIZE);
	struct sender sender[SENDERS];
	int16_t id = open_silent(1);

	(void)state;
	for (unsigned int i = 0; i < n * SIZE; i++)
		src[i] = (uint8_t)(i * 13 + 1);
	for (unsigned int i = 0; i < n; i++) {
		sender[i] = (struct sender){
			.id = id, .src = src + i * SIZE, .dst = dst + i * RING * SIZE};
		test_thread(&sender[i].thread, send_many, &sender[i]);
	}
	for (unsigned int i = 0; i < n; i++)
		pthread_join(sender[i].thread, NULL);
	for (unsigned int i = 0; i < n; i++)
		assert_false(sender[i].failed);
	await_idle(id);
	for (unsigned int i = 0; i < n * RING; i++)
		assert_memory_equal(src + i / RING * SIZE, dst + i * SIZE, SIZE);
	expect_stats(id, (uint64_t)n * SENT, 0);
	test_close(id);
	rte_free(src);
	rte_free(dst);
}

/* ---- what a thread cannot do because of another one -------------------------------------------
 */

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
	cmocka_unit_test(is_there_on_request_only),
	cmocka_unit_test(many_laps_without_a_completion),
	cmocka_unit_test(many_laps_of_scatter_lists),
	cmocka_unit_test(errors_are_counted),
	cmocka_unit_test(is_left_by_configuring_again),
	cmocka_unit_test(what_stop_aborts_is_an_error),
	cmocka_unit_test(threads_that_only_send),
	/* for several threads: */
	cmocka_unit_test(what_waits_at_a_fence_is_not_left_undone),
	cmocka_unit_test(what_is_behind_an_enqueue_under_way_is_not_left_undone),
	cmocka_unit_test(who_asks_for_the_status_does_what_was_left),
	cmocka_unit_test(stop_does_what_was_left),
	cmocka_unit_test(threads_that_meet_leave_nothing_undone),
	/* and these, who do it themselves: */
	cmocka_unit_test(who_makes_room_leaves_nothing_undone),
};

static size_t
how_many(void)
{
	if (strstr(test_args(), "mt=1") == NULL)
		return RTE_DIM(tests) - 6;
	return RTE_DIM(tests) - (strstr(test_args(), "engine=inline") == NULL);
}

TEST_MAIN_FIRST(tests, how_many(), gate_make, gate_remove)
