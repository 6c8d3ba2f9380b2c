/* SPDX-License-Identifier: BSD-3-Clause */

/* A device that acquires: each byte of its stream is got right, or counted as lost. */

#include <errno.h>
#include <inttypes.h>
#include <unistd.h>

#include "test_device.h"

#include "telemetry_client.h"

#define WINDOW 65536u
#define DESCS  64
#define SIZE   4096u /* of a buffer: contiguous for the device, whatever the pages */

static const enum rte_dma_direction directions[] = {
	RTE_DMA_DIR_DEV_TO_MEM, RTE_DMA_DIR_DEV_TO_MEM, RTE_DMA_DIR_MEM_TO_MEM};

enum { FIRST, SECOND, M2M };

static int16_t dev;
static uint8_t *buf[DESCS];
static uint64_t started; /* a moment before the stream began */

static void
open_source(const char *args)
{
	char all[128];

	snprintf(all, sizeof(all), "%s%s", strstr(args, "window") != NULL ? "" : "window=64K,",
		args);
	for (unsigned int i = 0; i < DESCS; i++)
		buf[i] = test_buffer(SIZE);
	started = rte_rdtsc();
	dev = test_open_directions(all, RTE_DIM(directions), DESCS, directions);
}

static int
close_source(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < DESCS; i++)
		rte_free(buf[i]);
	test_close(dev);
	return 0;
}

/* What dump says of all vchans. */
struct counts {
	uint64_t taken, skipped, lost, overruns;
};

static struct counts
counts(void)
{
	char text[16384];
	FILE *f = fmemopen(text, sizeof(text), "w");
	struct counts c;

	assert_non_null(f);
	assert_int_equal(rte_dma_dump(dev, f), 0);
	fclose(f);
	const char *at = strstr(text, "overruns: ");
	assert_non_null(at);
	assert_int_equal(sscanf(at, "overruns: %" SCNu64 ", %" SCNu64 ", %" SCNu64 "; %" SCNu64,
				 &c.taken, &c.skipped, &c.lost, &c.overruns),
		4);
	return c;
}

static void
assert_counts(uint64_t taken, uint64_t skipped, uint64_t lost, uint64_t overruns)
{
	const struct counts c = counts();

	assert_int_equal(c.taken, taken);
	assert_int_equal(c.skipped, skipped);
	assert_int_equal(c.lost, lost);
	assert_int_equal(c.overruns, overruns);
}

/* As telemetry tells: of those that succeeded. */
static void
assert_copied(uint64_t bytes)
{
	char what[64];
	int fd = telemetry_connect();

	assert_true(fd >= 0);
	snprintf(what, sizeof(what), "\"copy_bytes\":%" PRIu64 ",", bytes);
	telemetry_assert_says(fd, "/dad/dmadev/xstats," TEST_NAME, what);
	telemetry_assert_says(fd, "/dad/dmadev/xstats," TEST_NAME, "\"scatter_bytes\":0,");
	close(fd);
}

static uint8_t
pattern_at(uint64_t position)
{
	const uint64_t word = position / 8;

	return (uint8_t)(word >> position % 8 * 8);
}

static void
assert_pattern(const uint8_t *p, uint64_t position, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		if (p[i] != pattern_at(position + i))
			fail_msg("byte %" PRIu64 " of the stream is wrong", position + i);
}

static void
take(uint16_t vchan, uint64_t addr, uint8_t *to, uint32_t len, enum rte_dma_status_code expected)
{
	enum rte_dma_status_code status;

	assert_true(rte_dma_copy(dev, vchan, addr, iova(to), len, 0) >= 0);
	assert_int_equal(rte_dma_submit(dev, vchan), 0);
	test_gather(dev, vchan, 1, &status);
	assert_int_equal(status, expected);
}

