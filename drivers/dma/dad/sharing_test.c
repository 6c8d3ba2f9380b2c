/* SPDX-License-Identifier: BSD-3-Clause */

/* Devices that share workers, and their priorities where DPDK has them. */

#include <errno.h>
#include <stdio.h>

#include "dad_compat.h"
#include "test_device.h"
#include "test_threads.h"

#include "telemetry_client.h"

/* Devices of a priority that fit a pool, and more vchans than it has workers. */
enum { MEMBERS = 8, VCHANS = 3, RING = 1024 };

static const char *
name_of(unsigned int i)
{
	static char name[32];

	snprintf(name, sizeof(name), "dma_dad_pool%u", i);
	return name;
}

static int16_t
plug(unsigned int i)
{
	char args[128];

	snprintf(args, sizeof(args), "%s,pool=test", test_args());
	assert_int_equal(rte_vdev_init(name_of(i), args), 0);
	return (int16_t)rte_dma_get_dev_id_by_name(name_of(i));
}

static void
configure(int16_t id, uint16_t priority)
{
	struct rte_dma_conf conf = {.nb_vchans = VCHANS};
	const struct rte_dma_vchan_conf vconf = {
		.direction = RTE_DMA_DIR_MEM_TO_MEM, .nb_desc = RING};

	dad_conf_set_priority(&conf, priority);
	assert_int_equal(rte_dma_configure(id, &conf), 0);
	for (uint16_t v = 0; v < VCHANS; v++)
		assert_int_equal(rte_dma_vchan_setup(id, v, &vconf), 0);
}

static int16_t
open_member(unsigned int i, uint16_t priority)
{
	int16_t id = plug(i);

	configure(id, priority);
	assert_int_equal(rte_dma_start(id), 0);
	return id;
}

static void
close_member(unsigned int i, int16_t id)
{
	assert_int_equal(rte_dma_stop(id), 0);
	assert_int_equal(rte_vdev_uninit(name_of(i)), 0);
}

static void
copy_on_each_vchan(int16_t id, uint8_t *buf)
{
	enum rte_dma_status_code status;

	for (uint16_t v = 0; v < VCHANS; v++) {
		assert_true(rte_dma_copy(id, v, iova(buf), iova(buf + 64), 64,
				    RTE_DMA_OP_FLAG_SUBMIT) >= 0);
		test_gather(id, v, 1, &status);
		assert_int_equal(status, RTE_DMA_STATUS_SUCCESSFUL);
	}
}

static void
one_set_of_workers_for_all_devices(void **state)
{
	uint8_t *buf = test_buffer(128);
	unsigned int workers = 0;
	int16_t id[MEMBERS];

	(void)state;
	for (unsigned int i = 0; i < MEMBERS; i++) {
		id[i] = open_member(i, 0);
		if (i == 0)
			workers = threads_named("test-w");
		for (unsigned int k = 0; k <= i; k++)
			copy_on_each_vchan(id[k], buf);
	}
	assert_true(workers > 0);
	threads_expect("test-w", workers);
	/* one more has no place, and leaves nothing behind */
	int16_t more = plug(MEMBERS);
	configure(more, 0);
	assert_int_equal(rte_dma_start(more), -ENOSPC);
	assert_int_equal(rte_vdev_uninit(name_of(MEMBERS)), 0);
	/* the first one brought the workers; they stay for the others */
	for (unsigned int i = 0; i < MEMBERS; i++) {
		threads_expect("test-w", workers);
		for (unsigned int k = i; k < MEMBERS; k++)
			copy_on_each_vchan(id[k], buf);
		close_member(i, id[i]);
	}
	threads_expect("test-w", 0);
	rte_free(buf);
}

/* Others come and go while one is busy: it loses nothing. */
static void
members_come_and_go(void **state)
{
	enum { OPS = 100, LEN = 2048 };
	uint8_t *buf = test_buffer((1 + OPS) * LEN), *other_buf = test_buffer(128);
	int16_t busy = open_member(0, 0);

	(void)state;
	for (unsigned int round = 0; round < 100; round++) {
		enum rte_dma_status_code status[OPS];

		for (unsigned int i = 1; i <= OPS; i++)
			assert_true(
				rte_dma_copy(busy, 0, iova(buf), iova(buf + i * LEN), LEN, 0) >= 0);
		assert_int_equal(rte_dma_submit(busy, 0), 0);
		int16_t other = open_member(1, 0);
		copy_on_each_vchan(other, other_buf);
		close_member(1, other);
		test_gather(busy, 0, OPS, status);
	}
	close_member(0, busy);
	rte_free(buf);
	rte_free(other_buf);
}

