/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <rte_errno.h>

#include "test_domains.h"
#include "test_thread.h"

/* Devices that others find by their names. */

#define NAMESAKES 4u

struct publisher {
	pthread_t thread;
	struct dad_dma_dev *dev;
	unsigned int *ready;
	int ret;
};

static void *
publish(void *arg)
{
	struct publisher *p = arg;

	spread_out(__atomic_fetch_add(p->ready, 1, __ATOMIC_RELAXED));
	while (__atomic_load_n(p->ready, __ATOMIC_RELAXED) < NAMESAKES)
		sched_yield();
	p->ret = dad_dma_dev_publish(p->dev);
	return NULL;
}

static void
of_namesakes_one_is_published(void **state)
{
	const struct dad_dma_domain_conf conf = conf_of(STRICT, 0);
	struct dad_dma_domain *domain;

	(void)state;
	/* one after the other */
	struct dad_dma_dev *one = make(&conf, &domain);
	struct dad_dma_dev *two = dad_dma_dev_create("device", domain, SOCKET_ID_ANY);
	assert_null(dad_dma_dev_lookup("device"));
	assert_int_equal(rte_errno, ENOENT);
	assert_int_equal(dad_dma_dev_publish(one), 0);
	assert_int_equal(dad_dma_dev_publish(one), 0);
	assert_int_equal(dad_dma_dev_publish(two), -EEXIST);
	assert_ptr_equal(dad_dma_dev_lookup("device"), one);
	assert_int_equal(dad_dma_dev_destroy(one), 0);
	assert_null(dad_dma_dev_lookup("device"));
	assert_int_equal(dad_dma_dev_publish(two), 0);
	unmake(domain, two);

	/* and all at once, in domains of their own */
	for (unsigned int round = 0; round < 100; round++) {
		struct dad_dma_domain *domains[NAMESAKES];
		struct publisher p[NAMESAKES];
		unsigned int ready = 0, published = 0;

		for (unsigned int i = 0; i < NAMESAKES; i++)
			p[i] = (struct publisher){.dev = make(&conf, &domains[i]), .ready = &ready};
		for (unsigned int i = 0; i < NAMESAKES; i++)
			assert_int_equal(pthread_create(&p[i].thread, NULL, publish, &p[i]), 0);
		for (unsigned int i = 0; i < NAMESAKES; i++) {
			pthread_join(p[i].thread, NULL);
			assert_true(p[i].ret == 0 || p[i].ret == -EEXIST);
			published += p[i].ret == 0;
		}
		assert_int_equal(published, 1);
		for (unsigned int i = 0; i < NAMESAKES; i++)
			unmake(domains[i], p[i].dev);
	}
}

static int
run(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_namesakes_one_is_published),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

int
main(int argc, char **argv)
{
	return domains_main(argc, argv, run);
}