/* The next len bytes of the stream from a position on: over the edge, by a list of two. */
static void
enqueue_next(uint16_t vchan, uint64_t position, uint8_t *to, uint32_t len)
{
	const uint32_t at = (uint32_t)(position % WINDOW), before = RTE_MIN(len, WINDOW - at);
	struct rte_dma_sge src[2] = {{at, before}, {0, len - before}};
	struct rte_dma_sge dst = {iova(to), len};

	if (before == len)
		assert_true(rte_dma_copy(dev, vchan, at, iova(to), len, 0) >= 0);
	else
		assert_true(rte_dma_copy_sg(dev, vchan, src, &dst, 2, 1, 0) >= 0);
}

/* Read a stream without gaps, in pieces of all lengths, many in flight; true_at says what is right.
 */
static uint64_t
read_stream(uint16_t vchan, uint64_t bytes, uint8_t (*true_at)(uint64_t))
{
	uint64_t position = 0;
	unsigned int seed = 1;

	while (position < bytes) {
		enum rte_dma_status_code status[DESCS];
		uint64_t from = position;
		uint32_t len[DESCS];
		uint16_t n = (uint16_t)(1 + rand_r(&seed) % DESCS);

		for (uint16_t i = 0; i < n; i++) {
			len[i] = 1 + (uint32_t)rand_r(&seed) % (i % 4 == 0 ? SIZE : 99);
			enqueue_next(vchan, position, buf[i], len[i]);
			position += len[i];
		}
		assert_int_equal(rte_dma_submit(dev, vchan), 0);
		test_gather(dev, vchan, n, status);
		for (uint16_t i = 0; i < n; from += len[i++]) {
			assert_int_equal(status[i], RTE_DMA_STATUS_SUCCESSFUL);
			for (uint32_t b = 0; b < len[i]; b++)
				if (buf[i][b] != true_at(from + b))
					fail_msg("byte %" PRIu64 " is wrong", from + b);
		}
	}
	return position;
}

static void
the_pattern_counts_lap_after_lap(void **state)
{
	(void)state;
	open_source("source=pattern");
	uint64_t n = read_stream(FIRST, 40 * WINDOW, pattern_at);
	assert_counts(n, 0, 0, 0);
}

static const char text[] = "The quick brown fox jumps over the lazy dog";

static uint8_t
text_at(uint64_t position)
{
	return (uint8_t)text[position % (sizeof(text) - 1)];
}

static void
a_file_comes_again_and_again(void **state)
{
	char path[] = "/tmp/dad_source_XXXXXX", args[64];
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
	close(fd);
	snprintf(args, sizeof(args), "source=file:%s", path);
	open_source(args);
	unlink(path); /* it was read at probe */
	read_stream(FIRST, 5 * WINDOW, text_at);
}

static void
null_is_zeros(void **state)
{
	(void)state;
	open_source("source=null");
	memset(buf[0], 1, SIZE);
	take(FIRST, 0, buf[0], SIZE - 1, RTE_DMA_STATUS_SUCCESSFUL);
	for (unsigned int i = 0; i < SIZE - 1; i++)
		assert_int_equal(buf[0][i], 0);
	assert_int_equal(buf[0][SIZE - 1], 1);
}

static void
each_vchan_reads_all_of_it(void **state)
{
	(void)state;
	open_source("source=pattern");
	take(FIRST, 0, buf[0], 1000, RTE_DMA_STATUS_SUCCESSFUL);
	take(SECOND, 0, buf[1], SIZE, RTE_DMA_STATUS_SUCCESSFUL);
	assert_pattern(buf[1], 0, SIZE);
	take(FIRST, 1000, buf[0], SIZE, RTE_DMA_STATUS_SUCCESSFUL);
	assert_pattern(buf[0], 1000, SIZE);
	/* and memory is memory */
	take(M2M, iova(buf[0]), buf[2], SIZE, RTE_DMA_STATUS_SUCCESSFUL);
	assert_memory_equal(buf[0], buf[2], SIZE);
	assert_counts(1000 + 2 * SIZE, 0, 0, 0);
}

