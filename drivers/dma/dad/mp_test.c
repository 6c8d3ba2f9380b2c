/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A secondary process uses the device that the primary made: its own vchan, or, with mt=1, the same
 * one. It may be killed at any moment; the others go on, and the vchan is the primary's again.
 */

#include <errno.h>

#include <rte_memzone.h>

#include "test_secondary.h"

#define DESCS 256
#define SIZE  700
#define OWN   1 /* the secondary's vchan */

/* In a memzone: what the two tell each other. */
struct shared {
	uint32_t running; /* set by the secondary when it is in its loop */
	uint64_t sent;	  /* by it, on a vchan that the primary reaps */
	uint8_t src[8 * SIZE], dst[8 * SIZE];
};

#define must(condition)                                                                            \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "secondary: line %d: %s\n", __LINE__, #condition);         \
			return 1;                                                                  \
		}                                                                                  \
	} while (0)

/* ---- as secondary ------------------------------------------------------------------------- */

static int
gather(int16_t id, uint16_t vchan, uint16_t n, enum rte_dma_status_code *status)
{
	uint64_t deadline = rte_get_timer_cycles() + 10 * rte_get_timer_hz();

	for (uint16_t got = 0; got < n;) {
		got += rte_dma_completed_status(id, vchan, n - got, NULL, status + got);
		must(rte_get_timer_cycles() < deadline);
	}
	return 0;
}

/* What it may do, and what not. */
static int
look_around(int16_t id)
{
	const struct rte_dma_conf conf = {.nb_vchans = 1};
	struct rte_dma_info info;
	enum rte_dma_vchan_status idle;
	enum rte_dma_status_code status[4];
	uint8_t *ours = rte_zmalloc(NULL, 4096, 64);
	uint8_t *libc = calloc(1, 4096);

	must(ours != NULL && libc != NULL);
	must(rte_dma_info_get(id, &info) == 0 && !(info.dev_capa & RTE_DMA_CAPA_SVA));
	must(rte_dma_stop(id) == -EPERM);
	must(rte_dma_configure(id, &conf) == -EBUSY); /* it runs */
	must(rte_dma_close(id) == -EBUSY);
	must(rte_dma_vchan_status(id, OWN, &idle) == 0 && idle == RTE_DMA_VCHAN_IDLE);
	FILE *null = fopen("/dev/null", "w");
	must(null != NULL && rte_dma_dump(id, null) == 0);
	fclose(null);
	must(rte_dma_stats_reset(id, RTE_DMA_ALL_VCHAN) == 0);

	/* memory that is ours alone is nowhere for the device, whatever the primary has there */
	memset(ours, 0x11, 64);
	must(rte_dma_copy(id, OWN, iova(ours), (uintptr_t)libc, 64, 0) >= 0);
	must(rte_dma_copy(id, OWN, (uintptr_t)libc, iova(ours), 64, 0) >= 0);
	must(rte_dma_fill(id, OWN, 1, (uintptr_t)libc, 64, 0) >= 0);
	must(rte_dma_copy(id, OWN, iova(ours), iova(ours) + 64, 64, 0) >= 0);
	must(rte_dma_submit(id, OWN) == 0);
	must(gather(id, OWN, 4, status) == 0);
	must(status[0] == RTE_DMA_STATUS_INVALID_DST_ADDR);
	must(status[1] == RTE_DMA_STATUS_INVALID_SRC_ADDR);
	must(status[2] == RTE_DMA_STATUS_INVALID_DST_ADDR);
	must(status[3] == RTE_DMA_STATUS_SUCCESSFUL && ours[127] == 0x11);
	rte_free(ours);
	free(libc);
	return 0;
}

static int
enqueue_some(int16_t id, uint16_t vchan, struct shared *sh, unsigned int i)
{
	struct rte_dma_sge src[2] = {{iova(sh->src), 300}, {iova(sh->src) + 300, SIZE - 300}};
	struct rte_dma_sge dst = {iova(sh->dst), SIZE};
	uint64_t flags = i % 11 == 0 ? RTE_DMA_OP_FLAG_FENCE : 0;

	if (i % 3 == 0)
		return rte_dma_copy_sg(id, vchan, src, &dst, 2, 1, flags);
	return rte_dma_copy(id, vchan, iova(sh->src), iova(sh->dst), SIZE, flags);
}

/* Own vchan: moves and compares. `endless`: until it is killed. */
static int
use_own_vchan(int16_t id, struct shared *sh, bool endless)
{
	enum rte_dma_status_code status[DESCS];

	for (unsigned int round = 0; endless || round < 300; round++) {
		uint16_t n = 0;

		memset(sh->src, (int)round, SIZE);
		while (n < 1 + round * 7 % DESCS && enqueue_some(id, OWN, sh, n) >= 0)
			n++;
		must(rte_dma_submit(id, OWN) == 0);
		__atomic_store_n(&sh->running, 1, __ATOMIC_RELEASE);
		must(gather(id, OWN, n, status) == 0);
		for (uint16_t i = 0; i < n; i++)
			must(status[i] == RTE_DMA_STATUS_SUCCESSFUL);
		must(memcmp(sh->src, sh->dst, SIZE) == 0);
	}
	return 0;
}

