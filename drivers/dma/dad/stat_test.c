/* SPDX-License-Identifier: BSD-3-Clause */

/* What a vchan counts, against what was done to it. */

#include <errno.h>

#include "test_stat.h"

static void
every_operation_is_counted_by_kind(void **state)
{
	struct tally tally[2] = {0};
	unsigned int seed = 1;

	(void)state;
	for (unsigned int round = 0; round < 400; round++) {
		const uint16_t vchan = round % 2;
		const uint16_t n = (uint16_t)(1 + rand_r(&seed) % (round % 3 == 0 ? 100 : 5));

		for (unsigned int i = 0; i < n; i++)
			enqueue(vchan, (unsigned int)rand_r(&seed) % DAD_STAT_OPCODES,
				2 + (unsigned int)rand_r(&seed) % (LEN - 2),
				rand_r(&seed) % 10 != 0, &tally[vchan]);
		submit_and_gather(vchan, n, &tally[vchan]);
	}
	for (uint16_t v = 0; v < 2; v++) {
		struct rte_dma_stats stats;

		assert_tally(v, &tally[v]);
		assert_int_equal(rte_dma_stats_get(dev, v, &stats), 0);
		assert_int_equal(stats.submitted, tally[v].done);
		assert_int_equal(stats.errors, sum(v, DAD_XSTAT_ERRORS, DAD_STAT_CODES));
	}
}

/* Operations that are cut into parts, and those that fail in a later part. */
static void
large_operations_are_counted_once(void **state)
{
	const size_t size = 1u << 20;
	uint8_t *large = test_buffer(2 * size);
	enum rte_dma_status_code status[8];

	(void)state;
	for (unsigned int i = 0; i < 4; i++) {
		assert_true(rte_dma_copy(dev, 0, iova(large), iova(large), (uint32_t)size, 0) >= 0);
		assert_true(rte_dma_fill(dev, 0, 1, iova(large), (uint32_t)size, 0) >= 0);
	}
	assert_int_equal(rte_dma_submit(dev, 0), 0);
	test_gather(dev, 0, 8, status);
	assert_int_equal(value(0, DAD_XSTAT_OPS + DAD_OP_COPY), 4);
	assert_int_equal(value(0, DAD_XSTAT_OPS + DAD_OP_FILL), 4);
	uint64_t failed = 0;
	for (unsigned int i = 0; i < 8; i++)
		failed += status[i] != RTE_DMA_STATUS_SUCCESSFUL;
	/* without hugepages, and with physical addresses, they may not be contiguous */
	if (failed == 0) {
		assert_int_equal(value(0, DAD_XSTAT_BYTES + DAD_OP_COPY), 4 * size);
		assert_int_equal(value(0, DAD_XSTAT_BYTES + DAD_OP_FILL), 4 * size);
	}
	assert_int_equal(value(0, DAD_XSTAT_PARTS) % 8, 0);
	assert_int_equal(value(0, DAD_XSTAT_PARTS) > 0, vchan_of(0)->shared && failed == 0);
	rte_free(large);
}

static void
what_is_not_attempted_is_no_operation_of_a_kind(void **state)
{
	struct tally t = {0};

	(void)state;
	enqueue(0, DAD_OP_COPY, 64, true, &t);
	enqueue(0, DAD_OP_FILL, 64, false, &t);
	for (unsigned int i = 0; i < 3; i++)
		assert_true(rte_dma_copy(dev, 0, iova(buf), iova(buf + LEN), 64,
				    i == 0 ? RTE_DMA_OP_FLAG_FENCE : 0) >= 0);
	t.errors[RTE_DMA_STATUS_NOT_ATTEMPTED] = 3;
	submit_and_gather(0, 5, &t);
	assert_tally(0, &t);
}

