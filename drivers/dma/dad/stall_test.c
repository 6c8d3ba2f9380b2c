/* SPDX-License-Identifier: BSD-3-Clause */

/* Workers that stand still, or end, in the middle of an operation: the device stops within its
 * bound, or says that it cannot; nothing is reported twice, and nothing is lost. */

#include <errno.h>

#include "dad_internal.h"
#include "test_gate.h"

#define N      100
#define LENGTH 64
#define DESCS  256

static uint8_t *buf; /* sources, and then destinations */

static uint8_t *
source(unsigned int i)
{
	return buf + (size_t)i * LENGTH;
}

static uint8_t *
destination(unsigned int i)
{
	return buf + (size_t)(N + i) * LENGTH;
}

static unsigned int
workers(int16_t id)
{
	const struct dad_dev *d = rte_dma_fp_objs[id].dev_private;

	return d->args.engine == DAD_ENGINE_SERVICE ? 1 : d->args.workers;
}

static int16_t
open_vchans(uint16_t nb_vchans)
{
	int16_t id = test_open(nb_vchans, DESCS);

	for (unsigned int i = 0; i < N; i++) {
		memset(source(i), (int)i + 1, LENGTH);
		memset(destination(i), 0, LENGTH);
	}
	return id;
}

static void
copy(int16_t id, uint16_t vchan, unsigned int i)
{
	assert_true(rte_dma_copy(id, vchan, iova(source(i)), iova(destination(i)), LENGTH,
			    RTE_DMA_OP_FLAG_SUBMIT) >= 0);
}

/* A worker comes to stand at the gate, in vchan 0, with N operations behind it, which nobody has
 * polled for. */
static void
stall(int16_t id)
{
	gate_shut();
	assert_true(
		rte_dma_copy(id, 0, iova(buf), gate_iova(), LENGTH, RTE_DMA_OP_FLAG_SUBMIT) >= 0);
	gate_await(1);
	for (unsigned int i = 0; i < N; i++)
		copy(id, 0, i);
}

/* Of one that was left alone the destination is untouched; of one that was done it is as it shall
 * be. */
static void
assert_done(unsigned int i, enum rte_dma_status_code status)
{
	static const uint8_t zeroes[LENGTH];

	if (status == RTE_DMA_STATUS_SUCCESSFUL) {
		assert_memory_equal(destination(i), source(i), LENGTH);
		return;
	}
	assert_int_equal(status, RTE_DMA_STATUS_USER_ABORT);
	assert_memory_equal(destination(i), zeroes, LENGTH);
}

/* After a stop all that was enqueued is there, once and in order: what was at the gate, and the N.
 * How many of the N were done. */
static unsigned int
take_all(int16_t id, enum rte_dma_status_code at_gate)
{
	enum rte_dma_status_code status[DESCS];
	unsigned int done = 0;
	uint16_t last;

	assert_int_equal(rte_dma_completed_status(id, 0, DESCS, &last, status), N + 1);
	assert_int_equal(last, N);
	assert_int_equal(status[0], at_gate);
	for (unsigned int i = 0; i < N; i++) {
		assert_done(i, status[i + 1]);
		done += status[i + 1] == RTE_DMA_STATUS_SUCCESSFUL;
	}
	assert_int_equal(rte_dma_completed_status(id, 0, DESCS, &last, status), 0);
	return done;
}

static void
assert_works(int16_t id)
{
	memset(destination(0), 0, LENGTH);
	assert_int_equal(rte_dma_start(id), 0);
	copy(id, 0, 0);
	test_expect(id, RTE_DMA_STATUS_SUCCESSFUL);
	assert_memory_equal(destination(0), source(0), LENGTH);
}