/* What "groups" says of all workers together, as a member's question is answered. */
static unsigned long
groups_of(int fd, unsigned int i, unsigned int *workers)
{
	char question[64];
	unsigned long sum = 0;

	snprintf(question, sizeof(question), "/dad/dmadev/workers,%s", name_of(i));
	*workers = 0;
	for (const char *at = telemetry_ask(fd, question); (at = strstr(at, "\"groups\":")) != NULL;
		++*workers) {
		at += strlen("\"groups\":");
		sum += strtoul(at, NULL, 10);
	}
	return sum;
}

/* With and without CPUs behind it. */
static bool
dump_says_not_running(int16_t id)
{
	static char text[16384];
	FILE *f = fmemopen(text, sizeof(text), "w");

	assert_non_null(f);
	assert_int_equal(rte_dma_dump(id, f), 0);
	fclose(f);
	const char *at = strstr(text, "    workers: of pool test, priority 0, CPUs: ");
	assert_non_null(at);
	return strncmp(strstr(at, "CPUs: "), "CPUs: not running\n", 18) == 0;
}

/* Until somebody has done so many; ten seconds at most. Whoever submits may be the one. */
static void
make_groups(int fd, int16_t id, uint8_t *buf, unsigned int i, unsigned long wanted)
{
	const uint64_t deadline = rte_get_timer_cycles() + 10 * rte_get_timer_hz();
	unsigned int workers;

	while (groups_of(fd, i, &workers) < wanted) {
		enum rte_dma_status_code status[RING];

		for (unsigned int op = 1; op <= RING; op++)
			assert_true(
				rte_dma_copy(id, 0, iova(buf), iova(buf + op * 64), 64, 0) >= 0);
		assert_int_equal(rte_dma_submit(id, 0), 0);
		test_gather(id, 0, RING, status);
		assert_true(rte_get_timer_cycles() < deadline);
	}
}

static void
each_device_tells_of_the_workers_of_the_pool(void **state)
{
	uint8_t *buf = test_buffer((1 + RING) * 64);
	int fd = telemetry_connect();
	unsigned int running, told;

	(void)state;
	assert_true(fd >= 0);
	int16_t first = plug(0), second;
	configure(first, 0);
	assert_int_equal(groups_of(fd, 0, &told), 0);
	assert_int_equal(told, 0);
	assert_true(dump_says_not_running(first));
	assert_int_equal(rte_dma_start(first), 0);
	second = open_member(1, 0);
	running = threads_named("test-w");
	make_groups(fd, second, buf, 0, 100);
	groups_of(fd, 1, &told);
	assert_int_equal(told, running);
	assert_false(dump_says_not_running(first));
	assert_false(dump_says_not_running(second));
	assert_int_equal(rte_dma_stats_reset(second, RTE_DMA_ALL_VCHAN), 0);
	/* each may be about to count one more */
	assert_in_range(groups_of(fd, 0, &told), 0, running);
	/* also of those that the first one brought, when it has gone */
	close_member(0, first);
	make_groups(fd, second, buf, 1, 100);
	telemetry_assert_says(fd, "/dad/dmadev/reset,dma_dad_pool1", "reset");
	assert_in_range(groups_of(fd, 1, &told), 0, running);
	assert_int_equal(told, running);
	close_member(1, second);
	close(fd);
	rte_free(buf);
}

static void
large_operations_are_whole(void **state)
{
	enum { SIZE = 2 << 20 }; /* a hugepage: contiguous, whatever the IOVAs */
	uint8_t *src = rte_malloc(NULL, SIZE, SIZE), *dst = rte_zmalloc(NULL, SIZE, SIZE);
	enum rte_dma_status_code status;
	int16_t id = open_member(0, 0);

	(void)state;
	assert_true(src != NULL && dst != NULL);
	for (unsigned int i = 0; i < SIZE; i++)
		src[i] = (uint8_t)(i * 31 + (i >> 12));
	assert_true(rte_dma_copy(id, 1, iova(src), iova(dst), SIZE, RTE_DMA_OP_FLAG_SUBMIT) >= 0);
	test_gather(id, 1, 1, &status);
	assert_int_equal(status, RTE_DMA_STATUS_SUCCESSFUL);
	assert_memory_equal(src, dst, SIZE);
	close_member(0, id);
	rte_free(src);
	rte_free(dst);
}

