/* SPDX-License-Identifier: BSD-3-Clause */

/* Operations fail when a rule says so, exactly as often, and as any other that fails. */

#include <errno.h>
#include <inttypes.h>
#include <unistd.h>

#include "test_device.h"

#include "test_inject.h"

#define DESCS 256
#define LEN   64u

static const enum rte_dma_direction memory[] = {RTE_DMA_DIR_MEM_TO_MEM, RTE_DMA_DIR_MEM_TO_MEM};

static int16_t dev;
static uint8_t *src, *dst;

static void
open_injecting(const char *rules)
{
	char args[256];

	snprintf(args, sizeof(args), "inject=%s", rules);
	dev = test_open_directions(args, RTE_DIM(memory), DESCS, memory);
	src = test_buffer(DESCS * LEN);
	dst = test_buffer(DESCS * LEN);
	memset(src, 0x5a, (size_t)DESCS * LEN);
}

static int
close_injecting(void **state)
{
	(void)state;
	rte_free(src);
	rte_free(dst);
	test_close(dev);
	return 0;
}

static void
enqueue(uint16_t vchan, unsigned int i, uint32_t len, uint64_t flags)
{
	assert_true(rte_dma_copy(
			    dev, vchan, iova(src + i * LEN), iova(dst + i * LEN), len, flags) >= 0);
}

/* One of each kind, with a length: its status. */
enum { COPY, FILL, SG };

static enum rte_dma_status_code
do_one(uint16_t vchan, int op, uint32_t len)
{
	struct rte_dma_sge from = {iova(src), len}, to = {iova(dst), len};
	enum rte_dma_status_code status;

	if (op == COPY)
		assert_true(rte_dma_copy(dev, vchan, iova(src), iova(dst), len, 0) >= 0);
	else if (op == FILL)
		assert_true(rte_dma_fill(dev, vchan, 1, iova(dst), len, 0) >= 0);
	else
		assert_true(rte_dma_copy_sg(dev, vchan, &from, &to, 1, 1, 0) >= 0);
	assert_int_equal(rte_dma_submit(dev, vchan), 0);
	test_gather(dev, vchan, 1, &status);
	return status;
}

/* What dump says of rule i: made to fail, of how many. */
static void
assert_rule(unsigned int i, uint64_t failed, uint64_t seen)
{
	static char text[16384];
	uint64_t is_failed, is_seen;
	FILE *f = fmemopen(text, sizeof(text), "w");
	const char *at = text;

	assert_non_null(f);
	assert_int_equal(rte_dma_dump(dev, f), 0);
	fclose(f);
	for (unsigned int r = 0; r <= i; r++) {
		at = strstr(at, "inject: ");
		assert_non_null(at);
		at += strlen("inject: ");
	}
	assert_int_equal(
		sscanf(strstr(at, ": "), ": %" SCNu64 " of %" SCNu64, &is_failed, &is_seen), 2);
	assert_int_equal(is_failed, failed);
	assert_int_equal(is_seen, seen);
}

static void
each_nth_fails_and_moves_nothing(void **state)
{
	(void)state;
	open_injecting("bus_read_error:every:3");
	for (unsigned int i = 1; i <= 30; i++) {
		memset(dst, 0, LEN);
		assert_int_equal(do_one(0, COPY, LEN),
			i % 3 == 0 ? RTE_DMA_STATUS_BUS_READ_ERROR : RTE_DMA_STATUS_SUCCESSFUL);
		assert_int_equal(dst[LEN - 1], i % 3 == 0 ? 0 : 0x5a);
	}
	assert_rule(0, 10, 30);
}