static void
each_vchan_has_counts_of_its_own(void **state)
{
	int fd = telemetry_connect();

	(void)state;
	assert_true(fd >= 0);
	open_source("source=pattern");
	take(FIRST, 0, buf[0], 1000, RTE_DMA_STATUS_SUCCESSFUL);
	take(SECOND, 500, buf[1], 64, RTE_DMA_STATUS_SUCCESSFUL);
	telemetry_assert_says(fd, "/dad/dmadev/source," TEST_NAME,
		"{\"source\":\"pattern\",\"window_bytes\":65536,\"bytes_per_second\":0,"
		"\"taken\":1064,\"skipped\":500,\"lost\":0,\"overruns\":0}");
	telemetry_assert_says(fd, "/dad/dmadev/source," TEST_NAME ",0", "\"taken\":1000,");
	telemetry_assert_says(
		fd, "/dad/dmadev/source," TEST_NAME ",1", "\"taken\":64,\"skipped\":500,");
	close(fd);
}

/* An address is taken when it comes by next, and what passes before is counted. */
static void
what_is_not_asked_for_is_skipped(void **state)
{
	(void)state;
	open_source("source=pattern");
	take(FIRST, 5000, buf[0], 100, RTE_DMA_STATUS_SUCCESSFUL);
	assert_pattern(buf[0], 5000, 100);
	assert_counts(100, 5000, 0, 0);
	/* the same again: a lap later */
	take(FIRST, 5000, buf[0], 100, RTE_DMA_STATUS_SUCCESSFUL);
	assert_pattern(buf[0], WINDOW + 5000, 100);
	assert_counts(200, WINDOW + 4900, 0, 0);

	assert_int_equal(rte_dma_stats_reset(dev, FIRST), 0);
	assert_counts(0, 0, 0, 0);
	take(FIRST, 5100, buf[0], 7, RTE_DMA_STATUS_SUCCESSFUL);
	assert_pattern(buf[0], WINDOW + 5100, 7);
	assert_counts(7, 0, 0, 0);

	/* a start begins anew */
	assert_int_equal(rte_dma_stop(dev), 0);
	assert_int_equal(rte_dma_start(dev), 0);
	take(FIRST, 0, buf[0], 8, RTE_DMA_STATUS_SUCCESSFUL);
	assert_pattern(buf[0], 0, 8);
	assert_counts(8, 0, 0, 0);
}

static void
what_fails_takes_nothing_or_loses_it(void **state)
{
	struct rte_dma_sge src[2] = {{0, 100}, {WINDOW, 8}}, dst = {iova(buf[0]), 108};
	enum rte_dma_status_code status;

	(void)state;
	open_source("source=pattern");
	dst.addr = iova(buf[0]);
	take(FIRST, WINDOW, buf[0], 1, RTE_DMA_STATUS_INVALID_SRC_ADDR);
	take(FIRST, WINDOW - 1, buf[0], 2, RTE_DMA_STATUS_INVALID_SRC_ADDR);
	assert_counts(0, 0, 0, 0);
	assert_true(rte_dma_copy(dev, FIRST, 0, 8, 100, RTE_DMA_OP_FLAG_SUBMIT) >= 0);
	test_gather(dev, FIRST, 1, &status);
	assert_int_equal(status, RTE_DMA_STATUS_INVALID_DST_ADDR);
	assert_counts(0, 0, 100, 0);
	take(FIRST, 100, buf[0], 100, RTE_DMA_STATUS_SUCCESSFUL);
	assert_pattern(buf[0], 100, 100);
	/* a list that is bad at its end */
	src[0].addr = 200;
	assert_true(rte_dma_copy_sg(dev, FIRST, src, &dst, 2, 1, RTE_DMA_OP_FLAG_SUBMIT) >= 0);
	test_gather(dev, FIRST, 1, &status);
	assert_int_equal(status, RTE_DMA_STATUS_INVALID_SRC_ADDR);
	assert_counts(100, 0, 200, 0);
}