/* Not even the bytes of what eager=1 has moved. */
static void
what_is_aborted_is_no_operation_of_a_kind(void **state)
{
	enum rte_dma_status_code status[8];
	const rte_iova_t from = iova(buf), to = iova(buf + LEN);

	(void)state;
	assert_int_equal(rte_dma_copy(dev, 0, from, to, 1024, 0), 0);
	assert_int_equal(rte_dma_copy(dev, 0, from, to, 600, RTE_DMA_OP_FLAG_SUBMIT), 1);
	for (unsigned int i = 0; i < 3; i++)
		assert_int_equal(rte_dma_copy(dev, 0, from, to, 2048, 0), 2 + i);
	assert_int_equal(rte_dma_copy(dev, 0, from, to, 8, 0), 5);
	assert_int_equal(rte_dma_copy(dev, 0, from, to, 2048, 0), 6);
	test_stop(dev);
	assert_int_equal(rte_dma_completed_status(dev, 0, 8, NULL, status), 7);
	assert_int_equal(status[1], RTE_DMA_STATUS_SUCCESSFUL);
	assert_int_equal(status[2], RTE_DMA_STATUS_USER_ABORT);
	assert_int_equal(value(0, DAD_XSTAT_OPS + DAD_OP_COPY), 2);
	assert_int_equal(value(0, DAD_XSTAT_BYTES + DAD_OP_COPY), 1624);
}

static void
what_finds_no_room_is_counted(void **state)
{
	struct tally t = {0};

	(void)state;
	for (unsigned int i = 0; i < RING; i++)
		enqueue(0, DAD_OP_COPY, 64, true, &t);
	for (unsigned int i = 0; i < 5; i++)
		assert_int_equal(rte_dma_copy(dev, 0, iova(buf), iova(buf + LEN), 64, 0), -ENOSPC);
	assert_int_equal(rte_dma_fill(dev, 0, 0, iova(buf), 64, 0), -ENOSPC);
	struct rte_dma_sge sge = {iova(buf), 64};
	assert_int_equal(rte_dma_copy_sg(dev, 0, &sge, &sge, 1, 1, 0), -ENOSPC);
	assert_int_equal(rte_dma_copy(dev, 0, iova(buf), iova(buf + LEN), 0, 0), -EINVAL);
	submit_and_gather(0, RING, &t);
	assert_int_equal(value(0, DAD_XSTAT_NOSPACE), 7);
	assert_int_equal(value(1, DAD_XSTAT_NOSPACE), 0);
	assert_tally(0, &t);
}

static void
reset_takes_all_to_zero_and_start_as_well(void **state)
{
	struct tally t = {0};
	enum rte_dma_status_code status[2];

	(void)state;
	for (unsigned int op = 0; op < DAD_STAT_OPCODES; op++)
		enqueue(0, op, 64, op != DAD_OP_COPY, &t);
	submit_and_gather(0, DAD_STAT_OPCODES, &t);
	assert_int_equal(rte_dma_stats_reset(dev, 1), 0);
	assert_tally(0, &t);
	assert_int_equal(rte_dma_stats_reset(dev, 0), 0);
	assert_int_equal(sum(0, 0, DAD_XSTAT_MAX), 0);

	/* from here on, and not from before */
	t = (struct tally){0};
	enqueue(0, DAD_OP_COPY, 100, true, &t);
	enqueue(0, DAD_OP_FILL, 100, true, &t);
	submit_and_gather(0, 2, &t);
	assert_tally(0, &t);
	assert_int_equal(rte_dma_stop(dev), 0);
	assert_tally(0, &t);
	assert_int_equal(rte_dma_start(dev), 0);
	assert_int_equal(sum(0, 0, DAD_XSTAT_MAX), 0);

	/* aborted ones were not attempted, and are reported with their code */
	assert_true(rte_dma_copy(dev, 0, iova(buf), iova(buf + LEN), 64, 0) >= 0);
	assert_int_equal(rte_dma_stop(dev), 0);
	assert_int_equal(rte_dma_completed_status(dev, 0, 2, NULL, status), 1);
	assert_int_equal(value(0, DAD_XSTAT_ERRORS + RTE_DMA_STATUS_USER_ABORT), 1);
	assert_int_equal(value(0, DAD_XSTAT_OPS), 0);
	assert_int_equal(sum(0, DAD_XSTAT_BATCHES, DAD_STAT_BATCHES), 0);
	assert_int_equal(rte_dma_start(dev), 0);
}

