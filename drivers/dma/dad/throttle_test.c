/* SPDX-License-Identifier: BSD-3-Clause */

/* A device with a slow link and a latency: complete never too early, in order, and stoppable. */

#include <errno.h>

#include "test_device.h"

#include "telemetry_client.h"

#define VCHANS 2
#define DESCS  256
#define LEN    4096u

static const enum rte_dma_direction memory[VCHANS] = {
	RTE_DMA_DIR_MEM_TO_MEM, RTE_DMA_DIR_MEM_TO_MEM};

static int16_t dev;
static uint8_t *src, *dst; /* a page for each operation in flight: they may run at a time */
static unsigned int sent[VCHANS];

static void
open_slow(const char *args)
{
	dev = test_open_directions(args, VCHANS, DESCS, memory);
	src = test_buffer(LEN);
	dst = test_buffer((size_t)VCHANS * DESCS * LEN);
	memset(sent, 0, sizeof(sent));
	for (unsigned int i = 0; i < LEN; i++)
		src[i] = (uint8_t)(i * 7 + 1);
}

static int
close_slow(void **state)
{
	(void)state;
	rte_free(src);
	rte_free(dst);
	test_close(dev);
	return 0;
}

static double
seconds_since(uint64_t begin)
{
	return (double)(rte_rdtsc() - begin) / (double)rte_get_tsc_hz();
}

/* Where it goes to. */
static const uint8_t *
enqueue(uint16_t vchan, uint32_t len, uint64_t flags)
{
	uint8_t *to = dst + (vchan * DESCS + sent[vchan]++ % DESCS) * LEN;

	assert_true(rte_dma_copy(dev, vchan, iova(src), iova(to), len, flags) >= 0);
	return to;
}

/* Lengths of all kinds on all vchans: what is complete so far, the link has had the time for. */
static void
never_faster_than_the_link(void **state)
{
	enum { RATE = 20000000, OPS = 100 };
	const uint64_t latency_ns = 3000000;
	uint64_t deadline = rte_rdtsc() + 10 * rte_get_tsc_hz();
	uint32_t len[VCHANS][OPS];
	unsigned int done[VCHANS] = {0}, seed = 5;
	uint64_t bytes = 0;

	(void)state;
	open_slow("gbps=0.02,lat_ns=3000000");
	const uint64_t begin = rte_rdtsc();
	for (unsigned int i = 0; i < OPS; i++)
		for (uint16_t v = 0; v < VCHANS; v++) {
			len[v][i] = 1 + (unsigned int)rand_r(&seed) % LEN;
			enqueue(v, len[v][i], i % 5 == 0 ? RTE_DMA_OP_FLAG_SUBMIT : 0);
		}
	while (done[0] + done[1] < VCHANS * OPS) {
		for (uint16_t v = 0; v < VCHANS; v++) {
			uint16_t last;
			bool error = false;

			assert_int_equal(rte_dma_submit(dev, v), 0);
			uint16_t n = rte_dma_completed(dev, v, 3, &last, &error);
			assert_false(error);
			for (; n > 0; n--)
				bytes += len[v][done[v]++];
			assert_int_equal(last, (uint16_t)(done[v] - 1));
			if (bytes > 0)
				assert_true(seconds_since(begin) >=
					(double)bytes / RATE + (double)latency_ns / 1e9);
		}
		sched_yield();
		assert_true(rte_rdtsc() < deadline);
	}
	for (uint16_t v = 0; v < VCHANS; v++)
		for (unsigned int i = 0; i < OPS; i++)
			assert_memory_equal(src, dst + (v * DESCS + i) * LEN, len[v][i]);
}

/* If they did not, this would take half a minute, and test_gather() gives up after ten seconds. */
static void
latencies_overlap(void **state)
{
	enum rte_dma_status_code status[DESCS];

	(void)state;
	open_slow("lat_ns=120000000");
	const uint64_t begin = rte_rdtsc();
	for (unsigned int i = 0; i < DESCS; i++)
		enqueue(0, 64, 0);
	assert_int_equal(rte_dma_submit(dev, 0), 0);
	test_gather(dev, 0, DESCS, status);
	assert_true(seconds_since(begin) >= 0.12);
	for (unsigned int i = 0; i < DESCS; i++)
		assert_int_equal(status[i], RTE_DMA_STATUS_SUCCESSFUL);
}

