/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Random operations on several vchans, one thread each, beside a model in plain C: every byte,
 * every status, every index and every count agrees. In memory; to, from and in a device's window;
 * and in silent mode, where statuses are seen by their number only.
 *
 * fuzz_ops_test [OPERATIONS [SEED]]: of each kind; default some, for a short run.
 */

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>

#include "dad_compat.h"
#include "fuzz_request.h"

#define VCHANS	    3
#define DEFAULT_OPS 600000

/* A lane that has a vchan for itself: so what becomes of an operation is known when it is enqueued.
 */
struct alone {
	struct lane lane;
	struct tally tally;
	uint64_t submitted, reported;
	uint64_t batches[DAD_STAT_BATCHES];
	bool batch_failed, batch_poisoned;
	/* what was enqueued and not yet reported, by index */
	uint8_t expected[65536];
};

/* ---- completions ---------------------------------------------------------------------------- */

/* Take some. False: something does not agree. */
static bool
reap(struct alone *a)
{
	struct lane *l = &a->lane;
	enum rte_dma_status_code status[64];
	uint16_t ask = (uint16_t)below(l, 65), last = 0, n;
	bool error = false;

	if (l->silent) {
		agree(rte_dma_completed_status(l->dev, l->vchan, ask, &last, status) == 0);
		agree(rte_dma_completed(l->dev, l->vchan, ask, &last, &error) == 0 && !error);
		return true;
	}
	if (below(l, 2)) {
		n = rte_dma_completed(l->dev, l->vchan, ask, &last, &error);
		agree(n <= ask);
		for (uint16_t i = 0; i < n; i++)
			agree(a->expected[(uint16_t)(a->reported + i)] == 0);
		if (error)
			agree(a->expected[(uint16_t)(a->reported + n)] != 0);
	} else {
		n = rte_dma_completed_status(l->dev, l->vchan, ask, &last, status);
		agree(n <= ask);
		for (uint16_t i = 0; i < n; i++)
			agree(status[i] == a->expected[(uint16_t)(a->reported + i)]);
	}
	a->reported += n;
	agree(a->reported <= a->submitted);
	agree(last == (uint16_t)(a->reported - 1));
	return true;
}

/* The batch ends. */
static void
submitted(struct alone *a)
{
	const uint64_t n = a->lane.sent - a->submitted;

	if (n > 0)
		a->batches[63 - __builtin_clzll(n)]++;
	a->submitted = a->lane.sent;
	a->batch_failed = a->batch_poisoned = false;
}

static void
submit(struct alone *a)
{
	rte_dma_submit(a->lane.dev, a->lane.vchan);
	submitted(a);
}

static bool
is_all_done(const struct alone *a)
{
	enum rte_dma_vchan_status status;

	if (!a->lane.silent)
		return a->reported == a->lane.sent;
	return rte_dma_vchan_status(a->lane.dev, a->lane.vchan, &status) == 0 &&
		status == RTE_DMA_VCHAN_IDLE;
}

/* All is done: compare. */
static bool
settle(struct alone *a)
{
	struct lane *l = &a->lane;
	const struct dad_dev *d = rte_dma_fp_objs[l->dev].dev_private;
	uint64_t x[DAD_XSTAT_MAX] = {0};

	submit(a);
	while (!is_all_done(a)) {
		uint64_t before = a->reported;

		if (!reap(a))
			return false;
		agree(rte_get_timer_cycles() < l->deadline);
		if (a->reported == before)
			sched_yield();
	}
	l->in_window = 0;
	dad_stat_get(&d->vchan[l->vchan], x);
	for (unsigned int i = 0; i < DAD_STAT_BATCHES; i++)
		agree(x[DAD_XSTAT_BATCHES + i] == a->batches[i]);
	return lane_agrees(l) && tally_agrees(l, &a->tally);
}

/* ---- operations ----------------------------------------------------------------------------- */

static bool
one_operation(struct alone *a)
{
	struct lane *l = &a->lane;
	struct request r;

	make_request(l, &r);
	const struct op op = touched_by(l, &r.effect);
	uint64_t flags = random_flags(l, &op);

	if (below(l, 20) == 0)
		flags |= RTE_DMA_OP_FLAG_LLC;

	int index = enqueue(l, &r, flags);
	if (index == -ENOSPC) {
		a->tally.nospace++;
		/* an empty ring takes anything */
		agree(l->sent > a->reported);
		submit(a);
		return reap(a);
	}
	agree(index == (int)(uint16_t)l->sent);

	enum rte_dma_status_code status = r.status;
	if (flags & RTE_DMA_OP_FLAG_FENCE) {
		a->batch_poisoned |= a->batch_failed;
		l->in_window = 0;
	}
	if (a->batch_poisoned)
		status = RTE_DMA_STATUS_NOT_ATTEMPTED;
	a->batch_failed |= status != RTE_DMA_STATUS_SUCCESSFUL;
	l->window[l->in_window++] = op;
	a->expected[(uint16_t)l->sent++] = (uint8_t)status;
	tally_add(&a->tally, r.effect.kind, r.effect.len, status);
	if (status == RTE_DMA_STATUS_SUCCESSFUL)
		apply(l, &r.effect);
	if (flags & RTE_DMA_OP_FLAG_SUBMIT)
		submitted(a);
	return true;
}

