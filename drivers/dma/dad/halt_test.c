/* SPDX-License-Identifier: BSD-3-Clause */

/* halt=1: nothing behind a failure is attempted until it was reported, and then all of it is. */

#include <errno.h>

#include "test_device.h"

#define LEN  64u
#define RING 256u

static int16_t dev;
static uint8_t *src, *dst;

static void
open_with(const char *more)
{
	char args[256];

	snprintf(args, sizeof(args), "%s,halt=1%s", test_args(), more);
	dev = test_plug_with(args);
	test_configure(dev, 1, RING);
	assert_int_equal(rte_dma_start(dev), 0);
	src = test_buffer((size_t)RING * LEN);
	dst = test_buffer((size_t)RING * LEN);
	for (unsigned int i = 0; i < RING * LEN; i++)
		src[i] = (uint8_t)(i / LEN + 1);
}

static int
setup(void **state)
{
	(void)state;
	open_with("");
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	rte_free(src);
	rte_free(dst);
	test_close(dev);
	return 0;
}

static enum rte_dma_vchan_status
state_of_vchan(void)
{
	enum rte_dma_vchan_status status;

	assert_int_equal(rte_dma_vchan_status(dev, 0, &status), 0);
	return status;
}

static void
await(enum rte_dma_vchan_status wanted)
{
	uint64_t deadline = rte_get_timer_cycles() + 10 * rte_get_timer_hz();

	while (state_of_vchan() != wanted) {
		/* with some engines it is who polls that does the work; 0 is asked for */
		rte_dma_completed(dev, 0, 0, NULL, NULL);
		assert_true(rte_get_timer_cycles() < deadline);
		sched_yield();
	}
}

/* Copy piece i; a bad one has no source. */
static void
enqueue(unsigned int i, bool bad, uint64_t flags)
{
	assert_true(rte_dma_copy(dev, 0, bad ? 0 : iova(src) + i * LEN, iova(dst) + i * LEN, LEN,
			    flags) >= 0);
}

static bool
is_copied(unsigned int i)
{
	return memcmp(dst + i * LEN, src + i * LEN, LEN) == 0;
}

static bool
is_untouched(unsigned int i)
{
	for (unsigned int at = 0; at < LEN; at++)
		if (dst[i * LEN + at] != 0)
			return false;
	return true;
}

/* The next one is reported, alone, with a status. */
static void
expect_one(enum rte_dma_status_code wanted)
{
	enum rte_dma_status_code status;

	test_gather(dev, 0, 1, &status);
	assert_int_equal(status, wanted);
}

static void
what_is_behind_a_failure_waits_for_the_report(void **state)
{
	enum rte_dma_status_code status[8];
	bool error = false;
	unsigned int got = 0;

	(void)state;
	for (unsigned int i = 0; i < 8; i++)
		enqueue(i, i == 3, 0);
	assert_int_equal(rte_dma_submit(dev, 0), 0);
	/* completed() tells of those before it, and that there is an error, and nothing goes on */
	const uint64_t deadline = rte_get_timer_cycles() + 10 * rte_get_timer_hz();
	for (unsigned int polls = 0; !error || polls < 1000; polls++) {
		got += rte_dma_completed(dev, 0, 8, NULL, &error);
		assert_true(rte_get_timer_cycles() < deadline);
		sched_yield();
	}
	assert_int_equal(got, 3);
	assert_int_equal(state_of_vchan(), RTE_DMA_VCHAN_HALTED_ERROR);
	for (unsigned int i = 4; i < 8; i++)
		assert_true(is_untouched(i));
	assert_int_equal(rte_dma_completed_status(dev, 0, 8, NULL, status), 1);
	assert_int_equal(status[0], RTE_DMA_STATUS_INVALID_SRC_ADDR);
	/* inline, it was that call which did what waited */
	for (unsigned int i = 4; i < 8 && strstr(test_args(), "engine=inline") != NULL; i++)
		assert_true(is_copied(i));
	test_gather(dev, 0, 4, status);
	for (unsigned int i = 4; i < 8; i++) {
		assert_int_equal(status[i - 4], RTE_DMA_STATUS_SUCCESSFUL);
		assert_true(is_copied(i));
	}
	await(RTE_DMA_VCHAN_IDLE);
}

static void
each_failure_halts_again(void **state)
{
	unsigned int halts = 0;

	(void)state;
	for (unsigned int i = 0; i < 64; i++)
		enqueue(i, i % 7 == 5, i % 16 == 15 ? RTE_DMA_OP_FLAG_SUBMIT : 0);
	for (unsigned int i = 0; i < 64; i++) {
		if (i % 7 != 5) {
			expect_one(RTE_DMA_STATUS_SUCCESSFUL);
			assert_true(is_copied(i));
			continue;
		}
		await(RTE_DMA_VCHAN_HALTED_ERROR);
		for (unsigned int behind = i; behind < 64; behind++)
			assert_true(is_untouched(behind));
		expect_one(RTE_DMA_STATUS_INVALID_SRC_ADDR);
		halts++;
	}
	assert_int_equal(halts, 9);
	await(RTE_DMA_VCHAN_IDLE);
}

