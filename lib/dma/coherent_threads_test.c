/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <rte_eal.h>
#include <rte_lcore.h>
#include <rte_memory.h>

#include "dad_dma.h"
#include "eal_test.h"
#include "test_coherent.h"
#include "test_thread.h"

/* Coherent memory that many threads take and give back. */

#define PAGE	4096u
#define THREADS 4u

struct thread {
	pthread_t id;
	unsigned int i;
	unsigned int errors;
};

static void *
come_and_go(void *arg)
{
	struct thread *t = arg;
	uint32_t random = t->i + 1;
	struct {
		uint32_t *va;
		dad_dma_addr_t handle;
		size_t size;
	} held[16] = {0};

	spread_out(t->i);
	/* half of them share what threads keep that are no lcores */
	be_lcore(t->i < THREADS / 2 ? t->i + 1 : LCORE_ID_ANY);
	for (unsigned int round = 0; round < 20000; round++) {
		random = random * 1664525 + 1013904223;
		unsigned int i = random >> 28;
		unsigned int flags = (random >> 8) % 2 ? DAD_DMA_ALLOC_NEVER_GROW : 0;

		if (held[i].va != NULL) {
			t->errors +=
				held[i].va[0] != t->i || held[i].va[held[i].size / 4 - 1] != ~t->i;
			dad_dma_free_flags(dev, held[i].size, flags, held[i].va, held[i].handle);
			held[i].va = NULL;
			continue;
		}
		held[i].size = (size_t)PAGE * (1 + (random >> 16) % ((random >> 24) % 8 ? 4 : 200));
		held[i].va = dad_dma_alloc_flags(dev, held[i].size, flags, &held[i].handle);
		if (held[i].va == NULL) {
			t->errors += flags == 0;
			continue;
		}
		held[i].va[0] = t->i;
		held[i].va[held[i].size / 4 - 1] = ~t->i;
	}
	for (unsigned int i = 0; i < 16; i++)
		dad_dma_free_coherent(dev, held[i].size, held[i].va, held[i].handle);
	return NULL;
}

static void
threads_grow_and_shrink_it_together(void **state)
{
	struct thread thread[THREADS];

	(void)state;
	for (unsigned int i = 0; i < THREADS; i++) {
		thread[i] = (struct thread){.i = i};
		assert_int_equal(pthread_create(&thread[i].id, NULL, come_and_go, &thread[i]), 0);
	}
	for (unsigned int i = 0; i < THREADS; i++) {
		pthread_join(thread[i].id, NULL);
		assert_int_equal(thread[i].errors, 0);
	}
	assert_int_equal(coherent_bytes_of(dev), 0);
	assert_int_equal(info_of(domain).free_bytes, info_of(domain).bytes);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(threads_grow_and_shrink_it_together),
	};
	int ret = argc > 0 ? eal_test_init(argv[0]) : 1;

	if (ret == 0) {
		ret = cmocka_run_group_tests(tests, setup, teardown);
		rte_eal_cleanup();
	}
	return ret;
}
