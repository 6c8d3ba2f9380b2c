/* SPDX-License-Identifier: BSD-3-Clause */

/* inject=enospc: enqueues are refused when a rule says so, and nothing else changes. */

#include <errno.h>
#include <unistd.h>

#include "test_device.h"

#include "dad_vchan.h"
#include "test_inject.h"

#define DESCS 256u
#define LEN   64u
#define PLACE 256u /* of each that is in flight: they may run at a time */

static const enum rte_dma_direction memory[] = {RTE_DMA_DIR_MEM_TO_MEM, RTE_DMA_DIR_MEM_TO_MEM};

static int16_t dev;
static uint8_t *src, *dst;
static unsigned int places;

static void
open_refusing(const char *rules)
{
	char args[256];

	snprintf(args, sizeof(args), rules[0] != '\0' ? "inject=%s" : "xstats=1", rules);
	dev = test_open_directions(args, RTE_DIM(memory), DESCS, memory);
	src = test_buffer(PLACE);
	dst = test_buffer((size_t)DESCS * PLACE);
	memset(src, 0x5a, PLACE);
}

static int
close_it(void **state)
{
	(void)state;
	rte_free(src);
	rte_free(dst);
	test_close(dev);
	return 0;
}

static rte_iova_t
place(void)
{
	return iova(dst + places++ % DESCS * PLACE);
}

static int
copy(uint16_t vchan, uint32_t len, uint64_t flags)
{
	return rte_dma_copy(dev, vchan, iova(src), place(), len, flags);
}

static int
fill(uint16_t vchan, uint32_t len)
{
	return rte_dma_fill(dev, vchan, 1, place(), len, 0);
}

static int
lists(uint16_t vchan, uint32_t len)
{
	struct rte_dma_sge from[2] = {{iova(src), len / 2}, {iova(src), len - len / 2}};
	struct rte_dma_sge to = {place(), len};

	return rte_dma_copy_sg(dev, vchan, from, &to, 2, 1, 0);
}

/* So many were enqueued: they are done, and well. */
static void
expect_done(uint16_t vchan, uint16_t n)
{
	enum rte_dma_status_code status[DESCS];

	assert_int_equal(rte_dma_submit(dev, vchan), 0);
	test_gather(dev, vchan, n, status);
	for (unsigned int i = 0; i < n; i++)
		assert_int_equal(status[i], RTE_DMA_STATUS_SUCCESSFUL);
	assert_int_equal(rte_dma_completed(dev, vchan, 1, NULL, NULL), 0);
}

/* The counter of a vchan. */
static uint64_t
refused(uint16_t vchan)
{
	const struct dad_vchan *vc = &((struct dad_vchan *)rte_dma_fp_objs[dev].dev_private)[vchan];
	uint64_t values[DAD_XSTAT_MAX] = {0};

	dad_stat_get(vc, values);
	return values[DAD_XSTAT_NOSPACE];
}

static void
each_nth_is_refused_and_counted(void **state)
{
	uint16_t index = 0;

	(void)state;
	open_refusing("enospc:every:3");
	for (unsigned int i = 1; i <= 30; i++) {
		int ret = i % 2 ? copy(0, LEN, 0) : fill(0, LEN);

		/* those between have the next index, as if nothing had been asked */
		assert_int_equal(ret, i % 3 == 0 ? -ENOSPC : index);
		index += i % 3 != 0;
	}
	assert_int_equal(refused(0), 10);
	assert_int_equal(rte_dma_burst_capacity(dev, 0), DESCS - 20);
	expect_done(0, 20);
}

static void
rules_choose_by_length_vchan_and_kind(void **state)
{
	(void)state;
	open_refusing("enospc:min:100:max:199+enospc:op:fill:vchan:0+ENOSPC:vchan:1:op:sg");
	assert_true(copy(0, 99, 0) >= 0);
	assert_int_equal(copy(0, 100, 0), -ENOSPC);
	assert_int_equal(copy(0, 199, 0), -ENOSPC);
	assert_true(copy(0, 200, 0) >= 0);
	assert_int_equal(fill(0, 50), -ENOSPC);
	assert_true(fill(1, 50) >= 0);
	assert_true(lists(0, 50) >= 0);
	assert_int_equal(lists(0, 150), -ENOSPC);
	assert_int_equal(lists(1, 50), -ENOSPC);
	assert_true(copy(1, 50, 0) >= 0);
	expect_done(0, 3);
	expect_done(1, 2);
}

/* What can never be enqueued is wrong, and no rule counts it. */
static void
wrong_ones_are_not_counted(void **state)
{
	struct rte_dma_sge none = {0, 0};

	(void)state;
	open_refusing("enospc:every:2");
	for (unsigned int i = 0; i < 3; i++) {
		assert_int_equal(copy(0, 0, 0), -EINVAL);
		assert_int_equal(fill(0, 0), -EINVAL);
		assert_int_equal(rte_dma_copy_sg(dev, 0, &none, &none, 0, 1, 0), -EINVAL);
		assert_int_equal(rte_dma_copy_sg(dev, 0, &none, &none, 1, 65, 0), -EINVAL);
	}
	assert_true(copy(0, LEN, 0) >= 0);
	assert_int_equal(copy(0, LEN, 0), -ENOSPC);
	expect_done(0, 1);
}