/* More can be submitted, until the ring is full. */
static void
a_halted_vchan_takes_what_comes(void **state)
{
	enum rte_dma_status_code status[RING];

	(void)state;
	enqueue(0, true, RTE_DMA_OP_FLAG_SUBMIT);
	await(RTE_DMA_VCHAN_HALTED_ERROR);
	for (unsigned int i = 1; i < RING; i++)
		enqueue(i, false, RTE_DMA_OP_FLAG_SUBMIT);
	assert_int_equal(rte_dma_copy(dev, 0, iova(src), iova(dst), LEN, 0), -ENOSPC);
	assert_int_equal(state_of_vchan(), RTE_DMA_VCHAN_HALTED_ERROR);
	for (unsigned int i = 0; i < RING; i++)
		assert_true(is_untouched(i));
	expect_one(RTE_DMA_STATUS_INVALID_SRC_ADDR);
	test_gather(dev, 0, RING - 1, status);
	for (unsigned int i = 1; i < RING; i++) {
		assert_int_equal(status[i - 1], RTE_DMA_STATUS_SUCCESSFUL);
		assert_true(is_copied(i));
	}
}

/* A fence behind a failure of its batch is not attempted, as ever: no failure of its own, so that
 * nothing halts there, nor goes on by its report. */
static void
fences_are_as_ever(void **state)
{
	(void)state;
	enqueue(0, true, 0);
	enqueue(1, false, RTE_DMA_OP_FLAG_FENCE);
	enqueue(2, false, RTE_DMA_OP_FLAG_SUBMIT);
	enqueue(3, true, 0);
	enqueue(4, false, RTE_DMA_OP_FLAG_SUBMIT);
	expect_one(RTE_DMA_STATUS_INVALID_SRC_ADDR);
	await(RTE_DMA_VCHAN_HALTED_ERROR);
	expect_one(RTE_DMA_STATUS_NOT_ATTEMPTED);
	expect_one(RTE_DMA_STATUS_NOT_ATTEMPTED);
	assert_int_equal(state_of_vchan(), RTE_DMA_VCHAN_HALTED_ERROR);
	assert_true(is_untouched(1) && is_untouched(2) && is_untouched(4));
	expect_one(RTE_DMA_STATUS_INVALID_SRC_ADDR);
	expect_one(RTE_DMA_STATUS_SUCCESSFUL);
	assert_true(is_copied(4));
}

/* Of several parts, which several may do. */
static void
a_large_operation_halts_as_well(void **state)
{
	const uint32_t size = 2u << 20;
	uint8_t *from = test_buffer(size), *to = test_buffer(size);
	struct rte_dma_sge list[2] = {{iova(from), size / 2}, {0, size / 2}};
	struct rte_dma_sge good = {iova(to), size};

	(void)state;
	memset(from, 0x77, size);
	enqueue(0, false, 0);
	assert_true(rte_dma_copy_sg(dev, 0, list, &good, 2, 1, 0) >= 0);
	enqueue(1, false, 0);
	assert_true(rte_dma_copy(dev, 0, iova(from), iova(to), size, RTE_DMA_OP_FLAG_SUBMIT) >= 0);
	expect_one(RTE_DMA_STATUS_SUCCESSFUL);
	await(RTE_DMA_VCHAN_HALTED_ERROR);
	assert_true(is_untouched(1));
	assert_int_equal(to[size - 1], 0);
	expect_one(RTE_DMA_STATUS_INVALID_SRC_ADDR);
	expect_one(RTE_DMA_STATUS_SUCCESSFUL);
	expect_one(RTE_DMA_STATUS_SUCCESSFUL);
	assert_true(is_copied(1));
	assert_memory_equal(to, from, size);
	rte_free(from);
	rte_free(to);
}

static void
stop_aborts_what_a_halted_vchan_has(void **state)
{
	enum rte_dma_status_code status[8];

	(void)state;
	for (unsigned int i = 0; i < 8; i++)
		enqueue(i, i == 2, 0);
	assert_int_equal(rte_dma_submit(dev, 0), 0);
	await(RTE_DMA_VCHAN_HALTED_ERROR);
	assert_int_equal(rte_dma_stop(dev), 0);
	test_gather(dev, 0, 8, status);
	for (unsigned int i = 0; i < 8; i++) {
		assert_int_equal(status[i],
			i < 2		? RTE_DMA_STATUS_SUCCESSFUL
				: i > 2 ? RTE_DMA_STATUS_USER_ABORT
					: RTE_DMA_STATUS_INVALID_SRC_ADDR);
		assert_int_equal(is_copied(i), i < 2);
	}
	/* and begins anew */
	assert_int_equal(rte_dma_start(dev), 0);
	assert_int_equal(state_of_vchan(), RTE_DMA_VCHAN_IDLE);
	enqueue(9, false, RTE_DMA_OP_FLAG_SUBMIT);
	expect_one(RTE_DMA_STATUS_SUCCESSFUL);
}