/* A length of 0, and lists of wrong length, are refused at once, and leave no trace. */
static bool
refused(struct lane *l)
{
	struct rte_dma_sge list[65] = {{l->arena_iova, 1}};
	const uint16_t room = rte_dma_burst_capacity(l->dev, l->vchan);

	agree(rte_dma_copy(l->dev, l->vchan, l->arena_iova, l->arena_iova, 0, 0) == -EINVAL);
	agree(rte_dma_fill(l->dev, l->vchan, 1, l->arena_iova, 0, 0) == -EINVAL);
	agree(rte_dma_copy_sg(l->dev, l->vchan, list, list, 0, 1, 0) == -EINVAL);
	agree(rte_dma_copy_sg(l->dev, l->vchan, list, list, 1, 65, 0) == -EINVAL);
	/* in silence slots come back by themselves */
	agree(l->silent || rte_dma_burst_capacity(l->dev, l->vchan) == room);
	return true;
}

static void *
alone_main(void *arg)
{
	struct alone *a = arg;
	struct lane *l = &a->lane;

	while (l->sent < l->target) {
		uint32_t what = below(l, 1000);
		bool ok = true;

		if (what < 60) {
			submit(a);
		} else if (what < 200) {
			ok = reap(a);
		} else if (what == 200) {
			ok = refused(l);
		} else {
			ok = one_operation(a);
		}
		if (!ok || (l->sent % 5000 == 0 && l->sent > 0 && !settle(a)))
			return NULL;
	}
	settle(a);
	return NULL;
}

/* With more devargs than the variant's: so many operations agree. */
static void
run(const char *more, bool silent, const enum rte_dma_direction direction[VCHANS], uint64_t target)
{
	static const uint16_t descs[VCHANS] = {32, 256, 4096};
	static struct alone alone[VCHANS];
	struct rte_dma_conf conf = {.nb_vchans = VCHANS};
	pthread_t thread[VCHANS];
	uint64_t sent = 0, errors = 0;
	char args[256];

	snprintf(args, sizeof(args), "%s%s", test_args(), more);
	int16_t dev = test_plug_with(args);
	if (silent)
		dad_conf_set_silent(&conf);
	assert_int_equal(rte_dma_configure(dev, &conf), 0);
	for (uint16_t v = 0; v < VCHANS; v++)
		assert_int_equal(test_setup_direction(dev, v, descs[v], direction[v]), 0);
	assert_int_equal(rte_dma_start(dev), 0);
	for (uint16_t v = 0; v < VCHANS; v++) {
		struct lane *l = &alone[v].lane;

		alone[v] = (struct alone){.lane = {.dev = dev,
						  .vchan = v,
						  .number = v,
						  .target = target / VCHANS,
						  .silent = silent}};
		lane_open(l, direction[v], fuzz_seed);
		l->deadline = rte_get_timer_cycles() + (10 + target / 20000) * rte_get_timer_hz();
		test_thread(&thread[v], alone_main, &alone[v]);
	}
	for (uint16_t v = 0; v < VCHANS; v++) {
		pthread_join(thread[v], NULL);
		sent += alone[v].lane.sent;
		errors += alone[v].tally.sent - alone[v].tally.status[0];
		lane_close(&alone[v].lane);
	}
	for (uint16_t v = 0; v < VCHANS; v++)
		if (alone[v].lane.wrong[0] != '\0')
			fail_msg("%s", alone[v].lane.wrong);
	print_message("%llu operations, %llu of them with an error\n", (unsigned long long)sent,
		(unsigned long long)errors);
	assert_true(sent >= target / VCHANS * VCHANS);
	test_close(dev);
}

#define M2M RTE_DMA_DIR_MEM_TO_MEM

static const enum rte_dma_direction memory[VCHANS] = {M2M, M2M, M2M};

static void
random_operations_agree_with_a_model(void **state)
{
	(void)state;
	run("", false, memory, fuzz_operations);
}

static void
those_of_a_device_with_memory_too(void **state)
{
	static const enum rte_dma_direction all[VCHANS] = {
		RTE_DMA_DIR_MEM_TO_DEV, RTE_DMA_DIR_DEV_TO_MEM, RTE_DMA_DIR_DEV_TO_DEV};

	(void)state;
	run(",window=3M", false, all, fuzz_operations / 8);
}

static void
and_those_that_are_done_in_silence(void **state)
{
	static const enum rte_dma_direction mixed[VCHANS] = {M2M, M2M, RTE_DMA_DIR_DEV_TO_MEM};

	(void)state;
	run(",silent=1", true, memory, fuzz_operations / 8);
	run(",silent=1,window=3M", true, mixed, fuzz_operations / 8);
}

/* A vchan that halts does the same, in its own time. */
static void
and_those_of_a_device_that_halts(void **state)
{
	(void)state;
	if (strstr(test_args(), "eager=1") != NULL)
		skip(); /* the two exclude each other */
	run(",halt=1", false, memory, fuzz_operations / 8);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(random_operations_agree_with_a_model),
	cmocka_unit_test(those_of_a_device_with_memory_too),
	cmocka_unit_test(and_those_that_are_done_in_silence),
	cmocka_unit_test(and_those_of_a_device_that_halts),
};

FUZZ_MAIN(tests, DEFAULT_OPS)