static void
a_source_is_read_only(void **state)
{
	const struct rte_dma_conf conf = {.nb_vchans = 1};
	struct rte_dma_info info;

	(void)state;
	open_source("source=pattern");
	assert_int_equal(rte_dma_info_get(dev, &info), 0);
	assert_true(info.dev_capa & RTE_DMA_CAPA_DEV_TO_MEM);
	assert_int_equal(info.dev_capa & (RTE_DMA_CAPA_MEM_TO_DEV | RTE_DMA_CAPA_DEV_TO_DEV), 0);
	assert_int_equal(rte_dma_stop(dev), 0);
	assert_int_equal(rte_dma_configure(dev, &conf), 0);
	assert_int_equal(test_setup_direction(dev, 0, DESCS, RTE_DMA_DIR_MEM_TO_DEV), -EINVAL);
	assert_int_equal(test_setup_direction(dev, 0, DESCS, RTE_DMA_DIR_DEV_TO_DEV), -EINVAL);
}

/* Nothing is there before the source has made it. */
static void
never_earlier_than_its_rate_allows(void **state)
{
	enum { RATE = 10000000 /* bytes a second */, OPS = 48, LEN = 4000 };
	uint64_t deadline = rte_rdtsc() + 10 * rte_get_tsc_hz();
	unsigned int done = 0;
	bool error = false;

	(void)state;
	/* so large that nothing is overwritten */
	open_source("source=pattern,rate=0.01,window=16M");
	for (unsigned int i = 0; i < OPS; i++)
		assert_true(rte_dma_copy(dev, FIRST, i * LEN, iova(buf[i]), LEN, 0) >= 0);
	assert_int_equal(rte_dma_submit(dev, FIRST), 0);
	while (done < OPS) {
		uint16_t n = rte_dma_completed(dev, FIRST, OPS, NULL, &error);

		done += n;
		if (n == 0)
			sched_yield();
		const double seconds = (double)(rte_rdtsc() - started) / (double)rte_get_tsc_hz();
		assert_true(seconds * RATE >= (double)done * LEN);
		assert_false(error);
		assert_true(rte_rdtsc() < deadline);
	}
	for (unsigned int i = 0; i < OPS; i++)
		assert_pattern(buf[i], (uint64_t)i * LEN, LEN);
}

/* A reader that is too slow now and then: by the pattern it sees what it missed. */
static void
what_was_overwritten_is_counted_to_the_byte(void **state)
{
	enum { LEN = 4096, ROUNDS = 60, STOP_EACH = 20 };
	uint64_t end = 0, lost = 0, taken = 0, overruns = 0, asked = 0;
	uint64_t operations = (uint64_t)ROUNDS * 8;
	struct rte_dma_stats stats;

	(void)state;
	/* a lap takes 3.3 ms */
	open_source("source=pattern,rate=0.02");
	for (unsigned int round = 0; round < ROUNDS; round++) {
		enum rte_dma_status_code status[8];

		if (round % STOP_EACH == STOP_EACH - 1)
			rte_delay_us_sleep(20000);
		for (unsigned int i = 0; i < 8; i++, asked += LEN)
			enqueue_next(FIRST, asked, buf[i], LEN);
		assert_int_equal(rte_dma_submit(dev, FIRST), 0);
		test_gather(dev, FIRST, 8, status);
		for (unsigned int i = 0; i < 8; i++) {
			uint64_t word;

			if (status[i] != RTE_DMA_STATUS_SUCCESSFUL) {
				assert_int_equal(status[i], RTE_DMA_STATUS_DATA_POISION);
				overruns++;
				continue;
			}
			memcpy(&word, buf[i], sizeof(word));
			assert_true(word * 8 >= end);
			assert_pattern(buf[i], word * 8, LEN);
			lost += word * 8 - end;
			end = word * 8 + LEN;
			taken += LEN;
		}
	}
	assert_true(overruns > 0 && taken > 0);
	/* bytes are lost as soon as that is known, so up to an operation that succeeds */
	for (;;) {
		enum rte_dma_status_code status;
		uint64_t word;

		enqueue_next(FIRST, asked, buf[0], 8);
		assert_int_equal(rte_dma_submit(dev, FIRST), 0);
		test_gather(dev, FIRST, 1, &status);
		asked += 8;
		operations++;
		if (status != RTE_DMA_STATUS_SUCCESSFUL) {
			assert_true(++overruns < 10000);
			continue;
		}
		memcpy(&word, buf[0], sizeof(word));
		lost += word * 8 - end;
		break;
	}
	assert_counts(taken + 8, 0, lost, overruns);
	assert_int_equal(rte_dma_stats_get(dev, FIRST, &stats), 0);
	assert_int_equal(stats.errors, overruns);
	assert_int_equal(stats.completed, operations);
}