/* By their sum, also beyond 4 GiB. They do not match, so that nothing is moved. */
static void
lists_take_their_time(void **state)
{
	struct rte_dma_sge from[16], to = {0, 1};
	enum rte_dma_status_code status;

	(void)state;
	open_slow("gbps=1000");
	for (unsigned int i = 0; i < RTE_DIM(from); i++)
		from[i] = (struct rte_dma_sge){0, UINT32_MAX};
	const uint64_t begin = rte_rdtsc();
	assert_true(rte_dma_copy_sg(dev, 0, from, &to, RTE_DIM(from), 1, 0) >= 0);
	assert_int_equal(rte_dma_submit(dev, 0), 0);
	test_gather(dev, 0, 1, &status);
	assert_int_equal(status, RTE_DMA_STATUS_INVALID_LENGTH);
	assert_true(seconds_since(begin) >= 16 * 4.29e-3);
}

static void
a_fence_waits_for_latencies(void **state)
{
	enum { OPS = 6 };
	enum rte_dma_status_code status[OPS];

	(void)state;
	open_slow("lat_ns=20000000");
	const uint64_t begin = rte_rdtsc();
	for (unsigned int i = 0; i < OPS; i++)
		enqueue(0, 64, RTE_DMA_OP_FLAG_FENCE);
	assert_int_equal(rte_dma_submit(dev, 0), 0);
	test_gather(dev, 0, OPS, status);
	/* the first one has nothing before it, but its own latency */
	assert_true(seconds_since(begin) >= OPS * 0.02);
}

static void
active_until_it_is_due(void **state)
{
	enum rte_dma_vchan_status is = RTE_DMA_VCHAN_IDLE;
	enum rte_dma_status_code status;
	bool error = false;

	(void)state;
	open_slow("lat_ns=200000000");
	const uint64_t begin = rte_rdtsc();
	enqueue(0, LEN, RTE_DMA_OP_FLAG_SUBMIT);
	for (;;) {
		uint16_t n = rte_dma_completed(dev, 0, 1, NULL, &error);

		assert_int_equal(rte_dma_vchan_status(dev, 0, &is), 0);
		if (seconds_since(begin) >= 0.2) {
			if (n == 0)
				test_gather(dev, 0, 1, &status);
			break;
		}
		assert_int_equal(n, 0);
		assert_int_equal(is, RTE_DMA_VCHAN_ACTIVE);
		rte_delay_us_sleep(5000);
	}
	assert_memory_equal(src, dst, LEN);
	assert_int_equal(rte_dma_vchan_status(dev, 0, &is), 0);
	assert_int_equal(is, RTE_DMA_VCHAN_IDLE);
}

static void
what_fails_is_reported_in_order(void **state)
{
	enum rte_dma_status_code status[4];

	(void)state;
	open_slow("gbps=1,lat_ns=1000000");
	for (unsigned int round = 0; round < 50; round++) {
		enqueue(0, 100, 0);
		assert_true(rte_dma_copy(dev, 0, 8, iova(dst), 100, 0) >= 0);
		enqueue(0, 100, RTE_DMA_OP_FLAG_FENCE);
		assert_int_equal(rte_dma_submit(dev, 0), 0);
		enqueue(0, 100, RTE_DMA_OP_FLAG_SUBMIT);
		test_gather(dev, 0, 4, status);
		assert_int_equal(status[0], RTE_DMA_STATUS_SUCCESSFUL);
		assert_int_equal(status[1], RTE_DMA_STATUS_INVALID_SRC_ADDR);
		assert_int_equal(status[2], RTE_DMA_STATUS_NOT_ATTEMPTED);
		assert_int_equal(status[3], RTE_DMA_STATUS_SUCCESSFUL);
	}
}

static void
assert_moved(const char *what)
{
	int fd = telemetry_connect();

	assert_true(fd >= 0);
	telemetry_assert_says(fd, "/dad/dmadev/xstats," TEST_NAME, what);
	close(fd);
}