static void
rules_choose_by_length_vchan_and_kind(void **state)
{
	(void)state;
	open_injecting("4:min:100:max:199+5:op:fill:vchan:0+page_fault:vchan:1:op:sg");
	assert_int_equal(do_one(0, COPY, 99), RTE_DMA_STATUS_SUCCESSFUL);
	assert_int_equal(do_one(0, COPY, 100), 4);
	assert_int_equal(do_one(0, COPY, 199), 4);
	assert_int_equal(do_one(0, COPY, 200), RTE_DMA_STATUS_SUCCESSFUL);
	assert_int_equal(do_one(0, FILL, 150), 4); /* the first one counts */
	assert_int_equal(do_one(0, FILL, 50), 5);
	assert_int_equal(do_one(1, FILL, 50), RTE_DMA_STATUS_SUCCESSFUL);
	assert_int_equal(do_one(0, SG, 50), RTE_DMA_STATUS_SUCCESSFUL);
	assert_int_equal(do_one(1, SG, 50), RTE_DMA_STATUS_PAGE_FAULT);
	assert_int_equal(do_one(1, COPY, 50), RTE_DMA_STATUS_SUCCESSFUL);
	assert_rule(0, 3, 3);
	assert_rule(1, 2, 2);
	assert_rule(2, 1, 1);
}

static void
it_ends_after_a_count(void **state)
{
	(void)state;
	open_injecting("bus_error:every:2:count:3");
	for (unsigned int i = 1; i <= 20; i++)
		assert_int_equal(do_one(0, COPY, LEN),
			i % 2 == 0 && i <= 6 ? RTE_DMA_STATUS_BUS_ERROR
					     : RTE_DMA_STATUS_SUCCESSFUL);
	assert_rule(0, 3, 20);
}

static void
fences_see_it(void **state)
{
	enum rte_dma_status_code status[6];

	(void)state;
	open_injecting("dev_link_error:min:10:max:10");
	for (unsigned int round = 0; round < 100; round++) {
		for (unsigned int i = 0; i < 5; i++)
			enqueue(0, i, i == 1 ? 10 : LEN, i == 3 ? RTE_DMA_OP_FLAG_FENCE : 0);
		assert_int_equal(rte_dma_submit(dev, 0), 0);
		enqueue(0, 5, LEN, RTE_DMA_OP_FLAG_SUBMIT);
		test_gather(dev, 0, 6, status);
		for (unsigned int i = 0; i < 6; i++)
			assert_int_equal(status[i],
				i == 1			   ? RTE_DMA_STATUS_DEV_LINK_ERROR
					: i == 3 || i == 4 ? RTE_DMA_STATUS_NOT_ATTEMPTED
							   : RTE_DMA_STATUS_SUCCESSFUL);
	}
	/* what is not attempted is not counted */
	assert_rule(0, 100, 100);
}

/* The whole of a large one, which else is cut into parts. */
static void
large_ones_fail_whole(void **state)
{
	enum { BIG = 1u << 20 };
	uint8_t *big = test_buffer(2 * BIG);
	enum rte_dma_status_code status;

	(void)state;
	open_injecting("bus_write_error:min:512K:every:2");
	const uint32_t len = iova(big + 2 * BIG - 1) == iova(big) + 2 * BIG - 1 ? BIG : 4096;
	for (unsigned int i = 1; len == BIG && i <= 6; i++) {
		memset(big, (int)i, BIG);
		memset(big + BIG, 0, BIG);
		assert_true(rte_dma_copy(dev, 0, iova(big), iova(big) + BIG, BIG,
				    RTE_DMA_OP_FLAG_SUBMIT) >= 0);
		test_gather(dev, 0, 1, &status);
		assert_int_equal(status,
			i % 2 == 0 ? RTE_DMA_STATUS_BUS_WRITE_ERROR : RTE_DMA_STATUS_SUCCESSFUL);
		for (unsigned int b = 0; b < BIG; b += 4096)
			assert_int_equal(big[BIG + b], i % 2 == 0 ? 0 : i);
	}
	rte_free(big);
}