static void
stop_tells_of_a_worker_that_stands_still(void **state)
{
	enum rte_dma_status_code status[DESCS];
	enum rte_dma_vchan_status vchan_status;
	const uint64_t start = rte_get_timer_cycles();
	int16_t id = open_vchans(2);

	(void)state;
	stall(id);
	for (unsigned int round = 0; round < 2; round++) {
		assert_int_equal(rte_dma_stop(id), -EBUSY);
		assert_int_equal(rte_dma_vchan_status(id, 0, &vchan_status), 0);
		assert_int_equal(vchan_status, RTE_DMA_VCHAN_HALTED_ERROR);
		/* nothing begins, nothing goes, and nothing passes what is at the gate */
		assert_int_equal(rte_dma_burst_capacity(id, 0), 0);
		assert_int_equal(
			rte_dma_copy(id, 0, iova(buf), iova(destination(0)), LENGTH, 0), -ENOSPC);
		assert_int_equal(
			rte_dma_copy(id, 1, iova(buf), iova(destination(0)), LENGTH, 0), -ENOSPC);
		assert_int_equal(rte_dma_close(id), -EBUSY);
		assert_int_equal(rte_vdev_uninit(TEST_NAME), -EBUSY);
		assert_int_equal(rte_dma_completed_status(id, 0, DESCS, NULL, status), 0);
	}
	/* three stops, one in uninit, each of two seconds at most; and slow machines */
	assert_true(rte_get_timer_cycles() - start < 25 * rte_get_timer_hz());

	gate_become(GATE_OPEN);
	test_stop(id);
	print_message("%u of %u done\n", take_all(id, RTE_DMA_STATUS_SUCCESSFUL), N);
	assert_memory_equal(gate, buf, LENGTH);
	assert_works(id);
	test_close(id);
}

static void
others_go_on_and_nothing_is_lost(void **state)
{
	enum rte_dma_status_code status[DESCS];
	int16_t id = open_vchans(2);

	(void)state;
	stall(id);
	if (workers(id) > 1) {
		for (unsigned int i = 0; i < N; i++) {
			copy(id, 1, i);
			test_gather(id, 1, 1, status);
			assert_int_equal(status[0], RTE_DMA_STATUS_SUCCESSFUL);
		}
	}
	assert_int_equal(rte_dma_completed_status(id, 0, DESCS, NULL, status), 0);
	gate_become(GATE_OPEN);
	test_gather(id, 0, N + 1, status);
	for (unsigned int i = 0; i <= N; i++)
		assert_int_equal(status[i], RTE_DMA_STATUS_SUCCESSFUL);
	for (unsigned int i = 0; i < N; i++)
		assert_done(i, RTE_DMA_STATUS_SUCCESSFUL);
	assert_memory_equal(gate, buf, LENGTH);
	test_close(id);
}

/* What was done before, and what nobody has come to, is kept apart from what the worker was at. */
static void
a_worker_that_ends_takes_one_group_along(void **state)
{
	int16_t id = open_vchans(1);

	(void)state;
	/* an lcore is EAL's */
	if (strstr(test_args(), "engine=service") != NULL) {
		test_close(id);
		skip();
	}
	stall(id);
	gate_become(GATE_DEADLY);
	assert_int_equal(rte_dma_stop(id), 0);
	const unsigned int done = take_all(id, RTE_DMA_STATUS_USER_ABORT);
	print_message("%u of %u done\n", done, N);
	/* it took along what it had claimed, which was alone in its batch */
	assert_int_equal(done, workers(id) > 1 ? N : 0);
	gate_let_through();
	gate_waiting = 0;
	assert_works(id);
	test_close(id);
}