/* What is not due when the device is stopped is aborted, within the time that stop takes. */
static void
stop_aborts_what_is_not_due(void **state)
{
	enum rte_dma_status_code status[8];
	struct rte_dma_stats stats;

	(void)state;
	open_slow("gbps=0.000001"); /* 1 KB a second */
	for (unsigned int i = 0; i < 8; i++)
		enqueue(1, LEN, 0);
	assert_int_equal(rte_dma_submit(dev, 1), 0);
	assert_int_equal(rte_dma_stop(dev), 0);
	test_gather(dev, 1, 8, status);
	for (unsigned int i = 0; i < 8; i++)
		assert_int_equal(status[i], RTE_DMA_STATUS_USER_ABORT);
	assert_int_equal(rte_dma_stats_get(dev, 1, &stats), 0);
	assert_int_equal(stats.completed, 8);
	assert_int_equal(stats.errors, 8);
	assert_moved("\"copy_bytes\":0,\"fill_bytes\":0,\"scatter_bytes\":0,");
	/* and nothing of it holds up what comes next */
	assert_int_equal(rte_dma_start(dev), 0);
	enqueue(1, 1, RTE_DMA_OP_FLAG_SUBMIT);
	test_gather(dev, 1, 1, status);
	assert_int_equal(status[0], RTE_DMA_STATUS_SUCCESSFUL);
}

/* Of all kinds, beside one that has failed, behind one that was due. */
static void
what_a_stop_takes_back_is_not_counted(void **state)
{
	struct rte_dma_sge list[2] = {{0, 100}, {0, 200}};
	enum rte_dma_status_code status[4];

	(void)state;
	open_slow("gbps=0.000001");
	enqueue(1, 20, RTE_DMA_OP_FLAG_SUBMIT);
	test_gather(dev, 1, 1, status);
	list[0].addr = list[1].addr = iova(src);
	enqueue(1, LEN, 0);
	assert_true(rte_dma_fill(dev, 1, 1, iova(dst), LEN, 0) >= 0);
	assert_true(rte_dma_copy_sg(dev, 1, list, list, 2, 2, 0) >= 0);
	assert_true(rte_dma_copy(dev, 1, 8, iova(dst), LEN, 0) >= 0);
	assert_int_equal(rte_dma_submit(dev, 1), 0);
	assert_int_equal(rte_dma_stop(dev), 0);
	test_gather(dev, 1, 4, status);
	for (unsigned int i = 0; i < 4; i++)
		assert_int_equal(status[i], RTE_DMA_STATUS_USER_ABORT);
	assert_moved("\"copy_bytes\":20,\"fill_bytes\":0,\"scatter_bytes\":0,");
}

/* Laps of the ring, large operations too: nothing is lost, nothing is done twice. */
static void
rings_go_round(void **state)
{
	enum { BIG = 300000, ROUNDS = 40 };
	uint8_t *from = test_buffer(BIG), *to = test_buffer(BIG);
	enum rte_dma_status_code status[DESCS];
	const uint8_t *to_small[DESCS];

	(void)state;
	open_slow("gbps=900,lat_ns=10000");
	for (unsigned int round = 0; round < ROUNDS; round++) {
		const bool one_piece = iova(from + BIG - 1) == iova(from) + BIG - 1 &&
			iova(to + BIG - 1) == iova(to) + BIG - 1;

		memset(from, (int)round + 1, BIG);
		memset(src, (int)round + 1, LEN);
		for (unsigned int i = 1; i < DESCS; i++)
			to_small[i] =
				enqueue(0, 1 + i % LEN, i % 9 == 0 ? RTE_DMA_OP_FLAG_SUBMIT : 0);
		assert_true(rte_dma_copy(dev, 0, iova(from), iova(to), one_piece ? BIG : LEN,
				    RTE_DMA_OP_FLAG_SUBMIT) >= 0);
		assert_int_equal(rte_dma_burst_capacity(dev, 0), 0);
		test_gather(dev, 0, DESCS, status);
		for (unsigned int i = 0; i < DESCS; i++)
			assert_int_equal(status[i], RTE_DMA_STATUS_SUCCESSFUL);
		for (unsigned int i = 1; i < DESCS; i++)
			assert_memory_equal(src, to_small[i], 1 + i % LEN);
		assert_memory_equal(from, to, one_piece ? BIG : LEN);
	}
	rte_free(from);
	rte_free(to);
}

#define CLOSED(test) cmocka_unit_test_teardown(test, close_slow)

static const struct CMUnitTest tests[] = {
	CLOSED(never_faster_than_the_link),
	CLOSED(latencies_overlap),
	CLOSED(lists_take_their_time),
	CLOSED(a_fence_waits_for_latencies),
	CLOSED(active_until_it_is_due),
	CLOSED(what_fails_is_reported_in_order),
	CLOSED(stop_aborts_what_is_not_due),
	CLOSED(what_a_stop_takes_back_is_not_counted),
	CLOSED(rings_go_round),
};

TEST_MAIN(tests)
