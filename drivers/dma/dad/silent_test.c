/* SPDX-License-Identifier: BSD-3-Clause */

/* Silent mode: operations are done and counted, nothing is reported, and slots come back. */

#include <errno.h>

#include "test_silent.h"

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

static void
await_idle(int16_t id)
{
	assert_int_equal(rte_dma_submit(id, 0), 0);
	await_status_idle(id);
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

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(is_there_on_request_only),
	cmocka_unit_test(many_laps_without_a_completion),
	cmocka_unit_test(many_laps_of_scatter_lists),
	cmocka_unit_test(errors_are_counted),
	cmocka_unit_test(is_left_by_configuring_again),
	cmocka_unit_test(what_stop_aborts_is_an_error),
	cmocka_unit_test(threads_that_only_send),
};

TEST_MAIN(tests)