/* Operations that fail because they shall, on a device that takes its time. */
static void
of_a_device_that_is_played(void **state)
{
	(void)state;
	open_with(",lat_ns=1000,inject=bus_error:every:5");
	for (unsigned int i = 0; i < 50; i++)
		enqueue(i, false, i % 8 == 0 ? RTE_DMA_OP_FLAG_FENCE : 0);
	assert_int_equal(rte_dma_submit(dev, 0), 0);
	for (unsigned int i = 0, attempted = 0; i < 50; i++) {
		/* the fence at 8 is behind the failure at 4 */
		if (i >= 8) {
			expect_one(RTE_DMA_STATUS_NOT_ATTEMPTED);
			continue;
		}
		if (++attempted % 5 != 0) {
			expect_one(RTE_DMA_STATUS_SUCCESSFUL);
			continue;
		}
		await(RTE_DMA_VCHAN_HALTED_ERROR);
		assert_true(is_untouched(i) && is_untouched(i + 1));
		expect_one(RTE_DMA_STATUS_BUS_ERROR);
	}
	teardown(state);
}

/* ---- while it is submitted to ------------------------------------------------------------------
 */

#define OPS   20000u
#define EVERY 97u

/* Each operation hands on a byte to the next: whatever is done out of order hands on a 0. */
static void *
submit_chain(void *arg)
{
	uint8_t *chain = arg;
	const rte_iova_t base = iova(chain);
	uint64_t deadline = rte_get_timer_cycles() + 20 * rte_get_timer_hz();

	for (unsigned int i = 0; i < OPS; i++) {
		rte_iova_t from = i % EVERY == EVERY - 1 ? 0 : base + i;

		while (rte_dma_copy(dev, 0, from, base + i + 1, 1, RTE_DMA_OP_FLAG_SUBMIT) < 0) {
			if (rte_get_timer_cycles() > deadline)
				return NULL;
			sched_yield();
		}
	}
	return chain;
}

static void
nothing_is_lost_where_others_submit(void **state)
{
	uint8_t *chain = test_buffer(OPS + 1);
	enum rte_dma_status_code status;
	pthread_t submitter;
	void *ok;

	(void)state;
	if (strstr(test_args(), "mt=1") == NULL) {
		rte_free(chain);
		skip();
	}
	chain[0] = 1;
	/* behind a failure it goes on with what there was */
	for (unsigned int i = EVERY; i <= OPS; i += EVERY)
		chain[i] = 1;
	test_thread(&submitter, submit_chain, chain);
	for (unsigned int i = 0; i < OPS; i++) {
		const bool bad = i % EVERY == EVERY - 1;

		test_gather(dev, 0, 1, &status);
		assert_int_equal(
			status, bad ? RTE_DMA_STATUS_INVALID_SRC_ADDR : RTE_DMA_STATUS_SUCCESSFUL);
		assert_int_equal(chain[i + 1], 1);
	}
	pthread_join(submitter, &ok);
	assert_non_null(ok);
	rte_free(chain);
}

static void
devargs_that_do_not_go_together(void **state)
{
	static const char *const wrong[] = {"halt=2", "halt=", "halt=1,silent=1", "halt=1,halt=1"};
	char args[256];

	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(wrong); i++) {
		snprintf(args, sizeof(args), "%s,%s", test_args(), wrong[i]);
		assert_int_not_equal(rte_vdev_init(TEST_NAME, args), 0);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test_setup_teardown(
		what_is_behind_a_failure_waits_for_the_report, setup, teardown),
	cmocka_unit_test_setup_teardown(each_failure_halts_again, setup, teardown),
	cmocka_unit_test_setup_teardown(a_halted_vchan_takes_what_comes, setup, teardown),
	cmocka_unit_test_setup_teardown(fences_are_as_ever, setup, teardown),
	cmocka_unit_test_setup_teardown(a_large_operation_halts_as_well, setup, teardown),
	cmocka_unit_test_setup_teardown(stop_aborts_what_a_halted_vchan_has, setup, teardown),
	cmocka_unit_test(of_a_device_that_is_played),
	cmocka_unit_test_setup_teardown(nothing_is_lost_where_others_submit, setup, teardown),
	cmocka_unit_test(devargs_that_do_not_go_together),
};

TEST_MAIN(tests)
