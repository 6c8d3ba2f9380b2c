/* SPDX-License-Identifier: BSD-3-Clause */

/* What is told of how the work is done: in which batches, by whom, and how long it took. */

#include "test_stat.h"

static void
latency_is_measured_while_it_is_on(void **state)
{
	struct tally t = {0};
	struct dad_vchan *vc = vchan_of(0);

	(void)state;
	enqueue(0, DAD_OP_COPY, 64, true, &t);
	submit_and_gather(0, 1, &t);
	assert_int_equal(sum(0, DAD_XSTAT_LATENCY, DAD_STAT_LATENCIES), 0);

	uint64_t ns = 0;

	for (unsigned int again = 0; again < 2; again++) {
		const uint64_t before = sum(0, DAD_XSTAT_LATENCY, DAD_STAT_LATENCIES);
		const uint64_t start = rte_get_timer_cycles();

		assert_int_equal(dad_stat_latency_switch(vc, true), 0);
		for (unsigned int round = 0; round < 100; round++) {
			for (unsigned int i = 0; i < 1 + round % 40; i++)
				enqueue(0, DAD_OP_COPY, 64, true, &t);
			submit_and_gather(0, (uint16_t)(1 + round % 40), &t);
		}
		ns += (uint64_t)((double)(rte_get_timer_cycles() - start) * 1e9 /
			(double)rte_get_timer_hz());
		const uint64_t n = sum(0, DAD_XSTAT_LATENCY, DAD_STAT_LATENCIES) - before;
		uint64_t at_least = 0;

		/* 100 batches of 1 … 40, thrice short of the last twenty */
		assert_int_equal(n, 2 * 820 + 210);
		/* each is less than the whole, and in a bucket that fits the sum */
		assert_true(value(0, DAD_XSTAT_LATENCY_NS) <= ns * n);
		for (unsigned int i = 1; i < DAD_STAT_LATENCIES; i++)
			at_least += value(0, DAD_XSTAT_LATENCY + i) << i;
		assert_true(at_least <= value(0, DAD_XSTAT_LATENCY_NS));
		assert_int_equal(dad_stat_latency_switch(vc, false), 0);
		/* off: neither what is under way nor what comes */
		enqueue(0, DAD_OP_COPY, 64, true, &t);
		submit_and_gather(0, 1, &t);
		assert_int_equal(sum(0, DAD_XSTAT_LATENCY, DAD_STAT_LATENCIES) - before, n);
	}
	/* under way when it is switched on: when it was submitted, nobody knows */
	const uint64_t before = sum(0, DAD_XSTAT_LATENCY, DAD_STAT_LATENCIES);
	enum rte_dma_status_code status;

	enqueue(0, DAD_OP_COPY, 64, true, &t);
	assert_int_equal(rte_dma_submit(dev, 0), 0);
	assert_int_equal(dad_stat_latency_switch(vc, true), 0);
	test_gather(dev, 0, 1, &status);
	assert_int_equal(sum(0, DAD_XSTAT_LATENCY, DAD_STAT_LATENCIES), before);
	assert_int_equal(dad_stat_latency_switch(vc, false), 0);
}

static void
batches_are_counted_by_size(void **state)
{
	struct tally t = {0};

	(void)state;
	for (unsigned int n = 1; n <= RING; n = n * 2 + (n == 4)) {
		for (unsigned int i = 0; i < n; i++)
			enqueue(0, DAD_OP_COPY, 64, true, &t);
		submit_and_gather(0, (uint16_t)n, &t);
	}
	/* nothing is no batch */
	assert_int_equal(rte_dma_submit(dev, 0), 0);
	assert_tally(0, &t);
}

/* Those that workers have counted. */
static uint64_t
groups_of(const struct dad_engine *e)
{
	uint64_t groups = 0;

	for (unsigned int i = 0; i < e->nb_workers; i++)
		groups += dad_work_get(&e->worker[i].work).groups;
	return groups;
}

static void
who_did_the_work_is_told(void **state)
{
	const struct dad_engine *e = &((struct dad_dev *)rte_dma_fp_objs[dev].dev_private)->engine;
	uint64_t groups = 0, served = 0;
	struct tally t = {0};

	(void)state;
	for (unsigned int round = 0; round < 300; round++) {
		enqueue(0, DAD_OP_COPY, 64, true, &t);
		submit_and_gather(0, 1, &t);
	}
	served = value(0, DAD_XSTAT_SUBMIT_SERVED) + value(0, DAD_XSTAT_POLL_SERVED);
	/* a worker counts a group after it has given it back */
	const uint64_t deadline = rte_get_timer_cycles() + 10 * rte_get_timer_hz();
	while (e->nb_workers > 0 && groups_of(e) + served < 300)
		assert_true(rte_get_timer_cycles() < deadline);
	for (unsigned int i = 0; i < e->nb_workers; i++) {
		const struct dad_work_seen s = dad_work_get(&e->worker[i].work);

		assert_true(s.busy <= s.elapsed);
		assert_true(s.wakeups <= s.groups);
		assert_true(s.groups == 0 || s.wakeups > 0);
		groups += s.groups;
	}
	if (e->nb_workers > 0)
		assert_int_equal(groups + served, 300);
	if (vchan_of(0)->threshold == 0)
		assert_int_equal(served, 0);
	else if (!vchan_of(0)->mt) /* little batches, and nothing waits: no worker's turn */
		assert_int_equal(value(0, DAD_XSTAT_SUBMIT_SERVED), 300);
	assert_int_equal(rte_dma_stats_reset(dev, RTE_DMA_ALL_VCHAN), 0);
	for (unsigned int i = 0; i < e->nb_workers; i++)
		assert_int_equal(dad_work_get(&e->worker[i].work).groups, 0);
}

/* engine=auto: when workers do not come, who polls does what is too much for submit. */
static void
who_polls_stands_in_for_workers(void **state)
{
	struct dad_engine *e = &((struct dad_dev *)rte_dma_fp_objs[dev].dev_private)->engine;
	struct tally t = {0};

	(void)state;
	if (vchan_of(0)->threshold == 0)
		return; /* of other engines nobody stands in */
	/* they leave: to the application it is as if they were busy for ever */
	__atomic_store_n(e->control, 0, __ATOMIC_RELEASE);
	rte_delay_us_sleep(50000);
	const uint64_t before = value(0, DAD_XSTAT_POLL_SERVED);
	for (unsigned int i = 0; i < 10; i++) {
		for (unsigned int op = 0; op < 5; op++)
			enqueue(0, DAD_OP_COPY, LEN, true, &t);
		submit_and_gather(0, 5, &t);
	}
	assert_true(value(0, DAD_XSTAT_POLL_SERVED) > before);
	assert_int_equal(value(0, DAD_XSTAT_OPS + DAD_OP_COPY), 50);
}

static const struct CMUnitTest tests[] = {
	with_device(latency_is_measured_while_it_is_on),
	with_device(batches_are_counted_by_size),
	with_device(who_did_the_work_is_told),
	with_device(who_polls_stands_in_for_workers),
};

TEST_MAIN(tests)