#if DAD_HAVE_PRIORITIES

enum { LOW_OPS = 1000, HIGH_OPS = 1000, BIG = 32 << 20, FLAG = 8 };

/*
 * While a large operation of the low device goes on, both get a thousand small ones: low ones set
 * flags, and the last high one copies all flags. How many of them are set in the copy?
 */
static unsigned int
low_ones_before_the_last_high_one(uint16_t high_priority, uint16_t low_priority, uint8_t *big)
{
	uint8_t *flags = test_buffer(LOW_OPS * FLAG), *copy = test_buffer(LOW_OPS * FLAG);
	static enum rte_dma_status_code status[RING];
	int16_t high = open_member(0, high_priority), low = open_member(1, low_priority);
	unsigned int n = 0;

	assert_true(rte_dma_fill(low, 0, 0, iova(big), BIG, RTE_DMA_OP_FLAG_SUBMIT) >= 0);
	for (unsigned int i = 0; i < LOW_OPS; i++)
		assert_true(
			rte_dma_fill(low, 1, ~UINT64_C(0), iova(flags + i * FLAG), FLAG, 0) >= 0);
	for (unsigned int i = 0; i < HIGH_OPS; i++)
		assert_true(rte_dma_fill(high, 0, i, iova(copy), FLAG, 0) >= 0);
	assert_true(rte_dma_copy(high, 0, iova(flags), iova(copy), LOW_OPS * FLAG,
			    RTE_DMA_OP_FLAG_FENCE) >= 0);
	assert_int_equal(rte_dma_submit(high, 0), 0);
	assert_int_equal(rte_dma_submit(low, 1), 0);
	test_gather(high, 0, HIGH_OPS + 1, status);
	test_gather(low, 0, 1, status);
	test_gather(low, 1, LOW_OPS, status);
	for (unsigned int i = 0; i < LOW_OPS; i++)
		n += copy[i * FLAG] == 0xff;
	close_member(0, high);
	close_member(1, low);
	rte_free(flags);
	rte_free(copy);
	return n;
}

static void
the_lower_one_waits(void **state)
{
	uint8_t *big = test_buffer(BIG);
	unsigned int strict = 0, equal = 0;

	(void)state;
	/* several workers are at several groups; and a submitter that helps knows no priorities */
	if (strstr(test_args(), "workers=3") != NULL || strstr(test_args(), "auto") != NULL) {
		rte_free(big);
		return;
	}
	for (unsigned int round = 0; round < 10; round++) {
		strict += low_ones_before_the_last_high_one(0, 3, big);
		strict += low_ones_before_the_last_high_one(1, 2, big);
		equal += low_ones_before_the_last_high_one(2, 2, big);
	}
	print_message("low ones before the last high one: %u of %u, %u of %u if equal\n", strict,
		20 * LOW_OPS, equal, 10 * LOW_OPS);
	/* the high ones are submitted first: no low one can come before them */
	assert_int_equal(strict, 0);
	assert_true(equal > 0);
	rte_free(big);
}

static void
tells_how_many_priorities(void **state)
{
	struct rte_dma_conf conf = {.nb_vchans = 1, .priority = 4};
	struct rte_dma_info info;
	int16_t id = plug(0);

	(void)state;
	assert_int_equal(rte_dma_info_get(id, &info), 0);
	assert_true(info.dev_capa & RTE_DMA_CAPA_PRI_POLICY_SP);
	assert_int_equal(info.nb_priorities, 4);
	assert_int_equal(rte_dma_configure(id, &conf), -EINVAL);
	assert_int_equal(rte_vdev_uninit(name_of(0)), 0);

	id = test_plug_with(test_args());
	assert_int_equal(rte_dma_info_get(id, &info), 0);
	assert_false(info.dev_capa & RTE_DMA_CAPA_PRI_POLICY_SP);
	assert_int_equal(rte_vdev_uninit(TEST_NAME), 0);
}

#endif

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(one_set_of_workers_for_all_devices),
	cmocka_unit_test(members_come_and_go),
	cmocka_unit_test(each_device_tells_of_the_workers_of_the_pool),
	cmocka_unit_test(large_operations_are_whole),
#if DAD_HAVE_PRIORITIES
	cmocka_unit_test(the_lower_one_waits),
	cmocka_unit_test(tells_how_many_priorities),
#endif
};

TEST_MAIN(tests)