/* As with a full ring, a refused one with the flag submits nothing. */
static void
what_is_refused_does_not_submit(void **state)
{
	struct rte_dma_stats stats;

	(void)state;
	open_refusing("enospc:every:2:count:1");
	assert_true(copy(0, LEN, 0) >= 0);
	assert_int_equal(copy(0, LEN, RTE_DMA_OP_FLAG_SUBMIT), -ENOSPC);
	assert_int_equal(rte_dma_stats_get(dev, 0, &stats), 0);
	assert_int_equal(stats.submitted, 0);
	for (unsigned int i = 0; i < 5; i++)
		assert_true(copy(0, LEN, 0) >= 0);
	expect_done(0, 6);
}

static void
beside_rules_that_fail_operations(void **state)
{
	enum rte_dma_status_code status[10];
	unsigned int n = 0;

	(void)state;
	open_refusing("enospc:every:2+bus_error:every:5");
	for (unsigned int i = 0; i < 20; i++)
		n += copy(0, LEN, 0) >= 0;
	assert_int_equal(n, 10);
	assert_int_equal(rte_dma_submit(dev, 0), 0);
	test_gather(dev, 0, 10, status);
	unsigned int failed = 0;
	for (unsigned int i = 0; i < 10; i++)
		failed += status[i] == RTE_DMA_STATUS_BUS_ERROR;
	assert_int_equal(failed, 2);
}

/* ---- by telemetry ------------------------------------------------------------------------- */

/* Off costs nothing: the functions that are called are the same as ever. */
static void
nobody_asks_without_such_a_rule(void **state)
{
	(void)state;
	open_refusing("");
	const struct rte_dma_fp_object *fp = &rte_dma_fp_objs[dev], before = *fp;
	telemetry_assert_says(telemetry, INJECT ",page_fault:min:100000", "rule_0");
	assert_memory_equal(fp, &before, sizeof(before));
	telemetry_assert_says(telemetry, INJECT ",enospc:every:2",
		"\"rule_1\":{\"rule\":\"enospc:every:2\",\"failed\":0,\"of\":0}");
	assert_ptr_not_equal(fp->copy, before.copy);
	assert_true(copy(0, LEN, 0) >= 0);
	assert_int_equal(copy(0, LEN, 0), -ENOSPC);
	telemetry_assert_says(telemetry, INJECT, "\"failed\":1,\"of\":2}");
	telemetry_assert_says(telemetry, INJECT ",clear", "{\"/dad/dmadev/inject\":{}}");
	assert_memory_equal(fp, &before, sizeof(before));
	for (unsigned int i = 0; i < 9; i++)
		assert_true(copy(0, LEN, 0) >= 0);
	expect_done(0, 10);
}

#define OPS 20000u

static void *
send_all(void *arg)
{
	uint64_t deadline = rte_get_timer_cycles() + 15 * rte_get_timer_hz(), *refusals = arg;
	enum rte_dma_status_code status[DESCS];
	unsigned int sent = 0, got = 0;

	while (got < OPS && rte_get_timer_cycles() < deadline) {
		for (unsigned int i = 0; i < 16 && sent < OPS; i++) {
			const bool ok = copy(1, LEN, 0) >= 0;

			sent += ok;
			*refusals += !ok;
		}
		rte_dma_submit(dev, 1);
		got += rte_dma_completed_status(dev, 1, DESCS, NULL, status);
	}
	return got == OPS ? arg : NULL;
}

static void
rules_come_and_go_while_others_enqueue(void **state)
{
	uint64_t refusals = 0;
	pthread_t thread;
	void *ok;

	(void)state;
	open_refusing("");
	test_thread(&thread, send_all, &refusals);
	for (unsigned int i = 0; i < 200; i++) {
		telemetry_ask(telemetry, INJECT ",enospc:every:3");
		telemetry_ask(telemetry, INJECT ",clear");
	}
	pthread_join(thread, &ok);
	assert_non_null(ok);
	assert_int_equal(refused(1), refusals);
}

#define CLOSED(test) cmocka_unit_test_teardown(test, close_it)

static const struct CMUnitTest tests[] = {
	CLOSED(each_nth_is_refused_and_counted),
	CLOSED(rules_choose_by_length_vchan_and_kind),
	CLOSED(wrong_ones_are_not_counted),
	CLOSED(what_is_refused_does_not_submit),
	CLOSED(beside_rules_that_fail_operations),
	CLOSED(nobody_asks_without_such_a_rule),
	CLOSED(rules_come_and_go_while_others_enqueue),
};

TEST_MAIN_WITH(tests, connect_to_telemetry, disconnect)