static void
the_last_failure_is_kept(void **state)
{
	const rte_iova_t to = iova(buf + LEN);
	struct dad_failure f;
	enum rte_dma_status_code status[4];

	(void)state;
	assert_false(dad_stat_last(vchan_of(0), &f));
	assert_true(rte_dma_copy(dev, 0, 0, to, 64, 0) >= 0);
	assert_true(rte_dma_copy(dev, 0, iova(buf), to, 64, 0) >= 0);
	assert_true(rte_dma_fill(dev, 0, 0x1234, 0, 77, 0) >= 0);
	assert_true(rte_dma_copy(dev, 0, iova(buf), to, 64, 0) >= 0);
	assert_int_equal(rte_dma_submit(dev, 0), 0);
	test_gather(dev, 0, 4, status);
	assert_true(dad_stat_last(vchan_of(0), &f));
	assert_int_equal(f.index, 2);
	assert_int_equal(f.opcode, DAD_OP_FILL);
	assert_int_equal(f.status, RTE_DMA_STATUS_INVALID_DST_ADDR);
	assert_int_equal(f.length, 77);
	assert_int_equal(f.src, 0x1234);
	assert_int_equal(f.dst, 0);
	assert_false(dad_stat_last(vchan_of(1), &f));

	struct rte_dma_sge src[] = {{0, 0}, {0, 30}}, dst = {to, 30};
	assert_true(rte_dma_copy_sg(dev, 0, src, &dst, 2, 1, 0) >= 0);
	assert_int_equal(rte_dma_submit(dev, 0), 0);
	test_gather(dev, 0, 1, status);
	assert_true(dad_stat_last(vchan_of(0), &f));
	assert_int_equal(f.opcode, DAD_OP_SG);
	assert_int_equal(f.index, 4);
	assert_int_equal(f.length, 30);
	assert_int_equal(f.dst, to);
	assert_int_equal(f.status, RTE_DMA_STATUS_INVALID_SRC_ADDR);
}

/* More than a descriptor's length can say. */
static void
lists_of_more_than_4_gib(void **state)
{
	enum { PIECE = 65 << 20, PIECES = 64 };
	const uint64_t bytes = (uint64_t)PIECE * PIECES;
	struct rte_dma_sge src[PIECES], dst[PIECES];
	enum rte_dma_status_code status;

	(void)state;
	if (rte_eal_iova_mode() != RTE_IOVA_VA || !rte_eal_has_hugepages())
		return; /* no such pieces of memory */
	uint8_t *from = rte_malloc(NULL, PIECE, 4096), *to = rte_malloc(NULL, PIECE, 4096);
	if (from != NULL && to != NULL) {
		for (unsigned int i = 0; i < PIECES; i++) {
			src[i] = (struct rte_dma_sge){iova(from), PIECE};
			dst[i] = (struct rte_dma_sge){iova(to), PIECE};
		}
		assert_true(rte_dma_copy_sg(dev, 0, src, dst, PIECES, PIECES, 0) >= 0);
		assert_int_equal(rte_dma_submit(dev, 0), 0);
		test_gather(dev, 0, 1, &status);
		assert_int_equal(status, RTE_DMA_STATUS_SUCCESSFUL);
		assert_int_equal(value(0, DAD_XSTAT_BYTES + DAD_OP_SG), bytes);
	}
	rte_free(from);
	rte_free(to);
}

