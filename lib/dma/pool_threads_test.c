/* SPDX-License-Identifier: BSD-3-Clause */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <rte_lcore.h>
#include <rte_log.h>
#include <rte_memory.h>

#include "dad_dma_pool.h"
#include "eal_test.h"
#include "test_objects.h"
#include "test_thread.h"

/* Objects that threads take, pass on, and give back. */

#define THREADS 4u
#define ROUNDS	2000000u

struct thread {
	pthread_t id;
	unsigned int i;
	unsigned int lcore;
	struct dad_dma_pool *pool;
	pthread_barrier_t *start;
	unsigned int errors;
	unsigned int won; /* of frees that two threads tried */
};

/* Objects that some thread left for whoever comes by. */
static uint64_t passing[64];

static void *
trade(void *arg)
{
	struct thread *t = arg;
	uint32_t random = t->lcore * 7919 + 1;
	dad_dma_addr_t handle;

	be_lcore(t->lcore);
	spread_out(t->i);
	pthread_barrier_wait(t->start);
	for (unsigned int i = 0; i < ROUNDS; i++) {
		random = random * 1664525 + 1013904223;
		uint64_t *va = dad_dma_pool_alloc(t->pool, 0, &handle);

		if (va == NULL) {
			t->errors++;
			continue;
		}
		va[0] = (uintptr_t)va;
		va[1] = handle;
		/* T1: an object goes from thread to thread, with what is in it */
		va = (uint64_t *)(uintptr_t)__atomic_exchange_n(
			&passing[random >> 26], (uintptr_t)va, __ATOMIC_ACQ_REL);
		if (va == NULL)
			continue;
		if (va[0] != (uintptr_t)va || dad_dma_pool_free(t->pool, va, va[1]) != 0)
			t->errors++;
	}
	return NULL;
}

static void
objects_may_be_freed_by_other_threads(void **state)
{
	struct dad_dma_pool *pool = dad_dma_pool_create("trade", dev, 64, 64, 0);
	struct thread thread[THREADS];
	pthread_barrier_t start;

	(void)state;
	pthread_barrier_init(&start, NULL, THREADS);
	for (unsigned int i = 0; i < THREADS; i++) {
		/* most are no lcores, and share a cache */
		thread[i] = (struct thread){
			.pool = pool, .start = &start, .i = i, .lcore = i == 0 ? i : LCORE_ID_ANY};
		assert_int_equal(pthread_create(&thread[i].id, NULL, trade, &thread[i]), 0);
	}
	for (unsigned int i = 0; i < THREADS; i++) {
		pthread_join(thread[i].id, NULL);
		assert_int_equal(thread[i].errors, 0);
	}
	pthread_barrier_destroy(&start);
	for (unsigned int i = 0; i < 64; i++) {
		uint64_t *va = (uint64_t *)(uintptr_t)passing[i];

		if (va != NULL)
			assert_int_equal(dad_dma_pool_free(pool, va, va[1]), 0);
		passing[i] = 0;
	}
	assert_int_equal(dad_dma_pool_destroy(pool), 0);
}

#define RIVALS 20000u
static unsigned int arrived;
static void *prize[RIVALS];
static dad_dma_addr_t prize_handle[RIVALS];

static void *
free_all(void *arg)
{
	struct thread *t = arg;

	be_lcore(t->lcore);
	spread_out(t->i);
	pthread_barrier_wait(t->start);
	for (unsigned int i = 0; i < RIVALS; i++) {
		/* both at the same time, each time */
		__atomic_fetch_add(&arrived, 1, __ATOMIC_RELAXED);
		for (unsigned int spins = 0;
			__atomic_load_n(&arrived, __ATOMIC_RELAXED) < 2 * (i + 1); spins++)
			if (spins % 1024 == 1023)
				sched_yield();
		t->won += dad_dma_pool_free(t->pool, prize[i], prize_handle[i]) == 0;
	}
	return NULL;
}

static void
of_threads_that_free_the_same_one_is_right(void **state)
{
	struct dad_dma_pool *pool = dad_dma_pool_create("rivals", dev, 64, 64, 0);
	struct thread thread[2];
	pthread_barrier_t start;

	(void)state;
	be_lcore(0);
	assert_int_equal(dad_dma_pool_alloc_bulk(pool, 0, prize, prize_handle, RIVALS), 0);
	arrived = 0;
	rte_log_set_level_pattern("lib.dad.dma", RTE_LOG_CRIT);
	pthread_barrier_init(&start, NULL, 2);
	for (unsigned int i = 0; i < 2; i++) {
		thread[i] = (struct thread){.pool = pool, .start = &start, .i = i, .lcore = i};
		assert_int_equal(pthread_create(&thread[i].id, NULL, free_all, &thread[i]), 0);
	}
	for (unsigned int i = 0; i < 2; i++)
		pthread_join(thread[i].id, NULL);
	pthread_barrier_destroy(&start);
	rte_log_set_level_pattern("lib.dad.dma", RTE_LOG_NOTICE);
	assert_int_equal(thread[0].won + thread[1].won, RIVALS);
	assert_int_equal(used_of(pool), 0);
	assert_int_equal(dad_dma_pool_destroy(pool), 0);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(objects_may_be_freed_by_other_threads),
		cmocka_unit_test(of_threads_that_free_the_same_one_is_right),
	};
	int ret = argc > 0 ? eal_test_init(argv[0]) : 1;

	if (ret == 0) {
		ret = cmocka_run_group_tests(tests, setup, teardown);
		rte_eal_cleanup();
	}
	return ret;
}
