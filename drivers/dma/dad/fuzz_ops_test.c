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
#include "dad_internal.h"
#include "fuzz_lane.h"

#define VCHANS	    3
#define DEFAULT_OPS 600000

/* ---- completions ---------------------------------------------------------------------------- */

/* Take some. False: something does not agree. */
static bool
reap(struct lane *l)
{
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
			agree(l->expected[(uint16_t)(l->reported + i)] == 0);
		if (error)
			agree(l->expected[(uint16_t)(l->reported + n)] != 0);
	} else {
		n = rte_dma_completed_status(l->dev, l->vchan, ask, &last, status);
		agree(n <= ask);
		for (uint16_t i = 0; i < n; i++) {
			agree(status[i] == l->expected[(uint16_t)(l->reported + i)]);
			l->errors += status[i] != 0;
		}
	}
	l->reported += n;
	agree(l->reported <= l->submitted);
	agree(last == (uint16_t)(l->reported - 1));
	return true;
}

static void
submit(struct lane *l)
{
	rte_dma_submit(l->dev, l->vchan);
	l->submitted = l->sent;
	l->batch_failed = l->batch_poisoned = false;
}

static bool
is_all_done(const struct lane *l)
{
	enum rte_dma_vchan_status status;

	if (!l->silent)
		return l->reported == l->sent;
	return rte_dma_vchan_status(l->dev, l->vchan, &status) == 0 && status == RTE_DMA_VCHAN_IDLE;
}

/* All is done: compare. */
static bool
settle(struct lane *l)
{
	struct rte_dma_stats stats;

	submit(l);
	while (!is_all_done(l)) {
		uint64_t before = l->reported;

		if (!reap(l))
			return false;
		agree(rte_get_timer_cycles() < l->deadline);
		if (l->reported == before)
			sched_yield();
	}
	l->in_window = 0;
	agree(memcmp(l->arena, l->model, ARENA) == 0);
	if (l->window_part != NULL)
		agree(memcmp(l->window_part, l->window_model, ARENA) == 0);
	for (unsigned int i = 0; i < GUARD; i++)
		agree(l->scratch[SCRATCH + i] == 0xa5);
	agree(rte_dma_stats_get(l->dev, l->vchan, &stats) == 0);
	agree(stats.submitted == l->sent && stats.completed == l->sent);
	agree(stats.errors == l->errors);
	return true;
}

/* ---- operations ----------------------------------------------------------------------------- */