/* The primary's vchan: sends, and the primary reaps. */
static int
use_common_vchan(int16_t id, struct shared *sh, bool endless)
{
	uint64_t deadline = rte_get_timer_cycles() + 60 * rte_get_timer_hz();

	memset(sh->src, 0x77, SIZE);
	for (unsigned int i = 0; endless || i < 50000;) {
		if (enqueue_some(id, 0, sh, i) >= 0) {
			i++;
			__atomic_fetch_add(&sh->sent, 1, __ATOMIC_RELAXED);
		} else {
			sched_yield();
		}
		if (i % 5 == 0)
			must(rte_dma_submit(id, 0) == 0);
		__atomic_store_n(&sh->running, 1, __ATOMIC_RELEASE);
		must(endless || rte_get_timer_cycles() < deadline);
	}
	must(rte_dma_submit(id, 0) == 0);
	return 0;
}

static int
as_secondary(const char *what)
{
	int id = rte_dma_get_dev_id_by_name(TEST_NAME);
	const struct rte_memzone *mz = rte_memzone_lookup("shared");

	must(id >= 0 && mz != NULL);
	if (strcmp(what, "look") == 0)
		return look_around((int16_t)id);
	bool endless = strstr(what, "endless") != NULL;
	if (strstr(what, "common") != NULL)
		return use_common_vchan((int16_t)id, mz->addr, endless);
	return use_own_vchan((int16_t)id, mz->addr, endless);
}

/* ---- as primary ---------------------------------------------------------------------------- */

static struct shared *sh;

static bool
is_mt(void)
{
	return strstr(test_args(), "mt=1") != NULL;
}

static int16_t
open_shared(void)
{
	const struct rte_memzone *mz = rte_memzone_lookup("shared");

	if (mz == NULL)
		mz = rte_memzone_reserve("shared", sizeof(struct shared), SOCKET_ID_ANY, 0);
	assert_non_null(mz);
	sh = mz->addr;
	memset(sh, 0, sizeof(*sh));
	return test_open(2, DESCS);
}

/* The primary's own work, on a vchan that is its alone, must go on whatever the other does. */
static void
go_on(int16_t id, uint16_t vchan, uint8_t *buf, unsigned int round)
{
	enum rte_dma_status_code status[16];

	memset(buf, (int)round, 1000);
	for (unsigned int i = 0; i < 16; i++)
		assert_true(rte_dma_copy(id, vchan, iova(buf), iova(buf) + 1000 * (1 + i), 1000,
				    0) >= 0);
	assert_int_equal(rte_dma_submit(id, vchan), 0);
	test_gather(id, vchan, 16, status);
	for (unsigned int i = 0; i < 16; i++) {
		assert_int_equal(status[i], RTE_DMA_STATUS_SUCCESSFUL);
		assert_memory_equal(buf, buf + 1000 * (1 + i), 1000);
	}
}

static void
wait_until_it_runs(pid_t pid)
{
	for (unsigned int ms = 0; !__atomic_load_n(&sh->running, __ATOMIC_ACQUIRE); ms++) {
		assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
		assert_true(ms < 20000);
		rte_delay_us_sleep(1000);
	}
}

static void
a_secondary_looks_but_changes_nothing(void **state)
{
	int16_t id = open_shared();
	uint8_t *buf = test_buffer(20000);

	(void)state;
	assert_int_equal(secondary_wait(secondary_start("look")), 0);
	go_on(id, 0, buf, 1);
	rte_free(buf);
	test_close(id);
}

static void
a_secondary_has_a_vchan_of_its_own(void **state)
{
	int16_t id = open_shared();
	uint8_t *buf = test_buffer(20000);
	pid_t pid = secondary_start("own");
	unsigned int round = 0;

	(void)state;
	wait_until_it_runs(pid);
	for (; round < 2000; round++)
		go_on(id, 0, buf, round);
	assert_int_equal(secondary_wait(pid), 0);
	rte_free(buf);
	test_close(id);
}

/* Take what is left in a vchan whose user died: all that it submitted, each once. */
static void
take_over(int16_t id, uint16_t vchan)
{
	uint64_t deadline = rte_get_timer_cycles() + 10 * rte_get_timer_hz();
	enum rte_dma_status_code status[DESCS];
	struct rte_dma_stats stats;

	assert_int_equal(rte_dma_submit(id, vchan), 0);
	do {
		uint16_t n = rte_dma_completed_status(id, vchan, DESCS, NULL, status);

		for (uint16_t i = 0; i < n; i++)
			assert_int_equal(status[i], RTE_DMA_STATUS_SUCCESSFUL);
		assert_int_equal(rte_dma_stats_get(id, vchan, &stats), 0);
		assert_true(rte_get_timer_cycles() < deadline);
	} while (stats.completed < stats.submitted);
	assert_int_equal(rte_dma_burst_capacity(id, vchan), DESCS);
}