/* Lists by their sum, also beyond 4 GiB. They do not match: who is not chosen fails otherwise. */
static void
lists_beyond_4_gib(void **state)
{
	struct rte_dma_sge from[3] = {{0, 1u << 31}, {0, 1u << 31}, {0, 1u << 31}}, to = {0, 1};
	enum rte_dma_status_code status;

	(void)state;
	open_injecting("bus_error:op:sg:min:5G:max:6G");
	for (uint16_t n = 1; n <= 3; n++) {
		assert_true(rte_dma_copy_sg(dev, 0, from, &to, n, 1, RTE_DMA_OP_FLAG_SUBMIT) >= 0);
		test_gather(dev, 0, 1, &status);
		assert_int_equal(
			status, n == 3 ? RTE_DMA_STATUS_BUS_ERROR : RTE_DMA_STATUS_INVALID_LENGTH);
	}
	assert_rule(0, 1, 1);
}

struct sender {
	uint16_t vchan;
	uint64_t sent, failed;
};

#define OPS 40000u

static void *
send_some(void *arg)
{
	struct sender *s = arg;
	enum rte_dma_status_code status[DESCS];
	uint64_t deadline = rte_get_timer_cycles() + 10 * rte_get_timer_hz(), got = 0;

	while (got < OPS && rte_get_timer_cycles() < deadline) {
		for (unsigned int i = 0; i < 32 && s->sent < OPS; i++, s->sent++)
			if (rte_dma_copy(dev, s->vchan, iova(src),
				    iova(dst) + (s->sent % DESCS * 2 + s->vchan) * 8, 8, 0) < 0)
				break;
		rte_dma_submit(dev, s->vchan);
		uint16_t n = rte_dma_completed_status(dev, s->vchan, DESCS, NULL, status);

		for (unsigned int i = 0; i < n; i++)
			s->failed += status[i] == RTE_DMA_STATUS_PAGE_FAULT;
		got += n;
		if (n == 0)
			sched_yield();
	}
	return NULL;
}