static bool
one_operation(struct lane *l)
{
	struct request r;
	struct op op = {0};
	uint64_t flags = 0;

	make_request(l, &r);
	/* one that fails may have read and written all the same */
	if (r.kind != REQ_FILL)
		op.reads[op.nb_reads++] = range_of(l->src_dev, r.model_from, r.len);
	if (!r.to_scratch)
		op.writes[op.nb_writes++] = range_of(l->dst_dev, r.model_to, r.len);
	if (needs_fence(l, &op) || below(l, 50) == 0)
		flags |= RTE_DMA_OP_FLAG_FENCE;
	if (below(l, 20) == 0)
		flags |= RTE_DMA_OP_FLAG_SUBMIT;
	if (below(l, 20) == 0)
		flags |= RTE_DMA_OP_FLAG_LLC;

	int index = enqueue(l, &r, flags);
	if (index == -ENOSPC) {
		/* an empty ring takes anything */
		agree(l->sent > l->reported);
		submit(l);
		return reap(l);
	}
	agree(index == (int)(uint16_t)l->sent);

	enum rte_dma_status_code status = r.status;
	if (flags & RTE_DMA_OP_FLAG_FENCE) {
		l->batch_poisoned |= l->batch_failed;
		l->in_window = 0;
	}
	if (l->batch_poisoned)
		status = RTE_DMA_STATUS_NOT_ATTEMPTED;
	l->batch_failed |= status != RTE_DMA_STATUS_SUCCESSFUL;
	l->window[l->in_window++] = op;
	l->expected[(uint16_t)l->sent++] = (uint8_t)status;
	if (l->silent) /* nothing else tells of it */
		l->errors += status != RTE_DMA_STATUS_SUCCESSFUL;
	if (status == RTE_DMA_STATUS_SUCCESSFUL)
		apply(l, &r);
	if (flags & RTE_DMA_OP_FLAG_SUBMIT) {
		l->submitted = l->sent;
		l->batch_failed = l->batch_poisoned = false;
	}
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
lane_main(void *arg)
{
	struct lane *l = arg;

	while (l->sent < l->target) {
		uint32_t what = below(l, 1000);
		bool ok = true;

		if (what < 60) {
			submit(l);
		} else if (what < 200) {
			ok = reap(l);
		} else if (what == 200) {
			ok = refused(l);
		} else {
			ok = one_operation(l);
		}
		if (!ok || (l->sent % 5000 == 0 && l->sent > 0 && !settle(l)))
			return NULL;
	}
	settle(l);
	return NULL;
}

static uint64_t operations = DEFAULT_OPS, first_seed = 1;

/* Memory of the lane, and of its part of the window if there is one. */
static void
lane_open(struct lane *l, enum rte_dma_direction direction)
{
	struct dad_dev *d = rte_dma_fp_objs[l->dev].dev_private;
	const struct dad_window *w = &d->model.window;

	l->src_dev = direction == RTE_DMA_DIR_DEV_TO_MEM || direction == RTE_DMA_DIR_DEV_TO_DEV;
	l->dst_dev = direction == RTE_DMA_DIR_MEM_TO_DEV || direction == RTE_DMA_DIR_DEV_TO_DEV;
	l->seed = (first_seed + l->vchan) * UINT64_C(0x9e3779b97f4a7c15) + 1;
	/* in one hugepage: contiguous whatever the mode */
	l->arena = rte_zmalloc(NULL, ARENA, ARENA);
	l->scratch = rte_malloc(NULL, SCRATCH + GUARD, 32768);
	l->model = malloc(ARENA);
	l->window_model = malloc(ARENA);
	l->foreign = malloc(FOREIGN_SIZE);
	assert_true(l->arena && l->scratch && l->model && l->window_model && l->foreign);
	memset(l->scratch, 0xa5, SCRATCH + GUARD);
	l->arena_iova = iova(l->arena);
	l->scratch_iova = iova(l->scratch);
	for (unsigned int i = 0; i < ARENA; i++)
		l->arena[i] = l->model[i] = (uint8_t)rnd(l);
	for (unsigned int i = 0; i < FOREIGN_SIZE; i++)
		l->foreign[i] = (uint8_t)rnd(l);
	if (w->size == 0)
		return;
	l->window_size = w->size;
	l->window_at = (uint64_t)l->vchan * ARENA;
	l->window_part = w->base + l->window_at;
	for (unsigned int i = 0; i < ARENA; i++)
		l->window_part[i] = l->window_model[i] = (uint8_t)rnd(l);
}

static void
lane_close(struct lane *l)
{
	rte_free(l->arena);
	rte_free(l->scratch);
	free(l->model);
	free(l->window_model);
	free(l->foreign);
}

/* With more devargs than the variant's: so many operations agree. */
static void
run(const char *more, bool silent, const enum rte_dma_direction direction[VCHANS], uint64_t target)
{
	static const uint16_t descs[VCHANS] = {32, 256, 4096};
	static struct lane lane[VCHANS];
	struct rte_dma_conf conf = {.nb_vchans = VCHANS};
	pthread_t thread[VCHANS];
	struct rte_dma_info info;
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
	assert_int_equal(rte_dma_info_get(dev, &info), 0);
	for (uint16_t v = 0; v < VCHANS; v++) {
		struct lane *l = &lane[v];

		*l = (struct lane){
			.dev = dev, .vchan = v, .target = target / VCHANS, .silent = silent};
		l->sva = info.dev_capa & RTE_DMA_CAPA_SVA;
		lane_open(l, direction[v]);
		l->deadline = rte_get_timer_cycles() + (10 + target / 20000) * rte_get_timer_hz();
		test_thread(&thread[v], lane_main, l);
	}
	for (uint16_t v = 0; v < VCHANS; v++) {
		pthread_join(thread[v], NULL);
		sent += lane[v].sent;
		errors += lane[v].errors;
		lane_close(&lane[v]);
	}
	for (uint16_t v = 0; v < VCHANS; v++)
		if (lane[v].wrong[0] != '\0')
			fail_msg("%s", lane[v].wrong);
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
	run("", false, memory, operations);
}

static void
those_of_a_device_with_memory_too(void **state)
{
	static const enum rte_dma_direction all[VCHANS] = {
		RTE_DMA_DIR_MEM_TO_DEV, RTE_DMA_DIR_DEV_TO_MEM, RTE_DMA_DIR_DEV_TO_DEV};

	(void)state;
	run(",window=3M", false, all, operations / 8);
}

static void
and_those_that_are_done_in_silence(void **state)
{
	static const enum rte_dma_direction mixed[VCHANS] = {M2M, M2M, RTE_DMA_DIR_DEV_TO_MEM};

	(void)state;
	run(",silent=1", true, memory, operations / 8);
	run(",silent=1,window=3M", true, mixed, operations / 8);
}

/* A vchan that halts does the same, in its own time. */
static void
and_those_of_a_device_that_halts(void **state)
{
	(void)state;
	if (strstr(test_args(), "eager=1") != NULL)
		skip(); /* the two exclude each other */
	run(",halt=1", false, memory, operations / 8);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(random_operations_agree_with_a_model),
	cmocka_unit_test(those_of_a_device_with_memory_too),
	cmocka_unit_test(and_those_that_are_done_in_silence),
	cmocka_unit_test(and_those_of_a_device_that_halts),
};

int
main(int argc, char **argv)
{
	if (argc > 1)
		operations = strtoull(argv[1], NULL, 10);
	if (argc > 2)
		first_seed = strtoull(argv[2], NULL, 10);
	int ret = eal_test_init(argv[0]);

	if (ret == 0 && !test_can_run())
		return EAL_TEST_SKIP;
	if (ret == 0) {
		ret = cmocka_run_group_tests(tests, NULL, NULL);
		rte_eal_cleanup();
	}
	return ret;
}