/* As two worlds: what rte_dma_stats says stays, the rest is not there. */
static void
without_xstats_only_errors_and_enospc_are_counted(void **state)
{
	char args[128];
	struct tally t = {0};
	struct rte_dma_stats stats;

	(void)state;
	snprintf(args, sizeof(args), "%s,xstats=0", test_args());
	setup_with(args);
	for (unsigned int op = 0; op < DAD_STAT_OPCODES; op++)
		enqueue(0, op, 64, op != DAD_OP_COPY, &t);
	submit_and_gather(0, DAD_STAT_OPCODES, &t);
	assert_int_equal(sum(0, DAD_XSTAT_OPS, 2 * DAD_STAT_OPCODES), 0);
	assert_int_equal(sum(0, DAD_XSTAT_BATCHES, DAD_STAT_BATCHES), 0);
	assert_int_equal(sum(0, DAD_XSTAT_ERRORS, DAD_STAT_CODES), 1);
	assert_int_equal(rte_dma_stats_get(dev, 0, &stats), 0);
	assert_int_equal(stats.completed, DAD_STAT_OPCODES);
	assert_int_equal(stats.errors, 1);
	teardown(NULL);
}

/* ---- many threads --------------------------------------------------------------------------- */

#define THREADS	   4
#define PER_THREAD 20000

static uint64_t reported;
static uint8_t *copies; /* a place for each operation that may be in flight, of each thread */

static void *
send_and_take(void *arg)
{
	unsigned int sent = 0, seed = (unsigned int)(uintptr_t)arg;
	uint8_t *to = copies + (uintptr_t)arg * RING * 64;
	uint64_t deadline = rte_get_timer_cycles() + 20 * rte_get_timer_hz();

	while (__atomic_load_n(&reported, __ATOMIC_ACQUIRE) < THREADS * PER_THREAD &&
		rte_get_timer_cycles() < deadline) {
		enum rte_dma_status_code status[64];

		for (unsigned int i = 1 + (unsigned int)rand_r(&seed) % 8;
			i > 0 && sent < PER_THREAD; i--)
			sent += rte_dma_copy(
					dev, 0, iova(buf), iova(to + sent % RING * 64), 64, 0) >= 0;
		rte_dma_submit(dev, 0);
		uint16_t n = rte_dma_completed_status(dev, 0, 64, NULL, status);
		__atomic_fetch_add(&reported, n, __ATOMIC_RELEASE);
		if (n == 0)
			sched_yield();
	}
	return NULL;
}

static void
many_threads_are_counted_exactly(void **state)
{
	pthread_t thread[THREADS];
	const uint64_t all = THREADS * PER_THREAD;

	(void)state;
	if (!vchan_of(0)->mt)
		skip();
	reported = 0;
	copies = test_buffer(THREADS * RING * 64);
	assert_int_equal(dad_stat_latency_switch(vchan_of(0), true), 0);
	for (unsigned int i = 0; i < THREADS; i++)
		test_thread(&thread[i], send_and_take, (void *)(uintptr_t)i);
	for (unsigned int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	rte_free(copies);
	assert_int_equal(reported, all);
	assert_int_equal(value(0, DAD_XSTAT_OPS), all);
	assert_int_equal(value(0, DAD_XSTAT_BYTES), all * 64);
	assert_int_equal(sum(0, DAD_XSTAT_LATENCY, DAD_STAT_LATENCIES), all);
	uint64_t batches = sum(0, DAD_XSTAT_BATCHES, DAD_STAT_BATCHES), least = 0, most = 0;
	for (unsigned int i = 0; i < DAD_STAT_BATCHES; i++) {
		least += value(0, DAD_XSTAT_BATCHES + i) << i;
		most += (value(0, DAD_XSTAT_BATCHES + i) << (i + 1)) -
			value(0, DAD_XSTAT_BATCHES + i);
	}
	/* each operation is in one batch */
	assert_true(batches > 0 && least <= all && all <= most);
}

static const struct CMUnitTest tests[] = {
	with_device(every_operation_is_counted_by_kind),
	with_device(large_operations_are_counted_once),
	with_device(what_is_not_attempted_is_no_operation_of_a_kind),
	with_device(what_is_aborted_is_no_operation_of_a_kind),
	with_device(what_finds_no_room_is_counted),
	with_device(reset_takes_all_to_zero_and_start_as_well),
	with_device(the_last_failure_is_kept),
	with_device(lists_of_more_than_4_gib),
	with_device(many_threads_are_counted_exactly),
	cmocka_unit_test(without_xstats_only_errors_and_enospc_are_counted),
};

TEST_MAIN(tests)