/* With mt=1 it may have left a hole in the ring: then what comes behind is aborted by stop. */
static void
restart(int16_t id, uint16_t vchan)
{
	enum rte_dma_status_code status[DESCS];
	struct rte_dma_stats stats;
	uint16_t n;

	assert_int_equal(rte_dma_stop(id), 0);
	while ((n = rte_dma_completed_status(id, vchan, DESCS, NULL, status)) > 0)
		for (uint16_t i = 0; i < n; i++)
			assert_true(status[i] == RTE_DMA_STATUS_SUCCESSFUL ||
				status[i] == RTE_DMA_STATUS_USER_ABORT);
	assert_int_equal(rte_dma_stats_get(id, vchan, &stats), 0);
	assert_int_equal(stats.submitted, stats.completed);
	assert_int_equal(rte_dma_start(id), 0);
}

/* Once round the ring: each slot has had a status. */
static void
fail_in_all_slots(int16_t id, uint16_t vchan)
{
	enum rte_dma_status_code status[DESCS];

	for (unsigned int i = 0; i < DESCS; i++)
		assert_true(rte_dma_copy(id, vchan, 8, 8, 64, 0) >= 0);
	assert_int_equal(rte_dma_submit(id, vchan), 0);
	assert_int_equal(gather(id, vchan, DESCS, status), 0);
	for (unsigned int i = 0; i < DESCS; i++)
		assert_int_equal(status[i], RTE_DMA_STATUS_INVALID_SRC_ADDR);
}

static void
a_secondary_dies_in_a_burst(void **state)
{
	int16_t id = open_shared();
	uint8_t *buf = test_buffer(20000);

	(void)state;
	for (unsigned int round = 0; round < 5; round++) {
		sh->running = 0;
		fail_in_all_slots(id, OWN);
		pid_t pid = secondary_start("own endless");

		wait_until_it_runs(pid);
		for (unsigned int i = 0; i < 200 + 37 * round; i++)
			go_on(id, 0, buf, i);
		kill(pid, SIGKILL);
		assert_int_equal(secondary_wait(pid), -1);
		go_on(id, 0, buf, round);
		if (is_mt())
			restart(id, OWN);
		else
			take_over(id, OWN);
		for (unsigned int i = 0; i < 50; i++)
			go_on(id, OWN, buf, i);
	}
	rte_free(buf);
	test_close(id);
}

static void
two_processes_share_a_vchan(void **state)
{
	(void)state;
	if (!is_mt())
		skip();
	int16_t id = open_shared();
	uint64_t deadline = rte_get_timer_cycles() + 60 * rte_get_timer_hz();
	uint64_t sent = 0, reaped = 0;
	uint8_t *buf = test_buffer(256);
	int status = 1;

	pid_t pid = secondary_start("common");
	bool alive = true;
	while (alive || reaped < sent + sh->sent) {
		bool error = false;

		if (alive && waitpid(pid, &status, WNOHANG) == pid) {
			alive = false;
			assert_int_equal(status, 0);
		}
		if (sent < 50000 && rte_dma_copy(id, 0, iova(buf), iova(buf) + 128, 100, 0) >= 0)
			sent++;
		if (sent % 7 == 0)
			assert_int_equal(rte_dma_submit(id, 0), 0);
		uint16_t n = rte_dma_completed(id, 0, 20, NULL, &error);
		reaped += n;
		assert_false(error);
		if (n == 0)
			rte_dma_submit(id, 0);
		assert_true(rte_get_timer_cycles() < deadline);
	}
	assert_int_equal(reaped, sent + sh->sent);
	assert_true(sh->sent == 50000);
	assert_int_equal(sh->dst[SIZE - 1], 0x77);
	rte_free(buf);
	test_close(id);
}

static void
one_dies_on_a_vchan_that_two_share(void **state)
{
	(void)state;
	if (!is_mt())
		skip();
	int16_t id = open_shared();
	uint8_t *buf = test_buffer(20000);

	for (unsigned int round = 0; round < 4; round++) {
		bool error = false;

		sh->running = 0;
		pid_t pid = secondary_start("common endless");
		wait_until_it_runs(pid);
		for (unsigned int i = 0; i < 20000 + 3777 * round; i++)
			rte_dma_completed(id, 0, 20, NULL, &error);
		kill(pid, SIGKILL);
		assert_int_equal(secondary_wait(pid), -1);
		assert_false(error);
		go_on(id, OWN, buf, round);
		rte_dma_submit(id, 0);
		restart(id, 0);
		go_on(id, 0, buf, round);
	}
	rte_free(buf);
	test_close(id);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_secondary_looks_but_changes_nothing),
	cmocka_unit_test(a_secondary_has_a_vchan_of_its_own),
	cmocka_unit_test(a_secondary_dies_in_a_burst),
	cmocka_unit_test(two_processes_share_a_vchan),
	cmocka_unit_test(one_dies_on_a_vchan_that_two_share),
};

int
main(int argc, char **argv)
{
	alarm(100); /* a hang ends the test */
	return secondary_main(argc, argv, as_secondary, tests, RTE_DIM(tests));
}