/* Whoever does them, and how many at a time: the count is exact, and statistics have it. */
static void
counts_are_exact_with_threads(void **state)
{
	struct sender senders[2] = {{.vchan = 0}, {.vchan = 1}};
	struct rte_dma_stats stats;
	pthread_t threads[2];

	(void)state;
	open_injecting("page_fault:every:7");
	for (unsigned int i = 0; i < 2; i++)
		test_thread(&threads[i], send_some, &senders[i]);
	for (unsigned int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(senders[0].sent + senders[1].sent, 2 * OPS);
	assert_int_equal(senders[0].failed + senders[1].failed, 2 * OPS / 7);
	assert_rule(0, 2 * OPS / 7, 2 * OPS);
	assert_int_equal(rte_dma_stats_get(dev, RTE_DMA_ALL_VCHAN, &stats), 0);
	assert_int_equal(stats.completed, 2 * OPS);
	assert_int_equal(stats.errors, 2 * OPS / 7);
}

static void
together_with_a_window_and_a_slow_link(void **state)
{
	const enum rte_dma_direction d2m = RTE_DMA_DIR_DEV_TO_MEM;
	enum rte_dma_status_code status[8];

	(void)state;
	dev = test_open_directions(
		"window=64K,source=pattern,lat_ns=1000,inject=data_poision:every:4", 1, DESCS,
		&d2m);
	src = test_buffer(LEN);
	dst = test_buffer(DESCS * LEN);
	for (unsigned int i = 0; i < 8; i++)
		assert_true(rte_dma_copy(dev, 0, i * 8, iova(dst + i * 8), 8, 0) >= 0);
	assert_int_equal(rte_dma_submit(dev, 0), 0);
	test_gather(dev, 0, 8, status);
	for (unsigned int i = 0; i < 8; i++) {
		const bool bad = i % 4 == 3;

		assert_int_equal(status[i], bad ? RTE_DMA_STATUS_DATA_POISION : 0);
		/* the word that was at the address is passed over, and nothing moves */
		assert_int_equal(dst[i * 8], bad ? 0 : i);
	}
}

/* ---- by telemetry ------------------------------------------------------------------------- */

static void
open_plain(void)
{
	dev = test_open(2, DESCS);
	src = test_buffer(DESCS * LEN);
	dst = test_buffer(DESCS * LEN);
	memset(src, 0x5a, (size_t)DESCS * LEN);
}

static void
rules_come_and_go_by_telemetry(void **state)
{
	(void)state;
	open_plain();
	telemetry_assert_says(telemetry, INJECT, "{\"/dad/dmadev/inject\":{}}");
	telemetry_assert_says(telemetry, INJECT ",page_fault:every:2",
		"\"rule_0\":{\"rule\":\"page_fault:every:2\",\"failed\":0,\"of\":0}");
	for (unsigned int i = 1; i <= 10; i++)
		assert_int_equal(do_one(0, COPY, LEN),
			i % 2 == 0 ? RTE_DMA_STATUS_PAGE_FAULT : RTE_DMA_STATUS_SUCCESSFUL);
	/* one more: the first goes on counting */
	telemetry_assert_says(telemetry, INJECT ",4:min:10:max:10",
		"\"failed\":5,\"of\":10},\"rule_1\":{\"rule\":\"4:min:10:max:10\"");
	assert_int_equal(do_one(0, COPY, 10), 4);
	assert_int_equal(do_one(0, COPY, LEN), RTE_DMA_STATUS_PAGE_FAULT);
	telemetry_assert_says(telemetry, INJECT ",clear", "{\"/dad/dmadev/inject\":{}}");
	for (unsigned int i = 0; i < 10; i++)
		assert_int_equal(do_one(0, COPY, 10), RTE_DMA_STATUS_SUCCESSFUL);
}

static void
wrong_rules_are_explained(void **state)
{
	(void)state;
	open_plain();
	telemetry_assert_says(telemetry, INJECT ",trouble", "no rule 'trouble'");
	telemetry_assert_says(telemetry, INJECT ",trouble", "user_abort");
	telemetry_assert_says(telemetry, INJECT ",1:every:0", "every '0': valid are 1 to");
	telemetry_assert_says(telemetry, INJECT ",1,clear", "no rule");
	telemetry_assert_says(telemetry, "/dad/dmadev/inject,nobody,1", "no device 'nobody'");
	for (unsigned int i = 0; i < 16; i++)
		telemetry_assert_says(telemetry, INJECT ",1:min:4000000000", "rule_0");
	telemetry_assert_says(telemetry, INJECT ",1", "no more than 16 rules");
	assert_int_equal(do_one(0, COPY, LEN), RTE_DMA_STATUS_SUCCESSFUL);
}

/* Nothing is lost, and nothing wrong is told, while rules change under the workers' hands. */
static void
rules_change_under_way(void **state)
{
	struct sender sender = {.vchan = 1};
	struct rte_dma_stats stats;
	pthread_t thread;

	(void)state;
	open_plain();
	test_thread(&thread, send_some, &sender);
	for (unsigned int i = 0; i < 200; i++) {
		telemetry_ask(telemetry, INJECT ",page_fault:every:3");
		telemetry_ask(telemetry, INJECT ",clear");
	}
	pthread_join(thread, NULL);
	assert_int_equal(sender.sent, OPS);
	assert_int_equal(rte_dma_stats_get(dev, 1, &stats), 0);
	assert_int_equal(stats.completed, OPS);
	assert_int_equal(stats.errors, sender.failed);
}

#define CLOSED(test) cmocka_unit_test_teardown(test, close_injecting)

static const struct CMUnitTest tests[] = {
	CLOSED(each_nth_fails_and_moves_nothing),
	CLOSED(rules_choose_by_length_vchan_and_kind),
	CLOSED(it_ends_after_a_count),
	CLOSED(fences_see_it),
	CLOSED(large_ones_fail_whole),
	CLOSED(lists_beyond_4_gib),
	CLOSED(counts_are_exact_with_threads),
	CLOSED(together_with_a_window_and_a_slow_link),
	CLOSED(rules_come_and_go_by_telemetry),
	CLOSED(wrong_rules_are_explained),
	CLOSED(rules_change_under_way),
};

TEST_MAIN_WITH(tests, connect_to_telemetry, disconnect)