static void
a_stop_does_not_wait_for_the_source(void **state)
{
	enum rte_dma_status_code status[2];

	(void)state;
	open_source("source=null,rate=0.000001"); /* 1 KB a second */
	enqueue_next(FIRST, 0, buf[0], SIZE);
	enqueue_next(FIRST, SIZE, buf[1], SIZE);
	assert_int_equal(rte_dma_submit(dev, FIRST), 0);
	assert_int_equal(rte_dma_stop(dev), 0);
	test_gather(dev, FIRST, 2, status);
	assert_int_equal(status[0], RTE_DMA_STATUS_USER_ABORT);
	assert_int_equal(status[1], RTE_DMA_STATUS_USER_ABORT);
	assert_counts(0, 0, 2 * SIZE, 0);
	assert_copied(0);
}

/* What the application has is what was taken. */
static void
what_a_stop_takes_back_is_lost(void **state)
{
	enum rte_dma_status_code status[5];
	struct rte_dma_sge src[2] = {{SIZE, 100}, {WINDOW - 200, 200}}, dst = {0, 300};

	(void)state;
	open_source("source=pattern,rate=0.000001"); /* 1 KB a second */
	enqueue_next(FIRST, 0, buf[0], 8);
	assert_int_equal(rte_dma_submit(dev, FIRST), 0);
	test_gather(dev, FIRST, 1, status);
	assert_int_equal(status[0], RTE_DMA_STATUS_SUCCESSFUL);
	enqueue_next(FIRST, SIZE, buf[1], SIZE - 1);
	dst.addr = iova(buf[2]);
	assert_true(rte_dma_copy_sg(dev, FIRST, src, &dst, 2, 1, 0) >= 0);
	/* takes nothing of the stream; and one that has failed has lost what it took */
	assert_true(rte_dma_fill(dev, FIRST, 1, iova(buf[3]), SIZE, 0) >= 0);
	assert_true(rte_dma_copy(dev, FIRST, 0, 8, 50, 0) >= 0);
	assert_int_equal(rte_dma_submit(dev, FIRST), 0);
	assert_int_equal(rte_dma_stop(dev), 0);
	test_gather(dev, FIRST, 4, status);
	const struct counts c = counts();
	assert_int_equal(status[0], RTE_DMA_STATUS_USER_ABORT);
	assert_int_equal(status[1], RTE_DMA_STATUS_USER_ABORT);
	/* from one lap to the next, and again */
	assert_int_equal(c.taken, 8);
	assert_int_equal(c.lost, SIZE - 1 + 300 + 50);
	assert_int_equal(c.taken + c.skipped + c.lost, 2 * WINDOW + 50);
	assert_copied(8);
}

#define CLOSED(test) cmocka_unit_test_teardown(test, close_source)

static const struct CMUnitTest tests[] = {
	CLOSED(the_pattern_counts_lap_after_lap),
	CLOSED(a_file_comes_again_and_again),
	CLOSED(null_is_zeros),
	CLOSED(each_vchan_reads_all_of_it),
	CLOSED(each_vchan_has_counts_of_its_own),
	CLOSED(what_is_not_asked_for_is_skipped),
	CLOSED(what_fails_takes_nothing_or_loses_it),
	CLOSED(a_source_is_read_only),
	CLOSED(never_earlier_than_its_rate_allows),
	CLOSED(what_was_overwritten_is_counted_to_the_byte),
	CLOSED(a_stop_does_not_wait_for_the_source),
	CLOSED(what_a_stop_takes_back_is_lost),
};

TEST_MAIN(tests)