/* Else a device would start, and nobody would do what it is given. */
static void
a_pool_whose_workers_have_ended_takes_nobody(void **state)
{
	static const char other_name[] = "dma_dad_other";
	enum rte_dma_status_code status;

	(void)state;
	if (strstr(test_args(), "pool=") == NULL)
		skip();
	int16_t id = open_vchans(2);
	assert_int_equal(rte_vdev_init(other_name, test_args()), 0);
	int16_t other = (int16_t)rte_dma_get_dev_id_by_name(other_name);
	test_configure(other, 1, DESCS);
	assert_int_equal(rte_dma_start(other), 0);

	assert_int_equal(workers(id), 2);
	gate_shut();
	for (uint16_t v = 0; v < 2; v++)
		assert_true(rte_dma_copy(id, v, iova(buf), gate_iova(), LENGTH,
				    RTE_DMA_OP_FLAG_SUBMIT) >= 0);
	gate_await(2);
	gate_become(GATE_DEADLY);
	assert_int_equal(rte_dma_stop(id), 0);
	gate_let_through();
	gate_waiting = 0;
	assert_int_equal(rte_dma_start(id), -EBUSY);
	/* which leaves what was not gathered */
	for (uint16_t v = 0; v < 2; v++) {
		test_gather(id, v, 1, &status);
		assert_int_equal(status, RTE_DMA_STATUS_USER_ABORT);
	}
	/* with its last member it goes, and the next one makes it anew */
	assert_int_equal(rte_dma_stop(other), 0);
	assert_works(id);
	test_close(id);
	assert_int_equal(rte_vdev_uninit(other_name), 0);
}

static void
a_worker_cannot_be_cancelled(void **state)
{
	int16_t id = open_vchans(1);
	struct dad_dev *d = rte_dma_fp_objs[id].dev_private;

	(void)state;
	for (unsigned int i = 0; i < d->engine.nb_workers; i++)
		assert_int_equal(pthread_cancel(d->engine.worker[i].thread), 0);
	/* they come to where a thread would end: those that sleep when idle */
	rte_delay_us_sleep(300000);
	for (unsigned int i = 0; i < N; i++) {
		copy(id, 0, i);
		test_expect(id, RTE_DMA_STATUS_SUCCESSFUL);
		assert_done(i, RTE_DMA_STATUS_SUCCESSFUL);
	}
	test_close(id);
}

/* Memory that a worker may be at goes after a second, and not before; then without it. */
static void
memory_waits_for_a_worker_but_not_for_ever(void **state)
{
	uint8_t *page =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const dad_dma_addr_t itself = (uintptr_t)page;
	const bool va = rte_eal_iova_mode() == RTE_IOVA_VA;
	enum rte_dma_status_code status[DESCS];
	int16_t id = open_vchans(1);

	(void)state;
	assert_ptr_not_equal(page, MAP_FAILED);
	assert_int_equal(dad_dma_mem_register(
				 gate_domain, page, 4096, va ? NULL : &itself, va ? 0 : 1, 4096),
		0);
	stall(id);
	const uint64_t start = rte_get_timer_cycles();
	assert_int_equal(dad_dma_mem_unregister(gate_domain, page, 4096), 0);
	const uint64_t took = rte_get_timer_cycles() - start;
	assert_true(took >= rte_get_timer_hz() && took < 10 * rte_get_timer_hz());
	munmap(page, 4096);
	gate_become(GATE_OPEN);
	test_gather(id, 0, N + 1, status);
	for (unsigned int i = 0; i <= N; i++)
		assert_int_equal(status[i], RTE_DMA_STATUS_SUCCESSFUL);
	test_close(id);
}

static int
make(void **state)
{
	buf = test_buffer((size_t)2 * N * LENGTH);
	return gate_make(state);
}

static int
unmake(void **state)
{
	rte_free(buf);
	return gate_remove(state);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(stop_tells_of_a_worker_that_stands_still),
	cmocka_unit_test(others_go_on_and_nothing_is_lost),
	cmocka_unit_test(a_worker_that_ends_takes_one_group_along),
	cmocka_unit_test(a_pool_whose_workers_have_ended_takes_nobody),
	cmocka_unit_test(a_worker_cannot_be_cancelled),
	cmocka_unit_test(memory_waits_for_a_worker_but_not_for_ever),
};

TEST_MAIN_WITH(tests, make, unmake)
